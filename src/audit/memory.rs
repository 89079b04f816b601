//! What a build's own audit learned from files that are gone later on, kept beside the record, so that a later audit
//! says the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::capture::{Log, Stamp};
use crate::error::{Error, IoContext, Result};

/// Name of the file, in the folder of the record.
pub const FILE: &str = "audit.json";

/// What the content of files told. Paths that are no UTF-8 are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Start of the session that it is of, nanoseconds since 1970.
    session: u64,
    /// Inputs of links that were made at another place than where they were taken from.
    inputs: Vec<Known>,
    /// Assembly that a compiler wrote past the shim.
    assembly: BTreeSet<String>,
    /// Calls that made objects in a wheel, by the SHA-256 of these.
    objects: BTreeMap<String, String>,
}

/// What one input was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    path: String,
    size: u64,
    modified: u64,
    /// Calls that made what is in it.
    pub(super) calls: Vec<String>,
    /// What in it no call made: the file itself, or members of an archive.
    pub(super) strange: Vec<String>,
}

impl Known {
    /// The file, and what it was known by.
    pub(super) fn input(&self) -> (PathBuf, Stamp) {
        (PathBuf::from(&self.path), Stamp(self.size, self.modified))
    }
}

impl Memory {
    /// What is kept beside a record, if it is of the same session.
    pub(super) fn of(log: &Log) -> Self {
        let text = std::fs::read(log.path.with_file_name(FILE)).unwrap_or_default();
        let memory: Self = serde_json::from_slice(&text).unwrap_or_default();
        if memory.session == log.session.start { memory } else { Self::default() }
    }

    /// Puts it beside a record.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn keep(&self, log: &Log) -> Result<()> {
        let path = log.path.with_file_name(FILE);
        let memory = Self { session: log.session.start, ..self.clone() };
        let text = serde_json::to_vec(&memory).map_err(|error| Error::failed(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut part = tempfile::Builder::new()
            .prefix(".xw-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .context("making a file in", folder)?;
        std::io::Write::write_all(&mut part, &text).context("writing", &path)?;
        part.persist(&path).map_err(|failed| Error::io("writing", &path, &failed.error))?;
        Ok(())
    }

    pub(super) fn inputs(&self) -> &[Known] {
        &self.inputs
    }

    pub(super) fn input(&mut self, path: &Path, seen: Stamp, calls: Vec<String>, strange: &[PathBuf]) {
        let Some(path) = path.to_str().map(str::to_owned) else { return };
        let strange = strange.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let known = Known { path, size: seen.0, modified: seen.1, calls, strange };
        if !self.inputs.contains(&known) {
            self.inputs.push(known);
        }
    }

    pub(super) fn is_strange_assembly(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|path| self.assembly.contains(path))
    }

    pub(super) fn strange_assembly(&mut self, path: &Path) {
        self.assembly.extend(path.to_str().map(str::to_owned));
    }

    /// The call that made an object.
    pub(super) fn object(&self, sha256: &str) -> Option<&str> {
        self.objects.get(sha256).map(String::as_str)
    }

    pub(super) fn made_object(&mut self, sha256: String, call: &str) {
        self.objects.insert(sha256, call.to_owned());
    }
}
