//! `crosswheel wheel verify`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use crate::error::{Error, Exit, Result};
use crate::wheel::verify::{Verified, verify};
use crate::wheel::{Code, Finding, Severity, fix};

/// Arguments of `wheel verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// Show every finding, and not the first few of each code
    #[arg(long)]
    all: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// So many findings of one code are shown.
const SHOWN: usize = 5;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let mut all = Vec::new();
    let mut sound = true;
    for wheel in &args.wheels {
        // One that cannot be opened keeps none of the others from being told.
        let one = super::reading(wheel, || verify(wheel))
            .unwrap_or_else(|error| Verified::unreadable(wheel, &error));
        sound &= one.faults() == 0;
        if args.json {
            all.push(one);
        } else {
            out::print(|to| show(to, &one, args.all))?;
        }
    }
    if args.json {
        let json = serde_json::to_string_pretty(&serde_json::json!({ "wheels": all }))
            .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
        out::print(|to| writeln!(to, "{json}"))?;
    }
    Ok(super::super::exit(if sound { Exit::Done } else { Exit::Failed }))
}

fn show(to: &mut dyn Write, one: &Verified, all: bool) -> io::Result<()> {
    let wheel = one.wheel.display();
    let mut told: BTreeMap<Code, usize> = BTreeMap::new();
    for finding in &one.findings {
        let times = told.entry(finding.code).or_default();
        *times += 1;
        if all || *times <= SHOWN {
            self::finding(to, finding)?;
        }
    }
    for (code, times) in told.iter().filter(|(_, times)| !all && **times > SHOWN) {
        let more = out::count((times - SHOWN) as u64);
        writeln!(to, "        and {more} more  {DIM}[{}]; --all shows them{DIM:#}", code.name())?;
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
    )?;
    let mut grave = one.findings.iter().filter(|finding| finding.severity == Severity::Fault);
    if faults > 0 && grave.all(|fault| fix::mends(fault.code)) {
        writeln!(to, "        {DIM}hint:{DIM:#} `crosswheel wheel retag --fix` mends it")?;
    }
    Ok(())
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
