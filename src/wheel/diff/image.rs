//! The inflated content of an entry: in memory, or in a temporary file without a name if it is large.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use object::ReadCache;
use sha2::{Digest, Sha256};

use super::elf::Facts;
use super::side::Side;
use crate::hex;
use crate::wheel::archive::{Entry, Source};
use crate::wheel::finding::{Code, Finding};

/// What is held in memory, in bytes.
const MEMORY: u64 = 8 << 20;

pub(super) enum Image {
    Memory(Vec<u8>),
    File(File, u64),
}

impl Image {
    pub(super) fn of(side: &Side, entry: &Entry) -> Result<Self, Finding> {
        side.readable(entry)?;
        if entry.size <= MEMORY {
            return side.archive.content(entry, MEMORY).map(Self::Memory);
        }
        let failed = |error: io::Error| {
            let what = format!("cannot be written to a temporary file: {error}");
            Finding::of(Code::DamagedData, side.archive.name(entry), what)
        };
        let mut file = tempfile::tempfile().map_err(failed)?;
        let mut written = Ok(());
        side.archive.stream(entry, |piece| {
            if written.is_ok() {
                written = file.write_all(piece);
            }
        })?;
        written.map_err(failed)?;
        Ok(Self::File(file, entry.size))
    }

    /// Its bytes, if they are in memory.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::File(..) => None,
        }
    }

    /// Its bytes, wherever they are.
    pub(super) fn whole(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.size()).unwrap_or(usize::MAX)];
        self.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    pub(super) fn starts_with(&self, magic: &[u8]) -> bool {
        let mut head = vec![0; magic.len()];
        self.size() >= magic.len() as u64 && self.read_at(&mut head, 0).is_ok() && head == magic
    }

    /// What is compared of it, if it is an ELF file.
    pub(super) fn facts(&self) -> Option<Facts> {
        match self {
            Self::Memory(bytes) => Facts::read(&bytes[..]),
            Self::File(file, _) => Facts::read(&ReadCache::new(file)),
        }
    }

    /// SHA-256 in hexadecimal digits.
    pub(super) fn sha256(&self) -> io::Result<String> {
        let mut hasher = Sha256::new();
        let mut piece = vec![0; 1 << 17];
        let mut at = 0;
        while at < self.size() {
            let length = usize::try_from(self.size() - at).unwrap_or(piece.len()).min(piece.len());
            self.read_at(&mut piece[..length], at)?;
            hasher.update(&piece[..length]);
            at += length as u64;
        }
        Ok(hex::digits(&hasher.finalize()))
    }
}

impl Source for Image {
    fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => (&bytes[..]).read_at(buffer, at),
            Self::File(file, _) => file.read_exact_at(buffer, at),
        }
    }
}
