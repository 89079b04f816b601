//! One line of a record: the fields that questions are asked about. The long ones (arguments,
//! environment) are passed over here and read by [`super::detail`] for one call at a time, so that a
//! record of a hundred megabytes opens in a moment and in little memory.

use std::borrow::Cow;

use crosswheel_shim::elf::Machine;
use crosswheel_shim::plan::{Kind, Role};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;

use super::log::{Call, Edited, End, Retry};
use super::read::Damage;
use super::text::Text;

/// The version of the format that is read here.
pub const VERSION: u64 = 1;

/// How every line begins. It cannot stand inside a string, where its quotes would be escaped.
pub const MARK: &[u8] = br#"{"ev":""#;

/// The session: what was set up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Session {
    /// `crosswheel` and its version.
    #[serde(default)]
    pub tool: String,
    /// The family, as the user spelled it.
    #[serde(default)]
    pub family: String,
    /// The policy on `-Werror`.
    #[serde(default)]
    pub werror: String,
    /// Digest of the plan.
    #[serde(default)]
    pub plan: String,
    /// The shim folder.
    #[serde(default)]
    pub bin: Text,
    /// Folder of the target's headers and libraries; empty if there was none.
    #[serde(default)]
    pub sysroot: Text,
    /// Start, nanoseconds since 1970.
    #[serde(default, rename = "t")]
    pub start: u64,
    /// The names that were answered.
    #[serde(default)]
    pub tools: Vec<SessionTool>,
}

/// One name in the shim folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SessionTool {
    /// The name.
    pub name: String,
    /// What it runs.
    #[serde(default)]
    pub real: Text,
    /// The compiler cache in front of it.
    pub launcher: Option<Text>,
    /// What it stands for; `None` for a role that is not known here.
    #[serde(default, deserialize_with = "role")]
    pub role: Option<Role>,
    /// How its arguments were read.
    #[serde(default)]
    pub dialect: String,
    /// The machine that it makes code for, in its own words.
    pub machine: Option<String>,
    /// Its version, in its own words.
    pub version: Option<String>,
}

/// What the shim did with the arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// Ran them as they were.
    #[default]
    Passed,
    /// Ran others.
    Rewritten,
    /// Ran nothing.
    Refused,
}

/// An ELF file that a call made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Made {
    /// As named in the call.
    pub path: Text,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
    /// SHA-256 of the file, hexadecimal.
    #[serde(default)]
    pub sha256: String,
    /// Its build-id, hexadecimal.
    pub build_id: Option<String>,
    /// Digest of its loadable segments, hexadecimal.
    pub load: Option<String>,
    /// What runs it.
    #[serde(default, deserialize_with = "machine")]
    pub machine: Option<Machine>,
}

/// A line that was read.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most lines are of the largest kind")]
pub(super) enum Line {
    Session(Session),
    Begin(Call),
    End(String, End),
    /// A session that was merged into this record, with what was lost of it.
    Merged(Damage),
    /// An event that is not known: of a later release that did not need a new version.
    Other,
}

/// Why a line was not read.
pub(super) enum Fault {
    /// It is damaged.
    Damaged,
    /// It has this version, which is not ours.
    Version(u64),
}

impl From<serde_json::Error> for Fault {
    fn from(_: serde_json::Error) -> Self {
        Self::Damaged
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
    v: Option<u64>,
}

#[derive(Deserialize)]
struct BeginLine<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    t: u64,
    #[serde(borrow)]
    tool: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    of: usize,
    parent: Option<String>,
    launcher: Option<Text>,
    probe: Option<String>,
    cwd: Option<Text>,
    #[serde(default, rename = "in")]
    inputs: Vec<Text>,
    #[serde(default, rename = "out")]
    outputs: Vec<Text>,
    #[serde(default, borrow)]
    edits: Vec<EditLine<'a>>,
    #[serde(default, borrow)]
    disp: Cow<'a, str>,
}

#[derive(Deserialize)]
struct EditLine<'a> {
    rule: String,
    /// As they are written: only whether they are equal is asked.
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
}

impl EditLine<'_> {
    fn is_note(&self) -> bool {
        let text = |list: Option<&RawValue>| list.map_or("[]", RawValue::get).to_owned();
        match (self.before, self.after) {
            (Some(before), Some(after)) => before.get() == after.get(),
            (before, after) => text(before) == text(after),
        }
    }
}

#[derive(Deserialize)]
struct EndLine {
    id: String,
    #[serde(default)]
    dur: u64,
    exit: Option<i32>,
    signal: Option<i32>,
    #[serde(default)]
    user: u64,
    #[serde(default)]
    sys: u64,
    #[serde(default)]
    rss: u64,
    retry: Option<RetryLine>,
    #[serde(default)]
    made: Vec<Made>,
    error: Option<Text>,
}

#[derive(Deserialize)]
struct RetryLine {
    exit: Option<i32>,
    #[serde(default)]
    demoted: Vec<Text>,
}

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Result<Line, Fault> {
    // The event's name decides how the rest is read; the shim writes it first.
    let name = line.strip_prefix(MARK).and_then(|rest| rest.split(|byte| *byte == b'"').next());
    match name {
        Some(b"begin") => begin(line),
        Some(b"end") => end(line),
        _ => {
            let event: Event<'_> = serde_json::from_slice(line)?;
            match &*event.ev {
                "session" if event.v != Some(VERSION) => {
                    event.v.map_or(Err(Fault::Damaged), |v| Err(Fault::Version(v)))
                }
                "session" => Ok(Line::Session(serde_json::from_slice(line)?)),
                "begin" => begin(line),
                "end" => end(line),
                "merged" => Ok(Line::Merged(serde_json::from_slice(line)?)),
                _ => Ok(Line::Other),
            }
        }
    }
}

fn begin(line: &[u8]) -> Result<Line, Fault> {
    let begin: BeginLine<'_> = serde_json::from_slice(line)?;
    let edits =
        begin.edits.into_iter().map(|edit| Edited { note: edit.is_note(), rule: edit.rule }).collect();
    Ok(Line::Begin(Call {
        id: begin.id.into_owned(),
        start: begin.t,
        parent: begin.parent,
        tool: begin.tool.into_owned(),
        session: begin.of,
        launcher: begin.launcher,
        kind: Kind::parse(&begin.kind).unwrap_or(Kind::Other),
        probe: begin.probe,
        cwd: begin.cwd,
        inputs: begin.inputs,
        outputs: begin.outputs,
        edits,
        disposition: match &*begin.disp {
            "rewritten" => Disposition::Rewritten,
            "refused" => Disposition::Refused,
            _ => Disposition::Passed,
        },
        end: None,
        begin_line: (0, 0),
        end_line: None,
    }))
}

fn end(line: &[u8]) -> Result<Line, Fault> {
    let end: EndLine = serde_json::from_slice(line)?;
    let retry = end.retry.map(|retry| Retry { exit: retry.exit, demoted: retry.demoted });
    Ok(Line::End(
        end.id,
        End {
            duration: end.dur,
            exit: end.exit,
            signal: end.signal,
            user: end.user,
            system: end.sys,
            peak: end.rss,
            retry,
            made: end.made,
            error: end.error,
        },
    ))
}

fn role<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Role>, D::Error> {
    Ok(Role::parse(&Cow::<'de, str>::deserialize(from)?))
}

fn machine<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Machine>, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    Machine::parse(&text).map(Some).ok_or_else(|| D::Error::custom("no machine"))
}
