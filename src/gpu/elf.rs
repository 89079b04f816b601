//! Where GPU code is in an ELF file: bundles in the section `.hip_fatbin` of a library, or the file itself is a code
//! object. Only the header and the section table are read beside them.

use object::elf::{EM_AMDGPU, FileHeader32, FileHeader64, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadRef};

use super::part::{Part, u32_at};
use super::target::Target;
use super::{Bundle, CodeObject, Damage, Form, Listing, bundle};

const FATBIN: &[u8] = b".hip_fatbin";
const WRAPPERS: &[u8] = b".hipFatBinSegment";
const KPACK: &[u8] = b".rocm_kpack_ref";
/// A record of `.hipFatBinSegment`: magic, version, address of a bundle, unused.
const WRAPPER: u64 = 24;

/// Lists the GPU code of an ELF file.
pub(super) fn list<'d, R: ReadRef<'d>>(file: Part<R>) -> Result<Option<Listing>, Damage> {
    match file.up_to(0, 5)?.get(4) {
        Some(1) => sections::<FileHeader32<Endianness>, R>(file),
        Some(2) => sections::<FileHeader64<Endianness>, R>(file),
        _ => Ok(None),
    }
}

fn sections<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(
    file: Part<R>,
) -> Result<Option<Listing>, Damage> {
    let data = file.data();
    // A file that is no ELF file after all holds no GPU code.
    let Ok(header) = Elf::parse(data) else { return Ok(None) };
    let Ok(endian) = header.endian() else { return Ok(None) };
    if header.e_machine(endian) == EM_AMDGPU {
        return code_object(file).map(Some);
    }
    let Ok(table) = header.sections(endian, data) else { return Ok(None) };
    let mut listing = Listing::default();
    let mut found = false;
    for section in table.iter() {
        let Ok(name) = table.section_name(endian, section) else { continue };
        match name {
            // Its pages were given back when the kernels went elsewhere.
            FATBIN if section.sh_type(endian) == SHT_NOBITS => {}
            FATBIN => {
                let (at, size) = (section.sh_offset(endian).into(), section.sh_size(endian).into());
                listing.bundles.extend(bundle::read(file.part(at, size)?)?);
                listing.bytes += size;
                found = true;
            }
            WRAPPERS => {
                let size: u64 = section.sh_size(endian).into();
                listing.wrappers = Some(listing.wrappers.unwrap_or(0) + size / WRAPPER);
                found = true;
            }
            KPACK => (listing.kpack, found) = (true, true),
            _ => {}
        }
    }
    Ok(found.then_some(listing))
}

/// A code object tells its target by its flags.
fn code_object<'d, R: ReadRef<'d>>(file: Part<R>) -> Result<Listing, Damage> {
    let head = file.up_to(0, 64)?;
    let flags = u32_at(head, 48).ok_or_else(|| file.damage(0, "the code object is cut short"))?;
    let target = Target::of_flags(flags, head[8]);
    let id =
        target.as_ref().map_or_else(|| format!("EF_AMDGPU_MACH {:#x}", flags & 0xff), ToString::to_string);
    let length = file.length();
    let object = CodeObject { id, target, size: length };
    let bundle = Bundle { at: 0, length, form: Form::CodeObject, objects: vec![object] };
    Ok(Listing { bundles: vec![bundle], bytes: length, ..Listing::default() })
}
