//! Reading records: what is whole is read, what is damaged is counted. The format is `docs/record.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use crosswheel::capture::{Call, Damage, Log, Outcome, Text};
use crosswheel::error::{Exit, Result};
use proptest::prelude::*;
use records::{Record, write};
use serde_json::json;

fn read(bytes: &[u8]) -> Result<Log> {
    let folder = tempfile::tempdir().unwrap();
    Log::open(&write(folder.path(), bytes))
}

fn two_calls() -> Record {
    Record::new().call("aaaaaaaaaaaa", &json!({}), &json!({})).call(
        "bbbbbbbbbbbb",
        &json!({"out": ["b.o"]}),
        &json!({"exit": 1}),
    )
}

fn ids(log: &Log) -> Vec<&str> {
    log.calls.iter().map(|call| call.id.as_str()).collect()
}

#[test]
fn the_session_says_what_was_set_up() {
    let log = read(two_calls().text().as_bytes()).unwrap();
    assert_eq!(log.session.family, "x86-64-v3");
    assert_eq!(log.session.bin.bytes(), b"/w/.crosswheel/s1/bin");
    assert_eq!(log.session.tools[0].machine.as_deref(), Some("x86_64-linux-gnu"));
    assert_eq!(log.damage, Damage::default());
}

#[test]
fn a_parent_is_believed_only_while_it_runs() {
    let inside = |parent: &str| json!({"parent": parent});
    let record = Record::new()
        .begin("aaaaaaaaaaaa", &json!({}))
        .call("bbbbbbbbbbbb", &inside("aaaaaaaaaaaa"), &json!({}))
        .end("aaaaaaaaaaaa", &json!({}))
        .call("cccccccccccc", &inside("aaaaaaaaaaaa"), &json!({}))
        .call("dddddddddddd", &inside("eeeeeeeeeeee"), &json!({}));
    let log = read(record.text().as_bytes()).unwrap();
    let parents: Vec<_> = log.calls.iter().map(|call| call.parent.as_deref()).collect();
    assert_eq!(parents, [None, Some("aaaaaaaaaaaa"), None, None]);
}

#[test]
fn calls_are_begins_joined_with_their_ends_and_sorted_by_start() {
    let record = Record::new()
        .begin("000000000002", &json!({"t": 20}))
        .begin("000000000001", &json!({"t": 10}))
        .end("000000000001", &json!({"exit": 0, "dur": 7}))
        .end("000000000002", &json!({"exit": null, "signal": 9}))
        .begin("000000000003", &json!({"t": 30}))
        .begin("000000000004", &json!({"t": 40, "disp": "refused", "error": "no"}))
        .call("000000000005", &json!({"t": 50}), &json!({"exit": null, "error": "no such file"}));
    let log = read(record.text().as_bytes()).unwrap();
    assert_eq!(ids(&log), ["000000000001", "000000000002", "000000000003", "000000000004", "000000000005"]);
    let outcomes: Vec<Outcome> = log.calls.iter().map(Call::outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Succeeded, Outcome::Signal(9), Outcome::InFlight, Outcome::Refused, Outcome::NoStatus]
    );
    assert_eq!(log.calls[0].end.as_ref().unwrap().duration, 7);
}

#[test]
fn fields_and_events_that_are_not_known_are_passed_over() {
    let mut record =
        two_calls().call("cccccccccccc", &json!({"new": {"a": [1, "\u{1}"]}}), &json!({"new": null}));
    record.lines.push(r#"{"ev":"weather","t":1,"sky":"blue"}"#.to_owned());
    let log = read(record.text().as_bytes()).unwrap();
    assert_eq!(log.calls.len(), 3);
    assert_eq!(log.damage, Damage::default());
}

#[test]
fn a_record_of_a_later_format_is_refused() {
    let error = read(Record::of(&json!({"v": 2})).text().as_bytes()).unwrap_err();
    assert!(error.message.contains("has format 2, and only format 1 is known"), "{error}");
    assert!(error.hint.is_some());
}

#[test]
fn a_file_without_a_session_is_no_record() {
    for text in ["", "\n\n", "hello\n", "{\"ev\":\"end\",\"id\":\"a\"}\n"] {
        let error = read(text.as_bytes()).unwrap_err();
        assert!(error.message.ends_with("is no record: it has no session line"), "{error}");
    }
}

#[test]
fn a_torn_last_line_is_a_call_in_flight() {
    let text = two_calls().text();
    let log = read(&text.as_bytes()[..text.len() - 20]).unwrap();
    assert_eq!(ids(&log), ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]);
    assert_eq!(log.calls[1].outcome(), Outcome::InFlight);
    assert_eq!(log.damage, Damage { torn: true, ..Damage::default() });
}

#[test]
fn a_last_line_that_only_lacks_its_line_feed_is_whole() {
    let log = read(two_calls().text().trim_end().as_bytes()).unwrap();
    assert_eq!(log.calls[1].outcome(), Outcome::Exit(1));
    assert_eq!(log.damage, Damage::default());
}

#[test]
fn reading_goes_on_inside_a_line_that_a_short_write_began() {
    // The begin of the first call was cut; the next call's lines follow on the same line.
    let mut record = two_calls();
    let cut = record.lines[1][..40].to_owned();
    record.lines[1] = cut + &record.lines.remove(3);
    let log = read(record.text().as_bytes()).unwrap();
    assert_eq!(ids(&log), ["bbbbbbbbbbbb"]);
    assert_eq!(log.calls[0].outcome(), Outcome::Exit(1));
    assert_eq!(log.damage, Damage { broken: 1, orphans: 1, ..Damage::default() });
    assert_eq!(log.detail(&log.calls[0]).unwrap().argv.len(), 5);
}

#[test]
fn two_whole_lines_without_a_line_feed_between_them_are_both_read() {
    let text = two_calls().text().replacen("}\n{\"ev\":\"end\"", "}{\"ev\":\"end\"", 1);
    let log = read(text.as_bytes()).unwrap();
    assert_eq!(log.calls[0].outcome(), Outcome::Succeeded);
    assert_eq!(log.damage, Damage::default());
}

#[test]
fn garbage_between_lines_is_counted() {
    let mut record = two_calls();
    record.lines.insert(2, "\0\0\0\0".to_owned());
    record.lines.insert(3, "{\"ev\":\"begin\"}".to_owned());
    record.lines.insert(4, String::new());
    let log = read(record.text().as_bytes()).unwrap();
    assert_eq!(log.calls.len(), 2);
    assert_eq!(log.damage, Damage { broken: 2, ..Damage::default() });
    assert_eq!(log.damage.sentences(), ["2 lines could not be read and were skipped"]);
}

#[test]
fn what_looks_like_a_line_inside_of_an_argument_is_none() {
    let argv = json!({"argv": ["cc", "-DX={\"ev\":\"end\",\"id\":\"aaaaaaaaaaaa\"}"]});
    let text = Record::new().begin("aaaaaaaaaaaa", &argv).text();
    assert_eq!(read(text.as_bytes()).unwrap().calls.len(), 1);
    let log = read(text.trim_end().trim_end_matches('}').as_bytes()).unwrap();
    assert_eq!((log.calls.len(), log.damage.orphans), (0, 0));
}

#[test]
fn a_second_begin_of_an_id_does_not_replace_the_first() {
    let log = read(two_calls().begin("aaaaaaaaaaaa", &json!({"tool": "other"})).text().as_bytes()).unwrap();
    assert_eq!(log.calls[0].tool, "cc");
    assert_eq!(log.damage.broken, 1);
}

#[test]
fn a_shim_that_could_not_write_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = two_calls().write(folder.path());
    assert!(!Log::open(&path).unwrap().damage.lost);
    std::fs::write(folder.path().join("record.lost"), "").unwrap();
    assert!(Log::open(&path).unwrap().damage.lost);
}

#[test]
fn details_hold_every_argument_byte_by_byte() {
    let begin = json!({
        "argv": ["cc", "@RAW@", ""],
        "expanded": ["cc", "x", ""],
        "run": ["/usr/bin/gcc", "x", "", "-O2"],
        "edits": [{"rule": "opt", "why": "because", "at": 3, "before": [], "after": ["-O2"]}],
        "env": {"CFLAGS": "-g"},
    });
    let text = Record::new().begin("aaaaaaaaaaaa", &begin).text().replace("@RAW@", r"-DX=\udcff\u00e9");
    let log = read(text.as_bytes()).unwrap();
    let detail = log.detail(&log.calls[0]).unwrap();
    assert_eq!(detail.argv, [Text::from("cc"), Text::from(&b"-DX=\xff\xc3\xa9"[..]), Text::from("")]);
    assert_eq!(detail.given().len(), 3);
    assert_eq!(detail.ran().len(), 4);
    assert_eq!((detail.edits[0].rule.as_str(), detail.edits[0].is_note()), ("opt", false));
    assert_eq!(detail.env["CFLAGS"], Text::from("-g"));
}

#[test]
fn a_record_that_is_not_there_is_named() {
    let error = Log::open(std::path::Path::new("/no/such/record.jsonl")).unwrap_err();
    assert_eq!(error.exit, Exit::Usage);
    assert!(error.message.contains("/no/such/record.jsonl"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        pieces in prop::collection::vec(prop::sample::select(&[
            "{\"ev\":\"", "session", "begin", "end", "\",\"v\":", "1", "\"id\":\"a\",", "\n", "}", "\\ud800", "\"",
            "\"in\":[\"\\udc80\"],", "\"t\":1,", "\"tool\":\"\",\"kind\":\"link\"",
        ][..]), 0..30),
    ) {
        let session = Record::new().text().into_bytes();
        let _ = read(&bytes);
        if let Ok(log) = read(&[session, pieces.concat().into_bytes(), bytes].concat()) {
            for call in &log.calls {
                let _ = (call.outcome(), log.detail(call), log.raw(call));
            }
        }
    }

    #[test]
    fn every_line_before_a_tear_is_read(at in any::<prop::sample::Index>()) {
        let record = two_calls();
        let text = record.text();
        let first = record.lines[0].len();
        let cut = first + at.index(text.len() - first);
        let log = read(&text.as_bytes()[..cut]).unwrap();
        // A line is whole without its line feed.
        let ends = record.lines.iter().scan(0, |end, line| {
            *end += line.len() + 1;
            Some(*end - 1)
        });
        let whole = ends.filter(|end| *end <= cut).count() - 1;
        let seen: usize = log.calls.iter().map(|call| 1 + usize::from(call.end.is_some())).sum();
        prop_assert_eq!(seen, whole);
        prop_assert_eq!(log.damage.broken + log.damage.orphans, 0);
    }

    #[test]
    fn a_short_write_costs_only_its_own_line(victim in 1_usize..5, keep in any::<prop::sample::Index>()) {
        let mut record = two_calls();
        let length = record.lines[victim].len();
        let cut = record.lines[victim][..keep.index(length)].to_owned();
        record.lines[victim] = cut.clone();
        let mut text = record.text();
        if victim < 4 {
            let end = record.lines[..=victim].iter().map(|line| line.len() + 1).sum::<usize>();
            text.remove(end - 1);
        }
        let log = read(text.as_bytes()).unwrap();
        let lines: usize = log.calls.iter().map(|call| 1 + usize::from(call.end.is_some())).sum();
        prop_assert_eq!(lines + log.damage.orphans, 3);
        prop_assert_eq!(log.damage.broken, usize::from(!cut.is_empty()));
    }
}
