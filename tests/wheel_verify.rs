//! `crosswheel wheel verify`: a sound wheel passes, and each way of being wrong has its own code.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crosswheel::wheel::archive::Archive;
use crosswheel::wheel::{Code, Severity, fix};
use serde_json::Value;
use sha2::{Digest, Sha256};
use wheels::{Bench, Parts, Raw, entry, noise, pack};

const ANY: &str = "demo-1.0-py3-none-any.whl";
const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const INFO: &str = "demo-1.0.dist-info";

/// The codes that are found in a wheel, and the exit status.
fn codes(bench: &Bench, wheel: &Path) -> (BTreeSet<String>, Option<i32>) {
    let out = bench.run(&["verify", "--json", wheel.to_str().unwrap()]);
    let json: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    let findings = json["wheels"][0]["findings"].as_array().unwrap();
    let codes = findings.iter().map(|one| one["code"].as_str().unwrap().to_owned());
    (codes.collect(), out.status.code())
}

/// A wheel with RECORD after `change`.
fn before_record(change: impl FnOnce(&mut Parts)) -> (String, Vec<u8>) {
    let mut parts = Parts::new(LINUX);
    change(&mut parts);
    let parts = parts.sealed();
    (parts.file.clone(), pack(&parts.entries))
}

/// A wheel whose RECORD is already there.
fn after_record(change: impl FnOnce(&mut Parts)) -> (String, Vec<u8>) {
    let mut parts = Parts::new(LINUX).sealed();
    change(&mut parts);
    (parts.file.clone(), pack(&parts.entries))
}

/// A wheel with one more file.
fn more(raw: Raw) -> (String, Vec<u8>) {
    before_record(|parts| parts.entries.push(raw))
}

/// A wheel in which a text of a file of dist-info is another.
fn text(file: &str, from: &str, to: &str) -> (String, Vec<u8>) {
    before_record(|parts| replace(parts, file, from, to))
}

/// A wheel in which RECORD has another text.
fn record(from: &str, to: &str) -> (String, Vec<u8>) {
    after_record(|parts| replace(parts, "RECORD", from, to))
}

fn replace(parts: &mut Parts, file: &str, from: &str, to: &str) {
    let raw = parts.get(&format!("{INFO}/{file}"));
    let old = String::from_utf8(raw.data.clone()).unwrap();
    assert!(old.contains(from), "{old}");
    raw.data = old.replacen(from, to, 1).into_bytes();
}

/// The bytes of a sound wheel, changed.
fn bytes(change: impl FnOnce(&mut Vec<u8>)) -> (String, Vec<u8>) {
    let (file, mut bytes) = before_record(|_| ());
    change(&mut bytes);
    (file, bytes)
}

/// Sets two bytes that are so many before the end.
fn near_end(bytes: &mut [u8], before: usize, value: u16) {
    let at = bytes.len() - before;
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// The first bytes of an ELF file for a machine.
fn elf(machine: u8) -> Vec<u8> {
    let mut head = vec![0; 64];
    head[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (head[16], head[18], head[52]) = (3, machine, 64);
    head
}

/// A wheel whose RECORD spells the hash of a file in another way.
fn respelled(spell: fn(&str) -> String) -> (String, Vec<u8>) {
    after_record(|parts| {
        let record = String::from_utf8(parts.get(&format!("{INFO}/RECORD")).data.clone()).unwrap();
        let hash = record.split(INIT).nth(1).unwrap().split(',').next().unwrap();
        let mut spelled = spell(hash);
        spelled.insert_str(0, INIT);
        replace(parts, "RECORD", &format!("{INIT}{hash}"), &spelled);
    })
}

/// As the splitter of kpack writes it, and as sha256sum does.
fn hex(_: &str) -> String {
    Sha256::digest(b"name = 'demo'\n").iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The first row of a file in RECORD, up to its hash.
const INIT: &str = "demo/__init__.py,sha256=";

#[expect(clippy::too_many_lines, reason = "a table, one row a way of being wrong")]
fn corruptions() -> Vec<(Code, (String, Vec<u8>))> {
    let name = |file: &str| (file.to_owned(), bytes(|_| ()).1);
    vec![
        (Code::NotZip, bytes(|bytes| bytes.truncate(1000))),
        (Code::NotZip, (LINUX.to_owned(), Vec::new())),
        (Code::TrailingBytes, bytes(|bytes| bytes.extend(b"more"))),
        (Code::LeadingBytes, bytes(|bytes| drop(bytes.splice(..0, *b"#!/bin/sh\n")))),
        (
            Code::AmbiguousEnd,
            bytes(|bytes| {
                near_end(bytes, 2, 22);
                bytes.extend([b"PK\x05\x06".as_slice(), &[0; 18]].concat());
            }),
        ),
        (Code::SplitArchive, bytes(|bytes| near_end(bytes, 18, 1))),
        (
            Code::BadDirectory,
            bytes(|bytes| {
                near_end(bytes, 14, 3);
                near_end(bytes, 12, 3);
            }),
        ),
        (
            Code::BadZip64,
            bytes(|bytes| {
                near_end(bytes, 6, 0xffff);
                near_end(bytes, 4, 0xffff);
            }),
        ),
        (Code::BadExtra, more(Raw { extra: b"UT\xff\0\x01".to_vec(), ..entry("a", b"a") })),
        (Code::DuplicateName, after_record(|parts| parts.entries.push(entry("demo/__init__.py", b"evil")))),
        (Code::FileAndFolder, more(entry("demo/__init__.py/x", b""))),
        (Code::HeaderMismatch, more(Raw { local_name: Some(b"b".to_vec()), ..entry("a", b"a") })),
        (Code::HeaderMismatch, more(Raw { local: Some(|head| head[14] ^= 1), ..entry("a", b"a") })),
        (Code::HeaderMismatch, more(Raw { local: Some(|head| head[22] ^= 1), ..entry("a", b"a") })),
        (Code::HeaderMismatch, more(Raw { local: Some(|head| head[8] = 0), ..entry("a", b"a") })),
        (Code::HeaderMismatch, more(Raw { local: Some(|head| head[0] = 0), ..entry("a", b"a") })),
        (Code::Overlap, more(Raw { central: Some(|head| head[20] = 200), ..entry("a", b"a") })),
        (Code::StrayBytes, more(Raw { gap: b"hidden".to_vec(), ..entry("a", b"a") })),
        (Code::UnsafePath, more(entry("../a", b"a"))),
        (Code::UnsafePath, more(entry("/a", b"a"))),
        (Code::UnsafePath, more(entry("a\\b", b"a"))),
        (Code::NameEncoding, more(entry("ä", b"a"))),
        (Code::SpecialFile, more(Raw { mode: 0o120_777, ..entry("a", b"/etc") })),
        (Code::SpecialFile, more(Raw { mode: 0o020_600, ..entry("a", b"") })),
        (Code::Encrypted, more(Raw { flags: 1, ..entry("a", b"a") })),
        (
            Code::Method,
            more(Raw {
                local: Some(|head| head[8] = 12),
                central: Some(|head| head[10] = 12),
                ..entry("a", b"a")
            }),
        ),
        (
            Code::Bomb,
            more(Raw {
                local: Some(|head| head[25] = 1),
                central: Some(|head| head[27] = 1),
                ..entry("a", b"a")
            }),
        ),
        (Code::Bomb, {
            let long = Raw {
                local: Some(|head| head[22] = 9),
                central: Some(|head| head[24] = 9),
                ..entry("a", b"0123456789")
            };
            let mut parts = Parts::new(LINUX).with(long).sealed();
            replace(&mut parts, "RECORD", ",10\n", ",9\n");
            (parts.file.clone(), pack(&parts.entries))
        }),
        (
            Code::DamagedData,
            bytes(|bytes| {
                let data = bytes.windows(14).position(|part| part == b"demo/dated.bin").unwrap();
                bytes[data + 14 + 13] |= 6;
            }),
        ),
        (
            Code::CrcMismatch,
            bytes(|bytes| {
                let data = bytes.windows(12).position(|part| part.starts_with(b"quoted\".bin"));
                bytes[data.unwrap() + 100] ^= 1;
            }),
        ),
        (Code::FileName, name("demo-1.0-none-any.whl")),
        (
            Code::NoDistInfo,
            before_record(|parts| {
                parts.info = "info".into();
                for raw in &mut parts.entries {
                    raw.name = String::from_utf8_lossy(&raw.name).replace(INFO, "info").into_bytes();
                }
            }),
        ),
        (Code::SeveralDistInfo, more(entry("other-1.0.dist-info/METADATA", b""))),
        (Code::DistInfoName, name("demo-2.0-cp311-cp311-linux_x86_64.whl")),
        (Code::NoWheelFile, before_record(|parts| drop(parts.entries.remove(0)))),
        (Code::NoMetadata, before_record(|parts| drop(parts.entries.pop()))),
        (Code::NoRecord, after_record(|parts| drop(parts.entries.pop()))),
        (Code::RecordSyntax, record(INIT, "demo/__init__.py;sha256=")),
        (
            Code::TooLarge,
            after_record(|parts| {
                // Enough data to promise 65 MiB.
                let record = parts.get(&format!("{INFO}/RECORD"));
                record.data = noise(80_000);
                record.local = Some(|head| head[22..26].copy_from_slice(&(65_u32 << 20).to_le_bytes()));
                record.central = Some(|head| head[24..28].copy_from_slice(&(65_u32 << 20).to_le_bytes()));
            }),
        ),
        (Code::RecordMissingRow, after_record(|parts| parts.entries.push(entry("demo/new.py", b"")))),
        (Code::RecordExtraRow, record(INIT, "demo/gone.py,,\ndemo/__init__.py,sha256=")),
        (Code::RecordDuplicateRow, record(INIT, "demo/__init__.py,,\ndemo/__init__.py,sha256=")),
        (Code::RecordRowsConflict, record(INIT, "demo/__init__.py,,13\ndemo/__init__.py,sha256=")),
        (Code::RecordNoHash, record(INIT, "demo/__init__.py,,\ndemo/gone.py,sha256=")),
        (Code::RecordHashSyntax, record(INIT, "demo/__init__.py,sha256=00")),
        (Code::RecordHashSpelling, respelled(|hash| hash.replace('_', "/") + "=")),
        (Code::RecordHashSpelling, respelled(hex)),
        (Code::RecordWeakHash, record(INIT, "demo/__init__.py,md5=")),
        (Code::RecordHashMismatch, after_record(|parts| parts.get("demo/__init__.py").data[0] ^= 1)),
        (Code::RecordSizeMismatch, record(",14\n", ",15\n")),
        (Code::RecordSelfHashed, record("RECORD,,", "RECORD,,7")),
        (Code::WheelSyntax, text("WHEEL", "Generator: ", "Generator ")),
        (Code::WheelVersion, text("WHEEL", "Wheel-Version: 1.0", "Wheel-Version: 2.0")),
        (Code::WheelVersion, text("WHEEL", "Wheel-Version: 1.0\n", "")),
        (Code::WheelPurelib, text("WHEEL", "Purelib: false", "Purelib: no")),
        (Code::WheelTagSyntax, text("WHEEL", "Tag: cp311-cp311-", "Tag: cp311-")),
        (Code::WheelTagsDisagree, text("WHEEL", "Tag: cp311-", "Tag: cp310-")),
        (Code::WheelBuildDisagrees, text("WHEEL", "\n\n", "\nBuild: 1\n\n")),
        (Code::VariantDisagrees, name("demo-1.0-cp311-cp311-linux_x86_64-v3.whl")),
        (Code::VariantDisagrees, more(entry(&format!("{INFO}/variant.json"), b"{}"))),
        (Code::MetadataSyntax, text("METADATA", "Summary: ", "Summary ")),
        (Code::MetadataVersion, text("METADATA", "Metadata-Version: 2.1", "Metadata-Version: 3.0")),
        (Code::MetadataName, text("METADATA", "Name: demo", "Name: other")),
        (Code::MetadataRelease, text("METADATA", "\nVersion: 1.0", "\nVersion: 1.1")),
        (Code::MetadataRequires, text("METADATA", "numpy (>=1.2)", "numpy (1.2")),
        (Code::WrongMachine, more(entry("demo/a.cpython-311-x86_64-linux-gnu.so", &elf(183)))),
        (
            Code::PureWithExtension,
            before_record(|parts| {
                *parts = Parts::new(ANY);
                parts.entries.push(entry("demo/a.abi3.so", &elf(62)));
            }),
        ),
    ]
}

#[test]
fn each_corruption_is_found_by_its_own_code() {
    let bench = Bench::new();
    for (code, (file, bytes)) in corruptions() {
        let path = bench.at(&file);
        fs::write(&path, bytes).unwrap();
        let (found, status) = codes(&bench, &path);
        assert!(found.contains(code.name()), "{}: {found:?}", code.name());
        assert_eq!(status, Some(1), "{}", code.name());
        // Nor is such a wheel given other tags, unless only what is not read is wrong.
        let read_alone = [
            Code::DamagedData,
            Code::CrcMismatch,
            Code::RecordHashMismatch,
            Code::WrongMachine,
            Code::PureWithExtension,
            Code::MetadataSyntax,
            Code::MetadataVersion,
            Code::MetadataName,
            Code::MetadataRelease,
            Code::MetadataRequires,
            Code::NoMetadata,
            Code::Bomb,
        ];
        let out = bench.run(&["retag", &file, "--out", "out"]);
        let told = String::from_utf8_lossy(&out.stderr);
        let refused = !out.status.success() && told.contains(&format!("[{}]", code.name()));
        assert!(refused || read_alone.contains(&code), "{}: {told}", code.name());
        // Nor is it mended, unless that hides nothing; and then it is sound.
        fs::create_dir_all(bench.at("fixed")).unwrap();
        let out = bench.run(&["retag", &file, "--fix", "--out", "fixed"]);
        let told = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.success(), fix::mends(code), "{}: {told}", code.name());
        if fix::mends(code) {
            assert_eq!(codes(&bench, &bench.at("fixed").join(&file)), (BTreeSet::new(), Some(0)));
            let told = String::from_utf8_lossy(&out.stdout);
            assert!(told.contains(&format!("[{}]", code.name())), "{told}");
        } else {
            assert!(told.contains(&format!("[{}]", code.name())), "{}: {told}", code.name());
            assert!(bench.list("fixed").is_empty(), "{}", code.name());
        }
        fs::remove_dir_all(bench.at("fixed")).unwrap();
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn every_fault_has_a_corruption_that_shows_it() {
    let shown: BTreeSet<Code> = corruptions().into_iter().map(|(code, _)| code).collect();
    let faults = Code::ALL.iter().filter(|code| code.severity() == Severity::Fault);
    let unshown: Vec<_> = faults.filter(|code| !shown.contains(code)).map(|code| code.name()).collect();
    // One is about no bytes, the other needs a compiler (tests/wheel_policy.rs).
    assert_eq!(unshown, ["unreadable", "policy-glibc"]);
}

#[test]
fn a_stored_entry_never_gives_more_than_its_size() {
    let twisted = Raw {
        deflated: false,
        local: Some(|head| head[22] = 1),
        central: Some(|head| head[24] = 1),
        ..entry("a", b"more than one byte")
    };
    let bytes = pack(&[twisted]);
    let archive = Archive::read(bytes.as_slice()).unwrap();
    let told = archive.content(&archive.entries()[0], 1).unwrap_err();
    assert_eq!(told.code, Code::BadDirectory);
}

#[test]
fn sound_wheels_pass() {
    let bench = Bench::new();
    for file in [ANY, LINUX, "demo-1.0-3-cp311.cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"] {
        let path = bench.wheel(file);
        assert_eq!(codes(&bench, &path), (BTreeSet::new(), Some(0)), "{file}");
    }
    let told = bench.done(&["verify", ANY]);
    assert!(told.contains("sound") && told.contains("0 faults"), "{told}");
}

#[test]
fn a_helper_for_another_machine_is_a_note() {
    let bench = Bench::new();
    let parts = Parts::new(LINUX)
        .with(entry("demo/a.cpython-311-x86_64-linux-gnu.so", &elf(62)))
        .with(entry("demo/helper-arm64.so", &elf(183)))
        .with(entry("demo/kernel.hsaco", &elf(224)));
    let path = parts.sealed().write(bench.dir.path());
    assert_eq!(codes(&bench, &path), (["other-machine".to_owned()].into(), Some(0)));
}

#[test]
fn a_wheel_that_cannot_be_opened_keeps_no_other_from_being_told() {
    let bench = Bench::new();
    bench.wheel(ANY);
    bench.wheel(LINUX);
    let out = bench.run(&["verify", ANY, "none.whl", LINUX]);
    let told = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(told.matches("sound ").count(), 2, "{told}");
    assert!(told.contains("none.whl: No such file or directory") && told.contains("[unreadable]"), "{told}");
    assert_eq!(codes(&bench, Path::new("none.whl")), (["unreadable".to_owned()].into(), Some(1)));
}

#[test]
fn of_many_findings_of_one_code_the_first_few_are_shown() {
    let bench = Bench::new();
    let mut parts = Parts::new(LINUX).sealed();
    parts.entries.extend((0..9).map(|n| entry(&format!("demo/{n}.py"), b"")));
    parts.write(bench.dir.path());
    let shown = |args: &[&str]| {
        let out = bench.run(args);
        String::from_utf8(out.stdout).unwrap().matches("is not in RECORD").count()
    };
    assert_eq!(shown(&["verify", LINUX]), 5);
    assert_eq!(shown(&["verify", LINUX, "--all"]), 9);
    let told = String::from_utf8(bench.run(&["verify", LINUX]).stdout).unwrap();
    assert!(told.contains("and 4 more") && told.contains("retag --fix` mends it"), "{told}");
}
