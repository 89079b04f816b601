//! Any bytes as what compilers said: a line is read or passed over, and nothing that is shown holds control characters.
#![no_main]

use crosswheel::capture::diagnostics;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        let plain = diagnostics::plain(line);
        // Once plain, a line stays as it is.
        assert_eq!(diagnostics::plain(&plain), plain);
        let _ = diagnostics::read(line);
        let _ = diagnostics::context(line);
    }
});
