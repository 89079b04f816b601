//! The same content packed otherwise: headers of the zip file, its order, its comment.

use std::collections::HashSet;

use serde::Serialize;

use super::Sides;
use super::side::Side;
use crate::wheel::archive::{Entry, Opened, Source};
use crate::wheel::finding::Finding;

/// Something about the packing that is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackingDiff {
    /// What, such as `date`.
    pub what: &'static str,
    /// Both.
    #[serde(flatten)]
    pub value: Sides<String>,
}

/// One entry against another. `recompressed`: the content is the same, and the compressed bytes are not.
pub(super) fn entry(
    (side_a, a): (&Side, &Entry),
    (side_b, b): (&Side, &Entry),
    recompressed: bool,
) -> Result<Vec<PackingDiff>, Finding> {
    let fields = side_a.archive.packing(a)?.into_iter().zip(side_b.archive.packing(b)?);
    let mut found: Vec<PackingDiff> = fields
        .filter(|((_, a), (_, b))| a != b)
        .map(|((what, a), (_, b))| PackingDiff { what, value: Sides { a, b } })
        .collect();
    if recompressed && a.method == b.method {
        let bytes = |entry: &Entry| format!("{} bytes", entry.compressed);
        found.push(PackingDiff { what: "compressed bytes", value: Sides { a: bytes(a), b: bytes(b) } });
    }
    Ok(found)
}

/// The archives as a whole. `both` are the pairs of files that are in both.
pub(super) fn whole(a: &Side, b: &Side, both: &[(usize, usize)]) -> Vec<PackingDiff> {
    let mut found = Vec::new();
    let mut tell = |what, a: String, b: String| {
        if a != b {
            found.push(PackingDiff { what, value: Sides { a, b } });
        }
    };
    let folders = |side: &Side, other: &Side| {
        let others: HashSet<&String> = other.folders.iter().collect();
        let only: Vec<&str> =
            side.folders.iter().filter(|folder| !others.contains(folder)).map(String::as_str).collect();
        if only.is_empty() { "none".to_owned() } else { only.join(" ") }
    };
    tell("folders", folders(a, b), folders(b, a));
    let comment = |side: &Side| String::from_utf8_lossy(side.archive.comment()).into_owned();
    tell("comment of the archive", comment(a), comment(b));
    let mut order = |what, place: fn(&Side, usize) -> u64| {
        let sorted = |side: &Side, this: fn(&(usize, usize)) -> usize| {
            let mut all: Vec<usize> = (0..both.len()).collect();
            all.sort_by_key(|pair| place(side, this(&both[*pair])));
            all
        };
        let (in_a, in_b) = (sorted(a, |pair| pair.0), sorted(b, |pair| pair.1));
        // The first place that is taken by another file.
        if let Some((one, other)) = in_a.into_iter().zip(in_b).find(|(one, other)| one != other) {
            let value =
                Sides { a: a.files[both[one].0].path.clone(), b: b.files[both[other].1].path.clone() };
            found.push(PackingDiff { what, value });
        }
    };
    order("order of the directory", |_, at| at as u64);
    order("order of the data", |side, at| side.files[at].entry.data());
    found
}

/// Whether two ranges of the files are the same bytes.
pub(super) fn same_bytes(
    (a, from_a): (&Opened, u64),
    (b, from_b): (&Opened, u64),
    long: u64,
) -> std::io::Result<bool> {
    Ok(super::elf::sections::first((a, from_a), (b, from_b), long)?.is_none())
}

/// Whether two files are the same bytes.
pub(super) fn same_file(a: &Opened, b: &Opened) -> std::io::Result<bool> {
    Ok(a.size() == b.size() && same_bytes((a, 0), (b, 0), a.size())?)
}
