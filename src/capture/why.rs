//! Where a file came from: the call that made it, and behind its inputs the calls that made those. And where a
//! flag came from or went: which calls were given it, which rule put it in or took it out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use crosswheel_shim::plan::Kind;

use super::detail::{Detail, Edit, Stamp};
use super::glob::Glob;
use super::log::{Call, Log, Outcome};
use super::scan::{Place, Scan};
use super::text::Text;
use crate::error::Result;
use crate::source::near;

/// A file, and the call that made it.
#[derive(Clone, Debug)]
pub struct Origin<'l> {
    /// As it was named.
    pub named: Text,
    /// The call that made it; `None` for a file that no call made, such as a source.
    pub call: Option<&'l Call>,
    /// What went in, with what is behind it; empty if it was told already.
    pub inputs: Vec<Origin<'l>>,
    /// The call stands elsewhere in the tree, and what is behind it is told there.
    pub told: bool,
    /// No call made a file at this path; the call made one of this name elsewhere, earlier. The build may have copied or
    /// renamed it.
    pub by_name: bool,
}

/// A tree deeper than this would be a record that was made up.
const DEEPEST: usize = 64;

/// Who made what, by path.
pub struct Makers<'l> {
    log: &'l Log,
    /// Calls that named a file as their output, by start.
    by_path: HashMap<PathBuf, Vec<&'l Call>>,
    /// The same by file name.
    by_name: HashMap<Vec<u8>, Vec<&'l Call>>,
}

impl<'l> Makers<'l> {
    /// Looks at all calls that may have made something: no probes, no failures, none inside of another call that makes
    /// the same.
    #[must_use]
    pub fn of(log: &'l Log) -> Self {
        let mut by_path: HashMap<PathBuf, Vec<&Call>> = HashMap::new();
        let mut by_name: HashMap<Vec<u8>, Vec<&Call>> = HashMap::new();
        let nested = log.nested();
        for call in &log.calls {
            if call.probe.is_some()
                || call.outcome() != Outcome::Succeeded
                || nested.contains(call.id.as_str())
            {
                continue;
            }
            for output in call.outputs.iter().filter(|output| output.bytes() != b"-") {
                by_name.entry(base(output).to_vec()).or_default().push(call);
                by_path.entry(call.resolve(output)).or_default().push(call);
            }
        }
        Self { log, by_path, by_name }
    }

    /// The files that a pattern or a name stands for, by the last call that made each, in the order of these. The name
    /// of a wheel's member is enough: folders that the build does not have are taken off its front.
    #[must_use]
    pub fn find(&self, pattern: &[u8]) -> Vec<(Text, &'l Call)> {
        let mut pattern = pattern.strip_prefix(b"./").unwrap_or(pattern);
        loop {
            let glob = Glob::new(pattern);
            let mut found: Vec<(Text, &Call)> = Vec::new();
            for (path, calls) in &self.by_path {
                let bytes = path.as_os_str().as_encoded_bytes();
                let rooted = if bytes.starts_with(b"/") { bytes.to_vec() } else { [b"/", bytes].concat() };
                if glob.matches(&rooted)
                    && let Some(last) = calls.last()
                {
                    found.push((Text::from(bytes), last));
                }
            }
            if !found.is_empty() {
                found.sort_by(|a, b| (a.1.start, &a.1.id, &a.0).cmp(&(b.1.start, &b.1.id, &b.0)));
                return found;
            }
            match pattern.iter().position(|byte| *byte == b'/') {
                Some(at) if !pattern.starts_with(b"/") => pattern = &pattern[at + 1..],
                _ => return Vec::new(),
            }
        }
    }

    /// What is behind a file that a call made.
    #[must_use]
    pub fn tree(&self, named: Text, call: &'l Call) -> Origin<'l> {
        self.node(named, call, &mut HashSet::new(), 0)
    }

    fn node(&self, named: Text, call: &'l Call, told: &mut HashSet<&'l str>, depth: usize) -> Origin<'l> {
        if !told.insert(&call.id) || depth == DEEPEST {
            return Origin { named, call: Some(call), inputs: Vec::new(), told: true, by_name: false };
        }
        let mut inputs: Vec<Origin<'l>> = Vec::new();
        // An archive that grows, a file that is stripped in place: what it was before is behind it.
        for output in call.outputs.iter().filter(|output| changes(call) && !call.inputs.contains(output)) {
            if let Some(earlier) = self.maker(call, output) {
                inputs.push(self.node(output.clone(), earlier, told, depth + 1));
            }
        }
        let detail = match call.kind {
            Kind::Link | Kind::Archive | Kind::Other => self.log.detail(call).unwrap_or_default(),
            _ => Detail::default(),
        };
        for (at, input) in call.inputs.iter().enumerate() {
            inputs.push(match self.maker(call, input) {
                Some(maker) => self.node(input.clone(), maker, told, depth + 1),
                None => self.namesake(
                    input,
                    base(input),
                    detail.seen.get(at).copied().flatten(),
                    call,
                    told,
                    depth,
                ),
            });
        }
        // Libraries are no inputs by name; those that the build itself made are.
        for library in &detail.libs {
            inputs.push(match self.maker(call, &library.path) {
                Some(maker) => self.node(library.arg.clone(), maker, told, depth + 1),
                None => {
                    self.namesake(&library.arg, base(&library.path), Some(library.seen), call, told, depth)
                }
            });
        }
        if detail.libs.is_empty() && call.kind == Kind::Link {
            for (named, maker) in self.libraries(call, &detail) {
                inputs.push(Origin { by_name: true, ..self.node(named, maker, told, depth + 1) });
            }
        }
        Origin { named, call: Some(call), inputs, told: false, by_name: false }
    }

    /// A file that no call made where it is: if it is no source, perhaps one that was made elsewhere, of the same name
    /// and, where that is known, of the same size.
    fn namesake(
        &self,
        named: &Text,
        name: &[u8],
        seen: Option<Stamp>,
        user: &'l Call,
        told: &mut HashSet<&'l str>,
        depth: usize,
    ) -> Origin<'l> {
        let compiled = matches!(user.kind, Kind::Link | Kind::Archive | Kind::Other);
        let calls = self.by_name.get(name).filter(|_| compiled);
        let same_size = |call: &&Call| {
            let made = call.end.iter().flat_map(|end| &end.made).find(|made| base(&made.path) == name);
            made.zip(seen).is_none_or(|(made, seen)| made.size == seen.0)
        };
        match calls.and_then(|calls| last_before(calls, user)).filter(same_size) {
            Some(call) => Origin { by_name: true, ..self.node(named.clone(), call, told, depth + 1) },
            None => {
                Origin { named: named.clone(), call: None, inputs: Vec::new(), told: false, by_name: false }
            }
        }
    }

    /// The last call that made a file before this one began.
    fn maker(&self, user: &Call, named: &Text) -> Option<&'l Call> {
        last_before(self.by_path.get(&user.resolve(named))?, user)
    }

    /// Calls that made the libraries named by `-l`, by their names alone.
    fn libraries(&self, user: &Call, detail: &Detail) -> Vec<(Text, &'l Call)> {
        let mut found: Vec<(Text, &Call)> = Vec::new();
        let mut args = detail.given().iter();
        while let Some(arg) = args.next() {
            let Some(name) = arg.bytes().strip_prefix(b"-l") else { continue };
            let name = if name.is_empty() { args.next().map(Text::bytes).unwrap_or_default() } else { name };
            let files = [&b".so"[..], b".a"].map(|ending| [b"lib", name, ending].concat());
            let made = files.iter().find_map(|file| last_before(self.by_name.get(file)?, user));
            if let Some(call) = made.filter(|call| !found.iter().any(|(_, known)| known.id == call.id)) {
                found.push((arg.clone(), call));
            }
        }
        found
    }
}

/// A path without its folders.
fn base(named: &Text) -> &[u8] {
    named.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn last_before<'l>(calls: &[&'l Call], user: &Call) -> Option<&'l Call> {
    let before =
        |call: &&&Call| call.session == user.session && (call.start, &call.id) < (user.start, &user.id);
    calls.iter().rev().find(before).copied()
}

/// Whether a call may change a file that was there: an archiver, a stripper.
fn changes(call: &Call) -> bool {
    matches!(call.kind, Kind::Archive | Kind::Other)
}

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

/// A question about a flag: one argument, or with `=` or `*` at its end all that begin so.
pub struct Asked {
    text: Vec<u8>,
    open: bool,
}

impl Asked {
    /// Reads the question.
    #[must_use]
    pub fn new(flag: &[u8]) -> Self {
        match flag.strip_suffix(b"*") {
            Some(start) => Self { text: start.to_vec(), open: true },
            None => Self { text: flag.to_vec(), open: flag.ends_with(b"=") },
        }
    }

    /// What is looked for in a line of the record.
    fn needle(&self) -> Vec<u8> {
        let json = Text::from(&*self.text).json().into_bytes();
        json[..json.len() - usize::from(self.open)].to_vec()
    }

    fn fits(&self, arg: &[u8]) -> bool {
        if self.open { arg.starts_with(&self.text) } else { arg == self.text }
    }
}

impl Flag {
    fn edit(&mut self, call: &Call, edit: Edit, asked: &Asked) {
        let fits = |args: &[Text]| args.iter().any(|arg| asked.fits(arg.bytes()));
        let (before, after, note) = (fits(&edit.before), fits(&edit.after), edit.is_note());
        if asked.open && !note {
            for arg in edit.after.iter().filter(|arg| asked.fits(arg.bytes())) {
                self.spellings.entry(arg.clone()).or_default().1 += 1;
            }
        }
        let rule = (edit.rule, edit.why);
        if note {
            if before {
                self.noted.entry(rule).or_default().take(call);
            }
            return;
        }
        if before {
            self.removed.entry(rule.clone()).or_default().take(call);
        }
        if after {
            self.added.entry(rule).or_default().take(call);
        }
    }
}

/// What became of a flag. `None` if no call ever had it.
pub fn flag(log: &Log, asked: &Asked) -> Result<Option<Flag>> {
    let mut found = Flag::default();
    let needle = asked.needle();
    let scan = Scan { fits: &|arg| asked.fits(arg), needle: &needle, spelled: asked.open };
    for (call, hits) in log.scan(&scan)? {
        let given = hits.has(if hits.expanded { Place::Expanded } else { Place::Argv });
        if given {
            found.received.take(call);
        }
        if if hits.run { hits.has(Place::Run) } else { given } {
            found.ran.take(call);
        }
        for name in hits.variables {
            found.variables.entry(name).or_default().take(call);
        }
        for arg in hits.spelled {
            found.spellings.entry(arg).or_default().0 += 1;
        }
        for edit in hits.edits {
            found.edit(call, edit, asked);
        }
    }
    let samples =
        [&mut found.added, &mut found.removed, &mut found.noted].into_iter().flat_map(BTreeMap::values_mut);
    samples.chain(found.variables.values_mut()).for_each(Sample::done);
    found.received.done();
    found.ran.done();
    let nothing = found.received.count + found.ran.count + found.added.len() + found.removed.len() == 0;
    Ok((!nothing).then_some(found))
}

/// What a flag that was never seen may have been meant to be: one that begins with the same letter.
pub fn near_flags(log: &Log, flag: &str) -> Result<String> {
    let start: String = flag.chars().take(2).collect();
    let asked = Asked { text: start.into_bytes(), open: true };
    let needle = asked.needle();
    let scan = Scan { fits: &|arg| asked.fits(arg), needle: &needle, spelled: true };
    let mut known: BTreeSet<Text> = BTreeSet::new();
    for (_, hits) in log.scan(&scan)? {
        let put_in = hits.edits.into_iter().flat_map(|edit| edit.after);
        known.extend(hits.spelled.into_iter().chain(put_in));
    }
    let known: Vec<&str> = known.iter().filter_map(|text| std::str::from_utf8(text.bytes()).ok()).collect();
    let known: Vec<&str> = known.into_iter().filter(|text| (2..80).contains(&text.len())).collect();
    Ok(near::close(flag, &known))
}

/// Names of outputs that look like one that no call made.
#[must_use]
pub fn near_outputs(log: &Log, wanted: &str) -> String {
    let name = wanted.rsplit('/').next().unwrap_or(wanted);
    let mut known: HashSet<String> = HashSet::new();
    for output in log.calls.iter().filter(|call| call.probe.is_none()).flat_map(|call| &call.outputs) {
        known.insert(output.lossy().rsplit('/').next().unwrap_or_default().to_owned());
    }
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    known.sort_unstable();
    near::close(name, &known)
}
