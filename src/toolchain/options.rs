//! Option tables: what a dialect inherits, less what it reads in another way, plus its own, plus the instruction sets.

use std::collections::BTreeMap;

use crosswheel_shim::plan::{Dialect, Effect, Form, OptionRow};

use super::file::{DialectFacts, Isa, OptionTable};
use super::toolchains::Placed;
use crate::error::Result;
use crate::topology::Level;

/// Level of what is in no level.
pub(super) const BEYOND: u8 = 5;

/// Rows of all dialects, by spelling.
pub(super) type Tables = BTreeMap<Dialect, BTreeMap<String, OptionRow>>;

/// What the tables are made of.
pub(super) struct Parts<'a> {
    pub facts: &'a BTreeMap<Dialect, Placed<DialectFacts>>,
    pub options: &'a BTreeMap<Dialect, Placed<OptionTable>>,
    pub isa: &'a Isa,
}

/// Puts all tables together.
pub(super) fn tables(parts: &Parts) -> Result<Tables> {
    let mut tables = Tables::new();
    for dialect in Dialect::ALL {
        table(parts, *dialect, &mut tables, &mut vec![])?;
    }
    Ok(tables)
}

fn table(parts: &Parts, dialect: Dialect, tables: &mut Tables, path: &mut Vec<Dialect>) -> Result<()> {
    if tables.contains_key(&dialect) {
        return Ok(());
    }
    path.push(dialect);
    let mut rows = BTreeMap::new();
    if let Some(facts) = parts.facts.get(&dialect) {
        if let Some(parent) = &facts.value.inherits {
            let base = parent.get_ref().0;
            if path.contains(&base) {
                let way: Vec<&str> = path.iter().chain([&base]).map(|one| one.name()).collect();
                let message = format!("dialects inherit in a circle: {}", way.join(" from "));
                return Err(facts.source.error(parent.span(), &message));
            }
            table(parts, base, tables, path)?;
            rows.clone_from(&tables[&base]);
        }
        for spelling in &facts.value.without {
            if rows.remove(spelling.get_ref()).is_none() {
                let message = format!("`{}` is not inherited", spelling.get_ref());
                return Err(facts.source.error(spelling.span(), &message));
            }
        }
    }
    let mut own = own(parts, dialect)?;
    rows.append(&mut own);
    if matches!(dialect, Dialect::Gcc | Dialect::Clang) {
        for row in extensions(parts.isa) {
            rows.entry(row.spelling.clone()).or_insert(row);
        }
    }
    tables.insert(dialect, rows);
    path.pop();
    Ok(())
}

/// The dialect's own rows, each spelling once.
fn own(parts: &Parts, dialect: Dialect) -> Result<BTreeMap<String, OptionRow>> {
    let mut rows: BTreeMap<String, OptionRow> = BTreeMap::new();
    let Some(table) = parts.options.get(&dialect) else { return Ok(rows) };
    for (effect, forms) in &table.value {
        for (form, spellings) in forms {
            for spelling in spellings {
                let text = spelling.get_ref();
                if !text.starts_with('-') || text.len() < 2 {
                    return Err(table.source.error(spelling.span(), "an option begins with `-`"));
                }
                if let Some(earlier) = rows.get(text) {
                    let message = format!(
                        "`{text}` is here as {} {} and elsewhere as {} {}",
                        effect.0.name(),
                        form.0.name(),
                        earlier.effect.name(),
                        earlier.form.name()
                    );
                    return Err(table.source.error(spelling.span(), &message));
                }
                let row = OptionRow { spelling: text.clone(), form: form.0, effect: effect.0, level: 0 };
                rows.insert(text.clone(), row);
            }
        }
    }
    Ok(rows)
}

/// `-m<feature>` and `-mno-<feature>`.
fn extensions(isa: &Isa) -> impl Iterator<Item = OptionRow> {
    features(isa).flat_map(|(feature, level)| {
        [("-m", Effect::IsaOn), ("-mno-", Effect::IsaOff)].map(|(dash, effect)| OptionRow {
            spelling: format!("{dash}{feature}"),
            form: Form::Flag,
            effect,
            level,
        })
    })
}

/// Extensions with their level.
pub(super) fn features(isa: &Isa) -> impl Iterator<Item = (&str, u8)> {
    let levels = isa.levels.iter().flat_map(|(name, level)| {
        let number = Level::parse(name.get_ref()).map_or(BEYOND, Level::number);
        level.features.iter().map(move |feature| (feature.get_ref().as_str(), number))
    });
    levels.chain(isa.beyond.features.iter().map(|feature| (feature.get_ref().as_str(), BEYOND)))
}
