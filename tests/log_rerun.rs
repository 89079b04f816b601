//! `crosswheel log rerun`: the exact command of a call, once more, in a tree that was kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build_support;
#[allow(unused, reason = "each test file uses a part")]
mod records;
#[allow(unused, reason = "each test file uses a part")]
mod seeded;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use build_support::Home;
use records::Record;
use seeded::Seeded;
use serde_json::{Value, json};

#[test]
fn every_failing_compile_of_a_build_gives_its_stderr_and_status_again() {
    let home = Home::new();
    let seeded = Seeded::build(&home, "host", &[]);
    let calls = seeded.failed(&home);
    assert_eq!(calls.len(), seeded::FAILING, "{calls:?}");
    for call in calls {
        let out = home.crosswheel(&["log", "rerun", &call.id, "out"]).output().unwrap();
        assert_eq!(out.status.code(), Some(call.exit), "{call:?}");
        assert_eq!(String::from_utf8_lossy(&out.stderr), call.stderr, "{call:?}");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "", "{call:?}");
    }
}

#[test]
fn the_tree_of_each_family_is_the_one_that_its_calls_are_run_in() {
    let home = Home::new();
    let seeded = Seeded::build(&home, "host,x86-64-v3", &[]);
    for _ in 0..2 {
        for family in ["host", "x86-64-v3"] {
            let log = format!("out/{family}");
            let call = &seeded.failed_in(&home, &log)[0];
            let print = home.crosswheel(&["log", "rerun", &call.id, &log, "--json"]).output().unwrap();
            let print: Value = serde_json::from_slice(&print.stdout).unwrap();
            let out = home.crosswheel(&["log", "rerun", &call.id, &log]).output().unwrap();
            assert_eq!(out.status.code(), Some(call.exit));
            let marker = PathBuf::from(print["folder"].as_str().unwrap()).join("family");
            assert_eq!(fs::read_to_string(marker).unwrap(), family);
        }
    }
}

#[test]
fn a_call_is_not_run_in_the_tree_of_a_family_that_is_being_built() {
    let home = Home::new();
    home.write("xw-abcdef/src.host/pkg/family", "host");
    home.write("xw-abcdef/src/pkg/family", "x86-64-v3");
    let begin = json!({"real": "/bin/cat", "argv": ["cc", "family"], "cwd": home.path("xw-abcdef/src/pkg")});
    Record::of(&json!({"family": "host"})).call("aa0000000001", &begin, &json!({})).write(&home.path("log"));
    let rerun = || home.crosswheel(&["log", "rerun", "aa", "log"]).output().unwrap();
    let out = rerun();
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0));
    assert!(err.contains("src is the tree of another family, which is being built\n hint: wait"), "{err}");
    fs::remove_dir_all(home.path("xw-abcdef/src")).unwrap();
    // What is printed for a shell has its tree at its place, too.
    let line = home.crosswheel(&["log", "rerun", "aa", "log", "--shell"]).output().unwrap().stdout;
    let line = String::from_utf8(line).unwrap();
    let out = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(out.stdout, b"host", "{line}");
}

#[test]
fn a_signal_and_any_status_are_passed_on() {
    let home = Home::new();
    let tool = home.write("tool", "#!/bin/sh\ncase $1 in -s) kill -$2 $$ ;; esac\necho \"$*\"\nexit $1\n");
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let tool = tool.to_str().unwrap();
    let call = |record: Record, id: &str, args: Value| {
        let argv: Vec<Value> = std::iter::once(json!("cc")).chain(args.as_array().unwrap().clone()).collect();
        record.call(
            id,
            &json!({"real": tool, "cwd": home.path(""), "argv": argv, "in": [], "out": []}),
            &json!({"exit": 1}),
        )
    };
    let record = call(Record::new(), "aa0000000001", json!(["255", "a b"]));
    call(record, "bb0000000002", json!(["-s", "9"])).write(&home.path("log"));
    let out = home.crosswheel(&["log", "rerun", "aa", "log"]).output().unwrap();
    assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(255), &b"255 a b\n"[..]));
    let out = home.crosswheel(&["log", "rerun", "bb", "log"]).output().unwrap();
    assert_eq!(out.status.signal(), Some(9));
}

/// A record of one call whose tool prints its arguments and variables.
fn printing(home: &Home, begin: &Value) -> String {
    let tool = home.write(
        "print",
        "#!/bin/sh\necho \"in $(pwd)\"\nfor arg; do\n  case $arg in @*) cat \"${arg#@}\" ;; *) echo \"$arg\" ;; esac\ndone\n\
         echo \"CFLAGS=${CFLAGS-unset} LDFLAGS=${LDFLAGS-unset} PATH=$PATH MAKEFLAGS=${MAKEFLAGS-unset}\"\n",
    );
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut fields = json!({"real": tool, "cwd": home.path(""), "in": [], "out": []});
    fields.as_object_mut().unwrap().extend(begin.as_object().unwrap().clone());
    Record::new().call("aa0000000001", &fields, &json!({})).write(&home.path("log"));
    tool.to_str().unwrap().to_owned()
}

fn printed(home: &Home, more: &[&str]) -> String {
    let mut command = home.crosswheel(&[&["log", "rerun", "aa", "log"], more].concat());
    let out = command.env("LDFLAGS", "ours").env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn variables_are_those_of_the_record_and_the_others_that_it_would_show_are_not_set() {
    let home = Home::new();
    let env = json!({"CFLAGS": "-O2 -g", "MAKEFLAGS": " -j8 --jobserver-auth=3,4"});
    printing(&home, &json!({"argv": ["cc", "-c"], "env": env}));
    let at = home.path("");
    let expected =
        format!("in {}\n-c\nCFLAGS=-O2 -g LDFLAGS=unset PATH=/usr/bin:/bin MAKEFLAGS= -j8\n", at.display());
    assert_eq!(printed(&home, &[]), expected);
}

#[test]
fn original_runs_what_was_received_and_shell_runs_nothing() {
    let home = Home::new();
    let tool = printing(&home, &json!({"argv": ["cc", "-Dx=it's"]}));
    let run = json!({"argv": ["cc", "-Dx=it's"], "run": [tool, "-march=x86-64-v3", "-Dx=it's"], "env": {"CFLAGS": "a b"}});
    printing(&home, &run);
    let head = |text: &str| text.lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(head(&printed(&home, &[])), ["-march=x86-64-v3", "-Dx=it's"]);
    assert_eq!(head(&printed(&home, &["--original"]))[0], "-Dx=it's");
    let line = printed(&home, &["--shell"]);
    let (folder, rest) = line.split_once(" && env ").unwrap();
    assert_eq!(folder, format!("cd {}", home.path("").display()));
    assert!(rest.contains("-u LDFLAGS "), "what is set here and was not then is taken away: {rest}");
    assert!(rest.ends_with(&format!(" CFLAGS='a b' {tool} -march=x86-64-v3 '-Dx=it'\\''s'\n")), "{rest}");
    let again = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(head(&String::from_utf8_lossy(&again.stdout)), ["-march=x86-64-v3", "-Dx=it's"]);
}

#[test]
fn response_files_that_are_gone_or_changed_are_had_back_from_the_record() {
    let home = Home::new();
    let argv = json!({
        "argv": ["cc", "@gone.rsp", "@stays.rsp", "@changed.rsp", "-c"],
        "expanded": ["cc", "-Da b", "-I", "stays", "-then", "-c"],
        "files": [
            {"path": "gone.rsp", "content": "'-Da b' @inner.rsp"}, {"path": "inner.rsp", "content": "-I"},
            {"path": "stays.rsp", "content": "stays"}, {"path": "changed.rsp", "content": "-then"},
        ],
    });
    printing(&home, &argv);
    home.write("stays.rsp", "stays");
    home.write("changed.rsp", "-now");
    let seen: Vec<String> = printed(&home, &[]).lines().skip(1).take(5).map(str::to_owned).collect();
    assert_eq!(seen, ["-Da\\ b", "-I", "stays-then", "-c", &seen[4]]);
    assert!(printed(&home, &["--shell"]).ends_with("print '-Da b' -I @stays.rsp -then -c\n"));
    assert!(!home.path("gone.rsp").exists(), "nothing is written into the tree");
}

#[test]
fn what_is_gone_is_named_before_anything_runs() {
    let home = Home::new();
    let fails = |fields: &Value, says: &str| {
        printing(&home, fields);
        let out = home.crosswheel(&["log", "rerun", "aa", "log"]).output().unwrap();
        let err = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(err.contains(says), "{err}");
        assert!(out.stdout.is_empty());
        out.status.code()
    };
    assert_eq!(
        fails(&json!({"cwd": "/no/such/folder"}), "the working folder of call aa0000000001 is gone"),
        Some(1)
    );
    assert_eq!(fails(&json!({"cwd": null}), "had been deleted"), Some(1));
    assert_eq!(fails(&json!({"in": ["gone.o"]}), "an input of call aa0000000001 is gone"), Some(1));
    assert_eq!(
        fails(&json!({"disp": "refused", "error": "no"}), "was refused: nothing ran\n hint: `--original`"),
        Some(2)
    );
    let held = json!({"argv": ["cc", "@a", "@b"], "expanded": ["cc", "x", "y"]});
    assert_eq!(fails(&held, "the response file `a` of call aa0000000001 is gone"), Some(1));
    assert_eq!(fails(&json!({"real": "/no/such/gcc"}), "command not found: /no/such/gcc"), Some(127));
}
