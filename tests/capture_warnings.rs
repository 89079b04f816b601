//! Compiler warnings of a build: read from what real compilers print, each told once, with its calls and the policy
//! that let it pass.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;
mod shop;

use std::path::Path;
use std::process::Command;

use crosswheel::capture::Log;
use crosswheel::capture::diagnostics::{self, Diagnostic, Severity};
use crosswheel::capture::export::sarif;
use crosswheel::capture::warnings::{self, Passed, Warning};
use records::Record;
use serde_json::{Value, json};
use shop::{Shop, said};
use tempfile::TempDir;

/// A source and a header with faults of several sorts.
const SOURCE: &str = "#include \"odd name.h\"\n#warning by hand\nint f(void) {\n\tint unused;\n    return g(1) + 1 == 2u;\n}\n\
                      int h(int x) { if (x = 1) return 2; }\nint broken = ;\n";
const HEADER: &str = "static int never(unsigned a, int b) { return a < b; }\n";

fn write_sources(folder: &Path) {
    std::fs::write(folder.join("a.c"), SOURCE).unwrap();
    std::fs::write(folder.join("odd name.h"), HEADER).unwrap();
}

fn stderr(folder: &Path, compiler: &str, more: &[&str]) -> String {
    let mut command = Command::new(compiler);
    command
        .args(["-Wall", "-Wextra", "-std=c89", "-c", "a.c", "-o", "a.o"])
        .args(more)
        .env("LC_ALL", "C.UTF-8");
    let out = command.current_dir(folder).output().unwrap();
    String::from_utf8(out.stderr).unwrap()
}

fn read(text: &str) -> Vec<Diagnostic> {
    text.lines().filter_map(|line| diagnostics::read(&diagnostics::plain(line.as_bytes()))).collect()
}

/// What GCC says of itself in JSON, as the text should be read.
fn by_json(value: &Value) -> Diagnostic {
    let caret = &value["locations"][0]["caret"];
    let number = |key: &str| caret[key].as_u64().map(|number| u32::try_from(number).unwrap());
    let option = value["option"].as_str();
    let promoted = option.is_some_and(|option| option.starts_with("-Werror"));
    let severity = match value["kind"].as_str().unwrap() {
        _ if promoted => Severity::Promoted,
        "warning" => Severity::Warning,
        _ => Severity::Error,
    };
    Diagnostic {
        file: caret["file"].as_str().map(|file| file.as_bytes().to_vec()),
        line: number("line"),
        column: number("column"),
        severity,
        message: value["message"].as_str().unwrap().to_owned(),
        flag: option.map(|option| option.replacen("-Werror=", "-W", 1)),
    }
}

#[test]
fn what_gcc_prints_is_read_as_what_it_says_in_json() {
    let home = tempfile::tempdir().unwrap();
    write_sources(home.path());
    for policy in [&[][..], &["-Werror"], &["-Werror=unused-variable"], &["-fdiagnostics-color=always"]] {
        let text = stderr(home.path(), "gcc", policy);
        let lines = stderr(home.path(), "gcc", &[policy, &["-fdiagnostics-format=json"]].concat());
        let json: Vec<Value> =
            serde_json::from_str(lines.lines().find(|line| line.starts_with('[')).unwrap()).unwrap();
        let expected: Vec<Diagnostic> = json.iter().map(by_json).collect();
        assert!(expected.len() > 5, "{expected:?}");
        let found = read(&text);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn what_clang_prints_is_read_alike_in_each_of_its_ways() {
    let home = tempfile::tempdir().unwrap();
    write_sources(home.path());
    let plain = read(&stderr(home.path(), "clang", &[]));
    let told = |severity, flag: &str, line| {
        plain.iter().any(|one| {
            (one.severity, one.flag.as_deref().unwrap_or_default(), one.line) == (severity, flag, Some(line))
        })
    };
    assert!(told(Severity::Warning, "-Wunused-variable", 4), "{plain:?}");
    assert!(told(Severity::Warning, "-W#warnings", 2), "{plain:?}");
    assert!(told(Severity::Error, "", 8), "{plain:?}");
    assert!(plain.iter().any(|one| one.file.as_deref() == Some(b"./odd name.h")), "{plain:?}");
    assert_eq!(read(&stderr(home.path(), "clang", &["-fcolor-diagnostics"])), plain);
    // An error has no flag; its category stays behind its message.
    let flagged =
        |all: &[Diagnostic]| all.iter().filter(|one| one.flag.is_some()).cloned().collect::<Vec<_>>();
    let with_categories = read(&stderr(home.path(), "clang", &["-fdiagnostics-show-category=name"]));
    assert_eq!(flagged(&with_categories), flagged(&plain));
    let promoted = read(&stderr(home.path(), "clang", &["-Werror"]));
    let calm = |one: &Diagnostic| Diagnostic {
        severity: if one.severity == Severity::Promoted { Severity::Warning } else { one.severity },
        ..one.clone()
    };
    assert_eq!(promoted.iter().map(calm).collect::<Vec<_>>(), plain);
    assert!(promoted.iter().any(|one| one.severity == Severity::Promoted));
}

/// A log in a folder of its own.
struct Logged {
    log: Log,
    _home: TempDir,
}

impl std::ops::Deref for Logged {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

/// Opens a record, with what its build printed.
fn log(record: &Record, output: &str) -> Logged {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("backend.log"), output).unwrap();
    Logged { log: Log::open(&record.write(home.path())).unwrap(), _home: home }
}

/// File, line, calls, how often, why it passed.
fn told(log: &Log) -> Vec<String> {
    let one = |warning: Warning| {
        let file = warning.file.map_or("-".into(), |file| file.display().to_string());
        let calls: Vec<&str> = warning.calls.iter().map(|at| log.calls[*at].id.as_str()).collect();
        let line = warning.line.unwrap_or_default();
        format!("{file}:{line} {} {}x {:?}", calls.join("+"), warning.seen, warning.passed)
    };
    warnings::all(log).unwrap().into_iter().map(one).collect()
}

fn compile(record: Record, id: &str, source: &str, output: &str) -> Record {
    record.call(
        id,
        &json!({"in": [source], "out": [output], "argv": ["cc", "-c", source, "-o", output]}),
        &json!({}),
    )
}

#[test]
fn a_warning_belongs_to_the_call_that_compiles_its_source() {
    let record = compile(compile(Record::new(), "01", "a.c", "a.o"), "02", "../b.c", "b.o");
    let output =
        "gcc -c a.c -o a.o\n../b.c:3:5: warning: odd [-Wodd]\nsrc/other.c:1:1: warning: odd [-Wodd]\n";
    assert_eq!(told(&log(&record, output)), ["/w/b.c:3 02 1x Warned", "/w/src/src/other.c:1 02 1x Warned"]);
}

#[test]
fn a_headers_warning_seen_in_many_units_is_one_with_all_their_calls() {
    let record = compile(compile(Record::new(), "01", "a.c", "a.o"), "02", "b.c", "b.o");
    let of = |source: &str| {
        format!(
            "In file included from x.h:1,\n                 from {source}:2:\ny.h:7:1: warning: odd [-Wodd]\n"
        )
    };
    let output = of("a.c") + &of("b.c") + "y.h:9:1: warning: more [-Wodd]\n";
    assert_eq!(told(&log(&record, &output)), ["/w/src/y.h:7 01+02 2x Warned", "/w/src/y.h:9 02 1x Warned"]);
}

#[test]
fn where_compilers_write_at_once_no_call_is_left_out_that_may_have_said_it() {
    let record = compile(compile(Record::new(), "01", "a.c", "a.o"), "02", "b.c", "b.o");
    let record = compile(record, "03", "c.c", "c.o");
    let (at, y) =
        (|source: &str| format!("In file included from {source}:1:\n"), "y.h:7:1: warning: odd [-Wodd]\n");
    // GCC writes the line ahead and the diagnostic one after the other, each whole.
    let mixed = at("a.c") + &at("b.c") + y;
    assert_eq!(told(&log(&record, &mixed)), ["/w/src/y.h:7 01+02 1x Warned"]);
    let between = at("a.c") + "b.c:3:5: warning: odd [-Wodd]\n" + y;
    assert_eq!(told(&log(&record, &between)), ["/w/src/b.c:3 02 1x Warned", "/w/src/y.h:7 01 1x Warned"]);
    let functions = "a.c: In function 'f':\nb.c: In function 'g':\na.c:3:5: warning: odd [-Wodd]\nb.c:3:5: warning: odd [-Wodd]\n";
    let after = functions.to_owned() + &at("c.c") + y;
    assert_eq!(told(&log(&record, &after))[2], "/w/src/y.h:7 03 1x Warned");
    // One after the other, each is its own; clang announces notes too.
    let noted = at("a.c") + "y.h:2:1: note: expanded from macro\n" + &at("c.c") + y;
    assert_eq!(told(&log(&record, &noted)), ["/w/src/y.h:7 03 1x Warned"]);
    let whole = "a.c: In function 'f':\na.c:3:5: warning: odd [-Wodd]\n".to_owned() + &at("b.c") + y;
    assert_eq!(told(&log(&record, &whole)), ["/w/src/a.c:3 01 1x Warned", "/w/src/y.h:7 02 1x Warned"]);
}

#[test]
fn of_two_compiles_of_a_source_the_one_is_meant_that_the_build_named_last() {
    let record = compile(compile(Record::new(), "01", "a.c", ".libs/a.o"), "02", "a.c", "a.o");
    let warning = "a.c:1:1: warning: odd [-Wodd]\n";
    let first = format!("gcc -c a.c -fPIC -o .libs/a.o\n{warning}");
    assert_eq!(told(&log(&record, &first)), ["/w/src/a.c:1 01 1x Warned"]);
    let ninja = format!("[1/2] Compiling C object a.o\n{warning}");
    assert_eq!(told(&log(&record, &ninja)), ["/w/src/a.c:1 02 1x Warned"]);
    // Which of them is meant is not known; it was given once.
    assert_eq!(told(&log(&record, warning)), ["/w/src/a.c:1 01+02 1x Warned"]);
}

#[test]
fn of_sources_of_one_name_that_is_meant_whose_folder_make_is_in() {
    let unit = |folder: &str| json!({"cwd": folder, "in": ["util.c"], "out": ["util.o"]});
    let record =
        Record::new().call("01", &unit("/w/lib"), &json!({})).call("02", &unit("/w/src"), &json!({}));
    let warning = "util.c:1:1: warning: odd [-Wodd]\n";
    let inside = |folder: &str| {
        let say = |what: &str| format!("make[1]: {what} directory '{folder}'\n");
        say("Entering") + "cc -c util.c -o util.o\n" + warning + &say("Leaving")
    };
    let output = inside("/w/src") + &inside("/w/lib");
    let expected = ["/w/lib/util.c:1 01 1x Warned", "/w/src/util.c:1 02 1x Warned"];
    assert_eq!(told(&log(&record, &output)), expected);
    // Where nobody says, no folder is guessed.
    assert_eq!(told(&log(&record, warning)), ["util.c:1 01+02 1x Warned"]);
}

#[test]
fn what_a_probe_or_another_program_says_is_left_out() {
    let record = Record::new().call("01", &json!({"probe": "conftest", "in": ["conftest.c"]}), &json!({}));
    let output = "conftest.c:1:1: warning: odd [-Wodd]\nsetup.py: warning: no license\nUserWarning: odd\n";
    assert_eq!(told(&log(&record, output)), [] as [String; 0]);
}

#[test]
fn the_policy_that_let_a_warning_pass_is_told() {
    let dropped = |file: &str, before: &str, after: &[&str]| {
        let edit = json!({"rule": "werror-drop", "why": "", "at": 1, "before": [before], "after": after});
        let run = [&["/usr/bin/gcc"], after].concat();
        json!({"in": [file], "argv": ["cc", before], "run": run, "edits": [edit]})
    };
    let line = |file: &str| format!("{file}:1:1: error: odd [-Werror=odd]");
    let record = Record::new()
        .call("01", &dropped("1.c", "-Werror", &[]), &json!({}))
        .call("02", &dropped("2.c", "-Werror=odd", &["-Wodd"]), &json!({}))
        .call("03", &dropped("3.c", "-Werror=else", &["-Welse"]), &json!({}))
        .call("04", &json!({"in": ["4.c"]}), &json!({"retry": {"exit": 0, "demoted": [line("4.c")]}}))
        .call(
            "05",
            &json!({"in": ["5.c"]}),
            &json!({"exit": 1, "retry": {"exit": 1, "demoted": [line("5.c")]}}),
        )
        .call("06", &json!({"in": ["6.c"]}), &json!({"exit": 1}));
    let line = |n: u32| format!("{n}.c:1:1: warning: odd [-Wodd]\n");
    let mut output = [1, 2, 3, 4].map(line).concat();
    output += "6.c:1:1: error: broken\n";
    let expected = [
        "1.c:1 01 1x Dropped",
        "2.c:1 02 1x Dropped",
        "3.c:1 03 1x Warned",
        "4.c:1 04 1x Demoted",
        "5.c:1 05 1x Failed",
        "6.c:1 06 1x Failed",
    ];
    assert_eq!(told(&log(&record, &output)), expected.map(|one| format!("/w/src/{one}")));
}

#[test]
fn what_only_the_second_try_says_would_have_stopped_the_first_too() {
    // With errors about, gcc keeps some warnings back; the second try gives them.
    let call = |argv: &[&str]| json!({"in": ["a.c"], "argv": argv});
    let retry = json!({"retry": {"exit": 0, "demoted": ["a.c:1:1: error: odd [-Werror=odd]"]}});
    let output = "a.c:1:1: warning: odd [-Wodd]\na.c:2:1: warning: more [-Wmore=]\n";
    for (policy, more) in [
        (&["cc", "-Werror"][..], "Demoted"),
        (&["cc", "-Werror=more", "-Wno-error"], "Demoted"),
        (&["cc", "-Werror", "-Wno-error=more"], "Warned"),
        (&["cc", "-Werror=odd"], "Warned"),
    ] {
        let record = Record::new().call("01", &call(policy), &retry);
        let expected = ["/w/src/a.c:1 01 1x Demoted".to_owned(), format!("/w/src/a.c:2 01 1x {more}")];
        assert_eq!(told(&log(&record, output)), expected, "{policy:?}");
    }
}

#[test]
fn a_line_of_a_form_that_is_not_known_is_told_as_it_is() {
    let record =
        Record::new().call("01", &json!({}), &json!({"retry": {"exit": 0, "demoted": ["odd [-Werror=x]"]}}));
    let found = warnings::all(&log(&record, "")).unwrap();
    assert_eq!((found[0].message.as_str(), found[0].passed), ("odd [-Werror=x]", Passed::Demoted));
}

const SYSTEM: &str = "/usr/bin:/bin";

/// A build under the policy `demote` with three warnings that are errors: one in a header, one of them twice.
fn demoted() -> Shop {
    let shop = Shop::new();
    std::fs::write(shop.at("x.h"), "static int never(void) { return 1; }\n").unwrap();
    std::fs::write(shop.at("a.c"), "#include \"x.h\"\nint a(void) { int i; return 0; }\n").unwrap();
    std::fs::write(shop.at("b.c"), "#include \"x.h\"\nint b(void) { return 0; }\n").unwrap();
    std::fs::write(shop.at("c.c"), "int c(void) { return 0 }\n").unwrap();
    let script = "gcc -Wall -Werror -c a.c -o a.o; gcc -Wall -Werror -c b.c -o b.o; clang -Wall -Werror -c a.c -o c.o;\
                  gcc -Wall -Werror -c c.c -o d.o; true";
    shop.done(
        SYSTEM,
        &["run", "--quiet", "--family", "host", "--werror", "demote", "--", "sh", "-c", script],
    );
    shop
}

#[test]
fn the_werror_report_tells_each_warning_once_under_its_flag() {
    let shop = demoted();
    let report = shop.done(SYSTEM, &["log", "werror", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!((&report["policy"], &report["stopped"]), (&json!("demote"), &json!([])));
    let found: Vec<_> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let file = one["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (
                file,
                one["line"].as_u64(),
                one["flag"].as_str().unwrap().to_owned(),
                one["calls"].as_array().unwrap().len(),
            )
        })
        .collect();
    let one = |file: &str, line, flag: &str, calls| (file.to_owned(), Some(line), flag.to_owned(), calls);
    // gcc warns in a.c and in the header by a.c and b.c; clang in a.c, where both say the same.
    assert_eq!(found, [one("a.c", 2, "-Wunused-variable", 2), one("x.h", 1, "-Wunused-function", 2)]);

    let text = String::from_utf8(shop.done(SYSTEM, &["log", "werror"]).stdout).unwrap();
    assert!(text.contains("\n-Wunused-function  1 warning\n  x.h:1:12  "), "{text}");
}

#[test]
fn without_the_policy_the_werror_report_says_that_there_is_nothing() {
    let home = tempfile::tempdir().unwrap();
    Record::new().write(home.path());
    let report = || {
        Command::new(env!("CARGO_BIN_EXE_crosswheel"))
            .args(["log", "werror"])
            .arg(home.path())
            .output()
            .unwrap()
    };
    assert_eq!(report().stdout, b"nothing was demoted: the policy on -Werror was `keep`\n");
    Record::of(&json!({"werror": "demote"})).write(home.path());
    assert_eq!(
        (report().status.code(), &report().stdout[..]),
        (Some(0), &b"no call failed under -Werror\n"[..])
    );
}

#[test]
fn a_terminal_is_sent_no_control_characters_of_a_message() {
    let home = tempfile::tempdir().unwrap();
    let line = "a\u{7}.c:1:2: error: x\u{1b}[31my\u{7} [-Werror=odd]";
    Record::new()
        .call("01", &json!({}), &json!({"retry": {"exit": 0, "demoted": [line]}}))
        .write(home.path());
    let out = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["log", "werror"])
        .arg(home.path())
        .output()
        .unwrap();
    assert!(!out.stdout.contains(&7) && !out.stdout.contains(&0x1b), "{out:?}");
}

#[test]
fn sarif_names_rule_place_call_and_policy() {
    let shop = demoted();
    let done = shop.done(SYSTEM, &["log", "export", "--format", "sarif"]);
    // `run` keeps no output, and a partial answer says so.
    assert!(
        said(&done).contains("was not kept") && said(&done).contains("--printed FILE"),
        "{}",
        said(&done)
    );
    let sarif: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        assert_eq!(
            (&result["level"], &result["properties"]["passedBy"]),
            (&json!("warning"), &json!("demote"))
        );
        let place = &result["locations"][0]["physicalLocation"];
        let artifact = &place["artifactLocation"];
        assert!(["a.c", "x.h"].contains(&artifact["uri"].as_str().unwrap()), "{place}");
        let base =
            run["originalUriBaseIds"][artifact["uriBaseId"].as_str().unwrap()]["uri"].as_str().unwrap();
        assert_eq!(base, format!("file://{}/", shop.at("").canonicalize().unwrap().display()));
        assert!(
            place["region"]["startLine"].as_u64().unwrap() > 0 && place["region"]["startColumn"].is_u64(),
            "{place}"
        );
        let calls = result["properties"]["calls"].as_array().unwrap();
        assert_eq!(result["occurrenceCount"], calls.len());
        for call in calls {
            let shown = shop.run(SYSTEM, &["log", "show", call.as_str().unwrap()]);
            assert!(shown.status.success(), "{}", said(&shown));
        }
    }
}

#[test]
fn an_error_is_an_error_in_sarif_and_one_about_the_command_line_has_no_place() {
    let record = compile(Record::new(), "01", "a b.c", "a.o");
    let output = "a b.c:3:1: error: broken\ncc1plus: warning: option for C [-Wodd]\n";
    let sarif: Value = serde_json::from_str(&sarif::render(&log(&record, output)).unwrap()).unwrap();
    let results = &sarif["runs"][0]["results"];
    assert_eq!((&results[0]["ruleId"], results[0].get("locations")), (&json!("-Wodd"), None));
    assert_eq!((&results[1]["level"], &results[1]["ruleId"]), (&json!("error"), &json!("error")));
    let place = &results[1]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"], json!({"uri": "a%20b.c", "uriBaseId": "%SRCROOT%"}));
}

#[test]
fn sarif_names_files_from_the_folder_that_holds_all_sources() {
    let unit = |folder: &str, source: &str| json!({"cwd": folder, "in": [source], "out": ["x.o"]});
    let of = |record: &Record, output: &str| -> Value {
        let sarif: Value = serde_json::from_str(&sarif::render(&log(record, output)).unwrap()).unwrap();
        sarif["runs"][0].clone()
    };
    let record = Record::new()
        .call("01", &unit("/w/tree one/build", "../src/a.c"), &json!({}))
        // A probe is made anywhere.
        .call("02", &json!({"cwd": "/tmp/x", "in": ["conftest.c"], "probe": "conftest"}), &json!({}));
    let run =
        of(&record, "../src/a.c:1:1: warning: odd [-Wodd]\n/usr/include/b.h:1:1: warning: odd [-Wodd]\n");
    assert_eq!(run["originalUriBaseIds"], json!({"%SRCROOT%": {"uri": "file:///w/tree%20one/"}}));
    let places: Vec<&Value> = (0..2)
        .map(|at| &run["results"][at]["locations"][0]["physicalLocation"]["artifactLocation"])
        .collect();
    let inside = json!({"uri": "src/a.c", "uriBaseId": "%SRCROOT%"});
    assert_eq!(places, [&json!({"uri": "file:///usr/include/b.h"}), &inside]);

    // Folders with nothing in common have no base.
    let record = record.call("03", &unit("/elsewhere", "b.c"), &json!({}));
    let run = of(&record, "../src/a.c:1:1: warning: odd [-Wodd]\n");
    assert_eq!(run.get("originalUriBaseIds"), None);
    let artifact = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(artifact, &json!({"uri": "file:///w/tree%20one/src/a.c"}));
}

#[test]
fn what_a_build_by_hand_printed_can_be_named() {
    let home = tempfile::tempdir().unwrap();
    compile(Record::new(), "01", "a.c", "a.o").write(home.path());
    std::fs::write(home.path().join("out.txt"), "a.c:1:1: warning: odd [-Wodd]\n").unwrap();
    let export = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.args(["log", "export", "."]).args(more).current_dir(home.path());
        command.output().unwrap()
    };
    let done = export(&["--format", "sarif", "--printed", "out.txt"]);
    assert!(done.status.success() && done.stderr.is_empty(), "{}", said(&done));
    let sarif: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "-Wodd");
    let page = export(&["--format", "html", "--printed", "out.txt"]);
    assert!(String::from_utf8(page.stdout).unwrap().contains("\"-Wodd\""));
    for wrong in
        [["--format", "sarif", "--printed", "none"], ["--format", "perfetto", "--printed", "out.txt"]]
    {
        let done = export(&wrong);
        assert!(!done.status.success() && done.stdout.is_empty(), "{wrong:?}: {}", said(&done));
    }
}
