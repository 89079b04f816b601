//! Where the entries of a wheel come from: held against the wheels that it was made from. What has the same compressed bytes
//! was copied; all else was written. More is not guessed: a program that changes wheels knows itself what it did.

use std::collections::HashMap;
use std::path::PathBuf;

use super::binary::Binary;
use super::describe::{self, Look};
use super::document::{self, Action, Elf, MadeFrom, Origin};
use crate::error::{Error, IoContext, Result};
use crate::wheel::Package;
use crate::wheel::archive::{Entry, Source};

/// Bytes that are compared at once.
const PIECE: usize = 1 << 18;

/// Wheels that others were made from.
#[derive(Debug, Default)]
pub struct Origins {
    wheels: Vec<Old>,
}

#[derive(Debug)]
struct Old {
    package: Package,
    made_from: MadeFrom,
    /// Entries by name, as places in the directory.
    by_name: HashMap<Vec<u8>, usize>,
    /// Files that are not empty by checksum and sizes, in the order of the directory.
    by_content: HashMap<(u32, u64, u64), Vec<usize>>,
}

/// What is known of where an entry comes from.
#[derive(Debug, Default)]
pub(super) struct Traced {
    pub(super) action: Option<Action>,
    pub(super) source: Option<Origin>,
    pub(super) elf_before: Option<Elf>,
}

impl Origins {
    /// Opens these wheels; they are asked in this order.
    pub fn open(wheels: &[PathBuf]) -> Result<Self> {
        let open = |path: &PathBuf| {
            let package = Package::open(path)?;
            let sha256 = describe::sha256(package.archive.source()).context("cannot read", path)?;
            let made_from = MadeFrom { file: package.name.to_string(), sha256 };
            let mut by_name = HashMap::new();
            let mut by_content: HashMap<_, Vec<usize>> = HashMap::new();
            for (at, entry) in package.archive.entries().iter().enumerate() {
                by_name.insert(package.archive.name(entry).to_vec(), at);
                if entry.size > 0 {
                    by_content.entry(key(entry)).or_default().push(at);
                }
            }
            Ok(Old { package, made_from, by_name, by_content })
        };
        Ok(Self { wheels: wheels.iter().map(open).collect::<Result<_>>()? })
    }

    /// Where an entry comes from: the same bytes at the same path, else the same bytes elsewhere, else the same path.
    pub(super) fn trace(&self, package: &Package, entry: &Entry, look: &Look) -> Result<Traced> {
        if self.wheels.is_empty() {
            return Ok(Traced::default());
        }
        let name = package.archive.name(entry);
        for old in &self.wheels {
            let same_path = old.by_name.get(name).copied();
            let elsewhere = old.by_content.get(&key(entry)).into_iter().flatten().copied();
            for at in same_path.into_iter().chain(elsewhere) {
                let there = &old.package.archive.entries()[at];
                if same_bytes(package, entry, &old.package, there)? {
                    return Ok(Traced {
                        action: Some(Action::Raw),
                        source: Some(old.origin(there, name)),
                        elf_before: None,
                    });
                }
            }
        }
        let action = Some(Action::Written);
        for old in &self.wheels {
            if let Some(at) = old.by_name.get(name) {
                let there = &old.package.archive.entries()[*at];
                let before = if look.facts.elf.is_some() { old.elf(there)? } else { None };
                let elf_before = before.filter(|before| look.facts.elf.as_ref() != Some(before));
                return Ok(Traced { action, source: Some(old.origin(there, name)), elf_before });
            }
        }
        Ok(Traced { action, ..Traced::default() })
    }

    /// The wheels that entries come from, sorted by file name.
    pub(super) fn used(&self, entries: &[document::Entry]) -> Vec<MadeFrom> {
        let is_used = |made_from: &MadeFrom| {
            entries
                .iter()
                .filter_map(|entry| entry.source.as_ref())
                .any(|source| source.wheel == made_from.file)
        };
        let mut used: Vec<MadeFrom> =
            self.wheels.iter().map(|old| old.made_from.clone()).filter(is_used).collect();
        used.sort();
        used
    }
}

impl Old {
    fn origin(&self, entry: &Entry, new: &[u8]) -> Origin {
        let name = self.package.archive.name(entry);
        let path = (name != new).then(|| String::from_utf8_lossy(name).into_owned());
        Origin { wheel: self.made_from.file.clone(), path }
    }

    fn elf(&self, entry: &Entry) -> Result<Option<Elf>> {
        let mut binary = Binary::new(entry.size);
        let streamed = self.package.archive.stream(entry, |piece| binary.push(piece));
        streamed.map_err(|finding| finding.refusal(&self.package.path))?;
        let facts = binary.facts().map_err(|error| {
            Error::failed(format!("{}: cannot be looked into: {error}", self.package.path.display()))
        })?;
        Ok(facts.elf)
    }
}

fn key(entry: &Entry) -> (u32, u64, u64) {
    (entry.crc, entry.size, entry.compressed)
}

/// Whether both have the same compressed bytes.
fn same_bytes(one: &Package, entry: &Entry, other: &Package, there: &Entry) -> Result<bool> {
    if key(entry) != key(there) || entry.method != there.method {
        return Ok(false);
    }
    let mut buffers = [vec![0; PIECE], vec![0; PIECE]];
    let mut done = 0;
    while done < entry.compressed {
        let length = usize::try_from(entry.compressed - done).unwrap_or(PIECE).min(PIECE);
        for (buffer, (package, entry)) in buffers.iter_mut().zip([(one, entry), (other, there)]) {
            let source = package.archive.source();
            source
                .read_at(&mut buffer[..length], entry.data() + done)
                .context("cannot read", &package.path)?;
        }
        if buffers[0][..length] != buffers[1][..length] {
            return Ok(false);
        }
        done += length as u64;
    }
    Ok(true)
}
