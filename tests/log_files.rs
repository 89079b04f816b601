//! `crosswheel log why FILE` for files that a build moved, copied, renamed or stripped; and what is no record, or is no
//! longer one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build_support;
#[allow(unused, reason = "each test file uses a part")]
mod records;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use build_support::{Home, WHEEL};
use records::{Record, write};
use serde_json::{Value, json};

/// Runs `crosswheel log`; exit status, stdout, stderr.
fn log(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new("timeout");
    command.arg("60").arg(env!("CARGO_BIN_EXE_crosswheel")).arg("log").args(args);
    let out = command.current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

fn why(folder: &Path, name: &str, of: &str) -> Value {
    let (_, stdout, stderr) = log(folder, &["why", name, of, "--json"]);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{name}: {error}: {stderr}"))
}

/// Sources behind a file, in the order of the tree.
fn sources(origin: &Value) -> Vec<String> {
    let Some(inputs) = origin["inputs"].as_array() else { return Vec::new() };
    let of = |input: &Value| {
        if input["call"].is_null() {
            vec![input["file"].as_str().unwrap().to_owned()]
        } else {
            sources(input)
        }
    };
    inputs.iter().flat_map(of).collect()
}

#[test]
fn a_file_that_is_there_is_known_by_its_content_and_its_parts_by_time_and_size() {
    let home = Home::new();
    home.write("w/a.c", "int a(void) { return 1; }\n");
    home.write("w/b.c", "int b(void) { return 2; }\n");
    let script = "set -e; gcc -fPIC -c a.c -o a.o; sleep 0.1; mv a.o moved.o; gcc -fPIC -c b.c; ar rcs made.a b.o; \
                  cp made.a libcopy.a; gcc -shared moved.o -L. -Wl,--whole-archive -lcopy -Wl,--no-whole-archive -o x.so; \
                  strip x.so; mkdir out; mv x.so out/renamed.so; cp out/renamed.so out/twice.so; rm -f made.a";
    let mut run = home.crosswheel(&["run", "-q", "--family", "host", "--", "sh", "-c", script]);
    assert!(run.current_dir(home.path("w")).status().unwrap().success());
    let folder = home.path("w");
    for name in ["out/renamed.so", "./out/twice.so"] {
        let found = why(&folder, name, ".crosswheel/host");
        let file = &found["files"][0];
        assert_eq!((&file["kind"], file["known_by"].is_string()), (&json!("other"), true), "{found}");
        assert_eq!(sources(file), ["a.c", "b.c"], "{found}");
    }
    // By its name it is what it was before.
    assert_eq!(sources(&why(&folder, "x.so", ".crosswheel/host")["files"][0]), ["a.c", "b.c"]);
    // A file that no call made as it is.
    fs::copy("/bin/true", home.path("w/x.so")).unwrap();
    let (status, stdout, stderr) = log(&folder, &["why", "x.so"]);
    assert!(status == Some(0) && stdout.contains("a.c"), "{stdout}");
    assert!(stderr.contains("no recorded call made this file as it is"), "{stderr}");
}

#[test]
fn a_member_of_a_wheel_that_has_another_name_than_what_was_linked_is_known_by_its_content() {
    let home = Home::new();
    let plan = "import subprocess\ndef build():\n    \
                subprocess.check_call(['cc', '-fPIC', '-shared', 'ext.c', '-o', 'ext.so'])\n    \
                return {'tiny/other.so': open('ext.so', 'rb').read()}\n";
    home.package("pkg", plan);
    home.build(&["pkg", "--family", "host", "--out", "out", "--no-isolation"]).good();
    assert!(home.path(&format!("out/host/{WHEEL}")).is_file());
    for of in ["out", "out/host", "out/host/log", "out/host/log/record.jsonl"] {
        let found = why(&home.path(""), "tiny/other.so", of);
        assert_eq!(found["files"][0]["file"], "tiny/other.so", "{of} {found}");
        assert_eq!(sources(&found["files"][0]), ["ext.c"], "{found}");
    }
    assert_eq!(log(&home.path(""), &["why", "tiny/none.so", "out"]).0, Some(1));
}

#[test]
fn a_file_that_a_call_was_to_make_is_told_with_how_that_went() {
    let home = tempfile::tempdir().unwrap();
    Record::new().call("abc", &json!({"out": ["build/x.o"]}), &json!({"exit": 4})).write(home.path());
    let (status, _, stderr) = log(home.path(), &["why", "x.o", "."]);
    assert!(status == Some(1) && stderr.contains("call abc was to make it: exit 4"), "{stderr}");
    assert!(stderr.contains("`crosswheel log show abc`"), "{stderr}");
}

#[test]
fn an_archive_of_another_size_or_two_of_one_size_are_no_copies() {
    let home = tempfile::tempdir().unwrap();
    let ar = |record: Record, id: &str, name: &str, size: u64| {
        let made = json!({"made": [{"path": name, "size": size, "sha256": "00"}]});
        record.call(id, &json!({"kind": "archive", "in": [], "out": [name]}), &made)
    };
    let record = ar(ar(ar(Record::new(), "01", "a.a", 70), "02", "b.a", 80), "03", "c.a", 80);
    let record = [("04", 70), ("05", 80), ("06", 90)].into_iter().fold(record, |record, (id, size)| {
        let link =
            json!({"kind": "link", "in": ["copy.a"], "out": [format!("{id}.so")], "seen": [[size, 9]]});
        record.call(id, &link, &json!({}))
    });
    record.write(home.path());
    let maker = |name: &str| why(home.path(), name, ".")["files"][0]["inputs"][0]["call"].clone();
    assert_eq!([maker("04.so"), maker("05.so"), maker("06.so")], [json!("01"), Value::Null, Value::Null]);
}

#[test]
fn files_of_a_pattern_tell_each_call_once_and_paths_are_seen_from_the_build() {
    let home = tempfile::tempdir().unwrap();
    let at = |cwd: &str, input: &str, output: &str| json!({"cwd": cwd, "kind": "link", "in": [input], "out": [output]});
    let object = json!({"cwd": "/t/w/b", "in": ["/t/w/src/a.c"], "out": ["/t/w/b/a.o"]});
    let record = Record::new().call("01", &object, &json!({}));
    let record = record.call("02", &at("/t/w/b", "a.o", "one.so"), &json!({}));
    record.call("03", &at("/t/w/b", "a.o", "two.so"), &json!({})).write(home.path());
    let (_, stdout, _) = log(home.path(), &["why", "*.so", "."]);
    let expected = "\
in /t/w
b/one.so  ← 02 link by cc
└─ b/a.o  ← 01 compile by cc of src/a.c
b/two.so  ← 03 link by cc
└─ b/a.o  ← 01 compile by cc (above)
";
    assert_eq!(stdout, expected);
}

#[test]
fn a_record_that_goes_on_and_on_is_cut_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let link = |record: Record, n: usize| {
        let fields = json!({"kind": "link", "in": [format!("{}.o", n - 1)], "out": [format!("{n}.o")]});
        record.call(&format!("{n:012}"), &fields, &json!({}))
    };
    (1..90).fold(Record::new(), link).write(home.path());
    let (_, stdout, _) = log(home.path(), &["why", "89.o", "."]);
    assert!(stdout.ends_with(" (and so on)\n") && !stdout.contains("(above)"), "{stdout}");
}

#[test]
fn calls_in_flight_can_be_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let record = Record::new().call("01", &json!({}), &json!({"exit": 1})).begin("02", &json!({}));
    record.call("03", &json!({}), &json!({})).write(home.path());
    let (_, stdout, _) = log(home.path(), &["ls", ".", "--in-flight"]);
    assert!(stdout.lines().count() == 2 && stdout.contains("\n02 "), "{stdout}");
}

#[test]
fn what_is_no_plain_file_is_refused_and_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for name in ["pipe", "/dev/null", "/dev/zero"] {
        let (status, _, stderr) = log(home.path(), &["ls", name]);
        assert!(status == Some(2) && stderr.contains("a record is a plain file"), "{name} {stderr}");
    }
}

#[test]
fn a_record_without_its_first_line_says_that_it_is_that_line() {
    let home = tempfile::tempdir().unwrap();
    let text = Record::new().call("01", &json!({}), &json!({})).text();
    write(home.path(), text.as_bytes().split_at(40).1);
    let (status, _, stderr) = log(home.path(), &["ls", "."]);
    assert!(status == Some(1) && stderr.contains("its session line is missing or damaged"), "{stderr}");
    assert!(stderr.contains("(1 could be read)"), "{stderr}");
}

#[test]
fn a_compiler_cache_is_quick_by_the_clock_too() {
    let home = tempfile::tempdir().unwrap();
    let cached = json!({"launcher": "/usr/bin/sccache"});
    // A server compiles: the call itself needs no CPU time.
    let record = Record::new().call("01", &cached, &json!({"dur": 9_000_000_000_u64}));
    record.call("02", &cached, &json!({"dur": 9_000_000})).write(home.path());
    let (_, stdout, _) = log(home.path(), &["stats", ".", "--json"]);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&found["caches"][0]["calls"], &found["caches"][0]["quick"]), (&json!(2), &json!(1)));
}

/// A session at work: a process that holds its lock, until its stdin is closed.
fn at_work(home: &Home) -> std::process::Child {
    fs::create_dir_all(home.path("s/bin")).unwrap();
    let mut flock = Command::new("flock");
    flock.arg(home.path("s/lock")).arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = flock.spawn().unwrap();
    holder.stdin.as_mut().unwrap().write_all(b"x\n").unwrap();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    holder
}

#[test]
fn follow_ends_when_the_file_is_cut_and_tells_of_a_last_line_that_is_torn() {
    let home = Home::new();
    let record = Record::of(&json!({"bin": home.path("s/bin")})).call("aaaaaaaaaaaa", &json!({}), &json!({}));
    let text = record.text();
    for (content, says) in
        [("", "the file was cut while it was read"), (&text[..text.len() - 9], "the last line is cut off")]
    {
        let path = write(&home.path("s"), text.as_bytes());
        let mut holder = at_work(&home);
        let mut command = home.crosswheel(&["log", "ls", "s", "--follow"]);
        if !content.is_empty() {
            fs::write(&path, content).unwrap();
        }
        let mut follow = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        BufReader::new(follow.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        if content.is_empty() {
            fs::write(&path, content).unwrap();
        } else {
            drop(holder.stdin.take());
            holder.wait().unwrap();
        }
        let out = follow.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && stderr.contains(says), "{stderr}");
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }
}

#[test]
fn json_of_a_damaged_byte_is_json_and_holds_the_byte() {
    let home = tempfile::tempdir().unwrap();
    let record = Record::new().call("01", &json!({"argv": ["cc", "-DX=y"]}), &json!({}));
    let mut bytes = record.text().into_bytes();
    let at = bytes.windows(5).position(|text| text == b"-DX=y").unwrap();
    bytes[at + 4] = 0xe4;
    write(home.path(), &bytes);
    for args in [&["ls", "--json", "."][..], &["show", "01", ".", "--json"]] {
        let (_, stdout, stderr) = log(home.path(), args);
        assert!(stdout.contains(r#""-DX=\udce4""#) && !stdout.contains('\u{fffd}'), "{stdout} {stderr}");
    }
    let (_, stdout, _) = log(home.path(), &["show", "01", "."]);
    assert!(stdout.contains(r"$'-DX=\xe4'"), "{stdout}");
}

#[test]
fn a_terminal_is_sent_no_control_characters_of_names_and_reasons() {
    let home = tempfile::tempdir().unwrap();
    let edits = json!([{"rule": "r\u{1b}[2J", "why": "w\u{7}", "at": 1, "before": ["-a"], "after": []}]);
    let fields = json!({"tool": "t\u{1b}]0;x", "probe": "p\u{8}", "edits": edits, "disp": "refused", "error": "e\u{1b}c"});
    Record::new().begin("01", &fields).write(home.path());
    let own = env!("CARGO_BIN_EXE_crosswheel");
    for verb in ["ls", "show 01", "stats"] {
        let mut script = Command::new("script");
        script.args(["-qec", &format!("{own} log {verb} ."), "/dev/null"]).current_dir(home.path());
        let out = script.env("TERM", "xterm").stdin(Stdio::null()).output().unwrap();
        let shown = String::from_utf8_lossy(&out.stdout).replace("\r\n", "\n");
        assert!(shown.contains("\u{1b}["), "in colour: {shown:?}");
        for evil in ["\u{1b}[2J", "\u{1b}]", "\u{1b}c", "\u{7}", "\u{8}"] {
            assert!(!shown.contains(evil), "{verb} {evil:?}: {shown:?}");
        }
    }
}
