//! What can be wrong with a manifest, or with the wheels beside it: one table of codes, as for wheels.

use serde::Serialize;

use crate::finding::{Severity, codes};

codes! {
    /// It is no JSON, or no object with a version.
    NotAManifest = "not-a-manifest", Fault, "it is no manifest, or was cut short; make it again";
    /// It is of another major version.
    ForeignVersion = "foreign-version", Fault, "it is read by another version of crosswheel";
    /// It is of a newer minor version.
    NewerVersion = "newer-version", Note, "what this version of crosswheel does not know was not looked at; a newer one does";
    /// A field is absent, or has another type.
    BadField = "bad-field", Fault, "`crosswheel manifest schema` says what is where; make it again";
    /// A field is not in the format.
    UnknownField = "unknown-field", Fault, "it was edited by hand, or misspelled; make it again";
    /// A list is not sorted, or names something twice.
    BadOrder = "bad-order", Fault, "it was edited or joined by hand; `--merge` joins manifests";
    /// A wheel names a run that is not there.
    MissingRun = "missing-run", Fault, "it was edited or joined by hand; `--merge` joins manifests";
    /// A run does not have the digest by which it is named.
    RunChanged = "run-changed", Fault, "it was edited by hand; make it again";
    /// A wheel is not in the folder.
    WheelMissing = "wheel-missing", Fault, "fetch it, or name its folder with --folder";
    /// The folder has a wheel that is not in the manifest.
    WheelUnlisted = "wheel-unlisted", Fault, "remove it, or add it with `crosswheel wheel manifest --merge`";
    /// A wheel has another size.
    WheelSize = "wheel-size", Fault, "it is another wheel, or was cut short; fetch it again";
    /// A wheel has another hash.
    WheelHash = "wheel-hash", Fault, "it is another wheel; fetch it again";
    /// A wheel breaks a rule of wheels.
    WheelFaulty = "wheel-faulty", Fault, "`crosswheel wheel verify` tells all that is wrong with it";
    /// A wheel has another name, version, build number, other tags or GPU targets.
    WheelField = "wheel-field", Fault, "the wheel or the manifest was changed by hand; make the manifest again";
    /// A wheel has no such entry.
    EntryMissing = "entry-missing", Fault, "it is another wheel than the manifest was made from";
    /// The manifest lacks an entry.
    EntryUnlisted = "entry-unlisted", Fault, "it is another wheel than the manifest was made from";
    /// An entry has other content.
    EntryHash = "entry-hash", Fault, "it is another wheel than the manifest was made from";
    /// An entry is described otherwise: sizes, checksum, owner, ELF fields, GPU targets.
    EntryField = "entry-field", Fault, "the manifest was changed by hand, or made by another version; make it again";
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was found.
    pub code: Code,
    /// How grave it is.
    pub severity: Severity,
    /// The wheel; `None` if it is about the manifest as a whole.
    pub wheel: Option<String>,
    /// The entry of the wheel.
    pub member: Option<String>,
    /// What is wrong, to be read behind the names.
    pub what: String,
    /// What to do.
    pub hint: &'static str,
}

impl Finding {
    /// About the manifest as a whole.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        let (severity, hint) = (code.severity(), code.hint());
        Self { code, severity, wheel: None, member: None, what: what.into(), hint }
    }

    /// About a wheel.
    pub fn of(code: Code, wheel: &str, what: impl Into<String>) -> Self {
        Self { wheel: Some(wheel.to_owned()), ..Self::new(code, what) }
    }

    /// About an entry of a wheel.
    pub fn member(code: Code, wheel: &str, path: &str, what: impl Into<String>) -> Self {
        Self { member: Some(path.to_owned()), ..Self::of(code, wheel, what) }
    }
}
