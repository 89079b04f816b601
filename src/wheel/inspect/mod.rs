//! What is in a wheel: name and tags, sizes by kind, files of code and what they need, GPU targets, duplicates. Reads
//! only. What cannot be read is told, and the rest is shown; only a file that is no archive is an error.
//!
//! | module | subject |
//! |---|---|
//! | [`kind`] | what kind of file an entry is |
//! | [`code`] | a file of code |
//! | [`same`] | entries of the same content |
//!
//! Of most entries only the first bytes are inflated. Files of code are inflated whole, one a core at a time, into a
//! temporary file if they are large.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::archive::{Archive, Entry, Opened, Source};
use super::finding::{Code as Problem, Finding};
use super::headers::Headers;
use super::image::Image;
use super::name::{Tags, WheelName};
use super::policy::{self, Facts};
use super::{check, package, requirement, work};
use crate::error::Result;
use crate::gpu::{self, Target};

pub mod code;
pub mod kind;
pub mod same;

pub use code::{Code, Gpu, Needs};
pub use kind::Kind;
pub use same::Same;

/// What is in a wheel. All sizes are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The wheel.
    #[serde(serialize_with = "lossy")]
    pub wheel: PathBuf,
    /// The name of the package, as METADATA spells it.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The build number.
    pub build: Option<String>,
    /// The tags of the file name.
    pub tags: Option<TagSets>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// How much is required.
    pub requires: Requires,
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of its entries as they are in the archive.
    pub compressed: u64,
    /// Bytes of their content.
    pub unpacked: u64,
    /// How many files are in it.
    pub files: usize,
    /// Sizes by kind: the kinds that there are.
    pub kinds: Vec<KindSize>,
    /// Machines of its ELF files, but those of GPUs.
    pub machines: Vec<String>,
    /// The highest x86-64 level that a file of it insists on.
    pub x86_64_level: Option<u8>,
    /// The highest versions of symbols that its files need.
    pub needs: Needs,
    /// The lowest platform tag that it qualifies for, with its other name; none, if its files do not tell.
    pub platform: Vec<String>,
    /// Why it is not a lower one.
    pub platform_reasons: Vec<String>,
    /// Bytes of code for AMD GPUs, inside of libraries and in files of its own.
    pub gpu_bytes: u64,
    /// Bytes of code for NVIDIA GPUs inside of libraries, which is not looked into.
    pub nvidia_bytes: u64,
    /// GPU targets.
    pub gpu_targets: Vec<WheelTarget>,
    /// Files of code, those that take most of the archive first.
    pub code: Vec<Code>,
    /// Entries of the same content.
    pub duplicates: Vec<Same>,
    /// Bytes of the archive that duplicates waste.
    pub wasted_compressed: u64,
    /// Bytes on the disk that they waste.
    pub wasted_unpacked: u64,
    /// All files, those that take most of the archive first.
    pub entries: Vec<Sized>,
    /// What is wrong with what was read for this; `verify` looks at more.
    pub findings: Vec<Finding>,
    /// What could not be read, so that all of the above is without it.
    pub unread: Vec<Unread>,
}

/// The three sets of tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagSets {
    /// Such as `cp311`.
    pub python: Vec<String>,
    /// Such as `abi3`.
    pub abi: Vec<String>,
    /// Such as `manylinux_2_28_x86_64`.
    pub platform: Vec<String>,
}

/// How many requirements there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requires {
    /// In any case.
    pub always: usize,
    /// With an extra only.
    pub with_extras: usize,
}

/// The size of all files of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KindSize {
    /// The kind.
    pub kind: Kind,
    /// How many files.
    pub files: usize,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Bytes of the content.
    pub unpacked: u64,
}

/// What there is for a GPU target in all files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WheelTarget {
    /// The target.
    pub target: Target,
    /// In how many files.
    pub files: usize,
    /// Code objects.
    pub objects: usize,
    /// Their bytes, not compressed.
    pub bytes: u64,
}

/// A file and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sized {
    /// Its name.
    pub path: String,
    /// Its kind.
    pub kind: Kind,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Bytes of the content.
    pub unpacked: u64,
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unread {
    /// The entry; all of them, if there is none.
    pub member: Option<String>,
    /// Why.
    pub what: String,
}

/// Looks at a wheel. Fails if it cannot be opened, or it cannot be told what is in it.
pub fn inspect(path: &Path) -> Result<Inspection> {
    let source = package::open(path)?;
    let archive = Archive::read(source).map_err(|finding| finding.refusal(path))?;
    let mut out =
        Inspection { wheel: path.to_owned(), size: archive.source().size(), ..Inspection::default() };
    out.findings.extend_from_slice(archive.faults());
    match package::name_of(path) {
        Ok(name) => about(&archive, &name, &mut out),
        Err(finding) => out.findings.push(finding),
    }
    contents(&archive, &mut out);
    out.findings.sort_by(|a, b| (&a.member, a.code, &a.what).cmp(&(&b.member, b.code, &b.what)));
    out.findings.dedup();
    Ok(out)
}

/// The file name and the files of dist-info.
fn about(archive: &Archive<Opened>, name: &WheelName, out: &mut Inspection) {
    out.name = Some(name.distribution.clone());
    out.version = Some(name.version.clone());
    out.build.clone_from(&name.build);
    out.tags = Some(TagSets::from(&name.tags));
    let info = match package::dist_info(archive, name) {
        Ok(info) => info,
        Err(finding) => return out.findings.push(finding),
    };
    let headers = |file, absent, syntax| package::headers(archive, &info, file, absent, syntax);
    match headers("WHEEL", Problem::NoWheelFile, Problem::WheelSyntax) {
        Ok(wheel) => out.findings.extend(check::wheel(&wheel, name, &info)),
        Err(finding) => out.findings.push(finding),
    }
    match headers("METADATA", Problem::NoMetadata, Problem::MetadataSyntax) {
        Ok(metadata) => {
            out.findings.extend(check::metadata(&metadata, name, &info));
            described(&metadata, out);
        }
        Err(finding) => out.findings.push(finding),
    }
}

/// What METADATA says.
fn described(metadata: &Headers, out: &mut Inspection) {
    let first = |name| metadata.all(name).next().filter(|value| !value.is_empty());
    out.name = first("Name").or(out.name.take());
    out.version = first("Version").or(out.version.take());
    out.requires_python = first("Requires-Python");
    for requirement in metadata.all("Requires-Dist") {
        let extra = requirement::is_for_extra(&requirement);
        *if extra { &mut out.requires.with_extras } else { &mut out.requires.always } += 1;
    }
}

/// What is found in one entry.
struct Seen {
    file: Sized,
    code: Option<Code>,
    facts: Option<Facts>,
    unread: Option<Unread>,
}

impl Seen {
    fn of(file: Sized) -> Self {
        Self { file, code: None, facts: None, unread: None }
    }
}

/// Looks into all entries.
fn contents(archive: &Archive<Opened>, out: &mut Inspection) {
    let name = |entry: &Entry| String::from_utf8_lossy(archive.name(entry)).into_owned();
    let mut files: Vec<&Entry> =
        archive.entries().iter().filter(|entry| !archive.name(entry).ends_with(b"/")).collect();
    files.sort_by_key(|entry| std::cmp::Reverse(entry.compressed));
    // What cannot be unpacked safely is not looked into.
    let barred = |fault: &&Finding| {
        matches!(fault.code, Problem::Overlap | Problem::Encrypted | Problem::Method | Problem::Bomb)
    };
    let seen: Vec<Seen> = if let Some(fault) = archive.faults().iter().find(barred) {
        let what = format!("nothing was inflated, since the archive is unsafe: {}", fault.code.name());
        out.unread.push(Unread { member: None, what });
        let bare = |entry: &&Entry| Seen::of(sized(&name(entry), entry, &[]));
        files.iter().map(bare).collect()
    } else {
        let (same, unread) = same::find(archive);
        out.duplicates = same;
        out.unread.extend(unread.into_iter().map(Unread::from));
        work::each(&files, |entry| look(archive, entry, &name(entry)))
    };
    let mut facts = Vec::new();
    for one in seen {
        facts.extend(one.facts);
        out.code.extend(one.code);
        out.unread.extend(one.unread);
        out.entries.push(one.file);
    }
    out.code.sort_by(|a, b| b.compressed.cmp(&a.compressed).then_with(|| a.path.cmp(&b.path)));
    out.entries.sort_by(|a, b| b.compressed.cmp(&a.compressed).then_with(|| a.path.cmp(&b.path)));
    out.unread.sort();
    out.unread.dedup();
    sum(out);
    platform(facts, out);
}

/// The platform tag that the files have earned. What does not tell it is no fault: a wheel for another system, say.
fn platform(mut facts: Vec<Facts>, out: &mut Inspection) {
    let Some(tags) = out.tags.as_ref().filter(|_| out.unread.is_empty() && !facts.is_empty()) else { return };
    facts.sort_by(|a, b| a.path.cmp(&b.path));
    let Ok(decided) = policy::platform_by(&tags.platform, &facts, true) else { return };
    let reasons = decided.verdict.iter().flat_map(policy::Verdict::deciding);
    out.platform_reasons = reasons.map(ToString::to_string).collect();
    out.platform = decided.tags;
}

fn sized(path: &str, entry: &Entry, head: &[u8]) -> Sized {
    let kind = Kind::of(path, head);
    Sized { path: path.to_owned(), kind, compressed: entry.compressed, unpacked: entry.size }
}

/// Looks into one entry: at its first bytes, and at all of it if it is code.
fn look(archive: &Archive<Opened>, entry: &Entry, path: &str) -> Seen {
    /// An ELF header fits in.
    const HEAD: usize = 64;
    let head = match archive.head(entry, HEAD) {
        Ok(head) => head,
        Err(finding) => {
            return Seen { unread: Some(finding.into()), ..Seen::of(sized(path, entry, &[])) };
        }
    };
    let file = sized(path, entry, &head);
    if !gpu::may_hold(&head) {
        return Seen::of(file);
    }
    let unread = |what: String| Some(Unread { member: Some(path.to_owned()), what });
    let (mut code, facts, unread) = match gpu::of_code_object(&head, entry.size) {
        // Its header tells all that is asked for.
        Some(listing) => (Code::of_code_object(&head, listing), None, None),
        None => match Image::of(archive, entry) {
            Ok(image) => {
                let (code, facts, damage) = Code::read(path, &image.data);
                (code, facts, damage.and_then(|damage| unread(damage.to_string())))
            }
            Err(finding) => return Seen { unread: Some(finding.into()), ..Seen::of(file) },
        },
    };
    (code.path, code.compressed, code.unpacked) = (path.to_owned(), entry.compressed, entry.size);
    Seen { file, code: Some(code), facts, unread }
}

/// What all files come to.
fn sum(out: &mut Inspection) {
    let mut kinds: BTreeMap<Kind, KindSize> = BTreeMap::new();
    for file in &out.entries {
        let new = KindSize { kind: file.kind, files: 0, compressed: 0, unpacked: 0 };
        let sum = kinds.entry(file.kind).or_insert(new);
        sum.files += 1;
        sum.compressed = sum.compressed.saturating_add(file.compressed);
        sum.unpacked = sum.unpacked.saturating_add(file.unpacked);
    }
    out.kinds = kinds.into_values().collect();
    out.files = out.entries.len();
    let add = |sum: u64, more: u64| sum.saturating_add(more);
    out.compressed = out.kinds.iter().map(|kind| kind.compressed).fold(0, add);
    out.unpacked = out.kinds.iter().map(|kind| kind.unpacked).fold(0, add);
    out.wasted_compressed = out.duplicates.iter().map(|same| same.wasted_compressed).fold(0, add);
    out.wasted_unpacked = out.duplicates.iter().map(|same| same.wasted_unpacked).fold(0, add);
    let gpus = || out.code.iter().filter_map(|code| code.gpu.as_ref());
    (out.gpu_bytes, out.nvidia_bytes) =
        (gpus().map(|gpu| gpu.bytes).fold(0, add), gpus().map(|gpu| gpu.nvidia_bytes).fold(0, add));
    out.gpu_targets = code::targets(out.code.iter());
    out.machines = code::machines(out.code.iter());
    out.machines.retain(|machine| machine != "amdgpu");
    out.x86_64_level = out.code.iter().filter_map(|code| code.x86_64_level).max();
    out.code.iter().for_each(|code| out.needs.join(&code.needs));
}

impl From<&Tags> for TagSets {
    fn from(tags: &Tags) -> Self {
        let Tags { python, abi, platform } = tags.clone();
        Self { python, abi, platform }
    }
}

impl From<Finding> for Unread {
    fn from(finding: Finding) -> Self {
        Self { member: finding.member, what: finding.what }
    }
}

fn lossy<S: Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}
