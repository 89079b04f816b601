//! `crosswheel wheel`: gives wheels other tags or metadata, and verifies them.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

mod manifest;
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
    /// Change tags, build number, name, local version or requirements, without inflating anything
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
        Verb::Retag(args) => retag::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Manifest(args) => manifest::run(&args),
        Verb::Sbom(args) => sbom::run(&args),
    }
}
