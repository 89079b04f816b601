//! Any bytes as RECORD: refused, or rendered and read again.
#![no_main]

use crosswheel::wheel::check;
use crosswheel::wheel::record::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(record) = Record::parse(data) else { return };
    let again = Record::parse(&record.render()).expect("what was rendered is read");
    assert_eq!(record, again);
    let files = [("demo/a.py", 1), ("demo-1.0.dist-info/RECORD", data.len() as u64)];
    let _ = check::record(&record, "demo-1.0.dist-info", files.into_iter());
});
