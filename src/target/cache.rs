//! Where sysroots and what they are made of are kept, and who may change it when.
//!
//! ```text
//! lists/<digest>/        the Release file of one release of one mirror, as it was fetched last
//! lists/by-hash/<sha256> indexes
//! packages/<sha256>.<id> packages, unpacked; each is there whole or not at all, and never changed
//! sysroots/<name>        a link to the sysroot that is now meant
//! sysroots/<name>.<id>/  sysroots, never changed
//! ```
//!
//! Who makes a sysroot holds its lock alone, and the lock of the cache together with others; who removes what nobody
//! needs holds the lock of the cache alone. Who only reads holds none: what a link led to stays for a day.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Report, Step};
use crate::environment;
use crate::error::{Error, IoContext, Result};
use crate::lock::Lock;

/// The folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// What keeps others away while it lives.
#[derive(Debug)]
pub struct Guard {
    #[expect(dead_code, reason = "a lock lasts as long as it lives")]
    locks: [Lock; 2],
}

impl Cache {
    /// The one of this user.
    pub fn find() -> Result<Self> {
        environment::cache("target").map(Self::at).ok_or_else(|| {
            Error::failed("there is no place for caches: neither XDG_CACHE_HOME nor HOME is an absolute path")
                .hint("set XDG_CACHE_HOME")
        })
    }

    /// One in a folder, which need not be there.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a folder of it.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).context("making", &path)?;
        Ok(path)
    }

    /// Where sysroots are.
    #[must_use]
    pub fn sysroots(&self) -> PathBuf {
        self.root.join("sysroots")
    }

    /// Where a package is, or will be, unpacked; `skipped` names what is left out of it.
    #[must_use]
    pub fn package(&self, sha256: &str, skipped: &str) -> PathBuf {
        self.root.join("packages").join(format!("{sha256}.{skipped}"))
    }

    /// Takes the locks that are needed to make a sysroot; waits for whoever has them.
    pub fn lock(&self, sysroot: &str, report: Report<'_>) -> Result<Guard> {
        let all = self.lock_file("all")?;
        all.lock_shared().context("locking", &self.root)?;
        let one = self.lock_file(sysroot)?;
        match one.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                report(Step::Waiting);
                one.lock().context("locking", self.root.join(sysroot))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::io("locking", self.root.join(sysroot), &error));
            }
        }
        Ok(Guard { locks: [Lock::held(all), Lock::held(one)] })
    }

    /// Takes the lock that is needed to remove things; `None` if somebody makes a sysroot now.
    pub fn lock_alone(&self) -> Result<Option<Lock>> {
        let all = self.lock_file("all")?;
        Ok(all.try_lock().is_ok().then(|| Lock::held(all)))
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.folder("locks")?.join(name);
        File::options().create(true).append(true).open(&path).context("opening", path)
    }

    /// A folder in which something is made, in the folder where it will be.
    pub(super) fn part(&self, folder: &str) -> Result<tempfile::TempDir> {
        let folder = self.folder(folder)?;
        tempfile::Builder::new().prefix(".part-").tempdir_in(&folder).context("making a folder in", folder)
    }
}
