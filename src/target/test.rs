//! Tests a wheel where it is meant to run: installed into an environment of its own with a Python of its machine, then
//! imported, or at the disposal of a command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::imports::{Modules, modules};
use super::install::{Options, Takes, check_machines, install};
use super::python::TargetPython;
use super::runner::{self, Environment, Runner};
use super::{Machine, Sysroot};
use crate::build::interpreter::Interpreter;
use crate::build::isolation::{self, Installer, InstallerChoice};
use crate::build::process;
use crate::build::work::WorkArea;
use crate::error::{Error, IoContext, Result};
use crate::wheel::{Package, WheelName};

const SCRIPT: &str = include_str!("scripts/import_modules.py");

/// The Python that a wheel is tested with.
#[derive(Clone, Debug)]
pub enum Ground {
    /// One of this machine.
    Host(Interpreter),
    /// One in a sysroot, with the Python of this machine whose pip installs into it.
    Sysroot(Box<Sysroot>, Interpreter),
}

/// A wheel in an environment.
#[derive(Debug)]
pub struct Ready {
    /// The environment's Python, which can be called like any program.
    pub python: PathBuf,
    /// Version of that Python.
    pub version: String,
    /// What runs it: `qemu-aarch64-static`, `native`.
    pub runner: String,
    /// The sysroot that it is from; `None` for a Python of this machine.
    pub sysroot: Option<PathBuf>,
    /// What can be imported from the wheel.
    pub modules: Modules,
    root: PathBuf,
}

/// How an import went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// The module.
    pub module: String,
    /// How long it took.
    pub seconds: f64,
    /// What went wrong, if something did.
    pub error: Option<String>,
}

/// A line of the report of `import_modules.py`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Done(Imported),
    Begin { begin: String },
}

/// The version of Python that a wheel is for, if it is for one only: `3.13` for `cp313-cp313`.
#[must_use]
pub fn python_of(wheel: &WheelName) -> Option<String> {
    let tags = &wheel.tags;
    let own = |tag: &&String| tags.abi.contains(tag) && tag.starts_with("cp3");
    let minor = tags.python.iter().find(own)?.strip_prefix("cp3")?;
    Some(format!("3.{minor}"))
}

/// Installs a wheel, others that it needs, and what else it requires. `area` is where the environment is made.
pub fn prepare(
    wheel: &Path,
    with: &[PathBuf],
    machine: &Machine,
    ground: &Ground,
    options: &Options,
    area: &WorkArea,
) -> Result<Ready> {
    let mut wheels = Vec::new();
    for path in with.iter().map(PathBuf::as_path).chain([wheel]) {
        wheels.push(std::path::absolute(path).context("resolving", path)?);
    }
    let package = Package::open(wheel)?;
    let paths = package.record.rows.iter().map(|row| row.path.as_str());
    match ground {
        Ground::Host(python) => {
            let (root, version, suffix) = on_host(python, &wheels, options, area)?;
            let python = root.join("bin/python");
            let runner = Runner::Native.name();
            Ok(Ready { python, version, runner, sysroot: None, modules: modules(paths, &suffix), root })
        }
        Ground::Sysroot(sysroot, host) => {
            let runner = Runner::find(machine)?;
            let python = TargetPython::read(sysroot, machine)?;
            let glibc = sysroot.glibc().ok_or_else(|| {
                Error::failed(format!("the sysroot {} has no libc6", sysroot.link.display()))
            })?;
            let takes = Takes { machine: machine.name.clone(), glibc, python: python.version.clone() };
            for path in with.iter().map(PathBuf::as_path).chain([wheel]) {
                held(path, &takes, sysroot)?;
            }
            let environment = Environment::create(&area.environment(), sysroot, machine, &python, &runner)?;
            install(&wheels, &environment, (machine, &python, &takes), (host, area), options)?;
            check_machines(&environment.site, machine)?;
            Ok(Ready {
                python: environment.python,
                version: python.full_version,
                runner: runner.name(),
                sysroot: Some(sysroot.path.clone()),
                modules: modules(paths, &python.ext_suffix),
                root: environment.root,
            })
        }
    }
}

/// Holds the tags of a wheel against what the target takes.
fn held(path: &Path, takes: &Takes, sysroot: &Sysroot) -> Result<()> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = WheelName::parse(&file)
        .map_err(|what| Error::usage(format!("{}: is no name of a wheel: {what}", path.display())))?;
    takes.check(&name).map_err(|why| {
        let suite = &sysroot.manifest.suite;
        Error::failed(format!("{}: {why}", path.display())).hint(format!(
            "the target is Python {} of Debian {suite} for {}; --machine, --family or --debian choose another one",
            takes.python, takes.machine
        ))
    })
}

/// Installs wheels for a Python of this machine. Where, its version, and how its extension modules end.
fn on_host(
    python: &Interpreter,
    wheels: &[PathBuf],
    options: &Options,
    area: &WorkArea,
) -> Result<(PathBuf, String, String)> {
    let log = area.root().join("log");
    let environment = isolation::Environment::isolated(python, area, &log)?;
    let installer = Installer::find(InstallerChoice::Pip, python)?;
    let mut extra = vec!["--only-binary=:all:".to_owned()];
    if options.no_deps {
        extra.push("--no-deps".to_owned());
    }
    if options.offline {
        extra.push("--no-index".to_owned());
    }
    environment.install_files(wheels, &extra, &installer, &log).map_err(|error| {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        Error { message: format!("{}:\n{}", error.message, said.trim_end()), ..error }
    })?;
    let mut command = Command::new(&environment.python);
    command.args(["-I", "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"]);
    let suffix = process::answer(&mut command)?.map_err(Error::failed)?;
    Ok((area.environment(), python.version_text(), String::from_utf8_lossy(&suffix).trim().to_owned()))
}

impl Ready {
    /// One that is not of a sysroot: a Python, its version, what runs it, what can be imported, and the environment.
    pub(crate) fn new(
        python: PathBuf,
        version: String,
        runner: String,
        modules: Modules,
        root: PathBuf,
    ) -> Self {
        Self { python, version, runner, sysroot: None, modules, root }
    }

    /// What differs for a command that runs in the environment.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, Option<OsString>)> {
        runner::variables(&self.root)
    }

    /// Imports modules, one after the other in one process. One that crashes is the last that is told.
    pub fn import(&self, names: &[String], area: &WorkArea) -> Result<Vec<Imported>> {
        let script = area.script("import_modules.py", SCRIPT)?;
        let (report, log) = (area.scripts().join("imported"), area.root().join("imports.log"));
        let mut command = Command::new(&self.python);
        command.arg(script).arg(&report).args(names).current_dir(area.temporary());
        for (name, value) in self.variables() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let status = process::run_logged(&mut command, &log, || {})?;
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let Ok(text) = std::fs::read_to_string(&report) else {
            return Err(Error::failed(format!(
                "the target's Python does not start ({}):\n{}",
                process::ending(status),
                said.trim_end()
            )));
        };
        let (mut done, mut open): (Vec<Imported>, _) = (Vec::new(), None);
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match line {
                Line::Begin { begin } => open = Some(begin),
                Line::Done(imported) => {
                    open = None;
                    done.push(imported);
                }
            }
        }
        if let Some(module) = open {
            // What QEMU or the C library said last, such as `Illegal instruction`.
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            let error = Some(format!("Python ended in it: {}: {last}", process::ending(status)));
            done.push(Imported { module, seconds: 0.0, error });
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_says_for_which_python_it_is_if_it_is_for_one() {
        for (tags, version) in [
            ("cp313-cp313-linux_aarch64", Some("3.13")),
            ("cp38-abi3-linux_aarch64", None),
            ("py3-none-any", None),
            ("cp313-cp313t-linux_aarch64", None),
        ] {
            let name = WheelName::parse(&format!("demo-1.0-{tags}.whl")).unwrap();
            assert_eq!(python_of(&name).as_deref(), version, "{tags}");
        }
    }
}
