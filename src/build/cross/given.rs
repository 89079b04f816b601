//! A Python of the target that the user gives: found in a folder, and held against the family and the Python that
//! builds. A Python that does not fit is refused, with what is wrong and what would fit: whatever was built with its
//! headers would be loaded by no one, or by the wrong one.
//!
//! A folder is a prefix (`/usr/local` of a container's image) or a whole tree (Debian's packages, unpacked). Nothing in it
//! is run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use super::super::interpreter::Interpreter;
use super::super::process;
use super::super::work::WorkArea;
use super::python::{Facts, Parts, SCRIPT, is_debug};
use super::{details, header};
use crate::elf;
use crate::error::{Error, IoContext, Result};
use crate::target::{self, Cache, inventory};
use crate::toolchain::cross::Machine;
use crate::topology::Family;

/// The word that means a Python fetched with `crosswheel python add`.
const FETCHED: &str = "debian";

/// Prefixes in a whole tree, in the order in which a PATH has them.
const PREFIXES: [&str; 3] = ["", "usr/local", "usr"];

/// What a Python of the target must fit.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The family.
    pub family: &'a Family,
    /// Its machine.
    pub machine: &'a Machine,
    /// The Python that builds.
    pub python: &'a Interpreter,
    /// What that says of itself.
    pub facts: &'a Facts,
    /// The work area.
    pub area: &'a WorkArea,
}

/// A Python of the target.
#[derive(Clone, Debug)]
pub struct Given {
    /// Where it is: its prefix.
    pub prefix: PathBuf,
    /// Three numbers, such as `3.11.2`.
    pub version: String,
    /// What the build is told of it.
    pub parts: Parts,
}

/// A Python that was found: not yet looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    prefix: PathBuf,
    /// Folder of its standard library.
    stdlib: PathBuf,
    /// Such as `3.13t`.
    name: String,
}

/// What the module of its sysconfig says.
#[derive(Deserialize)]
struct Data {
    all: BTreeMap<String, Value>,
    kept: BTreeMap<String, Value>,
}

impl Data {
    fn text(&self, name: &str) -> &str {
        self.all.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Given {
    /// Finds and checks what the user names: a folder, an interpreter in one, `debian`, or the name of a sysroot.
    pub fn read(named: &OsStr, wanted: &Wanted<'_>) -> Result<Self> {
        let root = locate(named, wanted)?;
        let found = choose(&root, wanted)?;
        found.check_machine(&root, wanted.machine)?;
        found.read(wanted)
    }
}

/// The folder to look in.
fn locate(named: &OsStr, wanted: &Wanted<'_>) -> Result<PathBuf> {
    let path = Path::new(named);
    if path.is_dir() && named != FETCHED {
        return fs::canonicalize(path).context("looking at", path);
    }
    if path.is_file() {
        let bin = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let bin = fs::canonicalize(bin).context("looking at", bin)?;
        return bin.parent().map(Path::to_owned).ok_or_else(|| nothing(path));
    }
    let (cache, table) = (Cache::find()?, target::Table::builtin()?);
    if named == FETCHED {
        let fetched_ones =
            |error: Error| error.hint("Debian has Pythons for glibc; name a folder with one of the target");
        let machine = table.of_family(wanted.family).map_err(fetched_ones)?;
        let version = short(wanted.python);
        // What no release has need not be looked for.
        table.suite(machine, None, Some(&version))?;
        return inventory::find(&cache, machine, None, Some(&version), &table).map(|sysroot| sysroot.path);
    }
    let all = inventory::list(&cache)?;
    let name = |sysroot: &target::Sysroot| sysroot.link.file_name().map(OsStr::to_owned);
    let found = all.iter().find(|sysroot| name(sysroot).as_deref() == Some(named));
    found.map(|sysroot| sysroot.path.clone()).ok_or_else(|| {
        Error::usage(format!("--target-python {}: there is no such file or folder", path.display())).hint(
            "name a folder with a Python of the target, its interpreter, `debian`, or a name that `crosswheel python ls` shows",
        )
    })
}

/// The Python of a folder that is of the kind of the one that builds.
fn choose(root: &Path, wanted: &Wanted<'_>) -> Result<Found> {
    let mut all = Vec::new();
    for prefix in PREFIXES {
        let prefix = if prefix.is_empty() { root.to_owned() } else { root.join(prefix) };
        for library in ["lib", "lib64"] {
            all.extend(pythons(&prefix, &prefix.join(library)));
        }
    }
    let fits = format!("{}{}", short(wanted.python), wanted.facts.abiflags);
    if let Some(found) = all.iter().find(|found| found.name == fits) {
        return Ok(found.clone());
    }
    let mut names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
    names.dedup();
    let Some(first) = names.first() else { return Err(nothing(root)) };
    let python = first.trim_end_matches('t');
    Err(Error::usage(format!(
        "{} holds Python {}, and the Python that builds is {fits}",
        root.display(),
        names.join(", "),
    ))
    .hint(if python == fits.trim_end_matches('t') {
        "one is free-threaded and the other is not: name one of the other kind with --python".to_owned()
    } else {
        format!("build with --python {first}, or give a Python {fits} for {}", wanted.machine.name)
    }))
}

/// Pythons with headers in the folder of libraries of a prefix.
fn pythons(prefix: &Path, library: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = fs::read_dir(library)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let folder = entry.file_name().into_string().ok()?;
            let name = folder.strip_prefix("python").filter(|name| is_version(name))?.to_owned();
            let there = Found { prefix: prefix.to_owned(), stdlib: entry.path(), name };
            (there.headers().join("Python.h").is_file() && !there.modules().is_empty()).then_some(there)
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// `3.11`, `3.13t`.
fn is_version(name: &str) -> bool {
    let minor = name.strip_prefix("3.").map(|rest| rest.strip_suffix('t').unwrap_or(rest));
    minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

fn short(python: &Interpreter) -> String {
    format!("{}.{}", python.version.0, python.version.1)
}

fn nothing(root: &Path) -> Error {
    Error::usage(format!(
        "{} holds no Python to build for: neither it nor `usr/local` or `usr` in it has an include/python3.X/Python.h and a \
         lib/python3.X/_sysconfigdata_….py",
        root.display()
    ))
    .hint("a Python without headers will not do (python3-dev of Debian); `crosswheel python add MACHINE` fetches a whole one")
}

impl Found {
    fn headers(&self) -> PathBuf {
        self.prefix.join(format!("include/python{}", self.name))
    }

    fn abiflags(&self) -> &str {
        if self.name.ends_with('t') { "t" } else { "" }
    }

    /// Modules that a sysconfig reads; those of a debug build left out.
    fn modules(&self) -> Vec<PathBuf> {
        let start = format!("_sysconfigdata_{}_", self.abiflags());
        let mut all: Vec<PathBuf> = fs::read_dir(&self.stdlib)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start)))
            .collect();
        all.sort();
        all
    }

    /// A file of it for a processor must be there, and for the right one.
    fn check_machine(&self, root: &Path, machine: &Machine) -> Result<()> {
        let home = fs::canonicalize(root).context("looking at", root)?;
        let mut files = vec![self.prefix.join(format!("bin/python{}", self.name))];
        let mut modules: Vec<PathBuf> = fs::read_dir(self.stdlib.join("lib-dynload"))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        modules.sort();
        files.extend(modules);
        // A link may lead out of the tree, to a file of this machine.
        let inside =
            files.iter().filter(|file| fs::canonicalize(file).is_ok_and(|real| real.starts_with(&home)));
        for file in inside {
            let Some(there) = elf::machine_of_file(file).context("reading", file)? else { continue };
            if Some(there) == elf::of_triple(&machine.triplet) {
                return Ok(());
            }
            return Err(Error::usage(format!(
                "{} is for {}, and the family is for {}",
                file.display(),
                elf::name(there),
                machine.name
            ))
            .hint("--target-python names a Python of the machine that the wheel is for"));
        }
        Err(Error::usage(format!(
            "nothing shows for which machine the Python in {} is: it has neither bin/python{} nor a module in lib-dynload",
            self.prefix.display(),
            self.name
        ))
        .hint("headers alone will not do; unpack the interpreter, too"))
    }

    /// Reads and checks what it says of itself.
    fn read(&self, wanted: &Wanted<'_>) -> Result<Given> {
        let machine = wanted.machine;
        let modules = self.modules();
        let ours = |path: &&PathBuf| path.to_string_lossy().ends_with(&format!("_{}.py", machine.multiarch));
        let Some(module) = modules.iter().find(ours).or(modules.first()) else {
            return Err(nothing(&self.prefix));
        };
        let data = data(module, wanted)?;
        let (pyconfig, text) = self.pyconfig(data.text("MULTIARCH"))?;
        let version = self.version()?;

        let soabi = format!("cpython-{}-{}", self.name.replace('.', ""), machine.multiarch);
        let suffix = format!(".{soabi}.so");
        let plain = self.name.trim_end_matches('t');
        if is_debug(data.text("ABIFLAGS"), &data.all) {
            return Err(Error::usage(format!("{} is a debug build", self.prefix.display()))
                .hint("what is compiled for one is loaded by no other Python: get a release build"));
        }
        for (name, fits) in [
            ("VERSION", plain),
            ("ABIFLAGS", self.abiflags()),
            ("MULTIARCH", &machine.multiarch),
            ("SOABI", &soabi),
            ("EXT_SUFFIX", &suffix),
        ] {
            let there = data.text(name);
            if there != fits {
                return Err(Error::usage(format!(
                    "{}: `{name}` is `{}`, and a Python {} for {} has `{fits}`",
                    module.display(),
                    there.escape_debug(),
                    self.name,
                    wanted.family.target.name,
                ))
                .hint("--target-python names a Python of the machine, and of the C library, that the wheel is for"));
            }
        }
        check_sizes(&pyconfig, &text, &data, module, machine)?;
        let headers = self.headers();
        if let Some(file) = details::find(&self.stdlib, self.abiflags(), &machine.multiarch) {
            let (prefix, headers) = (self.prefix.as_path(), headers.as_path());
            let abiflags = self.abiflags();
            details::check(
                &file,
                machine,
                &details::Others { version: plain, abiflags, suffix: &suffix, prefix, headers },
            )?;
        }
        let parts = Parts {
            headers,
            // How wide it is is for each compile to say; Debian makes its Python for armv7l with the wider one since trixie.
            config_header: header::rewrite(&text, &[("SIZEOF_TIME_T", Some(machine.abi.time_t))]),
            variables: data.kept,
            soabi,
            suffix,
            abiflags: self.abiflags().to_owned(),
        };
        Ok(Given { prefix: self.prefix.clone(), version, parts })
    }

    /// Its `pyconfig.h`; Debian's own only includes the one of the machine.
    fn pyconfig(&self, multiarch: &str) -> Result<(PathBuf, String)> {
        let own = self.headers().join("pyconfig.h");
        let other = self.prefix.join(format!("include/{multiarch}/python{}/pyconfig.h", self.name));
        let mut last = own.clone();
        for path in [own, other] {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            if header::missing(&text).is_empty() {
                return Ok((path, text));
            }
            last = path;
        }
        Err(Error::usage(format!(
            "{} is no pyconfig.h of a machine, and there is none in include/{multiarch}/python{}",
            last.display(),
            self.name
        ))
        .hint("the headers of this Python are not all there; on Debian they are in libpython3-dev"))
    }

    /// Its whole version, by its headers.
    fn version(&self) -> Result<String> {
        let path = self.headers().join("patchlevel.h");
        let text = fs::read_to_string(&path).context("reading", &path)?;
        let version = header::variables(&text).remove("PY_VERSION");
        let version = version.unwrap_or_default().trim_matches('"').to_owned();
        let plain = self.name.trim_end_matches('t');
        if version.strip_prefix(plain).is_none_or(|rest| !rest.starts_with('.')) {
            return Err(Error::usage(format!(
                "{}: PY_VERSION is `{}`, and the folder is of {plain}",
                path.display(),
                version.escape_debug()
            ))
            .hint("this Python is put together of two, or was changed; get it anew"));
        }
        Ok(version)
    }
}

/// Reads the module that a sysconfig reads.
fn data(module: &Path, wanted: &Wanted<'_>) -> Result<Data> {
    let script = wanted.area.script("target_facts.py", SCRIPT)?;
    let answer = process::answer(Command::new(&wanted.python.executable).arg(script).arg(module))?;
    let unreadable = |why: &str| {
        Error::usage(format!("{} is no module of sysconfig data: {why}", module.display()))
            .hint("this Python was changed; get it anew")
    };
    let stdout = answer.map_err(|said| unreadable(said.lines().next_back().unwrap_or_default()))?;
    serde_json::from_slice(&stdout).map_err(|error| unreadable(&error.to_string()))
}

/// Holds `pyconfig.h` and the sysconfig data against each other, and both against what C is on the machine.
fn check_sizes(pyconfig: &Path, text: &str, data: &Data, module: &Path, machine: &Machine) -> Result<()> {
    let there = header::variables(text);
    let number = |name: &str| there.get(name).and_then(|value| value.parse::<i64>().ok());
    let sizes = header::sizes(machine).into_iter().map(|(name, _, size)| (name, Some(i64::from(size))));
    let others =
        ["SIZEOF_TIME_T", "ALIGNOF_LONG", "ALIGNOF_SIZE_T", "ALIGNOF_MAX_ALIGN_T", "Py_GIL_DISABLED"];
    for (name, fits) in
        sizes.filter(|(name, _)| *name != "SIZEOF_TIME_T").chain(others.map(|name| (name, None)))
    {
        let Some(header) = number(name) else { continue };
        let told = data.all.get(name).and_then(Value::as_i64);
        if let Some(told) = told.filter(|told| *told != header) {
            return Err(Error::usage(format!(
                "{}: `{name}` is {header}, and {told} in {}",
                pyconfig.display(),
                module.display()
            ))
            .hint("this Python is put together of two, or was changed; get it anew"));
        }
        if let Some(fits) = fits.filter(|fits| *fits != header) {
            return Err(Error::usage(format!(
                "{}: `{name}` is {header}, and it is {fits} on {}",
                pyconfig.display(),
                machine.name
            ))
            .hint("--target-python names a Python of the machine that the wheel is for"));
        }
    }
    let threaded = number("Py_GIL_DISABLED").is_some_and(|value| value != 0);
    if threaded != data.text("ABIFLAGS").contains('t') {
        return Err(Error::usage(format!(
            "{} and {} do not agree on whether this Python is free-threaded",
            pyconfig.display(),
            module.display()
        ))
        .hint("this Python is put together of two, or was changed; get it anew"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn folders_of_pythons_are_known_by_their_versions() {
        for name in ["3.9", "3.11", "3.13t"] {
            assert!(is_version(name), "{name}");
        }
        for name in ["3", "3.", "3.t", "2.7", "3.11d", "3.11-config", "3.13tt"] {
            assert!(!is_version(name), "{name}");
        }
    }
}
