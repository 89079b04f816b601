//! `crosswheel wheel manifest`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::out::{self, BOLD, DIM};
use crate::environment;
use crate::error::{Error, IoContext, Result};
use crate::wheel::Severity;
use crate::wheel::manifest::verify::read;
use crate::wheel::manifest::{FamilyOf, Manifest, Request, Sources, make, merge};

/// Arguments of `wheel manifest`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Args {
    /// Wheels, and folders of wheels
    #[arg(required = true, value_name = "DIR|WHEEL")]
    wheels: Vec<PathBuf>,
    /// File for the manifest; without it, it is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Put it together with an older manifest
    #[arg(long, value_name = "OLD")]
    merge: Option<PathBuf>,
    /// Let a wheel take the place of another one of its name in the older manifest
    #[arg(long, requires = "merge")]
    replace: bool,
    /// Wheel, or folder of wheels, that these were made from: tells what was copied and what was written
    #[arg(long, value_name = "DIR|WHEEL")]
    from: Vec<PathBuf>,
    /// Family of a wheel, or of all that are not named
    #[arg(long, value_name = "[WHEEL=]FAMILY", value_parser = FamilyOf::parse)]
    family: Vec<FamilyOf>,
    /// Work tree of git that they were built from, in place of the one that this is run in or that the wheels are in
    #[arg(long, value_name = "DIR")]
    source: Vec<PathBuf>,
    /// Tell no work tree
    #[arg(long, conflicts_with = "source")]
    no_source: bool,
    /// Tell neither this machine nor the job of continuous integration
    #[arg(long)]
    no_environment: bool,
    /// Tell the time, if SOURCE_DATE_EPOCH does not
    #[arg(long)]
    dated: bool,
    /// Print it, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let old = args.merge.as_deref().map(older).transpose()?;
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    let sources = match (args.no_source, args.source.is_empty()) {
        (true, _) => Sources::None,
        (false, true) => Sources::Here,
        (false, false) => Sources::Of(args.source.clone()),
    };
    let manifest = make(&Request {
        wheels: args.wheels.clone(),
        made_from: args.from.clone(),
        families: args.family.clone(),
        sources,
        environment: !args.no_environment,
        time: environment::source_date_epoch()?.or_else(|| args.dated.then(clock).flatten()),
        ours: args.out.iter().chain(&args.merge).cloned().collect(),
    })?;
    let manifest = match old {
        Some(old) => merge(old, manifest, args.replace)?,
        None => manifest,
    };
    let bytes = manifest.render();
    match args.out.as_ref().filter(|_| !args.dry_run) {
        None => out::print(|to| to.write_all(&bytes))?,
        Some(path) => {
            out::deliver(path, &bytes)?;
            let files = manifest.wheels.iter().map(|wheel| wheel.entries.len()).sum();
            let (wheels, files) = (out::counted(manifest.wheels.len(), "wheel"), out::counted(files, "file"));
            out::print(|to| writeln!(to, "{BOLD}{}{BOLD:#}  {DIM}{wheels}, {files}{DIM:#}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An older manifest, without a fault.
fn older(path: &Path) -> Result<Manifest> {
    let bytes = std::fs::read(path).context("cannot read", path)?;
    let (manifest, found) = read(&bytes);
    let fault = found.into_iter().find(|finding| finding.severity == Severity::Fault);
    match (manifest, fault) {
        (Some(manifest), None) => Ok(manifest),
        (_, Some(fault)) => {
            let wheel = fault.wheel.map(|wheel| format!("`{}` ", wheel.escape_debug()));
            let (wheel, code) = (wheel.unwrap_or_default(), fault.code.name());
            Err(Error::usage(format!("{}: {wheel}{} [{code}]", path.display(), fault.what)).hint(fault.hint))
        }
        (None, None) => Err(Error::usage(format!("{}: is no manifest", path.display()))),
    }
}
