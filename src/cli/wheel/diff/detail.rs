//! How the content of one file differs, below the line that names it.

use std::io::{self, Write};

use super::super::super::out::{self, DIM, GREEN, RED};
use crate::wheel::diff::EntryDiff;
use crate::wheel::diff::ar::ArDiff;
use crate::wheel::diff::content::Content;
use crate::wheel::diff::headers::HeadersDiff;
use crate::wheel::diff::rows::RecordDiff;
use crate::wheel::diff::text::TextDiff;

/// Values longer than this are cut, in characters.
const LONG: usize = 160;
/// Lists up to this many characters stand in a line.
const LINE: usize = 100;

/// Ends the line of an entry, and tells the rest below.
pub(super) fn content(to: &mut dyn Write, entry: &EntryDiff, limit: usize) -> io::Result<()> {
    match &entry.content {
        None => writeln!(to),
        Some(Content::Wheel(diff) | Content::Metadata(diff)) => headers(to, diff, limit),
        Some(Content::Record(diff)) => record(to, diff, limit),
        Some(Content::Text(diff)) => text(to, diff, limit),
        Some(Content::Elf(diff)) => super::elf::show(to, diff, limit),
        Some(Content::Library(diff)) => library(to, diff, limit),
        Some(Content::Binary(diff)) => match diff.first {
            Some(first) => writeln!(to, "  binary, from byte {} on", out::count(first)),
            None => writeln!(to, "  binary, one is the beginning of the other"),
        },
        Some(Content::Unread(unread)) => writeln!(to, "  not compared: {}", plain(&unread.why)),
    }
}

fn headers(to: &mut dyn Write, diff: &HeadersDiff, limit: usize) -> io::Result<()> {
    writeln!(to, "{}", if diff.form { "  the same headers in another form" } else { "" })?;
    for header in &diff.headers {
        let name = plain(&header.name);
        for value in header.changed.iter().take(limit) {
            if value.spelling {
                let both = (cut(&value.value.a), cut(&value.value.b));
                writeln!(to, "    {name}  {DIM}spelled otherwise:{DIM:#} {} → {}", both.0, both.1)?;
            } else {
                sides(to, &name, Some(&value.value.a), Some(&value.value.b))?;
            }
        }
        more(to, header.changed.len(), limit)?;
        lists(to, &name, &header.removed, &header.added, limit)?;
    }
    match &diff.body {
        Some(body) => {
            write!(to, "    body")?;
            text(to, body, limit)
        }
        None => Ok(()),
    }
}

fn record(to: &mut dyn Write, diff: &RecordDiff, limit: usize) -> io::Result<()> {
    let mut words = Vec::new();
    if diff.follows() {
        words.push("follows from the files".to_owned());
    }
    if diff.order {
        words.push("rows in another order".to_owned());
    }
    if let Some(ends) = &diff.line_ends {
        words.push(format!("line ends {} → {}", ends.a, ends.b));
    }
    if diff.form {
        words.push("the same rows in another form".to_owned());
    }
    writeln!(to, "  {}", words.join(", "))?;
    for row in diff.rows.iter().take(limit) {
        writeln!(to, "    {}  {}", super::super::super::quote(row.path.as_bytes()), row.why)?;
        sides(to, "  row", row.row.a.as_deref(), row.row.b.as_deref())?;
    }
    more(to, diff.rows.len(), limit)
}

fn text(to: &mut dyn Write, diff: &TextDiff, limit: usize) -> io::Result<()> {
    let shown = |line: &str| if limit == usize::MAX { plain(line) } else { cut(line) };
    if let Some(ends) = &diff.line_ends {
        return writeln!(to, "  only line ends: {} → {}", ends.a, ends.b);
    }
    writeln!(to, "  {RED}-{}{RED:#} {GREEN}+{}{GREEN:#} lines", diff.removed, diff.added)?;
    for hunk in &diff.hunks {
        writeln!(to, "    {DIM}@@ {} → {} @@{DIM:#}", hunk.at.a, hunk.at.b)?;
        for line in &hunk.lines {
            let style = match line.as_bytes().first() {
                Some(b'-') => RED,
                Some(b'+') => GREEN,
                _ => anstyle::Style::new(),
            };
            writeln!(to, "    {style}{}{style:#}", shown(line))?;
        }
    }
    if diff.left_out > 0 {
        let left = out::counted(diff.left_out, "line");
        let how = if diff.hunks.is_empty() && diff.left_out == diff.removed + diff.added {
            "too many to be aligned"
        } else {
            "--full shows them"
        };
        writeln!(to, "    {DIM}{left} more: {how}{DIM:#}")?;
    }
    Ok(())
}

fn library(to: &mut dyn Write, diff: &ArDiff, limit: usize) -> io::Result<()> {
    let mut words = Vec::new();
    if diff.order {
        words.push("members in another order".to_owned());
    }
    if !diff.dated.is_empty() {
        words.push(format!("dates, owners or modes of {}", out::counted(diff.dated.len(), "member")));
    }
    if diff.form {
        words.push("the same members; the index or the form differs".to_owned());
    }
    writeln!(to, "  {}", words.join(", "))?;
    lists(to, "members", &diff.removed, &diff.added, limit)?;
    for member in diff.changed.iter().take(limit) {
        let aspects: Vec<_> = member.aspects.iter().map(|aspect| aspect.name()).collect();
        let (a, b) = (out::count(member.size.a), out::count(member.size.b));
        let size = if a == b { a } else { format!("{a} → {b}") };
        writeln!(to, "    {}  {DIM}{size} bytes{DIM:#}  {}", plain(&member.name), aspects.join(", "))?;
    }
    more(to, diff.changed.len(), limit)
}

/// A value of each side, the one that is not there left out.
pub(super) fn sides(to: &mut dyn Write, what: &str, a: Option<&str>, b: Option<&str>) -> io::Result<()> {
    write!(to, "    {what}")?;
    if let Some(a) = a {
        write!(to, "  {RED}- {}{RED:#}", cut(a))?;
    }
    if let Some(b) = b {
        write!(to, "  {GREEN}+ {}{GREEN:#}", cut(b))?;
    }
    writeln!(to)
}

/// Values that only one side has: few in a line, many below each other.
pub(super) fn lists(
    to: &mut dyn Write,
    what: &str,
    removed: &[String],
    added: &[String],
    limit: usize,
) -> io::Result<()> {
    let length = |values: &[String]| values.iter().map(|value| value.chars().count() + 2).sum::<usize>();
    let short = removed.len().max(added.len()) <= limit && length(removed) + length(added) <= LINE;
    if short && !(removed.is_empty() && added.is_empty()) {
        let some = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
        return sides(to, what, some(removed).as_deref(), some(added).as_deref());
    }
    for (sign, style, values) in [('-', RED, removed), ('+', GREEN, added)] {
        for value in values.iter().take(limit) {
            writeln!(to, "    {what}  {style}{sign} {}{style:#}", cut(value))?;
        }
        more(to, values.len(), limit)?;
    }
    Ok(())
}

/// Says how many were left out.
pub(super) fn more(to: &mut dyn Write, all: usize, limit: usize) -> io::Result<()> {
    if all > limit {
        writeln!(to, "    {DIM}{} more: --full shows them{DIM:#}", out::count((all - limit) as u64))?;
    }
    Ok(())
}

/// A text that does nothing to a terminal: characters that control it, or the direction of writing, are escaped.
pub(super) fn plain(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\t') || turns(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same, cut where it becomes long.
pub(super) fn cut(text: &str) -> String {
    let shown = plain(text);
    match shown.char_indices().nth(LONG) {
        Some((at, _)) => format!("{}…", &shown[..at]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn terminals_are_not_controlled() {
        assert_eq!(super::plain("a\x1b[31m\r\tb\u{202e}c"), "a\\u{1b}[31m\\r\tb\\u{202e}c");
    }
}
