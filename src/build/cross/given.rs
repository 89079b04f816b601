//! A Python of the target that the user gives: found in a folder, and held against the family and the Python that
//! builds. A Python that does not fit is refused, with what is wrong and what would fit: whatever was built with its
//! headers would be loaded by no one, or by the wrong one.
//!
//! Nothing of it is run.

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
use super::found::{Found, choose, locate, nothing};
use super::python::{Facts, Parts, SCRIPT, is_debug};
use super::{details, header};
use crate::elf;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::cross::Machine;
use crate::topology::Family;

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

impl Found {
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
