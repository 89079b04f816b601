//! `crosswheel wheel verify`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use crate::error::{Error, Exit, Result};
use crate::wheel::verify::{Verified, verify};
use crate::wheel::{Finding, Severity};

/// Arguments of `wheel verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let all = args.wheels.iter().map(|wheel| verify(wheel)).collect::<Result<Vec<_>>>()?;
    if args.json {
        let json = serde_json::to_string_pretty(&serde_json::json!({ "wheels": all }))
            .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
        out::print(|to| writeln!(to, "{json}"))?;
    } else {
        out::print(|to| all.iter().try_for_each(|one| show(to, one)))?;
    }
    let sound = all.iter().all(|one| one.faults() == 0);
    Ok(super::super::exit(if sound { Exit::Done } else { Exit::Failed }))
}

fn show(to: &mut dyn Write, one: &Verified) -> io::Result<()> {
    let wheel = one.wheel.display();
    for finding in &one.findings {
        self::finding(to, finding)?;
    }
    let faults = one.faults();
    let (word, style) = if faults == 0 { ("sound", GREEN) } else { ("faulty", RED) };
    writeln!(
        to,
        "{style}{word}{style:#}  {BOLD}{wheel}{BOLD:#}  {DIM}{}, {} bytes, {}, {}{DIM:#}",
        out::counted(one.files, "file"),
        out::count(one.bytes),
        out::counted(faults, "fault"),
        out::counted(one.findings.len() - faults, "note"),
    )
}

fn finding(to: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let (word, style) = match finding.severity {
        Severity::Fault => ("fault", RED),
        Severity::Note => ("note", YELLOW),
    };
    let place = match &finding.member {
        Some(member) => format!("{BOLD}{}{BOLD:#} ", super::super::quote(member.as_bytes())),
        None => String::new(),
    };
    writeln!(to, "{style}{word}{style:#}   {place}{}  {DIM}[{}]{DIM:#}", finding.what, finding.code.name())?;
    writeln!(to, "        {DIM}hint:{DIM:#} {}", finding.hint)
}
