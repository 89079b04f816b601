//! `crosswheel log` as its users see it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use records::Record;
use serde_json::{Value, json};

/// Runs `crosswheel log`; exit status, stdout, stderr.
fn log(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    let out = command.arg("log").args(args).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

/// One call of each sort.
fn record() -> Record {
    let argv = json!(["gcc", "-Wall", "-march=native", "-DX=a b", "-c", "src/a.c", "-o", "build/a.o"]);
    let run = json!([
        "/usr/bin/gcc",
        "-march=x86-64-v3",
        "-Wall",
        "-DX=a b",
        "-c",
        "src/a.c",
        "-o",
        "build/a.o",
        "-Wno-error"
    ]);
    let edits = json!([
        {"rule": "level", "why": "the level is a floor", "at": 1, "before": [], "after": ["-march=x86-64-v3"]},
        {"rule": "march-native", "why": "names the builder", "at": 2, "before": ["-march=native"], "after": []},
        {"rule": "higher", "why": "stays for run-time dispatch", "at": 3, "before": ["-mavx512f"], "after": ["-mavx512f"]},
    ]);
    Record::new()
        .call(
            "ab0000000001",
            &json!({
                "tool": "gcc", "in": ["src/a.c"], "out": ["build/a.o"], "argv": argv, "run": run, "edits": edits,
                "disp": "rewritten", "env": {"CFLAGS": "-O2 -g"},
            }),
            &json!({"dur": 412_000_000, "retry": {"exit": 0, "demoted": ["a.c:1: error: unused [-Werror=unused]"]}}),
        )
        .call("ab0000000002", &json!({"probe": "conftest", "in": ["conftest.c"]}), &json!({"exit": 1}))
        .call(
            "cd0000000003",
            &json!({
                "kind": "link", "tool": "g++", "in": ["a.o", "b.o", "c.o", "d.o"], "out": ["x.so"],
                "argv": ["g++", "@objects"], "expanded": ["g++", "-shared", "a.o", "-o", "x.so"],
            }),
            &json!({"made": [{"path": "x.so", "size": 51234, "sha256": "ab", "build_id": "c0ffee", "load": "ef",
                              "machine": "62-64-le"}]}),
        )
        .begin("ef0000000004", &json!({"kind": "query", "in": [], "out": [], "argv": ["cc", "--version"]}))
}

#[test]
fn ls_shows_a_line_a_call_and_all_of_it_in_a_pipe() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let (status, stdout, stderr) = log(home.path(), &["ls", "record.jsonl"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let expected = "\
ID            KIND        RESULT         TIME  EDITS  CALL
ab0000000001  compile     demoted      412 ms      2  gcc: src/a.c → build/a.o
ab0000000002  compile     exit 1       5.0 ms         cc: conftest.c → a.o (conftest)
cd0000000003  link        ok           5.0 ms         g++: a.o b.o +2 → x.so
ef0000000004  query       in flight                   cc: --version
";
    assert_eq!(stdout, expected);
}

#[test]
fn ls_takes_filters() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    for (args, ids) in [
        (&["--kind", "link"][..], &["cd0000000003"][..]),
        (&["--kind", "link", "--kind", "query"], &["cd0000000003", "ef0000000004"]),
        (&["--failed"], &["ab0000000002"]),
        (&["--failed", "--no-probe"], &[]),
        (&["--probe"], &["ab0000000002"]),
        (&["--output", "*.so"], &["cd0000000003"]),
        (&["--source", "src/src/*"], &["ab0000000001"]),
        (&["--rule", "march-native"], &["ab0000000001"]),
        (&["--slowest", "1"], &["ab0000000001"]),
    ] {
        let (status, stdout, _) = log(home.path(), &[&["ls", "."], args].concat());
        let seen: Vec<&str> = stdout.lines().skip(1).map(|line| &line[..12]).collect();
        assert_eq!((status, &seen[..]), (Some(0), ids), "{args:?}");
    }
}

#[test]
fn show_explains_each_change_by_its_rule() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let (status, stdout, _) = log(home.path(), &["show", "ab0000000001", "."]);
    assert_eq!(status, Some(0));
    let expected = "\
ab0000000001  compile, rewritten, demoted in 412 ms
  tool      gcc → /usr/bin/gcc
  start     1.00 s into the session, process 10 of 9
  folder    /w/src
  inputs    src/a.c (c)
  outputs   build/a.o
  cpu       3.0 ms user, 1.0 ms system; 20,000 KiB at most

arguments  (- taken out, + put in)
  + -march=x86-64-v3  [1]
    -Wall
  - -march=native  [2]
    '-DX=a b' -c src/a.c -o build/a.o
  + -Wno-error

edits
  [1] level: the level is a floor
      + -march=x86-64-v3
  [2] march-native: names the builder
      - -march=native

notes
  higher: stays for run-time dispatch
      -mavx512f

environment
    CFLAGS='-O2 -g'

second try without -Werror
    it went well; these were let through:
    a.c:1: error: unused [-Werror=unused]
";
    assert_eq!(stdout, expected);
}

/// Runs `crosswheel log` on a terminal of so many columns, without colours.
fn on_terminal(folder: &Path, columns: u16, args: &[&str]) -> String {
    const TERMINAL: &str = "import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 50, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
out = b''
try:
    while block := os.read(fd, 65536):
        out += block
except OSError:
    pass
sys.stdout.buffer.write(out.replace(b'\\r\\n', b'\\n'))
";
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, &columns.to_string(), env!("CARGO_BIN_EXE_crosswheel"), "log"]).args(args);
    let out = command.current_dir(folder).env("NO_COLOR", "1").env("TERM", "xterm").output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn show_puts_before_and_after_side_by_side_where_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let wide = on_terminal(home.path(), 140, &["show", "ab0000000001", "."]);
    let rows: Vec<Vec<&str>> = wide
        .lines()
        .skip_while(|line| !line.starts_with("arguments"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect())
        .collect();
    let expected: [&[&str]; 6] = [
        &["received", "run"],
        &["+ -march=x86-64-v3", "[1]"],
        &["-Wall", "-Wall"],
        &["- -march=native", "[2]"],
        &["'-DX=a b' -c src/a.c -o build/a.o", "'-DX=a b' -c src/a.c -o build/a.o"],
        &["+ -Wno-error"],
    ];
    assert_eq!(rows, expected, "{wide}");
    assert!(wide.lines().all(|line| line.chars().count() <= 140), "{wide}");
    assert!(!on_terminal(home.path(), 139, &["show", "ab0000000001", "."]).contains("received"));
}

#[test]
fn show_reads_response_files_in_and_describes_what_was_made() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let (_, stdout, _) = log(home.path(), &["show", "cd", "."]);
    let wanted = "\
arguments
    -shared a.o -o x.so
    as received: response files @objects, shown read in

made
    x.so  x86_64, 51,234 bytes
      build-id  c0ffee
      sha256    ab
      load      ef
";
    assert!(stdout.ends_with(wanted), "{stdout}");
}

#[test]
fn json_is_what_the_record_holds() {
    let home = tempfile::tempdir().unwrap();
    let record = record();
    record.write(home.path());
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let (_, stdout, _) = log(home.path(), &["show", "ab0000000001", ".", "--json"]);
    assert_eq!(parse(&stdout), json!({"begin": parse(&record.lines[1]), "end": parse(&record.lines[2])}));
    let (_, stdout, _) = log(home.path(), &["ls", ".", "--json"]);
    let lines: Vec<Value> = stdout.lines().map(parse).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3], json!({"begin": parse(&record.lines[7]), "end": null}));
}

#[test]
fn an_id_that_is_not_enough_or_not_there_is_wrong_usage() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let (status, _, stderr) = log(home.path(), &["show", "ab", "."]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("2 calls begin with `ab`\n hint: give more digits: ab0000000001, ab0000000002"),
        "{stderr}"
    );
    assert_eq!(log(home.path(), &["show", "99", "."]).0, Some(2));
}

#[test]
fn the_newest_session_is_the_default_and_none_is_wrong_usage() {
    let home = tempfile::tempdir().unwrap();
    let (status, _, stderr) = log(home.path(), &["ls"]);
    assert_eq!(status, Some(2), "{stderr}");
    record().write(&home.path().join(".crosswheel/host"));
    assert_eq!(log(home.path(), &["ls"]).1.lines().count(), 5);
}

#[test]
fn what_a_record_lost_is_told() {
    let home = tempfile::tempdir().unwrap();
    let text = record().text();
    records::write(home.path(), &text.as_bytes()[..text.len() - 9]);
    std::fs::write(home.path().join("record.lost"), "").unwrap();
    let (status, stdout, stderr) = log(home.path(), &["ls", "."]);
    assert_eq!((status, stdout.lines().count()), (Some(0), 4));
    assert!(stderr.contains("some calls could not be written"), "{stderr}");
    assert!(stderr.contains("the last line is cut off"), "{stderr}");
}

#[test]
fn a_terminal_is_sent_no_control_characters_of_the_record() {
    let home = tempfile::tempdir().unwrap();
    let evil = "a\u{1b}[31m\u{7}.c";
    Record::new().begin("aa", &json!({"in": [evil], "argv": ["cc", evil]})).write(home.path());
    for args in [&["ls", "."][..], &["show", "aa", "."]] {
        let (_, stdout, _) = log(home.path(), args);
        assert!(stdout.contains(r"$'a\x1b[31m\x07.c'"), "{stdout}");
        assert!(!stdout.contains(['\u{1b}', '\u{7}']), "{stdout}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let many = (0..3000).fold(Record::new(), |record, n| record.begin(&format!("{n:012x}"), &json!({})));
    many.write(home.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["log", "ls", "."])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), out.status.signal()), (Some(0), None));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}
