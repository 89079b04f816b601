//! Two contents that differ: what kind of file it is, and how it differs.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::ar::{self, ArDiff};
use super::elf::{self, ElfDiff};
use super::headers::{self, HeadersDiff};
use super::image::Image;
use super::rows::RecordDiff;
use super::side::{File, INFO, Side};
use super::text::{self, TextDiff};
use super::{Options, Sides};
use crate::wheel::archive::{Entry, Source};
use crate::wheel::finding::{Code, Finding};
use crate::wheel::headers::Headers;

/// Longer texts are compared as bytes.
const TEXT: u64 = 4 << 20;
/// Larger static libraries are compared as bytes: they are held in memory.
const LIBRARY: u64 = 64 << 20;

/// How the contents of a file differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// WHEEL.
    Wheel(HeadersDiff),
    /// METADATA.
    Metadata(HeadersDiff),
    /// RECORD.
    Record(RecordDiff),
    /// A text.
    Text(TextDiff),
    /// An ELF file.
    Elf(Box<ElfDiff>),
    /// A static library.
    Library(ArDiff),
    /// Anything else.
    Binary(BinaryDiff),
    /// What cannot be read, and why.
    Unread(Unread),
}

/// How bytes differ that nothing more is known of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BinaryDiff {
    /// The first byte that differs; `None` if one is the beginning of the other.
    pub first: Option<u64>,
    /// SHA-256 of both, in hexadecimal digits.
    pub sha256: Sides<String>,
}

/// A content that was not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Why.
    pub why: String,
}

/// Whether two entries have the same content, and the same compressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same compressed bytes, and so the same content.
    Raw,
    /// The same content, compressed otherwise.
    Same,
    /// Another content.
    Other,
}

/// What went wrong, and on which side.
pub(super) type Trouble = Box<Sides<Option<Finding>>>;

pub(super) fn in_a(finding: Finding) -> Trouble {
    Box::new(Sides { a: Some(finding), b: None })
}

pub(super) fn in_b(finding: Finding) -> Trouble {
    Box::new(Sides { a: None, b: Some(finding) })
}

/// Compares the contents of two entries; inflates them only where it must.
pub(super) fn relation(a: (&Side, &Entry), b: (&Side, &Entry)) -> Result<Relation, Trouble> {
    let ((side_a, one), (side_b, other)) = (a, b);
    if (one.crc, one.size) != (other.crc, other.size) {
        return Ok(Relation::Other);
    }
    if (one.method, one.compressed) == (other.method, other.compressed) {
        let (from, to) = (side_a.archive.source(), side_b.archive.source());
        let same = super::packing::same_bytes((from, one.data()), (to, other.data()), one.compressed);
        let cannot = |error| {
            Finding::of(Code::DamagedData, side_a.archive.name(one), format!("cannot be read: {error}"))
        };
        if same.map_err(|error| in_a(cannot(error)))? {
            return Ok(Relation::Raw);
        }
    }
    let hash = |(side, entry): (&Side, &Entry)| {
        let mut hasher = Sha256::new();
        side.readable(entry)?;
        side.archive.stream(entry, |piece| hasher.update(piece))?;
        Ok(hasher.finalize())
    };
    let (one, other) = (hash(a).map_err(in_a)?, hash(b).map_err(in_b)?);
    Ok(if one == other { Relation::Same } else { Relation::Other })
}

/// Compares the contents of two files that differ.
pub(super) fn compare(
    (side_a, a): (&Side, &File),
    (side_b, b): (&Side, &File),
    options: Options,
) -> Result<Content, Trouble> {
    let one = Image::of(side_a, &a.entry).map_err(in_a)?;
    let other = Image::of(side_b, &b.entry).map_err(in_b)?;
    if let (Some(one), Some(other)) = (one.bytes(), other.bytes()) {
        if let Some(block) = block(&a.key, one, other, options) {
            return Ok(block);
        }
        if let (Some(one), Some(other)) = (as_text(one), as_text(other)) {
            return Ok(Content::Text(text::compare(one, other, options.limit)));
        }
    }
    let failed = |error: std::io::Error| {
        let what = format!("cannot be compared: {error}");
        in_a(Finding::of(Code::DamagedData, a.path.as_bytes(), what))
    };
    if let (Some(facts), Some(others)) = (one.facts(), other.facts()) {
        let elf = elf::compare((&facts, &one), (&others, &other)).map_err(failed)?;
        return Ok(Content::Elf(Box::new(elf)));
    }
    let is_library = |image: &Image| image.starts_with(b"!<arch>\n") && image.size() <= LIBRARY;
    if is_library(&one) && is_library(&other) {
        let (one, other) = (one.whole().map_err(failed)?, other.whole().map_err(failed)?);
        if let Some(diff) = ar::compare(&one, &other) {
            return Ok(Content::Library(diff));
        }
    }
    let first = elf::sections::first((&one, 0), (&other, 0), one.size().min(other.size())).map_err(failed)?;
    let sha256 = Sides { a: one.sha256().map_err(failed)?, b: other.sha256().map_err(failed)? };
    Ok(Content::Binary(BinaryDiff { first, sha256 }))
}

/// WHEEL and METADATA, if both can be read.
fn block(key: &str, a: &[u8], b: &[u8], options: Options) -> Option<Content> {
    let kind = match key.strip_prefix(INFO)? {
        "/WHEEL" => Content::Wheel,
        "/METADATA" => Content::Metadata,
        _ => return None,
    };
    let (a, b) = (Headers::parse(a).ok()?, Headers::parse(b).ok()?);
    Some(kind(headers::compare(&a, &b, options.limit)))
}

fn as_text(bytes: &[u8]) -> Option<&str> {
    let short = bytes.len() as u64 <= TEXT;
    std::str::from_utf8(bytes).ok().filter(|text| short && !text.contains('\0'))
}
