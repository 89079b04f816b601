//! Libraries of the target that a package links: from a system root of the user's, or from packages of Debian for the
//! target's machine. A build sees only these, in a folder of links that is made for it.
//!
//! | module | subject |
//! |---|---|
//! | [`view`] | the folder that a build sees, and what is kept out of it |
//! | [`pkg_config`] | descriptions that lead there; pkg-config, and what it was asked |
//! | [`linked`] | what was linked from there, and which package it is of |
//! | [`lack`] | what a build that failed looked for in vain |
//! | [`newer`] | symbols of static libraries that are newer than the wheel's tag |

pub mod lack;
pub mod linked;
pub mod newer;
pub mod pkg_config;
pub mod view;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Role;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::compiler::Own;
use crate::build::work::remove_tree;
use crate::build::{Event, Observer};
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
use crate::hex;
use crate::target::sysroot::{Held, MANIFEST, Request};
use crate::target::{self, Cache, Step, Sysroot, Table};
use crate::toolchain::cross::{Cross, Machine};
use crate::toolchain::path::find;
use crate::topology::Family;

pub use view::View;

/// Which kind of a library is linked, where both are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The archive: nothing is needed where the wheel runs.
    #[default]
    Static,
    /// The shared one.
    Shared,
}

/// Which libraries a build is to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A folder, or the name of one of our sysroots.
    pub sysroot: Option<PathBuf>,
    /// Packages of Debian.
    pub packages: Vec<String>,
    /// The release that they are of; `None` for the oldest known one that has the machine.
    pub suite: Option<String>,
    /// Static or shared.
    pub prefer: Prefer,
}

impl Wanted {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sysroot.is_none() && self.packages.is_empty()
    }

    /// Whether a family can have them.
    pub fn check(&self, family: &Family) -> Result<()> {
        if self.is_empty() || family.libc_version.is_some() {
            return Ok(());
        }
        Err(Error::usage(format!(
            "the family `{}` names no C library, and is built with this machine's own libraries",
            family.name
        ))
        .hint("--sysroot and --libraries are for families such as aarch64-linux-gnu.2.28"))
    }
}

/// A package that a build sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// Where it is unpacked.
    #[serde(skip)]
    pub files: PathBuf,
}

/// What a build sees of the target besides its C library.
#[derive(Clone, Debug)]
pub struct System {
    /// The folder of links.
    pub view: View,
    /// The system root that these lead into.
    pub root: PathBuf,
    /// The packages in it that are seen, by name; none if it is not known which there are.
    pub packages: Vec<Package>,
    /// Static or shared.
    pub prefer: Prefer,
}

/// Where a system root is, and what of it is seen.
struct Chosen {
    root: PathBuf,
    packages: Vec<Package>,
}

/// Makes what is wanted visible in `into`, a folder that is empty; `None` if nothing is wanted.
pub fn prepare(
    wanted: &Wanted,
    family: &Family,
    own: Own<'_>,
    into: &Path,
    offline: bool,
    observer: &mut dyn Observer,
) -> Result<Option<System>> {
    let machine = &own.cross.machine;
    let chosen = match &wanted.sysroot {
        Some(sysroot) => folder(sysroot, machine)?,
        None if wanted.packages.is_empty() => return Ok(None),
        None => debian(wanted, family, offline, observer)?,
    };
    let (trees, own_headers) = if chosen.packages.is_empty() {
        let tree = view::Tree { files: chosen.root.clone(), real: chosen.root.clone() };
        (vec![tree], own_headers(own)?)
    } else {
        // Which package is of the C library is known.
        let tree = |one: &Package| view::Tree { files: one.files.clone(), real: chosen.root.clone() };
        (chosen.packages.iter().map(tree).collect(), Vec::new())
    };
    let view = view::make(&trees, (machine, &family.target.libc), wanted.prefer, &own_headers, into)?;
    Ok(Some(System { view, root: chosen.root, packages: chosen.packages, prefer: wanted.prefer }))
}

/// A system root that the user names: a folder, or one of ours.
fn folder(named: &Path, machine: &Machine) -> Result<Chosen> {
    let is_name = named.components().count() == 1 && !named.is_dir();
    let place = match Cache::find() {
        Ok(cache) if is_name && cache.sysroots().join(named).is_dir() => cache.sysroots().join(named),
        _ => named.to_owned(),
    };
    if !place.is_dir() {
        let error = Error::usage(format!("there is no system root {}", named.display()));
        return Err(
            error.hint("a folder, or a name that `crosswheel sysroot ls` shows, such as aarch64-bookworm")
        );
    }
    let root = fs::canonicalize(&place).context("looking at", &place)?;
    if !root.join(MANIFEST).is_file() {
        return Ok(Chosen { root, packages: Vec::new() });
    }
    let sysroot = Sysroot::open(&root)?;
    if sysroot.manifest.machine != machine.name {
        return Err(Error::usage(format!(
            "the system root {} is for {}, and the family is for {}",
            named.display(),
            sysroot.manifest.machine,
            machine.name
        ))
        .hint(format!("`crosswheel sysroot add {} PACKAGE…` makes one", machine.name)));
    }
    let table = Table::builtin()?;
    let all = sysroot.manifest.packages.iter().filter(|one| !table.is_of_the_compiler(&one.name)).collect();
    of_packages(&sysroot, all, &table)
}

/// Packages of Debian with what they depend on, fetched if need be.
fn debian(wanted: &Wanted, family: &Family, offline: bool, observer: &mut dyn Observer) -> Result<Chosen> {
    if family.target.libc != "gnu" {
        return Err(Error::usage(format!(
            "libraries of Debian are for glibc, and the family `{}` is for {}",
            family.name, family.target.libc
        ))
        .hint("name a system root for it with --sysroot"));
    }
    let (cache, table) = (Cache::find()?, Table::builtin()?);
    let machine = table.machine(&family.target.machine)?;
    let suite = table.suite(machine, wanted.suite.as_deref(), None)?;
    let mirror = std::env::var(vars::CROSSWHEEL_DEBIAN_MIRROR).ok().filter(|value| !value.is_empty());
    let request = Request { table: &table, machine, suite, mirror: None, trust: None, offline };
    // A mirror that was named for the sysroot stays its mirror.
    let request = if request.current(&cache)?.is_none() { Request { mirror, ..request } } else { request };
    let mut last = String::new();
    let mut told = |step: Step| {
        let text = match step {
            Step::Fetching { what, .. } => {
                format!("fetching {what} of Debian {} for {}", suite.name, machine.name)
            }
            Step::Unpacking { packages } => format!("unpacking {packages} packages"),
            Step::Waiting => "waiting for another crosswheel that works on this sysroot".to_owned(),
        };
        if text == last {
            observer.event(Event::Tick);
        } else {
            observer.event(Event::Step(&text));
            last = text;
        }
    };
    let done = request.add(&cache, &wanted.packages, false, &mut told)?;
    let Some(sysroot) = done.sysroot else {
        return Err(Error::failed(format!("the sysroot {} is gone", request.name())));
    };
    let chosen = sysroot.closure(&wanted.packages, &table);
    if chosen.is_empty() {
        return Err(Error::usage(format!(
            "{} are what a compiler brings itself",
            wanted.packages.join(", ")
        ))
        .hint("name the packages that yours links, such as libffi-dev"));
    }
    of_packages(&sysroot, chosen, &table)
}

fn of_packages(sysroot: &Sysroot, held: Vec<&Held>, table: &Table) -> Result<Chosen> {
    let (cache, skipped) = (Cache::find()?, table.skipped().id()?);
    let package = |one: &Held| {
        let files = cache.package(&one.sha256, &skipped);
        if !files.is_dir() {
            return Err(Error::failed(format!(
                "the package {} {} is not in the cache any more",
                one.name, one.version
            ))
            .hint(format!("`crosswheel sysroot add {} {} --update`", sysroot.manifest.machine, one.name)));
        }
        let (name, version, sha256) = (one.name.clone(), one.version.clone(), one.sha256.clone());
        Ok(Package { name, version, sha256, files })
    };
    let packages = held.into_iter().map(package).collect::<Result<_>>()?;
    Ok(Chosen { root: sysroot.path.clone(), packages })
}

/// The folders in which the compiler looks for headers by itself. Those of this machine's libraries, in which Debian's
/// gcc looks last, are not meant.
fn own_headers(own: Own<'_>) -> Result<Vec<PathBuf>> {
    let mut command = own.command(Role::Cc)?;
    let program = PathBuf::from(command.get_program());
    command.args(["-E", "-v", "-x", "c", "/dev/null"]).stdin(std::process::Stdio::null());
    let output = command.output().context("asking", &program)?;
    // GCC's and clang's own words (gcc/incpath.c, clang/lib/Lex/InitHeaderSearch.cpp).
    let said = String::from_utf8_lossy(&output.stderr);
    let list = said.split_once("#include <...> search starts here:").map_or("", |(_, list)| list);
    let list = list.split_once("End of search list.").map_or("", |(list, _)| list);
    let of_this_machine =
        |path: &PathBuf| path.starts_with("/usr/include") || path.starts_with("/usr/local/include");
    Ok(list
        .lines()
        .map(|line| PathBuf::from(line.trim()))
        .filter(|path| path.is_absolute() && !of_this_machine(path))
        .collect())
}

impl System {
    /// Tells the compiler.
    pub fn tell(&self, cross: &mut Cross) {
        cross.fill("sysroot_headers", &self.view.headers);
        cross.fill("sysroot_libraries", &self.view.libraries);
        cross.sysroot = Some(self.view.root.clone());
        cross.static_libraries = self.prefer == Prefer::Static;
    }

    /// The package that a file of the view is of.
    #[must_use]
    pub fn owner(&self, place: &Path) -> Option<&Package> {
        self.packages.iter().find(|one| fs::symlink_metadata(one.files.join(place)).is_ok())
    }
}

/// The same for a session of `run` and `env` in the folder `dir`: tells the compiler and pkg-config. The folder of links
/// is named after what is in it, so that equal sessions have equal plans. Returns the folder that goes ahead on PATH.
pub fn for_session(
    wanted: &Wanted,
    family: &Family,
    cross: Option<&mut Cross>,
    (path, dir): (&OsStr, &Path),
    offline: bool,
    observer: &mut dyn Observer,
) -> Result<PathBuf> {
    wanted.check(family)?;
    let Some(cross) = cross else {
        return Err(Error::usage(format!("the family `{}` is not built by a cross compiler", family.name)));
    };
    fs::create_dir_all(dir).context("making", dir)?;
    let dir = dir.canonicalize().context("looking at", dir)?;
    let name = format!("system-{}", hex::digits(&Sha256::digest(format!("{wanted:?} {}", family.name))[..4]));
    let home = dir.join(name);
    if home.is_dir() {
        // What it was made of may have changed.
        remove_tree(&home).context("removing", &home)?;
    }
    fs::create_dir(&home).context("making", &home)?;
    let (log, asked) = (home.join("setup.log"), home.join("pkg-config.log"));
    let (view, programs) = (home.join("sysroot"), home.join("bin"));
    let own = Own { cross, path, log: &log };
    let system = prepare(wanted, family, own, &view, offline, observer)?;
    self::programs(system.as_ref(), cross, &programs, (path, &dir), &asked)?;
    for (name, value) in variables(system.as_ref(), &home.join("none")) {
        // Empty is as good as unset to pkg-config, and can be told to every kind of shell.
        cross.variables.push((name, value.unwrap_or_default()));
    }
    if let Some(system) = &system {
        system.tell(cross);
    }
    Ok(programs)
}

/// The pkg-config of a build: this machine's program, if there is one, behind one of ours in `folder`.
pub fn programs(
    system: Option<&System>,
    cross: &Cross,
    folder: &Path,
    (path, cwd): (&OsStr, &Path),
    log: &Path,
) -> Result<()> {
    let (folders, prefer) =
        system.map_or((&[][..], Prefer::Shared), |system| (&system.view.pkg_config[..], system.prefer));
    fs::create_dir_all(folder).context("making", folder)?;
    match find("pkg-config", path, cwd) {
        Some(real) => pkg_config::write(folder, &real, &cross.machine.triplet, folders, prefer, log),
        None => Ok(()),
    }
}

/// Variables of pkg-config; `none` is a folder without descriptions.
#[must_use]
pub fn variables(system: Option<&System>, none: &Path) -> Vec<(OsString, Option<OsString>)> {
    let folders = system.map_or(&[][..], |system| &system.view.pkg_config[..]);
    let mut list = OsString::new();
    for folder in folders {
        if !list.is_empty() {
            list.push(":");
        }
        list.push(folder);
    }
    if list.is_empty() {
        list = none.into();
    }
    vec![
        // pkg-config reads no other folder than these. Paths in them lead where they should without a system root.
        (vars::PKG_CONFIG_LIBDIR.into(), Some(list)),
        (vars::PKG_CONFIG_PATH.into(), None),
        (vars::PKG_CONFIG_SYSROOT_DIR.into(), None),
        // It may name this machine's by its path.
        (vars::PKG_CONFIG.into(), Some("pkg-config".into())),
    ]
}

/// The index of Debian's packages that a sysroot of the machine was made from; `None` if there is none.
#[must_use]
pub fn index(family: &Family) -> Option<target::packages::Index> {
    let cache = Cache::find().ok()?;
    let sysroots = target::inventory::list(&cache).ok()?;
    let sysroot = sysroots.iter().find(|one| one.manifest.machine == family.target.machine)?;
    target::archive::kept(&cache, &sysroot.manifest.index)
}
