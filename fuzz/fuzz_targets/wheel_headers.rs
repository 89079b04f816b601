//! Any bytes as WHEEL or METADATA: refused, or rendered to the same bytes, checked, and edited to the same once as twice.
#![no_main]

use crosswheel::wheel::headers::Headers;
use crosswheel::wheel::metadata::{self, MetadataEdits, Moved};
use crosswheel::wheel::{WheelName, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut headers) = Headers::parse(data) else { return };
    assert_eq!(headers.render(), data);
    for name in ["demo-1.0-py2.py3-none-any.whl", "demo-1.0-1-cp311-abi3-linux_x86_64.whl"] {
        let name = WheelName::parse(name).expect("it is a name");
        let _ = check::wheel(&headers, &name, "demo-1.0.dist-info");
        let _ = check::metadata(&headers, &name, "demo-1.0.dist-info");
    }
    let edits = MetadataEdits {
        add: vec!["z; extra == 'y'".into()],
        set: vec!["a>1".into()],
        remove: vec!["b".into()],
        name: Some("other".into()),
        version: Some("1.0+local".into()),
        moved: vec![Moved {
            from: "demo".into(),
            name: Some("other".into()),
            version: Some(("1.0".into(), "1.0+local".into())),
        }],
    };
    metadata::edit(&mut headers, &edits);
    let once = headers.render();
    let mut again = Headers::parse(&once).expect("what was edited is read");
    metadata::edit(&mut again, &edits);
    assert_eq!(again.render(), once);
});
