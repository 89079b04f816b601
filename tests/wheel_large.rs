//! Wheels at the limits of the zip format: more entries than 16 bits count, and an entry that is larger than 32 bits say.
//! `make corpus-wheels` inflates and unpacks the large one, too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::fs::{self, File};
use std::path::Path;

use wheels::Bench;
use zip::ZipArchive;

const FILE: &str = "demo-1.0-py3-none-any.whl";

/// Makes a wheel; see `tests/corpus/wheels/large.py`.
fn make(bench: &Bench, kind: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/wheels/large.py");
    bench.tool(&["python", script.to_str().unwrap(), kind, "."]);
}

/// Retags there and back: the same bytes as one normalising pass. What lies in `there` is left for more.
fn round_trip(bench: &Bench) {
    bench.done(&["retag", FILE, "--out", "normal", "--no-sync"]);
    let normal = format!("normal/{FILE}");
    bench.done(&["retag", &normal, "--python", "+py20", "--build", "7", "--out", "there", "--no-sync"]);
    let there = "there/demo-1.0-7-py20.py3-none-any.whl";
    bench.done(&["retag", there, "--python", "-py20", "--build", "", "--out", "back", "--no-sync"]);
    assert!(fs::read(bench.at(&normal)).unwrap() == fs::read(bench.at("back").join(FILE)).unwrap());
    fs::rename(bench.at(there), bench.at("there.whl")).unwrap();
}

#[test]
fn a_wheel_may_have_seventy_thousand_entries() {
    let bench = Bench::new();
    make(&bench, "many");
    let told = bench.done(&["verify", FILE]);
    assert!(told.contains("70,003 files") && told.contains("0 faults, 0 notes"), "{told}");
    round_trip(&bench);
    bench.tool(&["unzip", "-tqq", "there.whl"]);
    let all =
        "import zipfile; z = zipfile.ZipFile('there.whl'); assert not z.testzip(); print(len(z.namelist()))";
    assert_eq!(bench.tool(&["python", "-c", all]), "70003\n");
}

#[test]
fn an_entry_may_be_larger_than_four_gibibytes() {
    let bench = Bench::new();
    make(&bench, "huge");
    round_trip(&bench);
    // Neither Python nor the zip crate nor unzip sees other numbers than we wrote.
    let sizes = "import zipfile; print(max(i.file_size for i in zipfile.ZipFile('there.whl').infolist()))";
    assert_eq!(bench.tool(&["python", "-c", sizes]), "4298113024\n");
    let mut archive = ZipArchive::new(File::open(bench.at("there.whl")).unwrap()).unwrap();
    assert_eq!(archive.by_name("demo/zeros.bin").unwrap().size(), 4_298_113_024);
    assert!(bench.tool(&["unzip", "-l", "there.whl"]).contains("4298113024"));
}
