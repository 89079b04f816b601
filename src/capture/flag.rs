//! Where a flag came from or went: which calls were given it, which rule put it in or took it out.

use std::collections::{BTreeMap, BTreeSet};

use crosswheel_shim::plan::Dialect;

use super::asked::Asked;
use super::detail::Edit;
use super::log::{Call, Log};
use super::scan::Place;
use super::text::Text;
use crate::error::Result;
use crate::source::near;

/// A flag, on its way through a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flag {
    /// Calls that were given it; the first of them.
    pub received: Sample,
    /// Calls that ran with it.
    pub ran: Sample,
    /// Rules that put it in, by name and reason.
    pub added: BTreeMap<(String, String), Sample>,
    /// Rules that took it out.
    pub removed: BTreeMap<(String, String), Sample>,
    /// Rules that let it stand and say so.
    pub noted: BTreeMap<(String, String), Sample>,
    /// Calls that were given it, failed by it, and went well in a second try without it.
    pub second_try: Sample,
    /// Variables that hold it as a word, in the calls that were given it.
    pub variables: BTreeMap<String, Sample>,
    /// What it was spelled as, if the question left the end open: how often it was received, and put in.
    pub spellings: BTreeMap<Text, (usize, usize)>,
}

/// Some calls, by number, and the first of them by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many.
    pub count: usize,
    /// Those that are no probes are preferred.
    pub ids: Vec<String>,
    probes: Vec<String>,
}

impl Sample {
    const MOST: usize = 3;

    fn take(&mut self, call: &Call) {
        self.count += 1;
        let ids = if call.probe.is_some() { &mut self.probes } else { &mut self.ids };
        if ids.len() < Self::MOST {
            ids.push(call.id.clone());
        }
    }

    fn done(&mut self) {
        let room = Self::MOST - self.ids.len();
        self.ids.extend(self.probes.drain(..).take(room));
    }
}

impl Flag {
    fn edit(&mut self, call: &Call, edit: Edit, asked: &Asked, dialect: Option<Dialect>) {
        let among = |args: &[Text]| {
            let words: Vec<&[u8]> = args.iter().map(Text::bytes).collect();
            asked.among(&words, dialect)
        };
        let note = edit.is_note();
        let (before, after) = (among(&edit.before), among(&edit.after));
        let rule = (edit.rule, edit.why);
        if note {
            if !before.is_empty() {
                self.noted.entry(rule).or_default().take(call);
            }
            return;
        }
        if !before.is_empty() {
            self.removed.entry(rule.clone()).or_default().take(call);
        }
        if !after.is_empty() {
            self.added.entry(rule).or_default().take(call);
        }
        for text in after {
            self.spellings.entry(text).or_default().1 += 1;
        }
    }
}

/// Flags that the second try of a call leaves out.
const ERRORS: [&[u8]; 2] = [b"-Werror", b"--warn-error"];

/// What became of a flag. `None` if no call ever had it.
pub fn flag(log: &Log, asked: &Asked) -> Result<Option<Flag>> {
    let mut found = Flag::default();
    let dialects = log.dialects();
    for (call, hits) in log.scan(asked)? {
        let given = hits.has(if hits.expanded { Place::Expanded } else { Place::Argv });
        if given {
            found.received.take(call);
        }
        if if hits.run { hits.has(Place::Run) } else { given } {
            found.ran.take(call);
        }
        let retried =
            call.end.as_ref().and_then(|end| end.retry.as_ref()).is_some_and(|retry| retry.exit == Some(0));
        if retried && hits.spelled.iter().any(|arg| ERRORS.iter().any(|way| arg.bytes().starts_with(way))) {
            found.second_try.take(call);
        }
        for name in hits.variables {
            found.variables.entry(name).or_default().take(call);
        }
        for arg in hits.spelled {
            found.spellings.entry(arg).or_default().0 += 1;
        }
        for edit in hits.edits {
            found.edit(call, edit, asked, dialects.get(&*call.tool).copied().flatten());
        }
    }
    let samples =
        [&mut found.added, &mut found.removed, &mut found.noted].into_iter().flat_map(BTreeMap::values_mut);
    samples.chain(found.variables.values_mut()).for_each(Sample::done);
    found.received.done();
    found.ran.done();
    found.second_try.done();
    let nothing = found.received.count + found.ran.count + found.added.len() + found.removed.len() == 0;
    Ok((!nothing).then_some(found))
}

/// What a flag that was never seen may have been meant to be: one that begins with the same letter.
pub fn near_flags(log: &Log, flag: &str) -> Result<String> {
    let start: String = flag.chars().take(2).chain(['*']).collect();
    let mut known: BTreeSet<Text> = BTreeSet::new();
    for (_, hits) in log.scan(&Asked::new(start.as_bytes())?)? {
        let put_in = hits.edits.into_iter().flat_map(|edit| edit.after);
        known.extend(hits.spelled.into_iter().chain(put_in));
    }
    let known: Vec<&str> = known.iter().filter_map(|text| std::str::from_utf8(text.bytes()).ok()).collect();
    let known: Vec<&str> = known.into_iter().filter(|text| (2..80).contains(&text.len())).collect();
    Ok(near::close(flag, &known))
}
