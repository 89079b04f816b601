//! What a shared library defines for others, and under which symbol versions (LSB Core, "Symbol Versioning"). Read by
//! section headers, which libraries of distributions have. Reads only; a damaged part is an absent one.

use std::collections::{BTreeMap, BTreeSet};

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, FileKind, ReadRef, SymbolIndex};

/// Symbols that a library defines with a version, each with all its versions.
pub fn versioned<'d, R: ReadRef<'d>>(data: R) -> BTreeMap<String, BTreeSet<String>> {
    let read = match FileKind::parse(data) {
        Ok(FileKind::Elf32) => {
            FileHeader32::<Endianness>::parse(data).ok().and_then(|header| of(header, data))
        }
        Ok(FileKind::Elf64) => {
            FileHeader64::<Endianness>::parse(data).ok().and_then(|header| of(header, data))
        }
        _ => None,
    };
    read.unwrap_or_default()
}

fn of<'d, Elf, R>(header: &Elf, data: R) -> Option<BTreeMap<String, BTreeSet<String>>>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let symbols = sections.symbols(endian, data, object::elf::SHT_DYNSYM).ok()?;
    let versions = sections.versions(endian, data).ok()??;
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (index, symbol) in symbols.enumerate() {
        if symbol.is_undefined(endian) {
            continue;
        }
        let version = versions.version(versions.version_index(endian, SymbolIndex(index.0)).index());
        let (Ok(Some(version)), Ok(name)) = (version, symbols.symbol_name(endian, symbol)) else { continue };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        out.entry(text(name)).or_default().insert(text(version.name()));
    }
    Some(out)
}
