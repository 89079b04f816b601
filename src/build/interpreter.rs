//! The Python that a build runs with: found by path or name, and asked what it can do.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use super::process;
use super::work::WorkArea;
use crate::error::{Error, Result};

const SCRIPT: &str = include_str!("scripts/interpreter.py");

/// A Python and what it says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Interpreter {
    /// Absolute path, launchers such as pyenv's looked through.
    pub executable: PathBuf,
    /// Three numbers.
    pub version: (u32, u32, u32),
    /// `cpython`, `pypy`.
    pub implementation: String,
    /// Version of its pip.
    pub pip: Option<String>,
    /// Whether `python -m venv` is there.
    pub venv: bool,
    /// Whether `python -m virtualenv` is there.
    pub virtualenv: bool,
}

impl Interpreter {
    /// Finds a Python: by path, by name on PATH (`python3.12`, or `3.12` for short), or `python3` if none is asked
    /// for.
    pub fn find(wanted: Option<&OsStr>, area: &WorkArea) -> Result<Self> {
        let name = wanted.unwrap_or(OsStr::new("python3"));
        let mut found = which::which(name);
        if found.is_err()
            && let Some(number) = name.to_str().filter(|text| text.starts_with(|c: char| c.is_ascii_digit()))
        {
            found = which::which(format!("python{number}"));
        }
        let path = found.map_err(|_| {
            let error = Error::usage(format!("no Python `{}` was found", name.display()));
            match wanted {
                Some(_) => error.hint("give --python a path, or a name that is on PATH"),
                None => error.hint("`apt install python3 python3-venv`, or name one with --python"),
            }
        })?;
        let script = area.script("interpreter.py", SCRIPT)?;
        match process::answer(Command::new(&path).arg(script))? {
            Ok(stdout) => {
                let found: Self = serde_json::from_slice(&stdout).map_err(|error| {
                    Error::failed(format!("{} does not answer as a Python does: {error}", path.display()))
                })?;
                if found.version < (3, 8, 0) {
                    return Err(Error::usage(format!(
                        "{} is Python {}: 3.8 or newer is needed",
                        path.display(),
                        found.version_text()
                    )));
                }
                Ok(found)
            }
            Err(said) => Err(Error::failed(format!(
                "{} does not run as a Python does: {}",
                path.display(),
                said.lines().next_back().unwrap_or("it says nothing")
            ))),
        }
    }

    /// Version as `3.11.2`.
    #[must_use]
    pub fn version_text(&self) -> String {
        let (major, minor, micro) = self.version;
        format!("{major}.{minor}.{micro}")
    }

    /// Whether its pip can install into another environment (`pip --python`, since 22.3).
    #[must_use]
    pub fn pip_installs_elsewhere(&self) -> bool {
        self.pip.as_deref().is_some_and(pip_suffices)
    }
}

/// Whether a version of pip is 22.3 or newer.
#[must_use]
pub fn pip_suffices(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (22, 3)
}
