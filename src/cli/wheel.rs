//! `crosswheel wheel`: shows what is in wheels, verifies and compares them, gives them other tags or metadata.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

mod diff;
mod inspect;
mod manifest;
mod place;
mod retag;
mod sbom;
mod verify;

/// Arguments of `wheel`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what is in wheels: sizes, machine code and what it needs, GPU targets, duplicates
    Inspect(inspect::Args),
    /// Show why two wheels differ: names, headers, files, what is in ELF files, and how it is packed
    Diff(diff::Args),
    /// Change tags, build number, name, local version or requirements, and mend what is wrong
    Retag(Box<retag::Args>),
    /// Hold wheels against the rules of their formats, and their content against RECORD
    Verify(verify::Args),
    /// Tell what wheels are made of, and where they come from, in one document
    Manifest(manifest::Args),
    /// Put a bill of materials into wheels: what they require, and the libraries that are in them
    Sbom(sbom::Args),
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Retag(args) => retag::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Manifest(args) => manifest::run(&args),
        Verb::Sbom(args) => sbom::run(&args),
    }
}

/// A line on the terminal while all content of a large wheel is read.
fn reading<T>(wheel: &Path, read: impl FnOnce() -> T) -> T {
    /// Smaller wheels are read before the line is.
    const LARGE: u64 = 64 << 20;
    let large = || std::fs::metadata(wheel).is_ok_and(|there| there.len() >= LARGE);
    let shown = std::io::stderr().is_terminal() && large();
    if shown {
        anstream::eprint!("reading {}", wheel.display());
    }
    let outcome = read();
    if shown {
        anstream::eprint!("\r\x1b[K");
    }
    outcome
}
