//! Names of our own folders that were left in a wheel: such a file is not the same in two builds, and names a place that
//! no other machine has.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext, Result};

/// Entries of a wheel that hold the path of one of the folders, in the order of the wheel.
pub fn find(wheel: &Path, folders: &[&Path]) -> Result<Vec<String>> {
    let names: Vec<&[u8]> = folders.iter().map(|folder| folder.as_os_str().as_bytes()).collect();
    let broken =
        |error: zip::result::ZipError| Error::failed(format!("reading {}: {error}", wheel.display()));
    let file = File::open(wheel).context("opening", wheel)?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut found = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(broken)?;
        if holds(&mut entry, &names).context("reading", wheel)? {
            found.push(String::from_utf8_lossy(entry.name_raw()).into_owned());
        }
    }
    Ok(found)
}

/// No text of a package is larger; what is, is data.
const LARGEST_TEXT: u64 = 16 << 20;

/// Texts of a wheel that hold the path of a folder, by their names in it, with the name in its place by which files may
/// know that folder: what a build system wrote down of itself. The longest path comes first in `maps`. What is no
/// text stays, and so does dist-info, of which other tools rely on every byte.
pub fn mapped(wheel: &Path, maps: &[(PathBuf, PathBuf)]) -> Result<BTreeMap<String, Vec<u8>>> {
    let folders: Vec<&Path> = maps.iter().map(|(from, _)| from.as_path()).collect();
    let found = find(wheel, &folders)?;
    let mut texts = BTreeMap::new();
    if found.is_empty() {
        return Ok(texts);
    }
    let broken =
        |error: zip::result::ZipError| Error::failed(format!("reading {}: {error}", wheel.display()));
    let file = File::open(wheel).context("opening", wheel)?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    for name in found {
        let mut entry = zip.by_name(&name).map_err(broken)?;
        let of_dist_info = name.split('/').next().is_some_and(|top| top.ends_with(".dist-info"));
        if of_dist_info || entry.size() > LARGEST_TEXT {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).context("reading", wheel)?;
        if content.contains(&0) || std::str::from_utf8(&content).is_err() {
            continue;
        }
        for (from, to) in maps {
            content = replaced(&content, from.as_os_str().as_bytes(), to.as_os_str().as_bytes());
        }
        texts.insert(name, content);
    }
    Ok(texts)
}

/// A text with each occurrence of `from` replaced.
fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(byte) = rest.first() {
        if !from.is_empty() && rest.starts_with(from) {
            out.extend_from_slice(to);
            rest = &rest[from.len()..];
        } else {
            out.push(*byte);
            rest = &rest[1..];
        }
    }
    out
}

/// Whether a stream holds one of the names, read in blocks that overlap by the longest.
fn holds(stream: &mut dyn Read, names: &[&[u8]]) -> std::io::Result<bool> {
    let overlap = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut block = vec![0; (1 << 16) + overlap];
    let mut kept = 0;
    loop {
        let count = stream.read(&mut block[kept..])?;
        if count == 0 {
            return Ok(false);
        }
        let filled = &block[..kept + count];
        if names.iter().any(|name| contains(filled, name)) {
            return Ok(true);
        }
        let rest = filled.len().min(overlap);
        let start = kept + count - rest;
        block.copy_within(start..start + rest, 0);
        kept = rest;
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    // Paths begin with a slash, which is rare in binaries: most places are left after one comparison.
    !needle.is_empty()
        && haystack
            .iter()
            .enumerate()
            .any(|(at, byte)| *byte == needle[0] && haystack[at..].starts_with(needle))
}
