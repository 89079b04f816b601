//! All rules of wheels, and the content of every file against RECORD. Findings are gathered, not thrown: only a file
//! that cannot be opened is an error. Entries are inflated and hashed on all cores, piece by piece.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::archive::{Archive, Entry, Opened, Source};
use super::finding::{Code, Finding, Severity};
use super::name::WheelName;
use super::policy::{self, Facts, Gather};
use super::record::{Record, Row, hash};
use super::{check, package};
use crate::audit::expect::of_platform;
use crate::elf;
use crate::error::{Error, Result};

/// What PyPI refuses: files of this size and more that unpack to more than so many times their size.
const RATIO: u64 = 50;
const RATIO_FROM: u64 = 64 << 20;

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

/// Inflates and hashes all entries, the largest first, so that no core is left with one at the end.
pub(super) fn contents(
    archive: &Archive<Opened>,
    record: Option<&Record>,
    name: Option<&WheelName>,
) -> Contents {
    let rows: HashMap<&[u8], &Row> =
        record.iter().flat_map(|record| &record.rows).map(|row| (row.path.as_bytes(), row)).collect();
    let mut order: Vec<&Entry> = archive.entries().iter().collect();
    order.sort_by_key(|entry| std::cmp::Reverse(entry.size));
    let next = AtomicUsize::new(0);
    let read = Mutex::new(Contents::default());
    let codes = Mutex::new(Vec::new());
    let promised = name.is_some_and(policy::promises);
    let work = || {
        while let Some(entry) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let row = rows.get(archive.name(entry)).copied();
            let (found, hash) = content(archive, entry, row, promised, &codes);
            if !found.is_empty() || hash.is_some() {
                let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                read.found.extend(found);
                let path = || String::from_utf8_lossy(archive.name(entry)).into_owned();
                read.hashes.extend(hash.map(|hash| (path(), hash)));
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(order.len().max(1));
    thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
    let mut read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    let codes = codes.into_inner().unwrap_or_else(PoisonError::into_inner);
    read.found.extend(name.into_iter().flat_map(|name| machines(&codes, name)));
    read.found.extend(name.into_iter().flat_map(|name| policy::findings(&codes, name)));
    read
}

/// The digests that are computed.
enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: &str) -> Option<Self> {
        Some(match algorithm {
            "sha256" => Self::Sha256(Sha256::new()),
            "sha384" => Self::Sha384(Sha384::new()),
            "sha512" => Self::Sha512(Sha512::new()),
            _ => return None,
        })
    }

    fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Sha384(hasher) => hasher.update(piece),
            Self::Sha512(hasher) => hasher.update(piece),
        }
    }

    /// As RECORD spells it, without the algorithm.
    fn digest(self) -> String {
        match self {
            Self::Sha256(hasher) => hash::base64(&hasher.finalize()),
            Self::Sha384(hasher) => hash::base64(&hasher.finalize()),
            Self::Sha512(hasher) => hash::base64(&hasher.finalize()),
        }
    }
}

/// One entry: its data, its hash, its machine. The hash is given back if RECORD has none.
fn content(
    archive: &Archive<Opened>,
    entry: &Entry,
    row: Option<&Row>,
    promised: bool,
    codes: &Mutex<Vec<Facts>>,
) -> (Vec<Finding>, Option<String>) {
    let path = archive.name(entry);
    let stated = row.and_then(|row| row.hash.split_once('='));
    let mut hasher = Hasher::new(stated.map_or("sha256", |(algorithm, _)| algorithm));
    let mut gather = Gather::new(promised);
    let streamed = archive.stream(entry, |piece| {
        gather.push(piece);
        if let Some(hasher) = &mut hasher {
            hasher.update(piece);
        }
    });
    if let Err(finding) = streamed {
        return (vec![finding], None);
    }
    let mut found = Vec::new();
    let digest = hasher.map(Hasher::digest);
    match (stated, &digest) {
        (Some((_, stated)), Some(digest)) if digest != stated => {
            found.push(Finding::of(Code::RecordHashMismatch, path, "has another content than RECORD says"));
        }
        (Some((algorithm, _)), None) => {
            let what = format!("has a hash by {algorithm}, which was not checked");
            found.push(Finding::of(Code::RecordUncheckedHash, path, what));
        }
        _ => {}
    }
    match gather.finish(path) {
        Ok(facts) => codes.lock().unwrap_or_else(PoisonError::into_inner).extend(facts),
        Err(error) => {
            let what = format!("was not held against the platform tag: {error}");
            found.push(Finding::of(Code::PolicyUnknown, path, what));
        }
    }
    (found, digest.filter(|_| stated.is_none()).map(|digest| format!("sha256={digest}")))
}

/// Machine code against the platform tags: `codes` are all ELF files with their machines. A debugger may carry helpers
/// for other machines; an extension module is for this one, and so is at least something.
fn machines(codes: &[Facts], name: &WheelName) -> Vec<Finding> {
    let platforms = &name.tags.platform;
    let pure = platforms.iter().all(|tag| tag == "any");
    let tagged: Vec<_> = platforms.iter().filter_map(|tag| of_platform(tag)).collect();
    if !pure && tagged.len() != platforms.len() {
        return Vec::new();
    }
    let none = !codes.iter().any(|facts| tagged.contains(&facts.machine));
    let wrong = codes.iter().filter(|facts| !tagged.contains(&facts.machine));
    let tell = |facts: &Facts| {
        let extension = facts.is_extension();
        let code = match (pure, extension || none) {
            (true, _) if extension => Code::PureWithExtension,
            (true, _) => Code::PureWithCode,
            (false, true) => Code::WrongMachine,
            (false, false) => Code::OtherMachine,
        };
        let what = format!(
            "is code for {}, and the wheel is tagged {}",
            elf::name(facts.machine),
            platforms.join(".")
        );
        Finding::of(code, facts.path.as_bytes(), what)
    };
    wrong.map(tell).collect()
}

fn lossy<S: Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}
