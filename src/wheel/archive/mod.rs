//! The zip layer (PKWARE, APPNOTE 6.3.10), as far as wheels need it and no further: read strictly, copied raw. What two
//! readers could see differently is refused. Memory is bound by the central directory; an entry is never held whole
//! unless it is one of dist-info.
//!
//! | module | subject |
//! |---|---|
//! | [`end`] | the end of the archive: where the central directory is |
//! | [`directory`] | the central directory, and what each entry says of itself |
//! | [`local`] | local headers, and the bytes that belong to each entry |
//! | [`path`] | names that may be unpacked |
//! | [`content`] | inflating an entry |
//! | [`head`] | the first bytes of an entry |
//! | [`packing`] | what the headers of an entry say beyond name and content |
//! | [`layout`] | a new archive as a list of pieces: what is copied, what is written |
//! | [`deliver`] | carrying out a layout: whole or not at all |

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::finding::{Code, Finding};

pub mod content;
pub mod deliver;
mod directory;
mod end;
mod head;
pub mod layout;
mod local;
mod packing;
mod path;

pub use directory::Entry;

/// Something that can be read at any place, by several threads at once.
pub trait Source: Sync {
    /// How many bytes there are.
    fn size(&self) -> u64;
    /// Fills `buffer` from byte `at` on.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let start = usize::try_from(at).ok();
        let part = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file, with the size that it had when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    size: u64,
}

impl Opened {
    /// Looks at the size of an open file.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl Source for Opened {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }
}

/// An archive whose structure was read.
#[derive(Debug)]
pub struct Archive<S> {
    source: S,
    /// The central directory as it is.
    directory: Vec<u8>,
    /// In the order of the central directory.
    entries: Vec<Entry>,
    /// The comment of the archive.
    comment: Vec<u8>,
    /// What is wrong, but does not hinder reading on.
    faults: Vec<Finding>,
}

impl<S: Source> Archive<S> {
    /// Reads the structure: the end, the central directory, each local header. Fails if it cannot be told what is in
    /// it; all else that is wrong is in [`Self::faults`].
    pub fn read(source: S) -> Result<Self, Finding> {
        let end = end::find(&source)?;
        let mut directory = Vec::new();
        let length = usize::try_from(end.directory.end - end.directory.start).map_err(|_| {
            Finding::new(Code::BadDirectory, "its central directory is larger than the memory")
        })?;
        directory.resize(length, 0);
        read(&source, &mut directory, end.directory.start)?;
        let entries = directory::entries(&directory, end.count)?;
        let mut archive = Self { source, directory, entries, comment: end.comment, faults: Vec::new() };
        archive.faults = directory::check(&archive);
        let damaged = local::check(&mut archive, end.directory.start)?;
        archive.faults.extend(damaged);
        archive.faults.sort_by(|a, b| a.member.cmp(&b.member).then(a.code.cmp(&b.code)));
        Ok(archive)
    }

    /// What is wrong with the structure: sorted by entry.
    #[must_use]
    pub fn faults(&self) -> &[Finding] {
        &self.faults
    }

    /// The entries in the order of the central directory.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The name of an entry as it is stored.
    #[must_use]
    pub fn name(&self, entry: &Entry) -> &[u8] {
        entry.name(&self.directory)
    }

    /// The entry of a name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Entry> {
        self.entries.iter().find(|entry| self.name(entry) == name)
    }

    /// What it was read from.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }
}

/// Reads what must be there.
fn read(source: &impl Source, buffer: &mut [u8], at: u64) -> Result<(), Finding> {
    source.read_at(buffer, at).map_err(|error| Finding::new(Code::NotZip, format!("cannot be read: {error}")))
}

/// A little-endian number of two bytes.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

/// A little-endian number of four bytes.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// A little-endian number of eight bytes.
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// In a field of four bytes: the number is in the ZIP64 extra field (APPNOTE 4.4.8).
const IN_ZIP64: u32 = u32::MAX;
/// Header of the ZIP64 extra field (APPNOTE 4.5.3).
const ZIP64: u16 = 1;
/// Header of Info-ZIP's Unicode path extra field (APPNOTE 4.6.9).
const UNICODE_PATH: u16 = 0x7075;

/// The fields of an extra area: header, content. Fewer than four bytes at the end are padding, as Python has it.
fn extras(area: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), ()>> {
    let mut rest = area;
    std::iter::from_fn(move || {
        let header = u16_at(rest, 0)?;
        let length = usize::from(u16_at(rest, 2)?);
        let Some(content) = rest.get(4..4 + length) else {
            rest = &[];
            return Some(Err(()));
        };
        rest = &rest[4 + length..];
        Some(Ok((header, content)))
    })
}
