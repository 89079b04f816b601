//! Every failure of the library gathered once, with its exit code and its hint.

use std::fmt;
use std::path::{Path, PathBuf};

/// Exit codes of `crosswheel`. `run` passes the command's own status on instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The work failed, or found faults.
    Failed = 1,
    /// Wrong usage: arguments, or a file that the user wrote.
    Usage = 2,
    /// A command cannot be run, as a shell says it.
    NotExecutable = 126,
    /// A command was not found, as a shell says it.
    NotFound = 127,
}

/// A failure: what is wrong and where, and what to do about it.
#[derive(Debug)]
pub struct Error {
    /// What is wrong and where: lower case, no full stop.
    pub message: String,
    /// What to do, if there is a way out.
    pub hint: Option<String>,
    /// How the program ends.
    pub exit: Exit,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The work failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// The user asked for something that cannot be: arguments or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Usage }
    }

    /// Reading, writing or starting `path` failed.
    pub fn io(doing: &str, path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        // `tempfile` wraps the system's error to name its own file, which nobody asked for.
        let inner = source.get_ref().and_then(std::error::Error::source);
        let cause = inner.map_or_else(|| source.to_string(), ToString::to_string);
        Self::failed(format!("{doing} {}: {cause}", path.as_ref().display()))
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Shorthand to name the path in an I/O failure.
pub trait IoContext<T> {
    /// Names what was done, and to which path.
    fn context(self, doing: &str, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn context(self, doing: &str, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| Error::io(doing, path.into(), &source))
    }
}
