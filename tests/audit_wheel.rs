//! Wheels held against records: what was linked through the shim is traced, what was not is found.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel::audit::{Code, Evidence, Expected, Report, Severity, audit};
use crosswheel::capture::Log;
use crosswheel_shim::elf;
use records::Record;
use serde_json::{Value, json};

/// A folder in which something is built and packed.
struct Shop(tempfile::TempDir);

const WHEEL: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        std::fs::write(shop.at("a.c"), "int n = 7; int add(int x) { return x + n; }\n").unwrap();
        shop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, command: &[&str]) {
        let out = Command::new(command[0]).args(&command[1..]).current_dir(self.0.path()).output().unwrap();
        assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Links `a.c` with debug information.
    fn link(&self, name: &str, flags: &[&str]) -> Vec<u8> {
        self.run(&[&["gcc", "-g", "-shared", "-fPIC", "a.c", "-o", name], flags].concat());
        std::fs::read(self.at(name)).unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap()
    }

    fn wheel(&self, name: &str, members: &[(&str, &[u8])]) -> PathBuf {
        let path = self.at(name);
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        zip.add_directory("demo/", options).unwrap();
        for (member, bytes) in members {
            zip.start_file(*member, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn log(&self, record: &Record) -> Log {
        Log::open(&record.write(&self.at("log"))).unwrap()
    }

    fn audit(&self, record: &Record, members: &[(&str, &[u8])]) -> Report {
        self.audit_as(WHEEL, record, members)
    }

    fn audit_as(&self, wheel: &str, record: &Record, members: &[(&str, &[u8])]) -> Report {
        let log = self.log(record);
        audit(&[self.wheel(wheel, members)], &log, &Expected::of(&log.session)).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// What a record says of a file, as the shim would.
fn made(path: &str, bytes: &[u8]) -> Value {
    let facts = elf::facts(bytes).unwrap();
    let mut made = json!({
        "path": path, "size": bytes.len(), "sha256": hex(&elf::sha256(bytes)), "machine": facts.machine.to_string(),
    });
    if let Some(id) = facts.build_id {
        made["build_id"] = hex(id).into();
    }
    if let Some(load) = elf::load_digest(bytes) {
        made["load"] = hex(&load).into();
    }
    made
}

fn host() -> Record {
    Record::of(&json!({"family": "host"}))
}

/// A record of one link.
fn linked(path: &str, bytes: &[u8]) -> Record {
    let begin = json!({"kind": "link", "lang": [], "in": ["a.c"], "out": [path]});
    host().call("aaaaaaaaaaaa", &begin, &json!({"made": [made(path, bytes)]}))
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code.name()).collect()
}

#[test]
fn a_library_that_was_linked_through_the_shim_is_traced_by_its_build_id() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    let report = shop.audit(&linked("x.so", &library), &[("demo/__init__.py", b""), ("demo/x.so", &library)]);
    assert_eq!(codes(&report), [""; 0]);
    assert!(report.passed());
    let [checked] = &report.checked[..] else { panic!("{:?}", report.checked) };
    assert_eq!((checked.member.as_str(), checked.machine.as_str()), ("demo/x.so", "x86_64"));
    assert_eq!(checked.call.as_deref(), Some("aaaaaaaaaaaa"));
    assert_eq!(checked.evidence, Some(Evidence::BuildId));
}

#[test]
fn a_library_is_known_again_after_strip_and_patchelf() {
    let shop = Shop::new();
    let library = shop.link("x.so", &["-Wl,-rpath,/build/lib"]);
    shop.run(&["strip", "x.so", "-o", "stripped.so"]);
    shop.run(&["patchelf", "--set-rpath", "$ORIGIN/a/much/longer/path/than/before", "stripped.so"]);
    let report = shop.audit(&linked("x.so", &library), &[("demo/x.so", &shop.bytes("stripped.so"))]);
    assert_eq!(codes(&report), [""; 0]);
}

#[test]
fn without_a_build_id_the_loadable_segments_tell() {
    let shop = Shop::new();
    let library = shop.link("x.so", &["-Wl,--build-id=none"]);
    shop.run(&["strip", "-g", "x.so", "-o", "stripped.so"]);
    let stripped = shop.bytes("stripped.so");
    assert_ne!(stripped, library);
    let report = shop.audit(&linked("x.so", &library), &[("demo/x.so", &stripped)]);
    assert_eq!(codes(&report), [""; 0]);
    assert_eq!(report.checked[0].evidence, Some(Evidence::Load));
}

#[test]
fn a_library_that_was_changed_after_its_link_is_not_traced() {
    let shop = Shop::new();
    let library = shop.link("x.so", &["-Wl,--build-id=none"]);
    let other = shop.link("y.so", &["-Wl,--build-id=none", "-O2"]);
    let report = shop.audit(&linked("x.so", &library), &[("demo/x.so", &other)]);
    assert_eq!(codes(&report), ["untraced"]);
    assert!(!report.passed());
    assert!(report.findings[0].hint.starts_with("call aaaaaaaaaaaa made a file of this name"), "{report:?}");
}

#[test]
fn an_elf_file_is_found_under_any_name() {
    let shop = Shop::new();
    let other = shop.link("y.so", &[]);
    let report = shop.audit(&linked("x.so", &shop.link("x.so", &["-O2"])), &[("demo/data.bin", &other)]);
    assert_eq!(codes(&report), ["untraced"]);
    assert_eq!(report.findings[0].member.as_deref(), Some("demo/data.bin"));
    assert!(report.findings[0].hint.starts_with("it came ready-made"), "{report:?}");
}

#[test]
fn a_build_whose_links_all_went_round_the_shim_is_told_so() {
    let shop = Shop::new();
    let record = host().call("aaaaaaaaaaaa", &json!({}), &json!({}));
    let report = shop.audit(&record, &[("demo/x.so", &shop.link("x.so", &[]))]);
    assert!(report.findings[0].hint.starts_with("no link went through the shim at all"), "{report:?}");
}

#[test]
fn what_a_repair_tool_copied_from_the_system_is_told_from_what_was_built() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    let vendored = shop.link("y.so", &["-O2"]);
    let members = [("demo/x.so", &library[..]), ("demo.libs/libz-1234.so.1", &vendored)];
    let report = shop.audit(&linked("x.so", &library), &members);
    assert_eq!(codes(&report), ["untraced"]);
    assert!(report.findings[0].hint.starts_with("a repair tool copied it"), "{report:?}");
}

#[test]
fn a_failed_link_makes_nothing() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    let begin = json!({"kind": "link", "in": ["a.c"], "out": ["x.so"]});
    let record = host().call("aaaaaaaaaaaa", &begin, &json!({"exit": 1, "made": [made("x.so", &library)]}));
    assert!(codes(&shop.audit(&record, &[("demo/x.so", &library)])).contains(&"untraced"));
}

#[test]
fn a_file_for_another_machine_is_found_though_it_was_linked_here() {
    let shop = Shop::new();
    let mut library = shop.link("x.so", &[]);
    library[18] = 183;
    let report = shop.audit(&linked("x.so", &library), &[("demo/x.so", &library)]);
    assert_eq!(codes(&report), ["wrong-machine"]);
    assert_eq!(report.findings[0].what, "is for aarch64, and x86_64 was asked for");
    let report = shop.audit(&host(), &[("demo/x.so", &library)]);
    assert_eq!(codes(&report), ["untraced", "wrong-machine"]);
    assert!(report.findings[0].hint.starts_with("it is for another machine"), "{report:?}");
}

#[test]
fn a_tag_for_another_machine_is_found() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    let name = "demo-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl";
    let report = shop.audit_as(name, &linked("x.so", &library), &[("demo/x.so", &library)]);
    assert_eq!(codes(&report), ["wrong-tag"]);
}

#[test]
fn the_path_of_the_shim_folder_is_found_in_text_and_in_code() {
    let shop = Shop::new();
    let library = shop.link("x.so", &["-Wl,-rpath,/w/.crosswheel/s1/bin"]);
    let config = b"[compilers]\nc = '/w/.crosswheel/s1/bin/cc'\n";
    let members =
        [("demo/config.py", &config[..]), ("demo/x.so", &library), ("demo/fine.py", b"/w/.crosswheel/s1")];
    let report = shop.audit(&linked("x.so", &library), &members);
    assert_eq!(codes(&report), ["shim-path-leak", "shim-path-in-text"]);
    assert_eq!(report.findings[0].member.as_deref(), Some("demo/x.so"));
    assert_eq!(report.findings[1].member.as_deref(), Some("demo/config.py"));
    assert!(report.findings[1].what.ends_with("/w/.crosswheel/s1/bin, on line 2"), "{report:?}");
}

#[test]
fn the_marker_for_the_loader_must_be_that_of_the_family() {
    for (flags, family, expected) in [
        (&["-Wl,-z,x86-64-v3"][..], "x86-64-v3", &[][..]),
        (&["-Wl,-z,x86-64-v4"], "x86-64-v3", &["higher-level"]),
        (&["-Wl,-z,x86-64-v2"], "x86-64-v3", &["no-marker"]),
        (&[], "x86-64-v2", &["no-marker"]),
        (&["-Wl,-z,x86-64-v4"], "host", &[]),
    ] {
        let shop = Shop::new();
        let library = shop.link("x.so", flags);
        let begin = json!({"kind": "link", "lang": [], "out": ["x.so"]});
        let record = Record::of(&json!({"family": family}));
        let record = record.call("aaaaaaaaaaaa", &begin, &json!({"made": [made("x.so", &library)]}));
        let report = shop.audit(&record, &[("demo/x.so", &library)]);
        assert_eq!(codes(&report), expected, "{flags:?} {family}");
    }
}

/// A library for x86-64-v3, linked from objects as their link saw them.
fn linked_from(shop: &Shop, cwd: &str, objects: &[&str], seen: &[u64], record: Record) -> Report {
    let library = shop.link("x.so", &["-Wl,-z,x86-64-v3"]);
    let seen: Vec<Value> = seen.iter().map(|modified| json!([100, modified])).collect();
    let begin = json!({"kind": "link", "lang": [], "cwd": cwd, "in": objects, "out": ["x.so"], "seen": seen});
    let record = record.call("ffffffffffff", &begin, &json!({"made": [made("x.so", &library)]}));
    shop.audit(&record, &[("demo/x.so", &library)])
}

/// A record of compiles for the level of the family; the time at which each ended.
fn compiled(cwd: &str, objects: &[&str], lang: &str) -> (Record, Vec<u64>) {
    let (mut record, mut times) = (Record::new(), Vec::new());
    for (n, object) in objects.iter().enumerate() {
        let argv = json!(["cc", "-march=x86-64-v3", "-c", "a.c", "-o", object]);
        let begin = json!({"cwd": cwd, "out": [object], "lang": [lang], "argv": argv});
        record = record.call(&format!("{n:012x}"), &begin, &json!({}));
        times.push(2_000_000_000 + 6_000_000 * (n as u64 + 1));
    }
    (record, times)
}

#[test]
fn an_object_that_changed_after_its_call_is_found_unless_all_did() {
    let objects = ["a.o", "b.o", "c.o", "d.o", "e.o"];
    for (late, codes_of) in [(0, &[][..]), (1, &["changed-input"]), (5, &["foreign-clock"])] {
        let (record, mut times) = compiled("/w/src", &objects, "c");
        times.iter_mut().take(late).for_each(|time| *time += 3_600_000_000_001);
        let report = linked_from(&Shop::new(), "/w/src", &objects, &times, record);
        assert_eq!(codes(&report), codes_of, "{late}: {report:?}");
        assert_eq!(report.passed(), late != 1, "{late}");
    }
}

#[test]
fn a_file_system_of_whole_seconds_changes_nothing() {
    let (record, _) = compiled("/w/src", &["a.o"], "c");
    let report = linked_from(&Shop::new(), "/w/src", &["a.o"], &[2_000_000_000], record);
    assert_eq!(codes(&report), [""; 0]);
}

#[test]
fn every_language_that_takes_a_level_must_have_it() {
    for (lang, codes_of) in
        [("objective-c", &["lower-level"][..]), ("fortran", &["lower-level"]), ("assembler", &[])]
    {
        let (mut record, times) = compiled("/w/src", &["a.o"], lang);
        for line in &mut record.lines {
            *line = line.replace("\"-march=x86-64-v3\",", "");
        }
        let report = linked_from(&Shop::new(), "/w/src", &["a.o"], &times, record);
        assert_eq!(codes(&report), codes_of, "{lang}: {report:?}");
    }
}

#[test]
fn a_build_below_opt_is_no_dependency_of_itself() {
    let cwd = "/opt/ci/demo";
    for (object, code) in [("vendor/old.a", "ready-made"), ("/opt/libs/libz.a", "dependency-code")] {
        let (record, times) = compiled(cwd, &["a.o"], "c");
        let report = linked_from(&Shop::new(), cwd, &["a.o", object], &[times[0], 1], record);
        assert_eq!(codes(&report), [code], "{report:?}");
    }
}

#[test]
fn a_platform_wheel_without_a_compiled_file_is_noted_with_the_failures() {
    let shop = Shop::new();
    let record = host().call("aaaaaaaaaaaa", &json!({}), &json!({"exit": 1}));
    let report = shop.audit(&record, &[("demo/__init__.py", b"")]);
    assert_eq!(codes(&report), ["no-elf"]);
    assert!(report.findings[0].what.contains("1 failed in the record"), "{report:?}");
    assert!(report.passed(), "a note is no fault");
}

#[test]
fn a_wheel_for_all_platforms_from_a_build_that_compiled_is_noted() {
    let shop = Shop::new();
    let pure = "demo-1.0-py3-none-any.whl";
    let compiled = host().call("aaaaaaaaaaaa", &json!({}), &json!({"exit": 1}));
    assert_eq!(codes(&shop.audit_as(pure, &compiled, &[("demo/__init__.py", b"")])), ["pure-after-compiles"]);
    let probed = host().call("aaaaaaaaaaaa", &json!({"probe": "conftest"}), &json!({}));
    assert_eq!(codes(&shop.audit_as(pure, &probed, &[("demo/__init__.py", b"")])), [""; 0]);
}

#[test]
fn an_object_is_noted_and_no_fault() {
    let shop = Shop::new();
    shop.run(&["gcc", "-c", "a.c", "-o", "a.o"]);
    let record = host().call("aaaaaaaaaaaa", &json!({}), &json!({}));
    let report = shop.audit(&record, &[("demo/a.o", &shop.bytes("a.o"))]);
    assert_eq!(codes(&report), ["untraced-object"]);
    assert!(report.findings[0].what.contains("call aaaaaaaaaaaa made one of it"), "{report:?}");
}

#[test]
fn a_damaged_member_is_found_and_the_others_are_looked_at() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    let record = linked("x.so", &library);
    let wheel = shop
        .wheel(WHEEL, &[("demo/a.txt", &[b'x'; 500]), ("demo/x.so", &library), ("demo/y.so", b"\x7fELFy")]);
    let mut bytes = std::fs::read(&wheel).unwrap();
    let start = bytes.windows(10).position(|window| window == b"demo/a.txt").unwrap();
    bytes[start + 12] ^= 0xff;
    std::fs::write(&wheel, bytes).unwrap();
    let log = shop.log(&record);
    let report = audit(&[wheel], &log, &Expected::of(&log.session)).unwrap();
    assert_eq!(codes(&report), ["unreadable", "unreadable"]);
    assert_eq!(report.checked.len(), 1);
}

#[test]
fn a_damaged_record_is_told() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    let mut record = linked("x.so", &library);
    record.lines.insert(1, "{".into());
    assert_eq!(codes(&shop.audit(&record, &[("demo/x.so", &library)])), ["damaged-record"]);
}

#[test]
fn a_file_that_is_no_wheel_is_named() {
    let shop = Shop::new();
    let log = shop.log(&host());
    for path in [shop.at("a.c"), shop.at("none.whl")] {
        let error = audit(std::slice::from_ref(&path), &log, &Expected::default()).unwrap_err();
        assert!(error.message.contains(&*path.to_string_lossy()), "{error}");
    }
}

/// Runs `crosswheel audit`; exit status and stdout.
fn command(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .arg("audit")
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr),
    )
}

#[test]
fn the_command_fails_on_faults_and_takes_the_log_beside_the_wheel() {
    let shop = Shop::new();
    let library = shop.link("x.so", &[]);
    linked("x.so", &library).write(&shop.at("log"));
    shop.wheel(WHEEL, &[("demo/x.so", &library)]);
    let (status, text) = command(shop.0.path(), &[WHEEL]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.ends_with("1 wheel, 1 binary file: 0 faults, 0 notes\n"), "{text}");

    let other = "other-1.0-cp311-cp311-linux_x86_64.whl";
    shop.wheel(other, &[("demo/y.so", &shop.link("y.so", &["-O3"]))]);
    let (status, text) = command(shop.0.path(), &[WHEEL, other]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("demo/y.so was not made by a recorded call"), "{text}");

    let (status, json) = command(shop.0.path(), &["--json", other, "--log", "log"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status, Some(1));
    assert_eq!(report["findings"][0]["code"], "untraced");
    assert_eq!(report["findings"][0]["severity"], "fault");
}

#[test]
fn the_command_refuses_a_record_of_another_family() {
    let shop = Shop::new();
    host().write(&shop.at("log"));
    shop.wheel(WHEEL, &[]);
    let (status, text) = command(shop.0.path(), &[WHEEL, "--family", "x86-64-v3"]);
    assert_eq!(status, Some(2));
    assert!(text.contains("is the record of a build for host, not for x86-64-v3"), "{text}");
}

#[test]
fn the_command_asks_for_wheels_that_are_there() {
    let shop = Shop::new();
    let (status, text) = command(shop.0.path(), &["none.whl"]);
    assert_eq!(status, Some(2));
    assert!(text.contains("none.whl: there is no such wheel"), "{text}");
}

#[test]
fn every_code_has_a_name_of_its_own() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    assert_eq!(Code::Untraced.severity(), Severity::Fault);
}

#[test]
fn every_code_is_described() {
    let page = include_str!("../docs/audit.md");
    for code in Code::ALL {
        assert!(page.contains(&format!("`{}`", code.name())), "{} is not in docs/audit.md", code.name());
    }
}

/// `crosswheel audit`: exit status and stdout.
fn told(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    let out = command.arg("audit").args(args).current_dir(folder).output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn the_output_folder_of_a_build_stands_for_the_wheels_of_all_families_each_with_its_log() {
    let shop = Shop::new();
    for family in ["one", "two"] {
        let bytes = shop.link("x.so", &[&format!("-Wl,-soname,{family}")]);
        std::fs::create_dir_all(shop.at("dist").join(family)).unwrap();
        linked("x.so", &bytes).write(&shop.at("dist").join(family).join("log"));
        shop.wheel(&format!("dist/{family}/{WHEEL}"), &[("demo/x.so", &bytes)]);
    }
    let (status, stdout) = told(&shop.at(""), &["dist"]);
    assert_eq!(status, Some(0), "{stdout}");
    for family in ["one", "two"] {
        assert!(stdout.contains(&format!("dist/{family}/{WHEEL}: demo/x.so")), "{stdout}");
    }
}

#[test]
fn a_folder_with_nothing_to_audit_does_not_pass_in_silence() {
    let shop = Shop::new();
    host().write(&shop.at("log"));
    std::fs::create_dir(shop.at("empty")).unwrap();
    let (_, stdout) = told(&shop.at(""), &["empty", "--log", "log"]);
    assert!(stdout.contains("holds no compiled file"), "{stdout}");
}
