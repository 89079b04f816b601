//! What makes two builds give the same bytes: one time, and names of folders that do not depend on where it was built.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::backend::Backend;
use super::pep440::normalized_name;
use super::process;
use super::source::Source;
use super::tree;
use super::work::WorkArea;
use crate::environment;
use crate::error::{Error, Result};

/// 1980-01-01, the first time that a zip file can hold.
const ZIP_START: u64 = 315_532_800;

/// Settings of a reproducible build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproducible {
    /// `SOURCE_DATE_EPOCH`, seconds since 1970.
    pub epoch: u64,
    /// Where it was taken from, for the log.
    pub epoch_from: &'static str,
    /// Folders and the names under which files may know them; the longest path first.
    pub maps: Vec<(PathBuf, PathBuf)>,
}

impl Reproducible {
    /// Chooses time and names for a source. `origin` is the folder that the user gave, if it was one.
    pub fn choose(source: &Source, origin: Option<&Path>, built: &Path, area: &WorkArea) -> Result<Self> {
        let (epoch, epoch_from) = epoch(source, origin)?;
        let name = source.name.as_deref().map_or_else(|| "source".to_owned(), normalized_name);
        let name = match &source.version {
            Some(version) => format!("{name}-{version}"),
            None => name,
        };
        let usr_src = Path::new("/usr/src");
        let maps = vec![
            (built.to_owned(), usr_src.join(name)),
            (area.environment(), usr_src.join("build-env")),
            (area.temporary(), usr_src.join("tmp")),
            (area.root().to_owned(), usr_src.join("work")),
        ];
        Ok(Self { epoch, epoch_from, maps })
    }

    /// A setting for the backend, unless the user has given it: meson-python draws the name of its build folder anew each time,
    /// and packages write that name down.
    #[must_use]
    pub fn setting(backend: &Backend, given: &[(String, String)]) -> Option<(String, String)> {
        let asked = given.iter().any(|(key, _)| matches!(key.as_str(), "build-dir" | "builddir"));
        (backend.object.split(':').next() == Some("mesonpy") && !asked)
            .then(|| ("builddir".to_owned(), ".mesonpy-build".to_owned()))
    }

    /// Variables of the build's environment.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![
            (environment::SOURCE_DATE_EPOCH, self.epoch.to_string().into()),
            (environment::PYTHONHASHSEED, "0".into()),
            // gcc's __TIMESTAMP__ and `time.localtime` of many a script tell a file's time in the local zone.
            (environment::TZ, "UTC".into()),
        ]
    }
}

/// The time: as the user says, else of the last commit, else of the newest file of the source.
fn epoch(source: &Source, origin: Option<&Path>) -> Result<(u64, &'static str)> {
    if let Some(text) = std::env::var_os(environment::SOURCE_DATE_EPOCH).filter(|text| !text.is_empty()) {
        let seconds = text.to_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
            Error::usage(format!("SOURCE_DATE_EPOCH is `{}`, which is no number of seconds", text.display()))
        })?;
        return Ok((seconds, environment::SOURCE_DATE_EPOCH));
    }
    if let Some(seconds) = origin.map(commit_time).transpose()?.flatten() {
        return Ok((seconds.max(ZIP_START), "last commit"));
    }
    let newest = match source.newest {
        Some(newest) => newest,
        None => newest_file(&source.root)?,
    };
    Ok((newest.max(ZIP_START), "newest file"))
}

/// Time of the last commit that touched a folder; `None` if it is in no repository, or there is no git.
fn commit_time(folder: &Path) -> Result<Option<u64>> {
    if which::which("git").is_err() || !folder.ancestors().any(|above| above.join(".git").exists()) {
        return Ok(None);
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["log", "-1", "--format=%ct", "--", "."]);
    let answer = process::answer(&mut git)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&answer).trim().parse().ok())
}

fn newest_file(root: &Path) -> Result<u64> {
    let times = tree::files(root)?.into_iter().filter_map(|path| fs::symlink_metadata(path).ok());
    Ok(times.filter_map(|meta| u64::try_from(meta.mtime()).ok()).max().unwrap_or(0))
}
