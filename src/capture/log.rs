//! A session and its calls, and the questions that are asked about them: what was done and how often, what
//! failed, which calls made or read a file. Answers are values; nothing is printed here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;

use super::glob::Glob;
use super::line::{Disposition, Made, Session};
use super::read::Damage;
use super::text::Text;
use super::{path, place, read};
use crate::error::{Error, Result};

/// What a build did, as far as the record tells.
#[derive(Debug)]
pub struct Log {
    /// What was set up.
    pub session: Session,
    /// All calls, by their start.
    pub calls: Vec<Call>,
    /// What could not be read.
    pub damage: Damage,
    /// The file.
    pub path: PathBuf,
    /// What the build printed: the file beside the record in which `crosswheel build` keeps it, if it is there.
    pub output: Option<PathBuf>,
    pub(super) file: File,
    /// Offset and length of the session's line.
    pub(super) session_place: (u64, usize),
    /// The same of the sessions that were merged into it.
    pub(super) merged: Vec<(u64, usize)>,
}

/// One call of a name in the shim folder.
#[derive(Clone, Debug)]
pub struct Call {
    /// Unique in the session.
    pub id: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// The call in which this one was made.
    pub parent: Option<String>,
    /// The name that was called.
    pub tool: String,
    /// Number of its session in a record that several were merged into.
    pub session: usize,
    /// The compiler cache that ran it.
    pub launcher: Option<Text>,
    /// What it does.
    pub kind: Kind,
    /// Row by which it was known as a probe.
    pub probe: Option<String>,
    /// Working folder.
    pub cwd: Option<Text>,
    /// Inputs as named in the call.
    pub inputs: Vec<Text>,
    /// Outputs as named in the call.
    pub outputs: Vec<Text>,
    /// What was changed or noted.
    pub edits: Vec<Edited>,
    /// What the shim did.
    pub disposition: Disposition,
    /// How it ended; `None` if it was in flight when the build ended.
    pub end: Option<End>,
    /// Offset and length of its lines in the file.
    pub(super) begin_line: (u64, usize),
    pub(super) end_line: Option<(u64, usize)>,
}

/// A rule that looked at a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// Its name.
    pub rule: String,
    /// True if it changed nothing and only says something.
    pub note: bool,
}

/// The end of a call.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// Nanoseconds since its start.
    pub duration: u64,
    /// Exit status.
    pub exit: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// CPU time of user code, microseconds.
    pub user: u64,
    /// CPU time of the kernel, microseconds.
    pub system: u64,
    /// Peak resident size, KiB.
    pub peak: u64,
    /// The second try.
    pub retry: Option<Retry>,
    /// ELF files that it made.
    pub made: Vec<Made>,
    /// What kept it from running.
    pub error: Option<Text>,
}

/// A second try without `-Werror`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Exit status of the second try.
    pub exit: Option<i32>,
    /// The lines of the first try that were errors by `-Werror`.
    pub demoted: Vec<Text>,
}

/// How a call came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit status 0.
    Succeeded,
    /// Another exit status.
    Exit(i32),
    /// Killed by a signal.
    Signal(i32),
    /// A rule refused it.
    Refused,
    /// It has no status: it could not be started, or its end was lost; the record says which.
    NoStatus,
    /// It had not ended when the record did.
    InFlight,
}

impl Outcome {
    /// Whether it ended, and not well.
    #[must_use]
    pub fn failed(self) -> bool {
        !matches!(self, Self::Succeeded | Self::InFlight)
    }
}

impl Call {
    /// How it came out.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.disposition == Disposition::Refused {
            return Outcome::Refused;
        }
        match &self.end {
            None => Outcome::InFlight,
            Some(End { error: Some(_), .. }) => Outcome::NoStatus,
            Some(End { signal: Some(signal), .. }) => Outcome::Signal(*signal),
            Some(End { exit: Some(0), .. }) => Outcome::Succeeded,
            Some(End { exit: Some(exit), .. }) => Outcome::Exit(*exit),
            Some(_) => Outcome::NoStatus,
        }
    }

    /// How it came out, in a word or two.
    #[must_use]
    pub fn result(&self) -> String {
        let demoted = self.end.as_ref().is_some_and(|end| end.retry.is_some());
        match self.outcome() {
            Outcome::Succeeded if demoted => "demoted".into(),
            Outcome::Succeeded => "ok".into(),
            Outcome::Exit(status) => format!("exit {status}"),
            Outcome::Signal(signal) => format!("signal {signal}"),
            Outcome::Refused => "refused".into(),
            Outcome::NoStatus => "no status".into(),
            Outcome::InFlight => "in flight".into(),
        }
    }

    /// Whether it makes what a package is made of: kinds whose failure leaves something out.
    #[must_use]
    pub fn makes(&self) -> bool {
        matches!(self.kind, Kind::Compile | Kind::Assemble | Kind::Archive | Kind::Link)
    }

    /// A path as named in the call, from the root if the working folder is known, without `.` and `..`.
    /// Links are not followed: the files may be gone.
    #[must_use]
    pub fn resolve(&self, named: &Text) -> PathBuf {
        path::resolved(self.cwd.as_ref().map_or(&[][..], Text::bytes), named.bytes())
    }

    fn names(&self, files: &[Text], pattern: &Glob) -> bool {
        files.iter().any(|file| {
            let path = self.resolve(file);
            let path = if path.is_absolute() { path } else { Path::new("/").join(path) };
            pattern.matches(path.as_os_str().as_bytes())
        })
    }
}

/// Sums over the calls of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub calls: usize,
    /// Those made inside of other calls (`collect2` runs `ld`).
    pub nested: usize,
    /// All, by kind.
    pub kinds: BTreeMap<Kind, usize>,
    /// Those that are probes.
    pub probes: usize,
    /// Changes by rule.
    pub edits: BTreeMap<String, usize>,
    /// Notes by rule.
    pub notes: BTreeMap<String, usize>,
    /// Calls that failed under `-Werror` and went well without.
    pub demoted_calls: usize,
    /// Warnings that these let through.
    pub demoted: usize,
    /// Failed, probes left out.
    pub failed: usize,
    /// Failed probes: an answer, and no fault.
    pub failed_probes: usize,
    /// Begun and not ended.
    pub in_flight: usize,
    /// CPU time of all calls that are not nested, microseconds.
    pub cpu: u64,
}

/// Which calls to show; each that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One of these kinds; empty for all.
    pub kinds: Vec<Kind>,
    /// Only failed ones.
    pub failed: bool,
    /// Only those that did not end: they run, or were killed with the build.
    pub in_flight: bool,
    /// Only probes, or none.
    pub probe: Option<bool>,
    /// An output matches.
    pub output: Option<Glob>,
    /// An input matches.
    pub source: Option<Glob>,
    /// This rule changed or noted something.
    pub rule: Option<String>,
    /// Only so many, the slowest first.
    pub slowest: Option<usize>,
}

impl Filter {
    /// Whether a call passes; `slowest` is about all of them, and not looked at.
    #[must_use]
    pub fn passes(&self, call: &Call) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&call.kind))
            && (!self.failed || call.outcome().failed())
            && (!self.in_flight || call.outcome() == Outcome::InFlight)
            && self.probe.is_none_or(|probe| probe == call.probe.is_some())
            && self.rule.as_ref().is_none_or(|rule| call.edits.iter().any(|edit| edit.rule == *rule))
            && self.output.as_ref().is_none_or(|pattern| call.names(&call.outputs, pattern))
            && self.source.as_ref().is_none_or(|pattern| call.names(&call.inputs, pattern))
    }
}

impl Log {
    /// Opens the record that `path` stands for: the file, the folder of a log, or the output folder of a
    /// build.
    pub fn open(path: &Path) -> Result<Self> {
        read::read(&place::at(path)?)
    }

    /// Opens the newest session at or above `folder`.
    pub fn newest(folder: &Path) -> Result<Self> {
        read::read(&place::newest(folder)?)
    }

    /// Sums over all calls.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { calls: self.calls.len(), ..Counts::default() };
        for call in &self.calls {
            let (probe, outcome) = (call.probe.is_some(), call.outcome());
            *counts.kinds.entry(call.kind).or_default() += 1;
            counts.probes += usize::from(probe);
            counts.nested += usize::from(call.parent.is_some());
            counts.failed += usize::from(outcome.failed() && !probe);
            counts.failed_probes += usize::from(outcome.failed() && probe);
            counts.in_flight += usize::from(outcome == Outcome::InFlight);
            for edit in &call.edits {
                let rules = if edit.note { &mut counts.notes } else { &mut counts.edits };
                match rules.get_mut(&edit.rule) {
                    Some(count) => *count += 1,
                    None => _ = rules.insert(edit.rule.clone(), 1),
                }
            }
            let Some(end) = &call.end else { continue };
            if let Some(retry) = end.retry.as_ref().filter(|retry| retry.exit == Some(0)) {
                counts.demoted_calls += 1;
                counts.demoted += retry.demoted.len();
            }
            if call.parent.is_none() {
                counts.cpu += end.user + end.system;
            }
        }
        counts
    }

    /// Work that failed and was not made good: no probe, and none of the calls that began later made all
    /// of its outputs. A call inside of another one is that one's affair.
    #[must_use]
    pub fn failed_work(&self) -> Vec<&Call> {
        if !self.calls.iter().any(|call| call.makes() && call.outcome().failed()) {
            return Vec::new();
        }
        let workers: HashSet<&str> = self.calls.iter().filter(|c| c.makes()).map(|c| c.id.as_str()).collect();
        let mut made_at: HashMap<PathBuf, u64> = HashMap::new();
        for call in self.calls.iter().filter(|c| c.makes() && c.outcome() == Outcome::Succeeded) {
            for output in &call.outputs {
                // Calls are sorted: the last one stays.
                made_at.insert(call.resolve(output), call.start);
            }
        }
        let made_later = |call: &Call| {
            let later = |output| made_at.get(&call.resolve(output)).is_some_and(|at| *at > call.start);
            !call.outputs.is_empty() && call.outputs.iter().all(later)
        };
        let inside = |call: &Call| call.parent.as_deref().is_some_and(|parent| workers.contains(parent));
        let failed = |call: &&Call| {
            call.probe.is_none()
                && call.makes()
                && call.outcome().failed()
                && !inside(call)
                && !made_later(call)
        };
        self.calls.iter().filter(failed).collect()
    }

    /// Ids of calls that were made inside of others.
    #[must_use]
    pub fn nested(&self) -> HashSet<&str> {
        self.calls.iter().filter(|call| call.parent.is_some()).map(|call| call.id.as_str()).collect()
    }

    /// A command that asks this log something, to be put into a hint: as a shell takes it, wherever the log is.
    #[must_use]
    pub fn command(&self, words: &str) -> String {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let is_named = self.path.file_name().is_some_and(|name| name == place::FILE);
        let path = folder.filter(|_| is_named).unwrap_or(&self.path);
        let path = Text::from(path.as_os_str().as_encoded_bytes());
        format!("`crosswheel log {words} {}`", path.quoted())
    }

    /// The one call whose id begins with `prefix`.
    pub fn find(&self, prefix: &str) -> Result<&Call> {
        let mut found = self.calls.iter().filter(|call| call.id.starts_with(prefix));
        match (found.next(), found.next()) {
            (Some(call), None) => Ok(call),
            (Some(first), Some(second)) => {
                let ids: Vec<&str> =
                    [first, second].into_iter().chain(found).map(|call| call.id.as_str()).collect();
                let shown = ids[..ids.len().min(8)].join(", ");
                let more = if ids.len() > 8 { ", …" } else { "" };
                Err(Error::usage(format!("{} calls begin with `{prefix}`", ids.len()))
                    .hint(format!("give more digits: {shown}{more}")))
            }
            (None, _) => {
                Err(Error::usage(format!("no call begins with `{prefix}` in {}", self.path.display()))
                    .hint(format!("{} shows the calls with their ids", self.command("ls"))))
            }
        }
    }

    /// The calls that pass, by their start, or the slowest first if so many are asked for.
    #[must_use]
    pub fn select(&self, filter: &Filter) -> Vec<&Call> {
        let mut calls: Vec<&Call> = self.calls.iter().filter(|call| filter.passes(call)).collect();
        if let Some(most) = filter.slowest {
            let duration = |call: &Call| call.end.as_ref().map_or(0, |end| end.duration);
            calls.sort_by_key(|call| Reverse(duration(call)));
            calls.truncate(most);
        }
        calls
    }

    /// How many digits of an id are enough to tell all calls apart; at least 6.
    #[must_use]
    pub fn short_id(&self) -> usize {
        let mut ids: Vec<&str> = self.calls.iter().map(|call| call.id.as_str()).collect();
        ids.sort_unstable();
        let alike = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
        ids.windows(2).map(alike).max().map_or(6, |most| (most + 1).max(6))
    }
}
