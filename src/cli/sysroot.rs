//! `crosswheel sysroot`, and what `crosswheel python` shares with it: which sysroot is meant, and how far the work is.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::out::{self, BOLD, DIM, GREEN};
use crate::build::interrupt;
use crate::environment;
use crate::error::Result;
use crate::target::inventory::list;
use crate::target::signature::Trust;
use crate::target::sysroot::{Changed, Request};
use crate::target::{Cache, Step, Sysroot, Table};

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

/// From where packages come.
#[derive(Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct SourceArgs {
    /// Release of Debian, such as trixie [default: the oldest known one that has the machine]
    #[arg(long = "debian", value_name = "SUITE")]
    pub(super) suite: Option<String>,
    /// A mirror: http, https or file [default: that of the sysroot, or http://deb.debian.org/debian]
    #[arg(long, value_name = "URL")]
    pub(super) mirror: Option<String>,
    /// Keys by which the release must be signed [default: those of the package debian-archive-keyring]
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Take the mirror's word: no signature is checked
    #[arg(long, conflicts_with = "keyring")]
    unsigned: bool,
    /// Fetch nothing: what is lacking in the cache is an error
    #[arg(long)]
    offline: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl SourceArgs {
    /// What is asked of which sysroot.
    pub(super) fn request<'a>(
        &self,
        table: &'a Table,
        machine: &str,
        python: Option<&str>,
    ) -> Result<Request<'a>> {
        let machine = table.machine(machine)?;
        let suite = table.suite(machine, self.suite.as_deref(), python)?;
        let trust = match (&self.keyring, self.unsigned) {
            (Some(keyring), _) => Some(Trust::Keyring(keyring.clone())),
            (None, true) => Some(Trust::Mirror),
            (None, false) => None,
        };
        let variable =
            std::env::var(environment::CROSSWHEEL_DEBIAN_MIRROR).ok().filter(|value| !value.is_empty());
        let mirror = self.mirror.clone().or(variable);
        Ok(Request { table, machine, suite, mirror, trust, offline: self.offline })
    }

    /// Says what a change did.
    pub(super) fn told(&self, name: &str, done: &Changed) -> Result<ExitCode> {
        if self.json {
            let value = serde_json::json!({
                "name": name,
                "changed": done.changed,
                "fetched_bytes": done.fetched,
                "sysroot": done.sysroot.as_ref().map(as_json),
            });
            out::print(|to| writeln!(to, "{value:#}"))?;
            return Ok(ExitCode::SUCCESS);
        }
        out::print(|to| match &done.sysroot {
            None => writeln!(to, "{GREEN}removed{GREEN:#} {BOLD}{name}{BOLD:#}"),
            Some(sysroot) => {
                let word = if done.changed { "made" } else { "unchanged" };
                writeln!(to, "{GREEN}{word}{GREEN:#} {BOLD}{name}{BOLD:#}  {}", sysroot.link.display())?;
                writeln!(
                    to,
                    "     {DIM}{}, {} fetched; {}{DIM:#}",
                    out::counted(sysroot.manifest.packages.len(), "package"),
                    megabytes(done.fetched),
                    origin(sysroot)
                )
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
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

/// Where a sysroot is from, and who says so.
fn origin(one: &Sysroot) -> String {
    let manifest = &one.manifest;
    let signed = match manifest.signers.as_slice() {
        [] => "no signature checked".to_owned(),
        [first, ..] => format!("signed by {}", &first[first.len().saturating_sub(16)..]),
    };
    format!("Debian {} {} from {}, {signed}", manifest.suite, manifest.release, manifest.mirror)
}

/// A sysroot as JSON.
pub(super) fn as_json(one: &Sysroot) -> serde_json::Value {
    let mut value = serde_json::json!(one.manifest);
    value["path"] = one.path.display().to_string().into();
    value["link"] = one.link.display().to_string().into();
    value
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "one figure after the point is shown")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Shows how far the work is, on stderr: a live line on a terminal, a line for each step elsewhere.
pub(super) struct Progress {
    live: bool,
    last: String,
}

impl Progress {
    pub(super) fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os(environment::TERM).is_some_and(|term| term == "dumb");
        Self { live: io::stderr().is_terminal() && !set(environment::CI) && !dumb, last: String::new() }
    }

    pub(super) fn report(mut self) -> impl FnMut(Step) {
        move |step| self.step(&step)
    }

    fn step(&mut self, step: &Step) {
        let line = match step {
            Step::Fetching { what, done, total } if self.live && *total > 0 => {
                format!("fetching {what}: {} of {}", megabytes(*done), megabytes(*total))
            }
            Step::Fetching { what, .. } => format!("fetching {what}"),
            Step::Unpacking { packages } => format!("unpacking {}", out::counted(*packages, "package")),
            Step::Waiting => "waiting for another crosswheel that works on this sysroot".to_owned(),
        };
        if line == self.last {
            return;
        }
        if self.live {
            anstream::eprint!("\r\x1b[2K{DIM}{line}{DIM:#}");
        } else {
            anstream::eprintln!("{DIM}{line}{DIM:#}");
        }
        self.last = line;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live && !self.last.is_empty() {
            anstream::eprint!("\r\x1b[2K");
        }
    }
}
