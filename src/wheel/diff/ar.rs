//! Static libraries member by member.

use std::collections::BTreeMap;

use object::ReadRef;
use object::read::archive::ArchiveFile;
use serde::Serialize;

use super::Sides;
use super::elf::{self, Aspect};

/// How two static libraries differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ArDiff {
    /// Members that only the first has.
    pub removed: Vec<String>,
    /// Members that only the second has.
    pub added: Vec<String>,
    /// Members with another content.
    pub changed: Vec<MemberDiff>,
    /// Members with the same content and another date, owner or mode.
    pub dated: Vec<String>,
    /// The members of both stand in another order.
    pub order: bool,
    /// None of these: the index of symbols, or the form.
    pub form: bool,
}

/// A member that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberDiff {
    /// Its name; `name (2)` for the second of that name.
    pub name: String,
    /// Its sizes in bytes.
    pub size: Sides<u64>,
    /// In what objects differ; empty if they are no ELF files.
    pub aspects: Vec<Aspect>,
}

struct Member<'d> {
    data: &'d [u8],
    header: [Option<u64>; 4],
}

/// Reads the members in their order; `None` if it is no sound library with its members inside.
fn members(data: &[u8]) -> Option<Vec<(String, Member<'_>)>> {
    let archive = ArchiveFile::parse(data).ok()?;
    if archive.is_thin() {
        return None;
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut out = Vec::new();
    for member in archive.members() {
        let member = member.ok()?;
        let mut name = String::from_utf8_lossy(member.name()).into_owned();
        let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
        if *count > 1 {
            name = format!("{name} ({count})");
        }
        let (from, long) = member.file_range();
        let header = [member.date(), member.uid(), member.gid(), member.mode()];
        out.push((name, Member { data: data.read_bytes_at(from, long).ok()?, header }));
    }
    Some(out)
}

/// Compares two libraries whose bytes differ; `None` if one is none that can be read.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Option<ArDiff> {
    let (a, b) = (members(a)?, members(b)?);
    let in_a: BTreeMap<&str, &Member<'_>> = a.iter().map(|(name, member)| (name.as_str(), member)).collect();
    let in_b: BTreeMap<&str, &Member<'_>> = b.iter().map(|(name, member)| (name.as_str(), member)).collect();
    let only = |these: &BTreeMap<&str, &Member<'_>>, those: &BTreeMap<&str, &Member<'_>>| -> Vec<String> {
        these.keys().filter(|name| !those.contains_key(**name)).map(|name| (*name).to_owned()).collect()
    };
    let mut diff = ArDiff { removed: only(&in_a, &in_b), added: only(&in_b, &in_a), ..ArDiff::default() };
    for (name, one) in &in_a {
        let Some(other) = in_b.get(name) else { continue };
        if one.data != other.data {
            let elf = elf::Facts::read(one.data)
                .zip(elf::Facts::read(other.data))
                .and_then(|(facts, others)| elf::compare((&facts, &one.data), (&others, &other.data)).ok());
            diff.changed.push(MemberDiff {
                name: (*name).to_owned(),
                size: Sides { a: one.data.len() as u64, b: other.data.len() as u64 },
                aspects: elf.map(|elf| elf.aspects).unwrap_or_default(),
            });
        } else if one.header != other.header {
            diff.dated.push((*name).to_owned());
        }
    }
    let common_a = a.iter().map(|(name, _)| name).filter(|name| in_b.contains_key(name.as_str()));
    let common_b = b.iter().map(|(name, _)| name).filter(|name| in_a.contains_key(name.as_str()));
    diff.order = !common_a.eq(common_b);
    diff.form = diff == ArDiff::default();
    Some(diff)
}
