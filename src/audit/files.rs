//! Files of a build that still lie where they were. The record knows an object by its place, its size and its time alone; while
//! the build's folder is there, content tells more. Once a file is gone or was changed, nothing is known here.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::elf::{ET_REL, facts};
use object::read::archive::ArchiveFile;

use crate::capture::{Call, Log, Outcome, Stamp};

/// What a linker takes a file for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An object.
    Object,
    /// A static library, also a thin one.
    Archive,
    /// A shared library or a program.
    Linked,
    /// A source, a script for the linker, or anything else.
    Other,
}

/// What a file is by its first bytes; `None` if it is gone.
pub(super) fn content(path: &Path) -> Option<Content> {
    let mut start = Vec::new();
    fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut start)).ok()?;
    Some(match facts(&start).map(|facts| facts.e_type) {
        Some(ET_REL) => Content::Object,
        Some(_) => Content::Linked,
        None if start.starts_with(b"!<arch>\n") || start.starts_with(b"!<thin>\n") => Content::Archive,
        None => Content::Other,
    })
}

/// Size and time of change of a plain file, as the shim takes them.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().filter(Metadata::is_file).map(|data| of(&data))
}

fn of(data: &Metadata) -> Stamp {
    let nanoseconds = data.mtime().cast_unsigned().wrapping_mul(1_000_000_000);
    Stamp(data.len(), nanoseconds.wrapping_add(data.mtime_nsec().cast_unsigned()))
}

/// A file's content, if it is what it was.
pub(super) fn unchanged(path: &Path, seen: Stamp) -> Option<Vec<u8>> {
    (stamp(path)? == seen).then(|| fs::read(path).ok())?
}

/// Whether two files hold the same code. `ranlib` writes the time into an archive, so that of these the members count.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one == other || members(one).is_some_and(|members_of_one| members(other) == Some(members_of_one))
}

/// The members of a static library, by their names.
pub(super) fn members(archive: &[u8]) -> Option<Vec<(Vec<u8>, &[u8])>> {
    let parsed = ArchiveFile::parse(archive).ok()?;
    let all = parsed.members().map(|member| {
        let member = member.ok()?;
        Some((member.name().to_vec(), member.data(archive).ok()?))
    });
    all.collect()
}

/// What calls made that is still there, by its size.
pub(super) struct Outputs<'l>(HashMap<u64, Vec<(PathBuf, &'l Call)>>);

impl<'l> Outputs<'l> {
    pub(super) fn new(log: &'l Log) -> Self {
        let mut outputs = HashMap::<u64, Vec<_>>::new();
        let makers = log.calls.iter().filter(|call| call.outcome() == Outcome::Succeeded);
        for call in makers.filter(|call| call.probe.is_none()) {
            for path in call.outputs.iter().map(|output| call.resolve(output)) {
                let Some(Stamp(size, modified)) = stamp(&path) else { continue };
                if super::lineage::wrote(call, Stamp(size, modified)) {
                    outputs.entry(size).or_default().push((path, call));
                }
            }
        }
        Self(outputs)
    }

    /// The last call that made this very content, under whatever name.
    pub(super) fn maker(&self, bytes: &[u8]) -> Option<&'l Call> {
        let same = |path: &Path| fs::read(path).is_ok_and(|content| content == bytes);
        let candidates = self.0.get(&(bytes.len() as u64))?;
        candidates.iter().rev().find(|(path, _)| same(path)).map(|(_, call)| *call)
    }
}

/// Whether assembly was written by a compiler: gcc and clang leave their name at its end.
pub(super) fn is_compiled_assembly(path: &Path) -> bool {
    let Ok(text) = fs::read(path) else { return false };
    let end = &text[text.len().saturating_sub(4096)..];
    [&b".ident\t\"GCC: "[..], b".ident\t\"clang version ", b".ident\t\"Debian clang version "]
        .iter()
        .any(|ident| end.windows(ident.len()).any(|window| window == *ident))
}
