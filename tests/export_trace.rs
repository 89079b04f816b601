//! `crosswheel log export --format perfetto`: lanes that never overlap, and what clang says of its own time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;
mod shop;

use std::collections::BTreeMap;
use std::process::Command;

use crosswheel::capture::Log;
use crosswheel::capture::export::trace;
use crosswheel::capture::lanes::Lanes;
use proptest::prelude::*;
use records::Record;
use serde_json::{Value, json};
use shop::Shop;

fn log(record: &Record) -> Log {
    let home = tempfile::tempdir().unwrap();
    Log::open(&record.write(home.path())).unwrap()
}

fn events(record: &Record) -> Vec<Value> {
    checked(&trace::render(&log(record)).unwrap())
}

/// The events of a trace that holds to the format: each has what its phase asks for, and the slices of a thread lie
/// beside or inside of one another.
fn checked(text: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let mut open: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for event in events {
        assert!(event["pid"].is_u64() && event["name"].is_string(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => assert!(event["args"].is_object(), "{event}"),
            "C" => assert!(event["ts"].is_u64() && event["args"]["jobs"].is_u64(), "{event}"),
            "X" => {
                let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key}: {event}"));
                let (start, end) = (number("ts"), number("ts") + number("dur"));
                let around = open.entry(number("tid")).or_default();
                while around.last().is_some_and(|(_, until)| *until <= start) {
                    around.pop();
                }
                if let Some((from, until)) = around.last() {
                    assert!(*from <= start && end <= *until, "{event} sticks out of {from} to {until}");
                }
                around.push((start, end));
            }
            other => panic!("an event of phase {other}"),
        }
    }
    events.clone()
}

fn slices(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["ph"] == "X").collect()
}

/// A call from `start` for `length`, in milliseconds since the session began.
fn timed(record: Record, id: &str, start: u64, length: u64, fields: &Value) -> Record {
    let nanos = |ms: u64| 1_000_000_000 + ms * 1_000_000;
    let mut fields = fields.clone();
    fields["t"] = json!(nanos(start));
    record.call(id, &fields, &json!({"t": nanos(start + length), "dur": length * 1_000_000}))
}

#[test]
fn a_call_is_a_slice_with_its_facts() {
    let record =
        timed(Record::new(), "ab", 5, 20, &json!({"edits": [{"rule": "r", "before": [], "after": ["x"]}]}));
    let events = events(&record);
    let slice = slices(&events)[0];
    assert_eq!((&slice["ts"], &slice["dur"]), (&json!(5000), &json!(20000)));
    assert_eq!((&slice["name"], &slice["cat"]), (&json!("cc a.o"), &json!("compile")));
    for (key, value) in
        [("id", json!("ab")), ("outcome", json!("ok")), ("edits", json!(1)), ("cwd", json!("/w/src"))]
    {
        assert_eq!(slice["args"][key], value, "{key}");
    }
}

#[test]
fn calls_at_the_same_time_have_lanes_of_their_own_and_a_free_lane_is_taken_again() {
    let record = [("01", 0, 30), ("02", 10, 10), ("03", 20, 5), ("04", 30, 1)]
        .into_iter()
        .fold(Record::new(), |record, (id, start, length)| timed(record, id, start, length, &json!({})));
    let events = events(&record);
    let lanes: Vec<_> = slices(&events).iter().map(|slice| slice["tid"].as_u64().unwrap()).collect();
    assert_eq!(lanes, [1, 2, 2, 1]);
    let names: Vec<_> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| &event["args"]["name"])
        .collect();
    assert_eq!(names, ["job 1", "job 2"]);
    let jobs: Vec<_> = events
        .iter()
        .filter(|event| event["ph"] == "C")
        .map(|event| (event["ts"].as_u64().unwrap() / 1000, event["args"]["jobs"].as_u64().unwrap()))
        .collect();
    assert_eq!(jobs, [(0, 1), (10, 2), (20, 2), (25, 1), (30, 1), (31, 0)]);
}

#[test]
fn a_call_inside_of_a_link_lies_in_its_lane_and_one_that_only_claims_to_does_not() {
    let record = timed(Record::new(), "01", 0, 30, &json!({"kind": "link"}));
    let record = timed(record, "02", 10, 10, &json!({"kind": "link", "tool": "ld", "parent": "01"}));
    let record = timed(record, "03", 25, 10, &json!({"parent": "01"}));
    let record = timed(record, "04", 50, 10, &json!({"parent": "01"}));
    let lanes = Lanes::of(&log(&record));
    let spans: Vec<_> = lanes.spans.iter().map(|span| (span.lane, span.inside)).collect();
    assert_eq!(spans, [(0, false), (0, true), (1, false), (0, false)]);
    assert_eq!(lanes.count, 2);
}

#[test]
fn a_call_that_began_with_the_link_that_made_it_and_outlived_it_is_beside_it() {
    let record = timed(Record::new(), "01", 5, 1, &json!({"kind": "link"}));
    let record = timed(record, "02", 5, 3, &json!({"parent": "01"}));
    let spans = Lanes::of(&log(&record)).spans;
    assert_eq!(
        spans.iter().map(|span| (span.lane, span.inside)).collect::<Vec<_>>(),
        [(1, false), (0, false)]
    );
}

#[test]
fn what_a_build_tool_runs_has_lanes_beside_it() {
    let record = timed(Record::new(), "01", 0, 30, &json!({"kind": "other", "tool": "cmake"}));
    let record = timed(record, "02", 10, 10, &json!({"parent": "01"}));
    let record = timed(record, "03", 12, 10, &json!({"parent": "01"}));
    let lanes: Vec<_> = Lanes::of(&log(&record)).spans.iter().map(|span| span.lane).collect();
    assert_eq!(lanes, [0, 1, 2]);
}

#[test]
fn a_call_in_flight_lasts_to_the_end_of_the_record() {
    let begin = json!({"t": 1_010_000_000_u64});
    let record = timed(Record::new().begin("01", &begin), "02", 20, 30, &json!({}));
    let events = events(&record);
    let slices = slices(&events);
    assert_eq!(slices[0]["dur"], json!(40_000));
    assert_eq!(slices[0]["args"]["outcome"], "in flight");
}

#[test]
fn a_record_without_calls_is_a_trace_without_slices() {
    assert_eq!(slices(&events(&Record::new())).len(), 0);
}

#[test]
fn a_clock_that_was_set_back_is_no_fault() {
    let record = Record::new().call("01", &json!({"t": 5}), &json!({"t": 4, "dur": 0}));
    assert_eq!(slices(&events(&record)).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn lanes_never_overlap(
        calls in prop::collection::vec((0_u64..60, 0_u64..40, prop::option::of(0_usize..30), any::<bool>()), 1..40),
    ) {
        let mut record = Record::new();
        for (at, (start, length, parent, link)) in calls.iter().enumerate() {
            let kind = if *link { "link" } else { "other" };
            let fields = json!({"kind": kind, "parent": parent.map(|parent| format!("{parent:04}"))});
            record = timed(record, &format!("{at:04}"), *start, *length, &fields);
        }
        let events = events(&record);
        prop_assert_eq!(slices(&events).len(), calls.len());
    }
}

const SYSTEM: &str = "/usr/bin:/bin";

#[test]
fn what_clang_traces_lies_in_the_lane_of_its_compile() {
    let shop = Shop::new();
    std::fs::write(shop.at("a.cpp"), "#include <string>\nstd::string a() { return \"x\"; }\n").unwrap();
    let script = "clang++ -ftime-trace -ftime-trace-granularity=0 -c a.cpp -o a.o; clang++ -c a.cpp -o b.o";
    shop.done(SYSTEM, &["run", "--quiet", "--family", "host", "--", "sh", "-ec", script]);
    let export = || {
        let done = shop.done(SYSTEM, &["log", "export", "--format", "perfetto"]);
        checked(&String::from_utf8(done.stdout).unwrap())
    };
    let events = export();
    let of_clang =
        |events: &[Value]| slices(events).iter().filter(|event| event["cat"] == "time-trace").count();
    assert!(of_clang(&events) > 20, "{} events", of_clang(&events));
    let find = |name: &str| slices(&events).into_iter().find(|event| event["name"] == name).unwrap().clone();
    let (compile, frontend) = (find("clang++ a.o"), find("Frontend"));
    assert_eq!(compile["tid"], frontend["tid"]);
    assert!(events.iter().all(|event| !event["name"].as_str().unwrap().starts_with("Total ")));

    // A file of another compile, or none at all, is not merged.
    let old = std::fs::File::options().append(true).open(shop.at("a.json")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(of_clang(&export()), 0);
    std::fs::write(shop.at("a.json"), "{}").unwrap();
    assert_eq!(of_clang(&export()), 0);
}

#[test]
fn each_source_of_a_call_has_times_of_its_own() {
    let shop = Shop::new();
    for name in ["a.cpp", "b.cpp"] {
        std::fs::write(shop.at(name), "int f() { return 1; }\n").unwrap();
    }
    let script = "clang++ -ftime-trace -ftime-trace-granularity=0 -c a.cpp b.cpp";
    shop.done(SYSTEM, &["run", "--quiet", "--family", "host", "--", "sh", "-ec", script]);
    let done = shop.done(SYSTEM, &["log", "export", "--format", "perfetto"]);
    let events = checked(&String::from_utf8(done.stdout).unwrap());
    assert_eq!(slices(&events).iter().filter(|event| event["name"] == "ExecuteCompiler").count(), 2);
}

#[test]
fn python_reads_the_trace_as_json() {
    let home = tempfile::tempdir().unwrap();
    let evil = json!({"in": ["</script>\u{1b}\"\\.c"], "out": ["é.o"]});
    let text = Record::new().call("01", &evil, &json!({})).text().replace("é.o", r"\udcff.o");
    let log = Log::open(&records::write(home.path(), text.as_bytes())).unwrap();
    std::fs::write(home.path().join("t.json"), trace::render(&log).unwrap()).unwrap();
    let done = Command::new("python3").args(["-m", "json.tool", "t.json"]).current_dir(home.path()).output();
    assert!(done.unwrap().status.success());
}
