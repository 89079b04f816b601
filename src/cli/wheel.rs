//! `crosswheel wheel`: gives wheels other tags or metadata, verifies and compares them.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

mod diff;
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
    /// Show why two wheels differ: names, headers, files, what is in ELF files, and how it is packed
    Diff(diff::Args),
    /// Change tags, build number, name, local version or requirements, without inflating anything
    Retag(Box<retag::Args>),
    /// Hold wheels against the rules of their formats, and their content against RECORD
    Verify(verify::Args),
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Diff(args) => diff::run(&args),
        Verb::Retag(args) => retag::run(&args),
        Verb::Verify(args) => verify::run(&args),
    }
}
