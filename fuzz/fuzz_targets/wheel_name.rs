//! Any text as the name of a wheel: refused, or rendered to the same bytes. The same for header blocks, requirements
//! and edits of tags, which are read from text, too.
#![no_main]

use crosswheel::wheel::headers::Headers;
use crosswheel::wheel::metadata::{self, MetadataEdits};
use crosswheel::wheel::retag::TagEdit;
use crosswheel::wheel::{WheelName, check, requirement};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let sample = WheelName::parse("demo-1.0-1-py3-none-any.whl").expect("it is a name");
    if let Ok(mut headers) = Headers::parse(data) {
        assert_eq!(headers.render(), data);
        let _ = check::wheel(&headers, &sample, "demo-1.0.dist-info");
        let _ = check::metadata(&headers, &sample, "demo-1.0.dist-info");
        let edits = MetadataEdits { set: vec!["a>1".into()], remove: vec!["b".into()], ..MetadataEdits::default() };
        metadata::edit(&mut headers, &edits, "demo");
        let once = headers.render();
        let mut again = Headers::parse(&once).expect("what was edited is read");
        metadata::edit(&mut again, &edits, "demo");
        assert_eq!(again.render(), once);
    }
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
