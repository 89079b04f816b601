//! Reading the file: line by line, through damage, into calls.
//!
//! A line is one write, but a write may be short: when the disk is full, the line of one call ends early
//! and the next one follows on the same line. Every whole line after a tear is found by [`MARK`].

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::line::{self, Fault, Line, MARK, Session, VERSION};
use super::log::{Call, Log};
use super::place;
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
            let were = if self.broken == 1 { "was" } else { "were" };
            out.push(format!("{} could not be read and {were} skipped", lines(self.broken)));
        }
        if self.orphans > 0 {
            let tell = if self.orphans == 1 { "tells" } else { "tell" };
            out.push(format!("{} {tell} the end of a call whose begin is missing", lines(self.orphans)));
        }
        if self.torn {
            out.push("the last line is cut off: the build was killed, or still runs".to_owned());
        }
        out
    }
}

/// Reads the record at `path`, as far as it goes now.
///
/// Taking lines apart is most of the work, and no line needs another for it: parts of the file are read at the same
/// time, and put together in their order.
pub(super) fn read(path: &Path) -> Result<Log> {
    let file = File::open(path).context("cannot open the record", path)?;
    let size = file.metadata().context("cannot look at the record", path)?.len();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_PARTS)) as u64;
    let length = size.div_ceil(cores).max(SMALLEST_PART);
    let starts: Vec<u64> = (0..cores).map(|part| part * length).filter(|start| *start < size).collect();
    let parts: Vec<Result<Part>> = std::thread::scope(|threads| {
        let read = |start: u64| {
            let file = &file;
            threads.spawn(move || Part::read(file, path, start, (start + length).min(size), size))
        };
        let running: Vec<_> = starts.iter().map(|start| read(*start)).collect();
        running
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut lines = Lines::default();
    for part in parts {
        lines.put_all(part?);
    }
    lines.finish(path, file)
}

/// More threads than this are not worth their start.
const MOST_PARTS: usize = 8;
/// So much of a file is read by one thread.
const SMALLEST_PART: u64 = 1 << 20;
/// So much is read at once.
const BLOCK: usize = 1 << 20;

/// The lines that begin in a part of the file.
#[derive(Debug, Default)]
pub(super) struct Part {
    lines: Vec<(Line, u64, usize)>,
    broken: usize,
    torn: bool,
}

impl Part {
    /// Reads all lines that begin between `start` and `stop`, the last one to its end.
    fn read(file: &File, path: &Path, start: u64, stop: u64, size: u64) -> Result<Self> {
        let mut part = Self::default();
        // A line that began before `start` belongs to the part before; it may end right there.
        let mut skipping = start > 0;
        let mut at = start.saturating_sub(1);
        let mut rest: Vec<u8> = Vec::with_capacity(BLOCK + (1 << 16));
        let mut end = at;
        while at < stop {
            let want = usize::try_from((size - end).min(BLOCK as u64)).unwrap_or(BLOCK);
            if want == 0 {
                break;
            }
            let had = rest.len();
            rest.resize(had + want, 0);
            file.read_exact_at(&mut rest[had..], end).context("cannot read the record", path)?;
            end += want as u64;
            let mut used = 0;
            // What was there before holds no line feed.
            for feed in memchr::memchr_iter(b'\n', &rest[had..]) {
                let line = &rest[used..=had + feed];
                if !std::mem::take(&mut skipping) && at < stop {
                    part.take(line, at, true).map_err(|version| too_new(path, version))?;
                }
                at += line.len() as u64;
                used += line.len();
            }
            rest.drain(..used);
        }
        if at < stop && !skipping {
            part.take(&rest, at, false).map_err(|version| too_new(path, version))?;
        }
        Ok(part)
    }

    /// Takes a line that begins at `at` of the file; `whole` if it ends in a line feed. Fails with the
    /// version of a record that is not ours.
    pub(super) fn take(&mut self, line: &[u8], at: u64, whole: bool) -> Result<(), u64> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match line::read(line) {
            Ok(read) => {
                self.lines.push((read, at, line.len()));
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
                Ok(read) => self.lines.push((read, at + *start as u64, piece.len())),
                Err(Fault::Version(version)) => return Err(version),
                Err(Fault::Damaged) if !whole && end == line.len() => self.torn = true,
                Err(Fault::Damaged) => self.broken += 1,
            }
        }
        Ok(())
    }
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
    /// Takes the lines of the next part.
    pub(super) fn put_all(&mut self, part: Part) {
        self.damage.broken += part.broken;
        self.damage.torn |= part.torn;
        for (line, at, length) in part.lines {
            self.put(line, at, length);
        }
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

    /// Takes back each parent that was not running when the call began: a compiler cache's daemon hands the variable
    /// that names it on for ever.
    fn check_parents(&mut self) {
        let running = |parent: &str, at: u64| {
            let parent = &self.calls[*self.places.get(parent)?];
            let end = parent.end.as_ref().map_or(u64::MAX, |end| parent.start.saturating_add(end.duration));
            (parent.start..=end).contains(&at).then_some(())
        };
        let stale = |call: &Call| call.parent.as_deref().is_some_and(|p| running(p, call.start).is_none());
        let stale: Vec<usize> =
            self.calls.iter().enumerate().filter(|(_, call)| stale(call)).map(|(place, _)| place).collect();
        for place in stale {
            self.calls[place].parent = None;
        }
    }

    fn finish(mut self, path: &Path, file: File) -> Result<Log> {
        self.check_parents();
        let Some((session, session_place)) = self.session else {
            if !self.calls.is_empty() {
                let calls = self.calls.len();
                let what = "its session line is missing or damaged, without which its calls cannot be told";
                return Err(Error::failed(format!("{}: {what} ({calls} could be read)", path.display()))
                    .hint(
                        "it is the first line that `crosswheel` writes; take the file as the build left it",
                    ));
            }
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
            output: Some(path.with_file_name(place::OUTPUT)).filter(|output| output.is_file()),
            file,
            session_place,
            merged: self.merged,
        })
    }
}

/// Where lines begin inside of a damaged one.
fn marks(line: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(line, MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn places(parts: &[Part]) -> Vec<(u64, usize)> {
        parts.iter().flat_map(|part| part.lines.iter().map(|(_, at, length)| (*at, *length))).collect()
    }

    proptest! {
        #[test]
        fn parts_hold_each_line_once_wherever_they_begin(
            lengths in prop::collection::vec(0_usize..60, 1..20), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            last in any::<bool>(),
        ) {
            let lines = lengths.iter().map(|length| format!("{{\"ev\":\"other\",\"x\":\"{}\"}}", "x".repeat(*length)));
            let mut text = lines.collect::<Vec<_>>().join("\n");
            if last {
                text.push('\n');
            }
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(text.as_bytes()).expect("written");
            let size = text.len() as u64;
            let mut starts: Vec<u64> = cuts.iter().map(|cut| cut.index(text.len()) as u64).chain([0, size]).collect();
            starts.sort_unstable();
            starts.dedup();
            let parts: Vec<Part> = starts
                .windows(2)
                .map(|pair| Part::read(&file, Path::new("x"), pair[0], pair[1], size).expect("read"))
                .collect();
            let mut at = 0;
            let expected: Vec<(u64, usize)> = text
                .split_inclusive('\n')
                .map(|line| { at += line.len() as u64; (at - line.len() as u64, line.len()) })
                .collect();
            prop_assert_eq!(places(&parts), expected);
            prop_assert!(parts.iter().all(|part| part.broken == 0 && !part.torn));
        }
    }
}
