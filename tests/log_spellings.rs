//! `crosswheel log why FLAG` in every spelling of a flag, and what is no flag though it looks like one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(unused, reason = "each test file uses a part")]
mod records;

use std::path::Path;
use std::process::Command;

use records::Record;
use serde_json::{Value, json};

fn why(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    let out = command.args(["log", "why"]).args(args).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

fn answer(folder: &Path, flag: &str) -> Value {
    let (_, stdout, stderr) = why(folder, &[flag, ".", "--json"]);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{flag}: {error}: {stderr}"))
}

/// How often each spelling was received.
fn received(folder: &Path, flag: &str) -> Vec<(String, u64)> {
    let found = answer(folder, flag);
    let spellings = found["spellings"].as_array().unwrap().iter();
    spellings
        .map(|one| (one["arg"].as_str().unwrap().to_owned(), one["received"].as_u64().unwrap()))
        .collect()
}

fn tools() -> Value {
    json!([
        {"name": "cc", "real": "/usr/bin/gcc", "role": "cc", "dialect": "gcc"},
        {"name": "ld", "real": "/usr/bin/ld", "role": "ld", "dialect": "ld"},
        {"name": "ar", "real": "/usr/bin/ar", "role": "ar", "dialect": "ar"},
    ])
}

fn record() -> Record {
    let edit = json!([{"rule": "off", "why": "because", "at": 1, "before": ["-D", "GONE"], "after": []}]);
    Record::of(&json!({"tools": tools()}))
        .call("01", &json!({"argv": ["cc", "-DNDEBUG", "-Iinc", "-c", "a.c"]}), &json!({}))
        .call(
            "02",
            &json!({"argv": ["cc", "-D", "NDEBUG", "-I", "inc", "--sysroot", "/s"], "env": {"CFLAGS": "-g  -D NDEBUG"}}),
            &json!({}),
        )
        .call(
            "03",
            &json!({"argv": ["cc", "-D", "GONE", "--sysroot=/s"], "run": ["/usr/bin/gcc", "--sysroot=/s"], "edits": edit}),
            &json!({}),
        )
        .call("04", &json!({"tool": "ld", "kind": "link", "argv": ["ld", "-rpath", "/r", "-c", "script"]}), &json!({}))
        .call("05", &json!({"tool": "ar", "kind": "archive", "argv": ["ar", "-D", "NDEBUG"]}), &json!({}))
        .call("06", &json!({"argv": ["cc", "-DHOW=\"-DNDEBUG -O7\"", "-DTOLD=\"-O7\""]}), &json!({}))
}

#[test]
fn a_value_behind_the_option_or_behind_a_space_is_the_same_flag_to_the_tools_that_read_both() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let pairs =
        |list: &[(&str, u64)]| list.iter().map(|(arg, n)| ((*arg).to_owned(), *n)).collect::<Vec<_>>();
    for (flag, count, spelled) in [
        ("-DNDEBUG", 2, &[("-D NDEBUG", 1), ("-DNDEBUG", 1)][..]),
        ("-D NDEBUG", 2, &[("-D NDEBUG", 1), ("-DNDEBUG", 1)]),
        ("-DND*", 2, &[("-D NDEBUG", 1), ("-DNDEBUG", 1)]),
        ("-Iinc", 2, &[("-I inc", 1), ("-Iinc", 1)]),
        ("-I", 2, &[("-I inc", 1), ("-Iinc", 1)]),
        ("--sysroot=/s", 2, &[("--sysroot /s", 1), ("--sysroot=/s", 1)]),
        ("--sysroot", 2, &[("--sysroot /s", 1), ("--sysroot=/s", 1)]),
        ("-rpath=/r", 1, &[("-rpath /r", 1)]),
        // A compile to cc, a script to ld.
        ("-c", 2, &[("-c", 1), ("-c script", 1)]),
    ] {
        assert_eq!(received(home.path(), flag), pairs(spelled), "{flag}");
        assert_eq!(answer(home.path(), flag)["received"]["count"], count, "{flag}");
    }
    let found = answer(home.path(), "-DGONE");
    assert_eq!((&found["ran"]["count"], &found["removed"][0]["rule"]), (&json!(0), &json!("off")));
    assert_eq!(answer(home.path(), "-DNDEBUG")["variables"][0]["name"], "CFLAGS");
    let (_, stdout, _) = why(home.path(), &["-DNDEBUG", "."]);
    assert!(stdout.contains("    -D NDEBUG  received 1 time, put in 0 times\n"), "{stdout}");
}

#[test]
fn a_quote_inside_of_an_argument_begins_none() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    assert_eq!(why(home.path(), &["-O*", "."]).0, Some(1));
}

#[test]
fn an_option_and_its_value_as_two_arguments_are_told_how_to_be_one() {
    let home = tempfile::tempdir().unwrap();
    record().write(home.path());
    let (status, _, stderr) = why(home.path(), &["-D", "NDEBUG"]);
    assert!(
        status == Some(2)
            && stderr.contains("hint: an option and its value are one argument here: `-DNDEBUG`"),
        "{stderr}"
    );
}

#[test]
fn many_spellings_are_cut_unless_all_are_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let folders: Vec<String> = (0..30).map(|n| format!("-Iinc{n}")).collect();
    let argv: Vec<&str> = ["cc"].into_iter().chain(folders.iter().map(String::as_str)).collect();
    let record = Record::new().call("01", &json!({"argv": argv}), &json!({}));
    record.call("02", &json!({"argv": ["cc", "-Iinc7"]}), &json!({})).write(home.path());
    let (_, stdout, _) = why(home.path(), &["-I", "."]);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[1], "    -Iinc7  received 2 times, put in 0 times", "the most frequent is first");
    assert!(stdout.contains("    … 18 more; --all shows them\n"), "{stdout}");
    assert!(why(home.path(), &["-I", ".", "--all"]).1.contains("-Iinc29 "));
}

#[test]
fn a_flag_that_only_the_first_try_ran_with_is_told() {
    let home = tempfile::tempdir().unwrap();
    let retry = json!({"retry": {"exit": 0, "demoted": ["a.c:1:1: error: x [-Werror=x]"]}});
    let record = Record::new().call("01", &json!({"argv": ["cc", "-Werror", "-O2"]}), &retry);
    record.call("02", &json!({"argv": ["cc", "-Werror", "-O2"]}), &json!({})).write(home.path());
    assert_eq!(answer(home.path(), "-Werror")["second_try"], json!({"count": 1, "first": ["01"]}));
    assert_eq!(answer(home.path(), "-O2")["second_try"]["count"], 0);
    let (_, stdout, _) = why(home.path(), &["-Werror", "."]);
    assert!(stdout.contains("left out of the second try of 1 call, which failed by it"), "{stdout}");
}
