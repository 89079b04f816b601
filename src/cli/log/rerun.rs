//! `crosswheel log rerun`: the exact command of a call, once more.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::rerun::{Rerun, Which};
use crate::capture::{Call, Log, Text};
use crate::cli::out;
use crate::environment::PATH;
use crate::error::{IoContext, Result};
use crate::process;
use crate::toolchain::path::without_shims;

/// Arguments of `log rerun`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The call's id, or as much of it as is needed to tell it from the others
    #[arg(value_parser = super::id)]
    id: String,
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// The arguments as received, by the real tool, without what was changed
    #[arg(long)]
    original: bool,
    /// Run nothing; print the command for a shell
    #[arg(long)]
    shell: bool,
    /// Run nothing; print folder, arguments and variables as JSON
    #[arg(long, conflicts_with = "shell")]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let log = super::open(args.log.as_ref())?;
    let call = log.find(&args.id)?;
    let which = if args.original { Which::Original } else { Which::AsRun };
    let rerun = Rerun::of(&log, call, which)?;
    if args.shell || args.json {
        // What is printed is of use if its tree is at its place; that it is gone may be known.
        if let Err(error) = rerun.prepare(&log, call) {
            out::warn(&error.message);
        }
        let text = if args.json { json(&rerun) } else { shell(&rerun) };
        out::print(|to| to.write_all(&text))?;
        return Ok(ExitCode::SUCCESS);
    }
    again(&log, call, &rerun)
}

fn again(log: &Log, call: &Call, rerun: &Rerun) -> Result<ExitCode> {
    rerun.prepare(log, call)?;
    let command = rerun.materialise()?;
    let folder = rerun.folder.path();
    // PATH is not recorded; ours may be that of a shell with a shim folder, in which compilers would find the shim.
    let path = std::env::var_os(PATH).map(|path| without_shims(&path, folder));
    std::env::set_current_dir(folder).context("cannot go to", folder)?;
    let os = |text: &Text| OsString::from_vec(text.bytes().to_vec());
    let mut environment: Vec<(OsString, Option<OsString>)> =
        rerun.unset.iter().map(|name| (name.into(), None)).collect();
    environment.extend(rerun.set.iter().map(|(name, value)| (name.into(), Some(os(value)))));
    // Compilers name the folder as this does, if it is right.
    environment.push(("PWD".into(), Some(os(&rerun.folder))));
    environment.extend(path.map(|path| (PATH.into(), Some(path))));
    let argv: Vec<OsString> = command.argv.iter().map(os).collect();
    let status = process::run(&argv, &environment, None)?;
    // Its files go before a signal may end this process.
    drop(command);
    Ok(process::pass_on(status))
}

/// `cd FOLDER && VARIABLES COMMAND`; response files that are gone are read in.
fn shell(rerun: &Rerun) -> Vec<u8> {
    // Every shell reads it, unless that would send control characters to a terminal.
    let terminal = std::io::stdout().is_terminal();
    let control = |text: &Text| text.lossy().contains(|c: char| c.is_control() || c == '\u{fffd}');
    let quoted =
        |text: &Text| if terminal && control(text) { text.quoted().into_bytes() } else { text.shell() };
    let mut line = [b"cd ", &*quoted(&rerun.folder), b" &&"].concat();
    let unset: Vec<_> = rerun.unset.iter().filter(|name| std::env::var_os(name).is_some()).collect();
    if !unset.is_empty() {
        line.extend_from_slice(b" env");
        line.extend(unset.iter().flat_map(|name| [b" -u ", name.as_bytes()].concat()));
    }
    for (name, value) in &rerun.set {
        line.extend([b" ", name.as_bytes(), b"=", &*quoted(value)].concat());
    }
    for word in rerun.flat() {
        line.push(b' ');
        line.extend(quoted(word));
    }
    line.push(b'\n');
    line
}

fn json(rerun: &Rerun) -> Vec<u8> {
    let mut out = out::Json::new();
    out.open('{');
    out.text("folder", &rerun.folder);
    out.list("argv", rerun.flat());
    out.key("env");
    out.open('{');
    for (name, value) in &rerun.set {
        out.text(name, value);
    }
    out.close('}');
    out.each("unset", &rerun.unset, |out, name| out.value(&Text::from(name.as_str()).json()));
    out.close('}');
    out.done()
}
