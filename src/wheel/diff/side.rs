//! One of the two wheels: opened as far as it can be read. Rules that reading does not need may be broken; what is wrong
//! is told as a note.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::archive::{Archive, Entry, Opened};
use super::super::finding::{Code, Finding};
use super::super::name::WheelName;
use super::super::package;
use crate::error;

/// What stands for the folder of dist-info, so that those of two versions are one.
pub(super) const INFO: &str = "{dist-info}";
/// Likewise for the `.data` folder.
const DATA: &str = "{data}";

/// A wheel that was opened.
pub(super) struct Side {
    pub(super) path: PathBuf,
    /// Its file name, if that is one of a wheel.
    pub(super) name: Option<WheelName>,
    pub(super) archive: Archive<Opened>,
    /// The folder of its dist-info, if there is one only.
    pub(super) info: Option<String>,
    /// Its `.data` folder, likewise.
    pub(super) data: Option<String>,
    /// Files in the order of the directory.
    pub(super) files: Vec<File>,
    /// Entries of folders, sorted.
    pub(super) folders: Vec<String>,
    /// What is wrong with it.
    pub(super) findings: Vec<Finding>,
    /// Entries that cannot be inflated by us, and why.
    closed: HashMap<String, Finding>,
}

/// A file in a wheel.
pub(super) struct File {
    pub(super) entry: Entry,
    /// Its path. What is not UTF-8 is replaced by U+FFFD.
    pub(super) path: String,
    /// The path that it is known by on both sides.
    pub(super) key: String,
}

impl Side {
    pub(super) fn open(path: &Path) -> error::Result<Self> {
        let source = package::open(path)?;
        let archive = Archive::read(source).map_err(|finding| finding.refusal(path))?;
        let mut findings = archive.faults().to_vec();
        let is_closed = |fault: &&Finding| matches!(fault.code, Code::Encrypted | Code::Method);
        let closed = findings.iter().filter(is_closed);
        let closed = closed.filter_map(|fault| Some((fault.member.clone()?, fault.clone()))).collect();
        let name = package::name_of(path).map_err(|finding| findings.push(finding)).ok();
        let mut files = Vec::new();
        let mut folders = Vec::new();
        for entry in archive.entries() {
            let path = String::from_utf8_lossy(archive.name(entry)).into_owned();
            if path.ends_with('/') {
                folders.push(path);
            } else {
                files.push(File { entry: *entry, key: String::new(), path });
            }
        }
        folders.sort();
        let info = only(&files, ".dist-info");
        let data = only(&files, ".data");
        for file in &mut files {
            file.key = key(&file.path, info.as_deref(), data.as_deref());
        }
        for folder in &mut folders {
            *folder = key(folder, info.as_deref(), data.as_deref());
        }
        if info.is_none() {
            findings.push(Finding::new(Code::NoDistInfo, "has not one dist-info folder"));
        }
        Ok(Self { path: path.to_owned(), name, archive, info, data, files, folders, findings, closed })
    }

    /// Fails if the entry cannot be inflated by us, which its header says.
    pub(super) fn readable(&self, entry: &Entry) -> Result<(), Finding> {
        let name = String::from_utf8_lossy(self.archive.name(entry));
        self.closed.get(&*name).map_or(Ok(()), |fault| Err(fault.clone()))
    }
}

/// The only folder at the top whose name ends so.
fn only(files: &[File], end: &str) -> Option<String> {
    let mut tops = files.iter().filter_map(|file| file.path.split_once('/')).map(|(top, _)| top);
    let first = tops.find(|top| top.to_ascii_lowercase().ends_with(end))?;
    let other = tops.any(|top| top != first && top.to_ascii_lowercase().ends_with(end));
    (!other).then(|| first.to_owned())
}

fn key(path: &str, info: Option<&str>, data: Option<&str>) -> String {
    if let Some((top, rest)) = path.split_once('/') {
        for (folder, stands) in [(info, INFO), (data, DATA)] {
            if folder == Some(top) {
                return format!("{stands}/{rest}");
            }
        }
    }
    path.to_owned()
}
