//! Texts line by line: a unified diff, bound in time and in length.

use std::collections::HashMap;

use diffy::{DiffOptions, Line};
use serde::Serialize;

/// Lines on both sides, without those that are the same at the beginning and at the end, that are aligned. The time goes
/// with the square of it.
const MOST: usize = 8_000;
/// Lines around a difference.
const CONTEXT: usize = 2;

/// How two texts differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TextDiff {
    /// How many lines only the first has.
    pub removed: usize,
    /// How many lines only the second has.
    pub added: usize,
    /// The line ends of both, if nothing but line ends differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_ends: Option<super::Sides<&'static str>>,
    /// The places that differ; none if there is too much to align.
    pub hunks: Vec<Hunk>,
    /// Lines of the places that were left out.
    pub left_out: usize,
}

/// A place where two texts differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// Its first line in each, from 1 on.
    pub at: super::Sides<usize>,
    /// Its lines: ` ` in both, `-` in the first, `+` in the second.
    pub lines: Vec<String>,
}

/// Compares two texts; keeps `limit` lines of what differs.
#[must_use]
pub fn compare(a: &str, b: &str, limit: usize) -> TextDiff {
    let ends = |text: &str| match (text.contains("\r\n"), text.replace("\r\n", "").contains('\n')) {
        (true, true) => "mixed",
        (true, false) => "CRLF",
        (false, _) => "LF",
    };
    if a != b && a.replace("\r\n", "\n") == b.replace("\r\n", "\n") {
        let line_ends = Some(super::Sides { a: ends(a), b: ends(b) });
        return TextDiff { line_ends, ..TextDiff::default() };
    }
    let lines = |text| -> Vec<&str> { str::split_inclusive(text, '\n').collect() };
    let (all_a, all_b) = (lines(a), lines(b));
    let head = all_a.iter().zip(&all_b).take_while(|(one, other)| one == other).count();
    let tail = all_a[head..].iter().rev().zip(all_b[head..].iter().rev());
    let tail = tail.take_while(|(one, other)| one == other).count();
    let (middle_a, middle_b) = (&all_a[head..all_a.len() - tail], &all_b[head..all_b.len() - tail]);
    if middle_a.len() + middle_b.len() > MOST {
        let (removed, added) = count(middle_a, middle_b);
        return TextDiff { removed, added, left_out: removed + added, ..TextDiff::default() };
    }
    // Lines around what differs belong to what is shown.
    let before = head.saturating_sub(CONTEXT);
    let part = |all: &[&str]| all[before..(all.len() - tail + CONTEXT.min(tail)).max(before)].concat();
    let (part_a, part_b) = (part(&all_a), part(&all_b));
    let patch = {
        let mut options = DiffOptions::new();
        options.set_context_len(CONTEXT);
        options.create_patch(&part_a, &part_b)
    };
    let mut out = TextDiff::default();
    let mut kept = 0;
    for hunk in patch.hunks() {
        let at = |range: diffy::HunkRange| before + range.start();
        let mut shown =
            Hunk { at: super::Sides { a: at(hunk.old_range()), b: at(hunk.new_range()) }, lines: Vec::new() };
        for line in hunk.lines() {
            let (sign, text) = match line {
                Line::Context(text) => (' ', text),
                Line::Delete(text) => ('-', text),
                Line::Insert(text) => ('+', text),
            };
            out.removed += usize::from(sign == '-');
            out.added += usize::from(sign == '+');
            if kept < limit {
                kept += 1;
                let end = if text.ends_with('\n') { "" } else { "  (no line end)" };
                let text = text.strip_suffix('\n').unwrap_or(text);
                shown.lines.push(format!("{sign}{text}{end}"));
            } else {
                out.left_out += 1;
            }
        }
        if !shown.lines.is_empty() {
            out.hunks.push(shown);
        }
    }
    out
}

/// How many lines only one of them has, in whatever order.
fn count(a: &[&str], b: &[&str]) -> (usize, usize) {
    let mut lines: HashMap<&str, isize> = HashMap::new();
    for line in a {
        *lines.entry(line).or_default() += 1;
    }
    for line in b {
        *lines.entry(line).or_default() -= 1;
    }
    let sum = |sign: isize| lines.values().map(|n| usize::try_from(n * sign).unwrap_or(0)).sum();
    (sum(1), sum(-1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let text = |middle: &str| format!("{}{middle}\n{}", "same\n".repeat(50), "rest\n".repeat(50));
        let told = compare(&text("one"), &text("two"), 99);
        assert_eq!((told.removed, told.added, told.left_out), (1, 1, 0));
        assert_eq!(told.hunks[0].lines, [" same", " same", "-one", "+two", " rest", " rest"]);
        assert_eq!(told.hunks[0].at, super::super::Sides { a: 49, b: 49 });
    }

    #[test]
    fn other_line_ends_are_no_other_lines() {
        let told = compare("a\nb\n", "a\r\nb\r\n", 9);
        assert_eq!(told.line_ends, Some(super::super::Sides { a: "LF", b: "CRLF" }));
        assert_eq!((told.removed, told.added), (0, 0));
    }

    #[test]
    fn a_lost_line_end_is_shown() {
        let told = compare("a\n", "a", 9);
        assert_eq!(told.hunks[0].lines, ["-a", "+a  (no line end)"]);
    }

    #[test]
    fn what_is_too_much_to_align_is_counted() {
        let numbers: Vec<String> = (0..9_000).map(|n| n.to_string()).collect();
        let a = numbers.join("\n") + "\n";
        let b = numbers.iter().rev().map(String::as_str).collect::<Vec<_>>().join("\n") + "\n";
        let told = compare(&a, &format!("{b}x\n"), 9);
        assert_eq!((told.removed, told.added, told.hunks.len()), (0, 1, 0));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_all_that_differs(a in "([ab]\n?){0,12}", b in "([ab]\n?){0,12}") {
            let told = compare(&a, &b, usize::MAX);
            let lines = |text: &str| text.split_inclusive('\n').count();
            prop_assert_eq!(lines(&a) + told.added, lines(&b) + told.removed);
            prop_assert_eq!(told.hunks.is_empty(), a == b);
            let none = compare(&a, &b, 0);
            let shown: usize = told.hunks.iter().map(|hunk| hunk.lines.len()).sum();
            prop_assert_eq!(none.left_out, shown);
        }
    }
}
