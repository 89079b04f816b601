//! `BUILD_TOPOLOGY.toml`: the single source of truth for targets, families and policies.
//!
//! A topology that was loaded is sound: every name it mentions exists, and every fault was refused with file, line
//! and caret. No family is known anywhere but here. Nothing here looks at a compiler.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::source::Source;
use crate::source::near::suggest;

mod level;
mod libc;
mod policy;
mod python;
mod read;
mod wasm;

pub use level::{Level, MACHINE as LEVEL_MACHINE};
pub use libc::LibcVersion;
pub use policy::{Exported, MarchNative, Policy, PolicyFlags, Werror};
pub use python::MinorVersion;
pub use wasm::{EmscriptenVersion, Unwinding, WasmAbi};

/// Name of the file.
pub const FILE: &str = "BUILD_TOPOLOGY.toml";

const BUILTIN: &str = include_str!("../../BUILD_TOPOLOGY.toml");

/// The whole file, checked.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The file that it was read from; `None` for the built-in one.
    pub path: Option<PathBuf>,
    /// Version of the topology, for its users.
    pub version: String,
    /// What it is for.
    pub description: String,
    targets: BTreeMap<String, Target>,
    families: BTreeMap<String, Family>,
    policies: BTreeMap<String, Policy>,
    packages: BTreeMap<String, Package>,
}

/// What the build of a package for another machine needs to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Settings for its backend, keys and values. A key that the user gives, too, is the user's.
    pub config_settings: Vec<(String, String)>,
    /// Why.
    pub why: String,
}

/// A machine with its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Processor architecture as in a compiler's triplet: `x86_64`, `aarch64`.
    pub machine: String,
    /// Operating system: `linux`, `emscripten`.
    pub os: String,
    /// C library: `gnu`, `musl`; empty for `host`, which takes the one that is there.
    pub libc: String,
    /// The oldest version of it that this machine ever had.
    pub oldest_libc: Option<LibcVersion>,
}

impl Target {
    /// Name of the target that is this machine.
    pub const HOST: &str = "host";

    /// This machine.
    #[must_use]
    pub fn host() -> Self {
        Self {
            name: Self::HOST.into(),
            machine: std::env::consts::ARCH.into(),
            os: std::env::consts::OS.into(),
            libc: String::new(),
            oldest_libc: None,
        }
    }

    /// Whether this machine ever had this version of its C library; the error says what it had.
    fn check(&self, version: LibcVersion) -> Result<(), String> {
        match self.oldest_libc {
            Some(oldest) if version < oldest => {
                Err(format!("the target `{}` has no C library older than {oldest}", self.name))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is WebAssembly by Emscripten.
    #[must_use]
    pub fn is_emscripten(&self) -> bool {
        self.os == "emscripten"
    }

    /// Whether it is this machine whatever that is.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.name == Self::HOST
    }
}

/// What one wheel is cut for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The machine.
    pub target: Target,
    /// The least that its processors have.
    pub level: Option<Level>,
    /// The oldest C library that its wheels are to run on. A family that names one is built by a cross compiler, which
    /// can link for that version; one that does not is built by the compilers of this machine for its own.
    pub libc_version: Option<LibcVersion>,
    /// For WebAssembly: the interface of the run-time that its wheels are for; `None` takes that of the compiler.
    pub abi: Option<WasmAbi>,
    /// What it asks of every compile; a copy, which a command line may change.
    pub policy: Policy,
}

impl Family {
    /// Whether it is built by a cross compiler.
    #[must_use]
    pub fn is_cross(&self) -> bool {
        self.libc_version.is_some() || self.target.is_emscripten()
    }

    /// This family for another version of the C library, or of Emscripten.
    fn at(&self, version: &str) -> Result<Self> {
        if self.target.is_emscripten() && self.abi.is_none() {
            let emscripten = version.parse().map_err(|what: String| {
                Error::usage(what).hint(format!("write it such as `{}.3.1.58`", self.name))
            })?;
            let name = format!("{}.{version}", self.name);
            return Ok(Self { name, abi: Some(WasmAbi::of(emscripten)), ..self.clone() });
        }
        if self.libc_version.is_none() {
            let what = format!("the family `{}` has no libc_version, so its name takes none", self.name);
            return Err(Error::usage(what).hint(format!("name it `{}`", self.name)));
        }
        let version = version
            .parse::<LibcVersion>()
            .map_err(|what| Error::usage(what).hint(format!("write it such as `{}.2.28`", self.name)))?;
        self.target.check(version).map_err(|what| {
            let oldest = self.target.oldest_libc.unwrap_or(version);
            Error::usage(what).hint(format!("name `{}.{oldest}` or a later one", self.name))
        })?;
        Ok(Self { name: format!("{}.{version}", self.name), libc_version: Some(version), ..self.clone() })
    }

    /// What pip calls the systems that its wheels run on, such as `manylinux_2_28_aarch64` (PEP 600, PEP 656, PEP 783);
    /// `None` if it names no C library and no interface of WebAssembly.
    #[must_use]
    pub fn platform_tag(&self) -> Option<String> {
        if let Some(abi) = &self.abi {
            return Some(abi.platform.clone());
        }
        let LibcVersion(major, minor) = self.libc_version?;
        let system = if self.target.libc == "musl" { "musllinux" } else { "manylinux" };
        Some(format!("{system}_{major}_{minor}_{}", self.target.machine))
    }
}

impl Topology {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self> {
        let mut topology = read::topology(&Source::read(path)?)?;
        topology.path = Some(path.to_owned());
        Ok(topology)
    }

    /// The one that comes with crosswheel.
    pub fn builtin() -> Result<Self> {
        read::topology(&Source::new(format!("<built-in>/{FILE}"), BUILTIN))
    }

    /// The nearest file in `start` or a folder above it, else the built-in one.
    pub fn find(start: &Path) -> Result<Self> {
        let start = std::path::absolute(start).map_err(|e| Error::io("resolving", start, &e))?;
        match Self::locate(&start) {
            Some(path) => Self::load(&path),
            None => Self::builtin(),
        }
    }

    /// The nearest file in `start` or a folder above it.
    #[must_use]
    pub fn locate(start: &Path) -> Option<PathBuf> {
        start.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
    }

    /// The family of this name. Behind the name of a family that has a version of the C library, another version may
    /// stand: `aarch64-linux-gnu.2.34`.
    pub fn family(&self, name: &str) -> Result<Family> {
        if let Some(family) = self.families.get(name) {
            return Ok(family.clone());
        }
        let split = name.rmatch_indices('.').find_map(|(at, _)| {
            let family = self.families.get(&name[..at])?;
            Some((family, &name[at + 1..]))
        });
        let Some((family, version)) = split else {
            return Err(Error::usage(format!("unknown family `{name}` in {}", self.place()))
                .hint(suggest(name, self.families.keys().map(String::as_str))));
        };
        family.at(version).map_err(|error| Error {
            message: format!("unknown family `{name}` in {}: {}", self.place(), error.message),
            ..error
        })
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Result<&Policy> {
        self.policies.get(name).ok_or_else(|| {
            Error::usage(format!("unknown policy `{name}` in {}", self.place()))
                .hint(suggest(name, self.policies.keys().map(String::as_str)))
        })
    }

    /// Packages with settings of their own, by normalised name: those of the file, and of the built-in one those that
    /// the file does not name.
    pub fn packages(&self) -> Result<BTreeMap<String, Package>> {
        let mut all = if self.path.is_some() { Self::builtin()?.packages } else { BTreeMap::new() };
        all.extend(self.packages.clone());
        Ok(all)
    }

    /// All families, by name.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    /// All policies, by name.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values()
    }

    /// All targets that are declared, by name.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values()
    }

    fn place(&self) -> String {
        self.path.as_ref().map_or_else(|| format!("the built-in {FILE}"), |path| path.display().to_string())
    }
}
