//! What files of code say of themselves: ELF headers and dynamic sections, and the GPU targets of the code in them. A file is
//! looked into while it is inflated for its hash, so that nothing is inflated twice: those that may hold code go to an image, all
//! others are dropped piece by piece.

use std::io;

use crosswheel_shim::elf::{self as shim_elf, Machine};
use object::elf::{FileHeader32, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadRef};

use super::document::Elf;
use crate::elf::{self, Dynamic};
use crate::gpu::{self, Listing};
use crate::hex;
use crate::wheel::image::Writer;

/// An ELF header fits in.
const HEAD: usize = 64;

/// A file that is being inflated.
pub(super) struct Binary {
    /// Bytes of the whole file.
    size: u64,
    head: Vec<u8>,
    state: State,
}

enum State {
    /// It is not known yet what it is: all that has come is in the head.
    Unknown,
    /// It may hold code.
    Kept(Writer),
    /// It is GPU code whose header tells all. There may be thousands of such files.
    Told(Listing),
    /// It is something else.
    Dropped,
}

/// What was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) elf: Option<Elf>,
    /// Sorted.
    pub(super) gpu_targets: Vec<String>,
    /// Why the GPU code cannot be read.
    pub(super) gpu_damage: Option<String>,
}

impl Binary {
    /// A file of so many bytes.
    pub(super) fn new(size: u64) -> Self {
        Self { size, head: Vec::new(), state: State::Unknown }
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        match &mut self.state {
            State::Kept(writer) => writer.push(piece),
            State::Dropped | State::Told(_) => {}
            State::Unknown => {
                self.head.extend_from_slice(piece);
                if self.head.len() >= HEAD {
                    self.decide();
                }
            }
        }
    }

    fn decide(&mut self) {
        let head = &self.head[..self.head.len().min(HEAD)];
        self.state = if !gpu::may_hold(head) {
            State::Dropped
        } else if let Some(listing) = gpu::of_code_object(head, self.size) {
            State::Told(listing)
        } else {
            let mut writer = Writer::default();
            writer.push(&self.head);
            State::Kept(writer)
        };
        self.head.truncate(HEAD);
        self.head.shrink_to_fit();
    }

    /// What runs it, by the header of an ELF file.
    pub(super) fn machine(&self) -> Option<Machine> {
        shim_elf::facts(&self.head).map(|facts| facts.machine)
    }

    /// What it says of itself, after the last piece.
    pub(super) fn facts(mut self) -> io::Result<Facts> {
        if matches!(self.state, State::Unknown) {
            self.decide();
        }
        let machine = self.machine();
        let mut facts = Facts::default();
        match self.state {
            State::Told(listing) => {
                facts.elf = machine.map(|machine| Elf { machine: elf::name(machine), ..Elf::default() });
                facts.gpu_targets = targets(&listing);
            }
            State::Kept(writer) => {
                let image = writer.finish()?;
                facts.elf = machine.map(|machine| elf_of(machine, &image.data));
                match gpu::list(&image.data) {
                    Ok(listing) => facts.gpu_targets = listing.as_ref().map(targets).unwrap_or_default(),
                    Err(damage) => facts.gpu_damage = Some(damage.to_string()),
                }
            }
            State::Unknown | State::Dropped => {}
        }
        Ok(facts)
    }
}

/// Targets as text, sorted.
fn targets(listing: &Listing) -> Vec<String> {
    let mut all: Vec<String> = listing.targets().keys().map(ToString::to_string).collect();
    all.sort();
    all
}

fn elf_of<'d, R: ReadRef<'d>>(machine: Machine, data: R) -> Elf {
    let dynamic = Dynamic::read(data).unwrap_or_default();
    Elf {
        machine: elf::name(machine),
        soname: dynamic.soname,
        needed: dynamic.needed,
        rpath: dynamic.rpath,
        runpath: dynamic.runpath,
        build_id: build_id(data).map(hex::digits),
    }
}

/// The build-id, by program headers as the record of a build has it.
fn build_id<'d, R: ReadRef<'d>>(data: R) -> Option<&'d [u8]> {
    match FileKind::parse(data).ok()? {
        FileKind::Elf32 => build_id_of(FileHeader32::<Endianness>::parse(data).ok()?, data),
        FileKind::Elf64 => build_id_of(FileHeader64::<Endianness>::parse(data).ok()?, data),
        _ => None,
    }
}

fn build_id_of<'d, H, R>(header: &'d H, data: R) -> Option<&'d [u8]>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let endian = header.endian().ok()?;
    for segment in header.program_headers(endian, data).ok()? {
        let Ok(Some(mut notes)) = segment.notes(endian, data) else { continue };
        while let Ok(Some(note)) = notes.next() {
            let is_id = note.name() == b"GNU" && note.n_type(endian) == NT_GNU_BUILD_ID;
            if is_id && !note.desc().is_empty() {
                return Some(note.desc());
            }
        }
    }
    None
}
