//! Wheels made for tests, byte by byte, so that each can be wrong in one way; and the tools that they are held against.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// An entry, with what its two headers say of it.
#[derive(Clone, Default)]
pub(crate) struct Raw {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) deflated: bool,
    pub(crate) flags: u16,
    pub(crate) mode: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) local_extra: Vec<u8>,
    /// The name in the local header, if it is another.
    pub(crate) local_name: Option<Vec<u8>>,
    /// Sizes and checksum stand behind the data.
    pub(crate) descriptor: bool,
    /// Changes of the finished headers.
    pub(crate) local: Option<fn(&mut Vec<u8>)>,
    pub(crate) central: Option<fn(&mut Vec<u8>)>,
    /// Bytes between the entry before and this one.
    pub(crate) gap: Vec<u8>,
}

pub(crate) fn entry(name: &str, data: &[u8]) -> Raw {
    Raw { name: name.into(), data: data.into(), deflated: true, mode: 0o100_644, ..Raw::default() }
}

/// A zip file of these entries.
pub(crate) fn pack(entries: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for raw in entries {
        out.extend(&raw.gap);
        let offset = u32::try_from(out.len()).unwrap();
        let data = if raw.deflated { deflate(&raw.data) } else { raw.data.clone() };
        let mut crc = flate2::Crc::new();
        crc.update(&raw.data);
        let flags = raw.flags | if raw.descriptor { 8 } else { 0 };
        let method = if raw.deflated { 8_u16 } else { 0 };
        let fixed: Vec<u8> =
            [20, flags, method, 0x6000, 0x5a21].iter().flat_map(|n| n.to_le_bytes()).collect();
        let sizes = [crc.sum(), len(&data), len(&raw.data)].map(u32::to_le_bytes).concat();
        let name = raw.local_name.as_ref().unwrap_or(&raw.name);
        let mut local = [b"PK\x03\x04".as_slice(), &fixed].concat();
        local.extend(if raw.descriptor { vec![0; 12] } else { sizes.clone() });
        local.extend([short(name), short(&raw.local_extra)].concat());
        local.extend([name.as_slice(), &raw.local_extra].concat());
        if let Some(change) = raw.local {
            change(&mut local);
        }
        out.extend(local);
        out.extend(data);
        if raw.descriptor {
            out.extend([b"PK\x07\x08".as_slice(), &sizes].concat());
        }
        let mut central = [b"PK\x01\x02\x14\x03".as_slice(), &fixed, &sizes].concat();
        central.extend([short(&raw.name), short(&raw.extra), vec![0; 6]].concat());
        central.extend((raw.mode << 16).to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend([raw.name.as_slice(), &raw.extra].concat());
        if let Some(change) = raw.central {
            change(&mut central);
        }
        directory.extend(central);
    }
    let start = len(&out);
    out.extend(&directory);
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    out.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count].concat());
    out.extend([len(&directory), start].map(u32::to_le_bytes).concat());
    out.extend([0, 0]);
    out
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn short(bytes: &[u8]) -> Vec<u8> {
    u16::try_from(bytes.len()).unwrap().to_le_bytes().to_vec()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) const METADATA: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: folded\n  twice\n\
    Requires-Dist: numpy (>=1.2)\nRequires-Dist: demo-extra\nProvides-Extra: x\n\nBody: of many\r\nlines\n";

/// What a wheel is made of, before RECORD.
pub(crate) struct Parts {
    pub(crate) file: String,
    pub(crate) info: String,
    pub(crate) entries: Vec<Raw>,
    /// How RECORD ends its lines.
    pub(crate) end: &'static str,
}

impl Parts {
    /// A small wheel: its tags and build number are those of its name.
    pub(crate) fn new(file: &str) -> Self {
        let parts: Vec<&str> = file.strip_suffix(".whl").unwrap().split('-').collect();
        let [python, abi, platform] = parts[parts.len() - 3..].try_into().unwrap();
        let mut wheel = format!(
            "Wheel-Version: 1.0\nGenerator: test (1)\nRoot-Is-Purelib: {}\n",
            if platform == "any" { "true" } else { "false" }
        );
        for python in python.split('.') {
            for abi in abi.split('.') {
                for platform in platform.split('.') {
                    writeln!(wheel, "Tag: {python}-{abi}-{platform}").unwrap();
                }
            }
        }
        if parts.len() == 6 {
            writeln!(wheel, "Build: {}", parts[2]).unwrap();
        }
        wheel.push('\n');
        let info = "demo-1.0.dist-info".to_owned();
        let script = Raw { mode: 0o100_755, ..entry("demo-1.0.data/scripts/run", b"#!python\n") };
        let noise: Vec<u8> =
            (0..40_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
        let entries = vec![
            entry(&format!("{info}/WHEEL"), wheel.as_bytes()),
            entry("demo/__init__.py", b"name = 'demo'\n"),
            Raw { deflated: false, ..entry("demo/stored, \"quoted\".bin", &noise) },
            Raw {
                extra: b"UT\x05\0\x01abcd".to_vec(),
                local_extra: b"UT\x09\0\x03abcdefgh".to_vec(),
                ..entry("demo/dated.bin", &noise)
            },
            Raw { flags: 1 << 11, ..entry("demo/ünï.txt", b"u\n") },
            script,
            entry(&format!("{info}/METADATA"), METADATA.as_bytes()),
        ];
        Self { file: file.to_owned(), info, entries, end: "\n" }
    }

    pub(crate) fn get(&mut self, name: &str) -> &mut Raw {
        self.entries.iter_mut().find(|raw| raw.name == name.as_bytes()).unwrap()
    }

    pub(crate) fn with(mut self, raw: Raw) -> Self {
        self.entries.push(raw);
        self
    }

    /// RECORD of the entries that are there.
    pub(crate) fn record(&self) -> String {
        let mut record = String::new();
        for raw in self.entries.iter().filter(|raw| !raw.name.ends_with(b"/")) {
            let digest = Sha256::digest(&raw.data);
            let name = String::from_utf8_lossy(&raw.name);
            let name = if name.contains([',', '"']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.into()
            };
            write!(record, "{name},sha256={},{}{}", base64(&digest), raw.data.len(), self.end).unwrap();
        }
        record + &format!("{}/RECORD,,{}", self.info, self.end)
    }

    /// The wheel with a RECORD.
    pub(crate) fn sealed(mut self) -> Self {
        let record = entry(&format!("{}/RECORD", self.info), self.record().as_bytes());
        self.entries.push(record);
        self
    }

    /// Writes the wheel.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join(&self.file);
        fs::write(&path, pack(&self.entries)).unwrap();
        path
    }
}

/// RFC 4648, section 5, without padding, by coreutils.
fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    bits.chunks(6)
        .map(|six| letters[(0..6).fold(0, |n, at| n << 1 | usize::from(six.get(at) == Some(&1)))])
        .collect()
}

/// Bytes that cannot be deflated: the upper ones of Knuth's linear congruential generator.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A folder to work in.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn wheel(&self, file: &str) -> PathBuf {
        Parts::new(file).sealed().write(self.dir.path())
    }

    /// Runs `crosswheel wheel …` in the folder.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_crosswheel"))
            .arg("wheel")
            .args(args)
            .env_remove("SOURCE_DATE_EPOCH")
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    /// Runs it, and it must be well.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {told}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// Runs it, and it must fail by this code; what it told.
    pub(crate) fn refused(&self, args: &[&str], code: i32) -> String {
        let out = self.run(args);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {told}");
        told
    }

    /// Runs a tool in the folder, and it must be well.
    pub(crate) fn tool(&self, command: &[&str]) -> String {
        let name = match command[0] {
            "unzip" => "unzip".into(),
            other => tools().join(other),
        };
        let out = Command::new(&name).args(&command[1..]).current_dir(self.dir.path()).output();
        let out = out.unwrap_or_else(|error| panic!("{}: {error}: run tests/setup.sh", name.display()));
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{command:?}: {told}{}", String::from_utf8_lossy(&out.stdout));
        String::from_utf8(out.stdout).unwrap()
    }

    /// The names of the files in a folder, sorted.
    pub(crate) fn list(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Where `tests/setup.sh` put Python's own tools for wheels.
pub(crate) fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("wheel-tools/bin")
}

/// The content of a member.
pub(crate) fn member(wheel: &Path, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap();
    let mut out = Vec::new();
    std::io::copy(&mut archive.by_name(name).unwrap(), &mut out).unwrap();
    out
}
