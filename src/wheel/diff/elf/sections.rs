//! Sections against sections: by name, then byte by byte, and the first text that differs.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::super::Sides;
use super::aspect::Aspect;
use super::read::Section;
use crate::wheel::archive::Source;

/// A section that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionDiff {
    /// Its name.
    pub name: String,
    /// What it is part of.
    pub aspect: Aspect,
    /// Its sizes in bytes; `None` where it is not there.
    pub size: Sides<Option<u64>>,
    /// The first byte that differs, from the beginning of the section; `None` if it is on one side only, or one is
    /// the beginning of the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The texts at that place, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Sides<String>>,
}

/// Bytes that are compared at once.
const PIECE: usize = 1 << 17;
/// So much of a text is looked at to each side of the difference.
const AROUND: u64 = 160;
/// Shorter runs of letters are no texts.
const TEXT: usize = 4;

/// Compares them; what is equal is left out. Several of one name are matched in their order.
pub(super) fn compare(
    (a, of_a): (&dyn Source, &[Section]),
    (b, of_b): (&dyn Source, &[Section]),
) -> io::Result<Vec<SectionDiff>> {
    let mut names: BTreeMap<&str, Sides<Vec<&Section>>> = BTreeMap::new();
    for section in of_a {
        names.entry(&section.name).or_default().a.push(section);
    }
    for section in of_b {
        names.entry(&section.name).or_default().b.push(section);
    }
    let mut found = Vec::new();
    for Sides { a: in_a, b: in_b } in names.into_values() {
        for place in 0..in_a.len().max(in_b.len()) {
            found.extend(one((a, in_a.get(place).copied()), (b, in_b.get(place).copied()))?);
        }
    }
    Ok(found)
}

fn one(
    (a, of_a): (&dyn Source, Option<&Section>),
    (b, of_b): (&dyn Source, Option<&Section>),
) -> io::Result<Option<SectionDiff>> {
    let Some(either) = of_a.or(of_b) else { return Ok(None) };
    let size = Sides { a: of_a.map(|section| section.size), b: of_b.map(|section| section.size) };
    let mut diff =
        SectionDiff { name: either.name.clone(), aspect: either.aspect, size, first: None, text: None };
    if let (Some((from_a, long_a)), Some((from_b, long_b))) =
        (of_a.and_then(|section| section.range), of_b.and_then(|section| section.range))
    {
        let long = long_a.min(long_b);
        diff.first = first((a, from_a), (b, from_b), long)?;
        if let Some(at) = diff.first.or((long_a != long_b).then_some(long))
            && matches!(either.aspect, Aspect::Data | Aspect::Debug | Aspect::Other | Aspect::GpuCode)
        {
            diff.text = texts(run(a, from_a, long_a, at)?, run(b, from_b, long_b, at)?);
        }
    }
    let same = diff.size.a == diff.size.b
        && diff.first.is_none()
        && of_a.map(|section| section.range.is_some()) == of_b.map(|section| section.range.is_some());
    Ok((!same).then_some(diff))
}

/// The first byte that differs.
pub(in super::super) fn first(
    (a, from_a): (&dyn Source, u64),
    (b, from_b): (&dyn Source, u64),
    long: u64,
) -> io::Result<Option<u64>> {
    let length = usize::try_from(long).unwrap_or(PIECE).min(PIECE);
    let (mut one, mut other) = (vec![0; length], vec![0; length]);
    let mut at = 0;
    while at < long {
        let piece = usize::try_from(long - at).unwrap_or(PIECE).min(PIECE);
        a.read_at(&mut one[..piece], from_a + at)?;
        b.read_at(&mut other[..piece], from_b + at)?;
        if one[..piece] != other[..piece] {
            let place = one.iter().zip(&other).position(|(one, other)| one != other);
            return Ok(Some(at + place.unwrap_or_default() as u64));
        }
        at += piece as u64;
    }
    Ok(None)
}

/// The letters around a place.
fn run(source: &dyn Source, from: u64, long: u64, at: u64) -> io::Result<String> {
    let start = at.saturating_sub(AROUND);
    let end = at.saturating_add(AROUND).min(long);
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or_default()];
    source.read_at(&mut bytes, from + start)?;
    let place = usize::try_from(at - start).unwrap_or_default().min(bytes.len());
    let is_letter = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
    let before = bytes[..place].iter().rev().take_while(|byte| is_letter(byte)).count();
    let after = bytes[place..].iter().take_while(|byte| is_letter(byte)).count();
    Ok(String::from_utf8_lossy(&bytes[place - before..place + after]).into_owned())
}

fn texts(a: String, b: String) -> Option<Sides<String>> {
    (a.len() >= TEXT && b.len() >= TEXT && a != b).then_some(Sides { a, b })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, size: u64, range: Option<(u64, u64)>) -> Section {
        Section { name: name.into(), aspect: Aspect::Data, size, range }
    }

    #[test]
    fn the_first_text_that_differs_is_named() {
        let a = b"\0\0built in /tmp/a\0tail";
        let b = b"\0\0built in /tmp/bcd\0tail";
        let sections =
            |bytes: &[u8]| vec![section(".rodata", bytes.len() as u64, Some((0, bytes.len() as u64)))];
        let told = compare((&&a[..], &sections(a)), (&&b[..], &sections(b))).unwrap();
        assert_eq!(told[0].first, Some(16));
        let text = told[0].text.as_ref().unwrap();
        assert_eq!((text.a.as_str(), text.b.as_str()), ("built in /tmp/a", "built in /tmp/bcd"));
    }

    #[test]
    fn what_is_longer_or_elsewhere_or_empty_is_no_byte_that_differs() {
        let bytes = &b"abcabcd"[..];
        let told = |one: Section, other: Section| {
            compare((&bytes, &[one]), (&bytes, &[other])).unwrap().into_iter().next()
        };
        let at = |from, long| section("s", long, Some((from, long)));
        assert_eq!(told(at(0, 3), at(3, 3)), None);
        assert_eq!(told(at(0, 3), at(3, 4)).map(|diff| diff.first), Some(None));
        assert_eq!(told(section("s", 9, None), section("s", 9, None)), None);
        assert!(told(section("s", 3, None), at(0, 3)).is_some());
        assert!(compare((&bytes, &[at(0, 9)]), (&bytes, &[at(0, 9)])).is_err());
    }
}
