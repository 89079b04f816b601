//! What is told at the end of a build, for people and (as JSON) for machines.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::cross::system::linked::Linked;
use super::patches::Patch;

/// A whole call.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Name of the package, if the source says it.
    pub name: Option<String>,
    /// Its version, likewise.
    pub version: Option<String>,
    /// What was built: as named, or the address that it was fetched from.
    pub origin: String,
    /// SHA-256 of the source distribution that was fetched.
    pub sha256: Option<String>,
    /// The Python.
    pub python: PathBuf,
    /// `SOURCE_DATE_EPOCH` of a reproducible build.
    pub epoch: Option<u64>,
    /// Patches that were applied.
    pub patches: Vec<Patch>,
    /// Things to know about the source.
    pub notes: Vec<String>,
    /// One for each family, in the order in which they were built.
    pub families: Vec<FamilyReport>,
}

impl Report {
    /// Whether every family gave a wheel without a fault.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.families.iter().all(|family| family.error.is_none() && family.faults.is_empty())
    }
}

/// One family.
#[derive(Debug, Default, Serialize)]
pub struct FamilyReport {
    /// Its name.
    pub family: String,
    /// The wheel, in the folder of the family.
    pub wheel: Option<WheelReport>,
    /// A wheel that was built but has faults: it lies with the log, not where wheels are looked for.
    pub rejected: Option<PathBuf>,
    /// Folder with `record.jsonl`, `backend.log` and `setup.log`.
    pub log: PathBuf,
    /// The target's Python, where that is not the Python that builds.
    pub target_python: Option<TargetPython>,
    /// How long it took.
    pub seconds: f64,
    /// What the compilers did.
    pub calls: Calls,
    /// ELF files in the wheel, or side modules of WebAssembly.
    pub elf_files: usize,
    /// Whether they are WebAssembly in place of ELF.
    #[serde(skip)]
    pub wasm: bool,
    /// Those of them that the audit traced to a call in the record.
    pub traced: usize,
    /// Libraries of the target that were linked from a system root or from packages of Debian.
    pub libraries: Vec<Linked>,
    /// Compiles that failed and that were let through.
    pub failed_compiles: Vec<String>,
    /// What is wrong with the build or the wheel.
    pub faults: Vec<Fault>,
    /// What is odd, but no fault.
    pub warnings: Vec<String>,
    /// Why there is no wheel.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a build for another machine was told of its Python.
#[derive(Clone, Debug, Serialize)]
pub struct TargetPython {
    /// Whether the user gave one; if not, it was made of the Python that builds.
    pub given: bool,
    /// Its version, such as `3.11.2`.
    pub version: String,
    /// Prefix of the one that was given, or the Python that it was made of.
    pub path: PathBuf,
}

/// A wheel.
#[derive(Debug, Serialize)]
pub struct WheelReport {
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: String,
}

/// Something wrong.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// What and where.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Counts over the calls that went through the shim.
#[derive(Debug, Default, Serialize)]
pub struct Calls {
    /// All.
    pub all: usize,
    /// By kind.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Those that are probes.
    pub probes: usize,
    /// Changes by rule.
    pub edits: BTreeMap<String, usize>,
    /// Notes by rule, such as units left at a higher level.
    pub notes: BTreeMap<String, usize>,
    /// Calls that failed under -Werror and were let through.
    pub demoted_calls: usize,
    /// Warnings that these let through.
    pub demoted: usize,
    /// Calls that failed, probes left out; queries among them, and work that was made good later.
    pub failed: usize,
    /// CPU seconds.
    pub cpu: f64,
}
