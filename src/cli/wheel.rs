//! `crosswheel wheel`: shows what is in wheels, verifies and compares them, gives them other tags or metadata.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

mod diff;
mod inspect;
mod retag;
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
    /// Change tags, build number, name, local version or requirements, without inflating anything
    Retag(Box<retag::Args>),
    /// Hold wheels against the rules of their formats, and their content against RECORD
    Verify(verify::Args),
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Retag(args) => retag::run(&args),
        Verb::Verify(args) => verify::run(&args),
    }
}
