//! The sysroots that there are: listed, found, and removed when nobody needs them any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Cache, Machine, Suite, Sysroot, Table};
use crate::build::work::remove_tree;
use crate::error::{Error, IoContext, Result};

/// How long a sysroot that another one has replaced stays, for those that still use it.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// All sysroots, by name.
pub fn list(cache: &Cache) -> Result<Vec<Sysroot>> {
    let folder = cache.sysroots();
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.and_then(Iterator::collect::<io::Result<Vec<_>>>).context("reading", &folder)?,
    };
    let mut links: Vec<PathBuf> = entries
        .iter()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(fs::DirEntry::path)
        .collect();
    links.sort();
    links.iter().map(|link| Sysroot::open(link)).collect()
}

/// The sysroots that there are, for a hint.
pub(super) fn known(cache: &Cache) -> Result<String> {
    let all = list(cache)?;
    let names: Vec<String> =
        all.iter().map(|one| format!("{}-{}", one.manifest.machine, one.manifest.suite)).collect();
    Ok(if names.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    })
}

/// Removes what no link leads to any more and no process can be in the middle of using: sysroots and packages. Does
/// nothing while somebody makes a sysroot. `skipped` names what is left out of packages now.
pub fn sweep(cache: &Cache, skipped: &str) -> Result<()> {
    let Some(_alone) = cache.lock_alone()? else { return Ok(()) };
    let now = SystemTime::now();
    let old = |path: &Path| {
        let changed = fs::symlink_metadata(path).and_then(|meta| meta.modified());
        changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > GRACE))
    };
    let meant: BTreeSet<PathBuf> = list(cache)?.into_iter().map(|one| one.path).collect();
    let (mut needed, mut indexes) = (BTreeSet::new(), BTreeSet::new());
    for path in folders(&cache.sysroots())? {
        if !meant.contains(&path) && old(&path) {
            remove_tree(&path).context("removing", &path)?;
        } else if let Ok(sysroot) = Sysroot::open(&path) {
            needed.extend(sysroot.manifest.packages.iter().map(|one| format!("{}.{skipped}", one.sha256)));
            indexes.insert(sysroot.manifest.index);
        }
    }
    for path in folders(&cache.root().join("packages"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let part = name.starts_with(".part-");
        if if part { old(&path) } else { !needed.contains(&name) } {
            remove_tree(&path).context("removing", &path)?;
        }
    }
    let lists = cache.root().join("lists/by-hash");
    for entry in fs::read_dir(&lists).into_iter().flatten().flatten() {
        let path = entry.path();
        if !indexes.contains(&*entry.file_name().to_string_lossy()) && old(&path) {
            fs::remove_file(&path).context("removing", &path)?;
        }
    }
    Ok(())
}

/// The folders in a folder, as they are named physically.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(folder) = fs::canonicalize(folder) else { return Ok(Vec::new()) };
    let entries = fs::read_dir(&folder).context("reading", &folder)?;
    let entries = entries.collect::<io::Result<Vec<_>>>().context("reading", &folder)?;
    let is_folder = |entry: &&fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries.iter().filter(is_folder).map(fs::DirEntry::path).collect())
}

/// The sysroot with a Python that a build or a test is to use: of the release that is asked for, or else of the
/// oldest that is there and fits the version of Python.
pub fn find(
    cache: &Cache,
    machine: &Machine,
    suite: Option<&Suite>,
    python: Option<&str>,
    table: &Table,
) -> Result<Sysroot> {
    let version = |one: &Sysroot| {
        table.suites().iter().find(|suite| suite.name == one.manifest.suite).map(|suite| suite.python.clone())
    };
    let all = list(cache)?;
    let fits = |one: &&Sysroot| {
        one.manifest.machine == machine.name
            && suite.is_none_or(|suite| suite.name == one.manifest.suite)
            && python.is_none_or(|python| version(one).as_deref() == Some(python))
            && super::python::is_there(one)
    };
    let mut found: Vec<&Sysroot> = all.iter().filter(fits).collect();
    let age = |one: &Sysroot| table.suites().iter().position(|suite| suite.name == one.manifest.suite);
    found.sort_by_key(|one| age(one));
    found.first().map(|one| (*one).clone()).ok_or_else(|| {
        let version = python.map_or_else(String::new, |python| format!(" {python}"));
        let of = suite.map_or_else(String::new, |suite| format!(" of Debian {}", suite.name));
        let mut add = format!("crosswheel python add {}", machine.name);
        if let Some(suite) = suite {
            add = format!("{add} --debian {}", suite.name);
        } else if let Some(python) = python {
            add = format!("{add} --version {python}");
        }
        Error::failed(format!("there is no target Python{version} for {}{of}", machine.name))
            .hint(format!("`{add}`"))
    })
}
