//! Any bytes as an archive: refused, or read, laid out anew and read again with the same content.
#![no_main]

use crosswheel::wheel::archive::layout::{Piece, Planned, lay_out};
use crosswheel::wheel::archive::{Archive, Entry, Source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    look(data);
    // Random bytes seldom have an end where it must be: this one says what the first bytes ask for.
    if let Some((head, body)) = data.split_at_checked(5)
        && let Some(start) = body.len().checked_sub(usize::from(u16::from_le_bytes([head[0], head[1]])))
    {
        let numbers = [(body.len() - start) as u32, start as u32].map(u32::to_le_bytes).concat();
        let count = [head[2], 0, head[2], 0];
        look(&[body, b"PK\x05\x06\0\0\0\0", &count, &numbers, &[0, 0]].concat());
    }
});

fn look(data: &[u8]) {
    let Ok(archive) = Archive::read(data) else { return };
    for entry in archive.entries() {
        let mut length = 0;
        if archive.stream(entry, |piece| length += piece.len() as u64).is_ok() {
            assert_eq!(length, entry.size);
        }
    }
    if !archive.faults().is_empty() {
        return;
    }
    let plan: Vec<Planned> = archive.entries().iter().copied().map(Planned::kept).collect();
    let Ok(pieces) = lay_out(&archive, &plan, None) else { return };
    let mut new = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => new.extend(bytes),
            Piece::Copy { from, length } => {
                let start = new.len();
                new.resize(start + length as usize, 0);
                data.read_at(&mut new[start..], from).expect("what is copied is there");
            }
        }
    }
    let again = Archive::read(new.as_slice()).expect("what was laid out is read");
    assert!(again.faults().is_empty(), "{:?}", again.faults());
    let content = |entry: &Entry| archive.content(entry, 1 << 20).ok();
    for (old, new) in archive.entries().iter().zip(again.entries()) {
        assert_eq!(archive.name(old), again.name(new));
        assert_eq!(
            (old.crc, old.size, old.compressed, old.mode()),
            (new.crc, new.size, new.compressed, new.mode())
        );
        assert_eq!(content(old), again.content(new, 1 << 20).ok());
    }
}
