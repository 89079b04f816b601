//! RECORD beyond what follows from the entries: a row that is there on one side only although its file is on both, a
//! hash or size that is another although the content is the same, or the same although the content is another; order,
//! line ends.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::Sides;
use crate::wheel::record::Record;

/// How two RECORDs differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordDiff {
    /// Rows that do not follow from the entries.
    pub rows: Vec<RowDiff>,
    /// The rows of files that are in both stand in another order.
    pub order: bool,
    /// Line ends of both, if they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_ends: Option<Sides<&'static str>>,
    /// Nothing of these, and no file differs: quotes, say.
    pub form: bool,
}

/// A row that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDiff {
    /// The file, as the first names it, else as the second does.
    pub path: String,
    /// Its hash and size as they stand there; `None` without a row.
    pub row: Sides<Option<String>>,
    /// Why it is told.
    pub why: &'static str,
}

impl RecordDiff {
    /// Whether all follows from the entries.
    #[must_use]
    pub fn follows(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of a file that is on both sides.
pub(super) struct Both<'b> {
    pub(super) path: Sides<&'b str>,
    /// The content is the same.
    pub(super) same: bool,
}

/// Compares two RECORDs. `both` are the files that are on both sides, `single` those of one; a row of no file is told
/// unless the other side has it, too. The error says whether the first cannot be read, and why.
pub(super) fn compare(
    a: &[u8],
    b: &[u8],
    both: &[Both<'_>],
    single: &Sides<Vec<&str>>,
) -> Result<RecordDiff, (bool, String)> {
    let read = |bytes, first: bool| Record::parse(bytes).map_err(|what| (first, what));
    let records = [read(a, true)?, read(b, false)?];
    let rows = |record: &Record| {
        let mut rows: HashMap<String, String> = HashMap::new();
        for row in &record.rows {
            let text = format!("{},{}", row.hash, row.size);
            rows.entry(row.path.clone()).and_modify(|all| *all = format!("{all} and {text}")).or_insert(text);
        }
        rows
    };
    let mut of = records.each_ref().map(rows);
    let mut out = RecordDiff::default();
    for file in both {
        let row = Sides { a: of[0].remove(file.path.a), b: of[1].remove(file.path.b) };
        let why = match (&row.a, &row.b) {
            (Some(_), None) | (None, Some(_)) => "one side has no row",
            (Some(one), Some(other)) if file.same && one != other => {
                "the row differs, and the content does not"
            }
            (Some(one), Some(other)) if !file.same && one == other => {
                "the content differs, and the row does not"
            }
            (Some(one), Some(other)) if kind(one) != kind(other) => "the kind of hash differs",
            _ => continue,
        };
        out.rows.push(RowDiff { path: file.path.a.to_owned(), row, why });
    }
    // What is left has no file, or one on one side only, from which its row follows.
    let [left_a, left_b] = &mut of;
    for path in &single.a {
        left_a.remove(*path);
    }
    for path in &single.b {
        left_b.remove(*path);
    }
    let mut paths: Vec<String> = left_a.keys().chain(left_b.keys()).cloned().collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let row = Sides { a: left_a.remove(&path), b: left_b.remove(&path) };
        if row.a != row.b {
            out.rows.push(RowDiff { path, row, why: "there is no such file" });
        }
    }
    out.rows.sort_by(|one, other| one.path.cmp(&other.path));
    let order = |record: &Record, side: fn(&Both<'_>) -> String| -> Vec<usize> {
        let names: HashMap<String, usize> =
            both.iter().enumerate().map(|(at, file)| (side(file), at)).collect();
        record.rows.iter().filter_map(|row| names.get(&row.path).copied()).collect()
    };
    let sequences = [
        order(&records[0], |file| file.path.a.to_owned()),
        order(&records[1], |file| file.path.b.to_owned()),
    ];
    out.order = {
        let sets = &sequences.each_ref().map(|all| all.iter().copied().collect::<HashSet<_>>());
        let common = |at: usize, other: usize| {
            sequences[at].iter().filter(move |number| sets[other].contains(*number))
        };
        !common(0, 1).eq(common(1, 0))
    };
    let ends = [a, b].map(|bytes| if memchr::memmem::find(bytes, b"\r\n").is_some() { "CRLF" } else { "LF" });
    out.line_ends = (ends[0] != ends[1]).then_some(Sides { a: ends[0], b: ends[1] });
    let entries_same = single.a.is_empty()
        && single.b.is_empty()
        && both.iter().all(|file| file.same && file.path.a == file.path.b);
    out.form = out.follows() && entries_same && a != b;
    Ok(out)
}

/// The algorithm of a row's hash, and whether it has a size.
fn kind(row: &str) -> (&str, bool) {
    (row.split_once('=').map_or("", |(algorithm, _)| algorithm), row.ends_with(','))
}
