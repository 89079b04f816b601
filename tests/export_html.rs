//! `crosswheel log export --format html`: one page that needs nothing else, looked at in a real browser.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use std::process::Command;

use crosswheel::capture::Log;
use crosswheel::capture::export::html;
use records::Record;
use serde_json::{Value, json};

fn page(text: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    html::render(&Log::open(&records::write(home.path(), text.as_bytes())).unwrap()).unwrap()
}

/// The two blocks of data.
fn data(page: &str) -> Vec<Value> {
    let blocks = page.split("type=\"application/json\"").skip(1);
    let inner = |block: &str| block.split_once('>').unwrap().1.split_once("</script>").unwrap().0.to_owned();
    // A reader of JSON that refuses lone surrogates is no browser.
    blocks.map(|block| serde_json::from_str(&inner(block).replace("\\udc", "udc")).unwrap()).collect()
}

#[test]
fn the_page_names_nothing_outside_of_itself() {
    let page = page(&Record::new().call("01", &json!({}), &json!({})).text());
    for way in
        ["http:", "https:", "<link rel=\"stylesheet", "src=", "@import", "url(", "fetch(", "XMLHttpRequest"]
    {
        assert!(!page.contains(way), "{way}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn nothing_that_a_record_holds_is_markup() {
    let evil = "</script><!--<script>/*details*/";
    let fields = json!({
        "in": [evil], "argv": ["cc", evil], "env": {"CFLAGS": evil}, "probe": evil, "tool": evil,
        "edits": [{"rule": evil, "why": evil, "at": 1, "before": [], "after": [evil]}],
    });
    let end = json!({"retry": {"exit": 0, "demoted": [format!("{evil}:1:2: error: {evil} [-Werror=x]")]}});
    let page = page(&Record::of(&json!({"family": evil})).call("01", &fields, &end).text());
    assert_eq!((page.matches("</script").count(), page.matches("<!--").count()), (3, 0));
    let [index, details] = &data(&page)[..] else { panic!("two blocks of data") };
    assert_eq!(index["about"]["family"], evil);
    assert!(details["texts"].as_array().unwrap().contains(&json!(evil)));
}

#[test]
fn what_a_record_lost_is_told() {
    let text = Record::new().begin("01", &json!({})).text() + "{\"ev\":\"begin\",";
    let index = &data(&page(&text))[0];
    assert!(index["about"]["damage"][0].as_str().unwrap().contains("the last line is cut off"));
}

/// A call of each sort.
fn small() -> String {
    let edits = json!([
        {"rule": "level", "why": "the level is a floor", "at": 1, "before": [], "after": ["-march=x86-64-v3"]},
        {"rule": "march-native", "why": "names the builder", "at": 1, "before": ["-march=native"], "after": []},
        {"rule": "higher", "why": "stays for dispatch", "at": 2, "before": ["-mavx512f"], "after": ["-mavx512f"]},
    ]);
    let demoted = "a.c:3:5: error: unused variable 'x' [-Werror=unused-variable]";
    let plain = |argv: Value, more: Value| {
        let mut fields = more;
        fields["argv"] = argv;
        fields
    };
    Record::new()
        .call(
            "01",
            &json!({
                "argv": ["cc", "-march=native", "-DX=a b", "-c", "a.c"], "disp": "rewritten", "edits": edits,
                "run": ["/usr/bin/gcc", "-march=x86-64-v3", "-DX=a b", "-c", "a.c"], "env": {"CFLAGS": "-O2 -g"},
            }),
            &json!({}),
        )
        .call("02", &json!({"probe": "conftest", "in": ["conftest.c"]}), &json!({"exit": 1}))
        .call("03", &plain(json!(["cc", "a.o"]), json!({"kind": "link", "in": ["t/a.o", "b.o", "c.o", "d.o", "e.o"], "out": ["x.so"]})), &json!({}))
        .begin("04", &plain(json!(["cc", "--version"]), json!({"kind": "query", "in": [], "out": []})))
        .call("05", &json!({}), &json!({"exit": 1}))
        .call("06", &json!({}), &json!({"retry": {"exit": 0, "demoted": [demoted]}}))
        .call(
            "07",
            &plain(json!(["cc", "</script><img src=x onerror=alert(1)>", "\u{1b}[31mBYTE"]), json!({"kind": "other"})),
            &json!({}),
        )
        .text()
        .replace("BYTE", r"\udcff")
}

/// As many calls as a build of the largest packages makes, with as many arguments.
fn large() -> String {
    let mut record = Record::new();
    for number in 0..20_000 {
        let (source, object) =
            (format!("../src/part{}/unit_{number}.cpp", number % 40), format!("build/{number}.o"));
        let mut argv: Vec<String> = vec!["c++".into()];
        argv.extend((0..20).map(|n| format!("-DPART_{n}=1")));
        argv.extend((0..25).map(|n| format!("-I/w/src/include/folder{n}")));
        argv.extend(
            ["-O3", "-Wall", "-fPIC", "-std=gnu++17", "-c", &source, "-o", &object].map(String::from),
        );
        let mut run = argv.clone();
        run.insert(1, "-march=x86-64-v3".into());
        run.push(format!("-frandom-seed={object}"));
        let edits = json!([
            {"rule": "level", "why": "the level is a floor", "at": 0, "before": [], "after": ["-march=x86-64-v3"]},
            {"rule": "seed", "why": "the same bytes twice", "at": 53, "before": [], "after": [run.last()]},
        ]);
        // Sixteen at a time.
        let start = 2_000_000_000_u64 + number / 16 * 900_000_000 + number % 16 * 1_000_000;
        record = record.call(
            &format!("{number:012}"),
            &json!({"t": start, "in": [source], "out": [object], "argv": argv, "run": run, "edits": edits}),
            &json!({"dur": 850_000_000, "exit": u64::from(number % 500 == 0)}),
        );
    }
    record.text()
}

#[test]
fn the_page_shows_a_build_in_a_browser_and_one_of_20_000_calls_in_two_seconds() {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in
        [("small.html", small()), ("large.html", large()), ("empty.html", Record::new().text())]
    {
        std::fs::write(home.path().join(name), page(&text)).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/check.py");
    let mut check = Command::new("python3");
    check.arg("-B").arg(script).args(["small.html", "large.html", "empty.html"]).current_dir(home.path());
    // A folder for screenshots, for whoever wants to look.
    check.args(std::env::var_os("REPORT_SCREENSHOTS"));
    let out = check.output().unwrap();
    print!("{}", String::from_utf8_lossy(&out.stdout));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
