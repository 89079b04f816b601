//! `crosswheel wheel sbom`: what it writes is held against the validator of CycloneDX, and the wheel against the tools that read
//! wheels.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use wheels::{Bench, Parts, entry, member};

const ANY: &str = "demo-1.0-py3-none-any.whl";
const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const INFO: &str = "demo-1.0.dist-info";
const BILL: &str = "demo-1.0.dist-info/sboms/crosswheel.cdx.json";

/// A wheel as a repairing tool leaves it: an extension module, and two libraries of which one needs the other.
fn repaired(bench: &Bench) {
    let dir = bench.dir.path();
    let gcc = |output: &str, soname: &str, needs: &[&str]| {
        fs::write(dir.join("a.c"), "int a(void) { return 1; }\n").unwrap();
        let soname = format!("-Wl,-soname,{soname}");
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-nostdlib", "a.c", "-o", output, &soname, "-Wl,--no-as-needed"]);
        assert!(gcc.args(needs).current_dir(dir).status().unwrap().success());
        fs::read(dir.join(output)).unwrap()
    };
    let one = gcc("liba-12.so.1", "liba-12.so.1", &[]);
    let two = gcc("libb-34.so", "libb-34.so", &["./liba-12.so.1"]);
    let module = gcc("module.so", "module.so", &["./libb-34.so"]);
    let foreign = br#"{"bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1}"#;
    let parts = Parts::new(LINUX)
        .with(entry("demo/module.cpython-311-x86_64-linux-gnu.so", &module))
        .with(entry("demo.libs/liba-12.so.1", &one))
        .with(entry("demo.libs/libb-34.so", &two))
        .with(entry(&format!("{INFO}/sboms/auditwheel.cdx.json"), foreign));
    parts.sealed().write(dir);
}

fn bill(wheel: &Path) -> Value {
    serde_json::from_slice(&member(wheel, BILL)).unwrap()
}

/// What the validator of CycloneDX has against it.
fn validator_says(bench: &Bench, bill: &Value) -> String {
    let script = "import sys\n\
        from cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())\n\
        print('' if wrong is None else wrong)";
    fs::write(bench.at("bill.json"), bill.to_string()).unwrap();
    bench.tool(&["python", "-c", script, "bill.json"]).trim().to_owned()
}

#[test]
fn the_bill_names_what_is_required_and_what_is_bundled() {
    let bench = Bench::new();
    repaired(&bench);
    bench.done(&["sbom", LINUX, "--out", "out"]);
    let bill = bill(&bench.at("out").join(LINUX));
    assert_eq!(validator_says(&bench, &bill), "");
    assert_eq!(bill["metadata"]["component"]["purl"], "pkg:pypi/demo@1.0");
    let told: Vec<(&Value, &Value)> =
        bill["components"].as_array().unwrap().iter().map(|one| (&one["bom-ref"], &one["name"])).collect();
    let refs = json!([
        "pkg:pypi/demo-extra",
        "pkg:pypi/numpy",
        "file:demo.libs/liba-12.so.1",
        "file:demo.libs/libb-34.so"
    ]);
    let names = json!(["demo-extra", "numpy", "liba-12.so.1", "libb-34.so"]);
    assert!(told.iter().map(|one| one.0).eq(refs.as_array().unwrap()), "{told:?}");
    assert!(told.iter().map(|one| one.1).eq(names.as_array().unwrap()), "{told:?}");
    let sum = Command::new("sha256sum").arg(bench.at("liba-12.so.1")).output().unwrap().stdout;
    let sum = String::from_utf8(sum).unwrap();
    let expected = json!([{ "alg": "SHA-256", "content": sum.split(' ').next().unwrap() }]);
    assert_eq!(bill["components"][2]["hashes"], expected);
    let depends = bill["dependencies"].as_array().unwrap();
    assert_eq!(depends[0]["dependsOn"].as_array().unwrap().len(), 4);
    let of_second = depends.iter().find(|one| one["ref"] == "file:demo.libs/libb-34.so").unwrap();
    assert_eq!(of_second["dependsOn"], json!(["file:demo.libs/liba-12.so.1"]));
    // The oracle finds what is wrong.
    let mut wrong = bill.clone();
    wrong["serialNumber"] = json!("1");
    assert_ne!(validator_says(&bench, &wrong), "");
}

/// Compressed bytes of each member.
fn raw(wheel: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap();
    let read = |at| {
        let mut raw = archive.by_index_raw(at).unwrap();
        let mut data = Vec::new();
        raw.read_to_end(&mut data).unwrap();
        (raw.name().unwrap().into_owned(), data)
    };
    (0..zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap().len()).map(read).collect()
}

#[test]
fn all_else_stays_and_every_reader_takes_the_wheel() {
    let bench = Bench::new();
    repaired(&bench);
    let before = raw(&bench.at(LINUX));
    bench.done(&["sbom", LINUX, "--out", "out"]);
    let wheel = bench.at("out").join(LINUX);
    let after = raw(&wheel);
    let kept = before.len() - 1;
    assert!(before[kept].0.ends_with("/RECORD"));
    assert_eq!(before[..kept], after[..kept], "the SBOM of another tool among them");
    let last: Vec<&str> = after[kept..].iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(last, [BILL, "demo-1.0.dist-info/RECORD"]);
    bench.done(&["verify", &format!("out/{LINUX}")]);
    bench.tool(&["unzip", "-tqq", &format!("out/{LINUX}")]);
    bench.tool(&["wheel", "unpack", "-d", "unpacked", &format!("out/{LINUX}")]);

    bench.wheel(ANY);
    bench.done(&["sbom", ANY, "--in-place"]);
    bench.tool(&[
        "python",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--target",
        "site",
        ANY,
    ]);
    assert_eq!(fs::read(bench.at("site").join(BILL)).unwrap(), member(&bench.at(ANY), BILL));
}

#[test]
fn a_second_time_nothing_changes() {
    let bench = Bench::new();
    repaired(&bench);
    fs::create_dir(bench.at("twice")).unwrap();
    bench.done(&["sbom", LINUX, "--out", "one"]);
    bench.done(&["sbom", LINUX, "--out", "two"]);
    let one = fs::read(bench.at("one").join(LINUX)).unwrap();
    assert_eq!(fs::read(bench.at("two").join(LINUX)).unwrap(), one);
    assert!(bench.done(&["sbom", &format!("one/{LINUX}"), "--out", "twice"]).contains("has it already"));
    assert_eq!(fs::read(bench.at("twice").join(LINUX)).unwrap(), one);
    bench.done(&["sbom", &format!("one/{LINUX}"), "--in-place"]);
    assert_eq!(fs::read(bench.at("one").join(LINUX)).unwrap(), one);
    // Of other metadata, the bill is another, and takes the place of the first.
    bench.done(&["retag", &format!("one/{LINUX}"), "--in-place", "--local-version", "rocm7"]);
    let renamed = "demo-1.0+rocm7-cp311-cp311-linux_x86_64.whl";
    bench.done(&["sbom", &format!("one/{renamed}"), "--in-place"]);
    let bill = member(&bench.at("one").join(renamed), "demo-1.0+rocm7.dist-info/sboms/crosswheel.cdx.json");
    let bill: Value = serde_json::from_slice(&bill).unwrap();
    assert_eq!(bill["metadata"]["component"]["purl"], "pkg:pypi/demo@1.0%2Brocm7");
    bench.done(&["verify", &format!("one/{renamed}")]);
}

#[test]
fn what_is_refused_changes_nothing() {
    let bench = Bench::new();
    bench.wheel(ANY);
    let mut parts = Parts::new(LINUX).sealed();
    parts.get("demo/__init__.py").data = b"name = 'gone'\n".to_vec();
    parts.write(bench.dir.path());
    let before = bench.list("");
    for (args, code, told) in [
        (vec!["sbom", ANY], 2, "--in-place"),
        (vec!["sbom", ANY, "--out", "."], 2, "is the wheel itself"),
        (vec!["sbom", ANY, ANY, "--in-place"], 2, "both become"),
        (vec!["sbom", ANY, LINUX, "--out", "out"], 1, "[record-hash-mismatch]"),
    ] {
        let said = bench.refused(&args, code);
        assert!(said.contains(told), "{args:?}: {said}");
        assert_eq!(bench.list(""), before, "{args:?}");
    }
    let told: Value = serde_json::from_str(&bench.done(&["sbom", ANY, "--dry-run"])).unwrap();
    assert_eq!(validator_says(&bench, &told), "");
}

#[test]
fn a_wheel_is_written_where_it_lies_and_over_no_other_of_the_run() {
    let bench = Bench::new();
    bench.wheel(ANY);
    std::fs::create_dir(bench.at("store")).unwrap();
    std::fs::rename(bench.at(ANY), bench.at(&format!("store/{ANY}"))).unwrap();
    std::os::unix::fs::symlink(format!("store/{ANY}"), bench.at(ANY)).unwrap();
    bench.done(&["sbom", ANY, "--in-place"]);
    assert!(std::fs::symlink_metadata(bench.at(ANY)).unwrap().is_symlink());
    assert!(bench.done(&["sbom", &format!("store/{ANY}"), "--out", "new"]).contains("has it already"));

    std::fs::create_dir(bench.at("other")).unwrap();
    std::fs::copy(bench.at("store").join(ANY), bench.at("other").join(ANY)).unwrap();
    let (one, two) = (format!("store/{ANY}"), format!("other/{ANY}"));
    let said = bench.refused(&["sbom", &one, &two, "--out", "other"], 2);
    assert!(said.contains("is a wheel of this run"), "{said}");
}
