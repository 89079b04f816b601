//! The end of the archive (APPNOTE 4.3.14 to 4.3.16): where the central directory is, and that nothing else follows.

use std::ops::Range;

use super::{IN_ZIP64, Source, read, u16_at, u32_at, u64_at};
use crate::wheel::finding::{Code, Finding};

const SIGNATURE: &[u8] = b"PK\x05\x06";
const LENGTH: usize = 22;
const LOCATOR_SIGNATURE: &[u8] = b"PK\x06\x07";
const LOCATOR_LENGTH: usize = 20;
const ZIP64_SIGNATURE: &[u8] = b"PK\x06\x06";
const ZIP64_LENGTH: usize = 56;

/// What the end of the archive says.
pub(super) struct End {
    /// Where the central directory is.
    pub(super) directory: Range<u64>,
    /// How many entries it has.
    pub(super) count: u64,
    /// The comment of the archive.
    pub(super) comment: Vec<u8>,
}

/// Finds and reads it.
pub(super) fn find(source: &impl Source) -> Result<End, Finding> {
    let size = source.size();
    let length = size.min((LENGTH + usize::from(u16::MAX)) as u64);
    let mut tail = vec![0; usize::try_from(length).unwrap_or_default()];
    read(source, &mut tail, size - length)?;
    let at = place(&tail)?;
    let record = &tail[at..];
    let comment = record[LENGTH..].to_vec();
    let end = size - record.len() as u64;

    let short = |at| u16_at(record, at).unwrap_or_default();
    let long = |at| u32_at(record, at).unwrap_or_default();
    let (disk, start_disk, here, count, bytes, start) =
        (short(4), short(6), short(8), short(10), long(12), long(16));
    if let Some((at, zip64)) = zip64(source, end)? {
        let field = |at: usize| u64_at(&zip64, at).unwrap_or_default();
        let (here64, count64, bytes64, start64) = (field(24), field(32), field(40), field(48));
        // A field of the old record is either the same or says to look here.
        let same = |old: u64, most: u64, new: u64| old == new || old == most;
        let agree = same(here.into(), 0xffff, here64)
            && same(count.into(), 0xffff, count64)
            && same(bytes.into(), IN_ZIP64.into(), bytes64)
            && same(start.into(), IN_ZIP64.into(), start64);
        if !agree {
            return Err(Finding::new(Code::BadZip64, "has two ends that contradict one another"));
        }
        let one_disk = u32_at(&zip64, 16) == Some(0) && u32_at(&zip64, 20) == Some(0) && here64 == count64;
        return finish(at, start64, bytes64, count64, one_disk, comment);
    }
    if bytes == IN_ZIP64 || start == IN_ZIP64 {
        return Err(Finding::new(Code::BadZip64, "needs a ZIP64 end of central directory and has none"));
    }
    let one_disk = disk == 0 && start_disk == 0 && here == count;
    finish(end, start.into(), bytes.into(), count.into(), one_disk, comment)
}

/// Where in the last bytes of the file the record begins: exactly one whose comment ends with the file.
fn place(tail: &[u8]) -> Result<usize, Finding> {
    let all = tail.windows(SIGNATURE.len()).enumerate().filter(|(_, window)| *window == SIGNATURE);
    let mut found = None;
    let mut near = None;
    for (at, _) in all {
        let Some(comment) = u16_at(tail, at + 20) else { continue };
        let after = tail.len() - at - LENGTH;
        if after == usize::from(comment) {
            if found.is_some() {
                return Err(Finding::new(
                    Code::AmbiguousEnd,
                    "has two ends, one in the comment of the other",
                ));
            }
            found = Some(at);
        } else {
            near = Some((after, usize::from(comment)));
        }
    }
    match (found, near) {
        (Some(at), _) => Ok(at),
        (None, Some((after, comment))) if after > comment => {
            Err(Finding::new(Code::TrailingBytes, format!("has {} bytes after its end", after - comment)))
        }
        _ => Err(Finding::new(Code::NotZip, "is no zip file: it has no end of central directory")),
    }
}

/// The ZIP64 record in front of `end`, with its place, if there is one.
fn zip64(source: &impl Source, end: u64) -> Result<Option<(u64, Vec<u8>)>, Finding> {
    let Some(at) = end.checked_sub(LOCATOR_LENGTH as u64) else { return Ok(None) };
    let mut locator = [0; LOCATOR_LENGTH];
    read(source, &mut locator, at)?;
    if !locator.starts_with(LOCATOR_SIGNATURE) {
        return Ok(None);
    }
    let bad = |what: &str| Finding::new(Code::BadZip64, what);
    if u32_at(&locator, 4) != Some(0) || u32_at(&locator, 16) != Some(1) {
        return Err(Finding::new(Code::SplitArchive, "is one part of several"));
    }
    let start = u64_at(&locator, 8).unwrap_or_default();
    let length = at.checked_sub(start).ok_or_else(|| bad("has a ZIP64 end that lies behind its locator"))?;
    // The extensible data sector is for what is not allowed here: encryption.
    if length != ZIP64_LENGTH as u64 {
        return Err(bad("has a ZIP64 end that is not where its locator says"));
    }
    let mut record = vec![0; ZIP64_LENGTH];
    read(source, &mut record, start)?;
    if !record.starts_with(ZIP64_SIGNATURE) || u64_at(&record, 4) != Some(ZIP64_LENGTH as u64 - 12) {
        return Err(bad("has a damaged ZIP64 end of central directory"));
    }
    Ok(Some((start, record)))
}

/// Holds the numbers against the place where the directory must end.
fn finish(
    end: u64,
    start: u64,
    bytes: u64,
    count: u64,
    one_disk: bool,
    comment: Vec<u8>,
) -> Result<End, Finding> {
    if !one_disk {
        return Err(Finding::new(Code::SplitArchive, "is one part of several"));
    }
    match start.checked_add(bytes) {
        Some(stated) if stated == end => Ok(End { directory: start..end, count, comment }),
        Some(stated) if stated < end => Err(Finding::new(
            Code::LeadingBytes,
            format!("has {} bytes before it, or around its central directory", end - stated),
        )),
        _ => Err(Finding::new(Code::BadDirectory, "has a central directory that is not where it should be")),
    }
}
