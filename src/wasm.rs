//! What a WebAssembly file says of itself: whether it is a module that a running program loads (a side module, which
//! begins with the section `dylink.0`), an object to be linked, or a program. Reads only; a damaged file is of no kind.
//!
//! Sources: WebAssembly core specification, "Binary Format"; WebAssembly tool conventions, `DynamicLinking.md` and
//! `Linking.md`.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use crosswheel_shim::elf::WASM_MAGIC;

/// What a WebAssembly file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Loaded by a running program, as a shared library is.
    Side,
    /// Made by a compile, to be linked.
    Object,
    /// Neither.
    Program,
}

/// Sections by which kinds are known. Emscripten wrote `dylink` until 2.0.
const SIDE: [&[u8]; 2] = [b"dylink.0", b"dylink"];
const OBJECT: &[u8] = b"linking";

/// The kind of a file; `None` for one that is no sound WebAssembly.
#[must_use]
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    let mut rest = bytes.strip_prefix(WASM_MAGIC)?;
    let mut object = false;
    let mut first = true;
    while let Some((id, behind)) = rest.split_first() {
        let (size, behind) = number(behind)?;
        let (section, behind) = (behind.get(..size)?, behind.get(size..)?);
        if *id == 0 {
            let (length, name) = number(section)?;
            let name = name.get(..length)?;
            if first && SIDE.contains(&name) {
                return Some(Kind::Side);
            }
            object |= name == OBJECT;
        }
        first = false;
        rest = behind;
    }
    Some(if object { Kind::Object } else { Kind::Program })
}

/// The kind of a file on disk; `None` also for one that is no WebAssembly at all.
pub fn kind_of_file(path: &Path) -> std::io::Result<Option<Kind>> {
    let mut magic = [0; 8];
    let mut file = fs::File::open(path)?;
    match file.read_exact(&mut magic) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    if magic != *WASM_MAGIC {
        return Ok(None);
    }
    Ok(kind(&fs::read(path)?))
}

/// A number of at most 32 bits in LEB128, and what stands behind it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((usize::try_from(value).ok()?, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(sections: &[(u8, &str)]) -> Vec<u8> {
        let mut bytes = WASM_MAGIC.to_vec();
        for (id, name) in sections {
            let mut content = vec![u8::try_from(name.len()).unwrap()];
            content.extend(name.as_bytes());
            bytes.push(*id);
            // Spelled longer than need be, as linkers do that fill it in later.
            bytes.extend([0x80 | u8::try_from(content.len()).unwrap(), 0x80, 0]);
            bytes.extend(content);
        }
        bytes
    }

    #[test]
    fn a_kind_is_known_by_its_sections() {
        assert_eq!(kind(&file(&[(0, "dylink.0"), (1, "x")])), Some(Kind::Side));
        assert_eq!(kind(&file(&[(1, "x"), (0, "linking"), (0, "name")])), Some(Kind::Object));
        assert_eq!(kind(&file(&[(1, "x"), (0, "dylink.0")])), Some(Kind::Program));
        assert_eq!(kind(&file(&[])), Some(Kind::Program));
    }

    #[test]
    fn what_is_damaged_is_of_no_kind() {
        let whole = file(&[(0, "dylink.0"), (1, "x"), (0, "linking")]);
        assert_eq!(kind(b"\0asm"), None);
        assert_eq!(kind(b"\x7fELF\x01\0\0\0"), None);
        for end in 9..12 {
            assert_eq!(kind(&whole[..end]), None, "{end}");
        }
        assert_eq!(kind(&[WASM_MAGIC.as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0xff]].concat()), None);
    }
}
