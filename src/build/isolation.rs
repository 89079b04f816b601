//! The environment in which a backend runs: a virtual environment of its own, filled once and natively.
//!
//! Build dependencies are tools of this machine. They are installed without the shim on PATH and without any of
//! the variables that describe a target, or they would be built for the wrong machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::interpreter::{Interpreter, pip_suffices};
use super::process;
use super::work::WorkArea;
use crate::environment;
use crate::error::{Error, Result};

/// What the user asks to install with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstallerChoice {
    /// uv if it is there, else pip; pip too if it is configured for indexes of its own, which uv does not read.
    #[default]
    Auto,
    /// pip, of the chosen Python or else of another.
    Pip,
    /// uv.
    Uv,
}

/// What installs build dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installer {
    /// `uv pip`.
    Uv(PathBuf),
    /// A command that runs a pip of 22.3 or newer, which can install into another environment.
    Pip(Vec<OsString>),
}

impl Installer {
    /// Finds one.
    pub fn find(choice: InstallerChoice, python: &Interpreter) -> Result<Self> {
        let uv = || which::which("uv").ok().map(Self::Uv);
        let found = match choice {
            InstallerChoice::Uv => {
                return uv().ok_or_else(|| {
                    Error::usage("uv was asked for, but is not on PATH")
                        .hint("install uv, or leave out --installer")
                });
            }
            InstallerChoice::Pip => pip(python)?,
            InstallerChoice::Auto => match uv() {
                Some(uv) if !has_indexes_of_its_own(python)? => Some(uv),
                other => pip(python)?.or(other),
            },
        };
        found.ok_or_else(|| {
            Error::failed("nothing is there to install build dependencies with: neither pip 22.3 or newer nor uv").hint(
                "`apt install python3-pip`, or install uv, or prepare the environment yourself and use --no-isolation",
            )
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uv(_) => "uv",
            Self::Pip(_) => "pip",
        }
    }

    /// Unpacks the wheel of one requirement into a folder, without what it requires itself.
    pub fn unpack(
        &self,
        requirement: &str,
        folder: &Path,
        python: &Path,
        log: &Path,
        tick: impl FnMut(),
    ) -> Result<()> {
        self.unpack_with(&["--only-binary=:all:".to_owned()], requirement, folder, python, log, tick)
    }

    /// The same with other options of `pip install` that say which wheel is taken.
    pub fn unpack_with(
        &self,
        options: &[String],
        requirement: &str,
        folder: &Path,
        python: &Path,
        log: &Path,
        tick: impl FnMut(),
    ) -> Result<()> {
        let mut command = self.command(python);
        command.arg("--no-deps").args(options).arg("--target").arg(folder).arg(requirement);
        let status = process::run_logged(&mut command, log, tick)?;
        if !status.success() {
            return Err(process::failure(
                &format!("fetching {requirement} with {}", self.name()),
                status,
                log,
            ));
        }
        Ok(())
    }

    fn command(&self, python: &Path) -> Command {
        match self {
            Self::Uv(uv) => {
                let mut command = Command::new(uv);
                command.args(["pip", "install", "--python"]).arg(python);
                command
            }
            Self::Pip(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).arg("--python").arg(python);
                // `user = true` in pip.conf would ask for what no environment has.
                command.env(environment::PIP_USER, "0");
                command.args([
                    "install",
                    "--no-input",
                    "--disable-pip-version-check",
                    "--no-warn-script-location",
                ]);
                command
            }
        }
    }
}

/// Whether pip is configured for other indexes than PyPI. Build dependencies must come from where the user says that
/// packages come from, and uv reads neither pip.conf nor pip's variables.
fn has_indexes_of_its_own(python: &Interpreter) -> Result<bool> {
    const SETTINGS: [&str; 5] =
        [".index-url=", ".extra-index-url=", ".find-links=", ".no-index=", ".constraint="];
    if python.pip.is_none() {
        return Ok(false);
    }
    let mut pip = Command::new(&python.executable);
    pip.args(["-m", "pip", "config", "list"]);
    let said = process::answer(&mut pip)?.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.lines().any(|line| SETTINGS.iter().any(|setting| line.contains(setting))))
}

/// A pip that can install elsewhere: of the chosen Python, else the one on PATH.
fn pip(python: &Interpreter) -> Result<Option<Installer>> {
    if python.pip_installs_elsewhere() {
        let words = vec![python.executable.clone().into(), "-m".into(), "pip".into()];
        return Ok(Some(Installer::Pip(words)));
    }
    for name in ["pip3", "pip"] {
        let Ok(path) = which::which(name) else { continue };
        let said = process::answer(Command::new(&path).arg("--version"))?.unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        // `pip 23.0.1 from … (python 3.11)`
        if said.split_whitespace().nth(1).is_some_and(pip_suffices) {
            return Ok(Some(Installer::Pip(vec![path.into()])));
        }
    }
    Ok(None)
}

/// A Python with what a backend needs, and what its commands need to be found.
#[derive(Clone, Debug)]
pub struct Environment {
    /// What runs the backend.
    pub python: PathBuf,
    /// Folder of its scripts, to be put on PATH; `None` without isolation.
    pub scripts: Option<PathBuf>,
    /// Root of the virtual environment; `None` without isolation.
    pub root: Option<PathBuf>,
}

impl Environment {
    /// The chosen Python as it is.
    #[must_use]
    pub fn shared(python: &Interpreter) -> Self {
        Self { python: python.executable.clone(), scripts: None, root: None }
    }

    /// Makes a virtual environment in the work area.
    pub fn isolated(python: &Interpreter, area: &WorkArea, log: &Path) -> Result<Self> {
        let root = area.environment();
        let mut command;
        if python.venv {
            // `--without-pip`: Debian's python3 has venv, but no ensurepip unless python3-venv is installed.
            command = Command::new(&python.executable);
            command.args(["-m", "venv", "--without-pip"]).arg(&root);
        } else if let Ok(uv) = which::which("uv") {
            command = Command::new(uv);
            command.args(["venv", "--no-project", "--python"]).arg(&python.executable).arg(&root);
        } else if python.virtualenv {
            command = Command::new(&python.executable);
            command.args(["-m", "virtualenv", "--no-seed"]).arg(&root);
        } else if let Ok(virtualenv) = which::which("virtualenv") {
            command = Command::new(virtualenv);
            command.args(["--no-seed", "--python"]).arg(&python.executable).arg(&root);
        } else {
            return Err(Error::failed(format!(
                "{} has no module venv, and there is neither virtualenv nor uv",
                python.executable.display()
            ))
            .hint("`apt install python3-venv`, or use --no-isolation"));
        }
        // From `/`: nothing there is taken for a module.
        let status = process::run_logged(command.current_dir("/"), log, || {})?;
        if !status.success() {
            return Err(process::failure("making the isolated environment", status, log)
                .hint("`apt install python3-venv`, or use --no-isolation"));
        }
        Ok(Self { python: root.join("bin/python"), scripts: Some(root.join("bin")), root: Some(root) })
    }

    /// Installs requirements into it; `offline` from what the installer finds without an index.
    pub fn install(
        &self,
        requirements: &[String],
        installer: &Installer,
        offline: bool,
        log: &Path,
    ) -> Result<()> {
        if requirements.is_empty() {
            return Ok(());
        }
        for requirement in requirements {
            // What begins with a dash would be read as an option.
            if !requirement.trim_start().starts_with(|c: char| c.is_ascii_alphanumeric()) {
                return Err(Error::failed(format!("`{requirement}` is no requirement")));
            }
        }
        let mut command = installer.command(&self.python);
        if offline {
            command.arg(match installer {
                Installer::Uv(_) => "--offline",
                Installer::Pip(_) => "--no-index",
            });
        }
        command.args(requirements);
        let done = run(command, &requirements.join(", "), installer, log);
        done.map_err(|error| {
            if offline {
                error.hint("--offline fetches nothing: install from folders that pip knows (find-links), or --no-isolation")
            } else {
                error
            }
        })
    }

    /// Installs wheels, given by absolute paths, with further options of `pip install`.
    pub fn install_files(
        &self,
        wheels: &[PathBuf],
        options: &[String],
        installer: &Installer,
        log: &Path,
    ) -> Result<()> {
        let mut command = installer.command(&self.python);
        command.args(options).args(wheels);
        let names: Vec<_> = wheels.iter().map(|wheel| wheel.display().to_string()).collect();
        run(command, &names.join(", "), installer, log)
    }
}

/// Runs an installer to its end.
fn run(mut command: Command, what: &str, installer: &Installer, log: &Path) -> Result<()> {
    let status = process::run_logged(&mut command, log, || {})?;
    if status.success() {
        return Ok(());
    }
    Err(process::failure(&format!("installing {what} with {}", installer.name()), status, log))
}
