//! Rules of the files in dist-info, as pure functions: RECORD against the entries, WHEEL and METADATA against their
//! specifications and the file name. The content of other files is not looked at here.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::finding::{Code, Finding};
use super::headers::Headers;
use super::name::{self, WheelName};
use super::record::{Record, Row, hash};
use super::requirement;
use crate::build::pep440::{Version, normalized_name};

/// Hash algorithms with the length of their digests in bytes. Python's `hashlib` knows them all; PEP 427 wants sha256 or
/// better.
const ALGORITHMS: &[(&str, usize)] = &[
    ("sha256", 32),
    ("sha384", 48),
    ("sha512", 64),
    ("sha3_256", 32),
    ("sha3_384", 48),
    ("sha3_512", 64),
    ("blake2b", 64),
    ("blake2s", 32),
];
/// Known, and not allowed.
const WEAK: &[&str] = &["md5", "sha1", "sha224"];

/// The file of dist-info that says what a variant is for.
pub const VARIANT: &str = "variant.json";

/// Whether it is a signature of RECORD, which no row names (PEP 427).
#[must_use]
pub fn is_signature(info: &str, path: &str) -> bool {
    path.strip_prefix(info).is_some_and(|rest| matches!(rest, "/RECORD.jws" | "/RECORD.p7s"))
}

/// RECORD against the entries: `files` are their names and sizes, without folders.
#[must_use]
pub fn record<'a>(
    record: &Record,
    info: &str,
    files: impl Iterator<Item = (&'a str, u64)> + Clone,
) -> Vec<Finding> {
    let own = format!("{info}/RECORD");
    let sizes: HashMap<&str, u64> = files.clone().collect();
    let mut rows: HashMap<&str, &Row> = HashMap::with_capacity(record.rows.len());
    let mut found = Vec::new();
    for row in &record.rows {
        let path = row.path.as_bytes();
        match rows.entry(&row.path) {
            Entry::Vacant(free) => drop(free.insert(row)),
            Entry::Occupied(first) if agree(first.get(), row) => {
                found.push(Finding::of(Code::RecordDuplicateRow, path, "has two rows in RECORD"));
            }
            Entry::Occupied(_) => {
                let what = "has two rows in RECORD, which say different things";
                found.push(Finding::of(Code::RecordRowsConflict, path, what));
            }
        }
        if is_signature(info, &row.path) {
            continue;
        }
        match sizes.get(&*row.path) {
            None => found.push(Finding::of(Code::RecordExtraRow, path, "is in RECORD, and not in the wheel")),
            Some(_) if row.path == own => {
                if !row.hash.is_empty() || !row.size.is_empty() {
                    let what = "has a hash or a size of itself";
                    found.push(Finding::of(Code::RecordSelfHashed, path, what));
                }
            }
            Some(size) => self::row(row, *size, &mut found),
        }
    }
    let unlisted = |path: &&str| !rows.contains_key(path) && *path != own && !is_signature(info, path);
    for path in files.map(|(path, _)| path).filter(unlisted) {
        found.push(Finding::of(Code::RecordMissingRow, path.as_bytes(), "is not in RECORD"));
    }
    found.sort_by(|a, b| (&a.member, a.code).cmp(&(&b.member, b.code)));
    found.dedup();
    found
}

/// Whether two rows of one file say nothing different.
#[must_use]
pub fn agree(one: &Row, other: &Row) -> bool {
    let agree = |one: &str, other: &str| one == other || one.is_empty() || other.is_empty();
    agree(&one.hash, &other.hash) && agree(&one.size, &other.size)
}

/// A hash as RECORD spells it, if it is one that is spelled in another way.
#[must_use]
pub fn respelled(hash: &str) -> Option<String> {
    let (algorithm, digest) = hash.split_once('=')?;
    let length = ALGORITHMS.iter().find(|known| known.0 == algorithm)?.1;
    let plain = hash::respelled(digest, length).filter(|plain| plain != digest)?;
    Some(format!("{algorithm}={plain}"))
}

/// One row against the size of its file.
fn row(row: &Row, size: u64, found: &mut Vec<Finding>) {
    let mut find = |code, what: String| found.push(Finding::of(code, row.path.as_bytes(), what));
    let odd = || format!("has the hash `{}`", row.hash.escape_debug());
    match row.hash.split_once('=') {
        _ if row.hash.is_empty() => find(Code::RecordNoHash, "has no hash in RECORD".to_owned()),
        Some((algorithm, _)) if WEAK.contains(&algorithm) => {
            find(Code::RecordWeakHash, format!("has a hash by {algorithm}"));
        }
        Some((algorithm, digest))
            if ALGORITHMS.iter().any(|known| known.0 == algorithm && hash::is_digest(digest, known.1)) => {}
        _ if respelled(&row.hash).is_some() => find(Code::RecordHashSpelling, odd()),
        _ => find(Code::RecordHashSyntax, odd()),
    }
    // The size may be left out.
    if !row.size.is_empty() && row.size.parse() != Ok(size) {
        let stated = row.size.escape_debug();
        find(Code::RecordSizeMismatch, format!("has {size} bytes, and RECORD says {stated}"));
    }
}

/// A file of dist-info that ends its lines as Windows does.
#[must_use]
pub fn line_ends(bytes: &[u8], info: &str, name: &str) -> Option<Finding> {
    let crlf = memchr::memmem::find(bytes, b"\r\n").is_some();
    let path = format!("{info}/{name}");
    crlf.then(|| Finding::of(Code::Crlf, path.as_bytes(), "ends its lines by CRLF"))
}

/// variant.json (PEP 825, a draft), if it is there, against the label of the file name.
#[must_use]
pub fn variant(json: Option<&[u8]>, name: &WheelName, info: &str) -> Option<Finding> {
    let labels = json.map(|json| {
        let json: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        json["variants"].as_object().map(|all| all.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
    });
    let what = match (&name.variant, labels) {
        (None, None) => return None,
        (Some(label), Some(labels)) if labels == [label.clone()] => return None,
        (Some(label), None) => format!("is not there, and the file name has the variant label `{label}`"),
        (label, Some(labels)) => format!(
            "is of {}, and the file name has {}",
            if labels.is_empty() { "no variant".to_owned() } else { format!("`{}`", labels.join("`, `")) },
            label
                .as_ref()
                .map_or("no variant label".to_owned(), |label| format!("the variant label `{label}`")),
        ),
    };
    Some(Finding::of(Code::VariantDisagrees, format!("{info}/{VARIANT}").as_bytes(), what))
}

/// WHEEL against its specification and the file name.
#[must_use]
pub fn wheel(headers: &Headers, name: &WheelName, info: &str) -> Vec<Finding> {
    let path = format!("{info}/WHEEL");
    let mut found = Vec::new();
    let mut find = |code, what: String| found.push(Finding::of(code, path.as_bytes(), what));
    let versions: Vec<String> = headers.all("Wheel-Version").collect();
    match &versions[..] {
        [one] if one.split_once('.').is_some_and(|(major, minor)| major == "1" && digits(minor)) => {}
        [one] => find(Code::WheelVersion, format!("has the Wheel-Version `{}`", one.escape_debug())),
        other => find(Code::WheelVersion, format!("has {} Wheel-Version headers", other.len())),
    }
    let purelib: Vec<String> = headers.all("Root-Is-Purelib").collect();
    match &purelib[..] {
        [one] if ["true", "false"].iter().any(|word| one.eq_ignore_ascii_case(word)) => {}
        [one] => find(Code::WheelPurelib, format!("has the Root-Is-Purelib `{}`", one.escape_debug())),
        other => find(Code::WheelPurelib, format!("has {} Root-Is-Purelib headers", other.len())),
    }
    tags(headers, name, &mut find);
    let builds: Vec<String> = headers.all("Build").collect();
    if builds.len() > 1 || builds.first() != name.build.as_ref() {
        let inside = builds.join(", ");
        let outside = name.build.as_deref().unwrap_or_default();
        find(
            Code::WheelBuildDisagrees,
            format!("has the build number `{inside}`, and the file name has `{outside}`"),
        );
    }
    found
}

/// The tags of WHEEL against those of the file name. As `wheel tags` does, the sets are compared; that combinations are
/// left out is told apart.
fn tags(headers: &Headers, name: &WheelName, find: &mut impl FnMut(Code, String)) {
    let mut inside: [BTreeSet<String>; 3] = Default::default();
    let mut combinations = BTreeSet::new();
    let mut compressed = false;
    for tag in headers.all("Tag") {
        let parts: Vec<&str> = tag.split('-').collect();
        let [python, abi, platform] = parts[..] else {
            return find(Code::WheelTagSyntax, format!("has the tag `{}`", tag.escape_debug()));
        };
        let sets =
            [(python, "Python"), (abi, "ABI"), (platform, "platform")].map(|(t, what)| name::set(t, what));
        let [Ok(python), Ok(abi), Ok(platform)] = sets else {
            return find(Code::WheelTagSyntax, format!("has the tag `{}`", tag.escape_debug()));
        };
        let tags = name::Tags { python, abi, platform };
        compressed |= tags.expanded().count() > 1;
        combinations.extend(tags.expanded());
        for (set, more) in inside.iter_mut().zip([tags.python, tags.abi, tags.platform]) {
            set.extend(more);
        }
    }
    let outside = [&name.tags.python, &name.tags.abi, &name.tags.platform];
    let same = inside.iter().zip(outside).all(|(inside, outside)| {
        inside.len() == outside.len() && outside.iter().all(|tag| inside.contains(tag))
    });
    if !same {
        let inside = inside.map(|set| set.into_iter().collect::<Vec<_>>().join("."));
        let inside = inside.join("-");
        find(Code::WheelTagsDisagree, format!("has the tags {inside}, and the file name has {}", name.tags));
    } else if compressed || name.tags.expanded().any(|tag| !combinations.contains(&tag)) {
        find(Code::WheelTagsUnexpanded, "does not list each combination of the file name's tags".to_owned());
    }
}

/// Versions of core metadata.
const METADATA_VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5"];

/// METADATA against its specification and the file name.
#[must_use]
pub fn metadata(headers: &Headers, wheel: &WheelName, info: &str) -> Vec<Finding> {
    let path = format!("{info}/METADATA");
    let mut found = Vec::new();
    let mut find = |code, what: String| found.push(Finding::of(code, path.as_bytes(), what));
    let mut once = |name: &str, code, sound: &dyn Fn(&str) -> bool| {
        let values: Vec<String> = headers.all(name).collect();
        match &values[..] {
            [one] if sound(one) => {}
            [one] => find(code, format!("has the {name} `{}`", one.escape_debug())),
            other => find(code, format!("has {} {name} headers", other.len())),
        }
    };
    once("Metadata-Version", Code::MetadataVersion, &|value| METADATA_VERSIONS.contains(&value));
    once("Name", Code::MetadataName, &|value| {
        requirement::check_name(value).is_ok()
            && normalized_name(value) == normalized_name(&wheel.distribution)
    });
    once("Version", Code::MetadataRelease, &|value| {
        Version::parse(value).is_some() && name::same_version(value, &wheel.version)
    });
    for value in headers.all("Requires-Dist") {
        if let Err(what) = requirement::check(&value) {
            find(Code::MetadataRequires, what);
        }
    }
    found
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
