//! Questions about a record: what failed, what was made, which calls.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use std::path::Path;
use std::time::{Duration, SystemTime};

use crosswheel::capture::glob::Glob;
use crosswheel::capture::{Filter, Log, place};
use crosswheel::error::Exit;
use crosswheel_shim::plan::Kind;
use records::Record;
use serde_json::json;

fn log(record: &Record) -> Log {
    let folder = tempfile::tempdir().unwrap();
    Log::open(&record.write(folder.path())).unwrap()
}

fn failed(record: &Record) -> Vec<String> {
    log(record).failed_work().iter().map(|call| call.id.clone()).collect()
}

fn selected(log: &Log, filter: &Filter) -> Vec<String> {
    log.select(filter).iter().map(|call| call.id.clone()).collect()
}

#[test]
fn counts_are_sums_over_the_calls() {
    let edit = |rule: &str, before: &str, after: &str| json!({"rule": rule, "why": "", "at": 1, "before": [before], "after": [after]});
    let record = Record::new()
        .call(
            "01",
            &json!({"edits": [edit("march", "a", "b"), edit("march", "c", "d"), edit("higher", "x", "x")]}),
            &json!({}),
        )
        .call("02", &json!({"probe": "conftest"}), &json!({"exit": 1}))
        .begin("03", &json!({"kind": "link"}))
        .call("04", &json!({"kind": "link", "parent": "03"}), &json!({"exit": 1}))
        .end("03", &json!({"exit": 1}))
        .call("05", &json!({}), &json!({"retry": {"exit": 0, "demoted": ["a", "b"]}}))
        .call("06", &json!({}), &json!({"exit": 1, "retry": {"exit": 1, "demoted": ["c"]}}))
        .begin("07", &json!({"kind": "query"}));
    let counts = log(&record).counts();
    assert_eq!((counts.calls, counts.nested, counts.probes, counts.in_flight), (7, 1, 1, 1));
    assert_eq!((counts.failed, counts.failed_probes), (3, 1));
    assert_eq!((counts.demoted_calls, counts.demoted), (1, 2));
    assert_eq!(counts.edits.into_iter().collect::<Vec<_>>(), [("march".to_owned(), 2)]);
    assert_eq!(counts.notes.into_iter().collect::<Vec<_>>(), [("higher".to_owned(), 1)]);
    let kinds: Vec<_> = counts.kinds.into_iter().collect();
    assert_eq!(kinds, [(Kind::Query, 1), (Kind::Compile, 4), (Kind::Link, 2)]);
    assert_eq!(counts.cpu, 5 * 4000);
}

#[test]
fn a_failed_compile_is_failed_work() {
    assert_eq!(failed(&Record::new().call("01", &json!({}), &json!({"exit": 1}))), ["01"]);
}

#[test]
fn a_failed_probe_query_or_preprocessing_is_not() {
    let record = Record::new()
        .call("01", &json!({"probe": "conftest"}), &json!({"exit": 1}))
        .call("02", &json!({"kind": "query"}), &json!({"exit": 1}))
        .call("03", &json!({"kind": "preprocess"}), &json!({"exit": 1}))
        .begin("04", &json!({}));
    assert!(failed(&record).is_empty());
}

#[test]
fn failed_work_that_a_later_call_made_good_is_not() {
    // The later call names the same file from another folder.
    let good = json!({"cwd": "/w", "out": ["src/../src/./a.o"]});
    let record = Record::new().call("01", &json!({}), &json!({"exit": 1})).call("02", &good, &json!({}));
    assert!(failed(&record).is_empty());
}

#[test]
fn failed_work_after_a_success_or_with_another_output_stays() {
    let before = Record::new().call("01", &json!({}), &json!({})).call("02", &json!({}), &json!({"exit": 1}));
    assert_eq!(failed(&before), ["02"]);
    let other = Record::new().call("01", &json!({}), &json!({"exit": 1})).call(
        "02",
        &json!({"cwd": "/x"}),
        &json!({}),
    );
    assert_eq!(failed(&other), ["01"]);
    let part = Record::new().call("01", &json!({"out": ["a.o", "a.gcno"]}), &json!({"exit": 1})).call(
        "02",
        &json!({}),
        &json!({}),
    );
    assert_eq!(failed(&part), ["01"]);
}

#[test]
fn a_failure_inside_of_another_call_is_that_ones_affair() {
    let inside = json!({"kind": "link", "tool": "ld", "parent": "01", "out": ["x.so"]});
    let link = json!({"kind": "link", "out": ["x.so"]});
    let both = Record::new()
        .begin("01", &link)
        .call("02", &inside, &json!({"exit": 1}))
        .end("01", &json!({"exit": 1}));
    assert_eq!(failed(&both), ["01"]);
    // A shimmed cmake is no such call: what fails in it is work.
    let cmake = json!({"kind": "other", "tool": "cmake", "in": [], "out": []});
    let below =
        Record::new().begin("01", &cmake).call("02", &inside, &json!({"exit": 1})).end("01", &json!({}));
    assert_eq!(failed(&below), ["02"]);
}

#[test]
fn refused_and_killed_calls_and_those_that_did_not_start_are_failed_work() {
    let record = Record::new()
        .begin("01", &json!({"disp": "refused", "error": "no", "out": ["1.o"]}))
        .call("02", &json!({"out": ["2.o"]}), &json!({"exit": null, "signal": 11}))
        .call("03", &json!({"out": ["3.o"]}), &json!({"exit": null, "error": "no such file"}));
    assert_eq!(failed(&record), ["01", "02", "03"]);
}

#[test]
fn a_call_is_found_by_the_beginning_of_its_id() {
    let log =
        log(&Record::new().begin("ab12", &json!({})).begin("ab34", &json!({})).begin("cd00", &json!({})));
    assert_eq!(log.find("c").unwrap().id, "cd00");
    assert_eq!(log.find("ab34").unwrap().id, "ab34");
    let many = log.find("ab").unwrap_err();
    assert_eq!(many.exit, Exit::Usage);
    assert_eq!(many.message, "2 calls begin with `ab`");
    assert_eq!(many.hint.as_deref(), Some("give more digits: ab12, ab34"));
    assert!(log.find("x").unwrap_err().message.starts_with("no call begins with `x`"));
}

#[test]
fn calls_are_chosen_by_kind_outcome_probe_rule_and_file() {
    let edit = json!([{"rule": "march", "why": "", "at": 1, "before": [], "after": ["x"]}]);
    let log = log(&Record::new()
        .call("01", &json!({"edits": edit}), &json!({"dur": 5}))
        .call(
            "02",
            &json!({"kind": "link", "in": ["a.o", "sub/b.o"], "out": ["lib/x.so"]}),
            &json!({"dur": 9, "exit": 1}),
        )
        .call("03", &json!({"probe": "conftest", "in": ["conftest.c"], "out": []}), &json!({"dur": 7})));
    let all = Filter::default();
    assert_eq!(selected(&log, &all), ["01", "02", "03"]);
    assert_eq!(selected(&log, &Filter { kinds: vec![Kind::Link], ..all.clone() }), ["02"]);
    assert_eq!(selected(&log, &Filter { failed: true, ..all.clone() }), ["02"]);
    assert_eq!(selected(&log, &Filter { probe: Some(true), ..all.clone() }), ["03"]);
    assert_eq!(selected(&log, &Filter { probe: Some(false), ..all.clone() }), ["01", "02"]);
    assert_eq!(selected(&log, &Filter { rule: Some("march".into()), ..all.clone() }), ["01"]);
    assert_eq!(selected(&log, &Filter { slowest: Some(2), ..all.clone() }), ["02", "03"]);
    for (pattern, found) in [("*.so", "02"), ("lib/x.so", "02"), ("/w/src/a.o", "01")] {
        let output = Some(Glob::new(pattern.as_bytes()));
        assert_eq!(selected(&log, &Filter { output, ..all.clone() }), [found], "{pattern}");
    }
    let source = Some(Glob::new(b"*.c"));
    assert_eq!(selected(&log, &Filter { source, probe: Some(false), ..all }), ["01"]);
}

#[test]
fn a_record_is_found_in_the_folder_of_a_log_a_family_or_a_build() {
    let home = tempfile::tempdir().unwrap();
    let path = Record::new().write(&home.path().join("out/x86-64-v3/log"));
    for name in ["out/x86-64-v3/log/record.jsonl", "out/x86-64-v3/log", "out/x86-64-v3", "out"] {
        assert_eq!(place::at(&home.path().join(name)).unwrap(), path, "{name}");
    }
}

#[test]
fn several_records_in_a_folder_are_listed_and_none_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let [first, second] =
        ["v2", "v3"].map(|family| Record::new().write(&home.path().join(family).join("log")));
    let error = place::at(home.path()).unwrap_err();
    assert_eq!(error.exit, Exit::Usage);
    assert_eq!(error.hint, Some(format!("name one of them: {}, {}", first.display(), second.display())));
}

#[test]
fn a_folder_without_a_record_is_named() {
    let home = tempfile::tempdir().unwrap();
    let error = place::at(home.path()).unwrap_err();
    assert!(error.message.contains(&home.path().display().to_string()), "{error}");
}

#[test]
fn the_newest_session_at_or_above_a_folder_is_the_default() {
    let home = tempfile::tempdir().unwrap();
    let age = |path: &Path, seconds| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    };
    let old = Record::new().write(&home.path().join(".crosswheel/a"));
    let new = Record::new().write(&home.path().join(".crosswheel/b"));
    age(&old, 2000);
    age(&new, 1000);
    let below = home.path().join("src/deep");
    std::fs::create_dir_all(below.join(".crosswheel/empty")).unwrap();
    assert_eq!(place::newest(&below).unwrap(), old);
    age(&new, 3000);
    assert_eq!(place::newest(&below).unwrap(), new);
    let nearer = Record::new().write(&home.path().join("src/.crosswheel/c"));
    assert_eq!(place::newest(&below).unwrap(), nearer);
}
