//! A manifest held against its format, and against the wheels beside it. Wheels are described again and compared; findings are
//! gathered. Only a file that cannot be read is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::describe::describe;
use super::document::{Action, Entry, FormatVersion, Manifest, Reading, Wheel};
use super::finding::{Code, Finding};
use super::origin::Origins;
use crate::error::{IoContext, Result};
use crate::wheel::finding::Severity;
use crate::wheel::name::WheelName;

/// The outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The manifest.
    pub manifest: String,
    /// Where its wheels were looked for.
    pub folder: String,
    /// How many wheels it lists.
    pub wheels: usize,
    /// How many entries they have.
    pub entries: usize,
    /// What was found: first of the manifest as a whole, then by wheel and entry.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// How many findings are faults.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Fault).count()
    }
}

/// Verifies a manifest and the wheels in a folder; without one, in its own.
pub fn verify(path: &Path, folder: Option<&Path>) -> Result<Verified> {
    let bytes = fs::read(path).context("cannot read", path)?;
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.unwrap_or(beside);
    let there = listed(folder)?;
    let mut out = Verified {
        manifest: path.to_string_lossy().into_owned(),
        folder: folder.to_string_lossy().into_owned(),
        ..Verified::default()
    };
    let (manifest, found) = read(&bytes);
    out.findings = found;
    let Some(manifest) = manifest else { return Ok(out) };
    out.wheels = manifest.wheels.len();
    out.entries = manifest.wheels.iter().map(|wheel| wheel.entries.len()).sum();
    for wheel in &manifest.wheels {
        out.findings.extend(beside_it(folder, wheel));
    }
    let known: BTreeSet<&str> = manifest.wheels.iter().map(|wheel| &wheel.file[..]).collect();
    for path in there {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if !known.contains(&*file) {
            out.findings.push(Finding::of(
                Code::WheelUnlisted,
                &file,
                "is in the folder, and not in the manifest",
            ));
        }
    }
    let key = |one: &Finding| (one.wheel.clone(), one.member.clone(), one.code, one.what.clone());
    out.findings.sort_by_cached_key(key);
    out.findings.dedup();
    Ok(out)
}

/// The wheels of a folder, sorted.
pub fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut wheels = Vec::new();
    for entry in fs::read_dir(folder).context("cannot look into", folder)? {
        let path = entry.context("cannot look into", folder)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|end| end == "whl") {
            wheels.push(path);
        }
    }
    wheels.sort();
    Ok(wheels)
}

/// A manifest, and what is wrong with it. There is none if it cannot be told what it says.
#[must_use]
pub fn read(bytes: &[u8]) -> (Option<Manifest>, Vec<Finding>) {
    let none = |code, what: String| (None, vec![Finding::new(code, what)]);
    let head: Head = match serde_json::from_slice(bytes) {
        Ok(head) => head,
        Err(error) if error.is_data() => return none(Code::NotAManifest, error.to_string()),
        Err(error) => return none(Code::NotAManifest, format!("is no JSON: {error}")),
    };
    let Some(version) = FormatVersion::parse(&head.manifest_version) else {
        let stated = head.manifest_version.escape_debug();
        return none(Code::NotAManifest, format!("has the version `{stated}`, which is none"));
    };
    let mut found = Vec::new();
    let (theirs, ours) = (version, FormatVersion::CURRENT);
    match version.reading() {
        Reading::Whole => {}
        Reading::Newer => {
            found.push(Finding::new(
                Code::NewerVersion,
                format!("is of version {theirs}, and {ours} is known"),
            ));
        }
        Reading::Foreign => {
            return none(Code::ForeignVersion, format!("is of version {theirs}, and {ours} is known"));
        }
    }
    let mut unknown = Vec::new();
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let manifest: Manifest =
        match serde_ignored::deserialize(&mut text, |path| unknown.push(path.to_string())) {
            Ok(manifest) => manifest,
            Err(error) => {
                found.push(Finding::new(Code::BadField, error.to_string()));
                return (None, found);
            }
        };
    found.extend(structure(&manifest));
    if version.reading() == Reading::Whole {
        found.extend(
            unknown.into_iter().map(|path| {
                Finding::new(Code::UnknownField, format!("has a field `{}`", path.escape_debug()))
            }),
        );
        found.extend(words(&manifest));
    }
    (Some(manifest), found)
}

/// What must be known before the rest is read.
#[derive(Deserialize)]
struct Head {
    manifest_version: String,
}

/// Order, and what refers to what.
fn structure(manifest: &Manifest) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, run) in &manifest.runs {
        // What is not known here is in the digest as well.
        if manifest.manifest_version.reading() == Reading::Whole && run.id() != *id {
            found.push(Finding::new(Code::RunChanged, format!("has a run `{}` with another digest", id.0)));
        }
    }
    if !manifest.wheels.is_sorted_by(|a, b| a.file < b.file) {
        found.push(Finding::new(Code::BadOrder, "has wheels out of order, or twice"));
    }
    for wheel in &manifest.wheels {
        if !manifest.runs.contains_key(&wheel.run) {
            found.push(Finding::of(Code::MissingRun, &wheel.file, format!("names a run `{}`", wheel.run.0)));
        }
        if !wheel.entries.is_sorted_by(|a, b| a.path < b.path) {
            found.push(Finding::of(Code::BadOrder, &wheel.file, "has entries out of order, or twice"));
        }
    }
    found
}

/// Words that only a newer version may have.
fn words(manifest: &Manifest) -> Vec<Finding> {
    let entries = manifest.wheels.iter().flat_map(|wheel| wheel.entries.iter().map(move |e| (wheel, e)));
    let other = |(wheel, entry): (&Wheel, &Entry)| match &entry.action {
        Some(Action::Other(word)) => {
            let what = format!("has the action `{}`, which is none", word.escape_debug());
            Some(Finding::member(Code::BadField, &wheel.file, &entry.path, what))
        }
        _ => None,
    };
    entries.filter_map(other).collect()
}

/// The wheel in the folder against what is said of it.
fn beside_it(folder: &Path, listed: &Wheel) -> Vec<Finding> {
    let one = |code, what: String| vec![Finding::of(code, &listed.file, what)];
    // A name of a wheel has no `/`: nothing outside of the folder is looked at.
    if let Err(what) = WheelName::parse(&listed.file) {
        return one(Code::BadField, format!("is no name of a wheel: {what}"));
    }
    let path = folder.join(&listed.file);
    if path.symlink_metadata().is_err() {
        return one(Code::WheelMissing, "is not in the folder".to_owned());
    }
    match describe(&path, &Origins::default()) {
        Ok(real) => compare(listed, &real),
        Err(error) => one(Code::WheelFaulty, error.message),
    }
}

/// What is said of a wheel against what it is.
fn compare(listed: &Wheel, real: &Wheel) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut find = |code, what: String| found.push(Finding::of(code, &listed.file, what));
    if listed.size != real.size {
        find(Code::WheelSize, format!("has {} bytes, and the manifest says {}", real.size, listed.size));
    }
    if listed.sha256 != real.sha256 {
        find(Code::WheelHash, format!("is {}, and the manifest says {}", real.sha256, listed.sha256));
    }
    for (same, what) in [
        (listed.name == real.name, "name"),
        (listed.version == real.version, "version"),
        (listed.build == real.build, "build number"),
        (listed.variant == real.variant, "variant"),
        (listed.tags == real.tags, "tags"),
        (listed.gpu_targets == real.gpu_targets, "GPU targets"),
    ] {
        if !same {
            find(Code::WheelField, format!("has another {what} than the manifest says"));
        }
    }
    let by_path =
        |wheel| -> BTreeMap<&str, &Entry> { entries(wheel).map(|entry| (&entry.path[..], entry)).collect() };
    let (said, there) = (by_path(listed), by_path(real));
    let mut find = |code, path: &str, what: String| {
        found.push(Finding::member(code, &listed.file, path, what));
    };
    for (path, entry) in &said {
        match there.get(path) {
            None => find(Code::EntryMissing, path, "is in the manifest, and not in the wheel".to_owned()),
            Some(real) if entry.sha256 != real.sha256 => {
                find(Code::EntryHash, path, "has another content than the manifest says".to_owned());
            }
            Some(real) => {
                for (same, what) in [
                    (entry.crc32 == real.crc32, "checksum"),
                    (entry.size == real.size, "size"),
                    (entry.compressed_size == real.compressed_size, "size in the archive"),
                    (entry.owner == real.owner, "owner"),
                    (entry.elf == real.elf, "ELF header or dynamic section"),
                    (entry.gpu_targets == real.gpu_targets, "set of GPU targets"),
                ] {
                    if !same {
                        find(Code::EntryField, path, format!("has another {what} than the manifest says"));
                    }
                }
            }
        }
    }
    for path in there.keys().filter(|path| !said.contains_key(*path)) {
        find(Code::EntryUnlisted, path, "is in the wheel, and not in the manifest".to_owned());
    }
    found
}

fn entries(wheel: &Wheel) -> std::slice::Iter<'_, Entry> {
    wheel.entries.iter()
}
