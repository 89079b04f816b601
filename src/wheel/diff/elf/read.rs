//! What is compared of an ELF file (gABI, LSB and GNU extensions), read into values. A damaged part is an absent one.

use std::collections::{BTreeMap, BTreeSet};

use crosswheel_shim::elf::Machine;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, Note, NoteIterator, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, FileKind, ReadRef, SectionIndex, SymbolIndex};

use super::aspect::Aspect;
use crate::elf::dynamic::Dynamic;
use crate::hex::digits as hex;

/// One ELF file.
#[derive(Debug, Default)]
pub(in super::super) struct Facts {
    /// What runs it.
    pub(super) machine: String,
    /// What it is: a library, say.
    pub(super) kind: String,
    pub(super) dynamic: Dynamic,
    pub(super) sections: Vec<Section>,
    /// Dynamic symbols by name. One name may have several versions.
    pub(super) symbols: BTreeMap<String, BTreeSet<Symbol>>,
    /// How many symbols the full table has, and what they are, whatever their order and their addresses.
    pub(super) table: Option<(usize, u64)>,
    /// Notes by owner and type: their contents as texts.
    pub(super) notes: BTreeMap<(String, u32), String>,
    pub(super) build_id: Option<String>,
    /// The level that the loader is told to insist on, with other properties of GNU notes.
    pub(super) properties: BTreeSet<String>,
    pub(super) comments: BTreeSet<String>,
}

/// A section.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) aspect: Aspect,
    pub(super) size: u64,
    /// Where its bytes are: offset and size; `None` if it has none in the file.
    pub(super) range: Option<(u64, u64)>,
}

/// A dynamic symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol {
    /// Empty, `@V` or `@@V` for the default.
    pub(super) version: String,
    /// Undefined ones are to come from elsewhere.
    pub(super) defined: bool,
    pub(super) size: u64,
    /// Binding, type and visibility.
    pub(super) nature: String,
}

/// Notes with longer contents are told by their length.
const NOTE: usize = 64;
/// Notes with properties (Linux extensions to gABI).
const NT_GNU_PROPERTY_TYPE_0: u32 = 5;
const NT_GNU_BUILD_ID: u32 = 3;
const NT_GNU_ABI_TAG: u32 = 1;

impl Facts {
    /// Reads them; `None` if it is no ELF file, or one whose sections lead out of it.
    pub(in super::super) fn read<'d, R: ReadRef<'d>>(data: R) -> Option<Self> {
        let mut facts = match FileKind::parse(data).ok()? {
            FileKind::Elf64 => of(FileHeader64::<Endianness>::parse(data).ok()?, data)?,
            FileKind::Elf32 => of(FileHeader32::<Endianness>::parse(data).ok()?, data)?,
            _ => return None,
        };
        let size = data.len().ok()?;
        let mut ranges = facts.sections.iter().filter_map(|section| section.range);
        if !ranges.all(|(from, long)| from.checked_add(long).is_some_and(|end| end <= size)) {
            return None;
        }
        facts.dynamic = Dynamic::read(data).unwrap_or_default();
        Some(facts)
    }
}

fn of<'d, Elf, R>(header: &'d Elf, data: R) -> Option<Facts>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let endian = header.endian().ok()?;
    let machine = Machine {
        number: header.e_machine(endian).0,
        bits: if header.is_class_64() { 64 } else { 32 },
        little: endian == Endianness::Little,
    };
    let mut facts = Facts {
        machine: crate::elf::name(machine),
        kind: match header.e_type(endian) {
            elf::ET_REL => "relocatable object".to_owned(),
            elf::ET_EXEC => "executable at a fixed address".to_owned(),
            elf::ET_DYN => "shared object".to_owned(),
            other => format!("type {}", other.0),
        },
        ..Facts::default()
    };
    let sections = header.sections(endian, data).unwrap_or_default();
    let mut noted = false;
    for section in sections.iter().skip(1) {
        let name =
            String::from_utf8_lossy(sections.section_name(endian, section).unwrap_or_default()).into_owned();
        let kind = section.sh_type(endian);
        // What is not loaded is for tools, not for who runs it.
        if kind == elf::SHT_NOTE
            && section.sh_flags(endian).0 & elf::SHF_ALLOC.0 != 0
            && let Ok(Some(notes)) = section.notes(endian, data)
        {
            noted = true;
            facts.take_notes(notes, endian);
        }
        if name == ".comment"
            && let Ok(bytes) = section.data(endian, data)
        {
            let texts = bytes.split(|byte| *byte == 0).filter(|text| !text.is_empty());
            facts.comments.extend(texts.map(|text| String::from_utf8_lossy(text).into_owned()));
        }
        facts.sections.push(Section {
            aspect: Aspect::of_section(&name, kind.0, section.sh_flags(endian).0),
            name,
            size: section.sh_size(endian).into(),
            range: section.file_range(endian),
        });
    }
    if !noted {
        for segment in header.program_headers(endian, data).unwrap_or_default() {
            if let Ok(Some(notes)) = segment.notes(endian, data) {
                facts.take_notes(notes, endian);
            }
        }
    }
    facts.take_symbols(&sections, endian, data);
    Some(facts)
}

impl Facts {
    fn take_notes<Elf>(&mut self, mut notes: NoteIterator<'_, Elf>, endian: Endianness)
    where
        Elf: FileHeader<Endian = Endianness>,
    {
        while let Ok(Some(note)) = notes.next() {
            let owner = String::from_utf8_lossy(note.name()).into_owned();
            let kind = note.n_type(endian).0;
            match (owner.as_str(), kind) {
                ("GNU", NT_GNU_BUILD_ID) => self.build_id = Some(hex(note.desc())),
                ("GNU", NT_GNU_PROPERTY_TYPE_0) => self.properties.extend(properties(&note, endian)),
                ("GNU", NT_GNU_ABI_TAG) => {
                    let word = |at: usize| {
                        let bytes = note.desc().get(at * 4..at * 4 + 4)?.try_into().ok()?;
                        Some(match endian {
                            Endianness::Little => u32::from_le_bytes(bytes),
                            Endianness::Big => u32::from_be_bytes(bytes),
                        })
                    };
                    let words: Vec<_> = (1..4).filter_map(word).map(|n| n.to_string()).collect();
                    let system = if word(0) == Some(0) { "Linux" } else { "system" };
                    self.notes.insert((owner, kind), format!("{system} {}", words.join(".")));
                }
                _ => {
                    let (desc, length) = (note.desc(), note.desc().len());
                    let shown = if length <= NOTE {
                        hex(desc)
                    } else {
                        use sha2::{Digest, Sha256};
                        format!("{length} bytes, sha256 {}", hex(&Sha256::digest(desc)))
                    };
                    let all = self.notes.entry((owner, kind)).or_default();
                    *all = if all.is_empty() { shown } else { format!("{all}, {shown}") };
                }
            }
        }
    }

    fn take_symbols<'d, Elf, R>(&mut self, sections: &SectionTable<'d, Elf, R>, endian: Endianness, data: R)
    where
        Elf: FileHeader<Endian = Endianness>,
        R: ReadRef<'d>,
    {
        let versions = sections.versions(endian, data).ok().flatten();
        let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM).unwrap_or_default();
        let names = Names::of(sections, symbols.string_section(), endian, data);
        for (index, symbol) in symbols.iter().enumerate().skip(1) {
            let Some(name) = names.get(symbol.st_name(endian)) else { continue };
            let defined = !symbol.is_undefined(endian);
            let version = versions.as_ref().and_then(|versions| {
                let number = versions.version_index(endian, SymbolIndex(index));
                let version = versions.version(number.index()).ok()??;
                let sign = if defined && !number.is_hidden() { "@@" } else { "@" };
                Some(format!("{sign}{}", String::from_utf8_lossy(version.name())))
            });
            self.symbols.entry(String::from_utf8_lossy(name).into_owned()).or_default().insert(Symbol {
                version: version.unwrap_or_default(),
                defined,
                size: symbol.st_size(endian).into(),
                nature: nature(symbol.st_bind().0, symbol.st_type().0, symbol.st_visibility().0),
            });
        }
        let symbols = sections.symbols(endian, data, elf::SHT_SYMTAB).unwrap_or_default();
        if symbols.is_empty() {
            return;
        }
        let names = Names::of(sections, symbols.string_section(), endian, data);
        let mut sum: u64 = 0;
        let mut count = 0;
        for symbol in symbols.iter().skip(1) {
            use std::hash::{Hash, Hasher};
            let Some(name) = names.get(symbol.st_name(endian)) else { continue };
            let mut hasher = std::hash::DefaultHasher::new();
            let size: u64 = symbol.st_size(endian).into();
            (name, size, symbol.st_info().0, symbol.is_undefined(endian)).hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
            count += 1;
        }
        self.table = Some((count, sum));
    }
}

/// Names of symbols. The table is read whole: a name of several KiB, as C++ has them, is one, too.
struct Names<'d>(&'d [u8]);

impl<'d> Names<'d> {
    fn of<Elf, R>(
        sections: &SectionTable<'d, Elf, R>,
        table: SectionIndex,
        endian: Endianness,
        data: R,
    ) -> Self
    where
        Elf: FileHeader<Endian = Endianness>,
        R: ReadRef<'d>,
    {
        let section = sections.section(table).ok();
        Self(section.and_then(|section| section.data(endian, data).ok()).unwrap_or_default())
    }

    /// A name that is not empty.
    fn get(&self, at: u32) -> Option<&'d [u8]> {
        let rest = self.0.get(usize::try_from(at).ok()?..)?;
        Some(&rest[..memchr::memchr(0, rest)?]).filter(|name| !name.is_empty())
    }
}

/// Binding, type and visibility as `readelf` names them.
fn nature(bind: u8, kind: u8, visibility: u8) -> String {
    let bind = match bind {
        0 => "LOCAL",
        1 => "GLOBAL",
        2 => "WEAK",
        10 => "UNIQUE",
        _ => "other binding",
    };
    let kind = match kind {
        0 => "NOTYPE",
        1 => "OBJECT",
        2 => "FUNC",
        6 => "TLS",
        10 => "IFUNC",
        _ => "other type",
    };
    let visibility = match visibility {
        0 => "DEFAULT",
        1 => "INTERNAL",
        2 => "HIDDEN",
        _ => "PROTECTED",
    };
    format!("{bind} {kind} {visibility}")
}

/// Properties of a GNU note: those of x86 by name (x86-64 psABI, "Program Property"), others by number.
fn properties<Elf>(note: &Note<'_, Elf>, endian: Endianness) -> Vec<String>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let bits = |value: u32, names: &[&str]| {
        let named = (0..32).filter(|bit| value >> bit & 1 == 1);
        named
            .map(|bit| names.get(bit).map_or_else(|| format!("bit {bit}"), |name| (*name).to_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let levels = &["x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"];
    let one = |property: object::read::elf::GnuProperty<'_>| {
        let value = property.data_u32(endian).unwrap_or_default();
        match property.pr_type().0 {
            0xc000_8002 => format!("ISA needed: {}", bits(value, levels)),
            0xc001_0002 => format!("ISA used: {}", bits(value, levels)),
            0xc000_0002 => format!("x86 features: {}", bits(value, &["IBT", "SHSTK", "LAM_U48", "LAM_U57"])),
            0xc001_0001 => format!("x86 features used: {value:#x}"),
            0xc000_0000 => format!("AArch64 features: {}", bits(value, &["BTI", "PAC", "GCS"])),
            number => format!("property {number:#x}: {}", hex(property.pr_data())),
        }
    };
    let Some(all) = note.gnu_properties(endian) else { return Vec::new() };
    all.map_while(Result::ok).map(one).collect()
}
