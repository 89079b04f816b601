//! `crosswheel log werror`: the warnings that `-Werror` would have stopped the build for.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::out::{self, BOLD, DIM, RED, YELLOW};
use crate::capture::warnings::{self, Passed, Warning};
use crate::capture::{Log, Text};
use crate::error::Result;

/// Arguments of `log werror`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// How many calls are named on a line.
const NAMED: usize = 3;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let log = super::open(args.log.as_ref())?;
    // What is an error under any policy is no affair of this one.
    let (mut passed, mut stopped) = (Vec::new(), Vec::new());
    for warning in warnings::all(&log)?.into_iter().filter(|warning| !warning.error) {
        match warning.passed {
            Passed::Demoted | Passed::Dropped => passed.push(warning),
            Passed::Failed => stopped.push(warning),
            Passed::Warned => {}
        }
    }
    if args.json {
        let report = json!({
            "family": log.session.family,
            "policy": log.session.werror,
            "warnings": list(&log, &passed),
            "stopped": list(&log, &stopped),
        });
        out::print(|to| writeln!(to, "{report:#}"))?;
    } else {
        out::print(|to| report(to, &log, &passed, &stopped))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(log: &Log, warnings: &[Warning]) -> Vec<Value> {
    let one = |warning: &Warning| {
        let calls: Vec<&str> = warning.calls.iter().map(|at| log.calls[*at].id.as_str()).collect();
        json!({
            "flag": warning.flag,
            "file": warning.file.as_ref().map(|file| file.to_string_lossy()),
            "line": warning.line,
            "column": warning.column,
            "message": warning.message,
            "calls": calls,
        })
    };
    warnings.iter().map(one).collect()
}

fn report(to: &mut dyn Write, log: &Log, passed: &[Warning], stopped: &[Warning]) -> io::Result<()> {
    if passed.is_empty() && stopped.is_empty() {
        return match log.session.werror.as_str() {
            "demote" => writeln!(to, "no call failed under -Werror"),
            "drop" if log.output.is_none() => {
                writeln!(
                    to,
                    "not known: under `drop` no call fails by a warning, and what the build printed was not kept"
                )
            }
            "drop" => writeln!(to, "no warning would have been an error"),
            policy => writeln!(to, "nothing was demoted: the policy on -Werror was `{policy}`"),
        };
    }
    let files = passed.iter().chain(stopped).filter_map(|warning| warning.file.as_deref());
    let base = warnings::base(files);
    if let Some(base) = &base {
        writeln!(to, "{DIM}in {}{DIM:#}", shown(base))?;
    }
    let id = log.short_id();
    groups(to, log, passed, base.as_deref(), id)?;
    if !stopped.is_empty() {
        writeln!(to, "\n{RED}not let through: the calls failed{RED:#}")?;
        groups(to, log, stopped, base.as_deref(), id)?;
    }
    Ok(())
}

/// The warnings by their flags, those with the most first.
fn groups(to: &mut dyn Write, log: &Log, all: &[Warning], base: Option<&Path>, id: usize) -> io::Result<()> {
    let mut flags: BTreeMap<&str, Vec<&Warning>> = BTreeMap::new();
    for warning in all {
        flags.entry(warning.flag.as_deref().unwrap_or("without a flag")).or_default().push(warning);
    }
    let mut flags: Vec<_> = flags.into_iter().collect();
    flags.sort_by_key(|(_, warnings)| std::cmp::Reverse(warnings.len()));
    for (flag, warnings) in flags {
        writeln!(to, "\n{BOLD}{flag}{BOLD:#}  {DIM}{}{DIM:#}", out::counted(warnings.len(), "warning"))?;
        for warning in warnings {
            let ids = warning.calls.iter().map(|at| log.calls[*at].id.chars().take(id).collect::<String>());
            let mut calls = ids.take(NAMED).collect::<Vec<_>>().join(" ");
            if warning.calls.len() > NAMED {
                calls = format!("{calls} and {} more", warning.calls.len() - NAMED);
            }
            let message: String = warning.message.chars().filter(|c| !c.is_control()).collect();
            let place = place(warning, base);
            writeln!(to, "  {place}{YELLOW}{message}{YELLOW:#}  {DIM}{calls}{DIM:#}")?;
        }
    }
    Ok(())
}

fn place(warning: &Warning, base: Option<&Path>) -> String {
    let Some(file) = &warning.file else { return String::new() };
    let file = base.and_then(|base| file.strip_prefix(base).ok()).unwrap_or(file);
    let numbers = [warning.line, warning.column].into_iter().flatten();
    numbers.fold(shown(file), |place, number| format!("{place}:{number}")) + "  "
}

fn shown(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    Text::from(path.as_os_str().as_bytes()).quoted()
}
