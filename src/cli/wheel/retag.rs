//! `crosswheel wheel retag`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::super::out::{self, BOLD, DIM};
use crate::environment;
use crate::error::{Error, IoContext, Result};
use crate::wheel::Package;
use crate::wheel::archive::deliver::{How, sweep};
use crate::wheel::archive::layout;
use crate::wheel::retag::{Edits, Plan, TagEdit};

/// Arguments of `wheel retag`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// Folder for the new wheels; made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "in_place")]
    out: Option<PathBuf>,
    /// Put each new wheel in place of the old one
    #[arg(long)]
    in_place: bool,
    /// Python tags: `a.b` sets, `+a.b` adds, `-a.b` removes
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, value_parser = python)]
    python: Option<TagEdit>,
    /// ABI tags, likewise
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, value_parser = abi)]
    abi: Option<TagEdit>,
    /// Platform tags, likewise
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, value_parser = platform)]
    platform: Option<TagEdit>,
    /// Build number; empty to erase it
    #[arg(long, value_name = "N")]
    build: Option<String>,
    /// Put a requirement into METADATA
    #[arg(long, value_name = "REQUIREMENT")]
    add_requires: Vec<String>,
    /// Take all requirements of a package out
    #[arg(long, value_name = "NAME")]
    remove_requires: Vec<String>,
    /// Put a requirement in place of all those of the same package
    #[arg(long, value_name = "REQUIREMENT")]
    set_requires: Vec<String>,
    /// Give the package another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Give the version another local part, such as `rocm7`; empty to erase it
    #[arg(long, value_name = "LOCAL")]
    local_version: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the new wheels are on the disk
    #[arg(long)]
    no_sync: bool,
}

fn python(text: &str) -> Result<TagEdit, String> {
    TagEdit::parse(text, "Python")
}

fn abi(text: &str) -> Result<TagEdit, String> {
    TagEdit::parse(text, "ABI")
}

fn platform(text: &str) -> Result<TagEdit, String> {
    TagEdit::parse(text, "platform")
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let edits = Edits {
        python: args.python.clone(),
        abi: args.abi.clone(),
        platform: args.platform.clone(),
        build: args.build.clone(),
        name: args.name.clone(),
        local: args.local_version.clone(),
        add_requires: args.add_requires.clone(),
        remove_requires: args.remove_requires.clone(),
        set_requires: args.set_requires.clone(),
    };
    edits.check().map_err(Error::usage)?;
    if args.out.is_none() && !args.in_place {
        return Err(Error::usage("it is not said where the new wheels go")
            .hint("--out DIR writes them to a folder, --in-place replaces the old ones"));
    }
    let epoch = epoch()?;
    // All are planned before the first is written: what is refused changes nothing.
    let mut targets: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    let mut plans = Vec::new();
    for wheel in &args.wheels {
        let plan = Plan::new(Package::open(wheel)?, &edits, epoch)?;
        let target = target(wheel, &plan, args)?;
        if let Some(other) = targets.insert(target.clone(), wheel) {
            let both = format!("{} and {}", other.display(), wheel.display());
            return Err(Error::usage(format!("{both} would both become {}", target.display()))
                .hint("retag them in two runs, into two folders"));
        }
        plans.push((target, plan));
    }
    for (target, plan) in &plans {
        if !args.dry_run {
            write(target, plan, args)?;
        }
        out::print(|to| {
            let old = plan.package.path.display();
            writeln!(to, "{DIM}{old} →{DIM:#} {BOLD}{}{BOLD:#}", target.display())?;
            if args.dry_run {
                for change in &plan.changes {
                    let (sign, path) =
                        change.strip_prefix('-').map_or(("writes ", &change[..]), |p| ("drops ", p));
                    writeln!(to, "  {sign}{}", super::super::quote(path.as_bytes()))?;
                }
            }
            Ok(())
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the new wheel goes. No file but the old wheel is ever replaced in place, and the old one never by `--out`.
fn target(wheel: &Path, plan: &Plan, args: &Args) -> Result<PathBuf> {
    let folder = match &args.out {
        Some(folder) => folder,
        None => wheel.parent().unwrap_or(Path::new("")),
    };
    let target = folder.join(plan.name.to_string());
    let Ok(there) = std::fs::metadata(&target) else { return Ok(target) };
    let same = (there.dev(), there.ino()) == identity(wheel)?;
    if args.out.is_some() && same {
        return Err(Error::usage(format!("{}: is the wheel itself", target.display()))
            .hint("--in-place puts the new wheel in place of the old one"));
    }
    if args.in_place && !same {
        return Err(Error::usage(format!("{}: is there already", target.display()))
            .hint("remove it first, or name a folder with --out"));
    }
    Ok(target)
}

fn write(target: &Path, plan: &Plan, args: &Args) -> Result<()> {
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).context("cannot make the folder", folder)?;
    }
    let old = &plan.package.path;
    let rights = if args.in_place {
        Some(std::fs::metadata(old).context("cannot look at", old)?.permissions())
    } else {
        None
    };
    let how = How { sync: !args.no_sync, rights };
    plan.write(target, &how, &mut progress(layout::length(&plan.pieces)))?;
    // By the file, not by the path: where case does not count, two names may be one file.
    if args.in_place && identity(target)? != identity(old)? {
        std::fs::remove_file(old).context("cannot remove", old)?;
    }
    // What a run that was killed left beside the old wheel.
    if let Some(folder) = old.parent().filter(|_| args.in_place) {
        sweep(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    }
    Ok(())
}

/// By what a file is known, whatever its names.
fn identity(path: &Path) -> Result<(u64, u64)> {
    let there = std::fs::metadata(path).context("cannot look at", path)?;
    Ok((there.dev(), there.ino()))
}

/// A line on the terminal for what takes long enough to wonder.
fn progress(whole: u64) -> impl FnMut(u64) {
    /// Smaller wheels are done before the line is read.
    const LARGE: u64 = 512 << 20;
    let shown = whole >= LARGE && std::io::stderr().is_terminal();
    let mut done = 0;
    move |more| {
        done += more;
        if shown {
            let end = if done >= whole { "\r\x1b[K" } else { "" };
            anstream::eprint!("\r{} of {} MiB{end}", done >> 20, whole >> 20);
        }
    }
}

/// The date of what is written anew, if the caller wishes one.
fn epoch() -> Result<Option<u64>> {
    let Some(text) = std::env::var_os(environment::SOURCE_DATE_EPOCH).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.to_str().and_then(|text| text.parse().ok());
    let wrong =
        || Error::usage(format!("SOURCE_DATE_EPOCH is `{}`, which is no number of seconds", text.display()));
    number.map(Some).ok_or_else(wrong)
}
