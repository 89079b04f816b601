//! Any bytes as a wheel, from end to end: it is told what is wrong, or it is sound, is given other tags, and is sound then.
#![no_main]

use std::cell::OnceCell;
use std::fs;

use crosswheel::wheel::archive::deliver::How;
use crosswheel::wheel::retag::{Edits, Plan, TagEdit};
use crosswheel::wheel::{Package, verify};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    /// In memory: the fuzzer writes thousands of files a second.
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| TempDir::new_in("/dev/shm").expect("a folder in memory"));
        let path = folder.path().join("demo-1.0-py2.py3-none-any.whl");
        fs::write(&path, data).expect("it can be written");
        let seen = verify::verify(&path).expect("it can be opened");
        if seen.faults() > 0 {
            return;
        }
        Package::open(&path).expect("what is sound can be opened");
        let edits = Edits {
            python: Some(TagEdit::Set(vec!["py3".into()])),
            build: Some("1".into()),
            ..Edits::default()
        };
        let Ok(plan) = Plan::new(&path, &edits, Some(1_000_000_000)) else { return };
        let target = folder.path().join(plan.name.to_string());
        plan.write(&target, &How::default(), &mut |_| ()).expect("it can be written");
        let again = verify::verify(&target).expect("it can be opened");
        assert_eq!(again.faults(), 0, "{:?}", again.findings);
    });
});
