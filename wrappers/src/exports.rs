//! What a WebAssembly module that a call links is to export. Emscripten's linker exports what it is told by name, or all
//! that every archive holds; a linker for ELF exports what is visible. The names stand in the objects and archives of the
//! call, so these are read, and only at links of modules.
//!
//! A Python module exports its init function. A library that is none would be of no use with that, and exports what is
//! visible in it.

use crate::invocation::Invocation;
use crate::paths::base_name;
use crate::plan::view::Profile;
use crate::plan::{Effect, Exports, Kind};
use crate::sys::Map;
use crate::taken::is_binary;
use crate::wasm::{Symbol, symbols};

/// What a link exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
    /// These.
    Names(Vec<Vec<u8>>),
    /// Whatever is visible: the names cannot be told before the link.
    All,
}

/// What the link that a call makes exports; `None` if it is no link of a module, or nobody asks.
#[must_use]
pub fn of(call: &Invocation<'_>, profile: Option<Profile<'_>>) -> Option<Exported> {
    let profile = profile?;
    if call.kind != Kind::Link || !call.items.any(Effect::Shared) {
        return None;
    }
    match profile.exports() {
        Exports::Linker => None,
        Exports::WholeArchive => Some(Exported::All),
        Exports::List => Some(Exported::Names(profile.export_names().map(<[u8]>::to_vec).collect())),
        asked @ (Exports::Pyinit | Exports::Requested) => Some(read(call, asked == Exports::Requested)),
    }
}

fn read(call: &Invocation<'_>, visible: bool) -> Exported {
    let (mut told, mut inits, mut seen) = (call.sources.is_empty(), Vec::new(), Vec::new());
    for path in files(call) {
        let Some(file) = Map::open(path) else {
            told = false;
            continue;
        };
        let Some(found) = symbols(file.bytes()) else {
            // A module that is linked against gives nothing to this one.
            told &= is_module(file.bytes());
            continue;
        };
        for symbol in found {
            put(if is_init(&symbol) { &mut inits } else { &mut seen }, &symbol);
        }
    }
    let all = |mut names: Vec<(Vec<u8>, bool)>| {
        names.sort_unstable();
        names.dedup_by(|later, earlier| later.0 == earlier.0);
        names.into_iter()
    };
    let shown = |names| all(names).filter(|(_, hidden)| !hidden).map(|(name, _)| name);
    if visible {
        return if told { Exported::Names(shown([inits, seen].concat()).collect()) } else { Exported::All };
    }
    let mut names: Vec<Vec<u8>> = all(inits).map(|(name, _)| name).collect();
    match (names.is_empty(), told) {
        (true, true) => Exported::Names(shown(seen).collect()),
        // What is read may lack the one that counts; the linker leaves a name out that is nowhere.
        (_, false) => match module_name(call) {
            Some(name) => {
                let init = [b"PyInit_", name].concat();
                if !names.contains(&init) {
                    names.push(init);
                }
                Exported::Names(names)
            }
            None => Exported::All,
        },
        (false, true) => Exported::Names(names),
    }
}

fn put(names: &mut Vec<(Vec<u8>, bool)>, symbol: &Symbol<'_>) {
    names.push((symbol.name.to_vec(), symbol.hidden));
}

/// The function that a Python calls when it imports a module (PEP 489: `PyInitU_` for names beyond ASCII).
fn is_init(symbol: &Symbol<'_>) -> bool {
    symbol.function && (symbol.name.starts_with(b"PyInit_") || symbol.name.starts_with(b"PyInitU_"))
}

/// Objects and archives that the link names, by themselves or in words for the linker.
fn files<'c>(call: &'c Invocation<'_>) -> impl Iterator<Item = &'c [u8]> {
    let inputs = call.inputs.iter().filter(|at| !call.sources.contains(at)).map(|at| call.input(*at));
    let words = call.items.iter().filter(|item| item.effect == Effect::ForLinker);
    let words = words.flat_map(|item| item.value(&call.line).split(|byte| *byte == b','));
    // An input may also be the value of an option that is not known here; only what looks like a file counts.
    inputs.filter(|name| !name.contains(&b'=')).chain(words.filter(|word| is_binary(word)))
}

/// Whether it is a linked module: its first section tells.
fn is_module(file: &[u8]) -> bool {
    file.starts_with(b"\0asm")
        && file.get(8..24).is_some_and(|start| start.windows(6).any(|w| w == b"dylink"))
}

/// The name of the Python module that an output is by its file name; `None` for what is named like a library.
fn module_name<'c>(call: &'c Invocation<'_>) -> Option<&'c [u8]> {
    let name = base_name(call.outputs.first()?);
    let module = name.split(|byte| *byte == b'.').next()?;
    let plain = !module.is_empty() && module.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (plain && !name.starts_with(b"lib")).then_some(module)
}
