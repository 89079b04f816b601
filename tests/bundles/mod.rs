//! Bundles of code objects in all forms, and libraries with such in them.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// A bundle that is not compressed; a code object for each target, each aligned.
pub(crate) fn raw(targets: &[&str], align: usize, content: &[u8]) -> Vec<u8> {
    let ids: Vec<String> = std::iter::once("host-x86_64-unknown-linux--".to_owned())
        .chain(targets.iter().map(|target| format!("hipv4-amdgcn-amd-amdhsa--{target}")))
        .collect();
    let head = 32 + ids.iter().map(|id| 24 + id.len()).sum::<usize>();
    let mut out = b"__CLANG_OFFLOAD_BUNDLE__".to_vec();
    out.extend((ids.len() as u64).to_le_bytes());
    let mut at = head.next_multiple_of(align);
    for (number, id) in ids.iter().enumerate() {
        let size = if number == 0 { 0 } else { content.len() };
        for field in [at, size, id.len()] {
            out.extend((field as u64).to_le_bytes());
        }
        out.extend(id.bytes());
        at = (at + size).next_multiple_of(align);
    }
    for _ in targets {
        out.resize(out.len().next_multiple_of(align), 0);
        out.extend(content);
    }
    out
}

/// How to compress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    Zlib,
    Zstd,
}

/// A compressed bundle.
pub(crate) fn compressed(bundle: &[u8], version: u16, method: Method) -> Vec<u8> {
    let data = match method {
        Method::Zstd => compress_to_vec(bundle, CompressionLevel::Fastest),
        Method::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bundle).unwrap();
            encoder.finish().unwrap()
        }
    };
    wrap(&data, bundle.len() as u64, version, method)
}

/// Compressed data with a header.
pub(crate) fn wrap(data: &[u8], size: u64, version: u16, method: Method) -> Vec<u8> {
    let short = |number: u64| u32::try_from(number).unwrap().to_le_bytes().to_vec();
    let total = |header: u64| header + data.len() as u64;
    let sizes = match version {
        1 => short(size),
        2 => [short(total(24)), short(size)].concat(),
        _ => [total(32).to_le_bytes(), size.to_le_bytes()].concat(),
    };
    let method = u16::from(method == Method::Zstd);
    let start = [version.to_le_bytes(), method.to_le_bytes()].concat();
    [b"CCOB".as_slice(), &start, &sizes, &[0xaa; 8], data].concat()
}

/// Bundles, each on a page of its own; and where each begins.
pub(crate) fn pages(bundles: &[Vec<u8>]) -> (Vec<u8>, Vec<u64>) {
    let (mut out, mut places) = (Vec::new(), Vec::new());
    for bundle in bundles {
        out.resize(out.len().next_multiple_of(4096), 0);
        places.push(out.len() as u64);
        out.extend(bundle);
    }
    (out, places)
}

/// A library with these bytes in `.hip_fatbin`, and as many wrappers.
pub(crate) fn library(folder: &Path, name: &str, fatbin: &[u8], wrappers: usize, more: &[&str]) -> PathBuf {
    let data = folder.join(format!("{name}.fatbin"));
    std::fs::write(&data, fatbin).unwrap();
    let mut source = format!(
        ".section .hip_fatbin,\"a\",@progbits\n.p2align 12\n.incbin \"{}\"\n.section .hipFatBinSegment,\"a\",@progbits\n",
        data.display()
    );
    for _ in 0..wrappers {
        writeln!(source, ".long 0x48495046, 1\n.quad 0, 0").unwrap();
    }
    source += ".text\n.globl f\nf: ret\n.section .note.GNU-stack,\"\",@progbits\n";
    let assembly = folder.join(format!("{name}.s"));
    std::fs::write(&assembly, source).unwrap();
    let library = folder.join(name);
    let mut cc = Command::new("cc");
    cc.arg("-shared").arg("-o").arg(&library).arg(&assembly).args(more);
    assert!(cc.status().unwrap().success(), "{cc:?}");
    library
}

/// A tool that lies beside clang.
pub(crate) fn llvm(tool: &str) -> PathBuf {
    let clang = which::which("clang").expect("clang is there: run tests/setup.sh");
    clang.canonicalize().unwrap().with_file_name(tool)
}
