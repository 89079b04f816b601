//! Bundles of code objects, one behind the other with padding between them (LLVM, `ClangOffloadBundler`). Each says how
//! long it is, and that is taken at its word: bytes that look like the beginning of a bundle also stand inside
//! compressed ones.
//!
//! A bundle begins with a list: `__CLANG_OFFLOAD_BUNDLE__`, a u64 count, and for each code object its u64 offset, u64
//! size, u64 length of its ID, and the ID. Offsets count from the beginning of the bundle.

use object::ReadRef;

use super::part::{Part, u64_at};
use super::target::Target;
use super::{Damage, ccob};

/// How a bundle that is not compressed begins.
pub(super) const MAGIC: &[u8] = b"__CLANG_OFFLOAD_BUNDLE__";

/// The longest list that is read: thousands of code objects.
pub(super) const MOST_HEAD: u64 = 1 << 20;
/// What a file may hold of each; libraries that are known have some thousands of bundles at the most.
const MOST_BUNDLES: usize = 1 << 16;
const MOST_HEADS: u64 = 64 << 20;
const MOST_PADDING: u64 = 64 << 20;

/// A bundle, or a code object that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Where in the file it begins.
    pub at: u64,
    /// Its bytes in the file.
    pub length: u64,
    /// How it is packed.
    pub form: Form,
    /// Its entries for devices, in its order.
    pub objects: Vec<CodeObject>,
}

/// How code objects are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Not at all: an ELF file.
    CodeObject,
    /// A bundle that is not compressed.
    Raw,
    /// `CCOB`.
    Compressed {
        /// 1 to 3.
        version: u16,
        /// How it is compressed.
        method: Method,
    },
}

/// How a bundle is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// RFC 1950.
    Zlib,
    /// RFC 8878.
    Zstd,
}

/// An entry of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeObject {
    /// Kind, triple and target, as the bundle spells it.
    pub id: String,
    /// The target; `None` if it is not known.
    pub target: Option<Target>,
    /// Its bytes, not compressed.
    pub size: u64,
}

/// The list of a bundle.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) objects: Vec<CodeObject>,
    /// Bytes of the list.
    pub(super) length: u64,
    /// Where the last code object ends.
    pub(super) end: u64,
}

/// Reads all bundles of a section, or of a file of them.
pub(super) fn read<'d, R: ReadRef<'d>>(part: Part<R>) -> Result<Vec<Bundle>, Damage> {
    let mut bundles = Vec::new();
    let (mut at, mut heads, mut padding) = (0, 0, 0);
    while let Some(start) = next(part, at, &mut padding)? {
        let (bundle, head) = one(part, start)?;
        at = start + bundle.length;
        heads += head;
        bundles.push(bundle);
        if bundles.len() > MOST_BUNDLES || heads > MOST_HEADS {
            return Err(part.damage(start, "has more bundles than can be meant"));
        }
    }
    Ok(bundles)
}

/// Where the next bundle begins: behind zeros, of which there may be any number.
fn next<'d, R: ReadRef<'d>>(part: Part<R>, at: u64, padding: &mut u64) -> Result<Option<u64>, Damage> {
    /// Bundles are aligned to pages.
    const STEP: u64 = 4096;
    let mut at = at;
    while at < part.length() {
        let bytes = part.up_to(at, STEP - at % STEP)?;
        if let Some(zeros) = bytes.iter().position(|byte| *byte != 0) {
            return Ok(Some(at + zeros as u64));
        }
        at += bytes.len() as u64;
        *padding += bytes.len() as u64;
        if *padding > MOST_PADDING {
            return Err(part.damage(at, "has more padding than can be meant"));
        }
    }
    Ok(None)
}

/// Reads one bundle, and how long its list is.
fn one<'d, R: ReadRef<'d>>(part: Part<R>, at: u64) -> Result<(Bundle, u64), Damage> {
    let bundle = part.part(at, part.length() - at)?;
    let begins = bundle.up_to(0, MAGIC.len() as u64)?;
    let (form, length, head) = if begins.starts_with(ccob::MAGIC) {
        let header = ccob::Header::read(bundle)?;
        let (length, head) = header.look(bundle)?;
        (Form::Compressed { version: header.version, method: header.method }, length, head)
    } else if begins == MAGIC {
        let head = plain(bundle)?;
        let length = head.end.max(head.length);
        if length > bundle.length() {
            return Err(bundle.damage(0, "a code object of the bundle goes beyond its end"));
        }
        (Form::Raw, length, head)
    } else {
        return Err(bundle.damage(0, "there is no bundle where one should begin"));
    };
    let at = bundle.damage(0, "").at;
    Ok((Bundle { at, length, form, objects: head.objects }, head.length))
}

/// The list of a bundle that is not compressed.
fn plain<'d, R: ReadRef<'d>>(bundle: Part<R>) -> Result<Head, Damage> {
    let mut length = 4096;
    loop {
        let bytes = bundle.up_to(0, length)?;
        match head(bytes).map_err(|what| bundle.damage(0, what))? {
            Some(head) => return Ok(head),
            None if bytes.len() as u64 == bundle.length() => {
                return Err(bundle.damage(0, "the list of the bundle is cut short"));
            }
            None if length >= MOST_HEAD => return Err(bundle.damage(0, TOO_LONG)),
            None => length *= 4,
        }
    }
}

/// Said of a list that is not worth reading.
pub(super) const TOO_LONG: &str = "the list of the bundle is longer than can be meant";

/// Reads a list from its first bytes; `None` if there are too few of them.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    if !bytes.starts_with(MAGIC) {
        let begins = bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes);
        return if begins { Ok(None) } else { Err("is no bundle inside".to_owned()) };
    }
    let mut at = MAGIC.len();
    let mut next = |length: usize| {
        let taken = bytes.get(at..at.checked_add(length)?)?;
        at += length;
        Some(taken)
    };
    let Some(count) = next(8).and_then(|bytes| u64_at(bytes, 0)) else { return Ok(None) };
    // Each row has 24 bytes and an ID.
    if count > MOST_HEAD / 24 {
        return Err(TOO_LONG.to_owned());
    }
    let mut out = Head::default();
    for _ in 0..count {
        let Some(row) = next(24) else { return Ok(None) };
        let [offset, size, length] = [0, 8, 16].map(|at| u64_at(row, at).unwrap_or_default());
        if length > MOST_HEAD {
            return Err(TOO_LONG.to_owned());
        }
        let Some(id) = next(usize::try_from(length).unwrap_or(usize::MAX)) else { return Ok(None) };
        let id = String::from_utf8_lossy(id).into_owned();
        let target = Target::of_entry(&id)?;
        let end = offset.checked_add(size).ok_or("a code object of the bundle goes beyond its end")?;
        out.end = out.end.max(end);
        if target.is_some() {
            out.objects.push(CodeObject { id, target, size });
        }
    }
    out.length = at as u64;
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of one code object, and the object.
    fn bundle(id: &str, offset: u64, size: u64) -> Vec<u8> {
        let mut out = [MAGIC, &1_u64.to_le_bytes()].concat();
        for number in [offset, size, id.len() as u64] {
            out.extend(number.to_le_bytes());
        }
        out.extend(id.bytes());
        out
    }

    fn list(bytes: &[u8]) -> Result<Vec<Bundle>, Damage> {
        read(Part::whole(bytes)?)
    }

    #[test]
    fn bundles_stand_behind_each_other() {
        let mut file = bundle("hip-amdgcn-amd-amdhsa--gfx900", 4096, 100);
        file.resize(4196, 7);
        file.resize(3 * 4096, 0);
        let second = file.len() as u64;
        file.extend(bundle("hip-amdgcn-amd-amdhsa--gfx906", 100, 0));
        file.resize(file.len() + 99, 0);
        let found = list(&file).unwrap();
        assert_eq!(
            found.iter().map(|bundle| (bundle.at, bundle.length)).collect::<Vec<_>>(),
            [(0, 4196), (second, 100)]
        );
        assert_eq!(list(&[0; 5000]).unwrap(), []);
    }

    #[test]
    fn what_is_damaged_is_told_with_its_place() {
        let sound = bundle("hip-amdgcn-amd-amdhsa--gfx900", 0, 10);
        for (bytes, at, why) in [
            (sound[..30].to_vec(), 0, "cut short"),
            (bundle("hip-gfx900", 10, 500), 0, "beyond its end"),
            (bundle("hip-gfx900", u64::MAX, 1), 0, "beyond its end"),
            (bundle("hip gfx900", 0, 1), 0, "no ID"),
            ([MAGIC, &[0xff; 8]].concat(), 0, "longer than can be meant"),
            ([&sound[..], b"\0\0x"].concat(), sound.len() as u64 + 2, "no bundle where one should begin"),
        ] {
            let told = list(&bytes).unwrap_err();
            assert!(told.what.contains(why) && told.at == at, "{why}: {told:?}");
        }
    }
}
