//! How two ELF files differ.

use std::io::{self, Write};

use super::super::super::out::{self, BOLD, DIM, GREEN, RED};
use super::detail::{cut, lists, more, sides};
use crate::wheel::diff::elf::{Aspect, ElfDiff, SectionDiff, SymbolsDiff};
use crate::wheel::diff::summary;

/// Ends the line of the file, and tells the rest below.
pub(super) fn show(to: &mut dyn Write, diff: &ElfDiff, limit: usize) -> io::Result<()> {
    writeln!(to, "  {BOLD}{}{BOLD:#}", summary::elf(diff))?;
    for value in &diff.values {
        sides(to, value.what, value.value.a.as_deref(), value.value.b.as_deref())?;
    }
    for list in &diff.lists {
        if list.order {
            writeln!(to, "    {}  in another order", list.what)?;
        }
        lists(to, list.what, &list.removed, &list.added, limit)?;
    }
    symbols(to, &diff.symbols, limit)?;
    sections(to, diff, limit)
}

fn symbols(to: &mut dyn Write, diff: &SymbolsDiff, limit: usize) -> io::Result<()> {
    lists(to, "symbol", &diff.removed, &diff.added, limit)?;
    for symbol in diff.changed.iter().take(limit) {
        let (name, what) = (cut(&symbol.name), symbol.what);
        writeln!(
            to,
            "    symbol  {name}  {DIM}{what}{DIM:#} {RED}{}{RED:#} → {GREEN}{}{GREEN:#}",
            or_none(&symbol.value.a),
            or_none(&symbol.value.b)
        )?;
    }
    more(to, diff.changed.len(), limit)
}

fn or_none(value: &str) -> String {
    if value.is_empty() { "none".to_owned() } else { cut(value) }
}

/// Sections in a line; below it, texts in them that differ.
fn sections(to: &mut dyn Write, diff: &ElfDiff, limit: usize) -> io::Result<()> {
    // What follows, or was told by its values, is worth no word unless all is asked for.
    let told = |section: &&SectionDiff| {
        let there = section.size.a.is_some() && section.size.b.is_some();
        let layout = section.aspect == Aspect::Layout && !diff.aspects.contains(&Aspect::Layout);
        limit == usize::MAX || !(layout || (there && section.aspect.is_read()))
    };
    let mut shown: Vec<&SectionDiff> = diff.sections.iter().filter(told).collect();
    shown.sort_by_key(|section| (section.aspect, std::cmp::Reverse(section.size.a.max(section.size.b))));
    if shown.is_empty() {
        return Ok(());
    }
    write!(to, "    sections")?;
    for section in shown.iter().take(limit) {
        let name = cut(&section.name);
        match (section.size.a, section.size.b) {
            (Some(a), Some(b)) if a == b => write!(to, "  {name} {DIM}{}{DIM:#}", out::count(a))?,
            (Some(a), Some(b)) => write!(to, "  {name} {DIM}{} → {}{DIM:#}", out::count(a), out::count(b))?,
            (Some(a), None) => write!(to, "  {RED}- {name}{RED:#} {DIM}{}{DIM:#}", out::count(a))?,
            (None, Some(b)) => write!(to, "  {GREEN}+ {name}{GREEN:#} {DIM}{}{DIM:#}", out::count(b))?,
            (None, None) => {}
        }
    }
    if shown.len() > limit {
        write!(to, "  {DIM}{} more{DIM:#}", shown.len() - limit)?;
    }
    writeln!(to)?;
    for section in shown.iter().take(limit) {
        if let (Some(text), Some(at)) = (&section.text, section.first) {
            sides(to, &format!("{} at {at:#x}", cut(&section.name)), Some(&text.a), Some(&text.b))?;
        }
    }
    Ok(())
}
