//! Where records are: a file, the folder of a log, the output folder of a build, a folder of sessions, or the newest session
//! at or above the current folder. More than one is never chosen from in silence.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, IoContext, Result};

/// Name of a record.
pub const FILE: &str = "record.jsonl";

/// Name of the folder of a build's log, inside the folder of its family.
pub const FOLDER: &str = "log";

/// Name of the folder that holds the sessions of `run` and `env`.
pub const SESSIONS: &str = ".crosswheel";

/// Name of the file in which `crosswheel build` keeps what the backend and its compilers printed, beside the
/// record.
pub const OUTPUT: &str = "backend.log";

/// What may be named for a record.
const NAMES: &str = "name a record.jsonl, the folder of a log, or the output folder of a build";

/// The record that `path` stands for.
pub fn at(path: &Path) -> Result<PathBuf> {
    let kind = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::usage(format!("there is no {}", path.display())).hint(NAMES));
        }
        kind => kind.context("cannot look at", path)?,
    };
    if kind.is_file() {
        return Ok(path.to_owned());
    }
    if !kind.is_dir() {
        // To open a pipe may take for ever.
        return Err(Error::usage(format!(
            "{}: a record is a plain file or lies in a folder",
            path.display()
        ))
        .hint("what comes through a pipe has to be written to a file first"));
    }
    for inside in [path.join(FILE), path.join(FOLDER).join(FILE)] {
        if is_file(&inside)? {
            return Ok(inside);
        }
    }
    let mut found = records(path, Path::new(FOLDER))?;
    let sessions = path.join(SESSIONS);
    for home in [path, &sessions].into_iter().filter(|home| home.is_dir()) {
        found.append(&mut records(home, Path::new(""))?);
    }
    match found.len() {
        0 => Err(Error::usage(format!("{}: there is no record in this folder", path.display())).hint(NAMES)),
        1 => Ok(found.remove(0)),
        _ => {
            Err(Error::usage(format!("{}: there are {} records in this folder", path.display(), found.len()))
                .hint(format!("name one of them: {}", list(&found))))
        }
    }
}

/// The wheels that were made with a record: those beside the folder of its log, sorted.
#[must_use]
pub fn wheels(record: &Path) -> Vec<PathBuf> {
    let record = record.canonicalize().unwrap_or_else(|_| record.to_owned());
    let folder = record.parent().filter(|log| log.ends_with(FOLDER)).and_then(Path::parent);
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut wheels: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "whl")).collect();
    wheels.sort();
    wheels
}

/// The newest session of the nearest `.crosswheel` at or above `folder`.
pub fn newest(folder: &Path) -> Result<PathBuf> {
    for above in folder.ancestors() {
        let sessions = above.join(SESSIONS);
        if !sessions.is_dir() {
            continue;
        }
        let age =
            |path: &PathBuf| path.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        if let Some(newest) = records(&sessions, Path::new(""))?.into_iter().max_by_key(age) {
            return Ok(newest);
        }
    }
    Err(Error::usage(format!("there is no {SESSIONS} with a record at or above {}", folder.display()))
        .hint("name the record, or the output folder of the build"))
}

/// `folder/*/inner/record.jsonl`, sorted.
fn records(folder: &Path, inner: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).context("cannot list", folder)? {
        let path = entry.context("cannot list", folder)?.path().join(inner).join(FILE);
        if is_file(&path)? {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is there. What one may not look at is no answer.
fn is_file(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(data) => Ok(data.is_file()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(Error::io("cannot look at", path, &error)),
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
