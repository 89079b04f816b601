//! A made-up archive of Debian on the local file system: packages made byte by byte, an index, a release, a key that signs
//! it. Each part can be wrong in one way.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// An entry of a package.
#[derive(Clone)]
pub(crate) enum Entry {
    Folder,
    File(&'static str),
    Program(&'static str),
    Link(&'static str),
    HardLink(&'static str),
    Device,
}

pub(crate) use Entry::{Device, File, Folder, HardLink, Link, Program};

/// A tar archive; names are written as they are, however wrong.
pub(crate) fn tar(entries: &[(&str, Entry)]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, entry) in entries {
        let mut header = tar::Header::new_gnu();
        let (kind, text, link, mode) = match entry {
            Folder => (tar::EntryType::Directory, "", "", 0o755),
            File(text) => (tar::EntryType::Regular, *text, "", 0o644),
            Program(text) => (tar::EntryType::Regular, *text, "", 0o4755),
            Link(target) => (tar::EntryType::Symlink, "", *target, 0o777),
            HardLink(target) => (tar::EntryType::Link, "", *target, 0o644),
            Device => (tar::EntryType::Char, "", "", 0o666),
        };
        header.set_entry_type(kind);
        header.set_size(text.len() as u64);
        header.set_mode(mode);
        header.set_mtime(1_600_000_000);
        let raw = header.as_old_mut();
        raw.name[..name.len()].copy_from_slice(name.as_bytes());
        raw.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        out.append(&header, text.as_bytes()).unwrap();
    }
    out.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A package file: ar with three members (deb(5)).
pub(crate) fn deb(data_name: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", &tar(&[])), (data_name, data)] {
        writeln!(out, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", bytes.len()).unwrap();
        out.extend(bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The archive, and a cache of its own for those who use it.
pub(crate) struct Archive {
    pub(crate) dir: TempDir,
    index: String,
}

impl Archive {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["mirror/pool", "mirror/dists/bookworm/main/binary-arm64", "gnupg", "cache", "tmp"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        Self { dir, index: String::new() }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Adds a package with these entries.
    pub(crate) fn package(
        &mut self,
        name: &str,
        version: &str,
        fields: &str,
        entries: &[(&str, Entry)],
    ) -> PathBuf {
        self.package_of(name, version, fields, &deb("data.tar.gz", &gzip(&tar(entries))))
    }

    /// Adds a package with these bytes.
    pub(crate) fn package_of(&mut self, name: &str, version: &str, fields: &str, bytes: &[u8]) -> PathBuf {
        let file = format!("pool/{name}_{version}_arm64.deb");
        let path = self.at("mirror").join(&file);
        fs::write(&path, bytes).unwrap();
        let end = if fields.is_empty() { "" } else { "\n" };
        write!(
            self.index,
            "Package: {name}\nVersion: {version}\nArchitecture: arm64\n{fields}{end}Filename: {file}\nSize: {}\nSHA256: {}\n\n",
            bytes.len(),
            sha256(bytes)
        )
        .unwrap();
        path
    }

    pub(crate) fn release_folder(&self) -> PathBuf {
        self.at("mirror/dists/bookworm")
    }

    /// Writes the index and the release, and signs it by the key of a name.
    pub(crate) fn publish(&self, key: &str) {
        self.publish_as("bookworm", key);
    }

    pub(crate) fn publish_as(&self, codename: &str, key: &str) {
        let packed = gzip(self.index.as_bytes());
        let folder = self.release_folder();
        fs::write(folder.join("main/binary-arm64/Packages.gz"), &packed).unwrap();
        let release = format!(
            "Origin: Test\nCodename: {codename}\nVersion: 12.0\nSHA256:\n {} {} main/binary-arm64/Packages.gz\n",
            sha256(&packed),
            packed.len()
        );
        fs::write(folder.join("Release"), release).unwrap();
        self.sign(key);
    }

    /// Signs the release; makes the key and its keyring `NAME.gpg` if they are not there.
    pub(crate) fn sign(&self, key: &str) {
        let keyring = self.at(&format!("{key}.gpg"));
        let user = format!("{key}@example.org");
        if !keyring.exists() {
            self.gpg(&["--passphrase", "", "--quick-gen-key", &user, "ed25519", "sign", "never"]);
            self.gpg(&["--output", keyring.to_str().unwrap(), "--export", &user]);
        }
        let folder = self.release_folder();
        let (from, to) = (folder.join("Release"), folder.join("InRelease"));
        let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
        self.gpg(&["--yes", "--local-user", &user, "--output", to, "--clearsign", from]);
    }

    fn gpg(&self, args: &[&str]) {
        let out = Command::new("gpg")
            .args(["--homedir", self.at("gnupg").to_str().unwrap(), "--batch", "--pinentry-mode", "loopback"])
            .args(args)
            .output()
            .expect("gpg: run tests/setup.sh");
        assert!(out.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// `crosswheel` with a cache of its own.
    pub(crate) fn crosswheel(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.env("XDG_CACHE_HOME", self.at("cache")).env("TMPDIR", self.at("tmp"));
        command.env_remove("CROSSWHEEL_DEBIAN_MIRROR");
        command
    }

    /// `crosswheel sysroot add aarch64 …` from this archive, which is signed by `test`.
    pub(crate) fn add(&self, args: &[&str]) -> Output {
        let keyring = self.at("test.gpg");
        self.add_by(&[&["--keyring", keyring.to_str().unwrap()], args].concat())
    }

    pub(crate) fn add_by(&self, args: &[&str]) -> Output {
        let mirror = format!("file://{}", self.at("mirror").display());
        self.crosswheel()
            .args(["sysroot", "add", "aarch64", "--mirror", &mirror])
            .args(args)
            .output()
            .unwrap()
    }

    /// The sysroot that is now meant.
    pub(crate) fn sysroot(&self) -> PathBuf {
        self.at("cache/crosswheel/target/sysroots/aarch64-bookworm")
    }

    /// Names in a folder of the cache, sorted.
    pub(crate) fn list(&self, folder: &str) -> Vec<String> {
        names(&self.at("cache/crosswheel/target").join(folder))
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // The agent that gpg started for this key.
        let kill =
            Command::new("gpgconf").arg("--homedir").arg(self.at("gnupg")).args(["--kill", "all"]).output();
        drop(kill);
    }
}

/// Names in a folder, sorted; none if it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What it printed, when it must be well.
pub(crate) fn done(out: &Output) -> String {
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{told}");
    String::from_utf8(out.stdout.clone()).unwrap()
}

/// What it told, when it must fail by this code.
pub(crate) fn refused(out: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(code), "{told}");
    told
}
