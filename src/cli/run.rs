//! `crosswheel run`: any command with the shim first on PATH.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::out::{self, DIM};
use super::session;
use crate::build::cross::runs;
use crate::capture::{Disposition, Log};
use crate::error::{IoContext, Result};
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
    let emulator = wanted.emulator()?;
    let session = wanted.create()?;
    if !quiet {
        session::remarks(&session);
    }
    let mut variables = session.environment();
    let mut namespace = None;
    if let Some(emulator) = &emulator {
        let folder = session.dir.join("binfmt_misc");
        fs::create_dir_all(&folder).context("making", &folder)?;
        let own = emulator.namespace(&folder)?;
        own.probe().map_err(|error| runs::refused(emulator, &error))?;
        variables.extend(session::of_emulator(emulator));
        namespace = Some(own);
    }
    let status = process::run(&command, &variables, namespace.as_ref())?;
    if !quiet && let Some(record) = &session.record {
        summary(&wanted.family, record);
    }
    // The session's lock goes before a signal may end this process.
    drop(session);
    Ok(process::pass_on(status))
}

/// One line on what was seen. A record that cannot be read is not worth an error here: `log` tells of it.
fn summary(family: &str, record: &Path) {
    let Ok(log) = Log::open(record) else { return };
    let counts = log.counts();
    let refused = log.calls.iter().filter(|call| call.disposition == Disposition::Refused).count();
    let edits = counts.edits.values().sum();
    let mut text = vec![
        out::counted(counts.calls, "call"),
        out::counted(counts.probes, "probe"),
        out::counted(edits, "edit"),
    ];
    if refused > 0 {
        text.push(format!("{refused} refused"));
    }
    anstream::eprintln!(
        "{DIM}crosswheel: {} for {family}; record: {}{DIM:#}",
        text.join(", "),
        record.display()
    );
    for sentence in log.damage.sentences() {
        out::warn(&sentence);
    }
}
