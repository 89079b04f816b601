//! Following a record while its build runs: what was appended since the last look, and whether more may come.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::log::Log;
use super::place;
use super::read::{Damage, Lines, Part, too_new};
use crate::error::{IoContext, Result};

/// A record that grows.
#[derive(Debug)]
pub struct Follower {
    log: Log,
    lines: Lines,
    /// How much of the file was read.
    at: u64,
    /// A line that has no end yet, and where it begins.
    rest: Vec<u8>,
    /// Whether a process was seen at work in the session.
    seen: bool,
}

/// Who is at work in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// A process is.
    There,
    /// None is any more, or the record is no longer the one that is followed.
    Gone,
    /// None was since we look: the session has ended, or was set up for a shell.
    Never,
}

impl Follower {
    /// Opens the record that `path` stands for.
    pub fn open(path: &Path) -> Result<Self> {
        let path = place::at(path)?;
        let log = Log::open(&path)?;
        let file = File::open(&path).context("cannot open the record", &path)?;
        let log = Log { calls: Vec::new(), file, ..log };
        Ok(Self { log, lines: Lines::default(), at: 0, rest: Vec::new(), seen: false })
    }

    /// The record as far as it was read; its calls are in the order of their begins.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Reads what is new. Places in the log's calls, one for each begin and each end, in the order of the file.
    pub fn look(&mut self) -> Result<Vec<usize>> {
        std::mem::swap(&mut self.log.calls, &mut self.lines.calls);
        let done = self.read();
        std::mem::swap(&mut self.log.calls, &mut self.lines.calls);
        done?;
        self.log.damage = self.lines.damage;
        Ok(std::mem::take(&mut self.lines.fresh))
    }

    fn read(&mut self) -> Result<()> {
        let mut block = vec![0; 1 << 20];
        loop {
            let count = self
                .log
                .file
                .read_at(&mut block, self.at)
                .context("cannot read the record", &self.log.path)?;
            if count == 0 {
                return Ok(());
            }
            let mut start = self.at - self.rest.len() as u64;
            self.at += count as u64;
            self.rest.extend_from_slice(&block[..count]);
            // What was there before holds no line feed.
            let had = self.rest.len() - count;
            let end = memchr::memrchr(b'\n', &self.rest[had..]).map_or(0, |at| had + at + 1);
            if end == 0 {
                continue;
            }
            let later = self.rest.split_off(end);
            let mut part = Part::default();
            for line in std::mem::replace(&mut self.rest, later).split_inclusive(|byte| *byte == b'\n') {
                part.take(line, start, true).map_err(|version| too_new(&self.log.path, version))?;
                start += line.len() as u64;
            }
            self.lines.put_all(part);
        }
    }

    /// What is missing, now that no more comes.
    #[must_use]
    pub fn damage(&self) -> Damage {
        Damage { torn: self.log.damage.torn || !self.rest.trim_ascii().is_empty(), ..self.log.damage }
    }

    /// Whether more may come. To be asked before a last look.
    pub fn worker(&mut self) -> Worker {
        let path = |path: &Path| std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()));
        let ours = self.log.file.metadata().ok().map(|data| (data.dev(), data.ino()));
        // A build moves its record when it ends; a new session puts the old one aside.
        let moved = self.is_cut() || path(&self.log.path) != ours;
        let there = !moved && self.lock().is_none_or(|lock| is_locked(&lock).unwrap_or(true));
        self.seen |= there;
        match (there, self.seen) {
            (true, _) => Worker::There,
            (false, true) => Worker::Gone,
            (false, false) => Worker::Never,
        }
    }

    /// Whether the file is shorter than what was read of it: another program wrote over it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.log.file.metadata().is_ok_and(|data| data.len() < self.at)
    }

    /// The file that the session's process holds locked.
    fn lock(&self) -> Option<PathBuf> {
        Some(self.log.session.bin.path().parent().filter(|folder| folder.is_absolute())?.join("lock"))
    }
}

/// Whether any process holds a lock on a file, by what the kernel lists. (To try to lock it would be in the way of a
/// session that is about to start.) `None` if the kernel does not say.
fn is_locked(path: &Path) -> Option<bool> {
    let Ok(data) = std::fs::metadata(path) else { return Some(false) };
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF`, the last of the three being the inode.
    let held = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let flock = words.nth(1) == Some("FLOCK");
        let inode =
            words.nth(3).and_then(|place| place.rsplit(':').next()).and_then(|inode| inode.parse().ok());
        flock && inode == Some(data.ino())
    };
    Some(locks.lines().any(held))
}
