//! Finds a text in the begin lines of a record without taking these apart: a question about one argument in a
//! hundred megabytes.

use std::collections::{BTreeMap, HashMap};

use memchr::memmem::Finder;

use crosswheel_shim::plan::Dialect;

use super::asked::{Asked, Spelling};
use super::detail::Edit;
use super::log::{Call, Log};
use super::text::Text;
use crate::error::{IoContext, Result};

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
    /// What of the arguments as given is asked for, each as it is spelled.
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
    /// How the tools of the session read their arguments, by name.
    pub(super) fn dialects(&self) -> HashMap<&str, Option<Dialect>> {
        self.session.tools.iter().map(|tool| (&*tool.name, Dialect::parse(&tool.dialect))).collect()
    }

    /// Calls whose begin line holds what is asked for, by start, and where.
    pub fn scan(&self, asked: &Asked) -> Result<Vec<(&Call, Hits)>> {
        let mut places: Vec<&Call> = self.calls.iter().collect();
        places.sort_unstable_by_key(|call| call.begin_line.0);
        let half = places.len().div_ceil(2).max(1);
        let parts: Vec<Result<Vec<(&Call, Hits)>>> = std::thread::scope(|threads| {
            let running: Vec<_> = places
                .chunks(half)
                .map(|calls| threads.spawn(move || self.scan_part(calls, asked)))
                .collect();
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
    fn scan_part<'l>(&self, calls: &[&'l Call], asked: &Asked) -> Result<Vec<(&'l Call, Hits)>> {
        use std::os::unix::fs::FileExt;
        let scan = Scan::new(asked);
        let dialects = self.dialects();
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
                let dialect = dialects.get(&*call.tool).copied().flatten();
                if let Some(hits) = scan.look(line, dialect) {
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

/// What is looked for, made ready.
struct Scan<'a> {
    asked: &'a Asked,
    needles: Vec<Needle<'a>>,
    lists: Finder<'static>,
}

/// A spelling, and how to find it.
struct Needle<'a> {
    spelling: &'a Spelling,
    finder: Finder<'static>,
    /// How many bytes stand ahead of the argument that counts.
    ahead: usize,
}

impl<'a> Scan<'a> {
    fn new(asked: &'a Asked) -> Self {
        let needle = |spelling: &'a Spelling| Needle {
            spelling,
            finder: Finder::new(&spelling.needle()).into_owned(),
            ahead: spelling.ahead().len(),
        };
        Self { asked, needles: asked.spellings().iter().map(needle).collect(), lists: Finder::new(LIST) }
    }

    /// Where in a line of a tool of this dialect it stands.
    fn look(&self, line: &[u8], dialect: Option<Dialect>) -> Option<Hits> {
        let here = self.needles.iter().filter(|needle| needle.spelling.is_for(dialect));
        let found: Vec<(usize, &Needle<'_>)> =
            here.flat_map(|needle| needle.finder.find_iter(line).map(move |at| (at, needle))).collect();
        if found.is_empty() {
            return None;
        }
        let fields = Fields::of(line, &self.lists);
        let has = |place: Place| fields.start(place).is_some();
        let mut hits = Hits { expanded: has(Place::Expanded), run: has(Place::Run), ..Hits::default() };
        let given = if hits.expanded { Place::Expanded } else { Place::Argv };
        for (at, needle) in found {
            // A quote that is escaped is inside of an argument.
            let Some(place) = fields.at(at).filter(|_| at > 0 && line[at - 1] != b'\\') else { continue };
            hits.found[place as usize] = true;
            if place == given
                && let Some(text) = value::<Text>(&line[at + needle.ahead..])
            {
                hits.spelled.extend(match needle.ahead {
                    // With its value it is found as such.
                    0 => Some(text).filter(|text| !self.asked.is_option(text.bytes(), dialect)),
                    _ => Some(needle.spelling.told(text.bytes())),
                });
            }
        }
        if let Some(start) = fields.start(Place::Edits).filter(|_| hits.has(Place::Edits)) {
            hits.edits = value(&line[start + LIST.len() - 1..]).unwrap_or_default();
        }
        if let Some(start) = fields.env.filter(|_| hits.has(given)) {
            let env: BTreeMap<String, Text> = value(&line[start + ENV.len() - 1..]).unwrap_or_default();
            let holds = |value: &Text| {
                let words: Vec<&[u8]> =
                    value.bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
                !self.asked.among(&words, dialect).is_empty()
            };
            hits.variables =
                env.into_iter().filter(|(_, value)| holds(value)).map(|(name, _)| name).collect();
        }
        hits.found.contains(&true).then_some(hits)
    }
}

/// Where each field of a line begins.
struct Fields {
    /// In their order.
    starts: Vec<(usize, Option<Place>)>,
    env: Option<usize>,
}

impl Fields {
    fn of(line: &[u8], lists: &Finder<'_>) -> Self {
        let mut starts: Vec<(usize, Option<Place>)> = Vec::with_capacity(12);
        for at in lists.find_iter(line) {
            let known = FIELDS.iter().find(|(key, _)| line[..at].ends_with(key));
            starts.extend(known.map(|(_, place)| (at, *place)));
        }
        let mut env = None;
        let behind = starts.last().map_or(0, |(at, _)| *at);
        for key in [ENV, b",\"disp\":\""] {
            // An allowed variable has no such name.
            let at = memchr::memmem::find(&line[behind..], key).map(|at| behind + at);
            // Behind the lists is where the shim writes them.
            if let Some(at) = at.or_else(|| memchr::memmem::find(line, key)) {
                env = env.or((key == ENV).then_some(at));
                starts.push((at, None));
            }
        }
        starts.sort_unstable_by_key(|(at, _)| *at);
        Self { starts, env }
    }

    /// The field in which a byte of the line stands, if arguments stand there.
    fn at(&self, at: usize) -> Option<Place> {
        let before = self.starts.partition_point(|(start, _)| *start < at);
        self.starts[before.checked_sub(1)?].1
    }

    fn start(&self, place: Place) -> Option<usize> {
        self.starts.iter().find(|(_, known)| *known == Some(place)).map(|(at, _)| *at)
    }
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

    fn places(line: &str, asked: &str) -> Option<Vec<Place>> {
        let asked = Asked::new(asked.as_bytes()).expect("tables");
        let hits = Scan::new(&asked).look(line.as_bytes(), Some(Dialect::Gcc))?;
        let all = [Place::Argv, Place::Expanded, Place::Run, Place::Edits];
        Some(all.into_iter().filter(|place| hits.has(*place)).collect())
    }

    #[test]
    fn a_text_is_found_in_the_field_that_it_stands_in() {
        let line = r#"{"ev":"begin","in":["-a"],"argv":["cc","-b","-c","-D","X"],"run":["/cc","-c"],"edits":[{"rule":"-e","before":["-b"],"after":[]}],"env":{"X":"-v"},"disp":"-d"}"#;
        for (asked, expected) in [
            ("-a", None),
            ("-b", Some(vec![Place::Argv, Place::Edits])),
            ("-c", Some(vec![Place::Argv, Place::Run])),
            ("-DX", Some(vec![Place::Argv])),
            ("-v", None),
            ("-d", None),
            ("-*", Some(vec![Place::Argv, Place::Run, Place::Edits])),
        ] {
            assert_eq!(places(line, asked), expected, "{asked}");
        }
    }

    #[test]
    fn a_key_or_an_argument_inside_of_an_argument_is_none() {
        let line = r#"{"ev":"begin","argv":["cc","x,\"run\":[","-b","-DF=\"-O2\""],"disp":""}"#;
        assert_eq!(places(line, "-b"), Some(vec![Place::Argv]));
        assert_eq!(places(line, "-O*"), None);
    }
}
