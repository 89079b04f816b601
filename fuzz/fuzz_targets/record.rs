//! Any bytes behind the first line of a record: it opens, and every question has an answer.
#![no_main]

use std::io::Write;

use crosswheel::capture::{Filter, Log};
use libfuzzer_sys::fuzz_target;

const SESSION: &[u8] = br#"{"ev":"session","v":1,"tool":"crosswheel","family":"host","werror":"keep","plan":"00","bin":"/s/bin","t":1,"tools":[]}"#;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    // As it comes, or with a session ahead.
    let head: &[u8] = if data.first().is_some_and(|byte| byte % 2 == 0) { SESSION } else { b"" };
    file.write_all(head)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.write_all(data))
        .expect("written");
    let Ok(log) = Log::open(file.path()) else {
        assert!(
            head.is_empty() || String::from_utf8_lossy(data).contains("session"),
            "a record with its session opens"
        );
        return;
    };
    let _ = (log.counts(), log.failed_work(), log.short_id(), log.damage.sentences());
    for call in log.select(&Filter::default()) {
        let _ = log.detail(call).map(|detail| crosswheel::capture::diff::steps(&detail).len());
        let _ = log.raw(call);
        let _ = log.find(&call.id);
    }
});
