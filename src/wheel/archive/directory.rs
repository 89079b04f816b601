//! The central directory (APPNOTE 4.3.12): each entry in a compact form, beside the bytes that it was read from.

use std::collections::HashSet;

use super::{Archive, IN_ZIP64, Source, UNICODE_PATH, ZIP64, extras, path, u16_at, u32_at, u64_at};
use crate::wheel::finding::{Code, Finding};

pub(super) const SIGNATURE: &[u8] = b"PK\x01\x02";
pub(super) const LENGTH: usize = 46;

/// Stored, not compressed.
pub(super) const STORED: u16 = 0;
/// Deflated.
pub(super) const DEFLATED: u16 = 8;

/// General purpose flags (APPNOTE 4.4.4): encrypted, strongly, or with the directory.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Sizes and checksum follow the data.
pub(super) const DESCRIPTOR: u16 = 1 << 3;
/// Patch data, which nobody reads.
const PATCH: u16 = 1 << 5;
/// The name is UTF-8.
pub(super) const UTF8: u16 = 1 << 11;

/// What is told of a stored entry whose content would be longer or shorter than its data.
pub(super) const TWO_SIZES: &str = "is stored and has two sizes";

/// Deflate gives at most 1032 bytes for one (zlib, technical details).
const DEFLATE_MOST: u64 = 1032;

/// An entry of the central directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its header is in the central directory.
    pub(super) at: usize,
    pub(super) name_length: u16,
    pub(super) extra_length: u16,
    pub(super) comment_length: u16,
    /// Where its local header is in the file.
    pub(super) offset: u64,
    /// Length of its local header.
    pub(super) local_length: u32,
    /// Length of the data descriptor behind its data.
    pub(super) descriptor_length: u8,
    pub(super) flags: u16,
    /// 0 is stored, 8 deflated.
    pub method: u16,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Bytes of the content.
    pub size: u64,
    external: u32,
}

impl Entry {
    pub(super) fn name<'d>(&self, directory: &'d [u8]) -> &'d [u8] {
        &directory[self.at + LENGTH..][..usize::from(self.name_length)]
    }

    pub(super) fn extra<'d>(&self, directory: &'d [u8]) -> &'d [u8] {
        &directory[self.at + LENGTH + usize::from(self.name_length)..][..usize::from(self.extra_length)]
    }

    /// The header in the central directory: all its bytes.
    pub(super) fn header<'d>(&self, directory: &'d [u8]) -> &'d [u8] {
        let variable = [self.name_length, self.extra_length, self.comment_length].map(usize::from);
        &directory[self.at..][..LENGTH + variable.iter().sum::<usize>()]
    }

    /// Where its compressed data begin.
    #[must_use]
    pub fn data(&self) -> u64 {
        self.offset + u64::from(self.local_length)
    }

    /// The Unix mode, or 0 if it has none.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.external >> 16
    }
}

/// Reads all headers. Fails where it cannot be told where one ends.
pub(super) fn entries(directory: &[u8], count: u64) -> Result<Vec<Entry>, Finding> {
    let mut entries = Vec::with_capacity(directory.len() / 64);
    let mut at = 0;
    while at < directory.len() {
        let number = entries.len() + 1;
        let cut = || Finding::new(Code::BadDirectory, format!("entry {number} of its directory is damaged"));
        let entry = entry(directory, at).ok_or_else(cut)??;
        at += entry.header(directory).len();
        entries.push(entry);
    }
    if entries.len() as u64 != count {
        let what = format!("says that it has {count} entries, and has {}", entries.len());
        return Err(Finding::new(Code::BadDirectory, what));
    }
    Ok(entries)
}

/// `None` if it is cut short.
fn entry(directory: &[u8], at: usize) -> Option<Result<Entry, Finding>> {
    let header = directory.get(at..at + LENGTH)?;
    if !header.starts_with(SIGNATURE) {
        return None;
    }
    let mut entry = Entry {
        at,
        name_length: u16_at(header, 28)?,
        extra_length: u16_at(header, 30)?,
        comment_length: u16_at(header, 32)?,
        offset: u32_at(header, 42)?.into(),
        local_length: 0,
        descriptor_length: 0,
        flags: u16_at(header, 8)?,
        method: u16_at(header, 10)?,
        crc: u32_at(header, 16)?,
        compressed: u32_at(header, 20)?.into(),
        size: u32_at(header, 24)?.into(),
        external: u32_at(header, 38)?,
    };
    let variable = [entry.name_length, entry.extra_length, entry.comment_length].map(usize::from);
    directory.get(at..at + LENGTH + variable.iter().sum::<usize>())?;
    let name = entry.name(directory);
    let disk = u16_at(header, 34)?;
    if disk != 0 {
        return Some(Err(Finding::of(Code::SplitArchive, name, "is on another part of the archive")));
    }
    if let Err((code, what)) = widen(&mut entry, directory) {
        return Some(Err(Finding::of(code, entry.name(directory), what)));
    }
    Some(Ok(entry))
}

/// Takes numbers from the ZIP64 extra field where the header says so: size, compressed size, offset, in this order.
fn widen(entry: &mut Entry, directory: &[u8]) -> Result<(), (Code, &'static str)> {
    let mut zip64 = None;
    for extra in extras(entry.extra(directory)) {
        let (header, content) = extra.map_err(|()| (Code::BadExtra, "has a damaged extra field"))?;
        if header == ZIP64 && zip64.replace(content).is_some() {
            return Err((Code::BadZip64, "has two ZIP64 extra fields"));
        }
    }
    let content = zip64.unwrap_or_default();
    let mut at = 0;
    for field in [&mut entry.size, &mut entry.compressed, &mut entry.offset] {
        if *field == u64::from(IN_ZIP64) {
            *field =
                u64_at(content, at).ok_or((Code::BadZip64, "lacks a number in its ZIP64 extra field"))?;
            at += 8;
        }
    }
    Ok(())
}

/// Checks what each entry says of itself, and their names against each other.
pub(super) fn check<S: Source>(archive: &Archive<S>) -> Vec<Finding> {
    let directory = &archive.directory;
    let mut found = Vec::new();
    let mut names: HashSet<&[u8]> = HashSet::with_capacity(archive.entries.len());
    for entry in &archive.entries {
        let name = entry.name(directory);
        let mut find = |code, what: &str| found.push(Finding::of(code, name, what));
        if !names.insert(name) {
            find(Code::DuplicateName, "is there twice");
        }
        if let Some(what) = path::unsafe_because(name) {
            find(Code::UnsafePath, what);
        }
        if std::str::from_utf8(name).is_err() {
            find(Code::NameEncoding, "has a name that is not UTF-8");
        } else if !name.is_ascii() && entry.flags & UTF8 == 0 {
            find(Code::NameEncoding, "has a name beyond ASCII that is not marked as UTF-8");
        }
        let other = extras(entry.extra(directory)).flatten().any(|(header, content)| {
            header == UNICODE_PATH && content.get(5..).is_none_or(|unicode| unicode != name)
        });
        if other {
            find(Code::NameEncoding, "has another name in an extra field");
        }
        if entry.flags & (ENCRYPTED | PATCH) != 0 {
            find(Code::Encrypted, "is encrypted or a patch");
        }
        let kind = entry.mode() & 0o170_000;
        let folder = name.ends_with(b"/");
        if kind == 0o120_000 {
            find(Code::SpecialFile, "is a symlink");
        } else if !(kind == 0 || kind == 0o100_000 || kind == 0o040_000) {
            find(Code::SpecialFile, "is a device, pipe or socket");
        } else if (kind == 0o040_000 && !folder) || (kind == 0o100_000 && folder) {
            find(Code::SpecialFile, "is a folder by its mode or its name, and not by the other");
        }
        if folder && entry.size != 0 {
            find(Code::FileAndFolder, "is a folder and has content");
        }
        match entry.method {
            STORED if entry.size != entry.compressed => {
                find(Code::BadDirectory, TWO_SIZES);
            }
            DEFLATED if entry.size > entry.compressed.saturating_mul(DEFLATE_MOST) => {
                find(Code::Bomb, "promises more bytes than deflate can give");
            }
            STORED | DEFLATED => {}
            method => find(Code::Method, &format!("is compressed by method {method}")),
        }
    }
    for name in names.iter().copied() {
        let slashes = name.iter().enumerate().filter(|(at, byte)| **byte == b'/' && at + 1 < name.len());
        for (slash, _) in slashes {
            if names.contains(&name[..slash]) {
                found.push(Finding::of(Code::FileAndFolder, &name[..slash], "is a file and a folder"));
            }
        }
        if let Some(stem) = name.strip_suffix(b"/").filter(|stem| names.contains(stem)) {
            found.push(Finding::of(Code::FileAndFolder, stem, "is a file and a folder"));
        }
    }
    found.sort_by(|a, b| (&a.member, a.code, &a.what).cmp(&(&b.member, b.code, &b.what)));
    found.dedup();
    found
}
