//! A wheel as a manifest describes it. Every entry is inflated and hashed on all cores, and held against RECORD on the way;
//! a wheel that breaks a rule is refused by the code of the finding. Memory holds one piece a core, and ELF files as far as
//! [`super::binary`] says.

use std::collections::HashMap;
use std::path::Path;

use crosswheel_shim::elf::Machine;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::binary::{Binary, Facts};
use super::document::{Entry, Hash, RunId, Wheel};
use super::origin::{Origins, Traced};
use crate::build::pep440::normalized_name;
use crate::error::{Error, IoContext, Result};
use crate::wheel::archive::{self, Archive, Opened, Source};
use crate::wheel::finding::{Code, Finding, Severity};
use crate::wheel::record::{Row, hash};
use crate::wheel::{Package, verify, work};

/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 20;

/// Describes a wheel. Its run and its family are for the caller to fill in.
pub fn describe(path: &Path, origins: &Origins) -> Result<Wheel> {
    let package = Package::open(path)?;
    let metadata = package.metadata()?;
    let archive = &package.archive;
    let (sha256, looks) = contents(&package)?;

    let owner = normalized_name(&package.name.distribution);
    let mut codes = Vec::new();
    let mut entries = Vec::with_capacity(looks.len());
    for (entry, look) in looks {
        let member = String::from_utf8_lossy(archive.name(entry)).into_owned();
        if let Some(machine) = look.machine {
            codes.push((member.clone(), machine));
        }
        let Traced { action, source, elf_before } = origins.trace(&package, entry, &look)?;
        entries.push(Entry {
            path: member,
            sha256: look.sha256,
            crc32: format!("{:08x}", entry.crc),
            size: entry.size,
            compressed_size: entry.compressed,
            owner: owner.clone(),
            action,
            source,
            elf: look.facts.elf,
            elf_before,
            gpu_targets: look.facts.gpu_targets,
            gpu_damage: look.facts.gpu_damage,
        });
    }
    if let Some(fault) =
        verify::machines(&codes, &package.name).into_iter().find(|one| one.severity == Severity::Fault)
    {
        return Err(fault.refusal(path));
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut gpu_targets: Vec<String> =
        entries.iter().flat_map(|entry| entry.gpu_targets.iter().cloned()).collect();
    gpu_targets.sort();
    gpu_targets.dedup();
    let mut tags: Vec<String> = package.name.tags.expanded().collect();
    tags.sort();
    let stated = |name| metadata.all(name).next().unwrap_or_default();
    Ok(Wheel {
        file: package.name.to_string(),
        sha256,
        size: archive.source().size(),
        name: stated("Name"),
        version: stated("Version"),
        build: package.name.build.clone(),
        variant: package.name.variant.clone(),
        tags,
        family: None,
        gpu_targets,
        run: RunId::default(),
        made_from: origins.used(&entries),
        entries,
    })
}

/// What was learned of an entry by inflating it.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) sha256: Hash,
    pub(super) facts: Facts,
    /// The machine of an ELF file that is for the platform.
    machine: Option<Machine>,
}

/// Work for one core.
enum Task<'a> {
    Whole,
    Entry(&'a archive::Entry),
}

/// What came of it.
enum Done<'a> {
    Whole(Hash),
    Entry(&'a archive::Entry, Box<Look>),
}

/// The hash of the file, and every file of the archive.
fn contents(package: &Package) -> Result<(Hash, Vec<(&archive::Entry, Look)>)> {
    let archive = &package.archive;
    let rows: HashMap<&[u8], &Row> =
        package.record.rows.iter().map(|row| (row.path.as_bytes(), row)).collect();
    let mut entries: Vec<&archive::Entry> =
        archive.entries().iter().filter(|entry| !archive.name(entry).ends_with(b"/")).collect();
    // The largest first, so that no core is left with one at the end.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.size));
    let tasks: Vec<Task<'_>> =
        std::iter::once(Task::Whole).chain(entries.into_iter().map(Task::Entry)).collect();
    let done = work::each(&tasks, |task| match task {
        Task::Whole => sha256(archive.source()).map(Done::Whole).context("cannot read", &package.path),
        Task::Entry(entry) => {
            let row = rows.get(archive.name(entry)).copied();
            look(package, entry, row).map(|look| Done::Entry(entry, Box::new(look)))
        }
    });
    let mut whole = Hash(String::new());
    let mut looks = Vec::with_capacity(done.len());
    for done in done {
        match done? {
            Done::Whole(hash) => whole = hash,
            Done::Entry(entry, look) => looks.push((entry, *look)),
        }
    }
    Ok((whole, looks))
}

/// SHA-256 of a whole file.
pub(super) fn sha256(source: &Opened) -> std::io::Result<Hash> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < source.size() {
        let length = usize::try_from(source.size() - at).unwrap_or(PIECE).min(PIECE);
        source.read_at(&mut buffer[..length], at)?;
        hasher.update(&buffer[..length]);
        at += length as u64;
    }
    Ok(Hash::of(&hasher.finalize()))
}

/// Inflates an entry, hashes it, and reads what it says of itself.
fn look(package: &Package, entry: &archive::Entry, row: Option<&Row>) -> Result<Look> {
    let (archive, path) = (&package.archive, &package.path);
    let refuse = |finding: Finding| finding.refusal(path);
    let mut hasher = Sha256::new();
    let mut binary = Binary::new(entry.size);
    archive
        .stream(entry, |piece| {
            hasher.update(piece);
            binary.push(piece);
        })
        .map_err(refuse)?;
    let digest = hasher.finalize();
    if let Some(row) = row {
        against_record(archive, entry, row, &digest).map_err(refuse)?;
    }
    let machine = binary.machine().filter(|machine| !verify::is_foreign(*machine));
    let name = String::from_utf8_lossy(archive.name(entry)).into_owned();
    let facts = binary.facts().map_err(|error| {
        Error::failed(format!(
            "{}: cannot keep `{}` for a moment: {error}",
            path.display(),
            name.escape_debug()
        ))
        .hint("it is written to the folder of temporary files, which TMPDIR names")
    })?;
    Ok(Look { sha256: Hash::of(&digest), facts, machine })
}

/// The content against the hash in RECORD, whichever of the usual ones it is.
fn against_record(
    archive: &Archive<Opened>,
    entry: &archive::Entry,
    row: &Row,
    sha256: &[u8],
) -> Result<(), Finding> {
    let Some((algorithm, stated)) = row.hash.split_once('=') else { return Ok(()) };
    let digest = match algorithm {
        "sha256" => hash::base64(sha256),
        "sha384" => hash::base64(&digest::<Sha384>(archive, entry)?),
        "sha512" => hash::base64(&digest::<Sha512>(archive, entry)?),
        _ => return Ok(()),
    };
    if digest == stated {
        return Ok(());
    }
    let what = "has another content than RECORD says";
    Err(Finding::of(Code::RecordHashMismatch, archive.name(entry), what))
}

/// A second pass: hashes but SHA-256 are rare.
fn digest<D: Digest>(archive: &Archive<Opened>, entry: &archive::Entry) -> Result<Vec<u8>, Finding> {
    let mut hasher = D::new();
    archive.stream(entry, |piece| hasher.update(piece))?;
    Ok(hasher.finalize().to_vec())
}
