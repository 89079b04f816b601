//! `crosswheel log`: looks at the record of a build.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::out;
use crate::capture::{Call, Log, Outcome, place};
use crate::error::{IoContext, Result};

mod bundle;
mod diff;
mod export;
mod ls;
mod merge;
mod rerun;
mod show;
mod stats;
mod werror;
mod why;

/// Arguments of `log`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List calls
    Ls(ls::Args),
    /// Show one call: arguments before and after, each change with its reason
    Show(show::Args),
    /// Tell where a file or a flag came from
    Why(why::Args),
    /// Show what differs between two builds
    Diff(diff::Args),
    /// Show where the time of a build went
    Stats(stats::Args),
    /// Make one record of several
    Merge(merge::Args),
    /// Run one call again, exactly as it ran
    Rerun(rerun::Args),
    /// Pack all that one call needs, with a script that runs it
    Bundle(bundle::Args),
    /// Write the record in the format of another tool
    Export(export::Args),
    /// After a build under `--werror demote`: the warnings that would have stopped it
    Werror(werror::Args),
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Ls(args) => ls::run(&args),
        Verb::Show(args) => show::run(&args),
        Verb::Bundle(args) => bundle::run(&args),
        Verb::Why(args) => why::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Stats(args) => stats::run(&args),
        Verb::Merge(args) => merge::run(&args),
        Verb::Rerun(args) => rerun::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Werror(args) => werror::run(&args),
    }
}

/// Opens the log that was named, or the newest session here or above; tells what it lost.
fn open(path: Option<&PathBuf>) -> Result<Log> {
    let log = Log::open(&self::path(path)?)?;
    for loss in log.damage.sentences() {
        out::warn(&format!("{}: {loss}", log.path.display()));
    }
    Ok(log)
}

/// The record that was named, or that of the newest session here or above.
fn path(named: Option<&PathBuf>) -> Result<PathBuf> {
    match named {
        Some(path) => place::at(path),
        None => {
            place::newest(&std::env::current_dir().context("cannot tell the working folder", Path::new("."))?)
        }
    }
}

/// An id, or its start. A log in its place is the commonest slip: the id comes first.
fn id(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("an id is hexadecimal digits, as `crosswheel log ls` shows it; it stands ahead of the log".to_owned())
}

/// How a call came out, in a word or two, and in which style.
fn outcome(call: &Call) -> (String, anstyle::Style) {
    let demoted = call.end.as_ref().is_some_and(|end| end.retry.is_some());
    match call.outcome() {
        Outcome::Succeeded if demoted => ("demoted".into(), out::YELLOW),
        Outcome::Succeeded => ("ok".into(), out::GREEN),
        Outcome::Exit(status) => (format!("exit {status}"), out::RED),
        Outcome::Signal(signal) => (format!("signal {signal}"), out::RED),
        Outcome::Refused => ("refused".into(), out::RED),
        Outcome::NoStatus => ("no status".into(), out::RED),
        Outcome::InFlight => ("in flight".into(), out::YELLOW),
    }
}

/// The lines of a call as the record holds them, in one object: nothing is lost or put another way.
fn json(log: &Log, call: &Call) -> Result<Vec<u8>> {
    let (begin, end) = log.raw(call)?;
    let end = end.unwrap_or_else(|| b"null".to_vec());
    Ok([b"{\"begin\":", &begin[..], b",\"end\":", &end, b"}\n"].concat())
}
