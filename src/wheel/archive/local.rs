//! Local headers (APPNOTE 4.3.7) and data descriptors (4.3.9): each must say what the central directory says, and
//! every byte before the directory must belong to exactly one entry.

use super::directory::DESCRIPTOR;
use super::{Archive, Entry, IN_ZIP64, Source, UNICODE_PATH, ZIP64, extras, u16_at, u32_at, u64_at};
use crate::wheel::finding::{Code, Finding};

pub(super) const SIGNATURE: &[u8] = b"PK\x03\x04";
pub(super) const LENGTH: usize = 30;
const DESCRIPTOR_SIGNATURE: &[u8] = b"PK\x07\x08";
/// Most headers fit in, with their names and extra fields.
const USUAL: usize = 256;
/// Headers that lie closer together than this are read with one call: a system call costs as much as copying that much.
const NEAR: usize = 32 << 10;

/// Reads all local headers in the order of the file, fills in their lengths, and tells what is wrong. Fails if an
/// entry cannot be found at all.
pub(super) fn check<S: Source>(archive: &mut Archive<S>, end: u64) -> Result<Vec<Finding>, Finding> {
    let mut order: Vec<usize> = (0..archive.entries.len()).collect();
    order.sort_by_key(|at| archive.entries[*at].offset);
    let mut found = Vec::new();
    let mut expected = 0;
    let mut window = Window { source: &archive.source, start: 0, bytes: Vec::new() };
    for (place, at) in order.iter().enumerate() {
        let entry = archive.entries[*at];
        let name = entry.name(&archive.directory);
        let next = order.get(place + 1).map_or(end, |next| archive.entries[*next].offset);
        if entry.offset > expected {
            let code = if place == 0 { Code::LeadingBytes } else { Code::StrayBytes };
            found.push(Finding::of(
                code,
                name,
                format!("has {} stray bytes before it", entry.offset - expected),
            ));
        }
        let ahead = if next.saturating_sub(entry.offset) < NEAR as u64 { NEAR } else { USUAL };
        let header = header(&mut window, entry.offset, end, ahead).ok_or_else(|| {
            Finding::of(Code::HeaderMismatch, name, "has no local header where it should be")
        })?;
        archive.entries[*at].local_length = u32::try_from(header.len()).unwrap_or(u32::MAX);
        if let Some(what) = differs(header, &archive.entries[*at], name) {
            found.push(Finding::of(Code::HeaderMismatch, name, what));
        }
        let data = entry.offset + header.len() as u64;
        let Some(after) = data.checked_add(entry.compressed).filter(|after| *after <= next) else {
            return Err(Finding::of(Code::Overlap, name, "overlaps what follows it"));
        };
        expected = after;
        if entry.flags & DESCRIPTOR != 0 {
            let mut bytes = [0; 24];
            let length = usize::try_from(next - after).unwrap_or(usize::MAX).min(bytes.len());
            super::read(&archive.source, &mut bytes[..length], after)?;
            match descriptor(&bytes[..length], next - after, &entry) {
                Some(length) => {
                    archive.entries[*at].descriptor_length = length;
                    expected += u64::from(length);
                }
                None => found.push(Finding::of(
                    Code::HeaderMismatch,
                    name,
                    "has a data descriptor that disagrees with the central directory",
                )),
            }
        }
    }
    if expected < end && !order.is_empty() {
        let what = format!("has {} stray bytes before its central directory", end - expected);
        found.push(Finding::new(Code::StrayBytes, what));
    } else if order.is_empty() && end > 0 {
        found.push(Finding::new(Code::StrayBytes, format!("has {end} stray bytes and no entries")));
    }
    Ok(found)
}

/// A part of the file, read ahead.
struct Window<'s, S> {
    source: &'s S,
    start: u64,
    bytes: Vec<u8>,
}

impl<S: Source> Window<'_, S> {
    /// Bytes of the file. If they were not read yet, so many more are read with them, but none behind `end`.
    fn get(&mut self, at: u64, length: usize, ahead: usize, end: u64) -> Option<&[u8]> {
        let read = |start: u64, bytes: &[u8]| {
            let skip = usize::try_from(at.checked_sub(start)?).ok()?;
            Some(skip..skip.checked_add(length).filter(|to| *to <= bytes.len())?)
        };
        if read(self.start, &self.bytes).is_none() {
            let there = usize::try_from(end.checked_sub(at)?).unwrap_or(usize::MAX);
            self.bytes.resize(length.max(ahead).min(there), 0);
            self.start = at;
            if self.source.read_at(&mut self.bytes, at).is_err() {
                self.bytes.clear();
            }
        }
        let range = read(self.start, &self.bytes)?;
        self.bytes.get(range)
    }
}

/// The header with its name and extra fields.
fn header<'w, S: Source>(window: &'w mut Window<'_, S>, at: u64, end: u64, ahead: usize) -> Option<&'w [u8]> {
    let fixed = window.get(at, LENGTH, ahead, end)?;
    if !fixed.starts_with(SIGNATURE) {
        return None;
    }
    let length = LENGTH + usize::from(u16_at(fixed, 26)?) + usize::from(u16_at(fixed, 28)?);
    window.get(at, length, ahead, end)
}

/// In what a local header disagrees with the central directory.
fn differs(header: &[u8], entry: &Entry, name: &[u8]) -> Option<&'static str> {
    let name_length = usize::from(u16_at(header, 26)?);
    if header.get(LENGTH..LENGTH + name_length)? != name {
        return Some("has another name in its local header");
    }
    if u16_at(header, 6)? != entry.flags {
        return Some("has other flags in its local header");
    }
    if u16_at(header, 8)? != entry.method {
        return Some("has another compression method in its local header");
    }
    let mut zip64 = None;
    for extra in extras(&header[LENGTH + name_length..]) {
        let Ok((header, content)) = extra else {
            return Some("has a damaged extra field in its local header");
        };
        if header == ZIP64 && zip64.replace(content).is_some() {
            return Some("has two ZIP64 extra fields in its local header");
        }
        if header == UNICODE_PATH && content.get(5..) != Some(name) {
            return Some("has another name in an extra field of its local header");
        }
    }
    let (crc, compressed, size) = (u32_at(header, 14)?, u32_at(header, 18)?, u32_at(header, 22)?);
    // With a descriptor behind the data, these are zero; some writers fill them in afterwards.
    let described = entry.flags & DESCRIPTOR != 0;
    if crc != entry.crc && !(described && crc == 0) {
        return Some("has another checksum in its local header");
    }
    let mut at = 0;
    for (short, stated) in [(size, entry.size), (compressed, entry.compressed)] {
        let value = match zip64 {
            Some(content) if short == IN_ZIP64 => {
                at += 8;
                u64_at(content, at - 8)
            }
            _ => Some(u64::from(short)),
        };
        if value != Some(stated) && !(described && value == Some(0)) {
            return Some("has other sizes in its local header");
        }
    }
    None
}

/// The length of the descriptor in these bytes, if it says what is expected: with or without a signature, with sizes of
/// four or of eight bytes. Where more than one form fits, as it does for an empty entry, the one that fills the gap
/// up to the next entry is meant.
fn descriptor(bytes: &[u8], gap: u64, entry: &Entry) -> Option<u8> {
    let fits = |signed: bool, wide: bool| -> Option<u8> {
        let bare = if signed { bytes.strip_prefix(DESCRIPTOR_SIGNATURE)? } else { bytes };
        let sizes = if wide {
            (u64_at(bare, 4)?, u64_at(bare, 12)?)
        } else {
            (u32_at(bare, 4)?.into(), u32_at(bare, 8)?.into())
        };
        let same = u32_at(bare, 0)? == entry.crc && sizes == (entry.compressed, entry.size);
        same.then_some(if signed { 4 } else { 0 } + if wide { 20 } else { 12 })
    };
    let all = [fits(true, false), fits(true, true), fits(false, false), fits(false, true)];
    let all = all.into_iter().flatten();
    all.clone().find(|length| u64::from(*length) == gap).or_else(|| all.clone().next())
}
