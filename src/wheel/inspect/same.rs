//! Entries of the same content. Those with one checksum and size may be; they are, if their compressed bytes are, or
//! else if their content is once it is inflated.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::wheel::archive::{Archive, Entry, Source};
use crate::wheel::finding::{Code, Finding};
use crate::wheel::work;

/// Entries of the same content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Same {
    /// Their names, sorted.
    pub files: Vec<String>,
    /// Bytes of the content of each.
    pub unpacked: u64,
    /// Bytes in the archive that all but one of them take.
    pub wasted_compressed: u64,
    /// Bytes on the disk that all but one of them take.
    pub wasted_unpacked: u64,
}

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;

/// Finds them: those that waste most first. What cannot be read is told beside them.
pub(super) fn find<S: Source>(archive: &Archive<S>) -> (Vec<Same>, Vec<Finding>) {
    let mut candidates: HashMap<(u32, u64), Vec<&Entry>> = HashMap::new();
    for entry in archive.entries().iter().filter(|entry| entry.size > 0) {
        candidates.entry((entry.crc, entry.size)).or_default().push(entry);
    }
    let mut candidates: Vec<Vec<&Entry>> = candidates.into_values().filter(|group| group.len() > 1).collect();
    candidates.sort_by_key(|group| std::cmp::Reverse((group[0].size, group[0].data())));
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for (groups, faults) in work::each(&candidates, |group| prove(archive, group)) {
        all.extend(groups.iter().filter(|group| group.len() > 1).map(|group| same(archive, group)));
        unread.extend(faults);
    }
    all.sort_by(|a, b| b.wasted_compressed.cmp(&a.wasted_compressed).then_with(|| a.files.cmp(&b.files)));
    (all, unread)
}

fn same<S: Source>(archive: &Archive<S>, group: &[&Entry]) -> Same {
    let name = |entry: &&Entry| String::from_utf8_lossy(archive.name(entry)).into_owned();
    let mut files: Vec<String> = group.iter().map(name).collect();
    files.sort();
    let unpacked = group[0].size;
    let compressed: u64 = group.iter().map(|entry| entry.compressed).sum();
    let least = group.iter().map(|entry| entry.compressed).min().unwrap_or(0);
    let more = group.len() as u64 - 1;
    Same {
        files,
        unpacked,
        wasted_compressed: compressed - least,
        wasted_unpacked: unpacked.saturating_mul(more),
    }
}

/// Entries grouped by a digest.
type Groups<'a> = BTreeMap<[u8; 32], Vec<&'a Entry>>;

/// Splits candidates into groups that are the same indeed.
fn prove<'a, S: Source>(
    archive: &Archive<S>,
    candidates: &[&'a Entry],
) -> (Vec<Vec<&'a Entry>>, Vec<Finding>) {
    let mut unread = Vec::new();
    let mut packed = Groups::new();
    for entry in candidates {
        match compressed(archive, entry) {
            Ok(digest) => packed.entry(digest).or_default().push(entry),
            Err(finding) => unread.push(finding),
        }
    }
    if packed.len() == 1 {
        return (packed.into_values().collect(), unread);
    }
    let mut content = Groups::new();
    for group in packed.into_values() {
        let mut hasher = Sha256::new();
        match archive.stream(group[0], |piece| hasher.update(piece)) {
            Ok(()) => content.entry(hasher.finalize().into()).or_default().extend(group),
            Err(finding) => unread.push(finding),
        }
    }
    (content.into_values().collect(), unread)
}

/// The digest of what is in the archive, and of how it is packed.
fn compressed<S: Source>(archive: &Archive<S>, entry: &Entry) -> Result<[u8; 32], Finding> {
    let mut hasher = Sha256::new();
    hasher.update(entry.method.to_le_bytes());
    let mut buffer = Vec::new();
    let (mut at, mut left) = (entry.data(), entry.compressed);
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        buffer.resize(length, 0);
        archive.source().read_at(&mut buffer, at).map_err(|error| {
            Finding::of(Code::DamagedData, archive.name(entry), format!("cannot be read: {error}"))
        })?;
        hasher.update(&buffer);
        at += length as u64;
        left -= length as u64;
    }
    Ok(hasher.finalize().into())
}
