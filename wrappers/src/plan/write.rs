//! Lays a plan out flat. Runs once, at set-up; it refuses what the shim could only guess at.

use std::collections::HashMap;
use std::fmt;

use super::code::Effect;
use super::data::{Bytes, Demote, Injection, OptionRow, PlanData, ProbeRow, Profile, Rule, Tool};
use super::layout::{self, NONE};

/// Why a plan cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Two tools of one name.
    DuplicateTool(String),
    /// Two option rows of one spelling in one table.
    DuplicateOption(String),
    /// A tool names a profile that is not there.
    NoSuchProfile(String),
    /// A path that must be absolute is not.
    RelativePath(Bytes),
    /// More than 4 GiB.
    TooLarge,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateTool(name) => write!(f, "the tool `{name}` is there twice"),
            Self::DuplicateOption(spelling) => write!(f, "the option `{spelling}` is there twice"),
            Self::NoSuchProfile(name) => write!(f, "the tool `{name}` names a profile that is not there"),
            Self::RelativePath(path) => {
                write!(f, "`{}` is not an absolute path", String::from_utf8_lossy(path))
            }
            Self::TooLarge => f.write_str("the plan is larger than 4 GiB"),
        }
    }
}

impl std::error::Error for WriteError {}

/// The bytes of the plan file.
pub fn write(plan: &PlanData) -> Result<Vec<u8>, WriteError> {
    let mut w = Writer {
        out: vec![0; layout::HEADER + 4 * layout::ROOT],
        pool: HashMap::new(),
        lists: HashMap::new(),
    };
    let mut root = Vec::with_capacity(layout::ROOT);
    root.extend(w.string(plan.family.as_bytes()));
    root.extend(w.path(&plan.bin)?);
    root.extend(w.optional(plan.record.as_deref()));
    root.extend(w.path(&plan.scratch)?);
    root.extend(w.names(&plan.env_allow));
    root.extend(w.tools(plan)?);
    let tables = plan.options.iter().map(|(dialect, rows)| {
        let [at, count] = w.rows(rows)?;
        Ok([u32::from(dialect.code()), at, count])
    });
    let tables: Vec<_> = tables.collect::<Result<_, _>>()?;
    root.extend(w.records(&tables));
    let profiles: Vec<_> = plan.profiles.iter().map(|p| w.profile(p)).collect();
    root.extend(w.records(&profiles));
    let probes: Vec<_> = plan.probes.iter().map(|p| w.probe(p)).collect();
    root.extend(w.records(&probes));
    root.push(u32::from(plan.file_limit));
    w.finish(&root)
}

struct Writer {
    out: Vec<u8>,
    /// Strings that were written, so that each is there once.
    pool: HashMap<Bytes, [u32; 2]>,
    /// Lists that were written, by the words of an element, likewise: compilers have much in common.
    lists: HashMap<(usize, Vec<u8>), [u32; 2]>,
}

/// The key of a text, in two words.
fn key(text: &[u8]) -> [u32; 2] {
    let key = layout::key(text).to_le_bytes();
    let half = |at: usize| pack(key[at], key[at + 1], key[at + 2], key[at + 3]);
    [half(0), half(4)]
}

/// Four bytes as one word.
fn pack(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_le_bytes([a, b, c, d])
}

impl Writer {
    #[expect(clippy::cast_possible_truncation, reason = "`finish` refuses a file over 4 GiB")]
    fn at(&self) -> u32 {
        self.out.len() as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "`finish` refuses a file over 4 GiB")]
    fn string(&mut self, text: &[u8]) -> [u32; 2] {
        if let Some(known) = self.pool.get(text) {
            return *known;
        }
        let place = [self.at(), text.len() as u32];
        self.out.extend_from_slice(text);
        self.pool.insert(text.to_vec(), place);
        place
    }

    fn optional(&mut self, text: Option<&[u8]>) -> [u32; 2] {
        text.map_or([0, 0], |text| self.string(text))
    }

    fn path(&mut self, path: &[u8]) -> Result<[u32; 2], WriteError> {
        if path.starts_with(b"/") {
            Ok(self.string(path))
        } else {
            Err(WriteError::RelativePath(path.to_vec()))
        }
    }

    fn strings<T: AsRef<[u8]>>(&mut self, list: &[T]) -> [u32; 2] {
        let places: Vec<_> = list.iter().map(|text| self.string(text.as_ref())).collect();
        self.records(&places)
    }

    /// An array of records of the same size: where it is, how many there are.
    #[expect(clippy::cast_possible_truncation, reason = "`finish` refuses a file over 4 GiB")]
    fn records<const N: usize>(&mut self, records: &[[u32; N]]) -> [u32; 2] {
        let bytes: Vec<u8> = records.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
        if let Some(known) = self.lists.get(&(N, bytes.clone())) {
            return *known;
        }
        self.out.resize(self.out.len().next_multiple_of(4), 0);
        let place = [self.at(), records.len() as u32];
        self.out.extend_from_slice(&bytes);
        self.lists.insert((N, bytes), place);
        place
    }

    fn names(&mut self, names: &[String]) -> [u32; 2] {
        let mut sorted: Vec<_> = names.iter().map(String::as_bytes).collect();
        sorted.sort_unstable();
        let records = sorted.iter().map(|name| {
            let ([at, len], [low, high]) = (self.string(name), key(name));
            [at, len, low, high]
        });
        let records: Vec<_> = records.collect();
        self.records(&records)
    }

    fn tools(&mut self, plan: &PlanData) -> Result<[u32; 2], WriteError> {
        let mut sorted: Vec<_> = plan.tools.iter().collect();
        sorted.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(WriteError::DuplicateTool(pair[0].name.clone()));
        }
        let records = sorted.iter().map(|tool| self.tool(tool, plan.profiles.len()));
        let records: Vec<_> = records.collect::<Result<_, _>>()?;
        Ok(self.records(&records))
    }

    fn tool(&mut self, tool: &Tool, profiles: usize) -> Result<[u32; layout::TOOL], WriteError> {
        let profile = match tool.profile {
            None => NONE,
            Some(index) if index < profiles => u32::try_from(index).map_err(|_| WriteError::TooLarge)?,
            Some(_) => return Err(WriteError::NoSuchProfile(tool.name.clone())),
        };
        let [name, name_len] = self.string(tool.name.as_bytes());
        let [real, real_len] = self.path(&tool.real)?;
        let [launcher, launcher_len] = match &tool.launcher {
            Some(path) => self.path(path)?,
            None => [0, 0],
        };
        let [machine, machine_len] = self.string(tool.machine.as_bytes());
        let codes = pack(tool.role.code(), tool.dialect.code(), u8::from(tool.keeps_path), 0);
        let ([lead, leads], [asks, asked]) = (self.strings(&tool.lead), self.strings(&tool.asks));
        Ok([
            name,
            name_len,
            real,
            real_len,
            launcher,
            launcher_len,
            machine,
            machine_len,
            codes,
            profile,
            lead,
            leads,
            asks,
            asked,
        ])
    }

    fn rows(&mut self, rows: &[OptionRow]) -> Result<[u32; 2], WriteError> {
        let mut sorted: Vec<_> = rows.iter().collect();
        sorted.sort_by(|a, b| a.spelling.as_bytes().cmp(b.spelling.as_bytes()));
        // The chain of rows whose spelling starts the one before it: `-W`, `-Wl,`, `-Wl,--version`.
        let mut chain: Vec<u32> = Vec::new();
        let mut records = Vec::with_capacity(sorted.len());
        for (index, row) in (0u32..).zip(&sorted) {
            if index > 0 && sorted[index as usize - 1].spelling == row.spelling {
                return Err(WriteError::DuplicateOption(row.spelling.clone()));
            }
            while chain.last().is_some_and(|at| !row.spelling.starts_with(&sorted[*at as usize].spelling)) {
                chain.pop();
            }
            let [at, len] = self.string(row.spelling.as_bytes());
            let codes = pack(row.form.code(), row.effect.code(), row.level, 0);
            let [low, high] = key(row.spelling.as_bytes());
            records.push([at, len, codes, chain.last().copied().unwrap_or(NONE), low, high]);
            chain.push(index);
        }
        Ok(self.records(&records))
    }

    fn profile(&mut self, profile: &Profile) -> [u32; layout::PROFILE] {
        let mut marches: Vec<_> = profile.marches.iter().collect();
        marches.sort();
        let marches: Vec<_> = marches
            .into_iter()
            .map(|(name, level)| {
                let [at, len] = self.string(name.as_bytes());
                [at, len, u32::from(*level)]
            })
            .collect();
        let [marches, marches_count] = self.records(&marches);
        let injections: Vec<_> = profile.injections.iter().map(|i| self.injection(i)).collect();
        let [injections, injections_count] = self.records(&injections);
        let rules: Vec<_> = profile.rules.iter().map(|r| self.rule(r)).collect();
        let [rules, rules_count] = self.records(&rules);
        let demote: Vec<_> = profile.demote.iter().map(|d| self.demote(d)).collect();
        let [demote, demote_count] = self.records(&demote);
        let [names, names_count] = self.strings(&profile.export_names);
        let codes = pack(profile.level, profile.exports.code(), 0, 0);
        [
            codes,
            marches,
            marches_count,
            injections,
            injections_count,
            rules,
            rules_count,
            demote,
            demote_count,
            names,
            names_count,
        ]
    }

    fn injection(&mut self, i: &Injection) -> [u32; layout::INJECTION] {
        let [rule, rule_len] = self.string(i.rule.as_bytes());
        let [why, why_len] = self.string(i.why.as_bytes());
        let [flags, flags_count] = self.strings(&i.flags);
        let place = |effect: Option<Effect>| effect.map_or(0, |effect| effect.code() + 1);
        let codes = pack(i.slot.code(), u8::from(i.probes), place(i.unless), place(i.needs));
        let exports = u32::from(i.exports.code());
        [rule, rule_len, why, why_len, flags, flags_count, codes, i.kinds.0, i.languages.0, exports]
    }

    fn rule(&mut self, r: &Rule) -> [u32; layout::RULE] {
        let [rule, rule_len] = self.string(r.rule.as_bytes());
        let [why, why_len] = self.string(r.why.as_bytes());
        let [hint, hint_len] = self.string(r.hint.as_bytes());
        let [value, value_len] = self.optional(r.value.as_deref());
        let [with, with_count] = self.strings(&r.with);
        let flags = u8::from(r.probes) | u8::from(r.pattern) << 1 | u8::from(r.repeated) << 2;
        let codes = pack(r.effect.code(), r.level.code(), r.action.code(), flags);
        [rule, rule_len, why, why_len, hint, hint_len, value, value_len, with, with_count, codes, r.kinds.0]
    }

    fn demote(&mut self, d: &Demote) -> [u32; layout::DEMOTE] {
        let [rule, rule_len] = self.string(d.rule.as_bytes());
        let [why, why_len] = self.string(d.why.as_bytes());
        let [flags, flags_count] = self.strings(&d.flags);
        let [each, each_len] = self.string(&d.each);
        [rule, rule_len, why, why_len, flags, flags_count, each, each_len]
    }

    fn probe(&mut self, p: &ProbeRow) -> [u32; layout::PROBE] {
        let [name, name_len] = self.string(p.name.as_bytes());
        let [why, why_len] = self.string(p.why.as_bytes());
        let mut pattern = |text: &Option<String>| self.optional(text.as_ref().map(String::as_bytes));
        let [cwd, cwd_len] = pattern(&p.cwd);
        let [input, input_len] = pattern(&p.input);
        let [output, output_len] = pattern(&p.output);
        let codes = pack(u8::from(p.no_output), u8::from(p.outside), 0, 0);
        [name, name_len, why, why_len, cwd, cwd_len, input, input_len, output, output_len, codes]
    }

    fn finish(mut self, root: &[u32]) -> Result<Vec<u8>, WriteError> {
        debug_assert_eq!(root.len(), layout::ROOT);
        let length = u32::try_from(self.out.len()).map_err(|_| WriteError::TooLarge)?;
        let words: Vec<u8> = root.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.out[layout::HEADER..layout::HEADER + words.len()].copy_from_slice(&words);
        let sum = layout::checksum(&self.out[layout::HEADER..]);
        self.out[..8].copy_from_slice(layout::MAGIC);
        self.out[8..12].copy_from_slice(&layout::VERSION.to_le_bytes());
        self.out[12..16].copy_from_slice(&length.to_le_bytes());
        self.out[16..24].copy_from_slice(&sum.to_le_bytes());
        Ok(self.out)
    }
}
