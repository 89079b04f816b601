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
    if !kind.is_dir() {
        return Ok(path.to_owned());
    }
    for inside in [path.join(FILE), path.join(FOLDER).join(FILE)] {
        if inside.is_file() {
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
        if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
