//! `crosswheel wheel retag --family`: how a family shows, and that what belongs together stays together.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::fs;

use serde_json::Value;
use wheels::{Bench, Parts, member};

const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const ANY: &str = "demo-1.0-py3-none-any.whl";
const INFO: &str = "demo-1.0.dist-info";

/// A wheel of another package, with its requirements.
fn package(bench: &Bench, name: &str, version: &str, requires: &[&str]) -> String {
    let file = format!("{name}-{version}-py3-none-any.whl");
    let mut parts = Parts::new(&file);
    parts.info = format!("{name}-{version}.dist-info");
    let lines = requires.iter().fold(String::new(), |lines, one| lines + "Requires-Dist: " + one + "\n");
    for raw in &mut parts.entries {
        let path = String::from_utf8(raw.name.clone()).unwrap();
        raw.name = path
            .replace("demo-1.0.", &format!("{name}-{version}."))
            .replace("demo/", &format!("{name}/"))
            .into();
        if path.ends_with("/METADATA") {
            raw.data =
                format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}").into_bytes();
        }
    }
    parts.sealed().write(bench.dir.path());
    file
}

/// The requirements in a wheel.
fn requires(bench: &Bench, wheel: &str) -> Vec<String> {
    let stem: Vec<&str> = wheel.rsplit('/').next().unwrap().split('-').collect();
    let text = member(&bench.at(wheel), &format!("{}-{}.dist-info/METADATA", stem[0], stem[1]));
    let text = String::from_utf8(text).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("Requires-Dist: ")).map(str::to_owned).collect()
}

#[test]
fn by_a_folder_the_wheel_stays_as_it_is() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    bench.done(&["retag", LINUX, "--out", "plain"]);
    bench.done(&["retag", LINUX, "--family", "x86-64-v3", "--out", "out"]);
    let read = |path: &str| fs::read(bench.at(path).join(LINUX)).unwrap();
    assert!(read("out/x86-64-v3") == read("plain"));
    let told = bench.refused(&["retag", LINUX, "--family", "x86-64-v3", "--in-place"], 2);
    assert!(told.contains("--out"), "{told}");
}

#[test]
fn by_name_wheels_of_one_run_require_each_other_under_their_new_names() {
    let bench = Bench::new();
    let one = package(&bench, "one", "1.0", &["two==1.0", "One[x] ; extra == 'all'", "twofold", "numpy"]);
    let two = package(&bench, "two", "1.0", &[]);
    bench.done(&["retag", &one, &two, "--family", "x86-64-v3", "--family-as", "name", "--out", "out"]);
    let renamed = "out/one_x86_64_v3-1.0-py3-none-any.whl";
    assert_eq!(
        requires(&bench, renamed),
        ["two-x86-64-v3==1.0", "one-x86-64-v3[x] ; extra == 'all'", "twofold", "numpy"]
    );
    let both = ["out/one_x86_64_v3-1.0-py3-none-any.whl", "out/two_x86_64_v3-1.0-py3-none-any.whl"];
    bench.done(&["verify", both[0], both[1]]);
    bench.tool(&["pip", "install", "-q", "--no-index", "--no-deps", "--target", "pip", both[0], both[1]]);
    let told = bench
        .refused(&["retag", renamed, "--family", "x86-64-v3", "--family-as", "name", "--out", "again"], 1);
    assert!(told.contains("`one-x86-64-v3` already"), "{told}");
}

#[test]
fn pins_with_a_local_version_follow_it() {
    let bench = Bench::new();
    let one = package(&bench, "one", "1.0+a", &["two==2.0+a", "one[x]==1.0+a", "two>1", "three==1.0+a"]);
    let two = package(&bench, "two", "2.0+a", &["one==1.0"]);
    bench.done(&["retag", &one, &two, "--local-version", "b", "--out", "out"]);
    let expected = ["two==2.0+b", "one[x]==1.0+b", "two>1", "three==1.0+a"];
    assert_eq!(requires(&bench, "out/one-1.0+b-py3-none-any.whl"), expected);
    assert_eq!(requires(&bench, "out/two-2.0+b-py3-none-any.whl"), ["one==1.0"]);
}

#[test]
fn as_a_variant_there_is_one_label_and_one_file_that_explains_it() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    let options = ["--family", "x86-64-v3", "--family-as", "variant", "--out", "out"];
    let out = bench.run(&[&["retag", LINUX], &options[..]].concat());
    assert!(
        out.status.success() && String::from_utf8_lossy(&out.stderr).contains("pip does not know variants")
    );
    let file = "demo-1.0-cp311-cp311-linux_x86_64-x86_64_v3.whl";
    assert_eq!(bench.list("out"), [file]);
    let json: Value =
        serde_json::from_slice(&member(&bench.at("out").join(file), &format!("{INFO}/variant.json")))
            .unwrap();
    assert_eq!(json["variants"].as_object().unwrap().keys().collect::<Vec<_>>(), ["x86_64_v3"]);
    assert_eq!(json["variants"]["x86_64_v3"]["x86_64"]["level"], serde_json::json!(["v3"]));
    assert_eq!(json["default-priorities"]["namespace"], serde_json::json!(["x86_64"]));
    let file = format!("out/{file}");
    bench.done(&["verify", &file]);
    bench.tool(&["unzip", "-tq", &file]);
    // Other edits keep the label, and a second one is refused.
    bench.done(&["retag", &file, "--build", "2", "--in-place"]);
    let file = "out/demo-1.0-2-cp311-cp311-linux_x86_64-x86_64_v3.whl";
    bench.done(&["verify", file]);
    let told = bench.refused(&[&["retag", file], &options[..]].concat(), 1);
    assert!(told.contains("of the variant `x86_64_v3` already"), "{told}");
}

#[test]
fn what_cannot_be_of_a_family_is_refused() {
    let bench = Bench::new();
    bench.wheel(ANY);
    let arm = "demo-1.0-cp311-cp311-manylinux_2_17_aarch64.whl";
    bench.wheel(arm);
    let topology = "[metadata]\nversion='1'\ndescription='x'\n[targets.arm]\nmachine='aarch64'\nos='linux'\nlibc='gnu'\n\
        [families.graviton]\ndescription='x'\ntarget='arm'\n[families.gfx90a-xnack]\ndescription='x'\ntarget='host'\n";
    fs::write(bench.at("BUILD_TOPOLOGY.toml"), topology).unwrap();
    for (args, code, told) in [
        (vec!["--family", "gravitom"], 2, "did you mean `graviton`?"),
        (vec!["--family", "x86-64-v3"], 2, "unknown family"),
        (vec!["--family", "graviton", "--family-as", "variant"], 2, "neither a level nor the name of a GPU"),
        (vec!["--family-as", "name"], 2, "--family"),
        (vec!["--family", "graviton", "--topology", "none.toml"], 2, "no topology none.toml"),
    ] {
        let said = bench.refused(&[&["retag", ANY, "--out", "out"], &args[..]].concat(), code);
        assert!(said.contains(told), "{args:?}: {said}");
    }
    bench.done(&["retag", ANY, arm, "--family", "graviton", "--out", "out"]);
    bench.done(&["retag", ANY, "--family", "gfx90a-xnack", "--family-as", "name", "--out", "gpu"]);
    assert_eq!(bench.list("gpu"), ["demo_gfx90a-1.0-py3-none-any.whl"]);
    fs::remove_file(bench.at("BUILD_TOPOLOGY.toml")).unwrap();
    let told = bench.refused(&["retag", arm, "--family", "x86-64-v3", "--out", "out"], 1);
    assert!(told.contains("is for manylinux_2_17_aarch64, and the family x86-64-v3 is for x86_64"), "{told}");
}
