//! Reading the file: line by line, through damage, into calls.
//!
//! A line is one write, but a write may be short: when the disk is full, the line of one call ends early
//! and the next one follows on the same line. Every whole line after a tear is found by [`MARK`].

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::line::{self, Fault, Line, MARK, Session, VERSION};
use super::log::{Call, Log};
use crate::error::{Error, IoContext, Result};

/// What of a record could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Damage {
    /// Lines that are cut or broken.
    pub broken: usize,
    /// Ends whose begin was lost.
    pub orphans: usize,
    /// The last line is torn: the build was killed, or still runs.
    pub torn: bool,
    /// A shim could not write: the file `record.lost` is there.
    pub lost: bool,
}

impl Damage {
    /// Whether calls may be missing. (A torn last line alone is a call whose begin or end is not known.)
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// What was lost of one more session.
    fn add(&mut self, other: Self) {
        self.broken += other.broken;
        self.orphans += other.orphans;
        self.torn |= other.torn;
        self.lost |= other.lost;
    }

    /// What was lost, a sentence each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let lines = |n: usize| if n == 1 { "1 line".to_owned() } else { format!("{n} lines") };
        let mut out = Vec::new();
        if self.lost {
            out.push(
                "some calls could not be written to the record (a full disk?) and are missing".to_owned(),
            );
        }
        if self.broken > 0 {
            out.push(format!("{} could not be read and were skipped", lines(self.broken)));
        }
        if self.orphans > 0 {
            out.push(format!("{} tell the end of a call whose begin is missing", lines(self.orphans)));
        }
        if self.torn {
            out.push("the last line is cut off: the build was killed, or still runs".to_owned());
        }
        out
    }
}

/// Reads the record at `path`.
pub(super) fn read(path: &Path) -> Result<Log> {
    let file = File::open(path).context("cannot open the record", path)?;
    let mut reader = BufReader::with_capacity(1 << 16, &file);
    let mut lines = Lines::default();
    let mut buffer = Vec::new();
    let mut at = 0;
    loop {
        buffer.clear();
        let length = reader.read_until(b'\n', &mut buffer).context("cannot read the record", path)?;
        if length == 0 {
            break;
        }
        let whole = buffer.last() == Some(&b'\n');
        lines.take(&buffer, at, whole).map_err(|version| too_new(path, version))?;
        at += length as u64;
    }
    lines.finish(path, file)
}

pub(super) fn too_new(path: &Path, version: u64) -> Error {
    let path = path.display();
    Error::failed(format!("{path}: the record has format {version}, and only format {VERSION} is known here"))
        .hint("read it with the release of crosswheel that wrote it, or a later one")
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    session: Option<(Session, (u64, usize))>,
    pub(super) calls: Vec<Call>,
    /// Place in `calls` by id.
    places: HashMap<String, usize>,
    pub(super) damage: Damage,
    /// Places in `calls`, one for each begin and each end that was read.
    pub(super) fresh: Vec<usize>,
    /// Lines that tell of merged sessions.
    merged: Vec<(u64, usize)>,
}

impl Lines {
    /// Takes a line that begins at `at` of the file; `whole` if it ends in a line feed. Fails with the
    /// version of a record that is not ours.
    pub(super) fn take(&mut self, line: &[u8], at: u64, whole: bool) -> Result<(), u64> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match line::read(line) {
            Ok(read) => {
                self.put(read, at, line.len());
                return Ok(());
            }
            Err(Fault::Version(version)) => return Err(version),
            Err(Fault::Damaged) => {}
        }
        let mut starts: Vec<usize> = marks(line).collect();
        if starts.first() != Some(&0) {
            starts.insert(0, 0);
        }
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(line.len());
            let piece = &line[*start..end];
            match line::read(piece) {
                Ok(read) => self.put(read, at + *start as u64, piece.len()),
                Err(Fault::Version(version)) => return Err(version),
                Err(Fault::Damaged) if !whole && end == line.len() => self.damage.torn = true,
                Err(Fault::Damaged) => self.damage.broken += 1,
            }
        }
        Ok(())
    }

    fn put(&mut self, line: Line, at: u64, length: usize) {
        match line {
            Line::Session(session) if self.session.is_none() => self.session = Some((session, (at, length))),
            Line::Begin(mut call) if !self.places.contains_key(&call.id) => {
                call.begin_line = (at, length);
                self.places.insert(call.id.clone(), self.calls.len());
                self.fresh.push(self.calls.len());
                self.calls.push(call);
            }
            Line::End(id, end) => match self.places.get(&id).map(|place| (*place, &mut self.calls[*place])) {
                Some((place, call)) if call.end.is_none() => {
                    call.end = Some(end);
                    call.end_line = Some((at, length));
                    self.fresh.push(place);
                }
                Some(_) => self.damage.broken += 1,
                None => self.damage.orphans += 1,
            },
            Line::Merged(damage) => {
                self.damage.add(damage);
                self.merged.push((at, length));
            }
            // Two sessions or two calls of one id cannot be: the first stands.
            Line::Session(_) | Line::Begin(_) => self.damage.broken += 1,
            Line::Other => {}
        }
    }

    fn finish(mut self, path: &Path, file: File) -> Result<Log> {
        let Some((session, session_place)) = self.session else {
            return Err(Error::failed(format!("{}: is no record: it has no session line", path.display()))
                .hint("a record is a file `record.jsonl` that `crosswheel build` or `crosswheel run` made"));
        };
        self.damage.lost |= path.with_file_name("record.lost").exists();
        self.calls.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        Ok(Log {
            session,
            calls: self.calls,
            damage: self.damage,
            path: path.to_owned(),
            file,
            session_place,
            merged: self.merged,
        })
    }
}

/// Where lines begin inside of a damaged one.
fn marks(line: &[u8]) -> impl Iterator<Item = usize> {
    line.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(|(at, _)| at)
}
