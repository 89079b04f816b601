//! What the loader is told of an ELF file, held against readelf: `crosswheel::elf::Dynamic`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel::elf::Dynamic;
use crosswheel::elf::dynamic::Versions;
use proptest::prelude::*;

/// Runs a tool that must succeed; its stdout.
fn tool(program: &str, args: &[&str], folder: &Path) -> String {
    let out =
        Command::new(program).args(args).current_dir(folder).env("LC_ALL", "C").output().expect(program);
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// What readelf tells of a file.
fn readelf(file: &Path) -> Dynamic {
    let name = file.to_str().unwrap();
    let root = Path::new("/");
    let mut out = Dynamic::default();
    for line in tool("readelf", &["-dW", name], root).lines() {
        let Some(value) = line.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']')) else { continue };
        let value = value.0.to_owned();
        let folders = || value.split(':').map(str::to_owned).collect();
        match line.split_once('(').and_then(|(_, rest)| rest.split_once(')')).unwrap().0 {
            "NEEDED" => out.needed.push(value),
            "SONAME" => out.soname = Some(value),
            "RPATH" => out.rpath = folders(),
            "RUNPATH" => out.runpath = folders(),
            _ => {}
        }
    }
    let mut library = String::new();
    let mut needs = false;
    for line in tool("readelf", &["-VW", name], root).lines() {
        needs = if line.contains(" section '") { line.starts_with("Version needs") } else { needs };
        let after = |mark: &str| {
            line.split_once(mark).map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned())
        };
        if !needs {
        } else if let Some(file) = after("File: ") {
            library = file;
        } else if let Some(version) = after("Name: ") {
            let weak = line.contains("Flags: WEAK");
            let all: &mut Versions = if weak { &mut out.weak_versions } else { &mut out.versions };
            all.entry(library.clone()).or_default().insert(version);
        }
    }
    let interpreter = "[Requesting program interpreter: ";
    let segments = tool("readelf", &["-lW", name], root);
    out.interpreter =
        segments.split_once(interpreter).map(|(_, rest)| rest.split(']').next().unwrap().to_owned());
    out.undefined = tool("readelf", &["--dyn-syms", "-W", name], root)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() > 7 && words[4] != "WEAK" && words[6] == "UND")
        .map(|words| words[7].split('@').next().unwrap().to_owned())
        .collect();
    out
}

fn read(file: &Path) -> Dynamic {
    Dynamic::read(&fs::read(file).unwrap()[..]).unwrap()
}

/// Machines that clang and lld know, of both classes and both byte orders.
const MACHINES: &[&str] = &[
    "x86_64-linux-gnu",
    "i686-linux-gnu",
    "aarch64-linux-gnu",
    "armv7-linux-gnueabihf",
    "powerpc-linux-gnu",
    "powerpc64-linux-gnu",
    "powerpc64le-linux-gnu",
    "riscv64-linux-gnu",
    "mips-linux-gnu",
];

/// A library that needs versions of another one, in a folder of its own.
fn library(machine: &str, flags: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("other.c"), "int old(void) { return 1; } int young(void) { return 2; }").unwrap();
    fs::write(at.join("other.map"), "OTHER_1.0 { old; }; OTHER_1.10 { young; } OTHER_1.0;").unwrap();
    let source =
        "int old(void); int young(void); int elsewhere(void); __attribute__((weak)) int perhaps(void);
                  int both(void) { return old() + young() + elsewhere() + (perhaps ? perhaps() : 0); }";
    fs::write(at.join("a.c"), source).unwrap();
    let target = format!("--target={machine}");
    let common = [&target[..], "-fPIC", "-shared", "-nostdlib", "-fuse-ld=lld"];
    let other =
        ["-Wl,-soname,libother.so.1", "-Wl,--version-script=other.map", "other.c", "-o", "libother.so"];
    tool("clang", &[&common[..], &other].concat(), at);
    let ours = ["a.c", "-L.", "-lother", "-Wl,-soname,liba.so.2", "-o", "liba.so"];
    tool("clang", &[&common[..], &ours, flags].concat(), at);
    let path = at.join("liba.so");
    (folder, path)
}

#[test]
fn every_class_and_byte_order_is_read_as_readelf_reads_it() {
    for machine in MACHINES {
        for flags in [
            &["-Wl,-rpath,$ORIGIN/../lib:/opt/lib", "-Wl,--enable-new-dtags", "-Wl,--hash-style=gnu"][..],
            &["-Wl,-rpath,$ORIGIN", "-Wl,--disable-new-dtags", "-Wl,--hash-style=sysv"],
        ] {
            let mips_has_no_gnu_hash = machine.starts_with("mips") && flags.contains(&"-Wl,--hash-style=gnu");
            let flags = if mips_has_no_gnu_hash { &flags[..2] } else { flags };
            let (_folder, path) = library(machine, flags);
            let shown = readelf(&path);
            assert_eq!(shown.versions["libother.so.1"].len(), 2, "{machine} {flags:?}");
            assert!(shown.undefined.contains("elsewhere") && !shown.undefined.contains("perhaps"));
            assert!(shown.rpath.len() + shown.runpath.len() > 0);
            assert_eq!(read(&path), shown, "{machine} {flags:?}");
        }
    }
}

#[test]
fn a_file_without_section_headers_says_the_same() {
    for machine in MACHINES {
        let (_folder, path) = library(machine, &[]);
        let whole = read(&path);
        let mut bytes = fs::read(&path).unwrap();
        // e_shoff, and from e_shentsize on (gABI, "ELF Header").
        let (shoff, rest) = if bytes[4] == 2 { (0x28..0x30, 0x3a..0x40) } else { (0x20..0x24, 0x2e..0x34) };
        bytes[shoff].fill(0);
        bytes[rest].fill(0);
        assert_eq!(Dynamic::read(&bytes[..]), Some(whole), "{machine}");
    }
}

#[test]
fn programs_and_libraries_of_this_machine_are_read_as_readelf_reads_them() {
    let mut seen = 0;
    let mut versions = BTreeSet::new();
    for folder in ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/bin", "/usr/lib/aarch64-linux-gnu"] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let elf = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"));
        for path in paths.into_iter().filter(|path| path.is_file()).filter(elf).step_by(25).take(30) {
            let ours = read(&path);
            assert_eq!(ours, readelf(&path), "{}", path.display());
            versions.extend(ours.versions.into_values().flatten());
            seen += 1;
        }
    }
    assert!(seen > 10 && versions.iter().any(|version| version.starts_with("GLIBC_2.")), "{seen}");
}

#[test]
fn what_is_no_elf_file_has_no_facts_and_an_object_file_has_empty_ones() {
    assert_eq!(Dynamic::read(&b"!<arch>\n"[..]), None);
    assert_eq!(Dynamic::read(&b"\x7fELF"[..]), None);
    let (folder, path) = library("x86_64-linux-gnu", &[]);
    assert_eq!(Dynamic::read(&fs::read(path).unwrap()[..40]), None);
    tool("gcc", &["-c", "a.c"], folder.path());
    assert_eq!(read(&folder.path().join("a.o")), Dynamic::default());
}

/// Two bytes at this place become these.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, [u8; 2])>> {
    let value = prop_oneof![Just([0xff; 2]), Just([0; 2]), any::<[u8; 2]>()];
    prop::collection::vec((any::<prop::sample::Index>(), value), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_file_is_read_without_panic_and_in_time(damages in prop::collection::vec(damage(), 64)) {
        static MADE: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
        let made = MADE.get_or_init(|| {
            MACHINES[..5].iter().map(|machine| fs::read(library(machine, &[]).1).unwrap()).collect()
        });
        for (number, damage) in damages.iter().enumerate() {
            let mut bytes = made[number % made.len()].clone();
            // Where the tables are; the rest is code.
            let dense = bytes.len().min(0x600) - 1;
            for (index, value) in damage {
                let at = index.index(dense);
                bytes[at..at + 2].copy_from_slice(value);
            }
            let _ = Dynamic::read(&bytes[..]);
            let _ = Dynamic::read(&bytes[..bytes.len() / 2]);
        }
    }
}

#[test]
fn a_table_that_names_one_long_string_over_and_over_ends() {
    // A header, three segments (all of it; the dynamic section), a dynamic section of many DT_NEEDED, a string table.
    const ROWS: u64 = 100_000;
    let strings: u64 = 4 << 20;
    let at = 64 + 2 * 56;
    let end = at + (ROWS + 3) * 16;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let mut put = |numbers: &[(u64, usize)]| {
        for (value, size) in numbers {
            file.extend(&value.to_le_bytes()[..*size]);
        }
    };
    put(&[
        (3, 2),
        (62, 2),
        (1, 4),
        (0, 8),
        (64, 8),
        (0, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (2, 2),
        (0, 2),
        (0, 2),
        (0, 2),
    ]);
    let whole = end + strings;
    for (kind, start, size) in [(1, 0, whole), (2, at, end - at)] {
        put(&[(kind, 4), (4, 4), (start, 8), (start, 8), (start, 8), (size, 8), (size, 8), (8, 8)]);
    }
    put(&[(5, 8), (end, 8), (10, 8), (strings, 8)]);
    for _ in 0..ROWS {
        put(&[(1, 8), (0, 8)]);
    }
    put(&[(0, 8), (0, 8)]);
    let length = usize::try_from(whole).unwrap();
    file.resize(length - 1, b'a');
    file.push(0);
    let start = std::time::Instant::now();
    let needed = Dynamic::read(&file[..]).unwrap().needed;
    assert!((1..=64).contains(&needed.len()), "{}", needed.len());
    // All of them are 400 GiB.
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
}
