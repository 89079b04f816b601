//! What the record says of ELF files, held against binutils: `crosswheel_shim::elf`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel_shim::elf::{ET_DYN, ET_REL, Machine, facts, load_digest};
use proptest::prelude::*;

/// Runs a tool that must succeed; its stdout.
fn tool(program: &str, args: &[&str], folder: &Path) -> String {
    let out = Command::new(program).args(args).current_dir(folder).output().expect(program);
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A shared library with debug information, and the folder that holds it.
fn library(flags: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.c"), "int counter = 7; int add(int x) { return x + counter; }\n")
        .unwrap();
    let args = [&["-g", "-shared", "-fPIC", "-o", "liba.so", "a.c"], flags].concat();
    tool("gcc", &args, folder.path());
    let path = folder.path().join("liba.so");
    (folder, path)
}

/// The build-id as `readelf -n` prints it.
fn readelf_build_id(file: &str, folder: &Path) -> Option<String> {
    let notes = tool("readelf", &["-n", file], folder);
    notes.lines().find_map(|line| line.trim().strip_prefix("Build ID: ").map(str::to_owned))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn the_build_id_is_the_one_that_readelf_shows() {
    for style in ["sha1", "md5", "0x0123456789abcdef"] {
        let (folder, path) = library(&[&format!("-Wl,--build-id={style}")]);
        let bytes = std::fs::read(path).unwrap();
        let shown = readelf_build_id("liba.so", folder.path());
        assert!(shown.is_some(), "{style}");
        assert_eq!(facts(&bytes).unwrap().build_id.map(hex), shown, "{style}");
    }
}

#[test]
fn a_file_linked_without_a_build_id_has_none() {
    let (_folder, path) = library(&["-Wl,--build-id=none"]);
    assert_eq!(facts(&std::fs::read(path).unwrap()).unwrap().build_id, None);
}

#[test]
fn a_relocatable_object_shows_the_build_id_of_its_section_and_loads_nothing() {
    let (folder, _) = library(&[]);
    tool("gcc", &["-c", "a.c", "-o", "a.o"], folder.path());
    tool("ld", &["-r", "--build-id", "a.o", "-o", "r.o"], folder.path());
    let bytes = std::fs::read(folder.path().join("r.o")).unwrap();
    let found = facts(&bytes).unwrap();
    assert_eq!(found.e_type, ET_REL);
    assert_eq!(found.build_id.map(hex), readelf_build_id("r.o", folder.path()));
    assert!(found.build_id.is_some());
    assert_eq!(load_digest(&bytes), None);
}

#[test]
fn the_load_digest_outlives_strip() {
    for flags in [&["-Wl,--build-id=none"][..], &["-O2", "-Wl,-z,noseparate-code"], &["-Wl,-z,relro,-z,now"]]
    {
        let (folder, path) = library(flags);
        let before = std::fs::read(&path).unwrap();
        let digest = load_digest(&before).unwrap();
        for how in [&["-g"][..], &["--strip-unneeded"], &["--strip-all"], &["-g", "-R", ".comment"]] {
            tool("strip", &[how, &["liba.so", "-o", "stripped.so"]].concat(), folder.path());
            let after = std::fs::read(folder.path().join("stripped.so")).unwrap();
            assert!(after.len() < before.len(), "{how:?} took nothing out");
            assert_eq!(load_digest(&after), Some(digest), "{flags:?} {how:?}");
        }
    }
}

#[test]
fn the_load_digest_changes_with_one_byte_of_code() {
    let (folder, path) = library(&[]);
    let mut bytes = std::fs::read(path).unwrap();
    let digest = load_digest(&bytes);
    let sections = tool("readelf", &["-S", "-W", "liba.so"], folder.path());
    let text = sections.lines().find(|line| line.contains(" .text ")).unwrap();
    let offset = text.split_whitespace().skip_while(|word| *word != "PROGBITS").nth(2).unwrap();
    bytes[usize::from_str_radix(offset, 16).unwrap()] ^= 1;
    assert_ne!(load_digest(&bytes), digest);
}

#[test]
fn a_file_that_is_cut_inside_its_segments_has_no_load_digest() {
    let (_folder, path) = library(&[]);
    let bytes = std::fs::read(path).unwrap();
    assert!(load_digest(&bytes).is_some());
    assert_eq!(load_digest(&bytes[..bytes.len() / 4]), None);
}

/// A minimal library of any class and byte order: header, two program headers, a note, some code.
fn made(wide: bool, little: bool, id: &[u8], code: &[u8]) -> Vec<u8> {
    let number = |value: u64, size: usize| -> Vec<u8> {
        let mut raw = value.to_le_bytes()[..size].to_vec();
        if !little {
            raw.reverse();
        }
        raw
    };
    let native = if wide { 8 } else { 4 };
    let (header, row) = if wide { (64_u64, 56_u64) } else { (52, 32) };
    let note_at = header + 2 * row;
    let mut note =
        [number(4, 4), number(id.len() as u64, 4), number(3, 4), b"GNU\0".to_vec(), id.to_vec()].concat();
    note.resize(note.len().next_multiple_of(4), 0);
    let end = note_at + (note.len() + code.len()) as u64;

    let class = if wide { 2 } else { 1 };
    let order = if little { 1 } else { 2 };
    let mut file = vec![0x7f, b'E', b'L', b'F', class, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (value, size) in [
        (3, 2),                             // ET_DYN
        (if little { 183 } else { 22 }, 2), // AArch64, s390
        (1, 4),
        (0, native),
        (header, native),
        (0, native),
        (0, 4),
        (header, 2),
        (row, 2),
        (2, 2),
        (0, 2),
        (0, 2),
        (0, 2),
    ] {
        file.extend(number(value, size));
    }
    for (kind, at, length, align) in [(1, 0, end, 0x1000), (4, note_at, note.len() as u64, 4)] {
        let [kind, flags] = [number(kind, 4), number(5, 4)];
        let [at, length, align] = [number(at, native), number(length, native), number(align, native)];
        let place = [at.clone(), at.clone(), at, length.clone(), length].concat();
        file.extend(if wide { [kind, flags, place, align] } else { [kind, place, flags, align] }.concat());
    }
    file.extend(note);
    file.extend(code);
    file
}

#[test]
fn both_classes_and_both_byte_orders_are_read_as_readelf_reads_them() {
    for (wide, little) in [(false, false), (false, true), (true, false), (true, true)] {
        let bytes = made(wide, little, b"\x01\x02\x03\x04\x05", b"code");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.so"), &bytes).unwrap();

        let header = tool("readelf", &["-h", "a.so"], folder.path());
        assert!(header.contains(if wide { "ELF64" } else { "ELF32" }), "{header}");
        assert!(header.contains(if little { "AArch64" } else { "IBM S/390" }), "{header}");

        let found = facts(&bytes).unwrap();
        assert_eq!(found.e_type, ET_DYN);
        let machine =
            Machine { number: if little { 183 } else { 22 }, bits: if wide { 64 } else { 32 }, little };
        assert_eq!(found.machine, machine);
        assert_eq!(found.build_id.map(hex), readelf_build_id("a.so", folder.path()));
        assert!(found.build_id.is_some());
        assert!(load_digest(&bytes).is_some());
        assert_ne!(load_digest(&bytes), load_digest(&made(wide, little, b"\x01\x02\x03\x04\x05", b"CODE")));
    }
}

#[test]
fn the_load_digest_is_made_as_the_record_says() {
    let bytes = made(true, true, b"\x09", b"0123");
    let mut plain = Vec::new();
    for field in [0_u64, bytes.len() as u64, 5] {
        plain.extend(field.to_le_bytes());
    }
    plain.extend(&bytes);
    assert_eq!(load_digest(&bytes), Some(crosswheel_shim::elf::sha256(&plain)));

    // What `strip` rewrites in the header is not looked at; what stands beside it is.
    for (at, looked_at) in
        [(39, true), (40, false), (47, false), (48, true), (59, true), (60, false), (63, false)]
    {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        assert_eq!(load_digest(&changed) != load_digest(&bytes), looked_at, "byte {at}");
    }
}

#[test]
fn a_machine_is_read_as_it_is_written() {
    let machine = Machine { number: 62, bits: 64, little: true };
    assert_eq!(machine.to_string(), "62-64-le");
    assert_eq!(Machine::parse("62-64-le"), Some(machine));
    for wrong in ["", "62", "62-64", "62-16-le", "62-64-me", "62-64-le-", "x-64-le", "70000-64-le"] {
        assert_eq!(Machine::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn sha256_is_the_standard_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), b"abc").unwrap();
    let expected = tool("sha256sum", &["a"], folder.path());
    assert_eq!(hex(&crosswheel_shim::elf::sha256(b"abc")), expected.split_whitespace().next().unwrap());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), class in 0_u8..4, order in 0_u8..4) {
        for (at, byte) in [0x7f, b'E', b'L', b'F', class, order].into_iter().enumerate() {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let _ = (facts(&bytes), load_digest(&bytes));
    }

    #[test]
    fn no_damage_to_a_sound_file_makes_it_panic(
        wide: bool,
        little: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(0xff), Just(0), any::<u8>()]), 0..12),
        cut: prop::sample::Index,
    ) {
        let mut bytes = made(wide, little, &[7; 20], &[9; 60]);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = (facts(&bytes), load_digest(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        let _ = (facts(&bytes), load_digest(&bytes));
    }
}
