//! Runs the Python of a sysroot: in an environment like any other virtual environment, but that its `bin/python` is a
//! script, which starts QEMU's user mode with the real one. Whatever starts that `python` (a console script, a test that
//! runs `sys.executable`) needs to know nothing of QEMU, and nothing is registered with the kernel.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::python::TargetPython;
use super::{Machine, Sysroot};
use crate::environment;
use crate::error::{Error, IoContext, Result};

/// What runs programs of a machine here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// This program of QEMU's user mode.
    Qemu(PathBuf),
    /// The processor itself, by the dynamic loader of the sysroot.
    Native,
}

impl Runner {
    /// Finds what runs programs of a machine. Debian has the programs of QEMU under two names.
    pub fn find(machine: &Machine) -> Result<Self> {
        if machine.is_host() {
            return Ok(Self::Native);
        }
        find_qemu(&machine.qemu, &machine.name).map(Self::Qemu)
    }

    /// For people: the program's name, or `native`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Qemu(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Native => "native".to_owned(),
        }
    }

    /// The command that runs the Python of a sysroot and lets it believe that it is `name`.
    #[must_use]
    pub fn command(
        &self,
        sysroot: &Sysroot,
        machine: &Machine,
        python: &TargetPython,
        name: &Path,
    ) -> Vec<OsString> {
        let root = &sysroot.path;
        let words: Vec<OsString> = match self {
            Self::Qemu(qemu) => vec![qemu.into(), "-L".into(), root.into(), "-0".into(), name.into()],
            Self::Native => {
                let mut libraries = root.join("usr/lib").join(&machine.triplet).into_os_string();
                libraries.push(":");
                libraries.push(root.join("usr/lib"));
                vec![
                    root.join(&machine.loader).into(),
                    "--inhibit-cache".into(),
                    "--library-path".into(),
                    libraries,
                    "--argv0".into(),
                    name.into(),
                ]
            }
        };
        words.into_iter().chain([python.executable.clone().into()]).collect()
    }
}

/// The program of QEMU's user mode that is called `name`, with `-static` or without, for a machine.
pub(super) fn find_qemu(name: &str, machine: &str) -> Result<PathBuf> {
    let names = [format!("{name}-static"), name.to_owned()];
    names.iter().find_map(|name| which::which(name).ok()).ok_or_else(|| {
        Error::failed(format!("{} is not there, so that nothing of {machine} can be run", names[0]))
            .hint("`apt install qemu-user-static` (qemu-user since trixie)")
    })
}

/// An environment with a Python of another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its folder.
    pub root: PathBuf,
    /// Its Python, which can be called like any program.
    pub python: PathBuf,
    /// Where packages go.
    pub site: PathBuf,
}

impl Environment {
    /// Makes one in a folder, which is made.
    pub fn create(
        root: &Path,
        sysroot: &Sysroot,
        machine: &Machine,
        python: &TargetPython,
        runner: &Runner,
    ) -> Result<Self> {
        let (bin, site) =
            (root.join("bin"), root.join(format!("lib/python{}/site-packages", python.version)));
        for folder in [&bin, &site] {
            fs::create_dir_all(folder).context("making", folder)?;
        }
        // As `venv` writes it: where the standard library is found from.
        let settings = root.join("pyvenv.cfg");
        let text = format!(
            "home = {}\ninclude-system-site-packages = false\nversion = {}\n",
            python.home.join("bin").display(),
            python.full_version
        );
        fs::write(&settings, text).context("writing", &settings)?;
        let script = bin.join("python");
        let mut text = b"#!/bin/sh\nexec".to_vec();
        for word in runner.command(sysroot, machine, python, &script) {
            let quoted = shlex::bytes::try_quote(word.as_encoded_bytes())
                .map_err(|error| Error::failed(format!("{}: {error}", word.display())))?;
            text.push(b' ');
            text.extend_from_slice(&quoted);
        }
        text.extend_from_slice(b" \"$@\"\n");
        fs::write(&script, text).context("writing", &script)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).context("writing", &script)?;
        for name in ["python3".to_owned(), format!("python{}", python.version)] {
            let link = bin.join(name);
            std::os::unix::fs::symlink("python", &link).context("linking", &link)?;
        }
        Ok(Self { root: root.to_owned(), python: script, site })
    }
}

/// What differs for a command that runs in an environment: its scripts come first on PATH, and nothing that the caller set
/// for this machine's Python or libraries reaches it.
#[must_use]
pub fn variables(root: &Path) -> Vec<(OsString, Option<OsString>)> {
    let mut path = root.join("bin").into_os_string();
    if let Some(before) = std::env::var_os(environment::PATH) {
        path.push(":");
        path.push(before);
    }
    let set = |name: &str, value: OsString| (OsString::from(name), Some(value));
    let mut all = vec![set(environment::PATH, path), set(environment::VIRTUAL_ENV, root.into())];
    let gone = [
        environment::PYTHONHOME,
        environment::PYTHONPATH,
        environment::LD_LIBRARY_PATH,
        environment::LD_PRELOAD,
    ];
    all.extend(gone.map(|name| (OsString::from(name), None)));
    all
}
