//! The machine on which wheels are described: system, C library, Python, compilers, and the variables that steer compilers.
//! What cannot be learned is left out. Only variables of a list are taken, none of which holds a secret by its purpose.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment;
use crate::toolchain::Toolchains;
use crate::toolchain::ask::{Manner, ask};
use crate::toolchain::discover::discover;
use crate::toolchain::path::find;

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Environment {
    /// The distribution, by `/etc/os-release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// The kernel, such as `Linux 6.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// What this program was compiled for, such as `x86_64`.
    pub machine: String,
    /// The C library, such as `glibc 2.36`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libc: Option<String>,
    /// The Python that `python3` starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<Python>,
    /// The compilers on PATH, by their usual names, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compilers: Vec<Compiler>,
    /// Variables that steer compilers, if they are set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// A distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Os {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A Python.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Python {
    /// Such as `cpython`.
    pub implementation: String,
    /// Such as `3.11.7`.
    pub version: String,
}

/// A compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Compiler {
    /// The name by which it is called.
    pub name: String,
    /// The machine that it makes code for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Names under which builds call compilers.
const COMPILERS: &[&str] =
    &["amdclang", "amdclang++", "c++", "cc", "clang", "clang++", "g++", "gcc", "gfortran", "hipcc"];

/// Variables that are taken.
pub const VARIABLES: &[&str] = &[
    "ARCHFLAGS",
    "AUDITWHEEL_PLAT",
    "CFLAGS",
    "CPPFLAGS",
    "CXXFLAGS",
    "FCFLAGS",
    "FFLAGS",
    "HIPFLAGS",
    "LDFLAGS",
    "PYTHONHASHSEED",
    "RUSTFLAGS",
];

/// How long a program may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(10);

const QUESTION: &str =
    "import sys; print(sys.implementation.name, '.'.join(str(part) for part in sys.version_info[:3]))";

impl Environment {
    /// Looks at this machine.
    #[must_use]
    pub fn here() -> Self {
        let path = std::env::var_os(environment::PATH).unwrap_or_default();
        // Version managers choose by the working folder; there, the answer would depend on where this is run.
        let manner = Manner { path: &path, cwd: Path::new("/"), patience: PATIENCE };
        let text = |file: &str| fs::read_to_string(file).ok().map(|text| text.trim().to_owned());
        let kernel = text("/proc/sys/kernel/ostype").zip(text("/proc/sys/kernel/osrelease"));
        Self {
            os: text("/etc/os-release").as_deref().and_then(Os::parse),
            kernel: kernel.map(|(kind, release)| format!("{kind} {release}")),
            machine: std::env::consts::ARCH.to_owned(),
            libc: answer("getconf", &["GNU_LIBC_VERSION"], manner),
            python: answer("python3", &["-I", "-c", QUESTION], manner).as_deref().and_then(Python::parse),
            compilers: compilers(manner),
            variables: variables(&|name| std::env::var_os(name)),
        }
    }
}

/// What a program on PATH says in one line.
fn answer(program: &str, args: &[&str], manner: Manner<'_>) -> Option<String> {
    let found = find(program, manner.path, manner.cwd)?;
    let told = ask(&found, args, manner).ok()?;
    told.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

impl Os {
    /// Reads os-release(5): `NAME=value`, the value quoted if it needs to be.
    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            // Of several, the last counts.
            let all = text.lines().filter_map(|line| line.trim().split_once('='));
            let value = all.rev().find(|(key, _)| *key == name)?.1;
            let word = shlex::split(value)?.concat();
            (!word.is_empty()).then_some(word)
        };
        Some(Self { id: value("ID")?, version: value("VERSION_ID") })
    }
}

impl Python {
    fn parse(line: &str) -> Option<Self> {
        let (implementation, version) = line.split_once(' ')?;
        Some(Self { implementation: implementation.to_owned(), version: version.to_owned() })
    }
}

fn compilers(manner: Manner<'_>) -> Vec<Compiler> {
    let Ok(toolchains) = Toolchains::builtin() else { return Vec::new() };
    let found = discover(&toolchains, manner, &[]);
    let known = found.tools.into_iter().filter(|tool| COMPILERS.contains(&&tool.name[..]));
    known
        .map(|tool| Compiler {
            name: tool.name,
            target: (!tool.machine.is_empty()).then_some(tool.machine),
            version: tool.version.map(|(major, minor, patch)| format!("{major}.{minor}.{patch}")),
        })
        .collect()
}

fn variables(get: &dyn Fn(&OsStr) -> Option<OsString>) -> BTreeMap<String, String> {
    let value = |name: &&str| {
        let value = get(OsStr::new(name))?.to_string_lossy().into_owned();
        (!value.is_empty()).then(|| ((*name).to_owned(), value))
    };
    VARIABLES.iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_read_with_and_without_quotes() {
        let os = |id: &str, version: Option<&str>| Os { id: id.into(), version: version.map(str::to_owned) };
        assert_eq!(Os::parse("NAME=\"A B\"\nID=debian\nVERSION_ID=\"12\"\n"), Some(os("debian", Some("12"))));
        assert_eq!(Os::parse("ID='arch'\nVERSION_ID=\n"), Some(os("arch", None)));
        assert_eq!(Os::parse("NAME=x\n"), None);
    }

    #[test]
    fn only_variables_of_the_list_are_taken() {
        let all = variables(&|name| Some(name.to_owned()));
        assert!(all.keys().map(String::as_str).eq(VARIABLES.iter().copied()));
        assert!(!all.contains_key("AWS_SECRET_ACCESS_KEY"));
    }
}
