//! `crosswheel log export`: the record in the format of another tool.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::out;
use crate::build::work;
use crate::capture::Log;
use crate::capture::export::compile_commands::{self, Side, Style};
use crate::capture::export::{html, sarif, trace};
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
    /// html, sarif: what the build printed, if that was kept (`crosswheel run … -- make 2>&1 | tee FILE`): its warnings
    /// are told with the calls that gave them [default: the backend.log beside the record]
    #[arg(long, value_name = "FILE")]
    printed: Option<PathBuf>,
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

const PARTIAL: &str =
    "what the build printed was not kept: only warnings that failed a call under `--werror demote` are known";
const KEEP: &str = "keep it with `… 2>&1 | tee FILE` and name it with `--printed FILE`; `crosswheel build` keeps it by itself";

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    for (given, name) in [(args.command, "--command"), (args.rewritten, "--rewritten")] {
        if given && args.format != Format::CompileCommands {
            return Err(Error::usage(format!("`{name}` goes with `--format compile-commands` alone")));
        }
    }
    if args.printed.is_some() && !matches!(args.format, Format::Html | Format::Sarif) {
        return Err(Error::usage("`--printed` goes with `--format html` and `--format sarif` alone"));
    }
    let mut log = super::open(args.log.as_ref())?;
    log.output = args.printed.clone().or(log.output);
    let text = match args.format {
        Format::CompileCommands => database(&log, args)?,
        Format::Perfetto => trace::render(&log)?,
        Format::Html => html::render(&log)?,
        Format::Sarif => {
            if log.output.is_none() {
                out::warn(PARTIAL);
                out::hint(KEEP);
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
    put_back(log, &made.entries);
    if !made.entries.is_empty() && made.entries.iter().all(|entry| !entry.file.path().exists()) {
        out::warn(
            "no source of this build is there any more, and a tool that reads the database will not find them",
        );
        out::hint("`crosswheel build --keep` keeps them; `crosswheel run` builds in place");
    }
    let existing = args.out.as_deref().map(existing).transpose()?.flatten();
    let existing = args.out.as_deref().zip(existing.as_deref());
    compile_commands::render(existing, &made.entries, style)
}

/// A tree that `build --keep` has set aside goes back to where the entries say that it is.
fn put_back(log: &Log, entries: &[compile_commands::Entry]) {
    let folders: BTreeSet<&Path> = entries.iter().map(|entry| entry.directory.path()).collect();
    for folder in folders {
        if let Err(error) = work::put_back(folder, &log.session.family) {
            out::warn(&error.message);
            error.hint.as_deref().map(out::hint);
            return;
        }
    }
}

/// What a plain file holds, if it is there.
fn existing(path: &Path) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    std::fs::read(path).map(Some).context("cannot read", path)
}
