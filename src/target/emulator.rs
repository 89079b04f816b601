//! What runs programs of the target while a build goes on (`--run-tests-with qemu`): QEMU's user mode with the libraries of
//! a sysroot. That of the system and of the kernel is never changed; see [`super::namespace`] for how the kernel is told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::namespace::Namespace;
use super::runner::find_qemu;
use super::{Cache, Sysroot, Table, binfmt, inventory};
use crate::elf;
use crate::environment as vars;
use crate::error::{Error, Result};
use crate::toolchain::cross::Machine;
use crate::topology::{Family, LibcVersion};

/// An emulator with its libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// The machine, as in platform tags.
    pub machine: String,
    /// The program of QEMU.
    pub program: PathBuf,
    /// Where the programs find their dynamic loader and libraries; `None` for a C library that is linked statically.
    pub root: Option<PathBuf>,
}

impl Emulator {
    /// Finds what runs programs of a family's target; `None` if this machine itself does.
    ///
    /// `root` is where libraries of the target are, if the caller knows; without a dynamic loader in it, it is a sysroot of
    /// the cache whose glibc is as new as the family's at least.
    pub fn find(machine: &Machine, family: &Family, root: Option<&Path>) -> Result<Option<Self>> {
        if machine.name == std::env::consts::ARCH {
            return Ok(None);
        }
        let Some(qemu) = &machine.qemu else {
            return Err(Error::failed(format!("QEMU has no user mode for {}", machine.name)));
        };
        let program = find_qemu(qemu, &machine.name)?;
        let loads = |root: &&Path| machine.loader.as_ref().is_some_and(|loader| root.join(loader).exists());
        // What zig links with musl is static.
        let root = match (root.filter(loads), family.target.libc.as_str()) {
            (Some(root), _) => Some(root.to_owned()),
            (None, "gnu") => Some(sysroot(&Cache::find()?, machine, family.libc_version)?.path),
            (None, _) => None,
        };
        Ok(Some(Self { machine: machine.name.clone(), program, root }))
    }

    /// The words ahead of a program and its arguments.
    #[must_use]
    pub fn command(&self) -> Vec<OsString> {
        let root = self.root.iter().flat_map(|root| ["-L".into(), root.into()]);
        std::iter::once(self.program.clone().into()).chain(root).collect()
    }

    /// What a program that the kernel starts by it reads in the environment.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, Option<OsString>)> {
        let root = self.root.clone().map(Into::into);
        vec![(vars::QEMU_LD_PREFIX.into(), root)]
    }

    /// A namespace in which the kernel knows it. `mountpoint` is an empty folder.
    pub fn namespace(&self, mountpoint: &Path) -> Result<Namespace> {
        let machine = elf::of_triple(&self.machine).ok_or_else(|| {
            Error::failed(format!("it is not known how the kernel knows programs of {}", self.machine))
        })?;
        Ok(Namespace::new(machine, &self.program, mountpoint))
    }

    /// For people: the program, and where its libraries are from.
    #[must_use]
    pub fn told(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        match &self.root {
            Some(root) => format!("{name} with libraries of {}", root.display()),
            None => name.into_owned(),
        }
    }
}

/// Machines whose programs run on this one anyhow, with what runs them: by a registration of the system's own.
pub fn registered() -> Result<Vec<(String, PathBuf)>> {
    let table = Table::builtin()?;
    let others = table.machines().filter(|machine| !machine.is_host());
    let by = |machine: &super::Machine| binfmt::registered(Path::new(binfmt::HOST), machine.elf()?);
    Ok(others.filter_map(|machine| by(machine).map(|program| (machine.name.clone(), program))).collect())
}

/// Whether the kernel can be told of an emulator for one build alone; the error says what was tried.
pub fn possible() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| Error::failed(format!("making a folder: {error}")))?;
    // Any emulator does: nothing is run by it.
    let machine = elf::of_triple("aarch64").ok_or_else(|| Error::failed("aarch64 is not known"))?;
    Namespace::new(machine, Path::new("/bin/true"), folder.path()).probe()
}

/// The sysroot whose glibc is new enough; of several, the one with the oldest.
fn sysroot(cache: &Cache, machine: &Machine, wanted: Option<LibcVersion>) -> Result<Sysroot> {
    let wanted = wanted.map_or((0, 0), |version| (version.0, version.1));
    let mut all: Vec<Sysroot> = inventory::list(cache)?;
    all.retain(|one| one.manifest.machine == machine.name);
    let newest = all.iter().filter_map(Sysroot::glibc).max();
    all.retain(|one| one.glibc().is_some_and(|has| has >= wanted));
    all.sort_by_key(Sysroot::glibc);
    all.into_iter().next().ok_or_else(|| {
        let (name, version) = (&machine.name, LibcVersion(wanted.0, wanted.1));
        match newest {
            Some((major, minor)) => Error::failed(format!(
                "programs for glibc {version} do not run with the glibc {major}.{minor} of the sysroot for {name}"
            ))
            .hint(format!("`crosswheel python add {name}` of a later Debian (--debian), or a family with an older glibc")),
            None => Error::failed(format!("there is no C library of {name} here, with which its programs would run"))
                .hint(format!("`crosswheel python add {name}`")),
        }
    })
}
