//! `crosswheel wheel retag --fix`: what it mends, Python's own tools accept; what it must not hide, it refuses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::fs;
use std::process::Command;

use serde_json::Value;
use wheels::{Bench, Parts, entry, member, pack};

const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const ANY: &str = "demo-1.0-py3-none-any.whl";
const RECORD: &str = "demo-1.0.dist-info/RECORD";

/// A wheel whose RECORD is rewritten, row by row; a row may become none, or several.
fn recorded(bench: &Bench, file: &str, rewrite: impl Fn(&str) -> String) {
    let mut parts = Parts::new(file).sealed();
    let record = parts.get(RECORD);
    let text = String::from_utf8(record.data.clone()).unwrap();
    record.data = text.lines().map(rewrite).collect::<String>().into_bytes();
    parts.write(bench.dir.path());
}

/// The path, hash and size of a row.
fn fields(row: &str) -> (&str, &str, &str) {
    let (rest, size) = row.rsplit_once(',').unwrap();
    let (path, hash) = rest.rsplit_once(',').unwrap();
    (path, hash, size)
}

/// Whether Python's tools read and install a wheel.
fn accepted(bench: &Bench, wheel: &str) {
    bench.tool(&["wheel", "unpack", wheel, "--dest", "unpacked"]);
    bench.tool(&["pip", "install", "-q", "--no-index", "--no-deps", "--target", "pip", wheel]);
    bench.tool(&["python", "-m", "installer", "-d", "installer", "--validate-record", "all", wheel]);
    bench.done(&["verify", wheel]);
}

#[test]
fn a_wheel_without_any_hash_is_refused_and_mended() {
    let bench = Bench::new();
    bench.wheel(ANY);
    bench.done(&["retag", ANY, "--out", "sound"]);
    // As onnxruntime_rocm 1.22.2.post3 was released.
    recorded(&bench, ANY, |row| format!("{},,{}\n", fields(row).0, fields(row).2));
    let told = bench.refused(&["retag", ANY, "--out", "out"], 1);
    assert!(told.contains("has no hash in RECORD [record-no-hash], and 6 more faults"), "{told}");
    assert!(told.contains("hint:") && told.contains("--fix"), "{told}");
    let told = bench.done(&["retag", ANY, "--fix", "--out", "out"]);
    assert_eq!(told.matches("[record-no-hash]").count(), 7, "{told}");
    let wheel = format!("out/{ANY}");
    accepted(&bench, &wheel);
    let [mended, sound] = [wheel, format!("sound/{ANY}")].map(|wheel| member(&bench.at(&wheel), RECORD));
    assert_eq!(String::from_utf8(mended).unwrap(), String::from_utf8(sound).unwrap());
}

#[test]
fn hexadecimal_digests_are_mended() {
    let bench = Bench::new();
    let script = "import base64,sys\n\
        for line in sys.stdin:\n \
        path,hash,size=line.rstrip('\\n').rsplit(',',2)\n \
        hash='sha256='+base64.urlsafe_b64decode(hash[7:]+'=').hex() if hash else ''\n \
        print(path,hash,size,sep=',')";
    let mut parts = Parts::new(ANY).sealed();
    let record = parts.get(RECORD);
    fs::write(bench.at("record"), &record.data).unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", script]).stdin(fs::File::open(bench.at("record")).unwrap());
    record.data = python.output().unwrap().stdout;
    parts.write(bench.dir.path());
    let told = bench.refused(&["retag", ANY, "--in-place"], 1);
    assert!(told.contains("[record-hash-spelling]"), "{told}");
    bench.done(&["retag", ANY, "--fix", "--in-place"]);
    accepted(&bench, ANY);
}

#[test]
fn rows_that_are_missing_too_many_or_there_twice_are_mended() {
    let bench = Bench::new();
    recorded(&bench, LINUX, |row| match fields(row) {
        ("demo/__init__.py", ..) => String::new(),
        ("demo/dated.bin", _, size) => format!("{row}\ndemo/dated.bin,,{size}\ndemo/gone.py,,7\n"),
        (RECORD, ..) => format!("{RECORD},sha256=x,7\n"),
        _ => format!("{row}\r\n"),
    });
    let json: Value =
        serde_json::from_str(&bench.done(&["retag", LINUX, "--fix", "--out", "out", "--json"])).unwrap();
    let mended = json["wheels"][0]["mended"].as_array().unwrap();
    let mended: Vec<_> =
        mended.iter().map(|one| (one["code"].as_str().unwrap(), one["member"].as_str().unwrap())).collect();
    assert_eq!(
        mended,
        [
            ("record-self-hashed", RECORD),
            ("crlf", RECORD),
            ("record-missing-row", "demo/__init__.py"),
            ("record-duplicate-row", "demo/dated.bin"),
            ("record-no-hash", "demo/dated.bin"),
            ("record-extra-row", "demo/gone.py"),
        ]
    );
    bench.done(&["verify", &format!("out/{LINUX}")]);
    bench.tool(&["wheel", "unpack", &format!("out/{LINUX}")]);
}

#[test]
fn tags_and_build_number_are_those_of_the_file_name() {
    let bench = Bench::new();
    // As tensorflow_rocm 2.14.0.600 was released: renamed by hand.
    let path = bench.wheel(LINUX);
    let name = "demo-1.0-4-cp311-cp311-manylinux2014_x86_64.whl";
    fs::rename(path, bench.at(name)).unwrap();
    let told = bench.refused(&["retag", name, "--in-place"], 1);
    assert!(told.contains("[wheel-tags-disagree], and 1 more fault"), "{told}");
    let told = bench.done(&["retag", name, "--fix", "--in-place"]);
    assert!(told.contains("[wheel-tags-disagree]") && told.contains("[wheel-build-disagrees]"), "{told}");
    let wheel = String::from_utf8(member(&bench.at(name), "demo-1.0.dist-info/WHEEL")).unwrap();
    assert!(wheel.ends_with("Tag: cp311-cp311-manylinux2014_x86_64\nBuild: 4\n\n"), "{wheel}");
    bench.tool(&["wheel", "tags", "--build", "5", name]);
    bench.done(&["verify", name]);
}

#[test]
fn a_wheel_that_was_renamed_to_a_platform_is_not_pure() {
    let bench = Bench::new();
    fs::rename(bench.wheel(ANY), bench.at(LINUX)).unwrap();
    bench.done(&["retag", LINUX, "--fix", "--in-place"]);
    let wheel = String::from_utf8(member(&bench.at(LINUX), "demo-1.0.dist-info/WHEEL")).unwrap();
    assert!(wheel.contains("Root-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n"), "{wheel}");
}

#[test]
fn what_contradicts_the_content_is_refused_though_all_else_could_be_mended() {
    for (rewrite, code) in [
        // Another file's hash, in hexadecimal digits too.
        (
            ("demo/__init__.py", "demo/__init__.py,sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,14\n"),
            "record-hash-mismatch",
        ),
        (("demo/__init__.py", &*format!("demo/__init__.py,sha256={:064x},14\n", 7)), "record-hash-mismatch"),
        (("demo/__init__.py", "demo/__init__.py,,15\n"), "record-size-mismatch"),
        (("demo/__init__.py", "demo/__init__.py,,14\ndemo/__init__.py,,15\n"), "record-rows-conflict"),
        (("demo/__init__.py", "demo/__init__.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,14\n"), "record-weak-hash"),
    ] {
        let bench = Bench::new();
        recorded(&bench, LINUX, |row| match fields(row) {
            (path, ..) if path == rewrite.0 => rewrite.1.to_owned(),
            // This alone would be mended.
            ("demo/dated.bin", _, size) => format!("demo/dated.bin,,{size}\n"),
            _ => format!("{row}\n"),
        });
        let before = fs::read(bench.at(LINUX)).unwrap();
        let told = bench.refused(&["retag", LINUX, "--fix", "--in-place"], 1);
        assert!(told.contains(code) && told.contains("`demo/__init__.py`"), "{code}: {told}");
        assert!(fs::read(bench.at(LINUX)).unwrap() == before && bench.list("") == [LINUX]);
    }
}

#[test]
fn content_and_metadata_are_looked_at_before_a_wheel_is_mended() {
    let bench = Bench::new();
    // Nothing but a hash is missing, and a bit of other content is wrong.
    let mut parts = Parts::new(LINUX).sealed();
    let record = parts.get(RECORD);
    let text = String::from_utf8(record.data.clone()).unwrap();
    let row = text.lines().find(|row| row.starts_with("demo/dated.bin")).unwrap();
    record.data = text.replace(row, "demo/dated.bin,,40000").into_bytes();
    let mut bytes = pack(&parts.entries);
    let data = bytes.windows(12).position(|part| part.starts_with(b"quoted\".bin")).unwrap();
    bytes[data + 100] ^= 1;
    fs::write(bench.at(LINUX), bytes).unwrap();
    let told = bench.refused(&["retag", LINUX, "--fix", "--in-place"], 1);
    assert!(told.contains("[crc-mismatch]"), "{told}");
    let mut parts = Parts::new(LINUX);
    let metadata = parts.get("demo-1.0.dist-info/METADATA");
    metadata.data = b"Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n".to_vec();
    parts.sealed().write(bench.dir.path());
    let told = bench.refused(&["retag", LINUX, "--fix", "--in-place"], 1);
    assert!(told.contains("[metadata-release]"), "{told}");
}

#[test]
fn a_dry_run_of_a_mending_tells_the_same_and_writes_nothing() {
    let bench = Bench::new();
    recorded(&bench, LINUX, |row| format!("{},,{}\n", fields(row).0, fields(row).2));
    let before = fs::read(bench.at(LINUX)).unwrap();
    let told =
        bench.done(&["retag", LINUX, "--fix", "--in-place", "--dry-run", "--platform", "linux_armv7l"]);
    assert_eq!(told.matches("mends ").count(), 7, "{told}");
    assert!(told.contains("- Tag: cp311-cp311-linux_x86_64"), "{told}");
    assert!(told.contains("+ Tag: cp311-cp311-linux_armv7l"), "{told}");
    assert!(fs::read(bench.at(LINUX)).unwrap() == before && bench.list("") == [LINUX]);
}

#[test]
fn machine_code_is_held_against_the_tags_that_the_wheel_will_have() {
    let bench = Bench::new();
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (elf[16], elf[18], elf[52]) = (3, 183, 64);
    let file = "demo/a.cpython-311-aarch64-linux-gnu.so";
    Parts::new(LINUX).with(entry(file, &elf)).sealed().write(bench.dir.path());
    let told = bench.refused(&["retag", LINUX, "--fix", "--out", "out"], 1);
    assert!(told.contains("[wrong-machine]"), "{told}");
    bench.done(&["retag", LINUX, "--fix", "--out", "out", "--platform", "linux_aarch64"]);
}
