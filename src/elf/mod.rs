//! What an ELF file says of itself beyond what the record holds ([`crosswheel_shim::elf`]): names of
//! machines, the instruction-set level that it asks of the loader, and which compilers had a hand in it.
//! Reads only; a damaged part is an absent one.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crosswheel_shim::elf::Machine;
use object::elf::{FileHeader32, FileHeader64, GNU_PROPERTY_X86_ISA_1_NEEDED};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, Object, ObjectSection, ReadRef};

pub mod dynamic;
pub mod exports;

pub use dynamic::Dynamic;

/// Machines by name, with the first parts of the triples that mean them. The first name of a machine is
/// the one shown; it is also the one in platform tags of wheels.
const MACHINES: &[(&str, u16, u8, bool, &[&str])] = &[
    ("x86_64", 62, 64, true, &["x86_64", "amd64"]),
    ("x32", 62, 32, true, &[]),
    ("i686", 3, 32, true, &["i386", "i486", "i586", "i686", "x86"]),
    ("aarch64", 183, 64, true, &["aarch64", "arm64"]),
    ("aarch64_be", 183, 64, false, &["aarch64_be"]),
    ("armv7l", 40, 32, true, &["arm", "armv6", "armv6l", "armv7", "armv7a", "armv7l"]),
    ("ppc64le", 21, 64, true, &["powerpc64le", "ppc64le"]),
    ("ppc64", 21, 64, false, &["powerpc64", "ppc64"]),
    ("ppc", 20, 32, false, &["powerpc", "ppc"]),
    ("s390x", 22, 64, false, &["s390x"]),
    ("riscv64", 243, 64, true, &["riscv64", "riscv64gc"]),
    ("riscv32", 243, 32, true, &["riscv32"]),
    ("loongarch64", 258, 64, true, &["loongarch64"]),
    ("mips64el", 8, 64, true, &["mips64el"]),
    ("mipsel", 8, 32, true, &["mipsel"]),
    ("mips", 8, 32, false, &["mips"]),
    ("sparc64", 43, 64, false, &["sparc64"]),
    ("amdgpu", 224, 64, true, &["amdgcn"]),
    // No file of it is ELF; binutils keep this number for it (elf/common.h, EM_WEBASSEMBLY).
    ("wasm32", 0x4157, 32, true, &["wasm32"]),
    ("bpf", 247, 64, true, &["bpf", "bpfel"]),
];

/// A machine for people; one without a name by its number, class and byte order.
#[must_use]
pub fn name(machine: Machine) -> String {
    let same = |row: &&(&str, u16, u8, bool, &[&str])| {
        (row.1, row.2, row.3) == (machine.number, machine.bits, machine.little)
    };
    MACHINES.iter().find(same).map_or_else(|| format!("machine {machine}"), |row| row.0.to_owned())
}

/// The machine of a triple such as `x86_64-linux-gnu`, or of a name such as `aarch64`.
#[must_use]
pub fn of_triple(triple: &str) -> Option<Machine> {
    let first = triple.split('-').next().unwrap_or_default();
    let row = if triple.ends_with("gnux32") || triple.ends_with("muslx32") {
        MACHINES.iter().find(|row| row.0 == "x32")
    } else {
        MACHINES.iter().find(|row| row.0 == first || row.4.contains(&first))
    };
    row.map(|(_, number, bits, little, _)| Machine { number: *number, bits: *bits, little: *little })
}

/// The machine of an ELF file on disk, by its first bytes; `None` if it is none.
pub fn machine_of_file(path: &Path) -> std::io::Result<Option<Machine>> {
    // e_ident, e_type and e_machine (gABI, chapter 4).
    let mut head = [0; 20];
    let mut file = std::fs::File::open(path)?;
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    Ok(of_start(&head))
}

/// The machine by the first bytes of a file.
fn of_start(head: &[u8; 20]) -> Option<Machine> {
    let bits = match head[4] {
        1 => 32,
        2 => 64,
        _ => return None,
    };
    let little = head[5] == 1;
    let number = [head[18], head[19]];
    let number = if little { u16::from_le_bytes(number) } else { u16::from_be_bytes(number) };
    head.starts_with(b"\x7fELF").then_some(Machine { number, bits, little })
}

/// The machine of an archive of objects on disk (ar(5)), by the first ELF file in it; `None` if it holds none.
pub fn machine_of_archive(path: &Path) -> std::io::Result<Option<Machine>> {
    let mut file = std::fs::File::open(path)?;
    let mut magic = [0; 8];
    if file.read(&mut magic)? < magic.len() || magic != *b"!<arch>\n" {
        return Ok(None);
    }
    let mut head = [0; 60];
    while file.read_exact(&mut head).is_ok() {
        let size = std::str::from_utf8(&head[48..58]).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let Some(size) = size else { break };
        let mut start = [0; 20];
        let taken = file.by_ref().take(size.min(20)).read(&mut start)?;
        if let Some(machine) = of_start(&start) {
            return Ok(Some(machine));
        }
        // Members begin at even places.
        let rest = (size + size % 2).saturating_sub(taken as u64);
        file.seek(SeekFrom::Current(i64::try_from(rest).unwrap_or(i64::MAX)))?;
    }
    Ok(None)
}

/// Marks that tools left in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The x86-64 level that the loader is told to insist on: 1 (baseline) to 4.
    pub isa: Option<u8>,
    /// What compilers and linkers said of themselves in `.comment`, sorted.
    pub comments: Vec<String>,
    /// Go's linker made it.
    pub go: bool,
}

impl Marks {
    /// Reads them from an ELF file.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if !bytes.starts_with(b"\x7fELF") {
            return Self::default();
        }
        let isa = isa_needed(bytes);
        let Ok(file) = object::File::parse(bytes) else { return Self { isa, ..Self::default() } };
        let comment =
            file.section_by_name(".comment").and_then(|section| section.data().ok()).unwrap_or_default();
        let mut comments: Vec<String> = comment
            .split(|byte| *byte == 0)
            .filter(|text| !text.is_empty())
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect();
        comments.sort();
        comments.dedup();
        Self { isa, comments, go: file.section_by_name(".note.go.buildid").is_some() }
    }

    /// Whether Rust's compiler had a hand in it.
    #[must_use]
    pub fn rust(&self) -> bool {
        self.comments.iter().any(|comment| comment.starts_with("rustc version"))
    }
}

/// The x86-64 level that the loader is told to insist on: 1 (baseline) to 4. It is the highest in
/// `GNU_PROPERTY_X86_ISA_1_NEEDED` (x86-64 psABI, "Program Property").
pub fn isa_needed<'d, R: ReadRef<'d>>(data: R) -> Option<u8> {
    match FileKind::parse(data) {
        Ok(FileKind::Elf64) => isa(FileHeader64::<Endianness>::parse(data).ok()?, data),
        Ok(FileKind::Elf32) => isa(FileHeader32::<Endianness>::parse(data).ok()?, data),
        _ => None,
    }
}

fn isa<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(header: &Elf, bytes: R) -> Option<u8> {
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, bytes).ok()?;
    for segment in segments {
        let Ok(Some(mut notes)) = segment.notes(endian, bytes) else { continue };
        while let Ok(Some(note)) = notes.next() {
            let Some(properties) = note.gnu_properties(endian) else { continue };
            for property in properties.map_while(Result::ok) {
                if property.pr_type() == GNU_PROPERTY_X86_ISA_1_NEEDED {
                    let bits = property.data_u32(endian).ok()? & 0xf;
                    return u8::try_from(32 - bits.leading_zeros()).ok().filter(|level| *level > 0);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_by_its_triple_and_shown_by_its_name() {
        for (triple, shown) in [
            ("x86_64-linux-gnu", "x86_64"),
            ("x86_64-pc-linux-gnu", "x86_64"),
            ("x86_64-linux-gnux32", "x32"),
            ("i386-linux-gnu", "i686"),
            ("aarch64-linux-gnu", "aarch64"),
            ("arm-linux-gnueabihf", "armv7l"),
            ("powerpc64le-linux-gnu", "ppc64le"),
            ("s390x-linux-gnu", "s390x"),
            ("riscv64-linux-gnu", "riscv64"),
            ("aarch64", "aarch64"),
            ("wasm32-unknown-emscripten", "wasm32"),
        ] {
            assert_eq!(of_triple(triple).map(name).as_deref(), Some(shown), "{triple}");
        }
        assert_eq!(of_triple("wasm64-unknown-emscripten"), None);
        assert_eq!(of_triple(""), None);
        assert_eq!(name(Machine { number: 9, bits: 64, little: true }), "machine 9-64-le");
    }

    #[test]
    fn every_machine_is_found_by_its_own_name() {
        for row in MACHINES {
            assert_eq!(of_triple(row.0).map(name).as_deref(), Some(row.0));
        }
    }
}
