//! All that the record says of one call. It is read from the file when it is asked for: see
//! [`super::line`].

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;

use serde::Deserialize;

use super::log::{Call, Log};
use super::text::Text;
use crate::error::{Error, IoContext, Result};

/// The long fields of a `begin` line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Process of the shim.
    pub pid: u32,
    /// Process of its caller.
    pub ppid: u32,
    /// The name that was called.
    pub tool: String,
    /// The launcher that the compiler was called through.
    pub via: Option<String>,
    /// What runs.
    pub real: Text,
    /// Arguments ahead of the call's, where what runs is a command of another program.
    pub lead: Vec<Text>,
    /// The compiler cache that runs it.
    pub launcher: Option<Text>,
    /// Languages of the sources.
    pub lang: Vec<String>,
    /// The file for dependencies.
    pub dep: Option<Text>,
    /// Arguments as received, the name first.
    pub argv: Vec<Text>,
    /// The same with response files read in, where there were any.
    pub expanded: Option<Vec<Text>>,
    /// The response files as they were, nested ones too.
    pub files: Vec<ResponseFile>,
    /// For a link or an archive: what each input was at that moment, in their order.
    pub seen: Vec<Option<Stamp>>,
    /// For a link: the libraries that it found in its own folders.
    pub libs: Vec<Library>,
    /// Arguments as run, where they differ.
    pub run: Option<Vec<Text>>,
    /// What was changed or noted.
    pub edits: Vec<Edit>,
    /// Environment variables that were set.
    pub env: BTreeMap<String, Text>,
    /// Why it was refused.
    pub error: Option<Text>,
}

/// A response file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ResponseFile {
    /// As named in the call.
    pub path: Text,
    /// What was in it.
    pub content: Text,
}

/// What a file was known by: size in bytes, and time of change in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct Stamp(pub u64, pub u64);

/// A library that an option of a link stands for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Library {
    /// The option.
    pub arg: Text,
    /// The file.
    pub path: Text,
    /// What it was.
    pub seen: Stamp,
}

/// One change, or a note if `before` and `after` are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Edit {
    /// Name of the rule.
    pub rule: String,
    /// Why.
    pub why: String,
    /// Place in the arguments as received, response files read in.
    pub at: usize,
    /// What was given.
    pub before: Vec<Text>,
    /// What runs in its place.
    pub after: Vec<Text>,
}

impl Edit {
    /// Whether it changed nothing.
    #[must_use]
    pub fn is_note(&self) -> bool {
        self.before == self.after
    }
}

impl Detail {
    /// The arguments that the rules looked at.
    #[must_use]
    pub fn given(&self) -> &[Text] {
        self.expanded.as_deref().unwrap_or(&self.argv)
    }

    /// The arguments that ran.
    #[must_use]
    pub fn ran(&self) -> &[Text] {
        self.run.as_deref().unwrap_or(&self.argv)
    }
}

impl Log {
    /// Reads all that is known of a call of this log.
    pub fn detail(&self, call: &Call) -> Result<Detail> {
        let line = self.line(call.begin_line)?;
        serde_json::from_slice(&line).map_err(|error| {
            Error::failed(format!("{}: call {} cannot be read: {error}", self.path.display(), call.id))
        })
    }

    /// The lines of a call as the record holds them: its begin, and its end if there is one.
    pub fn raw(&self, call: &Call) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        Ok((self.line(call.begin_line)?, call.end_line.map(|place| self.line(place)).transpose()?))
    }

    /// The session's line as the record holds it.
    pub fn session_line(&self) -> Result<Vec<u8>> {
        self.line(self.session_place)
    }

    /// Lines of the sessions that were merged into this record; none if it is one session's own.
    pub fn merged_lines(&self) -> Result<Vec<Vec<u8>>> {
        self.merged.iter().map(|place| self.line(*place)).collect()
    }

    fn line(&self, (at, length): (u64, usize)) -> Result<Vec<u8>> {
        let mut line = vec![0; length];
        self.file.read_exact_at(&mut line, at).context("cannot read the record", &self.path)?;
        line.truncate(line.trim_ascii_end().len());
        Ok(valid(line))
    }
}

/// A line that is UTF-8: bytes that are not, which no shim writes and a bad disk may, become lone surrogates as they are written
/// elsewhere.
fn valid(line: Vec<u8>) -> Vec<u8> {
    let line = match String::from_utf8(line) {
        Ok(line) => return line.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let mut out = Vec::with_capacity(line.len() + 16);
    for chunk in line.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\udc{byte:02x}").as_bytes());
        }
    }
    out
}
