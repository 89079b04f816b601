//! The wheel of a cross build: its platform tag, and whether what it links is as old as the tag says.
//!
//! The backend's own tag says `linux_…` at best; some backends name the machine that builds, whatever they are told.
//! Which machine the files in the wheel are for is for the audit to see.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::FileHeader;
use object::{Endianness, FileKind};

use super::super::report::Fault;
use crate::error::{Error, IoContext, Result};
use crate::topology::{Family, LibcVersion};
use crate::wheel::archive::deliver::How;
use crate::wheel::package::Package;
use crate::wheel::retag::{Edits, Plan, TagEdit};

/// Gives a wheel the platform tag of its target, in a folder beside it; a wheel for any platform stays as it is.
/// Returns where it is now, and what the backend had called it if that was another machine.
pub fn tag(
    wheel: &Path,
    tag: &str,
    machine: &str,
    folder: &Path,
    epoch: Option<u64>,
) -> Result<(PathBuf, Option<String>)> {
    let package = Package::open(wheel)?;
    let before = package.name.tags.platform.clone();
    if before.iter().all(|platform| platform == "any") {
        return Ok((wheel.to_owned(), None));
    }
    let edits = Edits { platform: Some(TagEdit::Set(vec![tag.to_owned()])), ..Edits::default() };
    let plan = Plan::new(package, &edits, epoch)?;
    fs::create_dir_all(folder).context("making", folder)?;
    let target = folder.join(plan.name.to_string());
    plan.write(&target, &How { sync: false, rights: None }, &mut |_| {})?;
    let other = before.into_iter().find(|platform| !platform.ends_with(&format!("_{machine}")));
    Ok((target, other))
}

/// Files of a wheel that ask for a later glibc than the family's: one fault each, with the highest version.
pub fn too_new(wheel: &Path, family: &Family) -> Result<Vec<Fault>> {
    let Some(asked) = family.libc_version.filter(|_| family.target.libc == "gnu") else {
        return Ok(Vec::new());
    };
    let broken =
        |error: zip::result::ZipError| Error::failed(format!("reading {}: {error}", wheel.display()));
    let file = File::open(wheel).context("opening", wheel)?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut faults = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(broken)?;
        let mut bytes = Vec::new();
        entry.by_ref().take(4).read_to_end(&mut bytes).context("reading", wheel)?;
        if bytes != *b"\x7fELF" {
            continue;
        }
        entry.read_to_end(&mut bytes).context("reading", wheel)?;
        let Some(needed) = glibc(&bytes).filter(|needed| *needed > asked) else { continue };
        faults.push(Fault {
            message: format!(
                "{}: asks for glibc {needed}, and the family is for {asked}",
                String::from_utf8_lossy(entry.name_raw())
            ),
            hint: Some(format!(
                "build for `{}` or a later one, or with a compiler that links for {asked} (`--compiler zig`)",
                family.name.replace(&asked.to_string(), &needed.to_string())
            )),
        });
    }
    Ok(faults)
}

/// The highest version of glibc that a file asks of the loader (`GLIBC_2.28` in its version needs).
fn glibc(bytes: &[u8]) -> Option<LibcVersion> {
    match FileKind::parse(bytes).ok()? {
        FileKind::Elf32 => highest(FileHeader32::<Endianness>::parse(bytes).ok()?, bytes),
        FileKind::Elf64 => highest(FileHeader64::<Endianness>::parse(bytes).ok()?, bytes),
        _ => None,
    }
}

fn highest<H: FileHeader<Endian = Endianness>>(header: &H, bytes: &[u8]) -> Option<LibcVersion> {
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, bytes).ok()?;
    let (mut needs, link) = sections.gnu_verneed(endian, bytes).ok()??;
    let strings = sections.strings(endian, bytes, link).ok()?;
    let mut highest = None;
    while let Ok(Some((_, mut versions))) = needs.next() {
        while let Ok(Some(version)) = versions.next() {
            let name = version.name(endian, strings).ok()?;
            let number = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix("GLIBC_"));
            highest = highest.max(number.and_then(|number| number.parse().ok()));
        }
    }
    highest
}
