//! `crosswheel run`: any command with the shim first on PATH.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::out::{self, DIM};
use super::session;
use crate::build::cross::runs;
use crate::capture::{Call, Disposition, Log};
use crate::error::{IoContext, Result};
use crate::process;
use crate::toolchain::shortfall::Shortfalls;

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
        if session.record.is_none() {
            session::shortfalls(&session.shortfalls.in_advance());
        }
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
        summary(&wanted.family, record, &session.shortfalls);
    }
    // The session's lock goes before a signal may end this process.
    drop(session);
    Ok(process::pass_on(status))
}

/// What was seen, in a line, and what calls went without. A record that cannot be read is not worth an error here: `log` tells of it.
fn summary(family: &str, record: &Path, shortfalls: &Shortfalls) {
    let Ok(log) = Log::open(record) else { return };
    let called: BTreeSet<&str> = log.calls.iter().map(|call| call.tool.as_str()).collect();
    session::shortfalls(&shortfalls.of_calls(&|name| called.contains(name)));
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
    let failed = |call: &&Call| {
        call.probe.is_none() && call.disposition != Disposition::Refused && call.outcome().failed()
    };
    let failed = log.calls.iter().filter(failed).count();
    if failed > 0 {
        text.push(format!("{failed} failed"));
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
