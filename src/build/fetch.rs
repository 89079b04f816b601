//! Fetches a source distribution from the index that pip is configured for.
//!
//! The work is done by `scripts/fetch_sdist.py` inside the chosen Python, with pip's own session and finder, so that
//! indexes, credentials, certificates and proxies are those of the user's pip. No code of the package is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::interpreter::Interpreter;
use super::process;
use super::work::WorkArea;
use crate::environment;
use crate::error::{Error, IoContext, Result};

const SCRIPT: &str = include_str!("scripts/fetch_sdist.py");

/// A source distribution that was fetched.
#[derive(Clone, Debug, Deserialize)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// Its name.
    pub filename: String,
    /// Where it came from, without credentials.
    pub url: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Names of the digests that the index gave, and that the file was held against.
    pub verified: Vec<String>,
    /// True if it was in the cache.
    pub cached: bool,
    /// Why it was withdrawn, if it was; may be empty.
    pub yanked: Option<String>,
}

/// What the script says when there is nothing to be had.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    message: String,
    #[serde(default)]
    available: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
}

/// Fetches the source distribution that fits a requirement best.
pub fn fetch(requirement: &str, python: &Interpreter, area: &WorkArea) -> Result<Fetched> {
    let script = area.script("fetch_sdist.py", SCRIPT)?;
    let folder = area.root().join("sdist");
    std::fs::create_dir_all(&folder).context("making", &folder)?;
    let mut command = Command::new(&python.executable);
    command.arg(script).arg(requirement).arg(&folder).arg(environment::cache("sdists").unwrap_or_default());
    match process::answer(&mut command)? {
        Ok(stdout) => serde_json::from_slice(&stdout).map_err(|error| {
            Error::failed(format!("fetching {requirement}: the answer is garbled: {error}"))
        }),
        Err(said) => Err(refused(requirement, python, &said)),
    }
}

fn refused(requirement: &str, python: &Interpreter, said: &str) -> Error {
    let refusal = said.lines().find_map(|line| serde_json::from_str::<Refusal>(line).ok());
    let Some(refusal) = refusal else {
        return Error::failed(format!("fetching {requirement} with pip failed:\n{}", said.trim_end()));
    };
    let error = Error::failed(format!("fetching {requirement}: {}", refusal.message));
    match refusal.error.as_str() {
        "no-pip" | "old-pip" => error.hint(pip_hint(&python.executable)),
        "new-pip" => {
            error.hint("use a Python with another pip (22.3 to 26 are known), or give the sdist as a file")
        }
        "no-version" => error.hint(format!("the newest that there are: {}", refusal.available.join(", "))),
        "no-sdist" if refusal.sources.is_empty() => {
            error.hint("give a folder with its source, such as a git checkout")
        }
        "no-sdist" => error.hint(format!("there are sources of: {}", refusal.sources.join(", "))),
        "requirement" => Error { exit: crate::error::Exit::Usage, ..error },
        _ => match said.lines().rfind(|line| line.starts_with("WARNING") || line.starts_with("ERROR")) {
            Some(line) => error.hint(format!("pip said: {line}")),
            None => error.hint("see `pip config list` for the indexes that pip uses"),
        },
    }
}

/// What to do about a Python without a pip that can fetch.
fn pip_hint(python: &Path) -> String {
    let python = python.display();
    if let Ok(pip) = which::which("pip3").or_else(|_| which::which("pip")) {
        return format!(
            "choose a Python that has pip with --python; `{} --version` says which one that is",
            pip.display()
        );
    }
    if which::which("uv").is_ok() {
        return format!("`uv pip install --python {python} pip` gives it one");
    }
    format!("`{python} -m ensurepip`, or `apt install python3-pip`, gives it one")
}
