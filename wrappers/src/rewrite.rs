//! What becomes of a call: a pure function of the call, the plan and the place. The shim, `explain` and the
//! tests all come through here, so that what is explained is what is done.
//!
//! Order: rules look at the caller's own arguments, each by itself, the first rule that fits counts; then
//! injections look at what is left. Every change is an [`Edit`] that names its rule and its reason. An
//! argument for which there is no rule passes untouched.

use std::borrow::Cow;

use crate::args::{Item, What};
use crate::dispatch::compiler_word;
use crate::exports::Exported;
use crate::invocation::{Invocation, archiver_key};
use crate::linker_words::{self, Word};
use crate::paths::{absolute, base_name, matches, within};
use crate::plan::view::{Injection, Profile, Rule};
use crate::plan::{Action, Dialect, Effect, ExportsKnown, Kind, LevelTest, Role, Slot};
use crate::probe::Place;

/// One argument, ours or the caller's.
pub type Arg<'c> = Cow<'c, [u8]>;

/// One change, or with `before == after` one thing to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'c> {
    /// Name of the rule.
    pub rule: &'c [u8],
    /// Why.
    pub why: &'c [u8],
    /// Place among the words of the call, response files read in.
    pub at: usize,
    /// What the caller gave.
    pub before: Vec<Arg<'c>>,
    /// What runs in its place.
    pub after: Vec<Arg<'c>>,
}

/// A call that must not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<'c> {
    /// Name of the rule.
    pub rule: &'c [u8],
    /// Why.
    pub why: &'c [u8],
    /// What to do.
    pub hint: &'c [u8],
    /// Place among the words.
    pub at: usize,
    /// The argument.
    pub arg: Arg<'c>,
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Decision<'c> {
    /// Arguments to run, the name of the tool left out.
    pub args: Vec<Arg<'c>>,
    /// What was changed, and what was noted.
    pub edits: Vec<Edit<'c>>,
    /// Set if it must not run.
    pub refusal: Option<Refusal<'c>>,
    /// Arguments of the second try, if the first one fails.
    pub retry: Option<Vec<Arg<'c>>>,
    /// What is printed in the tool's place, which does not run.
    pub answer: Option<Vec<u8>>,
}

impl Decision<'_> {
    /// Whether any argument is not as the caller gave it.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.edits.iter().any(|edit| edit.before != edit.after)
    }
}

/// Decides on a call. `probe` says whether it is one.
#[must_use]
pub fn decide<'c>(
    call: &'c Invocation<'_>,
    profile: Option<Profile<'c>>,
    probe: bool,
    place: Place<'c>,
) -> Decision<'c> {
    let passed = || Decision { args: call.line.render(&[]), ..Decision::default() };
    if call.role == Role::Launcher {
        return Decision { edits: unknown_compiler(call).into_iter().collect(), ..passed() };
    }
    let Some(profile) = profile.filter(|_| !internal(call)) else { return passed() };
    let mut draft =
        Draft { call, profile, probe, place, changes: Vec::new(), edits: Vec::new(), dropped: Vec::new() };
    if call.kind == Kind::Query {
        let answer = draft.answer();
        return Decision { answer, edits: draft.edits, ..passed() };
    }
    if let Some(refusal) = draft.rules() {
        return Decision { refusal: Some(refusal), edits: draft.edits, ..Decision::default() };
    }
    if call.dialect == Dialect::Ar {
        draft.archiver_letters();
        return draft.finish(&[], &[]);
    }
    let before = draft.inject(Slot::Before);
    let after = draft.inject(Slot::After);
    draft.finish(&before, &after)
}

/// What is told of a call of a compiler cache for a compiler that has no name in the plan: it passes, since it may be
/// for another machine, and an audit sees what becomes of it.
fn unknown_compiler<'c>(call: &'c Invocation<'_>) -> Option<Edit<'c>> {
    let at = compiler_word(call.line.argv())?;
    let compiler: Vec<Arg<'c>> = vec![Cow::Borrowed(call.line.argv()[at])];
    let why = b"no compiler that was found on PATH when the shim was set up: its calls are not read, and get nothing of the family";
    Some(Edit { rule: b"unknown-compiler", why, at, before: compiler.clone(), after: compiler })
}

/// A driver that was called to be its own front end.
fn internal(call: &Invocation<'_>) -> bool {
    call.items.iter().next().is_some_and(|item| item.effect == Effect::Internal)
}

struct Draft<'c, 'l> {
    call: &'c Invocation<'l>,
    profile: Profile<'c>,
    probe: bool,
    place: Place<'c>,
    /// Words that do not stand: their index and what stands in their place.
    changes: Vec<(usize, Vec<Arg<'c>>)>,
    edits: Vec<Edit<'c>>,
    /// Word indexes of items that were taken out.
    dropped: Vec<usize>,
}

impl<'c> Draft<'c, '_> {
    /// What a rule answers to a question, in lines. Questions are not rewritten otherwise.
    fn answer(&mut self) -> Option<Vec<u8>> {
        let answers = self.profile.rules().iter().filter(|rule| rule.action() == Action::Answer);
        let asked = self.call.items.iter().filter(|item| item.effect == Effect::Query);
        let (rule, item) = asked
            .flat_map(|item| answers.clone().map(move |rule| (rule, item)))
            .find(|(rule, item)| self.applies(*rule, item))?;
        let before = vec![Cow::Borrowed(self.call.line.text(item.at))];
        let after: Vec<Arg<'c>> = rule.with().map(Cow::Borrowed).collect();
        let lines = after.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        self.edits.push(Edit { rule: rule.rule(), why: rule.why(), at: item.at, before, after });
        Some(lines)
    }

    /// Applies the rules to the caller's arguments.
    fn rules(&mut self) -> Option<Refusal<'c>> {
        let call = self.call;
        // Most arguments are options that no rule looks at: known by one bit.
        let bit = |effect: Effect| 1_u64 << effect.code();
        let looked_at = self.profile.rules().iter().fold(0, |all, rule| all | bit(rule.effect()));
        let looked_at = looked_at & !bit(Effect::None);
        for item in
            call.items.iter().filter(|item| item.what == What::Option && looked_at & bit(item.effect) != 0)
        {
            let rule = self.profile.rules().iter().find(|rule| self.applies(*rule, item));
            let Some(rule) = rule else { continue };
            let given =
                || (item.at..item.at + item.words).map(|at| Cow::Borrowed(call.line.text(at))).collect();
            let after: Vec<Arg<'c>> = match rule.action() {
                Action::Keep | Action::Answer => continue,
                Action::Refuse => {
                    let (at, arg) = (item.at, Cow::Borrowed(call.line.text(item.at)));
                    return Some(Refusal { rule: rule.rule(), why: rule.why(), hint: rule.hint(), at, arg });
                }
                Action::Note => given(),
                Action::Drop => {
                    self.dropped.push(item.at);
                    Vec::new()
                }
                Action::Replace => {
                    rule.with().map(|text| replacement(text, item.value(&call.line))).collect()
                }
            };
            let edit = Edit { rule: rule.rule(), why: rule.why(), at: item.at, before: given(), after };
            if edit.before != edit.after {
                self.change(item, edit.after.clone());
            } else if rule.action() != Action::Note {
                continue;
            }
            self.edits.push(edit);
        }
        let words = looked_at & bit(Effect::ForLinker) != 0 && call.items.any(Effect::ForLinker);
        if words { self.linker_words() } else { None }
    }

    /// Applies the rules to what is for the linker: words are taken out of the arguments that hold them, noted, or the
    /// call is refused.
    fn linker_words(&mut self) -> Option<Refusal<'c>> {
        let call = self.call;
        let concerned = |rule: &Rule<'c>| {
            rule.effect() == Effect::ForLinker
                && rule.kinds().has(call.kind)
                && (!self.probe || rule.probes())
        };
        let rules: Vec<Rule<'c>> = self.profile.rules().iter().filter(concerned).collect();
        if rules.is_empty() {
            return None;
        }
        let words = linker_words::words(call);
        // The rule that takes each word out.
        let mut takers: Vec<Option<Rule<'c>>> = vec![None; words.len()];
        let mut at = 0;
        while at < words.len() {
            let fitting =
                rules.iter().find_map(|rule| Some((*rule, linker_words::taken(*rule, &words[at..])?)));
            let Some((rule, count)) = fitting else {
                at += 1;
                continue;
            };
            let last = (at + count).min(words.len());
            match rule.action() {
                Action::Drop => takers[at..last].fill(Some(rule)),
                Action::Refuse => {
                    let (at, arg) = (words[at].item.at, Cow::Borrowed(words[at].text));
                    return Some(Refusal { rule: rule.rule(), why: rule.why(), hint: rule.hint(), at, arg });
                }
                Action::Note => self.note_words(rule, &words[at..last]),
                _ => {}
            }
            at = last.max(at + 1);
        }
        self.without_words(&words, &takers);
        None
    }

    /// Tells of the arguments that hold these words.
    fn note_words(&mut self, rule: Rule<'c>, words: &[Word<'c>]) {
        let line = &self.call.line;
        let mut items: Vec<&Item> = words.iter().map(|word| word.item).collect();
        items.dedup_by_key(|item| item.at);
        let given = items.iter().flat_map(|item| item.at..item.at + item.words);
        let before: Vec<Arg<'c>> = given.map(|at| Cow::Borrowed(line.text(at))).collect();
        let at = items.first().map_or(0, |item| item.at);
        self.edits.push(Edit {
            rule: rule.rule(),
            why: rule.why(),
            at,
            before: before.clone(),
            after: before,
        });
    }

    /// Renders the arguments anew that lose words, each with the first rule that takes one.
    fn without_words(&mut self, words: &[Word<'c>], takers: &[Option<Rule<'c>>]) {
        let call = self.call;
        let mut from = 0;
        while let Some(first) = words.get(from) {
            let len = words[from..].iter().take_while(|word| word.item.at == first.item.at).count();
            let (own, takers) = (&words[from..from + len], &takers[from..from + len]);
            from += len;
            let Some(rule) = takers.iter().flatten().next() else { continue };
            let left = own.iter().zip(takers).filter(|(_, taker)| taker.is_none()).map(|(word, _)| word.text);
            let left: Vec<&[u8]> = left.collect();
            let after: Vec<Arg<'c>> =
                linker_words::rendered(first.item, &left, call).map(Cow::Owned).into_iter().collect();
            let before =
                (first.item.at..first.item.at + first.item.words).map(|at| Cow::Borrowed(call.line.text(at)));
            let before = before.collect();
            self.change(first.item, after.clone());
            self.edits.push(Edit { rule: rule.rule(), why: rule.why(), at: first.item.at, before, after });
        }
    }

    fn change(&mut self, item: &Item, after: Vec<Arg<'c>>) {
        self.changes.push((item.at, after));
        self.changes.extend((item.at + 1..item.at + item.words).map(|at| (at, Vec::new())));
    }

    fn applies(&self, rule: Rule<'c>, item: &Item) -> bool {
        if rule.effect() != item.effect || (self.probe && !rule.probes()) || !rule.kinds().has(self.call.kind)
        {
            return false;
        }
        let value = item.value(&self.call.line);
        match rule.value() {
            Some(pattern) if rule.pattern() => {
                let fits = match item.effect {
                    // Words for the linker are looked at by themselves.
                    Effect::ForLinker => false,
                    Effect::IncludeDir | Effect::LibraryDir => {
                        matches(pattern, &absolute(value, self.place.cwd))
                    }
                    Effect::Library => matches(pattern, value),
                    _ => matches(pattern, &self.written(item)),
                };
                if !fits {
                    return false;
                }
            }
            Some(asked) if asked != value => return false,
            _ => {}
        }
        if rule.repeated() && !self.repeated(item) {
            return false;
        }
        let level = match item.effect {
            Effect::March => self.profile.march(value),
            _ => Some(item.level),
        };
        let family = self.profile.level();
        match (rule.level(), level) {
            (LevelTest::Any, _) | (LevelTest::Unknown, None) => true,
            (LevelTest::Below, Some(level)) => level < family,
            (LevelTest::Equal, Some(level)) => level == family,
            (LevelTest::Above, Some(level)) => level > family,
            (LevelTest::Within, Some(level)) => level <= family,
            _ => false,
        }
    }

    /// An option as it is written, with a blank ahead of a value of its own.
    fn written(&self, item: &Item) -> Cow<'c, [u8]> {
        let line = &self.call.line;
        let text = line.text(item.at);
        if item.words == 2 {
            Cow::Owned([text, b" ", item.value(line)].concat())
        } else {
            Cow::Borrowed(text)
        }
    }

    /// Whether an option was there before with the same value. Where archives are taken in whole, the places of options
    /// have a meaning, and none counts as repeated.
    fn repeated(&self, item: &Item) -> bool {
        let line = &self.call.line;
        let whole = |earlier: &Item| {
            earlier.effect == Effect::ForLinker
                && earlier.value(line).split(|byte| *byte == b',').any(|word| word == b"--whole-archive")
        };
        let same = |earlier: &Item| {
            earlier.at < item.at && earlier.effect == item.effect && earlier.value(line) == item.value(line)
        };
        self.call.items.iter().any(same) && !self.call.items.iter().any(whole)
    }

    /// Whether the caller's arguments still hold an option with this effect.
    fn holds(&self, effect: Effect) -> bool {
        self.call.items.iter().any(|item| item.effect == effect && !self.dropped.contains(&item.at))
            || (effect == Effect::Unmarked && linker_words::makes_object(self.call))
    }

    fn wanted(&self, injection: Injection<'c>) -> bool {
        let call = self.call;
        let languages = injection.languages();
        injection.kinds().has(call.kind)
            && (!self.probe || injection.probes())
            && (languages.is_empty() || (!call.languages.is_empty() && call.languages.within(languages)))
            && !injection.unless().is_some_and(|effect| self.holds(effect))
            && injection.needs().is_none_or(|effect| self.holds(effect))
            && match injection.exports() {
                ExportsKnown::Any => true,
                ExportsKnown::Names => matches!(call.exported, Some(Exported::Names(_))),
                ExportsKnown::All => call.exported == Some(Exported::All),
            }
    }

    /// The arguments for one slot, each injection with its edit.
    fn inject(&mut self, slot: Slot) -> Vec<Arg<'c>> {
        let at = if slot == Slot::Before { 0 } else { self.call.items.end(&self.call.line) };
        let mut all = Vec::new();
        for injection in self.profile.injections().iter() {
            if injection.slot() != slot || !self.wanted(injection) {
                continue;
            }
            let flags: Vec<Arg<'c>> = injection.flags().flat_map(|flag| self.each(flag)).collect();
            all.extend_from_slice(&flags);
            self.edits.push(Edit {
                rule: injection.rule(),
                why: injection.why(),
                at,
                before: Vec::new(),
                after: flags,
            });
        }
        all
    }

    /// One argument, or one for each name that the link exports.
    fn each(&self, flag: &'c [u8]) -> Vec<Arg<'c>> {
        let placeholder = b"{export}";
        match &self.call.exported {
            Some(Exported::Names(names)) if flag.windows(placeholder.len()).any(|w| w == placeholder) => {
                names.iter().map(|name| Cow::Owned(fill(flag, placeholder, name))).collect()
            }
            _ => vec![self.filled(flag)],
        }
    }

    /// Fills in what only the call knows.
    fn filled(&self, flag: &'c [u8]) -> Arg<'c> {
        if !flag.contains(&b'{') {
            return Cow::Borrowed(flag);
        }
        let flag = fill(flag, b"{source}", &self.unit());
        let flag = fill(&flag, b"{cwd}", self.place.cwd);
        Cow::Owned(fill(&flag, b"{temp}", self.place.temp))
    }

    /// A name for what is compiled that does not depend on where: the source's file name, and the output
    /// as seen from the working folder. Random folders of a build are in neither.
    fn unit(&self) -> Vec<u8> {
        let source = self.call.sources.first().map_or(b"".as_slice(), |at| base_name(self.call.input(*at)));
        let output = self.call.outputs.first().map_or(b"".as_slice(), Vec::as_slice);
        let inside = output.strip_prefix(self.place.cwd).filter(|_| within(output, self.place.cwd));
        let output = match inside {
            Some(rest) => rest.strip_prefix(b"/").unwrap_or(rest),
            None if output.starts_with(b"/") => base_name(output),
            None => output,
        };
        [source, b":", output].concat()
    }

    /// An archiver's flags are letters, put behind its operation: `rcs` becomes `rcsD`. With `u` (replace
    /// only newer members) or `U` the caller asks for the real dates.
    fn archiver_letters(&mut self) {
        let call = self.call;
        let Some(key) = archiver_key(&call.line) else { return };
        let given = call.line.text(key);
        for injection in self.profile.injections().iter() {
            let asks_dates = given.iter().any(|letter| matches!(letter, b'u' | b'U' | b'D'));
            if asks_dates || call.kind != Kind::Archive || !self.wanted(injection) {
                continue;
            }
            let letters = [given, &injection.flags().collect::<Vec<_>>().concat()].concat();
            let after: Vec<Arg<'c>> = vec![Cow::Owned(letters)];
            self.changes.push((key, after.clone()));
            let before = vec![Cow::Borrowed(given)];
            self.edits.push(Edit { rule: injection.rule(), why: injection.why(), at: key, before, after });
        }
    }

    fn finish(mut self, before: &[Arg<'c>], after: &[Arg<'c>]) -> Decision<'c> {
        let call = self.call;
        let retry = self.second_try();
        // The end of the caller's own arguments: either the end of the line, or a word inside of it.
        let end = call.items.end(&call.line);
        let inside = end < call.line.words().len() && call.dialect != Dialect::Ar;
        let with_tail = |tail: &[Arg<'c>]| {
            let mut changes = self.changes.clone();
            if inside && !tail.is_empty() {
                let present =
                    changes.iter().position(|(at, _)| *at == end).map(|index| changes.swap_remove(index).1);
                let word = present.unwrap_or_else(|| vec![Cow::Borrowed(call.line.text(end))]);
                changes.push((end, [tail, &word].concat()));
            }
            changes.sort_by_key(|(at, _)| *at);
            let mut args = [before, &call.line.render(&changes)].concat();
            if !inside {
                args.extend_from_slice(tail);
            }
            args
        };
        let args = with_tail(after);
        let retry = retry.map(|flags| with_tail(&[after, &flags].concat()));
        Decision { args, edits: std::mem::take(&mut self.edits), retry, ..Decision::default() }
    }

    /// What a second try appends, if there is to be one.
    fn second_try(&self) -> Option<Vec<Arg<'c>>> {
        let demote = self.profile.demote().filter(|_| !self.probe)?;
        if !self.holds(Effect::Werror) && !self.holds(Effect::WerrorOne) {
            return None;
        }
        let mut flags: Vec<Arg<'c>> = demote.flags().map(Cow::Borrowed).collect();
        for item in self.call.items.iter().filter(|item| item.effect == Effect::WerrorOne) {
            let name = item.value(&self.call.line).split(|byte| *byte == b'=').next().unwrap_or_default();
            flags.push(Cow::Owned([demote.each(), name].concat()));
        }
        Some(flags)
    }
}

/// An argument of a rule, with the value of the one it replaces filled in: as it is, or with `_` for `-`.
fn replacement<'c>(text: &'c [u8], value: &[u8]) -> Arg<'c> {
    if !text.contains(&b'{') {
        return Cow::Borrowed(text);
    }
    let text = fill(text, b"{value}", value);
    let underscored: Vec<u8> = value.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect();
    Cow::Owned(fill(&text, b"{value_}", &underscored))
}

/// `text` with each `key` replaced by `value`.
fn fill(text: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + value.len());
    let mut rest = text;
    while let Some(at) = rest.windows(key.len()).position(|window| window == key) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(value);
        rest = &rest[at + key.len()..];
    }
    out.extend_from_slice(rest);
    out
}
