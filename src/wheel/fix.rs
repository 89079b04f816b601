//! Mending RECORD: hashes that are missing are computed, rows that are missing or too many are put in or taken out.
//!
//! What contradicts the content is never mended: a hash or a size that is not that of its file is evidence that the
//! file was changed, and a mended wheel must not hide it. So all content is read, as `verify` reads it, and RECORD is
//! believed where it speaks. Tags and build numbers of WHEEL are mended by writing it anew from the file name, which is
//! what installers go by.

use std::collections::{HashMap, HashSet};

use super::finding::{Code, Finding, Severity};
use super::name::WheelName;
use super::package::{self, Package};
use super::record::{Record, Row};
use super::{check, verify};

/// Whether a wheel with this fault can be mended.
#[must_use]
pub const fn mends(code: Code) -> bool {
    matches!(
        code,
        Code::RecordMissingRow
            | Code::RecordExtraRow
            | Code::RecordDuplicateRow
            | Code::RecordNoHash
            | Code::RecordHashSpelling
            | Code::RecordSelfHashed
            | Code::WheelTagSyntax
            | Code::WheelTagsDisagree
            | Code::WheelTagsUnexpanded
            | Code::WheelBuildDisagrees
            | Code::Crlf
    )
}

/// RECORD of a wheel that was opened to mend it, with a row and a hash for each file. Fails if the content is not what
/// RECORD says, or not for the tags of `name`, which are those that the wheel is to have.
pub fn record(package: &Package, name: &WheelName) -> Result<Record, Finding> {
    let files = package::files(&package.archive);
    let mut record = complete(&package.record, &package.info, files);
    let read = verify::contents(&package.archive, Some(&record), Some(name));
    let mut faults: Vec<Finding> =
        read.found.into_iter().filter(|finding| finding.severity == Severity::Fault).collect();
    faults.sort_by(|a, b| (&a.member, a.code).cmp(&(&b.member, b.code)));
    if let Some(first) = faults.into_iter().next() {
        return Err(first);
    }
    for row in record.rows.iter_mut().filter(|row| row.hash.is_empty()) {
        if let Some(hash) = read.hashes.get(&row.path) {
            row.hash.clone_from(hash);
        }
    }
    Ok(record)
}

/// A row for each file but RECORD and its signatures, and for nothing else; its hash spelled as it should be, or empty where it has to be computed.
fn complete<'a>(record: &Record, info: &str, files: impl Iterator<Item = (&'a str, u64)> + Clone) -> Record {
    let own = format!("{info}/RECORD");
    let files = files.filter(|(path, _)| *path != own && !check::is_signature(info, path));
    let sizes: HashMap<&str, u64> = files.clone().collect();
    let mut places: HashMap<String, usize> = HashMap::with_capacity(record.rows.len());
    let mut rows: Vec<Row> = Vec::with_capacity(record.rows.len());
    for row in record.rows.iter().filter(|row| sizes.contains_key(&*row.path)) {
        let mut row = row.clone();
        if let Some(plain) = check::respelled(&row.hash) {
            row.hash = plain;
        }
        if let Some(at) = places.get(&row.path) {
            let first = &mut rows[*at];
            for (field, other) in [(&mut first.hash, row.hash), (&mut first.size, row.size)] {
                if field.is_empty() {
                    *field = other;
                }
            }
        } else {
            places.insert(row.path.clone(), rows.len());
            rows.push(row);
        }
    }
    let listed: HashSet<&str> = places.keys().map(String::as_str).collect();
    let unlisted = files.filter(|(path, _)| !listed.contains(path));
    rows.extend(unlisted.map(|(path, _)| Row { path: path.to_owned(), ..Row::default() }));
    for row in rows.iter_mut().filter(|row| row.hash.is_empty() && row.size.is_empty()) {
        row.size = sizes.get(&*row.path).map(u64::to_string).unwrap_or_default();
    }
    Record { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_one_row_in_the_order_of_record_then_of_the_wheel() {
        let hex = format!("sha256={}", "0".repeat(64));
        let plain = format!("sha256={}", "A".repeat(43));
        let text = format!("b,{hex},2\na,,\ngone,{plain},1\na,{plain},\nd-1.dist-info/RECORD,,7\n");
        let record = Record::parse(text.as_bytes()).unwrap();
        let files =
            [("a", 1), ("new", 3), ("b", 2), ("d-1.dist-info/RECORD", 9), ("d-1.dist-info/RECORD.jws", 4)];
        let mended = complete(&record, "d-1.dist-info", files.into_iter());
        let rows = format!("b,{plain},2\na,{plain},\nnew,,3\n");
        assert_eq!(String::from_utf8(mended.render()).unwrap(), rows);
    }
}
