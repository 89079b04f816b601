//! `crosswheel python`: Pythons of other machines.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;

use super::debian::{Progress, SourceArgs, as_json};
use super::out::{self, BOLD, DIM};
use crate::build::interrupt;
use crate::error::{Error, Result};
use crate::target::inventory::list;
use crate::target::python::{TargetPython, is_there};
use crate::target::{Cache, Sysroot, Table};

/// Arguments of `python`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fetch a Python of Debian for a machine: interpreter, headers, standard library, C and C++ libraries
    Add(Add),
    /// List target Pythons, and the machines that there are Pythons for
    Ls(Ls),
    /// Remove a target Python; what else its sysroot was asked for stays
    Rm(Rm),
}

#[derive(clap::Args)]
struct Add {
    /// The machine, such as aarch64
    #[arg(value_name = "MACHINE")]
    machine: String,
    /// Version of Python, such as 3.13: chooses the release that has it
    #[arg(long, value_name = "X.Y")]
    version: Option<String>,
    /// Take all packages as the mirror has them now
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(clap::Args)]
struct Ls {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Rm {
    /// The machine
    #[arg(value_name = "MACHINE")]
    machine: String,
    /// Version of Python, such as 3.13
    #[arg(long, value_name = "X.Y")]
    version: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    interrupt::install();
    let done = carry_out(args);
    interrupt::die();
    done
}

fn carry_out(args: Args) -> Result<ExitCode> {
    let (cache, table) = (Cache::find()?, Table::builtin()?);
    match args.verb {
        Verb::Add(add) => {
            let request = add.source.request(&table, &add.machine, add.version.as_deref())?;
            let roots = &request.suite.roots;
            let done = request.add(&cache, roots, add.update, &mut Progress::new().report())?;
            add.source.told(&request.name(), &done)
        }
        Verb::Rm(rm) => {
            let request = rm.source.request(&table, &rm.machine, rm.version.as_deref())?;
            let done = request.remove(&cache, &request.suite.roots, &mut Progress::new().report())?;
            rm.source.told(&request.name(), &done)
        }
        Verb::Ls(ls) => list_all(&cache, &table, ls.json),
    }
}

fn list_all(cache: &Cache, table: &Table, json: bool) -> Result<ExitCode> {
    let mut found: Vec<(Sysroot, TargetPython)> = Vec::new();
    for sysroot in list(cache)?.into_iter().filter(is_there) {
        let python = TargetPython::read(&sysroot, table.machine(&sysroot.manifest.machine)?)?;
        found.push((sysroot, python));
    }
    if json {
        let pythons: Result<Vec<_>> = found
            .iter()
            .map(|(sysroot, python)| {
                let mut value = serde_json::to_value(python)
                    .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
                value["sysroot"] = as_json(sysroot);
                Ok(value)
            })
            .collect();
        let machines: Vec<_> = table.machines().map(|machine| machine.name.as_str()).collect();
        let value = serde_json::json!({ "pythons": pythons?, "machines": machines });
        out::print(|to| writeln!(to, "{value:#}"))?;
    } else {
        out::print(|to| print(to, &found, table))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(to: &mut dyn Write, found: &[(Sysroot, TargetPython)], table: &Table) -> io::Result<()> {
    for (sysroot, python) in found {
        let manifest = &sysroot.manifest;
        writeln!(
            to,
            "{BOLD}{:<8}{BOLD:#} Python {:<8} Debian {:<9} {DIM}{}{DIM:#}",
            manifest.machine,
            python.full_version,
            manifest.suite,
            sysroot.link.display()
        )?;
    }
    let has = |machine: &str| found.iter().any(|(sysroot, _)| sysroot.manifest.machine == machine);
    let rest: Vec<_> =
        table.machines().map(|machine| machine.name.as_str()).filter(|name| !has(name)).collect();
    if rest.is_empty() {
        Ok(())
    } else {
        writeln!(to, "{DIM}to be had by `python add`: {}{DIM:#}", rest.join(", "))
    }
}
