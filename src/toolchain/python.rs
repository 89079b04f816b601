//! What a Python says of itself: its version, its tools for packages, and the compilers that it was made with,
//! which setuptools calls again for every extension.
//!
//! A Python is asked once, isolated from the caller's settings. From its answer come the commands that a build
//! would run; [`super::redirect`] leads those that name a program by its path through the shim. Nothing here
//! changes a Python.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ask::{Manner, ask};
use super::redirect::{COMMANDS, Command};
use crate::error::{Error, Result};

/// Prints the answer as the last line, since a `.pth` file of the installation may print before it.
const QUESTION: &str = "
import json, os, sys, sysconfig
from importlib.util import find_spec
def version(name):
    try:
        from importlib.metadata import version
        return version(name) if find_spec(name) else None
    except Exception:
        return None
names = ('CC', 'CXX', 'LDSHARED', 'LDCXXSHARED', 'AR', 'CFLAGS', 'SOABI', 'EXT_SUFFIX')
values = {name: sysconfig.get_config_var(name) for name in names}
print()
print(json.dumps({
    'executable': sys.executable,
    'implementation': sys.implementation.name,
    'version': list(sys.version_info[:3]),
    'prefix': sys.prefix,
    'base_prefix': sys.base_prefix,
    'platform': sysconfig.get_platform(),
    'pip': version('pip'),
    'ensurepip': find_spec('ensurepip') is not None,
    'venv': find_spec('venv') is not None,
    'headers': os.path.exists(os.path.join(sysconfig.get_path('include') or '/', 'Python.h')),
    'config': {name: value for name, value in values.items() if isinstance(value, str)},
}))
";

/// Variables of sysconfig that hold a command which setuptools runs, and which the variable of the environment with
/// the same name replaces.
const RUN_BY_SETUPTOOLS: &[&str] = &["AR", "CC", "CXX", "LDCXXSHARED", "LDSHARED"];

/// A Python, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Python {
    /// `sys.executable`.
    pub executable: String,
    /// `cpython`, `pypy`, …
    pub implementation: String,
    /// Major, minor, patch.
    pub version: (u32, u32, u32),
    /// `sys.prefix`.
    pub prefix: String,
    /// `sys.base_prefix`: the installation behind a virtual environment.
    pub base_prefix: String,
    /// `sysconfig.get_platform()`, such as `linux-x86_64`.
    pub platform: String,
    /// Version of its pip, if it has one.
    pub pip: Option<String>,
    /// Whether a new environment can get a pip.
    pub ensurepip: bool,
    /// Whether it can make a virtual environment.
    pub venv: bool,
    /// Whether the headers for extensions are there.
    pub headers: bool,
    /// Variables of sysconfig that are set.
    pub config: BTreeMap<String, String>,
}

impl Python {
    /// Asks the Python at this path.
    pub fn ask(python: &Path, manner: Manner<'_>) -> Result<Self> {
        let wrong = |why: &str| {
            Error::failed(format!("{} is no Python that can be used: {why}", python.display()))
                .hint("Python 3.8 or newer is needed; `--python PATH` names another one")
        };
        let answer = ask(python, &["-I", "-c", QUESTION], manner).map_err(|why| wrong(&why))?;
        let last = answer.lines().next_back().unwrap_or_default();
        let python: Self = serde_json::from_str(last).map_err(|_| wrong("it does not say what it is"))?;
        if python.version < (3, 8, 0) {
            let (major, minor, _) = python.version;
            return Err(wrong(&format!("it is version {major}.{minor}")));
        }
        Ok(python)
    }

    /// The commands that setuptools would run under this Python and that the caller's environment does not name
    /// already. `caller` is that environment.
    ///
    /// setuptools lets `CC` stand in at the start of `LDSHARED` too, so where the caller gives a `CC` that
    /// applies there, `LDSHARED` is left to setuptools.
    #[must_use]
    pub fn commands(&self, caller: &dyn Fn(&str) -> Option<OsString>) -> Vec<Command> {
        let config = |name: &str| self.config.get(name).map(String::as_str);
        let replaced = caller("CC").is_some()
            && matches!((config("CC"), config("LDSHARED")), (Some(cc), Some(link)) if link.starts_with(cc));
        COMMANDS
            .iter()
            .filter(|(name, _)| RUN_BY_SETUPTOOLS.contains(name) && caller(name).is_none())
            .filter(|(name, _)| !(replaced && *name == "LDSHARED"))
            .filter_map(|(name, split)| {
                let value = OsStr::new(config(name)?).to_owned();
                Some(Command { variable: name, split: *split, value })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn python(config: &[(&str, &str)]) -> Python {
        let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Python { config, ..Python::default() }
    }

    fn names(python: &Python, caller: &[&str]) -> Vec<&'static str> {
        let caller = |name: &str| caller.contains(&name).then(|| OsString::from("gcc"));
        python.commands(&caller).iter().map(|command| command.variable).collect()
    }

    #[test]
    fn what_the_caller_sets_is_not_taken_from_sysconfig() {
        let it = python(&[("CC", "/x/gcc"), ("CXX", "/x/g++"), ("AR", "/x/ar"), ("CFLAGS", "-O2")]);
        assert_eq!(names(&it, &[]), ["AR", "CC", "CXX"]);
        assert_eq!(names(&it, &["CXX"]), ["AR", "CC"]);
    }

    #[test]
    fn a_cc_of_the_callers_also_stands_in_ldshared_but_only_where_setuptools_does_so() {
        let same = python(&[("CC", "/x/gcc -pthread"), ("LDSHARED", "/x/gcc -pthread -shared")]);
        assert_eq!(names(&same, &["CC"]), [""; 0]);
        let other = python(&[("CC", "/x/gcc -pthread"), ("LDSHARED", "/x/gcc -shared")]);
        assert_eq!(names(&other, &["CC"]), ["LDSHARED"]);
    }

    #[test]
    fn a_program_that_is_no_python_is_refused_with_its_path() {
        let manner = Manner {
            path: OsStr::new("/usr/bin:/bin"),
            cwd: Path::new("/"),
            patience: Duration::from_secs(5),
        };
        for program in ["/bin/true", "/bin/false", "/nowhere/python3"] {
            let error = Python::ask(Path::new(program), manner).expect_err("no Python");
            assert!(error.message.contains(program), "{error}");
        }
    }
}
