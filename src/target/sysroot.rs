//! Sysroots: made from names of packages, changed, removed.
//!
//! A sysroot is never changed. Adding to it makes another one from the whole list of what was asked for, all of it from one
//! index, and lets the link lead there; who uses the old one can go on.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::{MIRROR, Origin};
use super::depends::is_name;
use super::inventory::{folders, known, sweep};
use super::resolve::resolve;
use super::signature::Trust;
use super::tree::{Part, assemble};
use super::{Cache, Machine, Report, Suite, Table};
use crate::build::work::remove_tree;
use crate::error::{Error, IoContext, Result};
use crate::hex;

/// The file in a sysroot that says what it is.
pub const MANIFEST: &str = "crosswheel-sysroot.json";

/// Goes into the name of a sysroot: raised when the same packages are put together in another way.
const FORMAT: u32 = 1;

/// What a sysroot is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The machine: `aarch64`.
    pub machine: String,
    /// The release of Debian: `bookworm`.
    pub suite: String,
    /// Its point release, such as `12.15`.
    pub release: String,
    /// The mirror.
    pub mirror: String,
    /// SHA-256 of the index that its packages are from.
    pub index: String,
    /// Fingerprints of the keys that signed the release; none if the mirror's word was taken.
    pub signers: Vec<String>,
    /// What was asked for, sorted.
    pub roots: Vec<String>,
    /// What is in it, by name.
    pub packages: Vec<Held>,
    /// Dependencies that were not followed, sorted.
    pub left_out: Vec<String>,
}

/// A package in a sysroot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// Those in the sysroot that it depends on, sorted; `None` in a sysroot of an earlier version of crosswheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<String>>,
}

/// A sysroot that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysroot {
    /// The folder that stands for `/`. It does not change under who uses it.
    pub path: PathBuf,
    /// The link that leads there now, and elsewhere after a change: for people.
    pub link: PathBuf,
    /// What it is.
    pub manifest: Manifest,
}

impl Sysroot {
    /// The version of a package in it.
    #[must_use]
    pub fn version(&self, package: &str) -> Option<&str> {
        self.manifest.packages.iter().find(|one| one.name == package).map(|one| one.version.as_str())
    }

    /// Packages with all that they depend on, by name; what the table says to belong to the compiler is a wall, and
    /// stands behind it.
    #[must_use]
    pub fn closure(&self, names: &[String], table: &Table) -> Vec<&Held> {
        let mut chosen: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = names.iter().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            if table.is_of_the_compiler(name) || !chosen.insert(name) {
                continue;
            }
            let held = self.manifest.packages.iter().find(|one| one.name == name);
            next.extend(held.iter().filter_map(|one| one.needs.as_ref()).flatten().map(String::as_str));
        }
        self.manifest.packages.iter().filter(|one| chosen.contains(one.name.as_str())).collect()
    }

    /// The version of its glibc, such as (2, 36).
    #[must_use]
    pub fn glibc(&self) -> Option<(u32, u32)> {
        let version = self.version("libc6").or_else(|| self.version("libc6.1"))?;
        let mut numbers = version.split(['.', '-', '+']).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Opens the one that a link, or its own path, leads to.
    pub fn open(link: &Path) -> Result<Self> {
        let path = fs::canonicalize(link).context("looking for", link)?;
        let file = path.join(MANIFEST);
        let text = fs::read(&file).context("reading", &file)?;
        let manifest = serde_json::from_slice(&text).map_err(|error| {
            Error::failed(format!("{}: {error}", file.display())).hint("remove this sysroot and add it anew")
        })?;
        Ok(Self { path, link: link.to_owned(), manifest })
    }
}

/// How a sysroot is changed.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The table.
    pub table: &'a Table,
    /// The machine.
    pub machine: &'a Machine,
    /// The release.
    pub suite: &'a Suite,
    /// Address of a mirror; `None`: the one that the sysroot is from, or Debian's.
    pub mirror: Option<String>,
    /// Whose word is taken; `None`: that of Debian's keyring on this machine.
    pub trust: Option<Trust>,
    /// Nothing is fetched.
    pub offline: bool,
}

/// What a change did.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The sysroot; `None` if nothing was left in it and it was removed.
    pub sysroot: Option<Sysroot>,
    /// Whether anything is other than before.
    pub changed: bool,
    /// Bytes of packages that were fetched.
    pub fetched: u64,
}

impl Request<'_> {
    /// The name of the sysroot: `aarch64-bookworm`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.machine.name, self.suite.name)
    }

    /// The sysroot as it is now.
    pub fn current(&self, cache: &Cache) -> Result<Option<Sysroot>> {
        let link = cache.sysroots().join(self.name());
        if fs::symlink_metadata(&link).is_err() { Ok(None) } else { Sysroot::open(&link).map(Some) }
    }

    /// Adds packages with what they need. With `update`, all packages are those that the mirror has now; without it, the
    /// mirror is only asked if something is lacking.
    pub fn add(&self, cache: &Cache, names: &[String], update: bool, report: Report<'_>) -> Result<Changed> {
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(Error::usage(format!("`{}` is no name of a package of Debian", name.escape_debug())));
        }
        let _guard = cache.lock(&self.name(), report)?;
        let before = self.current(cache)?;
        let had: BTreeSet<&String> = before.iter().flat_map(|one| &one.manifest.roots).collect();
        let roots: BTreeSet<&String> = had.iter().copied().chain(names).collect();
        // Who asks for packages wants to know what belongs to them, too.
        let told = before.iter().flat_map(|one| &one.manifest.packages).all(|held| held.needs.is_some());
        if roots == had && told && !update && self.mirror.is_none() && before.is_some() {
            return Ok(Changed { sysroot: before, changed: false, fetched: 0 });
        }
        let roots = roots.into_iter().cloned().collect();
        self.make(cache, before.as_ref(), roots, report)
    }

    /// Takes packages out with what only they need; all of it, if no name is given.
    pub fn remove(&self, cache: &Cache, names: &[String], report: Report<'_>) -> Result<Changed> {
        let guard = cache.lock(&self.name(), report)?;
        let Some(before) = self.current(cache)? else {
            return Err(Error::usage(format!("there is no sysroot {}", self.name())).hint(known(cache)?));
        };
        let roots = &before.manifest.roots;
        if let Some(name) = names.iter().find(|name| !roots.contains(name)) {
            return Err(Error::usage(format!("`{name}` was not asked for in the sysroot {}", self.name()))
                .hint(format!("asked for: {}", roots.join(", "))));
        }
        let left: Vec<String> = roots.iter().filter(|one| !names.contains(one)).cloned().collect();
        let changed = if names.is_empty() || left.is_empty() {
            fs::remove_file(&before.link).context("removing", &before.link)?;
            // And those that it has replaced: nobody is to use any of them.
            let prefix = format!("{}.", self.name());
            let of_this = |path: &PathBuf| {
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
            };
            for path in folders(&cache.sysroots())?.into_iter().filter(of_this) {
                remove_tree(&path).context("removing", &path)?;
            }
            Changed { sysroot: None, changed: true, fetched: 0 }
        } else {
            self.make(cache, Some(&before), left, report)?
        };
        drop(guard);
        sweep(cache, &self.table.skipped().id()?)?;
        Ok(changed)
    }

    /// Makes the sysroot of these names and lets the link lead there.
    fn make(
        &self,
        cache: &Cache,
        before: Option<&Sysroot>,
        roots: Vec<String>,
        report: Report<'_>,
    ) -> Result<Changed> {
        let mirror =
            self.mirror.as_deref().or(before.map(|one| one.manifest.mirror.as_str())).unwrap_or(MIRROR);
        let trust = match &self.trust {
            Some(trust) => trust.clone(),
            None => Trust::debian()?,
        };
        let origin = Origin {
            mirror: Origin::check_mirror(mirror)?,
            suite: self.suite.name.clone(),
            architecture: self.machine.debian.clone(),
            trust,
            offline: self.offline,
        };
        let loaded = origin.load(cache, report)?;
        let resolved = resolve(&loaded.index, &roots, &|name| self.table.is_left_out(name), &origin.place())?;
        let fetched = origin.provide(cache, &resolved.packages, self.table.skipped(), report)?;
        let held = |(one, needs): (&&super::packages::Package, Vec<String>)| Held {
            name: one.name.clone(),
            version: one.version.clone(),
            sha256: one.sha256.clone(),
            needs: Some(needs),
        };
        let manifest = Manifest {
            machine: self.machine.name.clone(),
            suite: self.suite.name.clone(),
            release: loaded.release.version,
            mirror: origin.mirror,
            index: loaded.sha256,
            signers: loaded.signers,
            roots,
            packages: resolved.packages.iter().zip(resolved.needs).map(held).collect(),
            left_out: resolved.left_out,
        };
        let sysroot = put(cache, &self.name(), &manifest, &self.table.skipped().id()?)?;
        let changed = before.is_none_or(|before| before.path != sysroot.path);
        Ok(Changed { sysroot: Some(sysroot), changed, fetched })
    }
}

/// Puts a sysroot together, unless it is there, and lets its link lead to it.
fn put(cache: &Cache, name: &str, manifest: &Manifest, skipped: &str) -> Result<Sysroot> {
    let text = serde_json::to_string_pretty(manifest)
        .map_err(|error| Error::failed(format!("cannot write what is in the sysroot: {error}")))?;
    let id = hex::digits(&Sha256::digest(format!("{FORMAT}\n{skipped}\n{text}"))[..6]);
    let path = cache.sysroots().join(format!("{name}.{id}"));
    if !path.is_dir() {
        let part = cache.part("sysroots")?;
        let parts: Vec<Part> = manifest
            .packages
            .iter()
            .map(|one| Part { name: one.name.clone(), path: cache.package(&one.sha256, skipped) })
            .collect();
        assemble(&parts, part.path())?;
        let file = part.path().join(MANIFEST);
        fs::write(&file, text + "\n").context("writing", &file)?;
        // A folder for temporary files is its owner's alone; this one may be read as any other.
        fs::set_permissions(part.path(), fs::Permissions::from_mode(0o755))
            .context("opening up", part.path())?;
        fs::rename(part.path(), &path).context("keeping", &path)?;
        let _ = part.keep();
    }
    let link = cache.sysroots().join(name);
    let fresh = cache.sysroots().join(format!(".link-{name}"));
    // Under the lock of this sysroot: what is left there is of somebody who was killed.
    if fs::symlink_metadata(&fresh).is_ok() {
        fs::remove_file(&fresh).context("removing", &fresh)?;
    }
    symlink(format!("{name}.{id}"), &fresh).context("linking", &fresh)?;
    fs::rename(&fresh, &link).context("linking", &link)?;
    Sysroot::open(&link)
}
