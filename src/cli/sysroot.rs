//! `crosswheel sysroot`: libraries of other machines.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;

use super::debian::{Progress, SourceArgs, as_json, origin};
use super::out::{self, BOLD, DIM};
use crate::build::interrupt;
use crate::error::Result;
use crate::target::inventory::list;
use crate::target::{Cache, Sysroot, Table};

/// Arguments of `sysroot`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Add packages of Debian for a machine, with what they depend on, from which a build can link
    Add(Add),
    /// List sysroots, or what is in those of a machine
    Ls(Ls),
    /// Take packages out of a sysroot, or remove all of it
    Rm(Rm),
}

#[derive(clap::Args)]
struct Add {
    /// The machine, such as aarch64
    #[arg(value_name = "MACHINE")]
    machine: String,
    /// Packages of Debian, such as libjpeg-dev
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    /// Take all packages as the mirror has them now
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(clap::Args)]
struct Ls {
    /// A machine, whose sysroots are shown package by package
    #[arg(value_name = "MACHINE")]
    machine: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Rm {
    /// The machine
    #[arg(value_name = "MACHINE")]
    machine: String,
    /// Packages that were asked for; none: the whole sysroot
    #[arg(value_name = "PACKAGE")]
    packages: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    interrupt::install();
    let done = carry_out(args);
    // All guards have run: nothing half-made is left. What is left is to die as the caller expects.
    interrupt::die();
    done
}

fn carry_out(args: Args) -> Result<ExitCode> {
    let (cache, table) = (Cache::find()?, Table::builtin()?);
    match args.verb {
        Verb::Add(add) => {
            let request = add.source.request(&table, &add.machine, None)?;
            let done = request.add(&cache, &add.packages, add.update, &mut Progress::new().report())?;
            add.source.told(&request.name(), &done)
        }
        Verb::Rm(rm) => {
            let request = rm.source.request(&table, &rm.machine, None)?;
            let done = request.remove(&cache, &rm.packages, &mut Progress::new().report())?;
            rm.source.told(&request.name(), &done)
        }
        Verb::Ls(ls) => {
            let machine = ls.machine.as_deref().map(|name| table.machine(name)).transpose()?;
            let mut all = list(&cache)?;
            all.retain(|one| machine.is_none_or(|machine| machine.name == one.manifest.machine));
            if ls.json {
                let value = serde_json::json!({ "sysroots": all.iter().map(as_json).collect::<Vec<_>>() });
                out::print(|to| writeln!(to, "{value:#}"))?;
            } else if all.is_empty() {
                out::print(|to| writeln!(to, "{DIM}none; `crosswheel python add MACHINE` makes one{DIM:#}"))?;
            } else {
                out::print(|to| all.iter().try_for_each(|one| show(to, one, machine.is_some())))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show(to: &mut dyn Write, one: &Sysroot, packages: bool) -> io::Result<()> {
    let manifest = &one.manifest;
    writeln!(to, "{BOLD}{}-{}{BOLD:#}  {}", manifest.machine, manifest.suite, one.link.display())?;
    writeln!(to, "    {DIM}{}; {}{DIM:#}", out::counted(manifest.packages.len(), "package"), origin(one))?;
    writeln!(to, "    asked for: {}", manifest.roots.join(", "))?;
    for held in manifest.packages.iter().filter(|_| packages) {
        writeln!(to, "    {:<28} {}", held.name, held.version)?;
    }
    if packages && !manifest.left_out.is_empty() {
        writeln!(to, "    {DIM}left out: {}{DIM:#}", manifest.left_out.join(", "))?;
    }
    Ok(())
}
