//! Finds a text in the begin lines of a record without taking these apart: a question about one argument in a
//! hundred megabytes.

use std::collections::BTreeMap;

use memchr::memmem::Finder;

use super::detail::Edit;
use super::log::{Call, Log};
use super::text::Text;
use crate::error::{IoContext, Result};

/// What is looked for.
pub struct Scan<'s> {
    /// What an argument must be.
    pub fits: &'s (dyn Fn(&[u8]) -> bool + Sync),
    /// The text as JSON holds it: with both quotes, or without the last one.
    pub needle: &'s [u8],
    /// Whether the arguments that fit are to be told.
    pub spelled: bool,
}

/// A field of a begin line in which an argument can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Arguments as received.
    Argv,
    /// The same with response files read in.
    Expanded,
    /// Arguments as run.
    Run,
    /// Changes and notes.
    Edits,
}

/// In which fields of a line the text stands, which of them the line has, and what stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    found: [bool; 4],
    /// Response files were read in.
    pub expanded: bool,
    /// What ran is not what was received.
    pub run: bool,
    /// The edits, if the text stands in one of them.
    pub edits: Vec<Edit>,
    /// Variables that hold it as a word.
    pub variables: Vec<String>,
    /// Arguments as given that fit, if they are asked for.
    pub spelled: Vec<Text>,
}

impl Hits {
    /// Whether it stands there.
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        self.found[place as usize]
    }
}

/// So much of the file is read at once.
const BLOCK: usize = 4 << 20;

impl Log {
    /// Calls whose begin line holds the text, by start, and where.
    pub fn scan(&self, scan: &Scan<'_>) -> Result<Vec<(&Call, Hits)>> {
        let mut places: Vec<&Call> = self.calls.iter().collect();
        places.sort_unstable_by_key(|call| call.begin_line.0);
        let half = places.len().div_ceil(2).max(1);
        let parts: Vec<Result<Vec<(&Call, Hits)>>> = std::thread::scope(|threads| {
            let running: Vec<_> =
                places.chunks(half).map(|calls| threads.spawn(move || self.scan_part(calls, scan))).collect();
            running
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut found: Vec<(&Call, Hits)> =
            parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        found.sort_by(|(a, _), (b, _)| (a.start, &a.id).cmp(&(b.start, &b.id)));
        Ok(found)
    }

    /// The same of some calls, in the order of the file.
    fn scan_part<'l>(&self, calls: &[&'l Call], scan: &Scan<'_>) -> Result<Vec<(&'l Call, Hits)>> {
        use std::os::unix::fs::FileExt;
        let needle = Finder::new(scan.needle);
        let lists = Finder::new(LIST);
        let mut found = Vec::new();
        let mut block = Vec::new();
        let mut rest = calls;
        while let Some(first) = rest.first() {
            // As many lines as fit, and at least one.
            let from = first.begin_line.0;
            let end = |call: &Call| call.begin_line.0 + call.begin_line.1 as u64;
            let count = rest.partition_point(|call| end(call) - from <= BLOCK as u64).max(1);
            let (now, later) = rest.split_at(count);
            let length =
                usize::try_from(now.last().map_or(from, |last| end(last)) - from).unwrap_or(usize::MAX);
            block.resize(length, 0);
            self.file.read_exact_at(&mut block, from).context("cannot read the record", &self.path)?;
            for call in now {
                let at = usize::try_from(call.begin_line.0 - from).unwrap_or(usize::MAX);
                let line = &block[at..at + call.begin_line.1];
                if let Some(hits) = look(line, scan, &needle, &lists) {
                    found.push((*call, hits));
                }
            }
            rest = later;
        }
        Ok(found)
    }
}

/// What stands between the name of a field and its list. The quotes of a key cannot stand inside of a string, where
/// they would be escaped.
const LIST: &[u8] = b"\":[";

/// Fields that are lists, by the end of their key; those in which no argument stands have no place.
const FIELDS: [(&[u8], Option<Place>); 10] = [
    (b",\"argv", Some(Place::Argv)),
    (b",\"expanded", Some(Place::Expanded)),
    (b",\"run", Some(Place::Run)),
    (b",\"edits", Some(Place::Edits)),
    (b",\"in", None),
    (b",\"out", None),
    (b",\"lang", None),
    (b",\"files", None),
    (b",\"seen", None),
    (b",\"libs", None),
];

/// Where in a line the text stands.
fn look(line: &[u8], scan: &Scan<'_>, needle: &Finder<'_>, lists: &Finder<'_>) -> Option<Hits> {
    needle.find(line)?;
    // Where each field begins, in their order.
    let mut fields: Vec<(usize, Option<Place>)> = Vec::with_capacity(12);
    for at in lists.find_iter(line) {
        let known = FIELDS.iter().find(|(key, _)| line[..at].ends_with(key));
        fields.extend(known.map(|(_, place)| (at, *place)));
    }
    let mut env = None;
    let behind = fields.last().map_or(0, |(at, _)| *at);
    for key in [ENV, b",\"disp\":\""] {
        // An allowed variable has no such name.
        let at = memchr::memmem::find(&line[behind..], key).map(|at| behind + at);
        // Behind the lists is where the shim writes them.
        if let Some(at) = at.or_else(|| memchr::memmem::find(line, key)) {
            env = env.or((key == ENV).then_some(at));
            fields.push((at, None));
        }
    }
    fields.sort_unstable_by_key(|(at, _)| *at);
    let has = |place: Place| fields.iter().find(|(_, known)| *known == Some(place)).map(|(at, _)| *at);
    let mut hits =
        Hits { expanded: has(Place::Expanded).is_some(), run: has(Place::Run).is_some(), ..Hits::default() };
    let given = if hits.expanded { Place::Expanded } else { Place::Argv };
    for at in needle.find_iter(line) {
        let before = fields.partition_point(|(start, _)| *start < at);
        let Some((_, Some(place))) = before.checked_sub(1).map(|field| fields[field]) else { continue };
        hits.found[place as usize] = true;
        if scan.spelled && place == given {
            hits.spelled.extend(value::<Text>(&line[at..]).filter(|text| (scan.fits)(text.bytes())));
        }
    }
    if let Some(start) = has(Place::Edits).filter(|_| hits.has(Place::Edits)) {
        hits.edits = value(&line[start + LIST.len() - 1..]).unwrap_or_default();
    }
    if let Some(start) = env.filter(|_| hits.has(given)) {
        let env: BTreeMap<String, Text> = value(&line[start + ENV.len() - 1..]).unwrap_or_default();
        let holds = |value: &Text| value.bytes().split(u8::is_ascii_whitespace).any(|word| (scan.fits)(word));
        hits.variables = env.into_iter().filter(|(_, value)| holds(value)).map(|(name, _)| name).collect();
    }
    hits.found.contains(&true).then_some(hits)
}

/// How the variables begin.
const ENV: &[u8] = b",\"env\":{";

/// The value at the start of a text, whatever follows it.
fn value<T: serde::de::DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::Deserializer::from_slice(text).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(line: &str, needle: &str) -> Option<Vec<Place>> {
        let scan = Scan { fits: &|arg| arg == b"-v", needle: needle.as_bytes(), spelled: false };
        let hits = look(line.as_bytes(), &scan, &Finder::new(needle), &Finder::new(LIST))?;
        let all = [Place::Argv, Place::Expanded, Place::Run, Place::Edits];
        Some(all.into_iter().filter(|place| hits.has(*place)).collect())
    }

    #[test]
    fn a_text_is_found_in_the_field_that_it_stands_in() {
        let line = r#"{"ev":"begin","in":["-a"],"argv":["cc","-b","-c"],"run":["/cc","-c"],"edits":[{"rule":"-e","before":["-b"],"after":[]}],"env":{"X":"-v"},"disp":"-d"}"#;
        for (needle, expected) in [
            (r#""-a""#, None),
            (r#""-b""#, Some(vec![Place::Argv, Place::Edits])),
            (r#""-c""#, Some(vec![Place::Argv, Place::Run])),
            (r#""-v""#, None),
            (r#""-d""#, None),
            (r#""-"#, Some(vec![Place::Argv, Place::Run, Place::Edits])),
        ] {
            assert_eq!(places(line, needle), expected, "{needle}");
        }
    }

    #[test]
    fn a_key_inside_of_an_argument_is_no_key() {
        let line = r#"{"ev":"begin","argv":["cc","x,\"run\":[","-b"],"disp":""}"#;
        assert_eq!(places(line, r#""-b""#), Some(vec![Place::Argv]));
    }
}
