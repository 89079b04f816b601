//! What `crosswheel wheel diff` tells of ELF files and static libraries that gcc makes on the spot, held against
//! `readelf` and `nm`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod told;
mod wheels;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use told::{compare, content};
use wheels::{Bench, Parts, entry};

const FILE: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const SOURCE: &str = "int counter = 7;\nconst char *where(void) { return \"built in /tmp/one/src\"; }\n\
    int add(int x) { return x + counter; }\n";

/// Runs a tool in the folder, and it must be well; its stdout.
fn tool(bench: &Bench, words: &[&str]) -> String {
    let out =
        Command::new(words[0]).args(&words[1..]).current_dir(bench.dir.path()).output().expect(words[0]);
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Builds a library from a source; its build-id is always the same unless other options say otherwise.
fn build(bench: &Bench, out: &str, source: &str, options: &[&str]) {
    fs::write(bench.at("a.c"), source).unwrap();
    let fixed = ["gcc", "-O1", "-shared", "-fPIC", "-Wl,--build-id=0x11223344", "-o", out, "a.c"];
    tool(bench, &[&fixed[..], options].concat());
}

/// What is told of two files as members of two wheels.
fn diff(bench: &Bench, a: &Path, b: &Path) -> Value {
    for (folder, file) in [("one", a), ("two", b)] {
        fs::create_dir_all(bench.at(folder)).unwrap();
        Parts::new(FILE).with(entry("demo/file", &fs::read(file).unwrap())).sealed().write(&bench.at(folder));
    }
    let (one, two) = (format!("one/{FILE}"), format!("two/{FILE}"));
    let found = compare(bench, &one, &two, 1);
    let turned = compare(bench, &two, &one, 1);
    let told = |found: &Value| {
        let entries = found["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["a"]["path"] == "demo/file").unwrap()["content"].clone()
    };
    assert_eq!(content(&told(&found), false), content(&told(&turned), true), "mirrored");
    assert_eq!(found["entries"].as_array().unwrap().len(), 2, "the file and RECORD");
    told(&found)
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn aspects(told: &Value) -> Vec<&str> {
    texts(&told["aspects"])
}

/// A value that changed.
fn value<'t>(told: &'t Value, what: &str) -> [Option<&'t str>; 2] {
    let values = told["values"].as_array().unwrap();
    let value = values.iter().find(|value| value["what"] == what).unwrap_or_else(|| panic!("{what}: {told}"));
    [value["a"].as_str(), value["b"].as_str()]
}

/// Values that only one has.
fn list<'t>(told: &'t Value, what: &str) -> [Vec<&'t str>; 2] {
    let lists = told["lists"].as_array().unwrap();
    let list = lists.iter().find(|list| list["what"] == what).unwrap_or_else(|| panic!("{what}: {told}"));
    [texts(&list["removed"]), texts(&list["added"])]
}

/// What `change` makes of the library, with what is told: its aspects.
fn changed(change: &[&str]) -> (Bench, Value) {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    fs::copy(bench.at("a.so"), bench.at("b.so")).unwrap();
    tool(&bench, &[change, &["b.so"]].concat());
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    (bench, told)
}

/// The build-id as `readelf` prints it.
fn readelf_build_id(bench: &Bench, file: &str) -> String {
    let notes = tool(bench, &["readelf", "-n", file]);
    notes.lines().find_map(|line| line.trim().strip_prefix("Build ID: ")).unwrap().to_owned()
}

/// Names and sizes of the sections as `readelf` prints them.
fn readelf_sections(bench: &Bench, file: &str) -> BTreeSet<(String, u64)> {
    let table = tool(bench, &["readelf", "-SW", file]);
    let row = |line: &str| {
        let (_, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let name = words.first().filter(|name| name.starts_with('.'))?;
        Some(((*name).to_owned(), u64::from_str_radix(words.get(4)?, 16).ok()?))
    };
    table.lines().filter_map(row).collect()
}

/// Dynamic symbols as `nm` prints them: name with version.
fn nm(bench: &Bench, file: &str) -> BTreeSet<String> {
    let table = tool(bench, &["nm", "-D", "--with-symbol-versions", file]);
    table.lines().map(|line| line.split_whitespace().last().unwrap().to_owned()).collect()
}

#[test]
fn another_build_id_is_only_that() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    build(&bench, "b.so", SOURCE, &["-Wl,--build-id=0x55667788"]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert_eq!(aspects(&told), ["build-id"]);
    let ids = ["a.so", "b.so"].map(|file| readelf_build_id(&bench, file));
    assert_eq!(value(&told, "build-id"), [Some(ids[0].as_str()), Some(ids[1].as_str())]);
    let shown = bench.run(&["diff", &format!("one/{FILE}"), &format!("two/{FILE}")]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("2 of 9 files")
            || shown.contains("1 of 9 files differs: 1 library only in build-id\n"),
        "{shown}"
    );
}

#[test]
fn another_compiler_with_the_same_code_is_only_that() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    fs::copy(bench.at("a.so"), bench.at("b.so")).unwrap();
    fs::write(bench.at("comment"), b"GCC: (Other) 1.2.3\0").unwrap();
    tool(&bench, &["objcopy", "--update-section", ".comment=comment", "b.so"]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert_eq!(aspects(&told), ["comment"]);
    let before = tool(&bench, &["readelf", "-p", ".comment", "a.so"]);
    let [removed, added] = list(&told, "compilers");
    assert!(removed.len() == 1 && before.contains(removed[0]), "{removed:?}");
    assert_eq!(added, ["GCC: (Other) 1.2.3"]);
}

#[test]
fn what_patchelf_sets_is_told_and_the_code_is_the_same() {
    let (_bench, told) = changed(&["patchelf", "--set-rpath", "$ORIGIN/../demo.libs"]);
    assert_eq!(aspects(&told), ["rpath"]);
    assert_eq!(value(&told, "RUNPATH"), [None, Some("$ORIGIN/../demo.libs")]);
    let (_bench, told) = changed(&["patchelf", "--force-rpath", "--set-rpath", "/opt/lib:$ORIGIN"]);
    assert_eq!(aspects(&told), ["rpath"]);
    assert_eq!(value(&told, "RPATH"), [None, Some("/opt/lib:$ORIGIN")]);
    let (_bench, told) = changed(&["patchelf", "--set-soname", "libdemo.so.2"]);
    assert_eq!(aspects(&told), ["soname"]);
    assert_eq!(value(&told, "SONAME"), [None, Some("libdemo.so.2")]);
    let (bench, told) = changed(&["patchelf", "--add-needed", "libfoo.so.1"]);
    assert_eq!(aspects(&told), ["needed"]);
    assert_eq!(list(&told, "NEEDED"), [Vec::<&str>::new(), vec!["libfoo.so.1"]]);
    assert!(tool(&bench, &["readelf", "-d", "b.so"]).contains("libfoo.so.1"));
}

#[test]
fn another_interpreter_is_told() {
    let bench = Bench::new();
    fs::write(bench.at("m.c"), "int main(void) { return 0; }\n").unwrap();
    tool(&bench, &["gcc", "-o", "a", "m.c"]);
    fs::copy(bench.at("a"), bench.at("b")).unwrap();
    tool(&bench, &["patchelf", "--set-interpreter", "/lib/ld-musl-x86_64.so.1", "b"]);
    let told = diff(&bench, &bench.at("a"), &bench.at("b"));
    assert_eq!(aspects(&told), ["interpreter"]);
    let [before, after] = value(&told, "interpreter");
    assert!(tool(&bench, &["readelf", "-l", "a"]).contains(before.unwrap()));
    assert_eq!(after, Some("/lib/ld-musl-x86_64.so.1"));
}

#[test]
fn other_code_is_other_code() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    build(&bench, "b.so", &SOURCE.replace("x + counter", "x * 5 + counter"), &[]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert!(aspects(&told).starts_with(&["code"]), "{told}");
    let symbols = told["symbols"]["changed"].as_array().unwrap();
    assert!(symbols.iter().all(|symbol| symbol["name"] == "add" && symbol["what"] == "size"), "{told}");
    assert!(
        !aspects(&told).iter().any(|aspect| ["needed", "comment", "build-id"].contains(aspect)),
        "{told}"
    );
}

#[test]
fn data_with_another_path_names_it() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    build(&bench, "b.so", &SOURCE.replace("/tmp/one", "/tmp/two"), &[]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert_eq!(aspects(&told), ["data"]);
    let [section] = &told["sections"].as_array().unwrap()[..] else { panic!("{told}") };
    let text = &section["text"];
    assert_eq!((&text["a"], &text["b"]), (&"built in /tmp/one/src".into(), &"built in /tmp/two/src".into()));
    let dump = tool(&bench, &["readelf", "-p", section["name"].as_str().unwrap(), "a.so"]);
    assert!(dump.contains("built in /tmp/one/src"), "{dump}");
}

#[test]
fn symbols_are_those_of_nm() {
    let bench = Bench::new();
    let script = |version: &str| format!("{version} {{ global: add; where; more; counter; local: *; }};\n");
    fs::write(bench.at("one.map"), script("V_1")).unwrap();
    fs::write(bench.at("two.map"), script("V_2")).unwrap();
    build(&bench, "a.so", SOURCE, &["-Wl,--version-script=one.map"]);
    build(&bench, "b.so", SOURCE, &["-Wl,--version-script=two.map"]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    let (before, after) = (nm(&bench, "a.so"), nm(&bench, "b.so"));
    let rows = told["symbols"]["changed"].as_array().unwrap();
    let versions: BTreeSet<(String, String)> = rows
        .iter()
        .map(|row| {
            assert_eq!(row["what"], "version");
            let name = row["name"].as_str().unwrap();
            let side = |side: &str| format!("{name}{}", row[side].as_str().unwrap());
            (side("a"), side("b"))
        })
        .collect();
    assert_eq!(versions.len(), 3, "{told}");
    assert!(versions.iter().all(|(a, b)| before.contains(a) && after.contains(b)), "{versions:?} {before:?}");
    // One more symbol, and one less.
    build(&bench, "c.so", &SOURCE.replace("int add", "int more"), &["-Wl,--version-script=one.map"]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("c.so"));
    let after = nm(&bench, "c.so");
    let only =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(texts(&told["symbols"]["added"]), only(&after, &before));
    assert_eq!(texts(&told["symbols"]["removed"]), only(&before, &after));
    assert!(aspects(&told).contains(&"symbols"));
}

#[test]
fn versions_that_are_needed_are_told() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    let more = format!("{SOURCE}#include <stdlib.h>\nvoid *get(void) {{ return malloc(7); }}\n");
    build(&bench, "b.so", &more, &[]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    let needs = |file| {
        let text = tool(&bench, &["readelf", "-VW", file]);
        let words = text.split_whitespace().map(str::to_owned);
        words.filter(|word| word.starts_with("GLIBC_")).collect::<BTreeSet<_>>()
    };
    let new: Vec<String> = needs("b.so").difference(&needs("a.so")).cloned().collect();
    let told_new = told["lists"].as_array().unwrap().iter().find(|list| list["what"] == "versions");
    let told_new: Vec<String> = told_new
        .map(|list| {
            texts(&list["added"]).iter().map(|text| text.split(' ').next().unwrap().to_owned()).collect()
        })
        .unwrap_or_default();
    assert_eq!(told_new, new);
    assert!(aspects(&told).contains(&"symbols"), "{told}");
}

#[test]
fn what_strip_takes_away_is_debug_information_and_symbols() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &["-g"]);
    for (option, expected) in [("-g", vec!["debug"]), ("-s", vec!["debug", "symbol-table"])] {
        fs::copy(bench.at("a.so"), bench.at("b.so")).unwrap();
        tool(&bench, &["strip", option, "b.so"]);
        let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
        let found: Vec<&str> =
            aspects(&told).into_iter().filter(|aspect| *aspect != "symbol-table" || option == "-s").collect();
        assert_eq!(found, expected, "{told}");
        let (before, after) = (readelf_sections(&bench, "a.so"), readelf_sections(&bench, "b.so"));
        let names =
            |all: &BTreeSet<(String, u64)>| all.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
        let gone: BTreeSet<String> = names(&before).difference(&names(&after)).cloned().collect();
        let rows = told["sections"].as_array().unwrap();
        let told_gone = rows.iter().filter(|row| row["size"]["b"].is_null());
        assert_eq!(
            told_gone.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
            gone
        );
        for row in rows {
            let (name, size) = (row["name"].as_str().unwrap().to_owned(), row["size"]["a"].as_u64().unwrap());
            assert!(before.contains(&(name, size)), "{row}");
        }
    }
}

#[test]
fn debug_information_with_another_path_names_it() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &["-g", "-ffile-prefix-map=/=/first/"]);
    build(&bench, "b.so", SOURCE, &["-g", "-ffile-prefix-map=/=/other/"]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert_eq!(aspects(&told), ["debug"]);
    let text = told["sections"].as_array().unwrap().iter().find_map(|row| row["text"].as_object());
    let text = text.unwrap_or_else(|| panic!("{told}"));
    assert!(text["a"].as_str().unwrap().contains("/first/"), "{told}");
    assert!(text["b"].as_str().unwrap().contains("/other/"), "{told}");
}

#[test]
fn another_level_of_instructions_is_a_property() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &["-Wl,-z,x86-64-v2"]);
    build(&bench, "b.so", SOURCE, &["-Wl,-z,x86-64-v3"]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert_eq!(aspects(&told), ["properties"]);
    let [removed, added] = list(&told, "properties");
    let shown = ["a.so", "b.so"].map(|file| tool(&bench, &["readelf", "-nW", file]));
    for (text, shown) in [(removed, &shown[0]), (added, &shown[1])] {
        let [text] = text[..] else { panic!("{told}") };
        let levels = text.strip_prefix("ISA needed: ").unwrap();
        let last = levels.split(' ').next_back().unwrap();
        assert!(shown.contains(last), "{text}: {shown}");
    }
}

/// Sets a byte of the header.
fn poke(bench: &Bench, at: usize, to: u8) -> Value {
    build(bench, "a.so", SOURCE, &[]);
    let mut bytes = fs::read(bench.at("a.so")).unwrap();
    assert_ne!(bytes[at], to);
    bytes[at] = to;
    fs::write(bench.at("b.so"), bytes).unwrap();
    diff(bench, &bench.at("a.so"), &bench.at("b.so"))
}

#[test]
fn headers_of_elf_files_are_compared() {
    // gABI, "ELF Header": e_machine at 18, e_type at 16, e_flags at 48.
    let bench = Bench::new();
    let told = poke(&bench, 18, 183);
    assert_eq!(value(&told, "machine"), [Some("x86_64"), Some("aarch64")]);
    let told = poke(&bench, 16, 2);
    assert_eq!(aspects(&told), ["type"]);
    let told = poke(&bench, 48, 1);
    assert_eq!((aspects(&told), told["sections"].as_array().unwrap().len()), (vec!["layout"], 0));
}

#[test]
fn damaged_elf_files_are_compared_as_bytes() {
    let bench = Bench::new();
    build(&bench, "a.so", SOURCE, &[]);
    let bytes = fs::read(bench.at("a.so")).unwrap();
    for length in [0, 4, 20, 64, 500, bytes.len() / 2, bytes.len() - 1] {
        fs::write(bench.at("b.so"), &bytes[..length]).unwrap();
        let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
        assert!(["binary", "elf"].contains(&told["kind"].as_str().unwrap()), "{length}: {told}");
    }
}

#[test]
fn static_libraries_are_told_by_member() {
    let bench = Bench::new();
    for (name, source) in [("x", "int x = 1;"), ("y", "int y(void) { return 1; }"), ("z", "int z;")] {
        fs::write(bench.at(&format!("{name}.c")), source).unwrap();
        tool(&bench, &["gcc", "-c", "-O1", &format!("{name}.c")]);
    }
    let ar = |out: &str, option: &str, members: &[&str]| {
        let _ = fs::remove_file(bench.at(out));
        tool(&bench, &[&["ar", option, out], members].concat());
        bench.at(out)
    };
    let one = ar("a.a", "rcsD", &["x.o", "y.o"]);
    let told = |two: &Path| content(&diff(&bench, &one, two), false);
    assert_eq!(told(&ar("b.a", "rcsD", &["y.o", "x.o"])), "order");
    assert_eq!(told(&ar("b.a", "rcsD", &["x.o", "z.o"])), "member + z.o; member - y.o");
    assert_eq!(told(&ar("b.a", "rcsU", &["x.o", "y.o"])), "dated x.o; dated y.o");
    assert_eq!(told(&ar("b.a", "rcSD", &["x.o", "y.o"])), "form");
    fs::write(bench.at("y.c"), "int y(void) { return 2; }").unwrap();
    tool(&bench, &["gcc", "-c", "-O1", "y.c"]);
    assert_eq!(told(&ar("b.a", "rcsD", &["x.o", "y.o"])), "member y.o code");
}

#[test]
fn large_files_are_compared_in_a_temporary_file() {
    let bench = Bench::new();
    // 10 MB that deflate to little.
    let source = |last: u8| format!("{SOURCE}char big[10000000] = {{1, [9999999] = {last}}};\n");
    build(&bench, "a.so", &source(3), &[]);
    build(&bench, "b.so", &source(4), &[]);
    let told = diff(&bench, &bench.at("a.so"), &bench.at("b.so"));
    assert_eq!(aspects(&told), ["data"]);
    let [section] = &told["sections"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&section["name"], section["size"]["a"].as_u64() > Some(9_999_999)), (&".data".into(), true));
}
