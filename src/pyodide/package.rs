//! A release of Pyodide in our cache. npm fetches it, with the registry, proxies and credentials of its user; what comes is
//! held against the digest in our table, so that npm need not be trusted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Release;
use crate::build::{archive, process};
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
use crate::wheel::digest::Hasher;

/// A release that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// What it is.
    pub release: Release,
    /// Its folder, with `pyodide.mjs` and `python_stdlib.zip`.
    pub folder: PathBuf,
}

/// The file that node loads; also the sign that a folder of the cache is whole.
const LOADER: &str = "pyodide.mjs";

/// The release from the cache, or fetched into it; `announce` is told before anything is fetched.
pub fn provide(release: &Release, offline: bool, announce: &mut dyn FnMut(&str)) -> Result<Runtime> {
    let Some(home) = vars::cache("pyodide") else {
        return Err(Error::failed("there is no folder to keep Pyodide in")
            .hint("set HOME or XDG_CACHE_HOME to an absolute path"));
    };
    let runtime = Runtime { folder: home.join(&release.version), release: release.clone() };
    if runtime.folder.join(LOADER).is_file() {
        return Ok(runtime);
    }
    if offline {
        return Err(Error::failed(format!(
            "Pyodide {} is not in {}, and --offline fetches nothing",
            release.version,
            home.display()
        ))
        .hint("run once without --offline"));
    }
    announce(&format!(
        "fetching Pyodide {} by npm ({} MB, kept in {})",
        release.version,
        release.megabytes,
        home.display()
    ));
    fs::create_dir_all(&home).context("making", &home)?;
    // Whole or not at all: another call may be fetching it, too.
    let part =
        tempfile::Builder::new().prefix(".part-").tempdir_in(&home).context("making a folder in", &home)?;
    let packed = pack(release, part.path())?;
    verify(release, &packed)?;
    let unpacked = archive::unpack(&packed, part.path())?.root;
    if !unpacked.join(LOADER).is_file() {
        return Err(Error::failed(format!("Pyodide {} holds no {LOADER}", release.version)));
    }
    if let Err(error) = fs::rename(&unpacked, &runtime.folder)
        && !runtime.folder.join(LOADER).is_file()
    {
        // Else the other call was faster.
        return Err(Error::io("keeping", &runtime.folder, &error));
    }
    Ok(runtime)
}

/// Has npm fetch the package of a release into a folder.
fn pack(release: &Release, folder: &Path) -> Result<PathBuf> {
    let npm = which::which("npm").map_err(|_| {
        Error::failed(format!("there is no npm on PATH, by which Pyodide {} is fetched", release.version))
            .hint("`apt install npm`")
    })?;
    let name = format!("pyodide@{}", release.version);
    let mut command = Command::new(npm);
    command.args(["pack", "--ignore-scripts", &name]).current_dir(folder);
    process::answer(&mut command)?.map_err(|said| {
        let error =
            said.lines().find(|line| line.to_ascii_lowercase().contains("err")).unwrap_or("it says nothing");
        Error::failed(format!("fetching Pyodide {} by npm failed: {}", release.version, error.trim()))
            .hint("`npm config list` shows which registry and proxy it uses")
    })?;
    Ok(folder.join(format!("pyodide-{}.tgz", release.version)))
}

/// Holds a package against its digest.
fn verify(release: &Release, packed: &Path) -> Result<()> {
    let bytes = fs::read(packed).context("reading", packed)?;
    let expected = release.integrity.strip_prefix("sha512-").unwrap_or_default();
    let found = Hasher::new("sha512").map(|mut hasher| {
        hasher.update(&bytes);
        hasher.digest()
    });
    // RECORD's base64 has another alphabet and no padding.
    let plain = expected.trim_end_matches('=').replace('+', "-").replace('/', "_");
    if expected.is_empty() || found.as_deref() != Some(&plain) {
        return Err(Error::failed(format!(
            "what npm fetched as Pyodide {} is not what was published: its SHA-512 is another one",
            release.version
        ))
        .hint("a proxy or a mirror may have changed it; `npm config list` shows which are used"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pyodide::Releases;

    #[test]
    fn a_package_with_other_bytes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("p.tgz");
        fs::write(&packed, "abc").unwrap();
        let releases = Releases::builtin().unwrap();
        let mut release = releases.iter().next().unwrap().clone();
        assert!(verify(&release, &packed).unwrap_err().message.contains("SHA-512 is another one"));
        // Of `abc`, by `openssl dgst -sha512 -binary | base64`.
        release.integrity =
            "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
                .into();
        verify(&release, &packed).unwrap();
    }
}
