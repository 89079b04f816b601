//! Any bytes as an ELF file: facts or none, and never a crash.
#![no_main]

use crosswheel_shim::elf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let facts = elf::facts(data);
    let digest = elf::load_digest(data);
    if facts.is_none() {
        assert!(digest.is_none());
    }
    // Random bytes seldom start like an ELF file.
    let with_magic = [b"\x7fELF".as_slice(), data].concat();
    if let Some(facts) = elf::facts(&with_magic) {
        let text = facts.machine.to_string();
        assert_eq!(elf::Machine::parse(&text), Some(facts.machine));
    }
    let _ = elf::load_digest(&with_magic);
});
