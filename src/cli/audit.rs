//! `crosswheel audit`: holds wheels against the record of their build.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use crate::audit::{Expected, Finding, Report, Severity, audit};
use crate::capture::{Log, place};
use crate::error::{Error, Exit, IoContext, Result};
use crate::topology::Topology;

/// Arguments of `audit`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels; a folder that holds wheels stands for them, and so does the output folder of a build; any other folder for what
    /// is in it
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// The record, or a folder that holds it [default: the log beside each wheel, else the newest session
    /// here or above]
    #[arg(long, value_name = "LOG")]
    log: Option<PathBuf>,
    /// The family that the wheels must be for [default: the one of the record]
    #[arg(long, value_name = "FAMILY")]
    family: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let mut by_log: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for wheel in wheels(args.wheels)? {
        by_log.entry(log_of(&wheel, args.log.as_deref())?).or_default().push(wheel);
    }
    let mut report = Report::default();
    for (log, wheels) in &by_log {
        let log = Log::open(log)?;
        let expected = expected(&log, args.family.as_deref())?;
        let part = audit(wheels, &log, &expected)?;
        report.records.extend(part.records);
        report.wheels += part.wheels;
        report.findings.extend(part.findings);
        report.checked.extend(part.checked);
    }
    if args.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
        out::print(|to| writeln!(to, "{json}"))?;
    } else {
        out::print(|to| show(to, &report))?;
    }
    Ok(super::exit(if report.passed() { Exit::Done } else { Exit::Failed }))
}

/// What is to be audited: a folder with wheels in it is these, and so is the output folder of a build for several families.
fn wheels(named: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in named {
        if path.is_dir() {
            let mut inside = wheels_in(&path)?;
            if inside.is_empty() {
                for family in listed(&path)?
                    .iter()
                    .filter(|family| family.join(place::FOLDER).join(place::FILE).is_file())
                {
                    inside.append(&mut wheels_in(family)?);
                }
            }
            if inside.is_empty() { all.push(path) } else { all.append(&mut inside) }
        } else if path.is_file() {
            all.push(path);
        } else {
            return Err(Error::usage(format!("{}: there is no such wheel or folder", path.display())));
        }
    }
    Ok(all)
}

fn wheels_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut inside = listed(folder)?;
    inside.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    Ok(inside)
}

/// What is in a folder, sorted.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).context("cannot list", folder)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut inside = paths.context("cannot list", folder)?;
    inside.sort();
    Ok(inside)
}

/// The record to hold a wheel against.
fn log_of(wheel: &Path, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return place::at(named);
    }
    let folder = wheel.parent().unwrap_or(Path::new(""));
    let beside = folder.join(place::FOLDER).join(place::FILE);
    if beside.is_file() {
        return Ok(beside);
    }
    place::newest(&here()?).map_err(|error| error.hint("name the record of the build with --log"))
}

fn here() -> Result<PathBuf> {
    std::env::current_dir().context("cannot tell the working folder", Path::new("."))
}

/// What the wheels must be. A family that the record is not of would make every answer wrong.
fn expected(log: &Log, family: Option<&str>) -> Result<Expected> {
    let recorded = &log.session.family;
    if let Some(family) = family.filter(|family| family != recorded) {
        let path = log.path.display();
        return Err(Error::usage(format!(
            "{path}: is the record of a build for {recorded}, not for {family}"
        ))
        .hint("name the record of that family with --log"));
    }
    // The topology of here may not know the family of a record from elsewhere, which tells enough itself.
    match Topology::find(&here()?)?.family(recorded) {
        Ok(known) => Ok(Expected::family(&known, &log.session)),
        Err(error) if family.is_some() => Err(error),
        Err(_) => Ok(Expected::of(&log.session)),
    }
}

fn show(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    for checked in &report.checked {
        let level = checked.isa.filter(|isa| *isa > 1).map(|isa| format!(" v{isa}")).unwrap_or_default();
        let machine = format!("{}{level}", checked.machine);
        let Some((call, evidence)) = checked.call.as_ref().zip(checked.evidence) else { continue };
        let by = evidence.name();
        // Builds for several families make wheels of one name.
        let wheel = match report.wheels {
            0 | 1 => String::new(),
            _ => format!("{}: ", checked.wheel.display()),
        };
        writeln!(
            to,
            "{GREEN}traced{GREEN:#}  {wheel}{}  {DIM}{machine}, made by call {call} ({by}) from {}{DIM:#}",
            checked.member,
            out::counted(checked.compiles, "compile")
        )?;
    }
    for finding in &report.findings {
        self::finding(to, finding, report.wheels > 1)?;
    }
    let records: Vec<String> = report.records.iter().map(|record| record.display().to_string()).collect();
    writeln!(to, "{DIM}record{DIM:#}  {}", records.join(", "))?;
    let faults = report.faults().count();
    let style = if faults == 0 { GREEN } else { RED };
    writeln!(
        to,
        "{}, {}: {style}{}{style:#}, {}",
        out::counted(report.wheels, "wheel"),
        out::counted(report.checked.len(), "binary file"),
        out::counted(faults, "fault"),
        out::counted(report.findings.len() - faults, "note"),
    )
}

fn finding(to: &mut dyn Write, finding: &Finding, in_full: bool) -> io::Result<()> {
    let (word, style) = match finding.severity {
        Severity::Fault => ("fault", RED),
        Severity::Note => ("note", YELLOW),
    };
    let name = finding.wheel.file_name().filter(|_| !in_full).unwrap_or(finding.wheel.as_os_str());
    let wheel = name.to_string_lossy();
    let place = match &finding.member {
        Some(member) => format!("{wheel}: {BOLD}{member}{BOLD:#}"),
        None => format!("{BOLD}{wheel}{BOLD:#}"),
    };
    writeln!(to, "{style}{word}{style:#}   {place} {}  {DIM}[{}]{DIM:#}", finding.what, finding.code.name())?;
    writeln!(to, "        {DIM}hint:{DIM:#} {}", finding.hint)
}
