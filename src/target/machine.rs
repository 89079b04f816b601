//! The table of `targets.toml`: Debian's releases, and what of them a sysroot does without; and those machines of
//! `wrappers/toolchains/machines.toml` that Debian has. No machine and no release is known anywhere else in this module.
//!
//! It meets `BUILD_TOPOLOGY.toml` in the name of the machine: a family's `target.machine` is looked up here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::elf;
use crate::error::{Error, Result};
use crate::hex;
use crate::source::near::suggest;
use crate::toolchain::Toolchains;
use crate::toolchain::cross::DebianMachine;
use crate::topology::Family;

const TABLE: &str = include_str!("targets.toml");

/// A machine that Debian knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// As `BUILD_TOPOLOGY.toml` and platform tags of wheels name it: `aarch64`.
    pub name: String,
    /// As Debian names it: `arm64`.
    pub debian: String,
    /// Debian's multiarch triplet: `aarch64-linux-gnu`.
    pub triplet: String,
    /// What `sysconfig.get_platform()` says there: `linux-aarch64`.
    pub platform: String,
    /// The program of QEMU's user mode: `qemu-aarch64`.
    pub qemu: String,
    /// The dynamic loader, seen from the root of a sysroot.
    pub loader: String,
}

impl Machine {
    fn of(row: DebianMachine<'_>) -> Self {
        Self {
            name: row.name.to_owned(),
            debian: row.debian.to_owned(),
            triplet: row.triplet.to_owned(),
            platform: format!("linux-{}", row.name),
            qemu: row.qemu.to_owned(),
            loader: row.loader.to_owned(),
        }
    }

    /// Whether it is the machine that this program runs on.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.name == std::env::consts::ARCH
    }

    /// What the ELF header of its files says.
    #[must_use]
    pub fn elf(&self) -> Option<crosswheel_shim::elf::Machine> {
        elf::of_triple(&self.name)
    }
}

/// A release of Debian.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Its name: `bookworm`.
    pub name: String,
    /// Version of its Python: `3.11`.
    pub python: String,
    /// Packages that make a target Python.
    pub roots: Vec<String>,
    /// Machines in it.
    machines: Vec<String>,
}

/// Dependencies that are not followed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Without {
    names: Vec<String>,
    #[expect(dead_code, reason = "read by people")]
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unpacked {
    without: Skipped,
}

/// Packages that no build sees.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compilers {
    names: Vec<String>,
}

/// What of a package is not unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Folders, seen from `/`.
    pub folders: Vec<String>,
    /// Names of files, wherever they are; `*` is any text.
    pub files: Vec<String>,
}

impl Skipped {
    /// Whether this path, seen from `/`, is left out.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.folders.iter().any(|folder| path.starts_with(folder))
            || self.files.iter().any(|file| matches(file, &name))
    }

    /// A short name for what is left out: packages that were unpacked by another list are other ones.
    pub fn id(&self) -> Result<String> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::failed(format!("<built-in>/targets.toml: {error}")))?;
        Ok(hex::digits(&Sha256::digest(text)[..4]))
    }
}

/// Whether a text is such as a pattern: `*` is any text, and there is one at the most.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => {
            text.len() >= head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail)
        }
        None => text == pattern,
    }
}

/// All of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(skip)]
    machines: BTreeMap<String, Machine>,
    suites: Vec<Suite>,
    without: Vec<Without>,
    unpacked: Unpacked,
    compilers: Compilers,
}

impl Table {
    /// Reads it.
    pub fn builtin() -> Result<Self> {
        let mut table: Self = toml::from_str(TABLE)
            .map_err(|error| Error::failed(format!("<built-in>/targets.toml: {error}")))?;
        let machines = Toolchains::builtin()?;
        table.machines =
            machines.debian_machines().map(|one| (one.name.to_owned(), Machine::of(one))).collect();
        Ok(table)
    }

    /// All machines, by name.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    /// All releases, oldest first.
    #[must_use]
    pub fn suites(&self) -> &[Suite] {
        &self.suites
    }

    /// A machine by its name, Debian's, or a triplet.
    pub fn machine(&self, name: &str) -> Result<&Machine> {
        let ours = self
            .machines
            .values()
            .find(|one| [&one.name, &one.debian, &one.triplet].contains(&&name.to_owned()));
        let known = || elf::of_triple(name).and_then(|machine| self.machines.get(&elf::name(machine)));
        ours.or_else(known).ok_or_else(|| {
            let names = self.machines.keys().map(String::as_str);
            Error::usage(format!("no Python of Debian is known for the machine `{name}`"))
                .hint(suggest(name, names))
        })
    }

    /// The machine of a family.
    pub fn of_family(&self, family: &Family) -> Result<&Machine> {
        let target = &family.target;
        if target.os != "linux" || !matches!(target.libc.as_str(), "" | "gnu") {
            return Err(Error::usage(format!(
                "the family `{}` is for {} with {}, and Debian's Pythons are for linux with gnu",
                family.name, target.os, target.libc
            ))
            .hint("test such a wheel on its own system"));
        }
        self.machine(&target.machine)
    }

    /// A release: the one that is asked for by name or by the version of its Python, or else the oldest that has the
    /// machine.
    pub fn suite(&self, machine: &Machine, name: Option<&str>, python: Option<&str>) -> Result<&Suite> {
        if let Some(name) = name
            && !self.suites.iter().any(|suite| suite.name == name)
        {
            let names = self.suites.iter().map(|suite| suite.name.as_str());
            return Err(
                Error::usage(format!("unknown release of Debian `{name}`")).hint(suggest(name, names))
            );
        }
        let fits = |suite: &&Suite| {
            suite.machines.contains(&machine.name)
                && name.is_none_or(|name| suite.name == name)
                && python.is_none_or(|python| suite.python == python)
        };
        self.suites.iter().find(fits).ok_or_else(|| {
            let release = name.map_or_else(
                || "no release of Debian that is known".to_owned(),
                |name| format!("not {name}"),
            );
            let version = python.map_or_else(String::new, |python| format!(" and Python {python}"));
            let has = |suite: &&Suite| suite.machines.contains(&machine.name);
            let there = self
                .suites
                .iter()
                .filter(has)
                .map(|suite| format!("{} (Python {})", suite.name, suite.python));
            Error::usage(format!("{release} has {}{version}", machine.name)).hint(format!(
                "for {} there are: {}",
                machine.name,
                there.collect::<Vec<_>>().join(", ")
            ))
        })
    }

    /// Whether a dependency of this name is not followed.
    #[must_use]
    pub fn is_left_out(&self, package: &str) -> bool {
        self.without.iter().flat_map(|row| &row.names).any(|pattern| matches(pattern, package))
    }

    /// Whether a package holds what a cross compiler brings itself: no build must see two of it.
    #[must_use]
    pub fn is_of_the_compiler(&self, package: &str) -> bool {
        self.compilers.names.iter().any(|pattern| matches(pattern, package))
    }

    /// What of a package is not unpacked.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.unpacked.without
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_by_each_of_its_names() {
        let table = Table::builtin().unwrap();
        for name in ["aarch64", "arm64", "aarch64-linux-gnu"] {
            assert_eq!(table.machine(name).unwrap().name, "aarch64", "{name}");
        }
        for name in ["armv7l", "armhf", "arm-linux-gnueabihf", "armv7"] {
            assert_eq!(table.machine(name).unwrap().name, "armv7l", "{name}");
        }
        assert_eq!(table.machine("ppc64el").unwrap().triplet, "powerpc64le-linux-gnu");
        assert!(table.machine("loongarch64").is_err(), "Debian has no release for it");
        let told = table.machine("aarch46").unwrap_err();
        assert_eq!(told.hint.as_deref(), Some("did you mean `aarch64`?"));
    }

    #[test]
    fn the_release_is_the_oldest_that_has_the_machine_and_the_version() {
        let table = Table::builtin().unwrap();
        let suite = |machine: &str, name, python| {
            let machine = table.machine(machine).unwrap();
            table.suite(machine, name, python).map(|suite| suite.name.clone()).map_err(|error| error.message)
        };
        assert_eq!(suite("aarch64", None, None).unwrap(), "bookworm");
        assert_eq!(suite("aarch64", None, Some("3.13")).unwrap(), "trixie");
        assert_eq!(suite("riscv64", None, None).unwrap(), "trixie");
        assert_eq!(suite("riscv64", Some("bookworm"), None).unwrap_err(), "not bookworm has riscv64");
        assert!(suite("aarch64", None, Some("3.12")).is_err());
        assert!(suite("aarch64", Some("bookwrom"), None).unwrap_err().contains("`bookwrom`"));
    }

    #[test]
    fn every_machine_of_the_table_is_one_that_elf_files_have() {
        let table = Table::builtin().unwrap();
        for machine in table.machines() {
            let there = machine.elf().map(elf::name);
            assert_eq!(there.as_deref(), Some(machine.name.as_str()));
        }
        for suite in table.suites() {
            for machine in &suite.machines {
                assert!(table.machine(machine).is_ok(), "{machine}");
            }
        }
    }

    #[test]
    fn patterns_leave_out_what_they_match_and_no_more() {
        let table = Table::builtin().unwrap();
        assert!(table.is_left_out("libasan8"));
        assert!(table.is_left_out("tzdata"));
        assert!(!table.is_left_out("tzdata-legacy"));
        assert!(!table.is_left_out("libatomic1"));
        let skipped = |path: &str| table.skipped().has(Path::new(path));
        assert!(skipped("usr/share/doc/a") && skipped("usr/lib/python3.11/config-3.11/libpython3.11-pic.a"));
        assert!(
            !skipped("usr/share/docs")
                && !skipped("usr/lib/libpython3.11.so")
                && !skipped("usr/lib/libstdc++.a")
        );
    }
}
