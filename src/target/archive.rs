//! A mirror of Debian: from its address to an index that was verified, and to packages in the cache.
//!
//! What is checked, in this order: the signature of the release by a key of the keyring (unless the mirror's word is
//! taken); that it is the release that was asked for; the index by the SHA-256 that the release lists; each package by
//! the SHA-256 that the index lists. Nothing is unpacked before that.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::fetch::{Item, fetch};
use super::machine::Skipped;
use super::packages::{Index, Package};
use super::release::{Listed, Release};
use super::signature::{self, Trust};
use super::unpack::Unpacking;
use super::{Cache, Report, Step, deb};
use crate::build::interrupt;
use crate::error::{Error, IoContext, Result};
use crate::hex;

/// Where packages come from, if nothing else is said. Plain http, as Debian's own installations use it: what comes is
/// held against signed digests.
pub const MIRROR: &str = "http://deb.debian.org/debian";

/// Most bytes of a `Release` file; those of Debian have 0.2 MB.
const MOST_RELEASE: u64 = 16 << 20;

/// Most bytes of an index, inflated; those of Debian have 56 MB.
const MOST_INDEX: u64 = 1 << 30;

/// A release of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Address of the mirror, without a slash at its end: http, https or file.
    pub mirror: String,
    /// The release: `bookworm`.
    pub suite: String,
    /// Debian's name of the machine.
    pub architecture: String,
    /// Whose word is taken.
    pub trust: Trust,
    /// Nothing is fetched; what is lacking is an error.
    pub offline: bool,
}

/// An index that was verified.
#[derive(Debug)]
pub struct Loaded {
    /// The packages.
    pub index: Index,
    /// The release that lists it.
    pub release: Release,
    /// SHA-256 of the index, in hexadecimal digits.
    pub sha256: String,
    /// Fingerprints of the keys that signed the release; none if nobody looked.
    pub signers: Vec<String>,
}

impl Origin {
    /// Checks an address of a mirror, and takes slashes off its end.
    pub fn check_mirror(mirror: &str) -> Result<String> {
        if !["http://", "https://", "file:///"].iter().any(|scheme| mirror.starts_with(scheme)) {
            return Err(Error::usage(format!("`{mirror}` is no address of a mirror"))
                .hint(format!("an address is such as {MIRROR}: http, https or file")));
        }
        Ok(mirror.trim_end_matches('/').to_owned())
    }

    /// For messages: the release and the machine.
    #[must_use]
    pub fn place(&self) -> String {
        format!("Debian {} for {}", self.suite, self.architecture)
    }

    /// Fetches and verifies the index.
    pub fn load(&self, cache: &Cache, report: Report<'_>) -> Result<Loaded> {
        let (release, signers) = self.release(cache, report)?;
        let listed = release.packages(&self.architecture).ok_or_else(|| {
            Error::failed(format!("{} of {} has no index for {}", self.suite, self.mirror, self.architecture))
                .hint("the mirror may leave this machine out; --mirror names another one")
        })?;
        let packed = self.index(cache, &release, &listed, report)?;
        let wrong = |what: String| Error::failed(format!("the index of {} {what}", self.place()));
        let text = deb::inflated(&listed.path, &packed, MOST_INDEX)
            .map_err(|what| wrong(format!("cannot be read: {what}")))?;
        let text = String::from_utf8(text).map_err(|_| wrong("is not UTF-8".into()))?;
        let index = Index::parse(&text).map_err(|what| wrong(format!("is not sound: {what}")))?;
        Ok(Loaded { index, release, sha256: listed.sha256, signers })
    }

    fn address(&self, path: &str) -> String {
        format!("{}/dists/{}/{path}", self.mirror, self.suite)
    }

    /// The release, from the mirror or, offline, as it was fetched last.
    fn release(&self, cache: &Cache, report: Report<'_>) -> Result<(Release, Vec<String>)> {
        let name = if self.trust == Trust::Mirror { "Release" } else { "InRelease" };
        let key = hex::digits(&Sha256::digest(format!("{}\n{}", self.mirror, self.suite))[..8]);
        let folder = cache.folder(&format!("lists/{key}"))?;
        let kept = folder.join(name);
        let (release, signers) = if self.offline {
            if !kept.is_file() {
                return Err(lacking(&format!("the release file of {} from {}", self.suite, self.mirror)));
            }
            self.read_release(&kept)?
        } else {
            let part = tempfile::NamedTempFile::new_in(&folder).context("making a file in", &folder)?;
            let item = Item { url: self.address(name), path: part.path().to_owned(), most: MOST_RELEASE };
            fetch(&[item], "the release file", 0, report)?;
            let read = self.read_release(part.path()).map_err(|error| Error {
                message: error.message.replace(&part.path().display().to_string(), &self.address(name)),
                ..error
            })?;
            part.persist(&kept).map_err(|failed| failed.error).context("keeping", &kept)?;
            read
        };
        if release.codename != self.suite {
            return Err(Error::failed(format!(
                "{} is of `{}`, and `{}` was asked for",
                self.address(name),
                release.codename.escape_debug(),
                self.suite
            ))
            .hint("the mirror gives another release than it says; use another one with --mirror"));
        }
        Ok((release, signers))
    }

    fn read_release(&self, file: &Path) -> Result<(Release, Vec<String>)> {
        let (text, signers) = match &self.trust {
            Trust::Keyring(keyring) => {
                let signed = signature::check(file, keyring)?;
                (signed.text, signed.signers)
            }
            Trust::Mirror => (fs::read(file).context("reading", file)?, Vec::new()),
        };
        let release = Release::parse(&String::from_utf8_lossy(&text))
            .map_err(|what| Error::failed(format!("{}: {what}", file.display())))?;
        Ok((release, signers))
    }

    /// The bytes of the index, held against their digest.
    fn index(
        &self,
        cache: &Cache,
        release: &Release,
        listed: &Listed,
        report: Report<'_>,
    ) -> Result<Vec<u8>> {
        let folder = cache.folder("lists/by-hash")?;
        let kept = folder.join(&listed.sha256);
        if let Ok(bytes) = fs::read(&kept)
            && digest(&bytes) == listed.sha256
        {
            return Ok(bytes);
        }
        if self.offline {
            return Err(lacking(&format!("the index of {}", self.place())));
        }
        let part = tempfile::NamedTempFile::new_in(&folder).context("making a file in", &folder)?;
        let url = self.address(&listed.address(release.by_hash));
        let item = Item { url: url.clone(), path: part.path().to_owned(), most: listed.size };
        fetch(&[item], "the index of packages", listed.size, report)?;
        let bytes = fs::read(part.path()).context("reading", part.path())?;
        verify(&bytes, listed.size, &listed.sha256, &url, "the release lists")?;
        part.persist(&kept).map_err(|failed| failed.error).context("keeping", &kept)?;
        Ok(bytes)
    }

    /// Sees to it that all these packages are in the cache, unpacked. How many bytes were fetched.
    pub fn provide(
        &self,
        cache: &Cache,
        packages: &[&Package],
        skipped: &Skipped,
        report: Report<'_>,
    ) -> Result<u64> {
        let id = skipped.id()?;
        let lacking_ones: Vec<&Package> =
            packages.iter().copied().filter(|one| !cache.package(&one.sha256, &id).is_dir()).collect();
        if lacking_ones.is_empty() {
            return Ok(0);
        }
        if self.offline {
            let names: Vec<String> =
                lacking_ones.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
            return Err(lacking(&names.join(", ")));
        }
        let folder = cache.part("packages")?;
        let path = |package: &Package| folder.path().join(format!("{}.deb", package.sha256));
        let items: Vec<Item> = lacking_ones
            .iter()
            .map(|one| Item {
                url: format!("{}/{}", self.mirror, one.filename),
                path: path(one),
                most: one.size,
            })
            .collect();
        let total = lacking_ones.iter().map(|one| one.size).sum();
        let what = format!("{} packages", lacking_ones.len());
        fetch(&items, &what, total, report)?;
        report(Step::Unpacking { packages: lacking_ones.len() });
        let work: Vec<(&Package, PathBuf)> = lacking_ones.iter().map(|one| (*one, path(one))).collect();
        unpack_all(cache, &work, skipped)?;
        Ok(total)
    }
}

/// Unpacks packages on all processors; the first failure, by the order of the packages, is the one that is told.
fn unpack_all(cache: &Cache, work: &[(&Package, PathBuf)], skipped: &Skipped) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(work.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((package, file)) = work.get(at) else { break };
                    let done = interrupt::check().and_then(|()| unpack_one(cache, package, file, skipped));
                    if let Err(error) = done {
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push((at, error));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|(at, _)| *at);
    failures.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

/// Verifies one package and unpacks it: whole or not at all.
fn unpack_one(cache: &Cache, package: &Package, file: &Path, skipped: &Skipped) -> Result<()> {
    let bytes = fs::read(file).context("reading", file)?;
    let label = format!("{} {}", package.name, package.version);
    verify(&bytes, package.size, &package.sha256, &label, "the index lists")?;
    let part = cache.part("packages")?;
    deb::unpack(&bytes, &Unpacking { into: part.path(), label: &label, skipped })?;
    let there = cache.package(&package.sha256, &skipped.id()?);
    match fs::rename(part.path(), &there) {
        // Another process was faster; its content is the same.
        Err(_) if there.is_dir() => Ok(()),
        Err(error) => Err(Error::io("keeping", there, &error)),
        Ok(()) => {
            // What `part` would remove has another name now.
            let _ = part.keep();
            Ok(())
        }
    }
}

fn verify(bytes: &[u8], size: u64, sha256: &str, what: &str, who: &str) -> Result<()> {
    let (there, found) = (bytes.len() as u64, digest(bytes));
    if there == size && found == sha256 {
        return Ok(());
    }
    let message = if there == size {
        format!("{what} has the SHA-256 {found}, and {who} {sha256}")
    } else {
        format!("{what} has {there} bytes, and {who} {size}")
    };
    Err(Error::failed(message)
        .hint("the mirror is damaged or was tampered with; use another one with --mirror"))
}

fn digest(bytes: &[u8]) -> String {
    hex::digits(&Sha256::digest(bytes))
}

fn lacking(what: &str) -> Error {
    Error::failed(format!("--offline: not in the cache: {what}")).hint("run it once without --offline")
}

/// An index that was fetched before, by its digest; `None` if it is not in the cache any more. It was verified then.
#[must_use]
pub fn kept(cache: &Cache, sha256: &str) -> Option<Index> {
    // The names say nothing of how they are packed: xz and gzip by their magic numbers.
    let bytes = fs::read(cache.root().join("lists/by-hash").join(sha256)).ok()?;
    let name = match bytes.get(..2)? {
        b"\xfd7" => "Packages.xz",
        b"\x1f\x8b" => "Packages.gz",
        _ => "Packages",
    };
    let text = String::from_utf8(deb::inflated(name, &bytes, MOST_INDEX).ok()?).ok()?;
    Index::parse(&text).ok()
}
