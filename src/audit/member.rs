//! The bytes of a wheel's members. ELF files, WebAssembly and static libraries are known by their magic, not by their name, and
//! read whole; anything else passes by in pieces, so that a wheel's data never fills the memory.

use std::io::{self, Read};

use crosswheel_shim::elf::WASM_MAGIC;
use regex::bytes::Regex;

/// The path that no member may hold.
pub(super) struct Needle {
    pattern: Regex,
    length: usize,
}

impl Needle {
    /// `None` for a path that is too short to mean anything.
    pub(super) fn new(path: &[u8]) -> Option<Self> {
        use std::fmt::Write;
        // As bytes: a path need not be UTF-8.
        let escaped = path.iter().fold(String::from("(?-u)"), |mut out, byte| {
            _ = write!(out, "\\x{byte:02x}");
            out
        });
        let pattern = Regex::new(&escaped).ok().filter(|_| path.len() > 1)?;
        Some(Self { pattern, length: path.len() })
    }
}

/// What was seen in a member.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// All of it, if it is an ELF file, WebAssembly or a static library.
    pub(super) binary: Option<Binary>,
    /// Where the path is, such as `on line 3`.
    pub(super) leak: Option<String>,
}

/// A member that holds machine code.
#[derive(Debug)]
pub(super) enum Binary {
    Elf(Vec<u8>),
    Wasm(Vec<u8>),
    /// As `ar` makes it; a thin one holds no code.
    Archive(Vec<u8>),
}

/// The kind of binary file that begins like this.
fn kind(start: &[u8]) -> Option<fn(Vec<u8>) -> Binary> {
    if start.starts_with(b"\x7fELF") {
        Some(Binary::Elf)
    } else if start.starts_with(WASM_MAGIC) {
        Some(Binary::Wasm)
    } else if start.starts_with(b"!<arch>\n") {
        Some(Binary::Archive)
    } else {
        None
    }
}

const PIECE: usize = 1 << 18;

/// Reads a member to its end, so that its checksum is verified.
pub(super) fn scan(from: &mut impl Read, needle: Option<&Needle>) -> io::Result<Scan> {
    let mut window = Vec::new();
    from.take(PIECE as u64).read_to_end(&mut window)?;
    if let Some(binary) = kind(&window) {
        from.read_to_end(&mut window)?;
        let leak = needle.and_then(|needle| needle.pattern.find(&window)).map(|found| at_byte(found.start()));
        return Ok(Scan { binary: Some(binary(window)), leak });
    }
    let binary = window.contains(&0);
    let (mut bytes, mut lines, mut leak) = (0, 0, None);
    loop {
        if let (Some(needle), None) = (needle, &leak)
            && let Some(found) = needle.pattern.find(&window)
        {
            let line = lines + newlines(&window[..found.start()]) + 1;
            leak = Some(if binary { at_byte(bytes + found.start()) } else { format!("on line {line}") });
        }
        // What is kept may be the beginning of the path.
        let keep = needle.map_or(0, |needle| needle.length - 1).min(window.len());
        let done = window.len() - keep;
        bytes += done;
        lines += newlines(&window[..done]);
        window.drain(..done);
        if from.take(PIECE as u64).read_to_end(&mut window)? == 0 {
            return Ok(Scan { binary: None, leak });
        }
    }
}

fn at_byte(at: usize) -> String {
    format!("at byte {at}")
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leak(bytes: &[u8], path: &[u8]) -> Option<String> {
        scan(&mut &*bytes, Needle::new(path).as_ref()).ok().and_then(|scan| scan.leak)
    }

    #[test]
    fn the_line_of_a_text_and_the_byte_of_a_binary_file_are_named() {
        assert_eq!(leak(b"a\nb\nCC=/s/bin/cc\n", b"/s/bin").as_deref(), Some("on line 3"));
        assert_eq!(leak(b"a\0\n/s/bin/cc\n", b"/s/bin").as_deref(), Some("at byte 3"));
        assert_eq!(leak(b"\x7fELF\n/s/bin", b"/s/bin").as_deref(), Some("at byte 5"));
        assert_eq!(leak(b"/s/bi", b"/s/bin"), None);
        assert_eq!(leak(b"/s/b.n", b"/s/b.n\xff"), None);
        assert_eq!(leak(b"/s.+(\xff", b"s.+(\xff").as_deref(), Some("on line 1"));
    }

    proptest! {
        #[test]
        fn a_path_across_two_pieces_is_found(before in PIECE - 12..PIECE + 2) {
            let mut text = vec![b'x'; before];
            text[0] = b'\n';
            text.extend(b"/s/bin/cc");
            text.resize(2 * PIECE + 77, b'y');
            prop_assert_eq!(leak(&text, b"/s/bin"), Some("on line 2".to_owned()));
        }
    }
}
