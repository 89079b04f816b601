//! What the loader is told of an ELF file: the dynamic section (gABI, "Dynamic Linking") and the symbol versions that
//! it needs (LSB Core, "Symbol Versioning"). Read by program headers, as the loader does; section headers, which may be
//! stripped, only tell how many symbols there are. Reads only; a damaged part is an absent one.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use object::elf::{self, FileHeader32, FileHeader64, GnuHashHeader, HashHeader, Vernaux, Verneed};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, FileKind, ReadRef};

/// Bytes of a table, and of all strings together, beyond which a file is taken for damaged. The largest string tables
/// that are known have some tens of MiB.
const MOST: usize = 1 << 28;
/// Symbol versions, likewise; a large library needs a hundred.
const MOST_VERSIONS: usize = 1 << 16;

/// Symbol versions by library.
pub type Versions = BTreeMap<String, BTreeSet<String>>;

/// What a file asks of the loader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dynamic {
    /// The name under which others need it (`DT_SONAME`).
    pub soname: Option<String>,
    /// The libraries that it needs (`DT_NEEDED`), in order.
    pub needed: Vec<String>,
    /// Folders of `DT_RPATH`, as they are spelled. The loader heeds them if there is no `DT_RUNPATH`.
    pub rpath: Vec<String>,
    /// Folders of `DT_RUNPATH`, as they are spelled.
    pub runpath: Vec<String>,
    /// The loader that starts it (`PT_INTERP`); libraries seldom have one.
    pub interpreter: Option<String>,
    /// Symbol versions without which it is not loaded (`DT_VERNEED`).
    pub versions: Versions,
    /// Symbol versions that it would use, and is loaded without (`VER_FLG_WEAK`).
    pub weak_versions: Versions,
    /// Symbols that others must define, without the weak ones.
    pub undefined: BTreeSet<String>,
}

impl Dynamic {
    /// Reads them. `None` if it is no ELF file of which program headers can be read; a static one has no facts.
    pub fn read<'d, R: ReadRef<'d>>(data: R) -> Option<Self> {
        match FileKind::parse(data).ok()? {
            FileKind::Elf32 => Self::of(FileHeader32::<Endianness>::parse(data).ok()?, data),
            FileKind::Elf64 => Self::of(FileHeader64::<Endianness>::parse(data).ok()?, data),
            _ => None,
        }
    }

    fn of<'d, Elf, R>(header: &'d Elf, data: R) -> Option<Self>
    where
        Elf: FileHeader<Endian = Endianness>,
        R: ReadRef<'d>,
    {
        let endian = header.endian().ok()?;
        let segments = header.program_headers(endian, data).ok()?;
        let mut out = Self::default();
        let interpreter =
            segments.iter().find_map(|segment| segment.interpreter(endian, data).ok().flatten());
        out.interpreter = interpreter.map(lossy);
        let Some(rows) = segments.iter().find_map(|segment| segment.dynamic(endian, data).ok().flatten())
        else {
            return Some(out);
        };
        let rows = || {
            let all = rows.iter().map(|row| (row.tag(endian), row.val(endian)));
            all.take_while(|(tag, _)| *tag != elf::DT_NULL)
        };
        let value = |tag| rows().find(|(other, _)| *other == tag).map(|(_, value)| value);
        let image = Mapped { data, loads: loads(segments, endian) };
        let table = value(elf::DT_STRTAB).zip(value(elf::DT_STRSZ)).and_then(|(at, size)| image.at(at, size));
        let strings = Strings { table: table.unwrap_or_default(), left: Cell::new(MOST) };
        for (tag, value) in rows() {
            let list = match tag {
                elf::DT_NEEDED => &mut out.needed,
                elf::DT_RPATH => &mut out.rpath,
                elf::DT_RUNPATH => &mut out.runpath,
                elf::DT_SONAME => {
                    out.soname = strings.get(value);
                    continue;
                }
                _ => continue,
            };
            let Some(text) = strings.get(value) else { continue };
            if tag == elf::DT_NEEDED {
                list.push(text);
            } else {
                list.extend(text.split(':').map(str::to_owned));
            }
        }
        if let (Some(at), Some(count)) = (value(elf::DT_VERNEED), value(elf::DT_VERNEEDNUM)) {
            out.read_versions(&image, &strings, endian, at, count);
        }
        if let Some(at) = value(elf::DT_SYMTAB) {
            let tables = Tables {
                symbols: at,
                strings: value(elf::DT_STRTAB),
                hash: value(elf::DT_HASH),
                gnu_hash: value(elf::DT_GNU_HASH),
            };
            let count = tables.count(header, endian, &image);
            out.undefined = undefined::<Elf, _>(&image, &strings, endian, at, count);
        }
        Some(out)
    }

    /// The lists of `DT_VERNEED`.
    fn read_versions<'d, R: ReadRef<'d>>(
        &mut self,
        image: &Mapped<R>,
        strings: &Strings<'d>,
        endian: Endianness,
        first: u64,
        count: u64,
    ) {
        let mut budget = 0..MOST_VERSIONS;
        let libraries = usize::try_from(count).unwrap_or(MOST_VERSIONS).min(MOST_VERSIONS);
        let needed = chain(first, libraries, |at| {
            let library: &Verneed<Endianness> = image.get(at)?;
            Some((library, library.vn_next.get(endian)))
        });
        for (at, library) in needed {
            let Some(file) = strings.get(library.vn_file.get(endian)) else { continue };
            let first = at.saturating_add(library.vn_aux.get(endian).into());
            let versions = chain(first, library.vn_cnt.get(endian).into(), |at| {
                let version: &Vernaux<Endianness> = image.get(at)?;
                Some((version, version.vna_next.get(endian)))
            });
            for ((_, version), _) in versions.zip(&mut budget) {
                let weak = version.vna_flags.get(endian).contains(elf::VER_FLG_WEAK);
                let all = if weak { &mut self.weak_versions } else { &mut self.versions };
                let Some(name) = strings.get(version.vna_name.get(endian)) else { continue };
                all.entry(file.clone()).or_default().insert(name);
            }
        }
    }
}

/// A file as the loader maps it.
struct Mapped<R> {
    data: R,
    /// Address, place in the file and bytes of what is mapped.
    loads: Vec<(u64, u64, u64)>,
}

fn loads<P: ProgramHeader<Endian = Endianness>>(segments: &[P], endian: Endianness) -> Vec<(u64, u64, u64)> {
    let loaded = segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    let row = |segment: &P| {
        (segment.p_vaddr(endian).into(), segment.p_offset(endian).into(), segment.p_filesz(endian).into())
    };
    loaded.map(row).collect()
}

impl<'d, R: ReadRef<'d>> Mapped<R> {
    /// So many bytes at an address.
    fn at(&self, address: u64, size: u64) -> Option<&'d [u8]> {
        let inside = |(start, place, length): &(u64, u64, u64)| {
            let skip = address.checked_sub(*start)?;
            (skip < *length && size <= *length - skip).then(|| place.checked_add(skip)).flatten()
        };
        let place = self.loads.iter().find_map(inside).filter(|_| size <= MOST as u64)?;
        self.data.read_bytes_at(place, size).ok()
    }

    /// A structure at an address.
    fn get<T: object::pod::Pod>(&self, address: u64) -> Option<&'d T> {
        let bytes = self.at(address, size_of::<T>() as u64)?;
        object::pod::from_bytes(bytes).ok().map(|(one, _)| one)
    }
}

/// A string table. Any number of entries may name one long string: what is given out is limited as a whole.
struct Strings<'d> {
    table: &'d [u8],
    left: Cell<usize>,
}

impl Strings<'_> {
    fn get(&self, at: impl Into<u64>) -> Option<String> {
        let rest = self.table.get(usize::try_from(at.into()).ok()?..)?;
        let rest = &rest[..rest.len().min(self.left.get())];
        let end = memchr::memchr(0, rest);
        self.left.set(self.left.get() - end.map_or(rest.len(), |end| end + 1));
        Some(lossy(&rest[..end?]))
    }
}

/// Structures of which each says how far it is to the next; no step means that it is the last.
fn chain<T>(
    first: u64,
    most: usize,
    read: impl Fn(u64) -> Option<(T, u32)>,
) -> impl Iterator<Item = (u64, T)> {
    let mut place = Some(first);
    let next = move || {
        let at = place?;
        let (one, step) = read(at)?;
        place = (step != 0).then(|| at.checked_add(step.into())).flatten();
        Some((at, one))
    };
    std::iter::from_fn(next).take(most)
}

/// Addresses of the tables that tell how many symbols there are, since `DT_SYMTAB` does not.
struct Tables {
    symbols: u64,
    strings: Option<u64>,
    hash: Option<u64>,
    gnu_hash: Option<u64>,
}

impl Tables {
    /// How many symbols there are at least up to the last undefined one.
    fn count<'d, Elf, R>(&self, header: &Elf, endian: Endianness, image: &Mapped<R>) -> u64
    where
        Elf: FileHeader<Endian = Endianness>,
        R: ReadRef<'d>,
    {
        let size = size_of::<Elf::Sym>() as u64;
        let by_section = || {
            let sections = header.section_headers(endian, image.data).ok()?;
            let symbols = sections.iter().find(|section| {
                section.sh_type(endian) == elf::SHT_DYNSYM && section.sh_addr(endian).into() == self.symbols
            })?;
            Some(symbols.sh_size(endian).into() / size)
        };
        let by_hash =
            || Some(image.get::<HashHeader<Endianness>>(self.hash?)?.chain_count.get(endian).into());
        // Symbols that are not defined are not hashed, and come first. An empty table says nothing.
        let by_gnu_hash = || {
            let header = image.get::<GnuHashHeader<Endianness>>(self.gnu_hash?)?;
            Some(u64::from(header.symbol_base.get(endian))).filter(|base| *base > 1)
        };
        // Linkers put the strings behind the symbols.
        let by_place = || Some(self.strings?.checked_sub(self.symbols)? / size);
        by_section().or_else(by_hash).or_else(by_gnu_hash).or_else(by_place).unwrap_or(0)
    }
}

/// Names of the symbols that are not defined.
fn undefined<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(
    image: &Mapped<R>,
    strings: &Strings<'d>,
    endian: Endianness,
    at: u64,
    count: u64,
) -> BTreeSet<String> {
    let size = count.checked_mul(size_of::<Elf::Sym>() as u64);
    let bytes = size.and_then(|size| image.at(at, size)).unwrap_or_default();
    let symbols: &[Elf::Sym] = object::pod::slice_from_all_bytes(bytes).unwrap_or_default();
    symbols
        .iter()
        .filter(|symbol| symbol.is_undefined(endian) && !symbol.is_weak() && symbol.st_name(endian) != 0)
        .filter_map(|symbol| strings.get(symbol.st_name(endian)))
        .collect()
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
