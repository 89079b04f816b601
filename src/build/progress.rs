//! How far a build is, followed in its record and its output while both grow.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{Event, Observer};
use crate::error::{IoContext, Result};

/// How far a build is, as the record tells while it grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Calls that began.
    pub begun: usize,
    /// Calls that ended.
    pub ended: usize,
    /// Input of the newest real piece of work.
    pub current: Option<String>,
}

/// Follows the record and the backend's output.
pub(super) struct Watch {
    record: Follower,
    output: Follower,
    progress: Progress,
}

impl Watch {
    pub(super) fn new(record: &Path, output: &Path) -> Self {
        Self { record: Follower::new(record), output: Follower::new(output), progress: Progress::default() }
    }

    pub(super) fn look(&mut self, observer: &mut dyn Observer) {
        let output = self.output.more();
        if !output.is_empty() {
            observer.event(Event::Output(&output));
        }
        let lines = self.record.lines();
        for line in lines.split(|byte| *byte == b'\n') {
            self.progress.take(line);
        }
        if lines.is_empty() {
            observer.event(Event::Tick);
        } else {
            observer.event(Event::Progress(&self.progress));
        }
    }
}

impl Progress {
    /// Takes note of a line of the record. What it cannot read it passes over: this is for the eye only.
    fn take(&mut self, line: &[u8]) {
        if line.starts_with(br#"{"ev":"end""#) {
            self.ended += 1;
        } else if line.starts_with(br#"{"ev":"begin""#) {
            self.begun += 1;
            let Ok(begin) = serde_json::from_slice::<Begin>(line) else { return };
            if begin.probe.is_none()
                && let Some(first) = begin.inputs.into_iter().next()
            {
                let name = Path::new(&first).file_name().map(|name| name.to_string_lossy().into_owned());
                self.current = name;
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Begin {
    probe: Option<String>,
    #[serde(default, rename = "in")]
    inputs: Vec<String>,
}

/// Reads what is appended to a file.
struct Follower {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Follower {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rest: Vec::new() }
    }

    /// All that is new.
    fn more(&mut self) -> Vec<u8> {
        let mut new = Vec::new();
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            // Only for the eye: what cannot be read now is read the next time, or not at all.
            drop(file.read_to_end(&mut new));
        }
        new
    }

    /// All whole lines that are new.
    fn lines(&mut self) -> Vec<u8> {
        let new = self.more();
        self.rest.extend(new);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(end);
        std::mem::replace(&mut self.rest, rest)
    }
}

/// The last lines of a log, for a message.
pub fn tail(log: &Path, lines: usize) -> Result<String> {
    const MOST: u64 = 64 << 10;
    let mut file = File::open(log).context("opening", log)?;
    let size = file.metadata().context("looking at", log)?.len();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(size.saturating_sub(MOST)))
        .and_then(|_| file.read_to_end(&mut bytes))
        .context("reading", log)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}
