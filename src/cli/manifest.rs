//! `crosswheel manifest`: holds manifests of wheels against their format and against the wheels beside them.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use crate::error::{Error, Exit, Result};
use crate::wheel::Severity;
use crate::wheel::manifest::document;
use crate::wheel::manifest::finding::Finding;
use crate::wheel::manifest::verify::{Verified, verify};

/// Arguments of `manifest`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Hold a manifest against its format, and the wheels beside it against what it says of them
    Verify(VerifyArgs),
    /// Print the JSON Schema of manifests
    Schema,
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// Manifest
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Folder of the wheels, if it is not the manifest's own
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    match &args.verb {
        Verb::Verify(args) => self::verified(args),
        Verb::Schema => {
            out::print(|to| to.write_all(document::schema().as_bytes()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verified(args: &VerifyArgs) -> Result<ExitCode> {
    let outcome = verify(&args.manifest, args.folder.as_deref())?;
    if args.json {
        let json = serde_json::to_string_pretty(&outcome)
            .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
        out::print(|to| writeln!(to, "{json}"))?;
    } else {
        out::print(|to| show(to, &outcome))?;
    }
    Ok(super::exit(if outcome.faults() == 0 { Exit::Done } else { Exit::Failed }))
}

fn show(to: &mut dyn Write, outcome: &Verified) -> io::Result<()> {
    for one in &outcome.findings {
        finding(to, one)?;
    }
    let faults = outcome.faults();
    let (word, style) = if faults == 0 { ("sound", GREEN) } else { ("faulty", RED) };
    writeln!(
        to,
        "{style}{word}{style:#}  {BOLD}{}{BOLD:#}  {DIM}{}, {}, {}, {}{DIM:#}",
        outcome.manifest,
        out::counted(outcome.wheels, "wheel"),
        out::counted(outcome.entries, "file"),
        out::counted(faults, "fault"),
        out::counted(outcome.findings.len() - faults, "note"),
    )
}

fn finding(to: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let (word, style) = match finding.severity {
        Severity::Fault => ("fault", RED),
        Severity::Note => ("note", YELLOW),
    };
    write!(to, "{style}{word}{style:#}   ")?;
    for name in [&finding.wheel, &finding.member].into_iter().flatten() {
        write!(to, "{BOLD}{}{BOLD:#} ", super::quote(name.as_bytes()))?;
    }
    writeln!(to, "{}  {DIM}[{}]{DIM:#}", finding.what, finding.code.name())?;
    writeln!(to, "        {DIM}hint:{DIM:#} {}", finding.hint)
}
