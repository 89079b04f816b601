//! `crosswheel doctor`: says what is there, what is not, and how to get it.

mod shop;

use serde_json::Value;
use shop::{GCC_SAYS, Shop};

fn facts(shop: &Shop, path: &str) -> (Value, Option<i32>) {
    let output = shop.run(path, &["doctor", "--json"]);
    (serde_json::from_slice(&output.stdout).expect("facts in JSON"), output.status.code())
}

fn missing(facts: &Value) -> Vec<&str> {
    facts["missing"].as_array().expect("a list").iter().filter_map(|one| one["what"].as_str()).collect()
}

#[test]
fn this_system_is_ready() {
    let shop = Shop::new();
    let (facts, status) = facts(&shop, "/usr/bin:/bin");
    assert_eq!(status, Some(0), "{:?}", missing(&facts));
    assert_eq!(facts["ready"], true);
    let gcc =
        facts["compilers"].as_array().expect("a list").iter().find(|one| one["name"] == "gcc").expect("gcc");
    assert_eq!((&gcc["real"], &gcc["kind"]), (&Value::from("/usr/bin/gcc"), &Value::from("gcc")));
    let python = &facts["pythons"][0];
    assert_eq!(python["through_shim"], true);
    assert_eq!(facts["folder"]["path"], shop.text("").trim_end_matches('/'));
    let left: Vec<_> = std::fs::read_dir(shop.at("")).expect("the shop").collect();
    assert!(left.is_empty(), "nothing is left behind: {left:?}");
}

#[test]
fn an_empty_machine_lacks_all_and_is_told_so() {
    let shop = Shop::new();
    let (facts, status) = facts(&shop, "/nowhere");
    assert_eq!(status, Some(1));
    let missing = missing(&facts);
    for what in ["C compiler", "C++ compiler", "linker", "archiver", "Python 3.8 or newer"] {
        assert!(missing.contains(&what), "{what}: {missing:?}");
    }
    let text = shop.run("/nowhere", &["doctor"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("not ready"), "{text}");
}

#[test]
fn a_compiler_that_cannot_compile_is_found_out() {
    let shop = Shop::new();
    let said = GCC_SAYS.replace('\n', "\\n");
    shop.program(
        "a/cc",
        &format!("#!/bin/sh\ncase $1 in\n--version) printf '{said}' ;;\n-dumpmachine) echo x86_64-linux-gnu ;;\n*) exit 1 ;;\nesac\n"),
    );
    let (facts, status) = facts(&shop, &shop.text("a"));
    assert_eq!(status, Some(1));
    assert!(missing(&facts).contains(&"a `cc` that works"), "{:?}", missing(&facts));
    assert!(!missing(&facts).contains(&"C compiler"));
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let shop = Shop::new();
    // Nobody, not even root, can write into /proc.
    let output = shop
        .command("/usr/bin:/bin", &["doctor", "--json"])
        .current_dir("/proc")
        .output()
        .expect("it starts");
    let facts: Value = serde_json::from_slice(&output.stdout).expect("facts in JSON");
    assert_eq!(output.status.code(), Some(1));
    assert!(facts["folder"]["problem"].is_string(), "{facts}");
}
