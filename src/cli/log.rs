//! `crosswheel log`.

use std::process::ExitCode;

use crate::error::Result;

/// Arguments of `log`.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
