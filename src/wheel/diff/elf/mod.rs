//! Two ELF files: in what they differ, and whether what runs is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;

use super::Sides;
use crate::wheel::archive::Source;

mod aspect;
mod read;
pub(super) mod sections;

pub use aspect::Aspect;
pub(super) use read::Facts;
use read::Symbol;
pub use sections::SectionDiff;

/// How two ELF files differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ElfDiff {
    /// In what, from what matters most on. What only follows from the rest is left out.
    pub aspects: Vec<Aspect>,
    /// Values of which there is one: what, and both.
    pub values: Vec<ValueDiff>,
    /// Values of which there are several: NEEDED, symbol versions, compilers, properties.
    pub lists: Vec<ListDiff>,
    /// Dynamic symbols.
    pub symbols: SymbolsDiff,
    /// Sections, by name.
    pub sections: Vec<SectionDiff>,
}

/// A value in place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueDiff {
    /// What.
    pub what: &'static str,
    /// Both; `None` if there is none.
    #[serde(flatten)]
    pub value: Sides<Option<String>>,
}

/// Values that only one has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListDiff {
    /// What.
    pub what: &'static str,
    /// Those that only the first has.
    pub removed: Vec<String>,
    /// Those that only the second has.
    pub added: Vec<String>,
    /// Both have the same, in another order.
    pub order: bool,
}

/// Dynamic symbols that differ, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SymbolsDiff {
    /// Those that only the first has, with their version.
    pub removed: Vec<String>,
    /// Those that only the second has, with their version.
    pub added: Vec<String>,
    /// Those of which something is another.
    pub changed: Vec<SymbolDiff>,
}

/// A symbol that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SymbolDiff {
    /// Its name.
    pub name: String,
    /// What changed: `version`, `size`, `kind`, `defined`.
    pub what: &'static str,
    /// Both.
    #[serde(flatten)]
    pub value: Sides<String>,
}

impl ElfDiff {
    /// Whether what is executed is the same.
    #[must_use]
    pub fn same_code(&self) -> bool {
        !self.aspects.iter().any(|aspect| aspect.is_run())
    }

    fn value(&mut self, what: &'static str, aspect: Aspect, a: Option<String>, b: Option<String>) {
        if a != b {
            self.values.push(ValueDiff { what, value: Sides { a, b } });
            self.aspects.push(aspect);
        }
    }

    fn list(&mut self, what: &'static str, aspect: Aspect, a: &[String], b: &[String]) {
        if a != b {
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                let those: BTreeSet<&String> = those.iter().collect();
                these.iter().filter(|value| !those.contains(value)).cloned().collect()
            };
            let (removed, added) = (only(a, b), only(b, a));
            let order = removed.is_empty() && added.is_empty();
            self.lists.push(ListDiff { what, removed, added, order });
            self.aspects.push(aspect);
        }
    }
}

/// Compares two files whose bytes differ. Fails if bytes cannot be read.
pub(super) fn compare(
    (one, bytes_a): (&Facts, &dyn Source),
    (other, bytes_b): (&Facts, &dyn Source),
) -> io::Result<ElfDiff> {
    let mut diff = ElfDiff::default();
    facts(&mut diff, one, other);
    diff.symbols = symbols(&one.symbols, &other.symbols);
    if diff.symbols != SymbolsDiff::default() {
        diff.aspects.push(Aspect::Symbols);
    }
    diff.sections = sections::compare((bytes_a, &one.sections), (bytes_b, &other.sections))?;
    let table = one.table != other.table;
    for section in &diff.sections {
        let there = section.size.a.is_some() && section.size.b.is_some();
        let told = diff.aspects.contains(&section.aspect) || (section.aspect == Aspect::SymbolTable && table);
        let aspect = if there && section.aspect.is_read() && !told { Aspect::Layout } else { section.aspect };
        diff.aspects.push(aspect);
    }
    diff.aspects.sort_unstable();
    diff.aspects.dedup();
    // Tables and addresses follow from all that moves things; alone they are worth a word.
    let follows = |aspect: &Aspect| !matches!(aspect, Aspect::Layout | Aspect::BuildId | Aspect::Comment);
    if diff.aspects.iter().any(follows) {
        diff.aspects.retain(|aspect| *aspect != Aspect::Layout);
    }
    if diff.aspects.is_empty() {
        diff.aspects.push(Aspect::Layout);
    }
    Ok(diff)
}

/// What was read, value by value.
fn facts(diff: &mut ElfDiff, a: &Facts, b: &Facts) {
    let some = |text: &String| Some(text.clone());
    diff.value("machine", Aspect::Machine, some(&a.machine), some(&b.machine));
    diff.value("type", Aspect::Type, some(&a.kind), some(&b.kind));
    let [one, other] = [&a.dynamic, &b.dynamic];
    diff.value("SONAME", Aspect::Soname, one.soname.clone(), other.soname.clone());
    let path = |path: &Vec<String>| (!path.is_empty()).then(|| path.join(":"));
    diff.value("RPATH", Aspect::Rpath, path(&one.rpath), path(&other.rpath));
    diff.value("RUNPATH", Aspect::Rpath, path(&one.runpath), path(&other.runpath));
    diff.value("interpreter", Aspect::Interpreter, one.interpreter.clone(), other.interpreter.clone());
    diff.value("build-id", Aspect::BuildId, a.build_id.clone(), b.build_id.clone());
    diff.list("NEEDED", Aspect::Needed, &one.needed, &other.needed);
    let [in_a, in_b] = [one, other].map(|dynamic| {
        let one = |(library, versions): (&String, &BTreeSet<String>)| {
            versions.iter().map(|version| format!("{version} ({library})")).collect::<Vec<_>>()
        };
        dynamic.versions.iter().flat_map(one).collect::<Vec<_>>()
    });
    diff.list("versions", Aspect::SymbolVersions, &in_a, &in_b);
    let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    diff.list("compilers", Aspect::Comment, &list(&a.comments), &list(&b.comments));
    diff.list("properties", Aspect::Properties, &list(&a.properties), &list(&b.properties));
    let notes = |facts: &Facts| {
        let one = |((owner, kind), text): (&(String, u32), &String)| format!("{owner} {kind}: {text}");
        facts.notes.iter().map(one).collect::<Vec<_>>()
    };
    diff.list("notes", Aspect::Notes, &notes(a), &notes(b));
}

type Symbols = BTreeMap<String, BTreeSet<Symbol>>;

fn symbols(a: &Symbols, b: &Symbols) -> SymbolsDiff {
    let mut diff = SymbolsDiff::default();
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let (of_a, of_b) = (a.get(name).unwrap_or(&none), b.get(name).unwrap_or(&none));
        if of_a == of_b {
            continue;
        }
        let mut only_a: Vec<&Symbol> = of_a.difference(of_b).collect();
        let mut only_b: Vec<&Symbol> = of_b.difference(of_a).collect();
        // The same version first; a single one may have got another.
        only_a.retain(|symbol| {
            let same = only_b.iter().position(|other| other.version == symbol.version);
            let Some(at) = same.or((of_a.len() == 1 && of_b.len() == 1).then_some(0)) else { return true };
            changes(&mut diff.changed, name, symbol, only_b.remove(at));
            false
        });
        let told = |symbol: &&Symbol| format!("{name}{}", symbol.version);
        diff.removed.extend(only_a.iter().map(told));
        diff.added.extend(only_b.iter().map(told));
    }
    diff
}

fn changes(to: &mut Vec<SymbolDiff>, name: &str, a: &Symbol, b: &Symbol) {
    let defined = |symbol: &Symbol| if symbol.defined { "defined" } else { "undefined" }.to_owned();
    let all = [
        ("version", a.version.clone(), b.version.clone()),
        ("size", a.size.to_string(), b.size.to_string()),
        ("kind", a.nature.clone(), b.nature.clone()),
        ("defined", defined(a), defined(b)),
    ];
    let changed = all.into_iter().filter(|(_, a, b)| a != b);
    to.extend(changed.map(|(what, a, b)| SymbolDiff { name: name.to_owned(), what, value: Sides { a, b } }));
}
