//! `crosswheel wheel inspect`: what it says of a wheel is what unzip and readelf say of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundles;
mod wheels;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use bundles::{Method, compressed, library, pages, raw};
use serde_json::{Value, json};
use wheels::{Bench, Parts, Raw, entry};

const ANY: &str = "demo-1.0-py3-none-any.whl";
const LINUX: &str = "demo-1.0-2-cp311-cp311-linux_x86_64.whl";

/// What is said of a wheel, which must be readable.
fn inspect(bench: &Bench, wheel: &Path) -> Value {
    let json: Value =
        serde_json::from_str(&bench.done(&["inspect", "--json", wheel.to_str().unwrap()])).unwrap();
    assert_eq!((&json["errors"], json["wheels"].as_array().unwrap().len()), (&json!([]), 1));
    json["wheels"][0].clone()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// A row of a list by one of its fields.
fn row<'v>(list: &'v Value, field: &str, text: &str) -> &'v Value {
    list.as_array().unwrap().iter().find(|row| row[field] == text).unwrap_or_else(|| panic!("{text}: {list}"))
}

/// Compiles a library.
fn compile(bench: &Bench, name: &str, source: &str, args: &[&str]) -> Vec<u8> {
    let (file, out) = (bench.at(&format!("{name}.cc")), bench.at(name));
    fs::write(&file, source).unwrap();
    let mut cc = Command::new("g++");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&out).arg(&file).args(args);
    assert!(cc.status().unwrap().success(), "{cc:?}");
    fs::read(out).unwrap()
}

fn readelf(path: &Path, option: &str) -> String {
    let out = Command::new("readelf").arg(option).arg(path).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

/// What stands in brackets in the rows of a tag of `readelf -dW`.
fn dynamic(text: &str, tag: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.contains(&format!("({tag})")));
    rows.map(|line| line.split_once('[').unwrap().1.split_once(']').unwrap().0.to_owned()).collect()
}

#[test]
fn sizes_are_those_of_unzip() {
    let bench = Bench::new();
    let parts = Parts::new(ANY)
        .with(entry("demo/include/a.h", &b"#define A\n".repeat(90)))
        .with(entry("demo/_a.c", b"int a;\n"))
        .with(entry("demo/folder/", b""));
    let path = parts.sealed().write(bench.dir.path());
    let told = inspect(&bench, &path);
    assert_eq!(told["size"], fs::metadata(&path).unwrap().len());
    let listing = bench.tool(&["unzip", "-v", ANY]);
    let mut rows = BTreeSet::new();
    for line in listing.lines().filter(|line| line.contains(':') && !line.starts_with("Archive")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = line.split_once(&format!("{} ", words[6])).unwrap().1.trim_start();
        if !name.ends_with('/') {
            rows.insert((
                name.to_owned(),
                words[0].parse::<u64>().unwrap(),
                words[2].parse::<u64>().unwrap(),
            ));
        }
    }
    let all = told["entries"].as_array().unwrap();
    let number = |row: &Value, field: &str| row[field].as_u64().unwrap();
    let size = |row: &Value| {
        (row["path"].as_str().unwrap().to_owned(), number(row, "unpacked"), number(row, "compressed"))
    };
    // unzip shows what is not ASCII in its own way.
    let plain = |rows: BTreeSet<(String, u64, u64)>| {
        rows.into_iter().filter(|row| !row.0.contains(".txt")).collect::<BTreeSet<_>>()
    };
    assert_eq!(plain(all.iter().map(size).collect()), plain(rows.clone()));
    assert_eq!(told["files"], rows.len());
    assert_eq!(told["unpacked"], rows.iter().map(|row| row.1).sum::<u64>());
    assert_eq!(told["compressed"], rows.iter().map(|row| row.2).sum::<u64>());
    assert!(all.windows(2).all(|pair| number(&pair[0], "compressed") >= number(&pair[1], "compressed")));
    let kinds = told["kinds"].as_array().unwrap();
    let files: u64 = kinds.iter().map(|kind| number(kind, "files")).sum();
    assert_eq!(files, all.len() as u64);
    for (kind, count) in [("python", 2), ("headers", 1), ("sources", 1), ("metadata", 3), ("data", 3)] {
        assert_eq!(row(&told["kinds"], "kind", kind)["files"], count, "{kind}");
    }
}

#[test]
fn the_package_is_what_its_metadata_say() {
    let bench = Bench::new();
    let mut parts = Parts::new(LINUX);
    let metadata = parts.get("demo-1.0.dist-info/METADATA");
    metadata.data = b"Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\nRequires-Python: >=3.9\n\
        Requires-Dist: a\nRequires-Dist: extra; python_version < '4'\n\
        Requires-Dist: c; (extra == 'x')\n\n"
        .to_vec();
    let path = parts.sealed().write(bench.dir.path());
    let told = inspect(&bench, &path);
    let some = ["name", "version", "build", "requires_python", "requires", "tags", "machines", "platform"];
    let some: Vec<&Value> = some.iter().map(|field| &told[field]).collect();
    let tags = json!({ "python": ["cp311"], "abi": ["cp311"], "platform": ["linux_x86_64"] });
    assert_eq!(
        json!(some[..7]),
        json!([
            "Demo",
            "1.0",
            "2",
            ">=3.9",
            { "always": 2, "with_extras": 1 },
            tags,
            []
        ])
    );
    let page = bench.done(&["inspect", LINUX]);
    for shown in ["Demo 1.0, build 2", "cp311-cp311-linux_x86_64", ">=3.9", "2 packages, 1 more with extras"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains('\u{1b}'), "a pipe has no colours");
}

#[test]
fn files_of_code_say_what_readelf_says() {
    let bench = Bench::new();
    let source = "#include <iostream>\n#include <cmath>\n\
        int f(double x) { std::cout << std::pow(x, x); return 0; }\n";
    let plain = compile(
        &bench,
        "libplain.so",
        source,
        &["-Wl,-soname,libother.so.1", "-Wl,-rpath,$ORIGIN:$ORIGIN/../x"],
    );
    let old = compile(
        &bench,
        "libold.so",
        "int g() { return 1; }",
        &["-Wl,--disable-new-dtags", "-Wl,-rpath,/opt/lib", "-Wl,-z,x86-64-v3"],
    );
    let parts = Parts::new(LINUX)
        .with(entry("demo/libplain.so", &plain))
        .with(Raw { deflated: false, ..entry("demo/libold.so.3", &old) })
        .with(entry("demo/no.so", b"INPUT(libold.so.3)\n"));
    let path = parts.sealed().write(bench.dir.path());
    let told = inspect(&bench, &path);
    let codes = &told["code"];
    assert_eq!(codes.as_array().unwrap().len(), 2);
    for (name, file) in [("demo/libplain.so", "libplain.so"), ("demo/libold.so.3", "libold.so")] {
        let code = row(codes, "path", name);
        let text = readelf(&bench.at(file), "-dW");
        assert_eq!(texts(&code["needed"]), dynamic(&text, "NEEDED"));
        assert_eq!(code["soname"].as_str().map(str::to_owned), dynamic(&text, "SONAME").pop());
        for (field, tag) in [("rpath", "RPATH"), ("runpath", "RUNPATH")] {
            assert_eq!(texts(&code[field]).join(":"), dynamic(&text, tag).concat(), "{name}");
        }
        assert_eq!(code["machine"], "x86_64");
    }
    let versions = readelf(&bench.at("libplain.so"), "-VW");
    for (field, prefix) in [("glibc", "GLIBC_"), ("glibcxx", "GLIBCXX_"), ("cxxabi", "CXXABI_")] {
        let all = versions.split_whitespace().filter_map(|word| word.strip_prefix(prefix));
        let highest = all.max_by_key(|version| {
            version.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>()
        });
        assert_eq!(row(codes, "path", "demo/libplain.so")["needs"][field].as_str(), highest, "{field}");
        assert_eq!(told["needs"][field].as_str(), highest, "{field}");
    }
    assert!(readelf(&bench.at("libold.so"), "-nW").contains("x86-64-v3"));
    assert_eq!(row(codes, "path", "demo/libold.so.3")["x86_64_level"], 3);
    assert_eq!((&told["x86_64_level"], &told["machines"]), (&json!(3), &json!(["x86_64"])));
    assert_eq!(texts(&told["platform"]), ["linux_x86_64"], "no policy allows a level");
    assert_eq!(texts(&told["platform_reasons"]), ["demo/libold.so.3 asks for x86-64-v3"]);
    let page = bench.done(&["inspect", LINUX]);
    for shown in [
        "soname  libother.so.1",
        "rpath   /opt/lib",
        "runpath $ORIGIN $ORIGIN/../x",
        "1 of them at x86-64-v3",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[test]
fn gpu_targets_are_told_of_each_file_and_of_the_wheel() {
    let bench = Bench::new();
    let one = raw(&["gfx1100", "gfx90a:xnack+"], 4096, &[7; 100]);
    let (fatbin, _) = pages(&[one.clone(), compressed(&one, 3, Method::Zstd)]);
    let object = bench.at("a.hsaco");
    fs::write(bench.at("a.c"), "int answer;\n").unwrap();
    let clang = ["--target=amdgcn-amd-amdhsa", "-nogpulib", "-mcpu=gfx906", "-c", "a.c", "-o", "a.hsaco"];
    assert!(Command::new("clang").args(clang).current_dir(bench.dir.path()).status().unwrap().success());
    let kernels = library(bench.dir.path(), "libkernels.so", &fatbin, 2, &[]);
    let parts = Parts::new(LINUX)
        .with(entry("demo/libkernels.so", &fs::read(kernels).unwrap()))
        .with(entry("demo/kernels.co", &compressed(&one, 2, Method::Zlib)))
        .with(entry("demo/a.hsaco", &fs::read(&object).unwrap()));
    let path = parts.sealed().write(bench.dir.path());
    let told = inspect(&bench, &path);
    let size = fs::metadata(object).unwrap().len();
    assert_eq!(
        told["gpu_targets"],
        json!([
            { "target": "gfx906", "files": 1, "objects": 1, "bytes": size },
            { "target": "gfx90a:xnack+", "files": 2, "objects": 3, "bytes": 300 },
            { "target": "gfx1100", "files": 2, "objects": 3, "bytes": 300 },
        ])
    );
    let gpu = &row(&told["code"], "path", "demo/libkernels.so")["gpu"];
    assert_eq!(gpu["bundles"], json!({ "raw": 1, "CCOB v3 zstd": 1 }));
    assert_eq!((&gpu["wrappers"], &gpu["bytes"]), (&json!(2), &json!(fatbin.len())));
    assert_eq!(told["machines"], json!(["x86_64"]), "a GPU is no machine that Python runs on");
    assert_eq!(row(&told["kinds"], "kind", "gpu-code")["files"], 2);
    let page = bench.done(&["inspect", LINUX]);
    assert!(page.contains("targets gfx90a:xnack+ gfx1100"), "{page}");
    assert!(page.contains("3 targets, 7 code objects"), "{page}");
}

#[test]
fn duplicates_are_proved_by_content() {
    let bench = Bench::new();
    let content: Vec<u8> = (0..9000_u32).map(|n| n.to_le_bytes()[1]).collect();
    // Another content of the same size and checksum: the bits of the polynomial of CRC-32 are turned.
    let mut other = content.clone();
    for (at, bits) in [0x41, 0x06, 0x71, 0xdb, 0x01].into_iter().enumerate() {
        other[100 + at] ^= bits;
    }
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    assert_eq!(crc(&content), crc(&other));
    let parts = Parts::new(ANY)
        .with(entry("demo/one", &content))
        .with(Raw { deflated: false, ..entry("demo/two", &content) })
        .with(entry("demo/three", &content))
        .with(entry("demo/other", &other))
        .with(entry("demo/empty", b""))
        .with(entry("demo/nothing", b""));
    let path = parts.sealed().write(bench.dir.path());
    let told = inspect(&bench, &path);
    let all = told["duplicates"].as_array().unwrap();
    let files: Vec<_> = all.iter().map(|same| texts(&same["files"])).collect();
    assert!(files.contains(&vec!["demo/one", "demo/three", "demo/two"]), "{files:?}");
    assert!(!files.iter().flatten().any(|file| ["demo/other", "demo/empty"].contains(file)), "{files:?}");
    let same = all.iter().find(|same| same["files"][0] == "demo/one").unwrap();
    let packed = row(&told["entries"], "path", "demo/one")["compressed"].as_u64().unwrap();
    assert_eq!(same["wasted_unpacked"], 18000);
    assert_eq!(same["wasted_compressed"], packed + 9000);
    let wasted: u64 = all.iter().map(|same| same["wasted_unpacked"].as_u64().unwrap()).sum();
    assert_eq!(told["wasted_unpacked"], wasted);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_shown() {
    let bench = Bench::new();
    bench.wheel(ANY);
    fs::write(bench.at("bad-1.0-py3-none-any.whl"), "no archive").unwrap();
    let list = ["bad-1.0-py3-none-any.whl", "gone-1.0-py3-none-any.whl", ANY];
    let out = bench.run(&[&["inspect"], &list[..]].concat());
    let (page, told) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert_eq!(out.status.code(), Some(1));
    assert!(page.contains("demo 1.0"), "{page}");
    assert!(page.contains("any: there is no machine code"), "{page}");
    assert!(told.contains("[not-zip]") && told.contains("gone-1.0") && told.contains("hint:"), "{told}");
    let out = bench.run(&[&["inspect", "--json"], &list[..]].concat());
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(json["wheels"].as_array().unwrap().len(), 1);
    let wheels: Vec<_> = json["errors"].as_array().unwrap().iter().map(|one| &one["wheel"]).collect();
    assert_eq!(wheels, ["bad-1.0-py3-none-any.whl", "gone-1.0-py3-none-any.whl"]);
}

#[test]
fn damaged_parts_of_a_wheel_are_told_and_the_rest_is_shown() {
    let bench = Bench::new();
    let path = Parts::new(LINUX)
        .with(entry("demo/torn.co", b"CCOB\x02\0\x01\0torn"))
        .with(entry("demo/good.co", &raw(&["gfx942"], 16, b"code")))
        .with(Raw { local: Some(|_| ()), ..entry("demo/esc\u{1b}[31m", b"x") })
        .sealed()
        .write(bench.dir.path());
    let out = bench.run(&["inspect", "--json", path.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let unread = &json["wheels"][0]["unread"];
    assert_eq!(unread.as_array().unwrap().len(), 1, "{unread}");
    assert!(row(unread, "member", "demo/torn.co")["what"].as_str().unwrap().contains("cut short"));
    assert_eq!(json["wheels"][0]["gpu_targets"][0]["target"], "gfx942");
    let page = String::from_utf8(bench.run(&["inspect", "--all", LINUX]).stdout).unwrap();
    assert!(page.contains("not read  demo/torn.co"), "{page}");
    assert!(page.contains("demo/esc\\u{1b}[31m") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn an_unsafe_archive_is_not_inflated() {
    let bench = Bench::new();
    let path = Parts::new(LINUX)
        .with(Raw { flags: 1, ..entry("demo/secret", b"x") })
        .sealed()
        .write(bench.dir.path());
    let out = bench.run(&["inspect", "--json", path.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let one = &json["wheels"][0];
    assert!(one["unread"][0]["what"].as_str().unwrap().contains("encrypted"));
    assert_eq!(row(&one["findings"], "code", "encrypted")["member"], "demo/secret");
    assert!(one["entries"].as_array().unwrap().len() > 5);
}

#[test]
fn lists_are_cut_unless_all_is_asked_for() {
    let bench = Bench::new();
    let mut parts = Parts::new(ANY);
    for number in 0..20 {
        parts = parts.with(entry(&format!("demo/file{number}"), format!("{number}").as_bytes()));
    }
    parts.sealed().write(bench.dir.path());
    let count = |args: &[&str]| bench.done(args).lines().filter(|line| line.contains("demo/file")).count();
    assert_eq!(count(&["inspect", "--all", ANY]), 20);
    assert!(count(&["inspect", ANY]) < 10);
    assert!(bench.done(&["inspect", "--limit", "3", ANY]).contains("… 25 more (--all)"));
    bench.refused(&["inspect", "--limit", "3", "--all", ANY], 2);
}
