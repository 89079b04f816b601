//! What an audit can find, and how grave it is.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::memory::Memory;
pub use crate::finding::Severity;
use crate::finding::codes;

codes! {
    /// No recorded call made it.
    Untraced = "untraced", Fault;
    /// It is for another machine than was asked for.
    WrongMachine = "wrong-machine", Fault;
    /// WebAssembly that no Python can load.
    NoSideModule = "no-side-module", Fault;
    /// The wheel's name promises another machine.
    WrongTag = "wrong-tag", Fault;
    /// The loader would look for its libraries in folders of the machine that built it.
    HostRpath = "host-rpath", Fault;
    /// The loader would refuse it on processors of the family.
    HigherLevel = "higher-level", Fault;
    /// A part of it was made by a compiler that went past the shim.
    PastShim = "past-shim", Fault;
    /// A part of it was made by no recorded call.
    ReadyMade = "ready-made", Fault;
    /// A part of it was compiled below the level of the family.
    LowerLevel = "lower-level", Fault;
    /// A part of it came ready-made with a dependency, at no level.
    DependencyCode = "dependency-code", Note;
    /// A part of it was made by a compiler that is not told the level.
    ForeignCompiler = "foreign-compiler", Note;
    /// A part of it was changed or replaced between its call and the link.
    ChangedInput = "changed-input", Fault;
    /// A compiler went past the shim, and what it made is in none of the wheels.
    PastShimElsewhere = "past-shim-elsewhere", Note;
    /// Its code names the shim folder.
    ShimPathLeak = "shim-path-leak", Fault;
    /// A text in the wheel names the shim folder, and so differs from build to build.
    ShimPathInText = "shim-path-in-text", Note;
    /// It is damaged.
    Unreadable = "unreadable", Fault;
    /// The loader would not refuse it on processors below the family.
    NoMarker = "no-marker", Note;
    /// An object, known by its name alone: the record does not hold what compiles made, only what links made.
    UntracedObject = "untraced-object", Note;
    /// A wheel for one platform, with nothing in it that is; or a folder with nothing in it that was compiled.
    NoElf = "no-elf", Note;
    /// A wheel for all platforms, though its build compiled.
    PureAfterCompiles = "pure-after-compiles", Note;
    /// The times of files are not of this machine's clock, so that less is known of them.
    ForeignClock = "foreign-clock", Note;
    /// The record lost lines, so that the audit may be wrong.
    DamagedRecord = "damaged-record", Note;
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was found.
    pub code: Code,
    /// How grave it is.
    pub severity: Severity,
    /// The wheel (for a damaged record, the record).
    #[serde(serialize_with = "lossy")]
    pub wheel: PathBuf,
    /// Its member; `None` if it is about the wheel as a whole.
    pub member: Option<String>,
    /// What is wrong, to be read behind the member's name.
    pub what: String,
    /// The likely cause, or what to do.
    pub hint: String,
}

impl Finding {
    pub(super) fn new(
        code: Code,
        wheel: &Path,
        member: Option<&str>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: code.severity(),
            wheel: wheel.to_owned(),
            member: member.map(str::to_owned),
            what: what.into(),
            hint: hint.into(),
        }
    }
}

/// How a file was traced to its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The same build-id.
    BuildId,
    /// The same loadable segments.
    Load,
    /// The same bytes, by their digest.
    Sha256,
    /// The same bytes as in the build's own folder.
    Content,
}

impl Evidence {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildId => "build-id",
            Self::Load => "loadable segments",
            Self::Sha256 => "sha256",
            Self::Content => "content",
        }
    }
}

/// An ELF file that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The wheel.
    #[serde(serialize_with = "lossy")]
    pub wheel: PathBuf,
    /// Its member.
    pub member: String,
    /// What runs it.
    pub machine: String,
    /// The x86-64 level that it asks the loader for.
    pub isa: Option<u8>,
    /// The call that made it.
    pub call: Option<String>,
    /// By what that is known.
    pub evidence: Option<Evidence>,
    /// How many recorded compiles it is made of.
    pub compiles: usize,
}

/// The outcome of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The records that they were held against.
    #[serde(serialize_with = "all_lossy")]
    pub records: Vec<PathBuf>,
    /// How many wheels were looked at.
    pub wheels: usize,
    /// What was found: faults first, then by wheel and member.
    pub findings: Vec<Finding>,
    /// The ELF files, in the order of the wheels.
    pub checked: Vec<Checked>,
    /// What the content of files told that may be gone later on.
    #[serde(skip)]
    pub learned: Memory,
}

impl Report {
    /// Findings for which the wheels should not be shipped.
    pub fn faults(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Fault)
    }

    /// Whether there are none.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults().next().is_none()
    }
}

fn all_lossy<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

fn lossy<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}
