//! Any bytes as bundles of code for GPUs: listed or refused, and what is listed lies within them.
#![no_main]

use crosswheel::gpu;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    look(data);
    // Random bytes seldom begin like a bundle: the first byte says which one these are taken for.
    let Some((first, rest)) = data.split_first() else { return };
    let [version, method] = [first & 3, first >> 2 & 1];
    look(&[b"__CLANG_OFFLOAD_BUNDLE__", rest].concat());
    let total = ((rest.len() + 24) as u32).to_le_bytes();
    let head = [b"CCOB".as_slice(), &[version, 0, method, 0]].concat();
    let size = [0xff, 0xff, 0xff, 0];
    let frame: &[u8] = if method == 1 { &[0x28, 0xb5, 0x2f, 0xfd] } else { &[0x78, 0x9c] };
    match version {
        1 => look(&[&head, &size[..], &[0; 8], frame, rest].concat()),
        2 => look(&[&head, &total[..], &size, &[0; 8], rest].concat()),
        _ => look(&[&head, rest].concat()),
    }
});

fn look(data: &[u8]) {
    let Ok(Some(listing)) = gpu::list(data) else { return };
    let mut end = 0;
    for bundle in &listing.bundles {
        assert!(bundle.at >= end && bundle.length > 0);
        end = bundle.at + bundle.length;
        assert!(end <= data.len() as u64);
        // A list of the same bundle alone is the same list.
        let alone = &data[bundle.at as usize..end as usize];
        if gpu::is_bundle(alone) {
            let again = gpu::list(alone).expect("it was read before").expect("it is a bundle");
            assert_eq!(again.bundles[0].objects, bundle.objects);
        }
    }
    let objects: usize = listing.targets().values().map(|share| share.objects).sum();
    assert!(objects <= listing.bundles.iter().map(|bundle| bundle.objects.len()).sum());
}
