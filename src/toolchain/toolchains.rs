//! All toolchain files as one: read, joined and checked.
//!
//! The files that come with crosswheel are built in; a folder replaces those of the same name and adds others. A set
//! that was loaded is sound, and every fault is refused with file, line and caret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crosswheel_shim::plan::{Action, Dialect, Effect, OptionRow, ProbeRow, Role};
use toml::Spanned;

use super::file::{
    CompilerRow, Demotion, DialectFacts, File, InjectionRow, Isa, MachineRow, OptionTable, PolicyFlagsRow,
    Probe, RuleRow,
};
use super::options::{self, Parts, Tables};
use crate::error::{Error, IoContext, Result};
use crate::source::Source;
use crate::source::near::suggest;
use crate::topology::Level;

macro_rules! builtin {
    ($($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../../wrappers/toolchains/", $name))),)+]
    };
}

/// The files that come with crosswheel.
const BUILTIN: &[(&str, &str)] = builtin![
    "binutils.toml",
    "clang.toml",
    "cross.toml",
    "emscripten.toml",
    "environment.toml",
    "gcc.toml",
    "machines.toml",
    "names.toml",
    "probes.toml",
    "rules.toml",
    "x86.toml",
    "zig.toml",
];

/// A part of a file with the file that it came from.
#[derive(Clone)]
pub(super) struct Placed<T> {
    pub value: T,
    pub source: Arc<Source>,
}

/// What is known of all toolchains.
pub struct Toolchains {
    pub(super) machines: BTreeSet<String>,
    pub(super) names: BTreeMap<String, (Role, Option<Dialect>)>,
    pub(super) dialects: BTreeMap<Dialect, DialectFacts>,
    pub(super) isa: Isa,
    pub(super) rules: Vec<RuleRow>,
    pub(super) injections: Vec<InjectionRow>,
    pub(super) demotion: Demotion,
    pub(super) policy_flags: PolicyFlagsRow,
    pub(super) compilers: BTreeMap<String, CompilerRow>,
    pub(super) machine_rows: BTreeMap<String, MachineRow>,
    tables: Tables,
    probes: Vec<ProbeRow>,
    env_allow: BTreeSet<String>,
}

impl Toolchains {
    /// Those that come with crosswheel.
    pub fn builtin() -> Result<Self> {
        Self::from_sources(builtin_sources().into_values())
    }

    /// Those that come with crosswheel, with the `*.toml` files of a folder in place of those of the same name or
    /// beside them.
    pub fn load_dir(folder: &Path) -> Result<Self> {
        let mut sources = builtin_sources();
        let mut found = false;
        for entry in std::fs::read_dir(folder).context("reading", folder)? {
            let path = entry.context("reading", folder)?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            found = true;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            sources.insert(name, Source::read(&path)?);
        }
        if !found {
            return Err(Error::usage(format!("{}: no *.toml file in this folder", folder.display()))
                .hint("copy a file of wrappers/toolchains/ there and change it"));
        }
        Self::from_sources(sources.into_values())
    }

    fn from_sources(sources: impl Iterator<Item = Source>) -> Result<Self> {
        let mut joined = Joined::default();
        for source in sources {
            joined.add(&Arc::new(source))?;
        }
        joined.check()
    }

    /// The option table of a dialect, by spelling.
    #[must_use]
    pub fn options(&self, dialect: Dialect) -> Vec<OptionRow> {
        self.tables.get(&dialect).map(|rows| rows.values().cloned().collect()).unwrap_or_default()
    }

    /// How probes are known, in the order of the files.
    #[must_use]
    pub fn probes(&self) -> Vec<ProbeRow> {
        self.probes.clone()
    }

    /// Environment variables that a record may show, sorted.
    #[must_use]
    pub fn env_allow(&self) -> Vec<String> {
        self.env_allow.iter().cloned().collect()
    }

    /// Names behind `-march=` with the number of their level, sorted.
    #[must_use]
    pub fn marches(&self) -> Vec<(String, u8)> {
        let mut marches: Vec<_> = self
            .isa
            .levels
            .iter()
            .filter_map(|(name, level)| Some((Level::parse(name.get_ref())?.number(), level)))
            .flat_map(|(number, level)| level.march.iter().map(move |name| (name.get_ref().clone(), number)))
            .collect();
        marches.sort_unstable();
        marches
    }
}

fn builtin_sources() -> BTreeMap<String, Source> {
    BUILTIN
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Source::new(format!("<built-in>/{name}"), *text)))
        .collect()
}

/// All files, before the checks that need them all.
#[derive(Default)]
struct Joined {
    machines: BTreeSet<String>,
    names: BTreeMap<String, (Role, Option<Dialect>)>,
    dialects: BTreeMap<Dialect, Placed<DialectFacts>>,
    options: BTreeMap<Dialect, Placed<OptionTable>>,
    isa: Option<Placed<Isa>>,
    rules: Vec<Placed<RuleRow>>,
    injections: Vec<Placed<InjectionRow>>,
    demotion: Option<Placed<Demotion>>,
    policy_flags: Option<Placed<PolicyFlagsRow>>,
    probes: Vec<ProbeRow>,
    env_allow: BTreeSet<String>,
    compilers: BTreeMap<String, Placed<CompilerRow>>,
    machine_rows: BTreeMap<String, Placed<MachineRow>>,
}

impl Joined {
    fn add(&mut self, source: &Arc<Source>) -> Result<()> {
        let file: File = source.parse()?;
        self.machines.extend(file.machines);
        self.env_allow.extend(file.environment.allow);
        for row in file.names {
            for name in row.list {
                let meaning = (row.role.0, row.dialect.map(|dialect| dialect.0));
                if self.names.insert(name.get_ref().clone(), meaning).is_some() {
                    let message = format!("the name `{}` is given twice", name.get_ref());
                    return Err(source.error(name.span(), &message));
                }
            }
        }
        for (dialect, facts) in file.dialect {
            once_in(
                &mut self.dialects,
                dialect.0,
                facts,
                source,
                &format!("[dialect.{}]", dialect.0.name()),
            )?;
        }
        for (dialect, table) in file.options {
            once_in(&mut self.options, dialect.0, table, source, &format!("[options.{}]", dialect.0.name()))?;
        }
        for (name, row) in file.compiler {
            once_in(&mut self.compilers, name.clone(), row, source, &format!("[compiler.{name}]"))?;
        }
        for (name, row) in file.machine {
            once_in(&mut self.machine_rows, name.clone(), row, source, &format!("[machine.{name}]"))?;
        }
        once(&mut self.isa, file.isa, source, "[isa]")?;
        once(&mut self.demotion, file.demotion, source, "[demotion]")?;
        once(&mut self.policy_flags, file.policy_flags, source, "[policy_flags]")?;
        let placed = |value| Placed { value, source: Arc::clone(source) };
        self.rules.extend(file.rules.into_iter().map(placed));
        let placed = |value| Placed { value, source: Arc::clone(source) };
        self.injections.extend(file.injections.into_iter().map(placed));
        for probe in file.probes {
            self.probes.push(probe_row(source, probe)?);
        }
        Ok(())
    }

    fn check(self) -> Result<Toolchains> {
        let isa = required(self.isa, "[isa]")?;
        check_isa(&isa)?;
        for rule in &self.rules {
            check_rule(rule)?;
        }
        for injection in &self.injections {
            check_injection(injection)?;
        }
        let tables =
            options::tables(&Parts { facts: &self.dialects, options: &self.options, isa: &isa.value })?;
        Ok(Toolchains {
            machines: self.machines,
            names: self.names,
            dialects: self.dialects.into_iter().map(|(dialect, facts)| (dialect, facts.value)).collect(),
            isa: isa.value,
            rules: self.rules.into_iter().map(|rule| rule.value).collect(),
            injections: self.injections.into_iter().map(|injection| injection.value).collect(),
            demotion: required(self.demotion, "[demotion]")?.value,
            policy_flags: required(self.policy_flags, "[policy_flags]")?.value,
            compilers: self.compilers.into_iter().map(|(name, row)| (name, row.value)).collect(),
            machine_rows: self.machine_rows.into_iter().map(|(name, row)| (name, row.value)).collect(),
            tables,
            probes: self.probes,
            env_allow: self.env_allow,
        })
    }
}

fn required<T>(part: Option<Placed<T>>, table: &str) -> Result<Placed<T>> {
    part.ok_or_else(|| Error::usage(format!("no toolchain file has the table {table}")))
}

fn once<T>(
    into: &mut Option<Placed<T>>,
    value: Option<Spanned<T>>,
    source: &Arc<Source>,
    table: &str,
) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    if let Some(earlier) = into {
        let message = format!("{table} is in {} already", earlier.source.name);
        return Err(source.error(value.span(), &message));
    }
    *into = Some(Placed { value: value.into_inner(), source: Arc::clone(source) });
    Ok(())
}

fn once_in<K: Ord, T>(
    into: &mut BTreeMap<K, Placed<T>>,
    key: K,
    value: Spanned<T>,
    source: &Arc<Source>,
    table: &str,
) -> Result<()> {
    let mut slot = into.remove(&key);
    once(&mut slot, Some(value), source, table)?;
    into.extend(slot.map(|placed| (key, placed)));
    Ok(())
}

fn probe_row(source: &Source, probe: Probe) -> Result<ProbeRow> {
    if probe.cwd.is_none() && probe.input.is_none() && probe.output.is_none() {
        let message = "a probe is known by `cwd`, `input` or `output`; this row would fit every call";
        return Err(source.error(probe.name.span(), message));
    }
    for pattern in [&probe.cwd, &probe.input, &probe.output].into_iter().flatten() {
        let text = pattern.get_ref();
        let rest = text.strip_prefix("{temp}").unwrap_or(text);
        if text.is_empty() || rest.contains(['{', '}']) {
            let message = format!("`{text}` is no pattern: `?`, `*`, `**`, and `{{temp}}` at the start");
            return Err(source.error(pattern.span(), &message));
        }
    }
    if probe.outside && probe.input.is_none() {
        return Err(source.error(probe.name.span(), "`outside` looks at the input's folder: give `input`"));
    }
    let text = |pattern: Option<Spanned<String>>| pattern.map(Spanned::into_inner);
    Ok(ProbeRow {
        name: probe.name.into_inner(),
        why: probe.why,
        cwd: text(probe.cwd),
        input: text(probe.input),
        output: text(probe.output),
        no_output: probe.no_output,
        outside: probe.outside,
    })
}

fn check_isa(isa: &Placed<Isa>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (name, level) in &isa.value.levels {
        if Level::parse(name.get_ref()).is_none() {
            let message =
                format!("unknown level `{}`; {}", name.get_ref(), suggest(name.get_ref(), Level::names()));
            return Err(isa.source.error(name.span(), &message));
        }
        for word in level.march.iter().chain(&level.features) {
            if !seen.insert(word.get_ref()) {
                let message = format!("`{}` is given twice", word.get_ref());
                return Err(isa.source.error(word.span(), &message));
            }
        }
    }
    for word in &isa.value.beyond.features {
        if !seen.insert(word.get_ref()) {
            return Err(isa.source.error(word.span(), &format!("`{}` is given twice", word.get_ref())));
        }
    }
    Ok(())
}

/// Effects whose values can be told by patterns.
const PATTERNED: &[Effect] = &[
    Effect::AsWritten,
    Effect::ForLinker,
    Effect::IncludeDir,
    Effect::IsaOff,
    Effect::IsaOn,
    Effect::Library,
    Effect::LibraryDir,
    Effect::Machine,
    Effect::Query,
];

fn check_rule(rule: &Placed<RuleRow>) -> Result<()> {
    let row = &rule.value;
    let action = row.action.get_ref().0;
    let fault = |message: &str| Err(rule.source.error(row.action.span(), message));
    match action {
        Action::Replace if row.with.is_empty() => {
            return fault("`replace` needs `with`; to take an argument out, `drop` it");
        }
        Action::Refuse if row.hint.is_empty() => {
            return fault("`refuse` needs a `hint` that says what can be done");
        }
        Action::Answer if row.with.is_empty() || row.effect.0 != Effect::Query => {
            return fault("`answer` needs `with`, and is for the effect `query`");
        }
        Action::Drop | Action::Refuse | Action::Note | Action::Keep if !row.with.is_empty() => {
            return fault("`with` goes with the actions `replace` and `answer` alone");
        }
        _ => {}
    }
    if !row.patterns.is_empty() && (!row.values.is_empty() || !PATTERNED.contains(&row.effect.0)) {
        let known: Vec<&str> = PATTERNED.iter().map(|effect| effect.name()).collect();
        return fault(&format!(
            "`patterns` goes without `values`, and with these effects: {}",
            known.join(", ")
        ));
    }
    if row.effect.0 == Effect::ForLinker
        && (row.patterns.is_empty() || !matches!(action, Action::Drop | Action::Note | Action::Refuse))
    {
        return fault("words for the linker are known by `patterns`, and are dropped, noted or refused");
    }
    for value in row.values.iter().chain(&row.patterns) {
        placeholders(
            &rule.source,
            value,
            &[
                "above",
                "level",
                "machine",
                "triples",
                "target_triples",
                "build_triplet",
                "python_headers",
                "python_libraries",
            ],
        )?;
    }
    for flag in &row.with {
        placeholders(&rule.source, flag, &["level", "value", "value_", "multiarch", "target_headers"])?;
    }
    Ok(())
}

fn check_injection(injection: &Placed<InjectionRow>) -> Result<()> {
    let row = &injection.value;
    for flag in &row.flags {
        let known = [
            "level",
            "map",
            "flag",
            "source",
            "cwd",
            "temp",
            "export",
            "sysroot_headers",
            "sysroot_libraries",
        ];
        placeholders(&injection.source, flag, &known)?;
    }
    if row.flags.is_empty() {
        return Err(injection.source.error(row.id.span(), "an injection without flags"));
    }
    Ok(())
}

/// What is written in braces must be known, or it would reach a compiler.
fn placeholders(source: &Source, text: &Spanned<String>, known: &[&str]) -> Result<()> {
    let mut rest = text.get_ref().as_str();
    while let Some((_, behind)) = rest.split_once('{') {
        let (word, after) = behind.split_once('}').unwrap_or((behind, ""));
        if !known.contains(&word) {
            let message =
                format!("unknown placeholder `{{{word}}}`; {}", suggest(word, known.iter().copied()));
            return Err(source.error(text.span(), &message));
        }
        rest = after;
    }
    Ok(())
}
