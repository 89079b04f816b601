//! What the policies are decided by: facts of each ELF file of a wheel, gathered while its content goes by or by reading
//! the whole wheel.

use std::cmp::Reverse;
use std::io;

use crosswheel_shim::elf::{self as shim_elf, Machine};
use object::ReadRef;

use super::table::{self, Libc};
use crate::elf::{self, Dynamic};
use crate::error::{Error, Result};
use crate::wheel::Package;
use crate::wheel::archive::{Archive, Entry, Source};
use crate::wheel::image::Writer;
use crate::wheel::{verify, work};

/// An ELF header fits in.
const HEAD: usize = 64;

/// An ELF file that is code for a machine that interpreters run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its name in the wheel.
    pub path: String,
    /// What runs it.
    pub machine: Machine,
    /// The x86-64 level that the loader is told to insist on.
    pub level: Option<u8>,
    /// What it asks of the loader. Of the undefined symbols, only those of which a policy knows.
    pub dynamic: Dynamic,
}

impl Facts {
    /// Reads them.
    pub(in crate::wheel) fn read<'d, R: ReadRef<'d>>(path: &str, machine: Machine, data: R) -> Self {
        let mut dynamic = Dynamic::read(data).unwrap_or_default();
        dynamic.undefined.retain(|symbol| table::is_watched(symbol));
        Self { path: path.to_owned(), machine, level: elf::isa_needed(data), dynamic }
    }

    /// The C library that it is for; `None` for one that needs none.
    #[must_use]
    pub fn libc(&self) -> Option<Libc> {
        if let Some(interpreter) = &self.dynamic.interpreter {
            let musl = interpreter.rsplit('/').next().is_some_and(|name| name.starts_with("ld-musl-"));
            return Some(if musl { Libc::Musl } else { Libc::Glibc });
        }
        // Where two would do, the first of them does.
        self.dynamic.needed.iter().find_map(|name| match &name[..] {
            "libc.so.6" | "ld64.so.1" | "ld64.so.2" => Some(Libc::Glibc),
            "libc.so" => Some(Libc::Musl),
            name if name.starts_with("ld-linux") => Some(Libc::Glibc),
            name if name.starts_with("libc.musl-") || name.starts_with("ld-musl-") => Some(Libc::Musl),
            _ => None,
        })
    }

    /// Whether an interpreter would import it, by the tag in its name (PEP 3149, PEP 384).
    #[must_use]
    pub fn is_extension(&self) -> bool {
        verify::is_extension(&self.path)
    }
}

/// The machine of an ELF file by its first bytes, if it is the platform's business.
pub(in crate::wheel) fn machine(head: &[u8]) -> Option<Machine> {
    let machine = shim_elf::facts(head)?.machine;
    (!verify::is_foreign(machine)).then_some(machine)
}

/// Gathers the facts of one file while its content goes by.
#[derive(Debug)]
pub struct Gather {
    whole: bool,
    head: Vec<u8>,
    found: Option<(Machine, Writer)>,
}

impl Gather {
    /// Begins a file. Unless it is wanted as a whole, there will be its machine and no more.
    #[must_use]
    pub fn new(whole: bool) -> Self {
        Self { whole, head: Vec::with_capacity(HEAD), found: None }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let missing = HEAD - self.head.len();
        if missing > 0 {
            self.head.extend(piece.iter().take(missing));
            self.decide();
        }
        if let (Some((_, writer)), Some(rest)) = (&mut self.found, piece.get(missing..)) {
            writer.push(rest);
        }
    }

    /// Begins an image as soon as there is enough of a header.
    fn decide(&mut self) {
        if self.head.len() == HEAD && self.whole {
            self.found = machine(&self.head).map(|machine| {
                let mut writer = Writer::default();
                writer.push(&self.head);
                (machine, writer)
            });
        }
    }

    /// The facts, if it was code for a machine. It is an error if the temporary file could not be written.
    pub fn finish(self, path: &[u8]) -> io::Result<Option<Facts>> {
        let path = String::from_utf8_lossy(path);
        let Some((machine, writer)) = self.found else {
            let bare = |machine| Facts::read(&path, machine, &[][..]);
            return Ok(machine(&self.head).map(bare));
        };
        Ok(Some(Facts::read(&path, machine, &writer.finish()?.data)))
    }
}

/// Machine code in a wheel.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// ELF files, sorted by path.
    pub(super) files: Vec<Facts>,
    /// Another file that is no text or data for all: an archive, or code for another system or device.
    pub(super) other: Option<String>,
}

impl Code {
    /// Reads the ELF files of a wheel, on all cores. Of other files, only the first bytes are inflated.
    pub(super) fn of(package: &Package) -> Result<Self> {
        let archive = &package.archive;
        let mut entries: Vec<&Entry> = archive.entries().iter().collect();
        entries.sort_by_key(|entry| Reverse(entry.size));
        let mut out = Self::default();
        for looked in work::each(&entries, |entry| look(archive, entry)) {
            match looked.map_err(|finding| finding.refusal(&package.path))? {
                Looked::Plain => {}
                Looked::Elf(facts) => out.files.push(facts),
                Looked::Other(path) => out.other = Some(path),
                Looked::Failed(error) => {
                    return Err(Error::failed(format!("cannot write a temporary file: {error}"))
                        .hint("TMPDIR names the folder for temporary files"));
                }
            }
        }
        out.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }
}

enum Looked {
    Plain,
    Elf(Facts),
    Other(String),
    Failed(io::Error),
}

fn look<S: Source>(archive: &Archive<S>, entry: &Entry) -> Result<Looked, crate::wheel::Finding> {
    let head = archive.head(entry, HEAD)?;
    let path = archive.name(entry);
    if machine(&head).is_some() {
        let mut gather = Gather::new(true);
        archive.stream(entry, |piece| gather.push(piece))?;
        return Ok(match gather.finish(path) {
            Ok(facts) => facts.map_or(Looked::Plain, Looked::Elf),
            Err(error) => Looked::Failed(error),
        });
    }
    Ok(if is_code(&head) { Looked::Other(String::from_utf8_lossy(path).into_owned()) } else { Looked::Plain })
}

/// Whether it is code by its magic number: ELF, an archive, PE, or Mach-O of either class, byte order or both.
fn is_code(head: &[u8]) -> bool {
    const MAGICS: &[&[u8]] = &[
        b"\x7fELF",
        b"!<arch>\n",
        b"!<thin>\n",
        b"MZ",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
    ];
    MAGICS.iter().any(|magic| head.starts_with(magic))
}
