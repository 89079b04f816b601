//! The inflated content of an entry for random access: in memory while it is small, beyond that in a temporary file
//! without a name, so that a library of a gigabyte costs disk and not memory, and nothing is left behind.

use std::io::{self, Seek, SeekFrom, Write};

use object::ReadCache;
use tempfile::SpooledTempFile;

use super::archive::{Archive, Entry, Source};
use super::finding::{Code, Finding};

/// Bytes that are kept in memory.
const MEMORY: usize = 16 << 20;

/// The content of an entry. `&Image::data` is an [`object::ReadRef`]: parts that were read stay in memory as long as the
/// image does. Strings of more than 4 KiB are not read as such ([`ReadCache`]); read their table instead.
#[derive(Debug)]
pub struct Image {
    /// To be read from.
    pub data: ReadCache<SpooledTempFile>,
}

impl Image {
    /// Inflates an entry; its size and checksum are held against what it states.
    pub fn of<S: Source>(archive: &Archive<S>, entry: &Entry) -> Result<Self, Finding> {
        let mut writer = Writer::default();
        archive.stream(entry, |piece| writer.push(piece))?;
        writer.finish().map_err(|error| {
            let what = format!("cannot be put into a temporary file: {error}");
            Finding::of(Code::DamagedData, archive.name(entry), what)
        })
    }
}

/// An image in the making, for those who look at the pieces, too.
#[derive(Debug)]
pub struct Writer {
    file: SpooledTempFile,
    /// The first error; what follows it is dropped.
    failed: io::Result<()>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { file: SpooledTempFile::new(MEMORY), failed: Ok(()) }
    }
}

impl Writer {
    /// Appends a piece.
    pub fn push(&mut self, piece: &[u8]) {
        if self.failed.is_ok() {
            self.failed = self.file.write_all(piece);
        }
    }

    /// The image; an error if the temporary file could not be written.
    pub fn finish(mut self) -> io::Result<Image> {
        self.failed?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(Image { data: ReadCache::new(self.file) })
    }
}
