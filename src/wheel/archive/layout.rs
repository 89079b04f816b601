//! A new archive as a list of pieces: ranges that are copied from the old one as they are, and bytes that are written
//! anew. Nothing is written here, and the same plan gives the same pieces.
//!
//! An entry that stays keeps its local header and its compressed bytes. Two things are mended on the way: a data
//! descriptor goes into the header, and ZIP64 fields of the directory are made anew, since they hold the place of the
//! entry.

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder};

use super::directory::{self, DEFLATED, DESCRIPTOR, UTF8};
use super::{Archive, Entry, IN_ZIP64, Source, UNICODE_PATH, ZIP64, extras, local, u16_at};
use crate::wheel::finding::{Code, Finding};

/// A part of the new archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the old archive.
    Copy {
        /// Where they begin.
        from: u64,
        /// How many.
        length: u64,
    },
    /// New bytes.
    Bytes(Vec<u8>),
}

/// What becomes of an entry.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The entry of the old archive.
    pub entry: Entry,
    /// Its new name.
    pub name: Option<Vec<u8>>,
    /// Its new content.
    pub content: Option<Vec<u8>>,
}

impl Planned {
    /// It stays as it is.
    #[must_use]
    pub fn kept(entry: Entry) -> Self {
        Self { entry, name: None, content: None }
    }
}

/// `version needed to extract` of ZIP64 (APPNOTE 4.4.3.2).
const NEEDS_ZIP64: u16 = 45;
/// Of deflate and folders.
const NEEDS_DEFLATE: u16 = 20;

/// The numbers of an entry in the new archive.
#[derive(Clone, Copy)]
struct Numbers {
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
}

/// Lays the new archive out. `epoch` (seconds since 1970) dates what is written anew.
pub fn lay_out<S: Source>(
    archive: &Archive<S>,
    plan: &[Planned],
    epoch: Option<u64>,
) -> Result<Vec<Piece>, Finding> {
    let mut out = Out::default();
    let mut central = Vec::with_capacity(archive.directory.len());
    for planned in plan {
        let entry = &planned.entry;
        let old_name = archive.name(entry);
        let name = planned.name.as_deref().unwrap_or(old_name);
        let mut numbers =
            Numbers { crc: entry.crc, compressed: entry.compressed, size: entry.size, offset: out.length };
        let mut head = archive.directory[entry.at..][..directory::LENGTH].to_vec();
        let flags = entry.flags & !DESCRIPTOR;
        put16(&mut head, 8, flags);
        let mut extra = Vec::new();
        if let Some(content) = &planned.content {
            let data = if entry.method == DEFLATED { deflate(content) } else { content.clone() };
            let mut crc = Crc::new();
            crc.update(content);
            numbers.crc = crc.sum();
            numbers.compressed = data.len() as u64;
            numbers.size = content.len() as u64;
            put16(&mut head, 8, flags & UTF8);
            put16(&mut head, 6, NEEDS_DEFLATE);
            if let Some(epoch) = epoch {
                let (time, date) = dos_time(epoch);
                put16(&mut head, 12, time);
                put16(&mut head, 14, date);
            }
            let fixed: Vec<u8> = [local::SIGNATURE, &head[6..16]].concat();
            out.bytes(local_header(&fixed, name, numbers, &[]));
            out.bytes(data);
        } else {
            let renamed = name != old_name;
            if renamed || entry.flags & DESCRIPTOR != 0 {
                let mut header = vec![0; entry.local_length as usize];
                super::read(&archive.source, &mut header, entry.offset)?;
                put16(&mut header, 6, flags);
                let old_extra = local::LENGTH + old_name.len();
                let others = others(&header[old_extra..], renamed);
                out.bytes(local_header(&header[..14], name, numbers, &others));
                out.copy(entry.data(), entry.compressed);
            } else {
                out.copy(entry.offset, u64::from(entry.local_length) + entry.compressed);
            }
            extra = others(entry.extra(&archive.directory), renamed);
        }
        let comment = &entry.header(&archive.directory)
            [directory::LENGTH + usize::from(entry.name_length) + usize::from(entry.extra_length)..];
        central_header(&mut central, head, name, &extra, comment, numbers)?;
    }
    finish(&mut out, central, plan.len() as u64, &archive.comment);
    Ok(out.pieces)
}

/// How long an archive of these pieces is.
#[must_use]
pub fn length(pieces: &[Piece]) -> u64 {
    let length = |piece: &Piece| match piece {
        Piece::Copy { length, .. } => *length,
        Piece::Bytes(bytes) => bytes.len() as u64,
    };
    pieces.iter().map(length).sum()
}

/// Pieces, joined where they touch.
#[derive(Default)]
struct Out {
    pieces: Vec<Piece>,
    length: u64,
}

impl Out {
    fn bytes(&mut self, bytes: Vec<u8>) {
        self.length += bytes.len() as u64;
        if let Some(Piece::Bytes(last)) = self.pieces.last_mut() {
            last.extend_from_slice(&bytes);
        } else {
            self.pieces.push(Piece::Bytes(bytes));
        }
    }

    fn copy(&mut self, from: u64, length: u64) {
        self.length += length;
        match self.pieces.last_mut() {
            Some(Piece::Copy { from: start, length: before }) if *start + *before == from => {
                *before += length;
            }
            _ if length == 0 => {}
            _ => self.pieces.push(Piece::Copy { from, length }),
        }
    }
}

/// A local header from its first 14 bytes (up to the checksum).
fn local_header(fixed: &[u8], name: &[u8], numbers: Numbers, others: &[u8]) -> Vec<u8> {
    let wide = numbers.size.max(numbers.compressed) >= u64::from(IN_ZIP64);
    // In a local header both sizes are in the field, or none (APPNOTE 4.5.3).
    let zip64 = if wide { zip64_field(&[numbers.size, numbers.compressed]) } else { Vec::new() };
    let short = |number: u64| if wide { IN_ZIP64 } else { low(number) };
    let mut header = fixed.to_vec();
    if wide {
        put16(&mut header, 4, NEEDS_ZIP64);
    }
    header.extend(numbers.crc.to_le_bytes());
    header.extend(short(numbers.compressed).to_le_bytes());
    header.extend(short(numbers.size).to_le_bytes());
    header.extend(low16(name.len()).to_le_bytes());
    header.extend(low16(zip64.len() + others.len()).to_le_bytes());
    for part in [name, &zip64, others] {
        header.extend_from_slice(part);
    }
    header
}

/// Appends a header of the central directory, made from the first 46 bytes of the old one.
fn central_header(
    to: &mut Vec<u8>,
    mut head: Vec<u8>,
    name: &[u8],
    others: &[u8],
    comment: &[u8],
    numbers: Numbers,
) -> Result<(), Finding> {
    let mut wide = Vec::new();
    for (at, number) in [(24, numbers.size), (20, numbers.compressed), (42, numbers.offset)] {
        let is_wide = number >= u64::from(IN_ZIP64);
        wide.extend(is_wide.then_some(number));
        head[at..at + 4].copy_from_slice(&if is_wide { IN_ZIP64 } else { low(number) }.to_le_bytes());
    }
    head[16..20].copy_from_slice(&numbers.crc.to_le_bytes());
    let zip64 = if wide.is_empty() { Vec::new() } else { zip64_field(&wide) };
    if !wide.is_empty() {
        let needed = u16_at(&head, 6).unwrap_or_default().max(NEEDS_ZIP64);
        put16(&mut head, 6, needed);
    }
    let extra_length = u16::try_from(zip64.len() + others.len())
        .map_err(|_| Finding::of(Code::BadExtra, name, "has no room for a ZIP64 extra field"))?;
    put16(&mut head, 28, low16(name.len()));
    put16(&mut head, 30, extra_length);
    for part in [&head, name, &zip64, others, comment] {
        to.extend_from_slice(part);
    }
    Ok(())
}

/// Appends the central directory and the end of the archive.
fn finish(out: &mut Out, central: Vec<u8>, count: u64, comment: &[u8]) {
    let (start, bytes) = (out.length, central.len() as u64);
    out.bytes(central);
    let mut end = Vec::new();
    if count >= 0xffff || start >= u64::from(IN_ZIP64) || bytes >= u64::from(IN_ZIP64) {
        let place = out.length;
        end.extend(b"PK\x06\x06");
        end.extend(44_u64.to_le_bytes());
        end.extend(NEEDS_ZIP64.to_le_bytes());
        end.extend(NEEDS_ZIP64.to_le_bytes());
        end.extend([0; 8]);
        for number in [count, count, bytes, start] {
            end.extend(number.to_le_bytes());
        }
        end.extend(b"PK\x06\x07");
        end.extend([0; 4]);
        end.extend(place.to_le_bytes());
        end.extend(1_u32.to_le_bytes());
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    end.extend(b"PK\x05\x06\0\0\0\0");
    end.extend([count, count].concat());
    end.extend(low(bytes).to_le_bytes());
    end.extend(low(start).to_le_bytes());
    end.extend(low16(comment.len()).to_le_bytes());
    end.extend(comment);
    out.bytes(end);
}

/// The extra fields that stay: all but ZIP64, and all but the old name.
fn others(area: &[u8], renamed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (header, content) in extras(area).flatten() {
        if header != ZIP64 && !(renamed && header == UNICODE_PATH) {
            out.extend(header.to_le_bytes());
            out.extend(low16(content.len()).to_le_bytes());
            out.extend(content);
        }
    }
    out
}

fn zip64_field(numbers: &[u64]) -> Vec<u8> {
    let mut out = [ZIP64.to_le_bytes(), low16(numbers.len() * 8).to_le_bytes()].concat();
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    out
}

/// A number in four bytes, or the sign that it is elsewhere.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_ZIP64)
}

/// A length that the format keeps under 64 KiB: it was read from two bytes, or is ours and short.
fn low16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn put16(bytes: &mut [u8], at: usize, number: u16) {
    bytes[at..at + 2].copy_from_slice(&number.to_le_bytes());
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

/// Time and date as MS-DOS has them (APPNOTE 4.4.6), in UTC: even seconds, from 1980 to 2107.
#[must_use]
pub fn dos_time(epoch: u64) -> (u16, u16) {
    const FIRST: u64 = 315_532_800;
    const LAST: u64 = 4_354_819_198;
    let epoch = epoch.clamp(FIRST, LAST);
    let (days, second) = (epoch / 86_400, epoch % 86_400);
    // Days from 1 March of year 0 on, in cycles of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next - 1980;
    let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2);
    let date = year << 9 | month << 5 | day;
    (u16::try_from(time).unwrap_or_default(), u16::try_from(date).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_clipped_to_what_the_format_holds() {
        let parts = |(time, date): (u16, u16)| {
            let date = [1980 + (date >> 9), date >> 5 & 15, date & 31];
            (date, [time >> 11, time >> 5 & 63, (time & 31) * 2])
        };
        for (epoch, date, time) in [
            (0, [1980, 1, 1], [0, 0, 0]),
            (315_532_800, [1980, 1, 1], [0, 0, 0]),
            (951_826_155, [2000, 2, 29], [12, 9, 14]),
            (1_700_000_000, [2023, 11, 14], [22, 13, 20]),
            (u64::MAX, [2107, 12, 31], [23, 59, 58]),
        ] {
            assert_eq!(parts(dos_time(epoch)), (date, time), "{epoch}");
        }
    }
}
