//! Whether a compiler takes a flag: asked of the compiler itself, because no table knows all of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crosswheel_shim::plan::Language;

/// Answers for one compiler.
pub trait FlagOracle {
    /// What it has against these arguments when it compiles this language, in its own words; `None` if it takes them
    /// without a complaint.
    fn objection(&self, flags: &[String], language: Language) -> Option<String>;

    /// Whether it has a front end for this language.
    fn speaks(&self, language: Language) -> bool {
        self.objection(&[], language).is_none()
    }
}

/// A language, and the flags that are asked about.
type Question = (Language, Vec<String>);

/// Asks the real compiler, each question once.
pub struct CompilerOracle {
    compiler: PathBuf,
    path: Option<OsString>,
    lead: Vec<String>,
    known: Mutex<BTreeMap<Question, Option<String>>>,
}

impl CompilerOracle {
    /// For the compiler at an absolute path. With `path`, that is its PATH: one without shim folders, so that the
    /// question is not recorded as a part of a build.
    #[must_use]
    pub fn new(compiler: &Path, path: Option<OsString>) -> Self {
        Self { compiler: compiler.to_owned(), path, lead: Vec::new(), known: Mutex::default() }
    }

    /// With arguments ahead of every question's.
    #[must_use]
    pub fn by_command(mut self, lead: Vec<String>) -> Self {
        self.lead = lead;
        self
    }

    /// The first line of what the linker behind it says to `--version`; empty if it says nothing.
    #[must_use]
    pub fn linker(&self) -> String {
        let answer = self.command().arg("-Wl,--version").stderr(Stdio::null()).output();
        let text = answer.map(|answer| answer.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
    }

    /// The first line of what the tool itself says to `--version`; empty if it says nothing.
    #[must_use]
    pub fn version(&self) -> String {
        let answer = self.command().arg("--version").stderr(Stdio::null()).output();
        let text = answer.map(|answer| answer.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.compiler);
        command.args(&self.lead).stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    fn ask(&self, flags: &[String], language: Language) -> Option<String> {
        let Some(spelling) = driver_language(language) else {
            return Some(format!("{} is a language that is not asked about", language.name()));
        };
        // The flags go last: only there does a value that is missing show.
        let mut command = self.command();
        // A driver that is a command of another program may not know how to stop before code is made.
        let check: &[&str] =
            if self.lead.is_empty() { &["-fsyntax-only"] } else { &["-c", "-o", "/dev/null"] };
        command.args(["-x", spelling]).args(check).args(["-Werror", "/dev/null"]).args(flags);
        let answer = match command.output() {
            Ok(answer) => answer,
            Err(fault) => return Some(format!("{}: {fault}", self.compiler.display())),
        };
        if answer.status.success() && answer.stderr.is_empty() {
            return None;
        }
        let words = String::from_utf8_lossy(&answer.stderr);
        Some(words.lines().next().map_or_else(|| answer.status.to_string(), str::to_owned))
    }
}

impl FlagOracle for CompilerOracle {
    fn objection(&self, flags: &[String], language: Language) -> Option<String> {
        let question = (language, flags.to_vec());
        let known = |oracle: &Self| {
            oracle.known.lock().unwrap_or_else(PoisonError::into_inner).get(&question).cloned()
        };
        if let Some(answer) = known(self) {
            return answer;
        }
        let answer = self.ask(flags, language);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(question, answer.clone());
        answer
    }
}

/// As drivers spell it behind `-x`.
fn driver_language(language: Language) -> Option<&'static str> {
    match language {
        Language::Fortran => Some("f95"),
        Language::Other => None,
        _ => Some(language.name()),
    }
}
