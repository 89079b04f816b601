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
/// NVIDIA's bundles: for the linker of devices, and linked.
const NVIDIA: &[&[u8]] = &[b".nv_fatbin", b"__nv_relfatbin"];
const KPACK: &[u8] = b".rocm_kpack_ref";
/// A record of `.hipFatBinSegment`: magic, version, address of a bundle, unused.
const WRAPPER: u64 = 24;

/// Lists the GPU code of an ELF file.
pub(super) fn list<'d, R: ReadRef<'d>>(file: Part<R>) -> Result<Option<Listing>, Damage> {
    let head = file.up_to(0, 64)?;
    if let Some(listing) = of_code_object(head, file.length()) {
        return Ok(Some(listing));
    }
    match head.get(4) {
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
                listing.bytes = listing.bytes.saturating_add(size);
                found = true;
            }
            WRAPPERS => {
                let size: u64 = section.sh_size(endian).into();
                listing.wrappers = Some(listing.wrappers.unwrap_or(0) + size / WRAPPER);
                found = true;
            }
            KPACK => (listing.kpack, found) = (true, true),
            name if NVIDIA.contains(&name) => {
                let size: u64 = section.sh_size(endian).into();
                listing.nvidia = listing.nvidia.saturating_add(size);
                found = true;
            }
            _ => {}
        }
    }
    Ok(found.then_some(listing))
}

/// A code object tells its target by its flags.
pub(super) fn of_code_object(head: &[u8], size: u64) -> Option<Listing> {
    let flags = u32_at(head, 48)?;
    let machine = crosswheel_shim::elf::facts(head)?.machine;
    if (machine.number, machine.bits, machine.little) != (EM_AMDGPU.0, 64, true) {
        return None;
    }
    let target = Target::of_flags(flags, head[8]);
    let unknown = || format!("EF_AMDGPU_MACH {:#x}", flags & 0xff);
    let id = target.as_ref().map_or_else(unknown, ToString::to_string);
    let object = CodeObject { id, target, size };
    let bundle = Bundle { at: 0, length: size, form: Form::CodeObject, objects: vec![object] };
    Some(Listing { bundles: vec![bundle], bytes: size, ..Listing::default() })
}
