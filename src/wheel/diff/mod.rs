//! Why two wheels differ: file names and tags, headers, files by content, ELF files by what is in them, and how all
//! that is packed. Entries whose compressed bytes are the same are not inflated, and large ones are not held in memory.
//!
//! | module | subject |
//! |---|---|
//! | [`Diff`] | the outcome, and the order of the work |
//! | `side` | one wheel, opened as far as it can be read |
//! | `pairs` | which file is which |
//! | [`packing`] | the zip layer |
//! | [`content`] | which kind of file it is |
//! | [`headers`], [`rows`], [`text`] | WHEEL and METADATA, RECORD, texts |
//! | [`elf`], [`ar`] | ELF files, static libraries |
//! | [`summary`] | the reasons in a line |
//! | `image` | an inflated content |

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::Serialize;

use super::archive::Source;
use super::finding::{Code, Finding};
use super::package::MOST;
use crate::build::pep440::normalized_name;
use crate::error::{IoContext, Result};

pub mod ar;
pub mod content;
pub mod elf;
pub mod headers;
mod image;
pub mod packing;
mod pairs;
pub mod rows;
mod side;
pub mod summary;
pub mod text;

use content::{Content, Relation, Trouble, Unread};
use packing::PackingDiff;
use pairs::Known;
use side::{File, INFO, Side};

/// The same of both wheels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sides<T> {
    /// Of the first.
    pub a: T,
    /// Of the second.
    pub b: T,
}

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Lines of each text that differs.
    pub limit: usize,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same bytes, under the same name if both names are names of wheels.
    Identical,
    /// What is installed is the same, and it is packed otherwise.
    Packing,
    /// They differ.
    Different,
}

/// How two wheels differ.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// The outcome.
    pub verdict: Verdict,
    /// Why, in short: for people.
    pub reasons: Vec<String>,
    /// The wheels.
    pub wheels: Sides<About>,
    /// Parts of the names that differ: of the file, and of the folder of dist-info.
    pub names: Vec<NameDiff>,
    /// How many files are the same, packing and all.
    pub same: usize,
    /// Entries that differ, by path.
    pub entries: Vec<EntryDiff>,
    /// What is packed otherwise, and is not of one entry.
    pub packing: Vec<PackingDiff>,
}

/// One of the wheels.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// As it was named.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// How many files are in it.
    pub files: usize,
    /// What is wrong with it, as far as that was looked at: [`super::verify`] looks at all.
    pub findings: Vec<Finding>,
}

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameDiff {
    /// Which: `distribution`, `version`, `build`, `python`, `abi`, `platform`, `dist-info`, `data`.
    pub part: &'static str,
    /// Both.
    #[serde(flatten)]
    pub value: Sides<Option<String>>,
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Another content; another path, too, if the paths differ.
    Changed,
    /// The same content under another path.
    Moved,
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// The same content, which may be executed on one side only.
    Executable,
    /// The same content, packed otherwise.
    Packing,
}

/// An entry that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryDiff {
    /// What happened to it.
    pub change: Change,
    /// In the first.
    pub a: Option<Facts>,
    /// In the second.
    pub b: Option<Facts>,
    /// How the content differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// How the packing differs.
    pub packing: Vec<PackingDiff>,
}

/// What is known of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Its path.
    pub path: String,
    /// Bytes of the content.
    pub size: u64,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Whether somebody may execute it.
    pub executable: bool,
}

impl EntryDiff {
    /// Its path in the second wheel, or in the first, if it is gone.
    #[must_use]
    pub fn path(&self) -> &str {
        self.b.as_ref().or(self.a.as_ref()).map_or("", |facts| &facts.path)
    }
}

impl Facts {
    fn of(file: &File) -> Self {
        Self {
            path: file.path.clone(),
            size: file.entry.size,
            compressed: file.entry.compressed,
            executable: file.entry.is_executable(),
        }
    }
}

/// Compares two wheels.
pub fn diff(a: &Path, b: &Path, options: Options) -> Result<Diff> {
    let (mut a, mut b) = (Side::open(a)?, Side::open(b)?);
    let same = packing::same_file(a.archive.source(), b.archive.source()).context("cannot read", &a.path)?;
    let names = names(&a, &b);
    let mut out = Diff {
        verdict: Verdict::Identical,
        reasons: Vec::new(),
        wheels: Sides { a: a.about(), b: b.about() },
        names,
        same: a.files.len(),
        entries: Vec::new(),
        packing: Vec::new(),
    };
    if !same {
        contents(&mut out, &mut a, &mut b, options);
        out.wheels = Sides { a: a.about(), b: b.about() };
    }
    let packed = |entry: &EntryDiff| entry.change == Change::Packing;
    out.verdict = if !out.names.is_empty() || !out.entries.iter().all(packed) {
        Verdict::Different
    } else if same {
        Verdict::Identical
    } else {
        Verdict::Packing
    };
    out.reasons = summary::reasons(&out);
    Ok(out)
}

fn names(a: &Side, b: &Side) -> Vec<NameDiff> {
    let mut found = Vec::new();
    let mut tell = |part, a: Option<String>, b: Option<String>| {
        if a != b {
            found.push(NameDiff { part, value: Sides { a, b } });
        }
    };
    if let (Some(one), Some(other)) = (&a.name, &b.name) {
        tell("distribution", Some(one.distribution.clone()), Some(other.distribution.clone()));
        tell("version", Some(one.version.clone()), Some(other.version.clone()));
        tell("build", one.build.clone(), other.build.clone());
        let (one, other) = (&one.tags, &other.tags);
        tell("python", Some(one.python.join(".")), Some(other.python.join(".")));
        tell("abi", Some(one.abi.join(".")), Some(other.abi.join(".")));
        tell("platform", Some(one.platform.join(".")), Some(other.platform.join(".")));
    }
    // Folders that are on one side only are told by their files.
    for (part, one, other) in [("dist-info", &a.info, &b.info), ("data", &a.data, &b.data)] {
        if one.is_some() && other.is_some() {
            tell(part, one.clone(), other.clone());
        }
    }
    found
}

/// What becomes of a pair.
struct Outcome {
    relation: Relation,
    content: Option<Content>,
    packing: Vec<PackingDiff>,
    trouble: Trouble,
}

fn contents(out: &mut Diff, a: &mut Side, b: &mut Side, options: Options) {
    let distribution = |side: &Side| {
        let name = side.name.as_ref().map(|name| normalized_name(&name.distribution));
        name.unwrap_or_default()
    };
    let names = [distribution(a), distribution(b)];
    let pairs = pairs::pair(&known(a, &names[0]), &known(b, &names[1]), |one, other| {
        let (one, other) = (&a.files[one].entry, &b.files[other].entry);
        content::relation((a, one), (b, other)).is_ok_and(|relation| relation != Relation::Other)
    });
    let mut order = pairs.both.clone();
    order.sort_by_key(|(one, other)| {
        let size = a.files[*one].entry.size.max(b.files[*other].entry.size);
        (std::cmp::Reverse(size), *one)
    });
    let outcomes =
        in_parallel(&order, |(one, other)| pair((a, &a.files[*one]), (b, &b.files[*other]), options));
    let mut outcomes: Vec<((usize, usize), Outcome)> = order.into_iter().zip(outcomes).collect();
    outcomes.sort_by_key(|(pair, _)| *pair);
    record(a, b, &pairs, &mut outcomes);
    let mut same = 0;
    for ((one, other), outcome) in outcomes {
        let (one, other) = (&a.files[one], &b.files[other]);
        a.findings.extend(outcome.trouble.a);
        b.findings.extend(outcome.trouble.b);
        let change = if outcome.relation == Relation::Other {
            Change::Changed
        } else if one.key != other.key {
            Change::Moved
        } else if one.entry.is_executable() != other.entry.is_executable() {
            Change::Executable
        } else if outcome.packing.is_empty() {
            same += 1;
            continue;
        } else {
            Change::Packing
        };
        out.entries.push(EntryDiff {
            change,
            a: Some(Facts::of(one)),
            b: Some(Facts::of(other)),
            content: outcome.content,
            packing: outcome.packing,
        });
    }
    let single = |change, a: Option<&File>, b: Option<&File>| EntryDiff {
        change,
        a: a.map(Facts::of),
        b: b.map(Facts::of),
        content: None,
        packing: Vec::new(),
    };
    let removed = pairs.removed.iter().map(|at| single(Change::Removed, Some(&a.files[*at]), None));
    let added = pairs.added.iter().map(|at| single(Change::Added, None, Some(&b.files[*at])));
    out.entries.extend(removed.chain(added));
    out.entries.sort_by(|one, other| (one.path(), one.change).cmp(&(other.path(), other.change)));
    out.same = same;
    out.packing = packing::whole(a, b, &pairs.both);
    if out.names.is_empty() && out.entries.is_empty() && out.packing.is_empty() {
        let size = |side: &Side| format!("{} bytes", side.archive.source().size());
        let value = Sides { a: size(a), b: size(b) };
        out.packing.push(PackingDiff { what: "structure", value });
    }
}

fn known<'s>(side: &'s Side, distribution: &'s str) -> Vec<Known<'s>> {
    let one =
        |file: &'s File| Known { key: &file.key, distribution, crc: file.entry.crc, size: file.entry.size };
    side.files.iter().map(one).collect()
}

fn is_record(file: &File) -> bool {
    file.key.strip_prefix(INFO) == Some("/RECORD")
}

fn pair(a: (&Side, &File), b: (&Side, &File), options: Options) -> Outcome {
    let mut out = Outcome {
        relation: Relation::Other,
        content: None,
        packing: Vec::new(),
        trouble: Trouble::default(),
    };
    match content::relation((a.0, &a.1.entry), (b.0, &b.1.entry)) {
        Ok(relation) => out.relation = relation,
        Err(trouble) => out.fail(trouble),
    }
    // RECORD is compared when it is known which of the others differ.
    if out.relation == Relation::Other && out.content.is_none() && !(is_record(a.1) && is_record(b.1)) {
        match content::compare(a, b, options) {
            Ok(content) => out.content = Some(content),
            Err(trouble) => out.fail(trouble),
        }
    }
    match packing::entry((a.0, &a.1.entry), (b.0, &b.1.entry), out.relation == Relation::Same) {
        Ok(packing) => out.packing = packing,
        Err(finding) => out.trouble.a = out.trouble.a.take().or(Some(finding)),
    }
    out
}

impl Outcome {
    fn fail(&mut self, trouble: Trouble) {
        let why = [&trouble.a, &trouble.b].into_iter().flatten().map(|finding| finding.what.clone());
        self.content = Some(Content::Unread(Unread { why: why.collect::<Vec<_>>().join("; ") }));
        self.trouble = trouble;
    }
}

/// Compares RECORD, if both have one that differs.
fn record(a: &Side, b: &Side, pairs: &pairs::Pairs, outcomes: &mut [((usize, usize), Outcome)]) {
    let place = outcomes.iter().position(|((one, other), outcome)| {
        is_record(&a.files[*one])
            && is_record(&b.files[*other])
            && outcome.relation == Relation::Other
            && outcome.content.is_none()
    });
    let Some(place) = place else { return };
    let both: Vec<rows::Both<'_>> = outcomes
        .iter()
        .enumerate()
        .map(|(at, ((one, other), outcome))| rows::Both {
            path: Sides { a: &a.files[*one].path, b: &b.files[*other].path },
            // Its own row is empty.
            same: at == place || outcome.relation != Relation::Other,
        })
        .collect();
    let single = Sides {
        a: pairs.removed.iter().map(|at| a.files[*at].path.as_str()).collect::<Vec<_>>(),
        b: pairs.added.iter().map(|at| b.files[*at].path.as_str()).collect::<Vec<_>>(),
    };
    let (one, other) = (&a.files[outcomes[place].0.0], &b.files[outcomes[place].0.1]);
    let read = |side: &Side, file: &File| {
        side.readable(&file.entry)?;
        side.archive.content(&file.entry, MOST)
    };
    let compared = match (read(a, one), read(b, other)) {
        (Ok(in_a), Ok(in_b)) => rows::compare(&in_a, &in_b, &both, &single).map_err(|(first, what)| {
            let finding = Finding::of(Code::RecordSyntax, one.path.as_bytes(), what);
            if first { content::in_a(finding) } else { content::in_b(finding) }
        }),
        (in_a, in_b) => Err(Box::new(Sides { a: in_a.err(), b: in_b.err() })),
    };
    let outcome = &mut outcomes[place].1;
    match compared {
        Ok(diff) => outcome.content = Some(Content::Record(diff)),
        Err(trouble) => outcome.fail(trouble),
    }
}

impl Side {
    fn about(&self) -> About {
        About {
            path: self.path.to_string_lossy().into_owned(),
            size: self.archive.source().size(),
            files: self.files.len(),
            findings: self.findings.clone(),
        }
    }
}

/// Does the work for each item on all cores; the results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(items.len().max(1));
    thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
