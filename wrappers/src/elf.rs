//! What the record says of an ELF file that a call made: the machine, the build-id, and two digests by
//! which an audit knows the file again. The shim computes them at each link and the audit for each member
//! of a wheel, so both run this code. It reads the few fields that it needs, in both classes and both byte
//! orders, and never panics, whatever the bytes: a file that is no sound ELF has no facts.
//!
//! Field offsets are those of the System V ABI (gABI), chapters 4 and 5.

use core::fmt;
use core::ops::Range;

use sha2::{Digest, Sha256};

/// `e_type` of a relocatable object.
pub const ET_REL: u16 = 1;
/// `e_type` of an executable at a fixed address.
pub const ET_EXEC: u16 = 2;
/// `e_type` of a shared object, and of an executable that may be put anywhere.
pub const ET_DYN: u16 = 3;

/// How a WebAssembly file begins: its magic and the one version of the format that there is (core specification, "Modules").
pub const WASM_MAGIC: &[u8; 8] = b"\0asm\x01\0\0\0";
/// What stands for WebAssembly of 32 bits where machines are told apart. None of its files is ELF; binutils keep this number
/// for it (`EM_WEBASSEMBLY`).
pub const WASM32: Machine = Machine { number: 0x4157, bits: 32, little: true };

const MAGIC: &[u8] = b"\x7fELF";
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const SHT_NOTE: u32 = 7;
const NT_GNU_BUILD_ID: u32 = 3;

/// Places with notes that are looked into. Real files have two or three; a file that has thousands, each
/// as long as the file, would keep us busy for hours.
const MOST_NOTES: usize = 32;

/// What runs a file: the `machine` of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Machine {
    /// `e_machine`.
    pub number: u16,
    /// The class: 32 or 64.
    pub bits: u8,
    /// True if the least significant byte comes first.
    pub little: bool,
}

impl Machine {
    /// The machine of a record's spelling, such as `62-64-le`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let number = parts.next()?.parse().ok()?;
        let bits = match parts.next()? {
            "32" => 32,
            "64" => 64,
            _ => return None,
        };
        let little = match parts.next()? {
            "le" => true,
            "be" => false,
            _ => return None,
        };
        parts.next().is_none().then_some(Self { number, bits, little })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.number, self.bits, if self.little { "le" } else { "be" })
    }
}

/// What an ELF file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// What runs it.
    pub machine: Machine,
    /// What it is: [`ET_REL`], [`ET_EXEC`], [`ET_DYN`] or another.
    pub e_type: u16,
    /// Descriptor of its first `NT_GNU_BUILD_ID` note, never empty.
    pub build_id: Option<&'a [u8]>,
}

/// Reads them; `None` if it is no ELF file.
#[must_use]
pub fn facts(bytes: &[u8]) -> Option<Facts<'_>> {
    let elf = Elf::new(bytes)?;
    let machine = Machine { number: elf.half(18)?, bits: if elf.wide { 64 } else { 32 }, little: elf.little };
    Some(Facts { machine, e_type: elf.half(16)?, build_id: elf.build_id() })
}

/// The digest `load` of the record: what the loader maps, without what `strip` may change. `None` if it
/// is no ELF file, has no loadable segment, or is cut short.
#[must_use]
pub fn load_digest(bytes: &[u8]) -> Option<[u8; 32]> {
    let elf = Elf::new(bytes)?;
    // Segments of a sound file hardly overlap; a file made to keep us busy is turned away.
    let mut left = bytes.len().saturating_mul(2);
    let mut hash = Sha256::new();
    let mut loads = 0_u32;
    for segment in elf.segments() {
        let segment = segment?;
        if segment.kind != PT_LOAD {
            continue;
        }
        for field in [segment.address, segment.memory, u64::from(segment.flags)] {
            hash.update(field.to_le_bytes());
        }
        let file = segment.file.clone();
        bytes.get(file.clone())?;
        left = left.checked_sub(file.len())?;
        elf.hash_without_section_fields(&mut hash, file);
        loads += 1;
    }
    (loads > 0).then(|| hash.finalize().into())
}

/// SHA-256 of a whole file.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A file whose identification was looked at.
#[derive(Clone, Copy)]
struct Elf<'a> {
    bytes: &'a [u8],
    wide: bool,
    little: bool,
}

/// One row of the program header table.
struct Segment {
    kind: u32,
    flags: u32,
    address: u64,
    memory: u64,
    align: u64,
    file: Range<usize>,
}

impl<'a> Elf<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (&class, &order) = (bytes.get(4)?, bytes.get(5)?);
        let known = bytes.starts_with(MAGIC) && matches!(class, 1 | 2) && matches!(order, 1 | 2);
        known.then_some(Self { bytes, wide: class == 2, little: order == 1 })
    }

    fn take<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn half(self, at: usize) -> Option<u16> {
        let raw = self.take(at)?;
        Some(if self.little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    fn word(self, at: usize) -> Option<u32> {
        let raw = self.take(at)?;
        Some(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    fn giant(self, at: usize) -> Option<u64> {
        let raw = self.take(at)?;
        Some(if self.little { u64::from_le_bytes(raw) } else { u64::from_be_bytes(raw) })
    }

    /// An address, offset or size: as wide as the class.
    fn native(self, at: usize) -> Option<u64> {
        if self.wide { self.giant(at) } else { self.word(at).map(u64::from) }
    }

    /// `narrow` in a 32-bit file, `wide` in a 64-bit one.
    fn pick(self, narrow: usize, wide: usize) -> usize {
        if self.wide { wide } else { narrow }
    }

    /// Where the rows of a table start: its offset, the size of a row and their number are at these
    /// places of the header. Rows that lie beyond any address end the table.
    fn table(self, offset: usize, size: usize, count: usize) -> impl Iterator<Item = usize> {
        let offset = self.native(offset).and_then(|o| usize::try_from(o).ok());
        let size = usize::from(self.half(size).unwrap_or(0));
        let count = match offset {
            Some(1..) => usize::from(self.half(count).unwrap_or(0)),
            _ => 0,
        };
        (0..count).map_while(move |row| offset?.checked_add(row.checked_mul(size)?))
    }

    /// The program headers; `None` in place of one that is cut off.
    fn segments(self) -> impl Iterator<Item = Option<Segment>> + use<'a> {
        let (offset, size, count) = if self.wide { (32, 54, 56) } else { (28, 42, 44) };
        self.table(offset, size, count).map(move |at| self.segment(at))
    }

    fn segment(self, at: usize) -> Option<Segment> {
        let start = self.native(at.checked_add(self.pick(4, 8))?)?;
        let length = self.native(at.checked_add(self.pick(16, 32))?)?;
        Some(Segment {
            kind: self.word(at)?,
            flags: self.word(at.checked_add(self.pick(24, 4))?)?,
            address: self.native(at.checked_add(self.pick(8, 16))?)?,
            memory: self.native(at.checked_add(self.pick(20, 40))?)?,
            align: self.native(at.checked_add(self.pick(28, 48))?)?,
            file: span(start, length)?,
        })
    }

    fn build_id(self) -> Option<&'a [u8]> {
        let in_segments = self
            .segments()
            .flatten()
            .filter(|segment| segment.kind == PT_NOTE)
            .take(MOST_NOTES)
            .find_map(|segment| self.build_id_in(segment.file, segment.align));
        in_segments.or_else(|| self.build_id_in_sections())
    }

    /// Relocatable objects have no segments.
    fn build_id_in_sections(self) -> Option<&'a [u8]> {
        let (offset, size, count) = if self.wide { (40, 58, 60) } else { (32, 46, 48) };
        let of_notes = |at: &usize| at.checked_add(4).and_then(|kind| self.word(kind)) == Some(SHT_NOTE);
        self.table(offset, size, count).filter(of_notes).take(MOST_NOTES).find_map(|at| {
            let start = self.native(at.checked_add(self.pick(16, 24))?)?;
            let length = self.native(at.checked_add(self.pick(20, 32))?)?;
            let align = self.native(at.checked_add(self.pick(32, 48))?)?;
            self.build_id_in(span(start, length)?, align)
        })
    }

    /// Walks notes: sizes of name and descriptor, a type, then both, each padded.
    fn build_id_in(self, notes: Range<usize>, align: u64) -> Option<&'a [u8]> {
        let align = if align == 8 { 8 } else { 4 };
        let end = notes.end.min(self.bytes.len());
        let mut at = notes.start;
        while at.checked_add(12)? <= end {
            let name = span(at as u64 + 12, u64::from(self.word(at)?))?;
            let padded = (name.end - notes.start).checked_next_multiple_of(align)?;
            let start = notes.start.checked_add(padded)?;
            let descriptor = span(start as u64, u64::from(self.word(at + 4)?))?;
            if descriptor.end > end {
                return None;
            }
            let kind = self.word(at + 8)?;
            if kind == NT_GNU_BUILD_ID && self.bytes.get(name) == Some(b"GNU\0") && !descriptor.is_empty() {
                return self.bytes.get(descriptor);
            }
            at = notes.start + (descriptor.end - notes.start).checked_next_multiple_of(align)?;
        }
        None
    }

    /// Hashes a range of the file that is known to be there, with `e_shoff`, `e_shnum` and `e_shstrndx`
    /// taken as zero: they are all that `strip -g` changes in what is loaded.
    fn hash_without_section_fields(self, hash: &mut Sha256, range: Range<usize>) {
        let blanks = if self.wide { [40..48, 60..62, 62..64] } else { [32..36, 48..50, 50..52] };
        let mut at = range.start;
        for blank in blanks {
            let (from, to) = (blank.start.clamp(at, range.end), blank.end.clamp(at, range.end));
            hash.update(&self.bytes[at..from]);
            hash.update(&[0; 8][..to - from]);
            at = to;
        }
        hash.update(&self.bytes[at..range.end]);
    }
}

/// The range of `length` bytes from `start`.
fn span(start: u64, length: u64) -> Option<Range<usize>> {
    let start = usize::try_from(start).ok()?;
    Some(start..start.checked_add(usize::try_from(length).ok()?)?)
}
