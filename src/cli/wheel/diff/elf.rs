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
    // What only follows is worth no line, unless all is asked for.
    let told = |section: &&SectionDiff| {
        limit == usize::MAX || section.aspect != Aspect::Layout || diff.aspects.contains(&Aspect::Layout)
    };
    let mut shown: Vec<&SectionDiff> = diff.sections.iter().filter(told).collect();
    shown.sort_by_key(|section| section.aspect);
    for section in shown.iter().take(limit) {
        self::section(to, section)?;
    }
    more(to, shown.len(), limit)
}

fn symbols(to: &mut dyn Write, diff: &SymbolsDiff, limit: usize) -> io::Result<()> {
    lists(to, "symbol", &diff.removed, &diff.added, limit)?;
    for symbol in diff.changed.iter().take(limit) {
        let (name, what) = (cut(&symbol.name), symbol.what);
        writeln!(
            to,
            "    symbol  {name}  {DIM}{what}{DIM:#} {RED}{}{RED:#} → {GREEN}{}{GREEN:#}",
            cut(&symbol.value.a),
            cut(&symbol.value.b)
        )?;
    }
    more(to, diff.changed.len(), limit)
}

fn section(to: &mut dyn Write, section: &SectionDiff) -> io::Result<()> {
    let name = cut(&section.name);
    let bytes = |size: u64| format!("{} bytes", out::count(size));
    match (section.size.a, section.size.b) {
        (Some(a), Some(b)) => {
            let size = if a == b { bytes(a) } else { format!("{} → {}", out::count(a), bytes(b)) };
            let first = section.first.map(|at| format!(", from {at:#x} on")).unwrap_or_default();
            writeln!(to, "    section  {name}  {DIM}{size}{first}{DIM:#}")?;
        }
        (Some(a), None) => writeln!(to, "    section  {RED}- {name}{RED:#}  {DIM}{}{DIM:#}", bytes(a))?,
        (None, Some(b)) => writeln!(to, "    section  {GREEN}+ {name}{GREEN:#}  {DIM}{}{DIM:#}", bytes(b))?,
        (None, None) => {}
    }
    match &section.text {
        Some(text) => sides(to, "  text", Some(&text.a), Some(&text.b)),
        None => Ok(()),
    }
}
