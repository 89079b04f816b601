//! Profiles: what is asked of the calls of one compiler, for one family under one policy.
//!
//! A profile follows from the toolchain files, the family and what is known of the compiler; the compiler itself is
//! asked only through a [`FlagOracle`]. What could not be asked of a compiler is named with the reason and never left
//! out in silence.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crosswheel_shim::plan::{
    Bytes, Demote, Dialect, ExportsKnown, Injection, Kind, Kinds, Language, Languages, Profile, Role, Rule,
    Slot,
};

use super::Toolchains;
use super::cross::Cross;
use super::file::{InjectionRow, RuleRow, Version, When};
use super::oracle::FlagOracle;
use crate::elf;
use crate::error::{Error, Result};
use crate::source::coded::{Coded, languages};
use crate::topology::{Family, Level, Policy, PolicyFlags};

/// What is known of a compiler or tool.
pub struct CompilerFacts<'a> {
    /// How errors call it: its name or path.
    pub name: String,
    /// How its arguments are read.
    pub dialect: Dialect,
    /// What it stands for.
    pub role: Role,
    /// What it says to `-dumpmachine`; empty if it was not asked.
    pub machine: String,
    /// Its version; zeros if it was not asked.
    pub version: (u32, u32, u32),
    /// First line of what its linker (or the tool itself, if it is one) says to `--version`; empty if it was not asked.
    pub linker: String,
    /// The cross compiler that it belongs to.
    pub cross: Option<&'a Cross>,
    /// Answers whether it takes a flag.
    pub oracle: &'a dyn FlagOracle,
}

/// Builds that give the same bytes each time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reproducible {
    /// Folders, and what stands in their place in products.
    pub maps: Vec<(PathBuf, String)>,
}

/// A profile, and what could not be put into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// The profile.
    pub profile: Profile,
    /// What this compiler does without, in the order of the rules.
    pub left_out: Vec<LeftOut>,
}

/// Something that a compiler does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Name of the rule.
    pub rule: String,
    /// The arguments.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Makes the profile of a compiler. Fails if it cannot build for the family at all.
pub fn profile(
    toolchains: &Toolchains,
    facts: &CompilerFacts,
    family: &Family,
    policy: &Policy,
    reproducible: Option<&Reproducible>,
) -> Result<Compiled> {
    // hipcc is recorded; its rules come with the GPU families.
    if matches!(facts.role, Role::Hip | Role::Launcher) {
        return Ok(Compiled::default());
    }
    let mut making =
        Making { toolchains, facts, family, policy, reproducible, left_out: vec![], injections: vec![] };
    making.check_compiler()?;
    making.target();
    for row in &toolchains.injections {
        if making.concerns(&row.when, &row.dialects)
            && (row.roles.is_empty() || row.roles.contains(&Coded(facts.role)))
        {
            making.injection(row);
        }
    }
    if toolchains.policy_flags.dialects.contains(&Coded(facts.dialect)) {
        for flags in &policy.flags {
            making.policy_flags(flags);
        }
    }
    let rules = making.rules();
    let demotion = &toolchains.demotion;
    let demote = making.concerns(&demotion.when, &demotion.dialects).then(|| Demote {
        rule: demotion.id.clone(),
        why: demotion.why.clone(),
        flags: demotion.flags.iter().map(|flag| flag.clone().into_bytes()).collect(),
        each: demotion.each.clone().into_bytes(),
    });
    let level = family.level.map_or(0, Level::number);
    let marches = if level > 0 && is_compiler(facts) { toolchains.marches() } else { vec![] };
    // Elsewhere no object is read for this.
    let (exports, export_names) = if making.links_modules() {
        (policy.exports.exports, policy.exports.names.clone())
    } else {
        Default::default()
    };
    let profile =
        Profile { level, marches, injections: making.injections, rules, demote, exports, export_names };
    Ok(Compiled { profile, left_out: making.left_out })
}

/// Placeholders of arguments that are put in for others.
const FILLED_BY_SHIM: [&str; 2] = ["value", "value_"];

/// Placeholders of what is put in, which stand for none, one or several paths of a cross build.
const PER_PATH: [&str; 2] = ["{sysroot_headers}", "{sysroot_libraries}"];

fn is_compiler(facts: &CompilerFacts) -> bool {
    matches!(facts.dialect, Dialect::Gcc | Dialect::Clang)
}

struct Making<'a> {
    toolchains: &'a Toolchains,
    facts: &'a CompilerFacts<'a>,
    family: &'a Family,
    policy: &'a Policy,
    reproducible: Option<&'a Reproducible>,
    injections: Vec<Injection>,
    left_out: Vec<LeftOut>,
}

impl Making<'_> {
    /// A family with a level must never get code of another machine, or of a compiler that does not know the level.
    fn check_compiler(&self) -> Result<()> {
        let (facts, family) = (self.facts, self.family);
        if family.target.is_host() || !is_compiler(facts) {
            return Ok(());
        }
        let first = facts.machine.split('-').next().unwrap_or_default();
        let machine = elf::of_triple(&facts.machine);
        let known = machine.is_some() && machine == elf::of_triple(&family.target.machine);
        if !known && first != family.target.machine {
            let made = if facts.machine.is_empty() { "an unknown machine" } else { &facts.machine };
            return Err(Error::usage(format!(
                "the family `{}` is for {}, and {} makes code for {made}",
                family.name, family.target.machine, facts.name
            ))
            .hint(format!("use a compiler for {}, or another family", family.target.machine)));
        }
        let Some(level) = family.level else { return Ok(()) };
        let march = format!("-march={level}");
        let since = self.toolchains.isa.since.get(&Coded(facts.dialect)).copied();
        let (major, minor, _) = facts.version;
        let objection = match since {
            Some(since) if Version(major, minor) == Version(0, 0) => facts
                .oracle
                .objection(std::slice::from_ref(&march), self.language())
                .map(|words| format!("{words} (since {since})")),
            Some(since) => (Version(major, minor) < since)
                .then(|| format!("it is {major}.{minor}, and {since} is the first that does")),
            None => None,
        };
        match objection {
            None => Ok(()),
            Some(why) => Err(Error::usage(format!("{} does not know {march}: {why}", facts.name))
                .hint("use a newer compiler, or a family without a level")),
        }
    }

    /// The language that the driver is for.
    fn language(&self) -> Language {
        match self.facts.role {
            Role::Cxx => Language::Cxx,
            Role::Fortran => Language::Fortran,
            _ => Language::C,
        }
    }

    fn concerns(&self, when: &When, dialects: &[Coded<Dialect>]) -> bool {
        dialects.contains(&Coded(self.facts.dialect))
            && (!when.level || self.family.level.is_some())
            && when.march_native.is_none_or(|asked| asked == self.policy.march_native)
            && when.werror.is_none_or(|asked| asked == self.policy.werror)
            && (!when.reproducible || self.reproducible.is_some())
            && (!when.cross || self.facts.cross.is_some())
            && (!when.static_libraries || self.facts.cross.is_some_and(|cross| cross.static_libraries))
            && when
                .compiler
                .as_ref()
                .is_none_or(|asked| self.facts.cross.is_some_and(|cross| cross.compiler == *asked))
            && when
                .unwinding
                .is_none_or(|asked| self.facts.cross.is_some_and(|cross| cross.unwinding == asked))
            && when.machine.as_ref().is_none_or(|asked| *asked == self.family.target.machine)
    }

    /// What tells a cross compiler its target. Ahead of all else: it decides how the rest is read.
    fn target(&mut self) {
        let Some(cross) =
            self.facts.cross.filter(|cross| is_compiler(self.facts) && !cross.target.is_empty())
        else {
            return;
        };
        let flags: Vec<Bytes> = cross.target.iter().map(|word| word.clone().into_bytes()).collect();
        // A source from stdin without a language is no translation: such a call only asks.
        let sources = Kinds::of(&[Kind::Preprocess, Kind::Compile, Kind::Assemble]);
        for (kinds, languages) in [(sources, Languages::ALL), (Kinds::of(&[Kind::Link]), Languages::NONE)] {
            self.injections.push(Injection {
                rule: "target".to_owned(),
                why: "the machine and the C library of the family".to_owned(),
                slot: Slot::Before,
                flags: flags.clone(),
                kinds,
                languages,
                probes: true,
                unless: None,
                needs: None,
                exports: ExportsKnown::Any,
            });
        }
    }

    /// Whether a shared library is a module for a run-time that must be told its exports.
    fn links_modules(&self) -> bool {
        self.injections.iter().any(|injection| injection.exports != ExportsKnown::Any)
    }

    fn leave_out(&mut self, rule: &str, what: impl Into<String>, why: impl Into<String>) {
        self.left_out.push(LeftOut { rule: rule.to_owned(), what: what.into(), why: why.into() });
    }

    fn injection(&mut self, row: &InjectionRow) {
        let rule = row.id.get_ref();
        let flags: Vec<&str> = row.flags.iter().map(|flag| flag.get_ref().as_str()).collect();
        if let Some(why) = self.too_old(row).or_else(|| self.other_linker(row)) {
            let flags: Vec<String> = flags.iter().map(|flag| self.levelled(flag)).collect();
            self.leave_out(rule, flags.join(" "), why);
            return;
        }
        if flags.iter().any(|flag| flag.contains("{flag}")) {
            self.warnings(row, &flags);
            return;
        }
        let filled: Vec<Bytes> = flags.iter().flat_map(|flag| self.fill(rule, flag)).collect();
        if !filled.is_empty() {
            self.put(row, filled, languages(&row.languages));
        }
    }

    /// One injection a warning, for the languages in which this compiler knows it. Each is asked about behind those
    /// that it takes already: gcc knows `-Wformat-security` only behind `-Wformat`.
    fn warnings(&mut self, row: &InjectionRow, flags: &[&str]) {
        let mut taken: BTreeMap<Language, Vec<String>> = BTreeMap::new();
        for warning in &self.policy.werror_flags {
            let filled: Vec<String> = flags.iter().map(|flag| flag.replace("{flag}", warning)).collect();
            let knowing = self.accepted(row.id.get_ref(), &filled, languages(&row.languages), &taken);
            for language in knowing.iter() {
                taken.entry(language).or_default().extend(filled.iter().cloned());
            }
            if !knowing.is_empty() {
                self.put(row, filled.into_iter().map(String::into_bytes).collect(), knowing);
            }
        }
    }

    fn put(&mut self, row: &InjectionRow, flags: Vec<Bytes>, languages: Languages) {
        self.injections.push(Injection {
            rule: row.id.get_ref().clone(),
            why: row.why.clone(),
            slot: row.slot.0,
            flags,
            kinds: row.kinds.0,
            languages,
            probes: row.probes,
            unless: row.unless.map(|effect| effect.0),
            needs: row.needs.map(|effect| effect.0),
            exports: row.exports.0,
        });
    }

    /// The policy's own flags.
    fn policy_flags(&mut self, flags: &PolicyFlags) {
        let rule = self.toolchains.policy_flags.id.clone();
        let mut languages = flags.languages;
        if !languages.is_empty() {
            languages = self.accepted(&rule, &flags.flags, languages, &BTreeMap::new());
            if languages.is_empty() {
                return;
            }
        }
        self.injections.push(Injection {
            rule,
            why: flags.why.clone(),
            slot: flags.slot,
            flags: flags.flags.iter().map(|flag| flag.clone().into_bytes()).collect(),
            kinds: flags.kinds,
            languages,
            probes: flags.probes,
            unless: None,
            needs: None,
            exports: ExportsKnown::Any,
        });
    }

    /// Those of the languages in which the compiler takes the flags, `behind` others. A language that it has no front end for is no loss;
    /// an objection to the flags is reported.
    fn accepted(
        &mut self,
        rule: &str,
        flags: &[String],
        wanted: Languages,
        behind: &BTreeMap<Language, Vec<String>>,
    ) -> Languages {
        let mut taken = Languages::NONE;
        for language in wanted.iter().filter(|language| self.facts.oracle.speaks(*language)) {
            let earlier = behind.get(&language).map_or(&[][..], Vec::as_slice);
            match self.facts.oracle.objection(&[earlier, flags].concat(), language) {
                None => taken.insert(language),
                Some(words) => {
                    self.leave_out(rule, flags.join(" "), format!("not for {}: {words}", language.name()));
                }
            }
        }
        taken
    }

    fn too_old(&self, row: &InjectionRow) -> Option<String> {
        let since = *row.since.get(&Coded(self.facts.dialect))?;
        let (major, minor, _) = self.facts.version;
        (Version(major, minor) < since).then(|| {
            format!("{} {major}.{minor} does not have it; {since} is the first", self.facts.dialect.name())
        })
    }

    fn other_linker(&self, row: &InjectionRow) -> Option<String> {
        let wanted = row.linker.as_ref()?;
        let line = &self.facts.linker;
        if line.is_empty() {
            return Some(format!("its linker is not known, and only {} is known to take it", wanted.name));
        }
        if !line.starts_with(wanted.name.as_str()) {
            return Some(format!("its linker is not {}: {line}", wanted.name));
        }
        match last_version(line) {
            Some(version) if version >= wanted.since => None,
            _ => Some(format!("{} {} is the first that takes it: {line}", wanted.name, wanted.since)),
        }
    }

    /// A flag with the family's level filled in.
    fn levelled(&self, flag: &str) -> String {
        self.family.level.map_or(flag.to_owned(), |level| flag.replace("{level}", level.name()))
    }

    /// A pattern for each level above the family's, if it speaks of them.
    fn above(&self, pattern: &str) -> Vec<String> {
        if !pattern.contains("{above}") {
            return vec![pattern.to_owned()];
        }
        let above = Level::ALL.iter().filter(|level| self.family.level.is_some_and(|own| **level > own));
        above.map(|level| pattern.replace("{above}", level.name())).collect()
    }

    /// Fills in what is known now; the rest is the shim's. One flag may become several.
    fn fill(&mut self, rule: &str, flag: &str) -> Vec<Bytes> {
        let flag = self.levelled(flag);
        if PER_PATH.iter().any(|word| flag.contains(word)) {
            return self.paths(&flag);
        }
        let Some((head, tail)) = flag.split_once("{map}") else { return vec![flag.into_bytes()] };
        let mut maps: Vec<_> = self.reproducible.map(|wanted| wanted.maps.clone()).unwrap_or_default();
        // Of several maps that fit, gcc takes the last: the deepest folder must come last.
        maps.sort_by(|(a, _), (b, _)| (a.as_os_str().len(), a).cmp(&(b.as_os_str().len(), b)));
        let mut filled = vec![];
        for (from, to) in maps {
            let from = from.as_os_str().as_bytes();
            if from.contains(&b'=') {
                let what = flag.replace("{map}", &String::from_utf8_lossy(from));
                self.leave_out(rule, what, "a folder with `=` in its name cannot be mapped");
                continue;
            }
            filled.push([head.as_bytes(), from, b"=", to.as_bytes(), tail.as_bytes()].concat());
        }
        filled
    }

    fn rules(&self) -> Vec<Rule> {
        let rows = self.toolchains.rules.iter();
        rows.filter(|row| self.concerns(&row.when, &row.dialects)).flat_map(|row| self.rule(row)).collect()
    }

    /// A text with each placeholder of the cross build filled in: one for each path that it stands for, which may be
    /// none.
    fn paths(&self, text: &str) -> Vec<Bytes> {
        let known = |word: &str| self.facts.cross.and_then(|cross| cross.fills.get(word));
        let Some((head, rest)) = text.split_once('{') else { return vec![text.as_bytes().to_vec()] };
        let Some((word, tail)) = rest.split_once('}') else { return vec![text.as_bytes().to_vec()] };
        if FILLED_BY_SHIM.contains(&word) {
            return vec![text.as_bytes().to_vec()];
        }
        let paths = known(word).into_iter().flatten();
        paths.map(|path| [head.as_bytes(), path, tail.as_bytes()].concat()).collect()
    }

    /// One rule a value.
    fn rule(&self, row: &RuleRow) -> Vec<Rule> {
        let level = self.family.level.map_or("", Level::name);
        let fill = |text: &str| text.replace("{level}", level);
        let rule = |value: Option<Bytes>| Rule {
            rule: row.id.get_ref().clone(),
            why: row.why.clone(),
            hint: fill(&row.hint),
            effect: row.effect.0,
            value,
            pattern: !row.patterns.is_empty(),
            repeated: row.repeated,
            level: row.level.0,
            action: row.action.get_ref().0,
            with: row.with.iter().flat_map(|flag| self.paths(&fill(flag.get_ref()))).collect(),
            kinds: row.kinds.0,
            probes: row.probes,
        };
        if !row.patterns.is_empty() {
            let patterns = row.patterns.iter().flat_map(|pattern| self.above(pattern.get_ref()));
            let patterns = patterns.flat_map(|pattern| self.paths(&pattern));
            let mut patterns: Vec<Bytes> = patterns.collect();
            patterns.sort_unstable();
            patterns.dedup();
            return patterns.into_iter().map(|pattern| rule(Some(pattern))).collect();
        }
        if row.values.is_empty() {
            return vec![rule(None)];
        }
        if let [only] = &row.values[..]
            && only.get_ref() == "{target_triples}"
        {
            let mut names = self.paths(only.get_ref());
            names.sort_unstable();
            names.dedup();
            return names.into_iter().map(|name| rule(Some(name))).collect();
        }
        let mut values: Vec<String> = vec![];
        for value in &row.values {
            match value.get_ref().as_str() {
                "{machine}" => values.push(self.facts.machine.clone()),
                "{triples}" => values.extend(self.toolchains.isa.triples.iter().cloned()),
                value => values.push(fill(value)),
            }
        }
        values.retain(|value| !value.is_empty());
        values.sort_unstable();
        values.dedup();
        values.into_iter().map(|value| rule(Some(value.into_bytes()))).collect()
    }
}

/// The last word of a line that is a version: `GNU ld (GNU Binutils for Debian) 2.40`.
fn last_version(line: &str) -> Option<Version> {
    line.split_whitespace().rev().find_map(|word| {
        let mut numbers = word.split(['.', '-']).map(|number| number.parse::<u32>().ok());
        Some(Version(numbers.next()??, numbers.next()??))
    })
}
