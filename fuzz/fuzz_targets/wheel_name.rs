//! Any text as the name of a wheel: refused, or rendered to the same bytes. The same for requirements and
//! edits of tags, which are read from text, too.
#![no_main]

use crosswheel::wheel::retag::TagEdit;
use crosswheel::wheel::{WheelName, requirement};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for file in [text.to_owned(), format!("{text}-py3-none-any.whl"), format!("demo-1.0-{text}.whl")] {
        if let Ok(name) = WheelName::parse(&file) {
            assert_eq!(name.to_string(), file);
        }
    }
    if requirement::check(text).is_ok() {
        assert!(!requirement::name(text).is_empty());
    }
    let _ = TagEdit::parse(text, "Python");
});
