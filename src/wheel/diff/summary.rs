//! The reasons in short: what a reader should know who reads no further.

use std::collections::BTreeMap;

use super::content::Content;
use super::elf::{Aspect, ElfDiff};
use super::headers::HeadersDiff;
use super::{Change, Diff, EntryDiff};
use crate::build::pep440::normalized_name;
use crate::wheel::name::same_version;

/// One reason after the other, from what matters most on.
#[must_use]
pub fn reasons(diff: &Diff) -> Vec<String> {
    let mut out: Vec<String> = names(diff).into_iter().collect();
    let changed: Vec<&EntryDiff> =
        diff.entries.iter().filter(|entry| entry.change == Change::Changed && !follows(entry)).collect();
    if !changed.is_empty() {
        let all = diff.wheels.a.files.max(diff.wheels.b.files);
        let verb = if changed.len() == 1 { "differs" } else { "differ" };
        out.push(format!("{} of {} {verb}: {}", changed.len(), count(all, "file", "files"), told(&changed)));
    }
    let number = |change| diff.entries.iter().filter(|entry| entry.change == change).count();
    for (change, word) in [
        (Change::Added, "added"),
        (Change::Removed, "removed"),
        (Change::Moved, "moved"),
        (Change::Executable, "executable on one side only"),
    ] {
        let number = number(change);
        if number > 0 {
            out.push(format!("{number} {word}"));
        }
    }
    let packing = packing(diff);
    // Where contents differ, nobody asks why the zip file does.
    if !packing.is_empty() && out.is_empty() {
        out.push(format!("the same content, packed otherwise: {}", packing.join(", ")));
    }
    if out.is_empty() {
        out.push("the same bytes".to_owned());
    }
    out
}

/// Whether all of it follows from other entries.
#[must_use]
pub fn follows(entry: &EntryDiff) -> bool {
    matches!(&entry.content, Some(Content::Record(record)) if record.follows())
}

/// What is packed otherwise, each with the number of entries.
#[must_use]
pub fn packing(diff: &Diff) -> Vec<String> {
    let mut whats: BTreeMap<&str, usize> = BTreeMap::new();
    for packing in diff.entries.iter().flat_map(|entry| &entry.packing) {
        *whats.entry(packing.what).or_default() += 1;
    }
    let entries = whats.iter().map(|(what, number)| format!("{what} of {}", count(*number, "file", "files")));
    entries.chain(diff.packing.iter().map(|packing| packing.what.to_owned())).collect()
}

fn names(diff: &Diff) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for name in &diff.names {
        let both = name.value.a.as_deref().zip(name.value.b.as_deref());
        let word = match name.part {
            "distribution" if both.is_some_and(|(a, b)| normalized_name(a) == normalized_name(b)) => {
                "another spelling of the name"
            }
            "distribution" => "another name",
            "version" if both.is_some_and(|(a, b)| same_version(a, b)) => "another spelling of the version",
            "version" => "another version",
            "build" => "another build number",
            "python" | "abi" | "platform" => "other tags",
            _ => continue,
        };
        if words.last() != Some(&word) {
            words.push(word);
        }
    }
    if words.is_empty() && !diff.names.is_empty() {
        words.push("another spelling of folders");
    }
    (!words.is_empty()).then(|| list(&words))
}

/// Files that changed, by what they are and in what they differ.
fn told(changed: &[&EntryDiff]) -> String {
    // Keyed by rank, so that libraries stand first.
    let mut groups: BTreeMap<(u8, [&str; 2], String), usize> = BTreeMap::new();
    for entry in changed {
        let (rank, kind, how) = match &entry.content {
            Some(Content::Elf(elf)) => (0, ["library", "libraries"], brief(elf)),
            Some(Content::Library(_)) => (1, ["static library", "static libraries"], String::new()),
            Some(Content::Wheel(diff)) => (3, ["WHEEL", "WHEEL"], headers(diff)),
            Some(Content::Metadata(diff)) => (2, ["METADATA", "METADATA"], headers(diff)),
            Some(Content::Record(diff)) => {
                let how = if diff.rows.is_empty() { "in form only" } else { "in rows of its own" };
                (4, ["RECORD", "RECORD"], how.to_owned())
            }
            Some(Content::Text(_)) => (5, ["text", "texts"], String::new()),
            Some(Content::Binary(_)) | None => (6, ["binary file", "binary files"], String::new()),
            Some(Content::Unread(_)) => (7, ["unreadable file", "unreadable files"], String::new()),
        };
        *groups.entry((rank, kind, how)).or_default() += 1;
    }
    let group = |((_, kind, how), number): (&(u8, [&str; 2], String), &usize)| {
        let what = if kind[0].chars().all(char::is_uppercase) {
            kind[0].to_owned()
        } else {
            count(*number, kind[0], kind[1])
        };
        if how.is_empty() { what } else { format!("{what} {how}") }
    };
    groups.iter().map(group).collect::<Vec<_>>().join(", ")
}

/// In what an ELF file differs, in few words: the rest matters less where the code is another.
fn brief(diff: &ElfDiff) -> String {
    match diff.aspects.iter().find(|aspect| aspect.is_run()) {
        Some(aspect) => format!("in {}", aspect.name()),
        None => elf(diff),
    }
}

/// In what an ELF file differs.
#[must_use]
pub fn elf(diff: &ElfDiff) -> String {
    let minor = |aspect: Aspect| {
        matches!(
            aspect,
            Aspect::Data
                | Aspect::Debug
                | Aspect::SymbolTable
                | Aspect::BuildId
                | Aspect::Comment
                | Aspect::Layout
                | Aspect::Other
        )
    };
    let names = |keep: &dyn Fn(Aspect) -> bool| -> Vec<&str> {
        diff.aspects.iter().copied().filter(|aspect| keep(*aspect)).map(Aspect::name).collect()
    };
    if diff.same_code() {
        format!("only in {}", list(&names(&|_| true)))
    } else {
        format!("in {}", list(&names(&|aspect| !minor(aspect))))
    }
}

fn headers(diff: &HeadersDiff) -> String {
    const SOME: usize = 4;
    let mut words: Vec<&str> = diff.headers.iter().map(|header| header.name.as_str()).collect();
    let others = count(words.len().saturating_sub(SOME), "other header", "other headers");
    if words.len() > SOME + 1 {
        words.truncate(SOME);
        words.push(&others);
    }
    if diff.body.is_some() {
        words.push("the body");
    }
    if words.is_empty() { "in form only".to_owned() } else { format!("in {}", list(&words)) }
}

/// `a`, `a and b`, `a, b and c`.
fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
