//! `crosswheel log why`, `diff`, `stats`, `merge` and `ls --follow`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build_support;
#[allow(unused, reason = "each test file uses a part")]
mod records;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use build_support::{Home, WHEEL};
use records::{Record, write};
use serde_json::{Value, json};

/// Runs `crosswheel log`; exit status, stdout, stderr.
fn log(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    let out = command.arg("log").args(args).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

fn json_of(folder: &Path, args: &[&str]) -> Value {
    let (_, stdout, stderr) = log(folder, &[args, &["--json"]].concat());
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout} {stderr}"))
}

fn call(record: Record, id: &str, kind: &str, inputs: &[&str], output: &str) -> Record {
    let tool = if kind == "archive" { "ar" } else { "cc" };
    let argv: Vec<&str> = [tool].iter().chain(inputs).copied().chain(["-o", output]).collect();
    let fields = json!({"kind": kind, "tool": tool, "in": inputs, "out": [output], "argv": argv});
    record.call(id, &fields, &json!({}))
}

/// Two objects, one in an archive, and a library of both that is stripped in place.
fn library() -> Record {
    let record = call(Record::new(), "0a", "compile", &["a.c"], "a.o");
    let record = call(record, "0b", "compile", &["b.c"], "b.o");
    let record = call(record, "0c", "archive", &["b.o"], "libb.a");
    let record = call(record, "0d", "link", &["a.o", "libb.a"], "lib/pkg/x.so");
    call(record, "0e", "other", &["lib/pkg/x.so"], "lib/pkg/x.so")
}

#[test]
fn why_shows_the_calls_behind_a_file_through_archives_and_changes_in_place() {
    let home = tempfile::tempdir().unwrap();
    library().write(home.path());
    // By its path, a pattern, its name, and its name in a wheel.
    for name in ["/w/src/lib/pkg/x.so", "pkg/*.so", "x.so", "other/pkg/x.so"] {
        let (status, stdout, _) = log(home.path(), &["why", name, "."]);
        let expected = "\
in /w/src
lib/pkg/x.so  ← 0e other by cc
└─ lib/pkg/x.so  ← 0d link by cc
   ├─ a.o  ← 0a compile by cc of a.c
   └─ libb.a  ← 0c archive by ar
      └─ b.o  ← 0b compile by cc of b.c
";
        assert_eq!((status, stdout.as_str()), (Some(0), expected), "{name}");
    }
}

#[test]
fn why_believes_the_last_call_before_and_leaves_probes_and_failures_aside() {
    let home = tempfile::tempdir().unwrap();
    let record = call(Record::new(), "01", "compile", &["old.c"], "a.o");
    let record = call(record, "02", "compile", &["new.c"], "a.o");
    let record = record.call("03", &json!({"in": ["bad.c"]}), &json!({"exit": 1}));
    let record = record.call("04", &json!({"in": ["probe.c"], "probe": "conftest"}), &json!({}));
    let record = call(record, "05", "link", &["a.o"], "x.so");
    call(record, "06", "compile", &["later.c"], "a.o").write(home.path());
    let found = json_of(home.path(), &["why", "x.so", "."]);
    assert_eq!(found["files"][0]["inputs"][0]["call"], "02", "{found}");
    assert_eq!(json_of(home.path(), &["why", "a.o", "."])["files"][0]["call"], "06");
}

#[test]
fn why_follows_libraries_by_name_and_says_where_only_the_name_is_known() {
    let home = tempfile::tempdir().unwrap();
    let record = call(Record::new(), "01", "compile", &["a.c"], "a.o");
    let record = call(record, "02", "archive", &["a.o"], "libz.a");
    let link =
        json!({"kind": "link", "in": ["/usr/crt.o"], "out": ["x.so"], "argv": ["cc", "-lz", "-o", "x.so"]});
    let record = record.call("03", &link, &json!({}));
    let record = call(record, "04", "link", &["copied/libz.a"], "y.so");
    let found = json!({"kind": "link", "in": [], "out": ["z.so"], "argv": ["cc", "-lz"], "libs": [{"arg": "-lz", "path": "libz.a", "seen": [8, 9]}]});
    let record = record.call("05", &found, &json!({}));
    let made = json!({"made": [{"path": "libs/q.a", "size": 70, "sha256": "00"}]});
    let record = record.call("06", &json!({"kind": "archive", "in": [], "out": ["libs/q.a"]}), &made);
    let other = |id: &str, size: u64, record: Record| {
        record.call(
            id,
            &json!({"kind": "link", "in": ["else/q.a"], "out": [format!("{id}.so")], "seen": [[size, 9]]}),
            &json!({}),
        )
    };
    other("08", 71, other("07", 70, record)).write(home.path());
    let inner = |name: &str| json_of(home.path(), &["why", name, "."])["files"][0]["inputs"][0].clone();
    assert_eq!((&inner("z.so")["call"], &inner("z.so")["by_name"]), (&json!("02"), &Value::Null));
    assert_eq!((&inner("07.so")["call"], &inner("07.so")["by_name"]), (&json!("06"), &json!(true)));
    assert_eq!(inner("08.so")["call"], Value::Null, "another size is another file");
    let (_, stdout, _) = log(home.path(), &["why", "x.so", "."]);
    assert!(
        stdout.contains("-lz  ← made elsewhere? 02 archive by ar of a.o\n")
            || stdout.contains("-lz  ← made elsewhere? 02 archive by ar\n"),
        "{stdout}"
    );
    let (_, stdout, _) = log(home.path(), &["why", "y.so", "."]);
    assert!(stdout.contains("copied/libz.a  ← made elsewhere? 02 archive by ar\n"), "{stdout}");
}

#[test]
fn why_a_member_of_a_wheel_leads_to_its_sources() {
    let home = Home::new();
    home.package("pkg", "");
    home.build(&["pkg", "--family", "x86-64-v3", "--out", "out", "--no-isolation"]).good();
    assert!(home.path(&format!("out/x86-64-v3/{WHEEL}")).is_file());
    let (status, stdout, stderr) = log(&home.path(""), &["why", "tiny/ext.so", "out"]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains("link by cc") && stdout.contains("ext.c"), "{stdout}");
}

#[test]
fn why_nothing_made_a_file_is_a_fault_that_names_near_ones() {
    let home = tempfile::tempdir().unwrap();
    library().write(home.path());
    let (status, stdout, stderr) = log(home.path(), &["why", "libbb.a", "."]);
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("made `libbb.a`") && stderr.contains("did you mean `libb.a`"), "{stderr}");
}

#[test]
fn why_a_tree_is_cut_unless_all_of_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let mut record = Record::new();
    let names: Vec<String> = (0..30).map(|n| format!("{n}.o")).collect();
    for (n, name) in names.iter().enumerate() {
        record = call(record, &format!("a{n}"), "compile", &["x.c"], name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    call(record, "ff", "link", &names, "x.so").write(home.path());
    let (_, stdout, _) = log(home.path(), &["why", "x.so", "."]);
    assert!(stdout.ends_with("└─ … 18 more; --all shows them\n") && stdout.lines().count() == 15, "{stdout}");
    assert_eq!(log(home.path(), &["why", "x.so", ".", "--all"]).1.lines().count(), 32);
}

fn edit(rule: &str, before: &[&str], after: &[&str]) -> Value {
    json!({"rule": rule, "why": "because", "at": 1, "before": before, "after": after})
}

/// Flags that come, stay and go.
fn flags() -> Record {
    Record::new()
        .call(
            "01",
            &json!({
                "argv": ["cc", "-march=native", "-O2", "-c", "a.c"], "run": ["/usr/bin/gcc", "-march=v3", "-O2", "-c", "a.c"],
                "edits": [edit("native", &["-march=native"], &["-march=v3"]), edit("kept", &["-O2"], &["-O2"])],
                "env": {"CFLAGS": "-g -O2"},
            }),
            &json!({}),
        )
        .call("02", &json!({"argv": ["cc", "@f"], "expanded": ["cc", "-O2", "-DX=\"a b\""]}), &json!({}))
        .call("03", &json!({"argv": ["cc", "-O3", "note -O2"], "env": {"CFLAGS": "-O2"}}), &json!({}))
}

#[test]
fn why_a_flag_tells_who_gave_it_and_which_rule_put_it_in_took_it_out_or_left_it() {
    let home = tempfile::tempdir().unwrap();
    flags().write(home.path());
    let seen = |flag: &str| {
        let found = json_of(home.path(), &["why", flag, "."]);
        let rules = |key: &str| {
            found[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["rule"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let count = |key: &str| found[key]["count"].as_u64().unwrap();
        (count("received"), count("ran"), rules("added"), rules("removed"), rules("noted"))
    };
    let none = Vec::<String>::new;
    assert_eq!(seen("-O2"), (2, 2, none(), none(), vec!["kept".to_owned()]));
    assert_eq!(seen("-march=native"), (1, 0, none(), vec!["native".to_owned()], none()));
    assert_eq!(seen("-march=v3"), (0, 1, vec!["native".to_owned()], none(), none()));
    assert_eq!(seen("-march=").0, 1);
    assert_eq!(seen("-DX=\"a b\""), (1, 1, none(), none(), none()));
    let (_, stdout, _) = log(home.path(), &["why", "-march=native", "."]);
    let expected = "\
-march=native  received in 1 call, run in 0 calls

received from the build
    01  compile by cc: a.c → a.o

taken out by native in 1 call: because
    01  compile by cc: a.c → a.o
";
    assert_eq!(stdout, expected);
    assert!(log(home.path(), &["why", "-O2", "."]).1.contains("CFLAGS of the environment holds it (01)"));
}

#[test]
fn why_a_flag_that_was_never_there_names_near_ones() {
    let home = tempfile::tempdir().unwrap();
    flags().write(home.path());
    let (status, stdout, stderr) = log(home.path(), &["why", "-march=nativ", "."]);
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("did you mean `-march=native`"), "{stderr}");
}

/// One build below `root`, of temporary folder `random`.
fn built(root: &str, random: &str, level: &str, more: bool) -> Record {
    let object = |id: &str, name: &str, record: Record| {
        let fields = json!({
            "cwd": format!("{root}/build"), "in": [format!("../{name}.c")], "out": [format!("{name}.o")],
            "argv": ["cc", format!("-I{root}/inc"), format!("-I/tmp/tmp{random}"), "-c", format!("../{name}.c")],
            "run": ["/usr/bin/gcc", level, format!("-I{root}/inc"), format!("-I/tmp/tmp{random}"), "-c", format!("../{name}.c")],
        });
        record.call(id, &fields, &json!({}))
    };
    let record = object("a1", "one", Record::new());
    let record = object("a2", "two", record);
    let record =
        record.call("a3", &json!({"probe": "conftest", "cwd": root, "argv": ["cc", random]}), &json!({}));
    if more { object("a4", "more", record) } else { record }
}

#[test]
fn diff_of_two_builds_that_did_the_same_elsewhere_finds_nothing() {
    let home = tempfile::tempdir().unwrap();
    built("/w/one", "abcd1234", "-m1", false).write(&home.path().join("a"));
    built("/home/u/two", "zzzz9999", "-m1", false).write(&home.path().join("b"));
    let (status, stdout, stderr) = log(home.path(), &["diff", "a", "b"]);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    assert!(stdout.ends_with("2 the same, 0 changed, 0 vanished, 0 appeared\n"), "{stdout}");
}

#[test]
fn diff_names_what_appeared_vanished_and_changed_and_ends_with_1() {
    let home = tempfile::tempdir().unwrap();
    built("/w/one", "abcd1234", "-m1", false).write(&home.path().join("a"));
    built("/w/two", "abcd1234", "-m2", true).write(&home.path().join("b"));
    let (status, stdout, _) = log(home.path(), &["diff", "a", "b"]);
    assert_eq!(status, Some(1));
    let found: Vec<&str> = stdout.lines().skip(2).collect();
    let expected = [
        "+ a4 compile cc: more.c → build/more.o",
        "~ a1 compile cc: one.c → build/one.o  (a1)",
        "~ a2 compile cc: two.c → build/two.o  (a2)",
        "    ran    - -m1",
        "    ran    + -m2",
        "0 the same, 2 changed, 0 vanished, 1 appeared",
    ];
    assert_eq!(found, expected);
    let found = json_of(home.path(), &["diff", "b", "a"]);
    assert_eq!(found["vanished"][0]["id"], "a4");
    assert_eq!(found["changed"][0]["ran"], json!({"removed": ["-m2"], "added": ["-m1"]}));
    assert_eq!(found["changed"][0]["given"], json!({"removed": [], "added": []}));
}

#[test]
fn diff_tells_a_call_that_fails_now_and_calls_of_one_output_apart() {
    let home = tempfile::tempdir().unwrap();
    let one = |exit: i32| {
        let record = call(Record::new(), "01", "compile", &["a.c"], "x.o");
        let record = call(record, "02", "compile", &["b.c"], "x.o");
        record.call("03", &json!({"in": ["c.c"], "out": ["c.o"]}), &json!({"exit": exit}))
    };
    one(0).write(&home.path().join("a"));
    one(1).write(&home.path().join("b"));
    let found = json_of(home.path(), &["diff", "a", "b"]);
    assert_eq!((found["same"].as_u64(), found["changed"].as_array().unwrap().len()), (Some(2), 1), "{found}");
    assert_eq!(found["changed"][0]["b"]["result"], "exit 1");
}

#[test]
fn stats_sum_times_by_kind_and_tell_what_ran_at_once() {
    let home = tempfile::tempdir().unwrap();
    let at = |start: u64, more: Value| {
        let mut fields = json!({"t": start});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    Record::new()
        .call("01", &at(1_000_000, json!({})), &json!({"dur": 10_000_000}))
        .call(
            "02",
            &at(6_000_000, json!({"launcher": "/usr/bin/ccache"})),
            &json!({"dur": 10_000_000, "rss": 90_000}),
        )
        .call("03", &at(26_000_000, json!({"kind": "link"})), &json!({"dur": 5_000_000}))
        .call("04", &at(27_000_000, json!({"kind": "link", "parent": "03"})), &json!({"dur": 1_000_000}))
        .call("05", &at(31_000_000, json!({"probe": "conftest"})), &json!({"dur": 5_000_000}))
        .begin("06", &at(36_000_000, json!({})))
        .write(home.path());
    let found = json_of(home.path(), &["stats", "."]);
    let numbers = |keys: &[&str]| keys.iter().map(|key| found[*key].as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers(&["span", "busy", "time"]), [35e6, 25e6, 30e6], "{found}");
    assert_eq!(numbers(&["mean_parallel", "peak_parallel", "nested", "in_flight"]), [1.2, 2.0, 1.0, 1.0]);
    assert_eq!((&found["peak_rss_kib"], &found["peak_rss_call"]), (&json!(90_000), &json!("02")));
    assert_eq!(found["kinds"]["compile"], json!({"calls": 3, "time": 20_000_000, "cpu": 8000}));
    assert_eq!(found["kinds"]["probes"]["calls"], 1);
    assert_eq!(found["caches"], json!([{"path": "/usr/bin/ccache", "calls": 1, "cpu": 4000, "quick": 1}]));
    let (_, stdout, _) = log(home.path(), &["stats", "."]);
    assert!(stdout.contains("1.20 calls at once on the average, 2 at most"), "{stdout}");
    assert!(stdout.contains("which of them it had in store is not in the record"), "{stdout}");
}

#[test]
fn merge_loses_nothing_and_gives_a_new_id_where_one_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let one = Record::of(&json!({"family": "host"})).call("aaaaaaaaaaaa", &json!({}), &json!({}));
    let two = Record::of(&json!({"family": "x86-64-v3"}))
        .begin("aaaaaaaaaaaa", &json!({"kind": "link", "out": ["x.so"]}))
        .call(
            "bbbbbbbbbbbb",
            &json!({"parent": "aaaaaaaaaaaa", "argv": ["ld", ",\"parent\":\"aaaaaaaaaaaa\""]}),
            &json!({}),
        )
        .end("aaaaaaaaaaaa", &json!({"dur": 90_000_000}));
    one.write(&home.path().join("a"));
    two.write(&home.path().join("b"));
    let (status, stdout, stderr) = log(home.path(), &["merge", "a", "b", "--out", "m.jsonl"]);
    assert_eq!((status, stdout.as_str()), (Some(0), "m.jsonl: 3 calls of 2 sessions\n"), "{stderr}");
    assert!(stderr.contains("call aaaaaaaaaaaa of b is now "), "{stderr}");
    let lines: Vec<Value> = fs::read_to_string(home.path().join("m.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let sessions: Vec<&Value> =
        lines.iter().filter(|line| line["ev"] == "merged").map(|line| &line["session"]).collect();
    assert_eq!(sessions, [&parse(&one.lines[0]), &parse(&two.lines[0])]);
    assert_eq!(lines[0]["family"], "host+x86-64-v3");
    // But for the number, the new id and the old one, every line is as it was.
    let link = lines.iter().find(|line| line["was"] == "aaaaaaaaaaaa").unwrap();
    let name = link["id"].as_str().unwrap();
    let mut back: Vec<Value> =
        lines.iter().filter(|line| line["of"] == 1 && line["ev"] != "merged").cloned().collect();
    for line in &mut back {
        let fields = line.as_object_mut().unwrap();
        fields.remove("of");
        if let Some(was) = fields.remove("was") {
            fields.insert("id".into(), was);
        }
        if fields.get("parent").is_some_and(|parent| parent == name) {
            fields.insert("parent".into(), json!("aaaaaaaaaaaa"));
        }
    }
    let mut expected: Vec<Value> = two.lines[1..].iter().map(|line| parse(line)).collect();
    back.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(back, expected);
    // Every verb reads it, and a merged record can be merged again.
    assert_eq!(log(home.path(), &["ls", "m.jsonl"]).1.lines().count(), 4);
    assert_eq!(log(home.path(), &["show", name, "m.jsonl"]).0, Some(0));
    let again = json_of(home.path(), &["merge", "m.jsonl", "a", "--out", "n.jsonl"]);
    assert_eq!((&again["sessions"], &again["calls"]), (&json!(3), &json!(4)));
    assert_eq!(again["renamed"][0]["of"], 2);
}

#[test]
fn merge_keeps_what_is_known_to_be_lost_and_does_not_write_over_what_it_reads() {
    let home = tempfile::tempdir().unwrap();
    let torn = library().text();
    write(&home.path().join("a"), &torn.as_bytes()[..torn.len() - 5]);
    Record::new().write(&home.path().join("b"));
    fs::write(home.path().join("b/record.lost"), "").unwrap();
    assert_eq!(log(home.path(), &["merge", "a", "b", "--out", "m.jsonl"]).0, Some(0));
    let (_, _, stderr) = log(home.path(), &["ls", "m.jsonl"]);
    assert!(
        stderr.contains("the last line is cut off") && stderr.contains("could not be written"),
        "{stderr}"
    );
    let (status, _, stderr) = log(home.path(), &["merge", "a", "b", "--out", "a/record.jsonl"]);
    assert_eq!(status, Some(2), "{stderr}");
    assert_eq!(fs::read_to_string(home.path().join("a/record.jsonl")).unwrap(), torn[..torn.len() - 5]);
}

#[test]
fn follow_shows_calls_as_they_begin_and_end_and_stops_with_the_session() {
    let home = Home::new();
    home.write("a.c", "int a;\n");
    let script = "gcc -c a.c; echo; read line; gcc -c a.c -o b.o; read line";
    let mut run = home.crosswheel(&["run", "-q", "--family", "host", "--", "sh", "-c", script]);
    let mut build = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(build.stdout.take().unwrap());
    told.read_line(&mut String::new()).unwrap();
    let mut follow = home.crosswheel(&["log", "ls", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = BufReader::new(follow.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        seen.read_line(&mut line).unwrap();
        line
    };
    assert!(line().starts_with("ID "));
    assert!(line().contains("a.c → a.o"));
    let mut input = build.stdin.take().unwrap();
    input.write_all(b"go\n").unwrap();
    let mut last = line();
    if last.contains("in flight") {
        last = line();
    }
    assert!(last.contains("ok") && last.contains("a.c → b.o"), "{last}");
    assert!(follow.try_wait().unwrap().is_none(), "the build still runs");
    drop(input);
    build.wait().unwrap();
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    seen.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn follow_joins_a_line_that_comes_in_pieces_and_filters() {
    let home = Home::new();
    let bin = home.path("s/bin");
    fs::create_dir_all(&bin).unwrap();
    // Held as a session's process holds it.
    let lock = home.path("s/lock");
    let mut holder = Command::new("flock")
        .arg(&lock)
        .arg("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    holder.stdin.as_mut().unwrap().write_all(b"x\n").unwrap();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let record = Record::of(&json!({"bin": bin})).call("aaaaaaaaaaaa", &json!({}), &json!({"exit": 1})).call(
        "bbbbbbbbbbbb",
        &json!({}),
        &json!({}),
    );
    let text = record.text();
    let cut = record.lines[0].len() + 30;
    let path = write(&home.path("s"), &text.as_bytes()[..cut]);
    let follow = home
        .crosswheel(&["log", "ls", "s", "--follow", "--failed", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for piece in text.as_bytes()[cut..].chunks(300) {
        std::thread::sleep(Duration::from_millis(150));
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(piece).unwrap();
    }
    std::thread::sleep(Duration::from_millis(150));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let out = follow.wait_with_output().unwrap();
    let lines: Vec<Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["begin"]["id"], &lines[0]["end"]["exit"]), (&json!("aaaaaaaaaaaa"), &json!(1)));
}

#[test]
fn a_build_that_was_killed_leaves_every_finished_call_and_those_in_flight() {
    let home = Home::new();
    let tool = "#!/bin/sh\ncase \"$*\" in *slow*) sleep 60 ;; esac\n";
    home.write("a.c", "int a;\n");
    home.write("slow.c", "int slow;\n");
    let real = home.write("real/gcc", &format!("{tool}exec /usr/bin/gcc \"$@\"\n"));
    fs::set_permissions(&real, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = "n=0; while [ $n -lt 40 ]; do gcc -c a.c -o $n.o; n=$((n+1)); done; gcc -c slow.c & gcc -c slow.c -o t.o & echo; wait";
    let mut run = home.crosswheel(&["run", "-q", "--family", "host", "--", "sh", "-c", script]);
    let path = format!("{}:/usr/bin:/bin", home.path("real").display());
    let mut build = run.env("PATH", path).process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(build.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let in_flight = |home: &Home| json_of(&home.path(""), &["stats"])["in_flight"].as_u64();
    for _ in 0..200 {
        if in_flight(&home) == Some(2) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let group = i32::try_from(build.id()).unwrap();
    // SAFETY: `kill` takes two numbers; the child was not waited for, so the group is its own.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    build.wait().unwrap();
    let (status, stdout, _) = log(&home.path(""), &["ls", "--json", "--kind", "compile"]);
    assert_eq!(status, Some(0));
    let calls: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let whole = calls.iter().filter(|call| call["end"]["exit"] == 0).count();
    let open: Vec<&Value> =
        calls.iter().filter(|call| call["end"].is_null()).map(|call| &call["begin"]["in"][0]).collect();
    assert_eq!((whole, open), (40, vec![&json!("slow.c"), &json!("slow.c")]));
    let (_, stdout, _) = log(&home.path(""), &["ls"]);
    assert_eq!(stdout.matches("in flight").count(), 2, "{stdout}");
}

#[test]
fn every_verb_tells_what_is_wrong_with_what_is_no_record_and_answers_from_one_that_is_torn() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let verbs: &[&[&str]] = &[
        &["ls"],
        &["ls", "--follow"],
        &["show", "0a"],
        &["why", "x.so"],
        &["why", "-o"],
        &["stats"],
        &["rerun", "0a", "--shell"],
        &["diff", "good"],
        &["bundle", "0a"],
        &["merge", "--out", "m"],
    ];
    library().write(&at("good"));
    write(&at("empty"), b"");
    write(&at("foreign"), b"\x7fELF\x02\x01\x01\0\n\0\0");
    write(&at("text"), b"hello\nworld\n");
    write(&at("newer"), Record::of(&json!({"v": 2})).text().as_bytes());
    fs::create_dir(at("nothing")).unwrap();
    for (name, status, says) in [
        ("empty", 1, "is no record: it has no session line"),
        ("foreign", 1, "is no record: it has no session line"),
        ("text", 1, "is no record: it has no session line"),
        ("newer", 1, "the record has format 2, and only format 1 is known here"),
        ("nothing", 2, "there is no record in this folder"),
        ("gone", 2, "there is no gone"),
    ] {
        for verb in verbs {
            let (code, stdout, stderr) = log(home.path(), &[*verb, &[name][..]].concat());
            assert_eq!((code, stdout.as_str()), (Some(status), ""), "{verb:?} {name} {stderr}");
            assert!(stderr.contains(says) && !stderr.contains("panicked"), "{verb:?} {name} {stderr}");
        }
    }
    let text = library().text();
    write(&at("torn"), &text.as_bytes()[..text.len() - 9]);
    for verb in verbs.iter().filter(|verb| !["bundle"].contains(&verb[0])) {
        let (code, stdout, stderr) = log(home.path(), &[*verb, &["torn"][..]].concat());
        let expected = i32::from(verb[0] == "diff");
        assert_eq!(code, Some(expected), "{verb:?} {stderr}");
        assert!(
            !stdout.is_empty() && stderr.contains("the last line is cut off") || verb.contains(&"--follow"),
            "{verb:?} {stderr}"
        );
    }
}

#[test]
fn a_log_in_the_place_of_an_id_is_told_whatever_else_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    library().write(&home.path().join("dist"));
    for verb in ["show", "rerun", "bundle"] {
        for args in [&["dist"][..], &["dist", "0a"], &["", "dist"], &["x", "dist"]] {
            let (status, _, stderr) = log(home.path(), &[&[verb], args].concat());
            assert_eq!(status, Some(2), "{verb} {args:?} {stderr}");
            assert!(stderr.contains("an id is hexadecimal digits"), "{verb} {args:?} {stderr}");
        }
    }
    assert_eq!(log(home.path(), &["show", "0A", "dist"]).0, Some(0), "capitals are the same digits");
}

#[test]
fn hints_of_a_log_are_commands_that_work_from_here() {
    let home = tempfile::tempdir().unwrap();
    library().write(&home.path().join("my dist/log"));
    for (asked, gives) in [(&["show", "ff"][..], "0a"), (&["why", "a.c"], "a.c")] {
        let (status, _, stderr) = log(home.path(), &[asked, &["my dist"]].concat());
        assert_ne!(status, Some(0));
        let command = stderr.split('`').find(|part| part.starts_with("crosswheel log")).unwrap();
        let script = command.replacen("crosswheel", env!("CARGO_BIN_EXE_crosswheel"), 1);
        let out = Command::new("sh").args(["-c", &script]).current_dir(home.path()).output().unwrap();
        let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success() && stdout.contains(gives), "{script}: {stdout}");
    }
}

#[test]
fn sessions_of_run_are_found_by_their_folder_and_by_that_above() {
    let home = tempfile::tempdir().unwrap();
    library().write(&home.path().join(".crosswheel/host"));
    for place in [".", ".crosswheel", ".crosswheel/host"] {
        assert_eq!(log(home.path(), &["show", "0a", place]).0, Some(0), "{place}");
    }
    library().write(&home.path().join(".crosswheel/x86-64-v3"));
    for place in [".", ".crosswheel"] {
        let (status, _, stderr) = log(home.path(), &["show", "0a", place]);
        assert!(status == Some(2) && stderr.contains("x86-64-v3/record.jsonl"), "{place}: {stderr}");
    }
}

#[test]
fn a_folder_for_an_export_must_be_there_and_the_message_says_so_alone() {
    let home = tempfile::tempdir().unwrap();
    library().write(home.path());
    let (status, _, stderr) = log(home.path(), &["export", "--format", "html", ".", "--out", "no/such.html"]);
    assert_eq!(status, Some(2));
    assert!(stderr.starts_with("error: there is no folder no\n"), "{stderr}");
}
