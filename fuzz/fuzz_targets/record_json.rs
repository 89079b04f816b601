//! Any bytes as a text of the record: one line of JSON that a reader takes back to the same bytes.
#![no_main]

use crosswheel_shim::record::Json;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|data: &[u8]| {
    let mut json = Json::default();
    json.text(data);
    let line = json.bytes();
    assert!(!line.contains(&b'\n'));
    serde_json::from_slice::<IgnoredAny>(line).expect("JSON");
    assert_eq!(read(std::str::from_utf8(line).expect("UTF-8")), data);
});

/// A reader of its own: a JSON string whose surrogates U+DC80 to U+DCFF are bytes.
fn read(text: &str) -> Vec<u8> {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("quotes");
    let mut out = Vec::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            assert!(c != '"' && c >= ' ');
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next().expect("an escape") {
            'u' => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u16::from_str_radix(&digits, 16).expect("four digits");
                match code {
                    0xdc80..=0xdcff => out.push((code & 0xff) as u8),
                    0..=0x7f => out.push(code as u8),
                    _ => panic!("an escape that is not needed: {digits}"),
                }
            }
            'n' => out.push(b'\n'),
            't' => out.push(b'\t'),
            c @ ('"' | '\\') => out.push(c as u8),
            c => panic!("an escape that is not known: {c}"),
        }
    }
    out
}
