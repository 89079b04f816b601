//! `crosswheel wheel diff`: why two wheels differ.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use crate::error::{Error, Exit, Result};
use crate::wheel::diff::content::Content;
use crate::wheel::diff::{About, Change, Diff, EntryDiff, Options, Verdict, diff, summary};

mod detail;
mod elf;

use detail::{plain, sides};

/// Arguments of `wheel diff`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The first wheel
    a: PathBuf,
    /// The second
    b: PathBuf,
    /// Show so many files of each kind, values of each list and lines of each text
    #[arg(long, value_name = "N", default_value_t = 12, conflicts_with = "full")]
    limit: usize,
    /// Show all of them
    #[arg(long)]
    full: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let limit = if args.full { usize::MAX } else { args.limit };
    let found = diff(&args.a, &args.b, Options { limit })?;
    if args.json {
        let json = serde_json::to_string_pretty(&found)
            .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
        out::print(|to| writeln!(to, "{json}"))?;
    } else {
        out::print(|to| text(to, &found, limit))?;
    }
    let same = found.verdict == Verdict::Identical;
    Ok(super::super::exit(if same { Exit::Done } else { Exit::Failed }))
}

/// What happened to an entry, by sign.
const SIGNS: &[(Change, &str, anstyle::Style)] = &[
    (Change::Changed, "~", YELLOW),
    (Change::Moved, "→", YELLOW),
    (Change::Executable, "x", YELLOW),
    (Change::Removed, "-", RED),
    (Change::Added, "+", GREEN),
];

fn text(to: &mut dyn Write, found: &Diff, limit: usize) -> io::Result<()> {
    let (word, style) = match found.verdict {
        Verdict::Identical => ("identical", GREEN),
        Verdict::Packing => ("packing", YELLOW),
        Verdict::Different => ("different", RED),
    };
    writeln!(to, "{style}{word}{style:#}  {BOLD}{}{BOLD:#}", plain(&found.reasons.join("; ")))?;
    for (sign, about) in [('a', &found.wheels.a), ('b', &found.wheels.b)] {
        wheel(to, sign, about, limit)?;
    }
    for name in &found.names {
        sides(to, name.part, name.value.a.as_deref(), name.value.b.as_deref())?;
    }
    let mut entries: Vec<&EntryDiff> = found.entries.iter().collect();
    entries.sort_by_key(|entry| (entry.change, rank(entry)));
    for (change, sign, style) in SIGNS {
        let mut kinds: Vec<Vec<&EntryDiff>> = Vec::new();
        for entry in entries.iter().filter(|entry| entry.change == *change) {
            match kinds.last_mut().filter(|kind| rank(kind[0]) == rank(entry)) {
                Some(kind) => kind.push(entry),
                None => kinds.push(vec![entry]),
            }
        }
        for kind in kinds {
            for entry in kind.iter().take(limit) {
                self::entry(to, sign, *style, entry, limit)?;
            }
            if kind.len() > limit {
                let more = out::count((kind.len() - limit) as u64);
                writeln!(to, "{style}{sign} {more} more{style:#}  {DIM}--full shows them{DIM:#}")?;
            }
        }
    }
    packing(to, found, limit)?;
    let number = |change| found.entries.iter().filter(|entry| entry.change == change).count() as u64;
    let words = [
        (found.same as u64, "the same"),
        (number(Change::Changed), "changed"),
        (number(Change::Moved), "moved"),
        (number(Change::Executable), "with other rights"),
        (number(Change::Added), "added"),
        (number(Change::Removed), "removed"),
        (number(Change::Packing), "the same but for packing"),
    ];
    let words = words.iter().filter(|(number, word)| *number > 0 || *word == "the same");
    let words: Vec<_> = words.map(|(number, word)| format!("{} {word}", out::count(*number))).collect();
    writeln!(to, "{BOLD}{}{BOLD:#}", words.join(", "))
}

fn wheel(to: &mut dyn Write, sign: char, about: &About, limit: usize) -> io::Result<()> {
    let size = out::count(about.size);
    let files = out::counted(about.files, "file");
    writeln!(to, "{DIM}{sign}: {}, {size} bytes, {files}{DIM:#}", plain(&about.path))?;
    for finding in about.findings.iter().take(limit) {
        let member =
            finding.member.as_ref().map(|member| format!("{} ", super::super::quote(member.as_bytes())));
        let (member, code) = (member.unwrap_or_default(), finding.code.name());
        writeln!(to, "   {YELLOW}note{YELLOW:#} {member}{}  {DIM}[{code}]{DIM:#}", plain(&finding.what))?;
    }
    if about.findings.len() > limit {
        let more = about.findings.len() - limit;
        writeln!(
            to,
            "   {YELLOW}note{YELLOW:#} {more} more  {DIM}`crosswheel wheel verify` shows them{DIM:#}"
        )?;
    }
    Ok(())
}

/// Headers first, then libraries, then the rest; RECORD last, since it follows.
fn rank(entry: &EntryDiff) -> u8 {
    match &entry.content {
        Some(Content::Wheel(_)) => 0,
        Some(Content::Metadata(_)) => 1,
        Some(Content::Elf(_)) => 2,
        Some(Content::Library(_)) => 3,
        Some(Content::Text(_)) => 4,
        Some(Content::Binary(_)) => 5,
        Some(Content::Unread(_)) => 6,
        None => 7,
        Some(Content::Record(_)) => 8,
    }
}

fn entry(
    to: &mut dyn Write,
    sign: &str,
    style: anstyle::Style,
    entry: &EntryDiff,
    limit: usize,
) -> io::Result<()> {
    let quote = |path: &str| super::super::quote(path.as_bytes());
    let bytes = |size: u64| format!("{} bytes", out::count(size));
    let (path, size) = match (&entry.a, &entry.b) {
        (Some(a), Some(b)) => {
            let path = if a.path == b.path {
                quote(&a.path)
            } else {
                format!("{} → {}", quote(&a.path), quote(&b.path))
            };
            let size = if a.size == b.size {
                bytes(a.size)
            } else {
                format!("{} → {}", out::count(a.size), bytes(b.size))
            };
            (path, size)
        }
        (Some(one), None) | (None, Some(one)) => (quote(&one.path), bytes(one.size)),
        (None, None) => return Ok(()),
    };
    write!(to, "{style}{sign} {path}{style:#}  {DIM}{size}{DIM:#}")?;
    match (&entry.a, &entry.b) {
        (Some(a), Some(b)) if a.executable != b.executable => {
            let which = if b.executable { "executable in b only" } else { "executable in a only" };
            write!(to, "  {which}")?;
        }
        _ => {}
    }
    detail::content(to, entry, limit)
}

/// The packing: line by line if there is nothing else, else in one line.
fn packing(to: &mut dyn Write, found: &Diff, limit: usize) -> io::Result<()> {
    let told = summary::packing(found);
    if told.is_empty() {
        return Ok(());
    }
    if found.verdict == Verdict::Different && limit != usize::MAX {
        return writeln!(to, "{DIM}packed otherwise, too: {}{DIM:#}", told.join(", "));
    }
    let all = found.entries.iter().flat_map(|entry| {
        entry
            .packing
            .iter()
            .map(|packing| (packing.what, &packing.value, super::super::quote(entry.path().as_bytes())))
    });
    let mut all: Vec<_> = all.collect();
    // The same change of many files is one line.
    all.sort();
    let groups: Vec<_> = all.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)).collect();
    for group in groups.iter().take(limit) {
        let (what, value, path) = &group[0];
        let files = if group.len() == 1 { path.clone() } else { out::counted(group.len(), "file") };
        writeln!(
            to,
            "{YELLOW}={YELLOW:#} {what}  {} → {}  {DIM}{files}{DIM:#}",
            plain(&value.a),
            plain(&value.b)
        )?;
    }
    if groups.len() > limit {
        let more = groups.len() - limit;
        writeln!(to, "{YELLOW}= {more} more{YELLOW:#}  {DIM}--full shows them{DIM:#}")?;
    }
    for packing in &found.packing {
        let (a, b) = (plain(&packing.value.a), plain(&packing.value.b));
        writeln!(to, "{YELLOW}={YELLOW:#} {}  {a} → {b}", packing.what)?;
    }
    Ok(())
}
