//! Any content of response files: words survive being written and read again; files that name each other end.
#![no_main]

use crosswheel_fuzz::{Table, pieces};
use crosswheel_shim::args::Line;
use crosswheel_shim::args::response::{join, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let words = split(data);
    assert_eq!(split(&join(words.iter().map(Vec::as_slice))), words);

    let all = pieces(data);
    assert_eq!(split(&join(all.iter().copied())), all);

    let files = Table::new(&all);
    let argv: [&[u8]; 4] = [b"-c", b"@a", b"@b", b"@missing"];
    let line = Line::read(&argv, &files);
    let rendered = line.render(&[]);
    assert_eq!(rendered.iter().map(|arg| &**arg).collect::<Vec<_>>(), argv);
    // Each word changed by itself: it is gone, and all others of its file stand in their order.
    for at in 0..line.words().len().min(8) {
        let changes = [(at, vec![b"-changed".as_slice().into()])];
        let rendered = line.render(&changes);
        let origin = line.words()[at].origin;
        let expected = line.words().iter().enumerate().filter(|(_, word)| word.origin == origin);
        let expected: Vec<&[u8]> =
            expected.map(|(i, word)| if i == at { b"-changed" } else { &*word.text }).collect();
        let found =
            rendered.windows(expected.len()).any(|run| run.iter().zip(&expected).all(|(a, b)| **a == **b));
        assert!(found);
    }
});
