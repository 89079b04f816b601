//! What `crosswheel python` and `crosswheel sysroot` share: which sysroot is meant, what a change did, and how far the work is.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use super::out::{self, BOLD, DIM, GREEN};
use crate::environment;
use crate::error::Result;
use crate::target::signature::Trust;
use crate::target::sysroot::{Changed, Request};
use crate::target::{Step, Sysroot, Table};

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

/// Where a sysroot is from, and who says so.
pub(super) fn origin(one: &Sysroot) -> String {
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
