//! A Python for the target: headers, and the module that `sysconfig` reads. Nothing of it runs; it answers what builds ask
//! of a Python. It is made of the Python that builds, with another `pyconfig.h`, or of one of the target that the user gives
//! ([`super::given`]).
//!
//! What is taken over is what does not depend on the machine: the version, the flags of the ABI (free-threaded), and the
//! compile flags that the Python was made with, without those that name folders or processors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::isolation::Environment;
use super::super::work::WorkArea;
use super::super::{process, tree};
use super::header;
use crate::error::{Error, IoContext, Result};
use crate::pyodide::Config;
use crate::toolchain::cross::Machine;

pub(super) const SCRIPT: &str = include_str!("../scripts/target_facts.py");

/// Beginnings of compile flags that are for this machine, its folders or its compiler alone.
const OF_THE_BUILD: [&str; 11] = [
    "-I",
    "-L",
    "-Wl,",
    "-fcf-protection",
    "-fdebug-prefix-map",
    "-ffat-lto",
    "-ffile-prefix-map",
    "-flto",
    "-fprofile",
    "-m",
    "-specs",
];

/// What the build Python says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Facts {
    /// Text of its `pyconfig.h`.
    pub config_header: String,
    /// Folders of its headers, which need not be there.
    pub headers: Vec<PathBuf>,
    /// Folders of its libraries.
    pub libraries: Vec<PathBuf>,
    /// Variables that do not depend on the machine.
    pub variables: BTreeMap<String, Value>,
    /// Such as `cpython-311-x86_64-linux-gnu`.
    pub soabi: String,
    /// Such as `x86_64-linux-gnu`.
    pub multiarch: String,
    /// Such as `t` for free-threaded.
    pub abiflags: String,
    /// Folder of pure packages of the environment.
    pub packages: PathBuf,
}

impl Facts {
    /// Asks the Python of the environment.
    pub fn ask(environment: &Environment, area: &WorkArea) -> Result<Self> {
        let script = area.script("target_facts.py", SCRIPT)?;
        let python = environment.python.display();
        let stdout = process::answer(Command::new(&environment.python).arg(script))?.map_err(|said| {
            let last = said.lines().next_back().unwrap_or_default().to_owned();
            Error::failed(format!("{python} does not say how it was made: {last}"))
                .hint("`apt install python3-dev`, or name another Python with --python")
        })?;
        let facts: Self = serde_json::from_slice(&stdout)
            .map_err(|error| Error::failed(format!("{python} does not answer as a Python does: {error}")))?;
        if is_debug(&facts.abiflags, &facts.variables) {
            return Err(Error::usage(format!(
                "{python} is a debug build, and what is compiled for one is loaded by no other Python"
            ))
            .hint("name a release build with --python"));
        }
        Ok(facts)
    }

    /// What a Python of the target is made of, if none is given.
    pub fn parts(&self, machine: &Machine, python: &Path) -> Result<Parts> {
        let python = python.display();
        let lacks = |what: &str| {
            Error::failed(format!("{python} has no {what} to make that of the target of"))
                .hint("`apt install python3-dev`, name a Python that has it with --python, or give one of the target with --target-python")
        };
        let headers = self.headers.iter().find(|folder| folder.join("Python.h").is_file());
        let headers = headers.ok_or_else(|| lacks("Python.h"))?;
        let missing = header::missing(&self.config_header);
        if let Some(first) = missing.first() {
            return Err(lacks(
                if self.config_header.is_empty() {
                    "pyconfig.h".to_owned()
                } else {
                    format!("pyconfig.h that says {first}")
                }
                .as_str(),
            ));
        }
        let version = self.soabi.strip_suffix(&self.multiarch).filter(|_| !self.multiarch.is_empty());
        let version = version.unwrap_or(&self.soabi).trim_end_matches('-');
        let soabi = format!("{version}-{}", machine.multiarch);
        Ok(Parts {
            headers: headers.clone(),
            config_header: header::rewrite(&self.config_header, &header::macros(machine)),
            variables: self.variables.clone(),
            suffix: format!(".{soabi}.so"),
            soabi,
            abiflags: self.abiflags.clone(),
        })
    }
}

/// Whether a Python was made for the search of faults in it.
pub(super) fn is_debug(abiflags: &str, variables: &BTreeMap<String, Value>) -> bool {
    let set = |name: &str| variables.get(name).and_then(Value::as_i64).is_some_and(|value| value != 0);
    abiflags.contains('d') || set("Py_DEBUG")
}

/// What a Python of the target is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Folder of its headers.
    pub headers: PathBuf,
    /// Text of its `pyconfig.h`, which takes the place of the one in that folder.
    pub config_header: String,
    /// Variables that do not depend on the machine.
    pub variables: BTreeMap<String, Value>,
    /// Such as `cpython-311-aarch64-linux-gnu`.
    pub soabi: String,
    /// What ends the file name of an extension module.
    pub suffix: String,
    /// Such as `t` for free-threaded.
    pub abiflags: String,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The module with the variables.
    pub module: String,
    /// Its file.
    pub file: PathBuf,
    /// What ends the file name of an extension module.
    pub suffix: String,
}

impl Made {
    /// Puts the module where the environment's Python finds it in any case.
    pub fn install(&self, packages: &Path) -> Result<()> {
        let target = packages.join(format!("{}.py", self.module));
        fs::copy(&self.file, &target).context("writing", &target)?;
        Ok(())
    }
}

/// Makes headers and sysconfig data for a machine, with the settings of a Python that there is for it, if there is one.
pub fn make(
    parts: &Parts,
    machine: &Machine,
    config: Option<&Config>,
    (headers, folder): (&Path, &Path),
) -> Result<Made> {
    tree::copy(&parts.headers, headers, &|_| false)?;
    let adopted = config.map(|config| header::adopt(&parts.config_header, config, machine));
    let config_header = adopted.as_ref().unwrap_or(&parts.config_header);
    let path = headers.join("pyconfig.h");
    // The copy may be read-only, as the original is.
    drop(fs::remove_file(&path));
    fs::write(&path, config_header).context("writing", &path)?;

    let mut variables: BTreeMap<String, Value> = header::variables(config_header)
        .into_iter()
        .map(|(name, value)| {
            let number = value.parse::<i64>().ok();
            (name, number.map_or_else(|| json!(value.trim_matches('"')), |number| json!(number)))
        })
        .collect();
    variables.extend(parts.variables.iter().map(|(name, value)| {
        let portable = value.as_str().map(|text| json!(without_the_build(text)));
        (name.clone(), portable.unwrap_or_else(|| value.clone()))
    }));
    let known = config.iter().flat_map(|config| &config.variables);
    for (name, value) in known.filter(|(name, _)| parts.variables.contains_key(*name)) {
        variables.insert(name.clone(), value.clone());
    }
    let flags = variables.get("CFLAGS").and_then(Value::as_str).unwrap_or_default().to_owned();
    let include = headers.to_string_lossy().into_owned();
    for (name, value) in [
        ("AR", "ar"),
        ("ARFLAGS", "rcs"),
        ("BLDSHARED", "cc -shared"),
        ("BUILD_GNU_TYPE", &machine.triplet),
        ("CC", "cc"),
        ("CCSHARED", "-fPIC"),
        ("CONFINCLUDEPY", &include),
        ("CXX", "c++"),
        ("EXT_SUFFIX", &parts.suffix),
        // How setuptools spells a folder for the loader; the linkers here take GNU's way, and not all of them `-R`.
        ("GNULD", "yes"),
        ("HOST_GNU_TYPE", &machine.triplet),
        ("INCLUDEPY", &include),
        ("LDCXXSHARED", "c++ -shared"),
        ("LDFLAGS", ""),
        ("LDSHARED", "cc -shared"),
        ("LIBDIR", "/usr/lib"),
        // Extension modules for many installations of Python link no libpython.
        ("LIBPYTHON", ""),
        ("MACHDEP", &machine.system),
        ("MULTIARCH", &machine.multiarch),
        ("NM", "nm"),
        ("PY_CFLAGS", &flags),
        ("RANLIB", "ranlib"),
        ("SHLIB_SUFFIX", ".so"),
        // That of no installation; PyO3 takes it for granted that there is one.
        ("exec_prefix", "/usr"),
        ("prefix", "/usr"),
        ("SOABI", &parts.soabi),
        ("STRIP", "strip"),
    ] {
        variables.insert(name.to_owned(), json!(value));
    }
    for name in ["ANDROID_API_LEVEL", "Py_ENABLE_SHARED"] {
        variables.insert(name.to_owned(), json!(0));
    }
    let module = format!("_sysconfigdata_{}_{}_{}", parts.abiflags, machine.system, machine.multiarch);
    let file = folder.join(format!("{module}.py"));
    fs::write(&file, rendered(&variables)).context("writing", &file)?;
    Ok(Made { module, file, suffix: parts.suffix.clone() })
}

/// Compile flags without what is for this machine alone.
fn without_the_build(flags: &str) -> String {
    let kept =
        flags.split_whitespace().filter(|flag| !OF_THE_BUILD.iter().any(|start| flag.starts_with(start)));
    kept.collect::<Vec<_>>().join(" ")
}

/// The module. A string of JSON is one of Python, too.
fn rendered(variables: &BTreeMap<String, Value>) -> String {
    let mut text = String::from("# Made by crosswheel for a target.\nbuild_time_vars = {\n");
    for (name, value) in variables {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {}: {value},", json!(name));
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::without_the_build;

    #[test]
    fn flags_that_name_this_machine_are_left_out() {
        let flags = "-Wall -g -O2 -march=native -mtune=generic -I/usr/include -ffile-prefix-map=/a=/b -fwrapv -flto=auto";
        assert_eq!(without_the_build(flags), "-Wall -g -O2 -fwrapv");
        assert_eq!(without_the_build(""), "");
    }
}
