//! The folder of a session: what lies in it, what it never touches, and what changes when it is set up again.

mod shop;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use sha2::{Digest, Sha256};
use shop::{Shop, record, said};

const SYSTEM: &str = "/usr/bin:/bin";

#[test]
fn every_name_is_one_file_that_ends_with_the_plans_digest() {
    let shop = Shop::new();
    let made = shop.session(SYSTEM);
    let plan = fs::read(shop.at("session/plan")).expect("a plan");
    let digest = Sha256::digest(&plan);
    let files: Vec<_> = made.names().iter().map(|name| shop.at("session/bin").join(name)).collect();
    assert!(files.len() > 10, "{:?}", made.names());
    let first = fs::metadata(&files[0]).expect("a file");
    for file in &files {
        let facts = fs::metadata(file).expect("a file");
        assert_eq!((facts.dev(), facts.ino()), (first.dev(), first.ino()));
        assert_eq!(facts.permissions().mode() & 0o7777, 0o755);
    }
    assert!(fs::read(&files[0]).expect("the shim").ends_with(&digest));
    assert_eq!(fs::read_dir(shop.at("session/bin")).expect("the shim folder").count(), files.len());
}

#[test]
fn a_shim_of_another_plan_has_another_time_and_the_same_plan_the_same() {
    let shop = Shop::new();
    let time = || {
        let facts = fs::metadata(shop.at("session/bin/gcc")).expect("the shim");
        (facts.mtime(), facts.mtime_nsec())
    };
    shop.session(SYSTEM);
    let host = time();
    shop.session(SYSTEM);
    assert_eq!(time(), host);
    shop.session_for("x86-64-v3", SYSTEM, &[]);
    assert_ne!(time(), host);
}

#[test]
fn names_of_an_earlier_set_up_are_removed() {
    let shop = Shop::new();
    shop.gcc("a/gcc", "x86_64-linux-gnu");
    shop.gcc("b/g++", "x86_64-linux-gnu");
    shop.session(&format!("{}:{}", shop.text("a"), shop.text("b")));
    assert!(shop.at("session/bin/g++").exists());
    shop.session(&shop.text("a"));
    assert!(!shop.at("session/bin/g++").exists());
    assert!(shop.at("session/bin/gcc").exists());
}

#[test]
fn a_folder_of_the_users_own_is_refused_and_left_as_it_is() {
    let shop = Shop::new();
    let mine = shop.program("project/bin/precious", "mine");
    let output = shop.run(SYSTEM, &["env", "--family", "host", "--dir", "project"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("hint: choose a folder of its own"), "{}", said(&output));
    assert_eq!(fs::read_to_string(mine).expect("my file"), "mine");
    assert!(!shop.at("project/plan").exists());
}

#[test]
fn a_folder_that_cannot_stand_on_path_is_refused() {
    let shop = Shop::new();
    let output = shop.run(SYSTEM, &["env", "--family", "host", "--dir", "a:b"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("colon"), "{}", said(&output));
}

#[test]
fn two_builds_never_share_one_folder() {
    let shop = Shop::new();
    let program = env!("CARGO_BIN_EXE_crosswheel");
    let outer = ["run", "--family", "host", "--dir", "one", "--quiet", "--", program];
    let inner = |dir| ["run", "--family", "host", "--dir", dir, "--quiet", "--", "true"];
    let output = shop.run(SYSTEM, &[&outer[..], &inner("one")].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("another session is at work"), "{}", said(&output));
    shop.done(SYSTEM, &[&outer[..], &inner("two")].concat());
    shop.done(SYSTEM, &inner("one"));
}

#[test]
fn an_earlier_record_is_kept() {
    let shop = Shop::new();
    fs::write(shop.at("a.c"), "int a;\n").expect("a source");
    let build = ["run", "--family", "host", "--dir", "session", "--", "cc", "-c", "a.c"];
    shop.done(SYSTEM, &build);
    let first = record(&shop.at("session/record.jsonl"));
    shop.done(SYSTEM, &build);
    let name = format!("session/record-{}.jsonl", first[0]["t"]);
    assert_eq!(record(&shop.at(&name)), first);
    let second = record(&shop.at("session/record.jsonl"));
    assert_eq!(second[0]["plan"], first[0]["plan"]);
    assert_ne!(second[0]["t"], first[0]["t"]);
    assert_eq!(second[0]["ev"], "session");
    assert_eq!(second[1]["argv"], serde_json::json!(["cc", "-c", "a.c"]));
}

#[test]
fn a_session_may_be_asked_to_keep_no_record() {
    let shop = Shop::new();
    fs::write(shop.at("a.c"), "int a;\n").expect("a source");
    let output =
        shop.done(SYSTEM, &["run", "--family", "host", "--dir", "s", "--no-log", "--", "cc", "-c", "a.c"]);
    assert!(shop.at("a.o").exists());
    assert!(!shop.at("s/record.jsonl").exists());
    assert_eq!(said(&output), "");
}

#[test]
fn a_session_in_a_folder_behind_a_link_works() {
    let shop = Shop::new();
    fs::write(shop.at("a.c"), "int a;\n").expect("a source");
    fs::create_dir(shop.at("there")).expect("a folder");
    shop.link("there", "here");
    shop.done(SYSTEM, &["run", "--family", "host", "--dir", "here/s", "--", "cc", "-c", "a.c"]);
    let lines = record(&shop.at("there/s/record.jsonl"));
    assert_eq!(lines[0]["bin"], shop.text("there/s/bin"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_family_and_a_policy_that_are_not_known_are_wrong_usage() {
    let shop = Shop::new();
    for args in [
        &["env", "--family", "no-such-family"][..],
        &["env", "--family", "host", "--werror", "sometimes"],
        &["env", "--family", "host", "--werror", "add="],
        &["env", "--family", "host", "--topology", "nowhere.toml"],
        &["run", "--family", "host"],
        &["env"],
    ] {
        let output = shop.run(SYSTEM, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        assert!(!shop.at(".crosswheel").exists(), "{args:?}");
    }
}
