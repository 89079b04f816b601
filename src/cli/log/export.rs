//! `crosswheel log export`: the record in the format of another tool.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::out;
use crate::capture::export::compile_commands::{self, Side, Style};
use crate::capture::export::{html, sarif, trace};
use crate::capture::{Log, place, warnings};
use crate::error::{Error, IoContext, Result};

/// Arguments of `log export`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What to write
    #[arg(long, value_enum)]
    format: Format,
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// The file to write [default: stdout]; entries of a compilation database are added to what it holds
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// compile-commands: one `command` for a shell, in place of the list `arguments`
    #[arg(long)]
    command: bool,
    /// compile-commands: arguments as they ran, in place of those that the build gave
    #[arg(long)]
    rewritten: bool,
}

/// Choices of `--format`.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// compile_commands.json, for clangd and clang-tidy
    CompileCommands,
    /// A trace for ui.perfetto.dev or chrome://tracing
    Perfetto,
    /// One page for a browser: timeline, calls with their changes, warnings
    Html,
    /// Compiler warnings in SARIF 2.1.0, for code scanners
    Sarif,
}

const PARTIAL: &str = "only warnings that failed a call under `--werror demote` are known";

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    for (given, name) in [(args.command, "--command"), (args.rewritten, "--rewritten")] {
        if given && args.format != Format::CompileCommands {
            return Err(Error::usage(format!("`{name}` goes with `--format compile-commands` alone")));
        }
    }
    let log = super::open(args.log.as_ref())?;
    let text = match args.format {
        Format::CompileCommands => database(&log, args)?,
        Format::Perfetto => trace::render(&log)?,
        Format::Html => html::render(&log)?,
        Format::Sarif => {
            if warnings::output(&log).is_none() {
                out::warn(&format!("there is no {} beside the record: {PARTIAL}", place::OUTPUT));
            }
            sarif::render(&log)?
        }
    };
    match &args.out {
        Some(path) => out::deliver(path, text.as_bytes())?,
        None => out::print(|to| to.write_all(text.as_bytes()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn database(log: &Log, args: &Args) -> Result<String> {
    let side = if args.rewritten { Side::Rewritten } else { Side::Received };
    let style = if args.command { Style::Command } else { Style::Arguments };
    let made = compile_commands::entries(log, side)?;
    for (number, why) in [
        (made.without_folder, "the working folder was deleted under it"),
        (made.without_tool, "the record does not say what the called name stands for"),
    ] {
        if number > 0 {
            out::warn(&format!("{} left out: {why}", out::counted(number, "compile")));
        }
    }
    let existing = args.out.as_deref().map(existing).transpose()?.flatten();
    let existing = args.out.as_deref().zip(existing.as_deref());
    compile_commands::render(existing, &made.entries, style)
}

/// What a plain file holds, if it is there.
fn existing(path: &Path) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    std::fs::read(path).map(Some).context("cannot read", path)
}
