//! All rules of wheels, and the content of every file against RECORD. Findings are gathered, not thrown: only a file
//! that cannot be opened is an error. Entries are inflated and hashed on all cores, piece by piece.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crosswheel_shim::elf as shim_elf;
use serde::{Serialize, Serializer};

use super::archive::content::Inflater;
use super::archive::{Archive, Entry, Opened, Source};
use super::digest::{self, Hasher};
use super::finding::{Code, Finding, Severity};
use super::name::WheelName;
use super::policy::{self, Facts, Gather};
use super::record::{Record, Row};
use super::{check, package, work};
use crate::audit::expect::of_platform;
use crate::elf;
use crate::error::{Error, Result};

/// What PyPI refuses: files of this size and more that unpack to more than so many times their size.
const RATIO: u64 = 50;
const RATIO_FROM: u64 = 64 << 20;
/// For less than this, another thread costs more than it gains.
const BESIDE_FROM: u64 = 8 << 20;

/// The outcome for one wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The wheel.
    #[serde(serialize_with = "lossy")]
    pub wheel: PathBuf,
    /// How many files are in it.
    pub files: usize,
    /// Bytes of their content.
    pub bytes: u64,
    /// What was found: by entry, then by code.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// A wheel that cannot be opened, for this reason.
    #[must_use]
    pub fn unreadable(wheel: &Path, error: &Error) -> Self {
        let finding = Finding::new(Code::Unreadable, &error.message);
        Self { wheel: wheel.to_owned(), files: 0, bytes: 0, findings: vec![finding] }
    }

    /// How many findings are faults.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Fault).count()
    }
}

/// Verifies a wheel.
pub fn verify(path: &Path) -> Result<Verified> {
    let source = package::open(path)?;
    let mut out = Verified { wheel: path.to_owned(), files: 0, bytes: 0, findings: Vec::new() };
    match Archive::read(source) {
        Ok(archive) => look(&archive, path, &mut out),
        Err(finding) => out.findings.push(finding),
    }
    out.findings.sort_by(|a, b| (&a.member, a.code, &a.what).cmp(&(&b.member, b.code, &b.what)));
    out.findings.dedup();
    Ok(out)
}

fn look(archive: &Archive<Opened>, path: &Path, out: &mut Verified) {
    out.findings.extend_from_slice(archive.faults());
    out.files = package::files(archive).count();
    out.bytes = archive.entries().iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.size));
    let size = archive.source().size();
    if out.bytes >= RATIO_FROM && out.bytes / RATIO > size {
        let what = format!("unpacks to {} bytes from {size}", out.bytes);
        out.findings.push(Finding::new(Code::HighRatio, what));
    }
    let name = match package::name_of(path) {
        Ok(name) => Some(name),
        Err(finding) => {
            out.findings.push(finding);
            None
        }
    };
    let record = name.as_ref().and_then(|name| dist_info(archive, name, out));
    // What cannot be unpacked safely is not unpacked.
    if archive
        .faults()
        .iter()
        .any(|fault| matches!(fault.code, Code::Overlap | Code::Encrypted | Code::Method))
    {
        return;
    }
    out.findings.extend(contents(archive, record.as_ref(), name.as_ref()).found);
}

/// The files of dist-info; RECORD for what follows.
fn dist_info(archive: &Archive<Opened>, name: &WheelName, out: &mut Verified) -> Option<Record> {
    let info = match package::dist_info(archive, name) {
        Ok(info) => info,
        Err(finding) => {
            out.findings.push(finding);
            return None;
        }
    };
    let headers = |file, absent, syntax| package::headers(archive, &info, file, absent, syntax);
    match headers("WHEEL", Code::NoWheelFile, Code::WheelSyntax) {
        Ok(headers) => {
            out.findings.extend(check::wheel(&headers, name, &info));
            out.findings.extend(check::line_ends(&headers.render(), &info, "WHEEL"));
        }
        Err(finding) => out.findings.push(finding),
    }
    out.findings.extend(package::variant(archive, name, &info));
    match headers("METADATA", Code::NoMetadata, Code::MetadataSyntax) {
        Ok(headers) => out.findings.extend(check::metadata(&headers, name, &info)),
        Err(finding) => out.findings.push(finding),
    }
    let read = package::file(archive, &info, "RECORD", Code::NoRecord).and_then(|bytes| {
        let path = format!("{info}/RECORD");
        out.findings.extend(check::line_ends(&bytes, &info, "RECORD"));
        Record::parse(&bytes).map_err(|what| Finding::of(Code::RecordSyntax, path.as_bytes(), what))
    });
    match read {
        Ok(record) => {
            out.findings.extend(check::record(&record, &info, package::files(archive)));
            Some(record)
        }
        Err(finding) => {
            out.findings.push(finding);
            None
        }
    }
}

/// What is known once all content was read.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What is wrong.
    pub(super) found: Vec<Finding>,
    /// Hashes of the entries for which RECORD has none, as it should have them.
    pub(super) hashes: BTreeMap<String, String>,
}

/// Inflates and hashes all entries, the largest first, so that no core is left with one at the end. An entry that is more
/// than the share of one core is hashed beside.
pub(super) fn contents(
    archive: &Archive<Opened>,
    record: Option<&Record>,
    name: Option<&WheelName>,
) -> Contents {
    let rows: HashMap<&[u8], &Row> =
        record.iter().flat_map(|record| &record.rows).map(|row| (row.path.as_bytes(), row)).collect();
    let mut order: Vec<&Entry> = archive.entries().iter().collect();
    order.sort_by_key(|entry| Reverse(entry.size));
    let cores = work::cores();
    let all = order.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.size));
    let share = (all / cores as u64).max(BESIDE_FROM);
    let promised = name.is_some_and(policy::promises);
    let read = work::each_with(&order, Inflater::new, |inflater, entry| {
        let row = rows.get(archive.name(entry)).copied();
        let gather = Gather::new(promised);
        content(archive, entry, row, gather, inflater, cores > 1 && entry.size > share)
    });
    let mut out = Contents::default();
    let mut files = Vec::new();
    for (entry, read) in order.iter().zip(read) {
        let path = || String::from_utf8_lossy(archive.name(entry)).into_owned();
        out.found.extend(read.found);
        out.hashes.extend(read.hash.map(|hash| (path(), hash)));
        files.extend(read.facts);
    }
    let codes: Vec<_> = files.iter().map(|facts| (facts.path.clone(), facts.machine)).collect();
    out.found.extend(name.into_iter().flat_map(|name| machines(&codes, name)));
    out.found.extend(name.into_iter().flat_map(|name| policy::findings(&files, name)));
    out
}

/// What is known of one entry once it was read.
#[derive(Default)]
struct Content {
    /// What is wrong.
    found: Option<Finding>,
    /// Its hash as RECORD should have it, if RECORD has none.
    hash: Option<String>,
    /// What is known of it, if it is an ELF file for a processor.
    facts: Option<Facts>,
}

/// Reads one entry. With `beside`, it is hashed by another thread.
fn content(
    archive: &Archive<Opened>,
    entry: &Entry,
    row: Option<&Row>,
    mut gather: Gather,
    inflater: &mut Inflater,
    beside: bool,
) -> Content {
    let path = archive.name(entry);
    let stated = row.and_then(|row| row.hash.split_once('='));
    let mut hasher = Hasher::new(stated.map_or("sha256", |(algorithm, _)| algorithm));
    let streamed = match &mut hasher {
        Some(hasher) if beside => digest::beside(hasher, |give| {
            archive.hand_over(entry, inflater, |buffer, length| {
                gather.push(&buffer[..length]);
                give(buffer, length);
            })
        }),
        hasher => archive.hand_over(entry, inflater, |buffer, length| {
            gather.push(&buffer[..length]);
            if let Some(hasher) = hasher {
                hasher.update(&buffer[..length]);
            }
        }),
    };
    if let Err(finding) = streamed {
        return Content { found: Some(finding), ..Content::default() };
    }
    let digest = hasher.map(Hasher::digest);
    let find = |code, what: String| Some(Finding::of(code, path, what));
    let found = match (stated, &digest) {
        (Some((_, stated)), Some(digest)) if digest != stated => {
            find(Code::RecordHashMismatch, "has another content than RECORD says".to_owned())
        }
        (Some((algorithm, _)), None) => {
            find(Code::RecordUncheckedHash, format!("has a hash by {algorithm}, which was not checked"))
        }
        _ => None,
    };
    let (facts, unknown) = match gather.finish(path) {
        Ok(facts) => (facts, None),
        Err(error) => {
            (None, find(Code::PolicyUnknown, format!("was not held against the platform tag: {error}")))
        }
    };
    let hash = digest.filter(|_| stated.is_none()).map(|digest| format!("sha256={digest}"));
    Content { found: found.or(unknown), hash, facts }
}

/// Machine code against the platform tags: `codes` are all ELF files with their machines. A debugger may carry helpers
/// for other machines; an extension module is for this one, and so is at least something.
pub(super) fn machines(codes: &[(String, shim_elf::Machine)], name: &WheelName) -> Vec<Finding> {
    let platforms = &name.tags.platform;
    let pure = platforms.iter().all(|tag| tag == "any");
    let tagged: Vec<_> = platforms.iter().filter_map(|tag| of_platform(tag)).collect();
    if !pure && tagged.len() != platforms.len() {
        return Vec::new();
    }
    let none = !codes.iter().any(|(_, machine)| tagged.contains(machine));
    let wrong = codes.iter().filter(|(_, machine)| !tagged.contains(machine));
    let tell = |(path, machine): &(String, shim_elf::Machine)| {
        let extension = is_extension(path);
        let code = match (pure, extension || none) {
            (true, _) if extension => Code::PureWithExtension,
            (true, _) => Code::PureWithCode,
            (false, true) => Code::WrongMachine,
            (false, false) => Code::OtherMachine,
        };
        let what =
            format!("is code for {}, and the wheel is tagged {}", elf::name(*machine), platforms.join("."));
        Finding::of(code, path.as_bytes(), what)
    };
    wrong.map(tell).collect()
}

/// Whether an interpreter would import it, by the tag in its name (PEP 3149, PEP 384).
pub(super) fn is_extension(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.strip_suffix("so").unwrap_or_default();
    [".abi3.", ".cpython-", ".pypy3", ".graalpy"].iter().any(|mark| stem.contains(mark))
}

/// Code for a GPU or a kernel, which is none of the platform's.
pub(super) fn is_foreign(machine: shim_elf::Machine) -> bool {
    matches!(&elf::name(machine)[..], "amdgpu" | "bpf")
}

fn lossy<S: Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}
