//! Names of our own folders that were left in a wheel: such a file is not the same in two builds, and names a place that
//! no other machine has.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
