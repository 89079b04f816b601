//! What the Python in a sysroot is: read from its files, without running it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Machine, Sysroot};
use crate::error::{Error, IoContext, Result};

/// A Python for another machine. All paths are absolute, in the sysroot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetPython {
    /// `3.11`.
    pub version: String,
    /// `3.11.2`.
    pub full_version: String,
    /// The interpreter, which does not run here by itself.
    pub executable: PathBuf,
    /// `PYTHONHOME` for it: the `usr` of the sysroot.
    pub home: PathBuf,
    /// Its standard library.
    pub stdlib: PathBuf,
    /// Folders of its headers, to be given to a compiler in this order.
    pub include: Vec<PathBuf>,
    /// Folder of the libraries of its machine.
    pub lib: PathBuf,
    /// Name of the module with its build settings (`_PYTHON_SYSCONFIGDATA_NAME`).
    pub sysconfigdata: String,
    /// Folder of that module.
    pub sysconfigdata_folder: PathBuf,
    /// What `sysconfig.get_platform()` says (`_PYTHON_HOST_PLATFORM`).
    pub platform: String,
    /// `SOABI`, such as `cpython-311-aarch64-linux-gnu`.
    pub soabi: String,
    /// `EXT_SUFFIX`: what its extension modules end in.
    pub ext_suffix: String,
}

impl TargetPython {
    /// Reads the Python of a sysroot.
    pub fn read(sysroot: &Sysroot, machine: &Machine) -> Result<Self> {
        let root = &sysroot.path;
        let version = version(root).ok_or_else(|| {
            let (machine, suite) = (&sysroot.manifest.machine, &sysroot.manifest.suite);
            Error::failed(format!("the sysroot {} has no Python with headers", sysroot.link.display()))
                .hint(format!("`crosswheel python add {machine} --debian {suite}`"))
        })?;
        let usr = root.join("usr");
        let stdlib = usr.join(format!("lib/python{version}"));
        let include = usr.join(format!("include/python{version}"));
        let patchlevel = include.join("patchlevel.h");
        let text = fs::read_to_string(&patchlevel).context("reading", &patchlevel)?;
        let full_version = defined(&text, "PY_VERSION")
            .ok_or_else(|| Error::failed(format!("{}: PY_VERSION is not defined", patchlevel.display())))?;
        let sysconfigdata = format!("_sysconfigdata__{}", machine.triplet);
        let data = stdlib.join(format!("{sysconfigdata}.py"));
        let text = fs::read_to_string(&data).context("reading", &data)?;
        let setting = |name: &str| {
            let lacks = || Error::failed(format!("{}: `{name}` is not set", data.display()));
            setting(&text, name).ok_or_else(lacks)
        };
        Ok(Self {
            full_version: full_version.to_owned(),
            executable: usr.join(format!("bin/python{version}")),
            include: vec![include, usr.join(format!("include/{}/python{version}", machine.triplet))],
            lib: usr.join("lib").join(&machine.triplet),
            home: usr,
            sysconfigdata_folder: stdlib.clone(),
            stdlib,
            platform: machine.platform.clone(),
            soabi: setting("SOABI")?,
            ext_suffix: setting("EXT_SUFFIX")?,
            sysconfigdata,
            version,
        })
    }

    /// The two numbers of the version without a dot, as in tags: `311`.
    #[must_use]
    pub fn tag(&self) -> String {
        self.version.replace('.', "")
    }
}

/// Whether a sysroot has a Python that can be run and built for.
#[must_use]
pub fn is_there(sysroot: &Sysroot) -> bool {
    version(&sysroot.path).is_some()
}

/// The version of the Python with headers, found by its interpreter.
fn version(root: &Path) -> Option<String> {
    let entries = fs::read_dir(root.join("usr/bin")).ok()?;
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_prefix("python").map(str::to_owned)
        })
        .filter(|version| {
            version.starts_with("3.") && version[2..].bytes().all(|digit| digit.is_ascii_digit())
        })
        .filter(|version| root.join(format!("usr/include/python{version}/patchlevel.h")).is_file())
        .collect();
    found.sort_by_key(|version| version[2..].parse::<u32>().unwrap_or(0));
    found.pop()
}

/// The text that a macro is defined as: `#define NAME "text"`.
fn defined<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.lines().find_map(|line| {
        let rest = line.strip_prefix("#define")?.trim_start().strip_prefix(name)?;
        let rest = rest.strip_prefix([' ', '\t'])?.trim_start().strip_prefix('"')?;
        rest.split_once('"').map(|(text, _)| text)
    })
}

/// A setting in the module that `sysconfig` reads: one entry of a dict a line, as `pprint` writes it. Long texts, which it
/// splits over lines, are not looked for here.
fn setting(module: &str, name: &str) -> Option<String> {
    module.lines().find_map(|line| {
        let rest = line.trim_start().trim_start_matches("build_time_vars = {").trim_start_matches('{');
        let rest = rest.strip_prefix('\'')?.strip_prefix(name)?.strip_prefix("': '")?;
        let text = rest.trim_end().trim_end_matches([',', '}']).strip_suffix('\'')?;
        (!text.contains(['\'', '\\'])).then(|| text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_the_lines_of_the_module() {
        let module = "# made by pprint\nbuild_time_vars = {'ABIFLAGS': '',\n 'EXT_SUFFIX': '.cpython-311-arm-linux-gnueabihf.so',\n \
                      'LONG': 'a '\n         'b',\n 'NUMBER': 1,\n 'SOABI': 'cpython-311-arm-linux-gnueabihf'}\n";
        assert_eq!(setting(module, "ABIFLAGS").as_deref(), Some(""));
        assert_eq!(setting(module, "EXT_SUFFIX").as_deref(), Some(".cpython-311-arm-linux-gnueabihf.so"));
        assert_eq!(setting(module, "SOABI").as_deref(), Some("cpython-311-arm-linux-gnueabihf"));
        assert_eq!(setting(module, "NUMBER"), None);
        assert_eq!(setting(module, "SUFFIX"), None);
    }

    #[test]
    fn a_macro_is_read_by_its_whole_name() {
        let header =
            "#define PY_VERSION_HEX \"x\"\n/* #define PY_VERSION */\n#define PY_VERSION      \t\"3.11.2\"\n";
        assert_eq!(defined(header, "PY_VERSION"), Some("3.11.2"));
        assert_eq!(defined(header, "PY_MINOR"), None);
    }
}
