//! What packages of the build environment bring for compilers: headers and static libraries, numpy's above all. They are
//! of this machine, as the environment is; for a build for another, those of the same version's wheel for the target are
//! put in their place, file by file, so that every path that the package names stays right. What Python itself runs
//! stays as it is.
//!
//! A static library for which there is none of the target's is taken away: a link then says that it is missing, in place
//! of what a linker says of a foreign one.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::isolation::{Installer, InstallerChoice};
use super::super::tree;
use super::super::work::{WorkArea, remove_tree};
use super::Order;
use super::python::Facts;
use crate::error::{Error, IoContext, Result};
use crate::target::install::{Takes, pip_options};
use crate::toolchain::cross::Machine;

/// Endings of headers.
const HEADERS: [&str; 7] = ["h", "hh", "hpp", "hxx", "inc", "inl", "ipp"];
/// Endings of static libraries.
const LIBRARIES: [&str; 1] = ["a"];
/// The newest glibc of which wheels are looked for: of these, nothing is run.
const NEWEST_GLIBC: (u32, u32) = (2, 45);
/// The same of musl, as the second number of its version.
const NEWEST_MUSL: u32 = 5;

/// A package whose files are of one machine and that has something for compilers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// `name==version`.
    requirement: String,
    /// Files for compilers, below the folder of packages.
    files: Vec<PathBuf>,
}

/// Puts the target's files in place of this machine's; `tag` is the platform tag of the family. Returns what is to be known of those for which there are none.
pub fn replace(order: &Order<'_>, machine: &Machine, tag: &str, facts: &Facts) -> Result<Vec<String>> {
    let mut remarks = Vec::new();
    // Another version of this machine's own C library: what links now does so then.
    if machine.name == std::env::consts::ARCH && order.family.target.libc == "gnu" {
        return Ok(remarks);
    }
    let packages = facts.packages.as_path();
    for found in find(packages)? {
        let folder = order.area.target().join("packages").join(&found.requirement);
        let fetched = fetch(order, machine, (&facts.abiflags, tag), &found.requirement, &folder);
        if fetched.is_err() {
            same_sizes(&found, machine)?;
        }
        let mut taken = 0;
        for file in &found.files {
            let (ours, theirs) = (packages.join(file), folder.join(file));
            if fetched.is_ok() && theirs.is_file() {
                set_aside(order.area, packages, file)?;
                fs::copy(&theirs, &ours).context("copying", &theirs)?;
            } else if has_ending(file, &LIBRARIES) {
                set_aside(order.area, packages, file)?;
                taken += 1;
            }
        }
        if let Err(why) = fetched {
            let libraries = match taken {
                0 => String::new(),
                1 => ", and its static library was taken away".to_owned(),
                _ => format!(", and its {taken} static libraries were taken away"),
            };
            remarks.push(format!(
                "headers of {} are those of this machine{libraries}: {} ({})",
                found.requirement,
                why.message,
                why.hint.unwrap_or_default()
            ));
        }
    }
    Ok(remarks)
}

/// Puts back what an earlier family had replaced.
pub fn restore(area: &WorkArea) -> Result<()> {
    let home = aside(area);
    let list = home.join("packages");
    if let Ok(packages) = fs::read_link(&list) {
        fs::remove_file(&list).context("removing", &list)?;
        for file in tree::files(&home)? {
            let rest = file.strip_prefix(&home).unwrap_or(&file);
            fs::copy(&file, packages.join(rest)).context("putting back", packages.join(rest))?;
        }
    }
    remove_tree(&home).context("removing", &home)
}

fn aside(area: &WorkArea) -> PathBuf {
    area.root().join("env-files")
}

/// Keeps a file for [`restore`].
fn set_aside(area: &WorkArea, packages: &Path, file: &Path) -> Result<()> {
    let (home, ours) = (aside(area), packages.join(file));
    let kept = home.join(file);
    let folder = kept.parent().unwrap_or(&home);
    fs::create_dir_all(folder).context("making", folder)?;
    let list = home.join("packages");
    if !list.is_symlink() {
        std::os::unix::fs::symlink(packages, &list).context("linking", &list)?;
    }
    // The environment may hold links to an installer's cache, which is not to change.
    fs::copy(&ours, &kept).context("keeping", &ours)?;
    fs::remove_file(&ours).context("removing", &ours)
}

/// The wheel for the target, unpacked.
fn fetch(
    order: &Order<'_>,
    machine: &Machine,
    (abiflags, tag): (&str, &str),
    requirement: &str,
    folder: &Path,
) -> Result<()> {
    let none = |what: &str| Error::failed(format!("{what} for {}", machine.name));
    let installer = Installer::find(InstallerChoice::Pip, order.python)?;
    let (major, minor, _) = order.python.version;
    let python = format!("{major}.{minor}");
    let abi = format!("cp{major}{minor}{abiflags}");
    let platforms = match order.family.target.libc.as_str() {
        "gnu" => {
            Takes { machine: machine.name.clone(), glibc: NEWEST_GLIBC, python: python.clone() }.platforms()
        }
        "musl" => {
            (0..=NEWEST_MUSL).rev().map(|minor| format!("musllinux_1_{minor}_{}", machine.name)).collect()
        }
        _ => vec![tag.to_owned()],
    };
    let mut options = pip_options(&python, &abi, &platforms);
    options.push("--no-compile".to_owned());
    if order.offline {
        options.push("--no-index".to_owned());
    }
    let done =
        installer.unpack_with(&options, requirement, folder, &order.environment.python, order.log, || {});
    done.map_err(|_| {
        none(&format!("pip finds no wheel of {requirement}"))
            .hint("build one with crosswheel, and name its folder in PIP_FIND_LINKS")
    })
}

/// Headers that describe types may be taken from a machine on which these have the same sizes.
fn same_sizes(found: &Found, machine: &Machine) -> Result<()> {
    let same = machine.abi.pointer as usize == size_of::<usize>();
    if same || !found.files.iter().any(|file| has_ending(file, &HEADERS)) {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the package needs {} to be built, whose headers are of this machine, and {} has types of other sizes",
        found.requirement, machine.name
    ))
    .hint(format!(
        "no wheel of it for {} was found: build one with crosswheel, and name its folder in PIP_FIND_LINKS",
        machine.name
    )))
}

/// All packages with something for compilers that depends on the machine, by name.
fn find(packages: &Path) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(packages).context("reading", packages)? {
        let entry = entry.context("reading", packages)?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((name, version)) = name.strip_suffix(".dist-info").and_then(|name| name.split_once('-'))
        else {
            continue;
        };
        // What has no such files was not installed as a wheel, and cannot be had as one.
        let (wheel, record) = (entry.join("WHEEL"), entry.join("RECORD"));
        let (Ok(wheel), Ok(record)) = (fs::read_to_string(wheel), fs::read_to_string(record)) else {
            continue;
        };
        let files = for_compilers(&record, packages);
        if of_a_machine(&wheel) && !files.is_empty() {
            all.push(Found { requirement: format!("{name}=={version}"), files });
        }
    }
    all.sort_by(|a, b| a.requirement.cmp(&b.requirement));
    Ok(all)
}

/// Whether the tags of a wheel name a platform.
fn of_a_machine(wheel: &str) -> bool {
    let mut tags = wheel.lines().filter_map(|line| line.strip_prefix("Tag:"));
    tags.any(|tag| !tag.trim().ends_with("-any"))
}

/// Static libraries and headers of a RECORD; headers only of folders from which a compiler takes them, since many
/// packages have others for their own use.
fn for_compilers(record: &str, packages: &Path) -> Vec<PathBuf> {
    let paths = record.lines().filter_map(|line| line.trim_start_matches('"').split([',', '"']).next());
    let inside = |path: &Path| path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let wanted = |path: &Path| {
        has_ending(path, &LIBRARIES)
            || (has_ending(path, &HEADERS) && path.iter().any(|part| part == "include"))
    };
    let files = paths.map(PathBuf::from).filter(|path| inside(path) && wanted(path));
    files.filter(|path| packages.join(path).is_file()).collect()
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_count_where_compilers_look_and_static_libraries_everywhere() {
        let packages = tempfile::TempDir::new().unwrap();
        let record = "numpy/_core/include/numpy/config.h,sha256=x,3\nnumpy/_core/lib/libnpymath.a,,\n\
                      \"cython/utility/a.h\",,\nnumpy/x.py,,\n../../include/up.h,,\ninclude/gone.h,,\n";
        for line in record.lines() {
            let path = line.trim_matches('"').split([',', '"']).next().unwrap();
            if path.starts_with("..") || path.contains("gone") {
                continue;
            }
            let path = packages.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = for_compilers(record, packages.path());
        let names: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(names, ["numpy/_core/include/numpy/config.h", "numpy/_core/lib/libnpymath.a"]);
    }

    #[test]
    fn a_wheel_for_any_platform_is_of_no_machine() {
        assert!(of_a_machine("Root-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"));
        assert!(!of_a_machine("Root-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"));
    }
}
