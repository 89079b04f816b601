//! The view: a folder of links to the headers and libraries of the target that a build is to see, and to nothing else. It
//! has the layout of the system root that it is made of.
//!
//! A cross compiler has a C library of its own. Headers and libraries of another one beside it would be mixed with it,
//! so they are left out: of Debian's packages those that the table names, and of any other system root what the compiler
//! has itself. Where static libraries are preferred, the link by which a linker would find the shared one is left
//! out; the shared one itself stays, for what is linked to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::pkg_config;
use super::{Machine, Prefer};
use crate::elf;
use crate::error::{Error, IoContext, Result};

/// Where a system root, or the prefix of an installation, has what a build sees: folders, nearest first.
const BASES: [&str; 3] = ["usr/local", "usr", ""];
const FOLDERS: [&str; 5] = ["include", "lib64", "lib", "share/pkgconfig", "share/cmake"];

/// Folders that hold nothing that a package links, by the beginnings of their names.
const PASSED_OVER: [&str; 11] = [
    "audit",
    "c++",
    "gcc",
    "gconv",
    "modules",
    "perl",
    "python",
    "ruby",
    "systemd",
    "terminfo",
    "tmpfiles.d",
];

/// Libraries that a compiler brings (glibc, gcc), without `lib` and what is behind the name.
pub(super) const OF_THE_COMPILER: [&str; 30] = [
    "BrokenLocale",
    "anl",
    "asan",
    "atomic",
    "c",
    "c++",
    "c++abi",
    "c_malloc_debug",
    "c_nonshared",
    "dl",
    "g",
    "gcc",
    "gcc_eh",
    "gcc_s",
    "gomp",
    "itm",
    "m",
    "mcheck",
    "memusage",
    "mvec",
    "pthread",
    "pthread_nonshared",
    "resolv",
    "rt",
    "ssp_nonshared",
    "stdc++",
    "supc++",
    "thread_db",
    "unwind",
    "util",
];

/// What a build is told besides headers and libraries, by the ends of their names.
const TEXTS: [&str; 6] = [".cmake", ".h", ".hpp", ".inc", ".inl", ".pc"];

/// Files to be seen.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// What is looked through.
    pub files: PathBuf,
    /// Where links lead: a folder with the same files, and maybe more.
    pub real: PathBuf,
}

/// The folder that a build sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The folder.
    pub root: PathBuf,
    /// Folders of headers, for the compiler, in this order.
    pub headers: Vec<PathBuf>,
    /// Folders of libraries, likewise.
    pub libraries: Vec<PathBuf>,
    /// Folders in which libraries describe themselves.
    pub pkg_config: Vec<PathBuf>,
}

/// What was found: paths in the view, and the files that they lead to.
#[derive(Default)]
struct Found {
    files: BTreeMap<PathBuf, PathBuf>,
    /// A library for another machine.
    foreign: Option<(PathBuf, String)>,
    /// Names of C libraries that are there.
    libcs: BTreeSet<&'static str>,
    libraries: usize,
}

/// Makes it in a folder that is empty. `own_headers` are the compiler's own folders of headers.
pub(super) fn make(
    trees: &[Tree],
    (machine, libc): (&Machine, &str),
    prefer: Prefer,
    own_headers: &[PathBuf],
    into: &Path,
) -> Result<View> {
    let looking = Looking { machine, own_headers };
    let mut found = Found::default();
    for tree in trees {
        for (base, folder) in BASES.iter().flat_map(|base| FOLDERS.map(|folder| (base, folder))) {
            let place = Path::new(base).join(folder);
            // `/lib` may be a link to `usr/lib`, which is looked through itself.
            if fs::symlink_metadata(tree.files.join(&place)).is_ok_and(|there| there.is_dir()) {
                looking.folder(tree, &place, folder, &mut found)?;
            }
        }
    }
    check(&found, trees, machine, libc)?;
    if prefer == Prefer::Static {
        leave_shared_out(&mut found.files);
    }
    for (place, real) in &found.files {
        let at = into.join(place);
        let parent = at.parent().unwrap_or(into);
        fs::create_dir_all(parent).context("making", parent)?;
        if place.extension() == Some(OsStr::new("pc")) {
            let root = trees.iter().map(|tree| &tree.real).find(|root| real.starts_with(root));
            let text = fs::read_to_string(real).context("reading", real)?;
            let text = pkg_config::moved(&text, root.map_or(Path::new("/"), PathBuf::as_path), into);
            fs::write(&at, text).context("writing", &at)?;
        } else {
            symlink(real, &at).context("linking", &at)?;
        }
    }
    let all = |folders: &[&str], inside: &[&str]| {
        let places =
            BASES.iter().flat_map(|base| folders.iter().map(move |folder| into.join(base).join(folder)));
        let places =
            places.flat_map(|place| inside.iter().map(move |more| place.join(more)).collect::<Vec<_>>());
        places
            .filter(|place| place.is_dir())
            .map(|place| place.components().collect())
            .collect::<Vec<PathBuf>>()
    };
    let has_library = |folder: &PathBuf| {
        let inside = |place: &PathBuf| into.join(place).parent() == Some(folder);
        found.files.keys().any(|place| inside(place) && library(&file_name(place)).is_some())
    };
    let multiarch = machine.multiarch.as_str();
    let described = format!("{multiarch}/pkgconfig");
    let mut pkg_config = all(&["lib64", "lib"], &[&described, "pkgconfig"]);
    pkg_config.extend(all(&["share"], &["pkgconfig"]));
    Ok(View {
        root: into.to_owned(),
        headers: all(&["include"], &[multiarch, ""]),
        libraries: all(&["lib", "lib64"], &[multiarch, ""]).into_iter().filter(has_library).collect(),
        pkg_config,
    })
}

/// Whether there is anything to see, and it is the target's.
fn check(found: &Found, trees: &[Tree], machine: &Machine, libc: &str) -> Result<()> {
    let Some(root) = trees.first().map(|tree| tree.real.display()) else { return Ok(()) };
    if let (0, Some((path, foreign))) = (found.libraries, &found.foreign) {
        return Err(Error::usage(format!(
            "the system root {root} is for {foreign} ({}), and the family is for {}",
            path.display(),
            machine.name
        ))
        .hint(HINT));
    }
    if found.files.is_empty() {
        return Err(Error::usage(format!(
            "the system root {root} has no headers and no libraries for {}",
            machine.name
        ))
        .hint("it is a folder with `usr/include` and `usr/lib`, or with `include` and `lib`"));
    }
    match found.libcs.first() {
        Some(there) if !found.libcs.contains(libc) => Err(Error::usage(format!(
            "the system root {root} has libraries for {}, and the family is for {}",
            full(there),
            full(libc)
        ))
        .hint(HINT)),
        _ => Ok(()),
    }
}

const HINT: &str = "name one of the target with --sysroot, or packages of Debian with --libraries";

fn full(libc: &str) -> &str {
    if libc == "gnu" { "glibc" } else { libc }
}

struct Looking<'a> {
    machine: &'a Machine,
    own_headers: &'a [PathBuf],
}

impl Looking<'_> {
    /// Looks through a folder; `top` is that of [`FOLDERS`] that it is in.
    fn folder(&self, tree: &Tree, place: &Path, top: &str, found: &mut Found) -> Result<()> {
        let folder = tree.files.join(place);
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.context("reading", &folder)? {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            let place = place.join(&name);
            let kind = entry.file_type().context("looking at", entry.path())?;
            let real = tree.real.join(&place);
            if kind.is_dir() {
                if !PASSED_OVER.iter().any(|start| text.starts_with(start)) {
                    self.folder(tree, &place, top, found)?;
                }
            } else if real.is_dir() {
                // A link to a folder: what it leads to is looked through itself, or is not for builds.
                found.files.entry(place).or_insert(real);
            } else if self.takes(&place, &text, top, &real, found) {
                found.files.entry(place).or_insert(real);
            }
        }
        Ok(())
    }

    /// Whether a file is seen.
    fn takes(&self, place: &Path, name: &str, top: &str, real: &Path, found: &mut Found) -> bool {
        if top == "include" {
            return !self.is_own_header(place);
        }
        found.libcs.extend(libc_of(name));
        let Some(library) = library(name) else {
            return TEXTS.iter().any(|end| name.ends_with(end)) && !name.starts_with("python");
        };
        if OF_THE_COMPILER.contains(&library) || library.starts_with("python") {
            return false;
        }
        // What cannot be read has no machine; a linker script has none either.
        let is_archive = place.extension() == Some(OsStr::new("a"));
        let read = if is_archive { elf::machine_of_archive(real) } else { elf::machine_of_file(real) };
        let machine = read.ok().flatten();
        if let Some(foreign) = machine.filter(|machine| Some(*machine) != elf::of_triple(&self.machine.name))
        {
            found.foreign.get_or_insert_with(|| (place.to_owned(), elf::name(foreign)));
            return false;
        }
        found.libraries += usize::from(machine.is_some());
        true
    }

    /// Whether the compiler has a header itself: it is of its C library then.
    fn is_own_header(&self, place: &Path) -> bool {
        let mut parts = place.components();
        // Up to `include`, and the folder of the machine in it.
        let _ = parts.by_ref().find(|part| part.as_os_str() == "include");
        let rest = parts.as_path();
        let rest = rest.strip_prefix(&self.machine.multiarch).unwrap_or(rest);
        self.own_headers.iter().any(|folder| folder.join(rest).is_file())
    }
}

/// The C library that a file name belongs to.
fn libc_of(name: &str) -> Option<&'static str> {
    match name {
        "libc.so.6" | "libc.so.6.1" => Some("gnu"),
        _ if name.starts_with("ld-musl-") || name.starts_with("libc.musl-") => Some("musl"),
        _ => None,
    }
}

/// The name of a library, `jpeg` of `libjpeg.so.62`.
fn library(file: &str) -> Option<&str> {
    let name = file.strip_prefix("lib")?;
    name.strip_suffix(".a").or_else(|| name.split_once(".so").map(|(name, _)| name))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Takes out links to shared libraries beside which there is a static one.
fn leave_shared_out(files: &mut BTreeMap<PathBuf, PathBuf>) {
    let shared: Vec<PathBuf> = files
        .keys()
        .filter(|place| {
            place.extension() == Some(OsStr::new("so")) && files.contains_key(&place.with_extension("a"))
        })
        .cloned()
        .collect();
    for place in shared {
        files.remove(&place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_library_is_read_from_its_file() {
        for (file, name) in [
            ("libjpeg.so.62", Some("jpeg")),
            ("libz.a", Some("z")),
            ("libstdc++.so", Some("stdc++")),
            ("libpython3.11.so.1.0", Some("python3.11")),
            ("crt1.o", None),
            ("foo.so", None),
        ] {
            assert_eq!(library(file), name, "{file}");
        }
    }

    #[test]
    fn a_shared_library_is_found_only_where_there_is_no_static_one() {
        let names = ["lib/liba.a", "lib/liba.so", "lib/liba.so.1", "lib/libb.so", "lib/libb.so.1"];
        let mut files = names.iter().map(|name| (PathBuf::from(name), PathBuf::new())).collect();
        leave_shared_out(&mut files);
        let left: Vec<&str> = files.keys().filter_map(|path| path.to_str()).collect();
        assert_eq!(left, ["lib/liba.a", "lib/liba.so.1", "lib/libb.so", "lib/libb.so.1"]);
    }

    #[test]
    fn lists_are_sorted() {
        assert!(OF_THE_COMPILER.is_sorted() && PASSED_OVER.is_sorted());
    }
}
