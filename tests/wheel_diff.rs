//! `crosswheel wheel diff`: one change at a time, each told exactly and nothing else; both directions; real tools as
//! oracles for what is told of ELF files (`tests/wheel_diff_elf.rs`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod told;
mod wheels;

use std::fs;

use told::{compare, flat};
use wheels::{Bench, METADATA, Parts, Raw, entry, member, pack};

const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";

/// A change that is made before RECORD is written, or after.
enum Change {
    Before(fn(&mut Parts)),
    After(fn(&mut Parts)),
}
use Change::{After, Before};

fn metadata(parts: &mut Parts, from: &str, to: &str) {
    assert!(METADATA.contains(from));
    parts.get("demo-1.0.dist-info/METADATA").data = METADATA.replace(from, to).into_bytes();
}

fn replace(parts: &mut Parts, name: &str, from: &str, to: &str) {
    let raw = parts.get(name);
    let text = String::from_utf8(raw.data.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    raw.data = text.replace(from, to).into_bytes();
}

const RECORD: &str = "demo-1.0.dist-info/RECORD";
const INIT: &str = "demo/__init__.py";
/// What every other content brings about.
const FOLLOWS: &str = "changed demo-1.0.dist-info/RECORD: follows";

/// Each change with all that is told of it.
fn rows() -> Vec<(&'static str, Change, Vec<&'static str>)> {
    vec![
        (
            "added",
            Before(|p| p.entries.push(entry("demo/new.txt", b"n\n"))),
            vec!["added demo/new.txt", FOLLOWS],
        ),
        (
            "removed",
            Before(|p| p.entries.retain(|raw| raw.name != INIT.as_bytes())),
            vec!["removed demo/__init__.py", FOLLOWS],
        ),
        (
            "moved",
            Before(|p| p.get(INIT).name = b"demo/main.py".to_vec()),
            vec!["moved demo/__init__.py > demo/main.py", FOLLOWS],
        ),
        (
            "text",
            Before(|p| p.get(INIT).data = b"name = 'other'\n".to_vec()),
            vec!["changed demo/__init__.py: text -1 +1", FOLLOWS],
        ),
        (
            "line ends",
            Before(|p| p.get(INIT).data = b"name = 'demo'\r\n".to_vec()),
            vec!["changed demo/__init__.py: line ends LF > CRLF", FOLLOWS],
        ),
        (
            "binary",
            Before(|p| p.get("demo/dated.bin").data[7_000] ^= 1),
            vec!["changed demo/dated.bin: binary from 7000", FOLLOWS],
        ),
        (
            "binary cut short",
            Before(|p| p.get("demo/dated.bin").data.truncate(9_000)),
            vec!["changed demo/dated.bin: binary, one begins the other", FOLLOWS],
        ),
        (
            "requirement changed",
            Before(|p| metadata(p, "numpy (>=1.2)", "NumPy>=2")),
            vec!["changed demo-1.0.dist-info/METADATA: Requires-Dist numpy (>=1.2) > NumPy>=2", FOLLOWS],
        ),
        (
            "requirement spelled otherwise",
            Before(|p| metadata(p, "numpy (>=1.2)", "Numpy>=1.2")),
            vec![
                "changed demo-1.0.dist-info/METADATA: Requires-Dist spelled numpy (>=1.2) > Numpy>=1.2",
                FOLLOWS,
            ],
        ),
        (
            "requirement added",
            Before(|p| metadata(p, "Provides-Extra", "Requires-Dist: z>1\nProvides-Extra")),
            vec!["changed demo-1.0.dist-info/METADATA: Requires-Dist + z>1", FOLLOWS],
        ),
        (
            "requirement removed",
            Before(|p| metadata(p, "Requires-Dist: demo-extra\n", "")),
            vec!["changed demo-1.0.dist-info/METADATA: Requires-Dist - demo-extra", FOLLOWS],
        ),
        (
            "header folded otherwise",
            Before(|p| metadata(p, "Summary: folded\n  twice", "Summary: folded  twice")),
            vec!["changed demo-1.0.dist-info/METADATA: form", FOLLOWS],
        ),
        (
            "headers in another order",
            Before(|p| {
                metadata(p, "Name: demo\nVersion: 1.0\n", "Version: 1.0\nName: demo\n");
            }),
            vec!["changed demo-1.0.dist-info/METADATA: form", FOLLOWS],
        ),
        (
            "body",
            Before(|p| metadata(p, "Body: of many", "Body: of few")),
            vec!["changed demo-1.0.dist-info/METADATA: body -1 +1", FOLLOWS],
        ),
        (
            "generator",
            Before(|p| replace(p, "demo-1.0.dist-info/WHEEL", "test (1)", "test (2)")),
            vec!["changed demo-1.0.dist-info/WHEEL: Generator test (1) > test (2)", FOLLOWS],
        ),
        (
            "tag in WHEEL",
            Before(|p| replace(p, "demo-1.0.dist-info/WHEEL", "cp311-linux", "abi3-linux")),
            vec![
                "changed demo-1.0.dist-info/WHEEL: Tag cp311-cp311-linux_x86_64 > cp311-abi3-linux_x86_64",
                FOLLOWS,
            ],
        ),
        (
            "entry points",
            Before(|p| p.entries.push(entry("demo-1.0.dist-info/entry_points.txt", b"[console_scripts]\n"))),
            vec!["added demo-1.0.dist-info/entry_points.txt", FOLLOWS],
        ),
        (
            "RECORD with other line ends",
            Before(|p| p.end = "\r\n"),
            vec!["changed demo-1.0.dist-info/RECORD: line ends LF > CRLF"],
        ),
        (
            "RECORD in another order",
            After(|p| {
                let raw = p.get(RECORD);
                let text = String::from_utf8(raw.data.clone()).unwrap();
                raw.data = text.lines().rev().fold(String::new(), |all, line| all + line + "\n").into_bytes();
            }),
            vec!["changed demo-1.0.dist-info/RECORD: order"],
        ),
        (
            "RECORD with other quotes",
            After(|p| replace(p, RECORD, "demo/__init__.py,", "\"demo/__init__.py\",")),
            vec!["changed demo-1.0.dist-info/RECORD: form"],
        ),
        (
            "RECORD with another size",
            After(|p| replace(p, RECORD, ",14\n", ",15\n")),
            vec![
                "changed demo-1.0.dist-info/RECORD: demo/__init__.py: the row differs, and the content does not",
            ],
        ),
        (
            "RECORD without a row",
            After(|p| {
                let raw = p.get(RECORD);
                let text = String::from_utf8(raw.data.clone()).unwrap();
                let rows = text.lines().filter(|line| !line.starts_with("demo/__init__"));
                raw.data = rows.fold(String::new(), |all, line| all + line + "\n").into_bytes();
            }),
            vec!["changed demo-1.0.dist-info/RECORD: demo/__init__.py: one side has no row"],
        ),
        (
            "RECORD with a row of no file",
            After(|p| p.get(RECORD).data.extend(b"gone,,\n")),
            vec!["changed demo-1.0.dist-info/RECORD: gone: there is no such file"],
        ),
        (
            "content behind the back of RECORD",
            After(|p| {
                p.get(INIT).data = b"name = 'DEMO'\n".to_vec();
                p.get(RECORD).data.extend(b"x,,\n");
            }),
            vec![
                "changed demo-1.0.dist-info/RECORD: demo/__init__.py: the content differs, and the row does not; \
                 x: there is no such file",
                "changed demo/__init__.py: text -1 +1",
            ],
        ),
        (
            "executable",
            After(|p| p.get(INIT).mode = 0o100_755),
            vec!["executable demo/__init__.py; mode 0644 > 0755"],
        ),
        (
            "mode that executes nothing",
            After(|p| p.get(INIT).mode = 0o100_600),
            vec!["packing demo/__init__.py; mode 0644 > 0600"],
        ),
        (
            "compression method",
            After(|p| p.get("demo/dated.bin").deflated = false),
            vec!["packing demo/dated.bin; compression deflated > stored"],
        ),
        (
            "extra field",
            After(|p| p.get("demo/dated.bin").extra = b"UT\x05\0\x01abce".to_vec()),
            vec!["packing demo/dated.bin; extra fields 5455:0161626364 > 5455:0161626365"],
        ),
        (
            "local extra field",
            After(|p| p.get("demo/dated.bin").local_extra.clear()),
            vec!["packing demo/dated.bin; local extra fields 5455:036162636465666768 > "],
        ),
        (
            "flags",
            After(|p| p.get(INIT).flags = 1 << 11),
            vec!["packing demo/__init__.py; flags 0x0000 > 0x0800"],
        ),
        (
            "descriptor",
            After(|p| p.get(INIT).descriptor = true),
            vec!["packing demo/__init__.py; flags 0x0000 > 0x0008"],
        ),
        (
            "date",
            After(|p| {
                p.get(INIT).local = Some(|head| head[12] ^= 1);
                p.get(INIT).central = Some(|head| head[14] ^= 1);
            }),
            vec!["packing demo/__init__.py; date 2025-01-01 12:00:00 > 2025-01-00 12:00:00"],
        ),
        (
            "date in the local header",
            After(|p| p.get(INIT).local = Some(|head| head[12] ^= 1)),
            vec!["packing demo/__init__.py; local header  > 2025-01-00 12:00:00"],
        ),
        (
            "system",
            After(|p| p.get(INIT).central = Some(|head| head[5] = 0)),
            vec!["packing demo/__init__.py; made by 2.0 on system 3 > 2.0 on system 0"],
        ),
        (
            "order",
            After(|p| p.entries.swap(1, 2)),
            vec![
                "packing order of the data: demo/__init__.py > demo/stored, \"quoted\".bin",
                "packing order of the directory: demo/__init__.py > demo/stored, \"quoted\".bin",
            ],
        ),
        (
            "folder",
            After(|p| p.entries.push(Raw { mode: 0o040_755, deflated: false, ..entry("demo/", b"") })),
            vec!["packing folders: none > demo/"],
        ),
        ("bytes between entries", After(|p| p.get(INIT).gap = b"hidden".to_vec()), vec!["packing structure"]),
    ]
}

#[test]
fn each_change_is_told_exactly_and_from_both_sides() {
    for (what, change, mut expected) in rows() {
        expected.sort_unstable();
        let bench = Bench::new();
        for folder in ["a", "b"] {
            fs::create_dir(bench.at(folder)).unwrap();
        }
        let mut parts = Parts::new(LINUX);
        if let Before(change) = &change {
            change(&mut parts);
        }
        let mut parts = parts.sealed();
        if let After(change) = &change {
            change(&mut parts);
        }
        Parts::new(LINUX).sealed().write(&bench.at("a"));
        parts.write(&bench.at("b"));
        let (a, b) = (format!("a/{LINUX}"), format!("b/{LINUX}"));
        let found = compare(&bench, &a, &b, 1);
        let told: Vec<String> =
            flat(&found, false).into_iter().map(|line| cut_sizes(&line).to_owned()).collect();
        assert_eq!(told, expected, "{what}");
        let packing = expected.iter().all(|line| line.starts_with("packing"));
        assert_eq!(found["verdict"], if packing { "packing" } else { "different" }, "{what}");
        assert_eq!(flat(&compare(&bench, &b, &a, 1), true), flat(&found, false), "{what}: mirrored");
        let same = compare(&bench, &b, &b, 0);
        assert_eq!((same["verdict"].as_str(), flat(&same, false).len()), (Some("identical"), 0), "{what}");
    }
}

/// Sizes of the archive depend on the compressor.
fn cut_sizes(line: &str) -> &str {
    if line.starts_with("packing structure") { "packing structure" } else { line }
}

#[test]
fn compression_at_another_level_is_packing() {
    let bench = Bench::new();
    let script = "import sys, zipfile\n\
        for level in 1, 9:\n\
        \x20   with zipfile.ZipFile(f'{level}.whl', 'w', zipfile.ZIP_DEFLATED) as out:\n\
        \x20       info = zipfile.ZipInfo('demo/a.txt', (2024, 1, 1, 0, 0, 0))\n\
        \x20       info.compress_type = zipfile.ZIP_DEFLATED\n\
        \x20       out.writestr(info, ' '.join(str(n * n) for n in range(9000)), compresslevel=level)\n";
    bench.tool(&["python", "-c", script]);
    let found = compare(&bench, "1.whl", "9.whl", 1);
    assert_eq!(found["verdict"], "packing");
    let [line] = &flat(&found, false)[..] else { panic!("{found}") };
    assert!(line.starts_with("packing demo/a.txt; compressed bytes "), "{line}");
}

#[test]
fn names_are_compared_where_they_are_names_of_wheels() {
    let bench = Bench::new();
    let wheel = bench.wheel(LINUX);
    fs::copy(&wheel, bench.at("old.whl")).unwrap();
    fs::copy(&wheel, bench.at("demo-1.0-2-py3-none-any.whl")).unwrap();
    assert_eq!(compare(&bench, LINUX, "old.whl", 0)["verdict"], "identical");
    let found = compare(&bench, LINUX, "demo-1.0-2-py3-none-any.whl", 1);
    assert_eq!(
        flat(&found, false),
        [
            "name abi: cp311 > none",
            "name build:  > 2",
            "name platform: linux_x86_64 > any",
            "name python: cp311 > py3"
        ]
    );
}

#[test]
fn folders_of_another_version_are_the_same_folders() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    let mut parts = Parts::new(&LINUX.replace("1.0", "1.1"));
    parts.info = "demo-1.1.dist-info".to_owned();
    for raw in &mut parts.entries {
        raw.name = String::from_utf8(raw.name.clone()).unwrap().replace("demo-1.0", "demo-1.1").into();
    }
    let text = METADATA.replace("Version: 1.0\nS", "Version: 1.1\nS");
    parts.get("demo-1.1.dist-info/METADATA").data = text.into_bytes();
    let other = parts.sealed().write(bench.dir.path());
    let found = compare(&bench, LINUX, other.file_name().unwrap().to_str().unwrap(), 1);
    assert_eq!(
        flat(&found, false),
        [
            "changed demo-1.0.dist-info/METADATA > demo-1.1.dist-info/METADATA: Version 1.0 > 1.1",
            "changed demo-1.0.dist-info/RECORD > demo-1.1.dist-info/RECORD: follows",
            "name data: demo-1.0.data > demo-1.1.data",
            "name dist-info: demo-1.0.dist-info > demo-1.1.dist-info",
            "name version: 1.0 > 1.1",
        ]
    );
}

#[test]
fn a_retagged_wheel_differs_in_its_tags() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    bench.done(&["retag", LINUX, "--out", "plain"]);
    bench.done(&["retag", &format!("plain/{LINUX}"), "--out", "out", "--platform", "manylinux_2_28_x86_64"]);
    let new = LINUX.replace("linux_x86_64", "manylinux_2_28_x86_64");
    let found = compare(&bench, &format!("plain/{LINUX}"), &format!("out/{new}"), 1);
    assert_eq!(
        flat(&found, false),
        [
            FOLLOWS,
            "changed demo-1.0.dist-info/WHEEL: Tag cp311-cp311-linux_x86_64 > cp311-cp311-manylinux_2_28_x86_64",
            "name platform: linux_x86_64 > manylinux_2_28_x86_64",
        ]
    );
}

#[test]
fn what_is_wrong_with_a_wheel_is_a_note_unless_it_cannot_be_read() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    let twice = Parts::new(LINUX).with(entry("demo/x", b"1")).with(entry("demo/x", b"2")).sealed();
    let other = LINUX.replace("1.0-", "1.0-1-");
    fs::write(bench.at(&other), pack(&twice.entries)).unwrap();
    let found = compare(&bench, LINUX, &other, 1);
    assert_eq!(found["wheels"]["b"]["findings"][0]["code"], "duplicate-name");
    assert!(flat(&found, false).iter().filter(|line| *line == "added demo/x").count() == 2, "{found}");
    // The data of an entry are damaged: the other entries are compared.
    let mut bytes = fs::read(bench.at(LINUX)).unwrap();
    let at = bytes.windows(16).position(|part| part == b"demo/__init__.py").unwrap() + 16;
    bytes[at] = 0xff;
    fs::create_dir(bench.at("bad")).unwrap();
    fs::write(bench.at("bad").join(LINUX), &bytes).unwrap();
    let found = compare(&bench, LINUX, &format!("bad/{LINUX}"), 1);
    assert_eq!(flat(&found, false), ["changed demo/__init__.py: unread has damaged data"]);
    assert_eq!(found["wheels"]["b"]["findings"][0]["code"], "damaged-data");
    // No end of the archive: there is nothing to be compared.
    fs::write(bench.at("bad").join(LINUX), &bytes[..bytes.len() - 30]).unwrap();
    let told = bench.refused(&["diff", LINUX, &format!("bad/{LINUX}")], 1);
    assert!(told.contains("[not-zip]") && told.contains("hint:"), "{told}");
}

#[test]
fn wrong_usage_is_told_apart() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    bench.refused(&["diff", LINUX], 2);
    bench.refused(&["diff", LINUX, LINUX, "--limit", "x"], 2);
    assert!(bench.refused(&["diff", LINUX, "."], 2).contains("hint:"));
    bench.refused(&["diff", LINUX, "absent.whl"], 1);
}

#[test]
fn a_reader_is_told_in_a_few_lines() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    let mut parts = Parts::new("demo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl");
    metadata(&mut parts, "Requires-Dist: demo-extra\n", "Requires-Dist: \u{202e}evil\u{1b}[2J\n");
    parts.get(INIT).data = (0..30).map(|n| format!("n{n} = {n}\n")).collect::<String>().into_bytes();
    let other = parts.sealed().write(bench.dir.path());
    let other = other.file_name().unwrap().to_str().unwrap();
    let out = bench.run(&["diff", LINUX, other, "--limit", "3"]);
    let told = String::from_utf8(out.stdout).unwrap();
    let sizes = [LINUX, other].map(|file| fs::metadata(bench.at(file)).unwrap().len().to_string());
    let sizes = sizes.map(|size| format!("{},{}", &size[..size.len() - 3], &size[size.len() - 3..]));
    let lengths = |file: &str| {
        ["WHEEL", "METADATA", "RECORD"]
            .map(|name| member(&bench.at(file), &format!("demo-1.0.dist-info/{name}")).len())
    };
    let [[wheel, metadata, record], [wheel_b, metadata_b, record_b]] = [lengths(LINUX), lengths(other)];
    let expected = format!(
        "different  other tags; 3 of 8 files differ: METADATA in Requires-Dist, WHEEL in Tag, 1 text
a: {LINUX}, {} bytes, 8 files
b: {other}, {} bytes, 8 files
    platform  - linux_x86_64  + manylinux_2_28_x86_64
~ demo-1.0.dist-info/WHEEL  {wheel} → {wheel_b} bytes
    Tag  - cp311-cp311-linux_x86_64  + cp311-cp311-manylinux_2_28_x86_64
~ demo-1.0.dist-info/METADATA  {metadata} → {metadata_b} bytes
    Requires-Dist  - demo-extra  + \\u{{202e}}evil\\u{{1b}}[2J
~ demo/__init__.py  14 → 250 bytes  -1 +30 lines
    @@ 1 → 1 @@
    -name = 'demo'
    +n0 = 0
    +n1 = 1
    28 lines more: --full shows them
~ demo-1.0.dist-info/RECORD  {record} → {record_b} bytes  follows from the files
4 the same, 4 changed
",
        sizes[0], sizes[1]
    );
    assert_eq!(told, expected);
    let out = bench.run(&["diff", LINUX, other, "--full"]);
    assert!(String::from_utf8(out.stdout).unwrap().contains("\n    +n29 = 29\n"));
}
