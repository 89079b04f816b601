//! Where a Python of the target is that the user names: a prefix (`/usr/local` of a container's image), a whole tree (Debian's
//! packages, unpacked), an interpreter in one, or a sysroot of ours. Of several Pythons the one is meant that has the
//! version and the kind of the Python that builds.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::interpreter::Interpreter;
use super::given::Wanted;
use crate::error::{Error, IoContext, Result};
use crate::target::{self, Cache, inventory};

/// The word that means a Python fetched with `crosswheel python add`.
const FETCHED: &str = "debian";

/// Prefixes in a whole tree, in the order in which a PATH has them.
const PREFIXES: [&str; 3] = ["", "usr/local", "usr"];

/// A Python that was found: not yet looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) prefix: PathBuf,
    /// Folder of its standard library.
    pub(super) stdlib: PathBuf,
    /// Such as `3.13t`.
    pub(super) name: String,
}

/// The folder to look in.
pub(super) fn locate(named: &OsStr, wanted: &Wanted<'_>) -> Result<PathBuf> {
    let path = Path::new(named);
    if path.is_dir() && named != FETCHED {
        return fs::canonicalize(path).context("looking at", path);
    }
    if path.is_file() {
        let bin = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let bin = fs::canonicalize(bin).context("looking at", bin)?;
        return bin.parent().map(Path::to_owned).ok_or_else(|| nothing(path));
    }
    let (cache, table) = (Cache::find()?, target::Table::builtin()?);
    if named == FETCHED {
        let fetched_ones =
            |error: Error| error.hint("Debian has Pythons for glibc; name a folder with one of the target");
        let machine = table.of_family(wanted.family).map_err(fetched_ones)?;
        let version = short(wanted.python);
        // What no release has need not be looked for.
        table.suite(machine, None, Some(&version))?;
        return inventory::find(&cache, machine, None, Some(&version), &table).map(|sysroot| sysroot.path);
    }
    let all = inventory::list(&cache)?;
    let name = |sysroot: &target::Sysroot| sysroot.link.file_name().map(OsStr::to_owned);
    let found = all.iter().find(|sysroot| name(sysroot).as_deref() == Some(named));
    found.map(|sysroot| sysroot.path.clone()).ok_or_else(|| {
        Error::usage(format!("--target-python {}: there is no such file or folder", path.display())).hint(
            "name a folder with a Python of the target, its interpreter, `debian`, or a name that `crosswheel python ls` shows",
        )
    })
}

/// The Python of a folder that is of the kind of the one that builds.
pub(super) fn choose(root: &Path, wanted: &Wanted<'_>) -> Result<Found> {
    let mut all = Vec::new();
    for prefix in PREFIXES {
        let prefix = if prefix.is_empty() { root.to_owned() } else { root.join(prefix) };
        for library in ["lib", "lib64"] {
            all.extend(pythons(&prefix, &prefix.join(library)));
        }
    }
    let fits = format!("{}{}", short(wanted.python), wanted.facts.abiflags);
    if let Some(found) = all.iter().find(|found| found.name == fits) {
        return Ok(found.clone());
    }
    let mut names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
    names.dedup();
    let Some(first) = names.first() else { return Err(nothing(root)) };
    let python = first.trim_end_matches('t');
    Err(Error::usage(format!(
        "{} holds Python {}, and the Python that builds is {fits}",
        root.display(),
        names.join(", "),
    ))
    .hint(if python == fits.trim_end_matches('t') {
        "one is free-threaded and the other is not: name one of the other kind with --python".to_owned()
    } else {
        format!("build with --python {first}, or give a Python {fits} for {}", wanted.machine.name)
    }))
}

/// Pythons with headers in the folder of libraries of a prefix.
fn pythons(prefix: &Path, library: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = fs::read_dir(library)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let folder = entry.file_name().into_string().ok()?;
            let name = folder.strip_prefix("python").filter(|name| is_version(name))?.to_owned();
            let there = Found { prefix: prefix.to_owned(), stdlib: entry.path(), name };
            (there.headers().join("Python.h").is_file() && !there.modules().is_empty()).then_some(there)
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// `3.11`, `3.13t`.
fn is_version(name: &str) -> bool {
    let minor = name.strip_prefix("3.").map(|rest| rest.strip_suffix('t').unwrap_or(rest));
    minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

fn short(python: &Interpreter) -> String {
    format!("{}.{}", python.version.0, python.version.1)
}

pub(super) fn nothing(root: &Path) -> Error {
    Error::usage(format!(
        "{} holds no Python to build for: neither it nor `usr/local` or `usr` in it has an include/python3.X/Python.h and a \
         lib/python3.X/_sysconfigdata_….py",
        root.display()
    ))
    .hint("a Python without headers will not do (python3-dev of Debian); `crosswheel python add MACHINE` fetches a whole one")
}

impl Found {
    pub(super) fn headers(&self) -> PathBuf {
        self.prefix.join(format!("include/python{}", self.name))
    }

    pub(super) fn abiflags(&self) -> &str {
        if self.name.ends_with('t') { "t" } else { "" }
    }

    /// Modules that a sysconfig reads; those of a debug build left out.
    pub(super) fn modules(&self) -> Vec<PathBuf> {
        let start = format!("_sysconfigdata_{}_", self.abiflags());
        let mut all: Vec<PathBuf> = fs::read_dir(&self.stdlib)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start)))
            .collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn folders_of_pythons_are_known_by_their_versions() {
        for name in ["3.9", "3.11", "3.13t"] {
            assert!(is_version(name), "{name}");
        }
        for name in ["3", "3.", "3.t", "2.7", "3.11d", "3.11-config", "3.13tt"] {
            assert!(!is_version(name), "{name}");
        }
    }
}
