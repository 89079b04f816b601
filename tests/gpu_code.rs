//! GPU code in files: every form of bundle, held against LLVM's own bundler and compiler, and against damage.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundles;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use bundles::{Method, compressed, library, llvm, pages, raw, wrap};
use crosswheel::gpu::{self, Bundle, Form, Listing};
use proptest::prelude::*;

const TARGETS: &[&str] = &["gfx90a:sramecc+:xnack-", "gfx942:xnack+", "gfx1100", "gfx9-4-generic"];

fn list(bytes: &[u8]) -> Listing {
    gpu::list(bytes).unwrap().unwrap()
}

/// Targets of a bundle with the sizes of their code objects, in its order.
fn targets(bundle: &Bundle) -> Vec<(&str, u64)> {
    bundle.objects.iter().map(|object| (object.target.as_ref().unwrap().as_str(), object.size)).collect()
}

/// Code that cannot be compressed, in which false beginnings stand.
fn decoys() -> Vec<u8> {
    let mut state = 1_u64;
    let mut out = Vec::new();
    for number in 0..40_000_u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        out.extend_from_slice(&state.to_le_bytes()[4..]);
        if number % 4096 == 0 {
            out.extend(b"CCOB\x02\0\x01\0\xff\xff\xff\xff__CLANG_OFFLOAD_BUNDLE__\x01\0\0\0\0\0\0\0");
        }
    }
    out
}

#[test]
fn bundles_of_llvm_are_listed_with_their_targets() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("host"), "").unwrap();
    fs::write(at("one"), "code of gfx942 with xnack\n").unwrap();
    fs::write(at("two"), "code of gfx1100\n").unwrap();
    let mut bundler = Command::new(llvm("clang-offload-bundler"));
    bundler.current_dir(dir.path()).args([
        "-type=o",
        "-bundle-align=4096",
        "-targets=host-x86_64-unknown-linux-gnu-,hipv4-amdgcn-amd-amdhsa--gfx942:xnack+,hipv4-amdgcn-amd-amdhsa--gfx1100",
        "-inputs=host,one,two",
        "-outputs=out",
    ]);
    assert!(bundler.status().unwrap().success());
    let raw = fs::read(at("out")).unwrap();
    let [v2, v3] = [include_bytes!("gpu/ccob-v2.co").to_vec(), include_bytes!("gpu/ccob-v3.co").to_vec()];
    for (file, form) in [(raw, "raw"), (v2, "CCOB v2 zstd"), (v3, "CCOB v3 zstd")] {
        let listing = list(&file);
        let [bundle] = &listing.bundles[..] else { panic!("{listing:?}") };
        assert_eq!((bundle.at, bundle.length), (0, file.len() as u64), "{form}");
        assert_eq!(bundle.form.to_string(), form);
        assert_eq!(targets(bundle), [("gfx942:xnack+", 26), ("gfx1100", 16)], "{form}");
    }
}

#[test]
fn code_objects_of_clang_tell_their_target() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("a.c");
    fs::write(&source, "int answer;\n").unwrap();
    for target in [
        "gfx700",
        "gfx803",
        "gfx906",
        "gfx908:xnack+",
        "gfx90a:sramecc+:xnack-",
        "gfx90c",
        "gfx1010",
        "gfx1035",
    ] {
        let object = dir.path().join("a.hsaco");
        let mut clang = Command::new("clang");
        clang.args(["--target=amdgcn-amd-amdhsa", "-nogpulib", "-c", "-o"]).arg(&object).arg(&source);
        clang.arg(format!("-mcpu={target}"));
        assert!(clang.status().unwrap().success());
        let bytes = fs::read(object).unwrap();
        let listing = list(&bytes);
        assert_eq!(targets(&listing.bundles[0]), [(target, bytes.len() as u64)]);
        assert_eq!(listing.bundles[0].form, Form::CodeObject);
        assert_eq!(gpu::of_code_object(&bytes[..64], bytes.len() as u64), Some(listing));
    }
}

#[test]
fn every_form_is_found_in_a_library_and_false_beginnings_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let code = decoys();
    let bundle = raw(TARGETS, 4096, &code);
    let mut all = vec![bundle.clone()];
    for version in 1..=3 {
        for method in [Method::Zlib, Method::Zstd] {
            all.push(compressed(&bundle, version, method));
        }
    }
    all.push(raw(&["gfx803"], 1, b"end"));
    let (fatbin, places) = pages(&all);
    let path = library(dir.path(), "libkernels.so", &fatbin, all.len(), &[]);

    let listing = list(&fs::read(&path).unwrap());
    assert_eq!(listing.wrappers, Some(all.len() as u64));
    assert_eq!(listing.bytes, fatbin.len() as u64);
    let sections = Command::new("readelf").args(["-SW"]).arg(&path).output().unwrap();
    let sections = String::from_utf8(sections.stdout).unwrap();
    let row = sections.lines().find(|line| line.contains(".hip_fatbin")).unwrap();
    let row = row.split_once(']').unwrap().1;
    let offset = u64::from_str_radix(row.split_whitespace().nth(3).unwrap(), 16).unwrap();
    let found: Vec<_> = listing.bundles.iter().map(|bundle| (bundle.at, bundle.length)).collect();
    let made: Vec<_> =
        places.iter().zip(&all).map(|(place, bundle)| (offset + place, bundle.len() as u64)).collect();
    assert_eq!(found, made);
    let size = code.len() as u64;
    for bundle in &listing.bundles[..all.len() - 1] {
        assert_eq!(targets(bundle), TARGETS.iter().map(|target| (*target, size)).collect::<Vec<_>>());
    }
    let forms: Vec<_> = listing.forms().keys().map(ToString::to_string).collect();
    let versions = ["v1", "v2", "v3"].iter().flat_map(|v| ["zlib", "zstd"].map(|m| format!("CCOB {v} {m}")));
    assert_eq!(forms, std::iter::once("raw".to_owned()).chain(versions).collect::<Vec<_>>());
    assert_eq!(gpu::targets(&fs::read(&path).unwrap()[..]).unwrap(), listing.targets());
    assert_eq!(listing.targets().values().map(|share| share.objects).sum::<usize>(), 7 * TARGETS.len() + 1);
}

#[test]
fn a_list_of_many_blocks_is_read_to_its_end() {
    let many: Vec<String> = (0..6000).map(|number| format!("gfx{number:04}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let bundle = raw(&many, 1, b"x");
    for file in [compressed(&bundle, 3, Method::Zstd), compressed(&bundle, 1, Method::Zlib), bundle.clone()] {
        assert_eq!(list(&file).bundles[0].objects.len(), many.len());
    }
}

#[test]
fn files_without_gpu_code_have_none() {
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(gpu::list(&own[..]), Ok(None));
    for bytes in [&b""[..], b"\x7fELF", b"text", b"CCO", b"__CLANG_OFFLOAD"] {
        assert_eq!(gpu::list(bytes), Ok(None));
    }
}

#[test]
fn what_is_damaged_is_told_and_never_costs_much() {
    let bundle = raw(TARGETS, 4096, b"code");
    let sound = compressed(&bundle, 2, Method::Zstd);
    let set = |at: usize, value: u8| {
        let mut bytes = sound.clone();
        bytes[at] = value;
        bytes
    };
    // A frame that asks for a window of 3.75 TiB and holds one block of a repeated byte; and 16 MiB from a few bytes.
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xff][..], &[0x03, 0, 0x10, b'x']].concat();
    let zeros = vec![0; 16 << 20];
    let bomb = compressed(&zeros, 1, Method::Zlib);
    let mut short = compressed(&bundle, 1, Method::Zlib);
    short[8..12].copy_from_slice(&200_u32.to_le_bytes());
    for (bytes, why) in [
        (set(4, 9), "unknown version 9"),
        (set(6, 7), "unknown method 7"),
        (set(11, 0x7f), "says that it has"),
        (set(24, 0), "is no Zstandard frame"),
        (set(28, 1), "asks for a dictionary"),
        (sound[..12].to_vec(), "cut short"),
        (sound[..60].to_vec(), "says that it has"),
        (compressed(&bundle[..100], 2, Method::Zstd), "cut short"),
        (compressed(b"no bundle at all, but long enough to be one", 2, Method::Zlib), "is no bundle inside"),
        (compressed(&bundle[..100], 1, Method::Zlib), "list of the bundle is cut short"),
        (wrap(&window, 1 << 30, 2, Method::Zstd), "is no bundle inside"),
        (bomb, "is no bundle inside"),
        (short, "more than its stated size"),
    ] {
        let begun = Instant::now();
        let told = gpu::list(&bytes[..]).unwrap_err();
        assert!(told.what.contains(why), "{why}: {told}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{why}");
    }
}

proptest! {
    #[test]
    fn any_change_of_a_byte_is_read_or_refused(version in 1..4_u16, zstd: bool, at: prop::sample::Index, value: u8) {
        let bundle = raw(TARGETS, 64, b"code of some length");
        let mut bytes = compressed(&bundle, version, if zstd { Method::Zstd } else { Method::Zlib });
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = gpu::list(&bytes[..]);
        let _ = gpu::list(&bytes[..at]);
    }
}
