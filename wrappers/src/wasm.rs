//! The symbols that a WebAssembly object or an archive of objects makes visible to others, read from the objects' own
//! symbol tables. A linked module without its objects has none of this, and is not asked.
//!
//! Nothing but the section heads and one custom section is looked at. What cannot be read to its end gives no answer
//! rather than a part of one: a symbol that is missed would be missing from the module.
//!
//! Format: WebAssembly's binary format (modules, sections, LEB128), and its tool conventions ("linking" section, symbol
//! table); `ar(5)` for archives.

/// Start of a module or an object.
const MAGIC: &[u8] = b"\0asm\x01\0\0\0";
/// Start of an archive whose members stand in it.
const ARCHIVE: &[u8] = b"!<arch>\n";
/// Bytes of the head of an archive's member; its size stands in ten of them, in decimal.
const HEAD: usize = 60;
const SIZE: std::ops::Range<usize> = 48..58;

/// The one version of the linking section.
const LINKING_VERSION: u32 = 2;
/// Number of the symbol table among the parts of the linking section.
const SYMBOL_TABLE: u8 = 8;

/// Flags of a symbol.
mod flag {
    pub(super) const LOCAL: u32 = 0x2;
    pub(super) const HIDDEN: u32 = 0x4;
    pub(super) const UNDEFINED: u32 = 0x10;
    pub(super) const EXPLICIT_NAME: u32 = 0x40;
}

/// A symbol that other objects see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'f> {
    /// As the linker knows it.
    pub name: &'f [u8],
    /// Seen within the module alone.
    pub hidden: bool,
    /// A function, and not data.
    pub function: bool,
}

/// All symbols that an object or an archive defines for others, in their order; `None` if it cannot be told, as from
/// what the compiler left to the linker to compile (`-flto`).
#[must_use]
pub fn symbols(file: &[u8]) -> Option<Vec<Symbol<'_>>> {
    let mut found = Vec::new();
    if file.starts_with(MAGIC) {
        object(file, &mut found)?;
        return Some(found);
    }
    let mut rest = file.strip_prefix(ARCHIVE)?;
    while !rest.is_empty() {
        let (head, data) = rest.split_at_checked(HEAD)?;
        let size = std::str::from_utf8(head.get(SIZE)?).ok()?.trim().parse().ok()?;
        let (data, behind) = data.split_at_checked(size)?;
        // Members begin at even places. The index and the long names are no objects; BSD's names stand ahead of the data.
        rest = if size % 2 == 1 { behind.get(1..).unwrap_or_default() } else { behind };
        let name = head.get(..16)?;
        let index = name.starts_with(b"/ ") || name.starts_with(b"// ") || name.starts_with(b"/SYM64/ ");
        if !index {
            let long =
                name.strip_prefix(b"#1/").map(|len| std::str::from_utf8(len).unwrap_or_default().trim());
            let long: usize = long.map_or(Some(0), |len| len.parse().ok())?;
            object(data.get(long..)?, &mut found)?;
        }
    }
    Some(found)
}

/// Adds the symbols of one object.
fn object<'f>(file: &'f [u8], found: &mut Vec<Symbol<'f>>) -> Option<()> {
    let mut sections = Reader(file.strip_prefix(MAGIC)?);
    let mut linking = None;
    while !sections.0.is_empty() {
        let id = sections.byte()?;
        let mut section = sections.part()?;
        if id == 0 && section.name()? == b"linking" {
            linking = Some(section);
        }
    }
    let mut linking = linking?;
    if linking.number()? != LINKING_VERSION {
        return None;
    }
    while !linking.0.is_empty() {
        let kind = linking.byte()?;
        let part = linking.part()?;
        if kind == SYMBOL_TABLE {
            table(part, found)?;
        }
    }
    Some(())
}

/// Adds the symbols of a table.
fn table<'f>(mut table: Reader<'f>, found: &mut Vec<Symbol<'f>>) -> Option<()> {
    for _ in 0..table.number()? {
        let (kind, flags) = (table.byte()?, table.number()?);
        let has = |bit| flags & bit != 0;
        let defined = !has(flag::UNDEFINED);
        let name = match kind {
            // Functions, globals, tags and tables: an index, and a name unless they are imported under that of the import.
            0 | 2 | 4 | 5 => {
                table.number()?;
                if defined || has(flag::EXPLICIT_NAME) { Some(table.name()?) } else { None }
            }
            // Data: where it lies.
            1 => {
                let name = table.name()?;
                if defined {
                    for _ in 0..3 {
                        table.number()?;
                    }
                }
                Some(name)
            }
            // Sections.
            3 => {
                table.number()?;
                None
            }
            _ => return None,
        };
        if let Some(name) = name.filter(|_| defined && !has(flag::LOCAL)) {
            found.push(Symbol { name, hidden: has(flag::HIDDEN), function: kind == 0 });
        }
    }
    Some(())
}

/// What is still to be read.
struct Reader<'f>(&'f [u8]);

impl<'f> Reader<'f> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// An unsigned LEB128 of 32 bits.
    fn number(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    /// So many bytes as a number ahead of them says.
    fn name(&mut self) -> Option<&'f [u8]> {
        let len = self.number()?;
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn part(&mut self) -> Option<Self> {
        self.name().map(Self)
    }
}
