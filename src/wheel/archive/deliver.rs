//! Carrying out a layout: a temporary file beside the target, locked while it is written, then a rename. A run that was
//! killed leaves its file behind; the next run in the same folder knows by the lock that nobody writes it, and removes
//! it.

use std::ffi::OsString;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::layout::Piece;
use super::{Opened, layout};
use crate::error::{Error, IoContext, Result};

/// How names of temporary files end.
const PART: &str = ".xw-part";

/// How to write.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// Whether to wait until it is on the disk.
    pub sync: bool,
    /// Rights of the new file; `None` for those of any new file.
    pub rights: Option<Permissions>,
}

/// Writes an archive: whole or not at all. `progress` is told how many bytes were written since it was last told.
pub fn write(
    source: &Opened,
    pieces: &[Piece],
    target: &Path,
    how: &How,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let folder = folder(target);
    sweep(folder);
    let mut part = Part::new(target)?;
    fill(&source.file, pieces, &mut part.file, progress).context("cannot write", target)?;
    let there = part.file.metadata().context("cannot write", target)?.len();
    if there != layout::length(pieces) {
        return Err(Error::failed(format!("cannot write {}: the wheel changed meanwhile", target.display())));
    }
    if let Some(rights) = &how.rights {
        part.file.set_permissions(rights.clone()).context("cannot write", target)?;
    }
    if how.sync {
        part.file.sync_all().context("cannot write", target)?;
    }
    fs::rename(&part.path, target).context("cannot write", target)?;
    part.done = true;
    if how.sync {
        File::open(folder).and_then(|folder| folder.sync_all()).context("cannot write", folder)?;
    }
    Ok(())
}

fn fill(source: &File, pieces: &[Piece], to: &mut File, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
    /// Bytes between two tellings of progress.
    const STEP: u64 = 64 << 20;
    let mut source = source;
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => {
                to.write_all(bytes)?;
                progress(bytes.len() as u64);
            }
            Piece::Copy { from, length } => {
                source.seek(SeekFrom::Start(*from))?;
                let mut left = *length;
                while left > 0 {
                    // From file to file this is copy_file_range, or sendfile where a file system lacks it.
                    let copied = io::copy(&mut source.take(left.min(STEP)), to)?;
                    if copied == 0 {
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the wheel was cut short"));
                    }
                    left -= copied;
                    progress(copied);
                }
            }
        }
    }
    Ok(())
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A temporary file that is ours, and is removed unless it is done.
struct Part {
    path: PathBuf,
    file: File,
    done: bool,
}

impl Part {
    fn new(target: &Path) -> Result<Self> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(PART);
        let path = folder(target).join(name);
        // Again, if a sweep of another run removed it between being made and being locked.
        loop {
            let mut options = File::options();
            options.create(true).truncate(false).write(true).custom_flags(libc::O_NOFOLLOW);
            let file = options.open(&path).context("cannot make a file in", folder(target))?;
            if !lock(&file) {
                let what = format!("another run is writing {}", target.display());
                return Err(Error::failed(what).hint("wait for its end"));
            }
            if is_at(&file, &path) {
                // Not for an empty file: ext4 takes a file that was cut for one that is written over, and waits for the
                // disk when it is closed.
                if file.metadata().context("cannot look at", &path)?.len() > 0 {
                    file.set_len(0).context("cannot write", &path)?;
                }
                return Ok(Self { path, file, done: false });
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.done {
            // It is the failure before it that is told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what killed runs left behind. Nothing depends on it, so that it may fail.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.as_bytes().starts_with(b".") && name.as_bytes().ends_with(PART.as_bytes());
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        let mut options = File::options();
        options.write(true).custom_flags(libc::O_NOFOLLOW);
        if options.open(&path).is_ok_and(|file| lock(&file) && is_at(&file, &path)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether the open file is still the one of that path. While it is locked, it stays so.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (there.dev(), there.ino()) == (ours.dev(), ours.ino())
}

/// Whether the file is now locked by us. A file system that cannot lock is taken at its word.
fn lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}
