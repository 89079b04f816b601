//! `crosswheel run`: any command with the shim first on PATH.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::session;
use crate::error::Result;
use crate::process;

/// Arguments of `run`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    session: session::SessionArgs,
    /// Print nothing of our own
    #[arg(short, long)]
    quiet: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let Args { session: wanted, quiet, command } = args;
    let session = wanted.create()?;
    if !quiet {
        session::remarks(&session);
    }
    let status = process::run(&command, &session.environment())?;
    if !quiet && let Some(record) = &session.record {
        let counts = Counts::of(record);
        let dim = anstyle::Style::new().dimmed();
        anstream::eprintln!(
            "{dim}crosswheel: {} for {}; record: {}{dim:#}",
            counts.text(),
            wanted.family,
            record.display()
        );
    }
    // The session's lock goes before a signal may end this process.
    drop(session);
    Ok(process::pass_on(status))
}

/// What a record holds, for one line of summary.
#[derive(Default)]
struct Counts {
    calls: usize,
    probes: usize,
    edits: usize,
    refused: usize,
}

impl Counts {
    fn of(record: &Path) -> Self {
        #[derive(Deserialize)]
        struct Line {
            ev: String,
            probe: Option<IgnoredAny>,
            #[serde(default)]
            edits: Vec<Edit>,
            disp: Option<String>,
        }
        #[derive(Deserialize)]
        struct Edit {
            before: Option<serde_json::Value>,
            after: Option<serde_json::Value>,
        }
        let mut counts = Self::default();
        // A summary is not worth an error: a record that cannot be read has its own verb, `log`.
        let Ok(file) = File::open(record) else { return counts };
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            let Ok(line) = serde_json::from_slice::<Line>(&line) else { continue };
            if line.ev == "begin" {
                counts.calls += 1;
                counts.probes += usize::from(line.probe.is_some());
                counts.edits += line.edits.iter().filter(|edit| edit.before != edit.after).count();
                counts.refused += usize::from(line.disp.as_deref() == Some("refused"));
            }
        }
        counts
    }

    fn text(&self) -> String {
        let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut parts = vec![many(self.calls, "call"), many(self.probes, "probe"), many(self.edits, "edit")];
        if self.refused > 0 {
            parts.push(format!("{} refused", self.refused));
        }
        parts.join(", ")
    }
}
