//! `docs/flags.md` says what the toolchain files say.

use crosswheel::toolchain::{Toolchains, flags_doc};

#[test]
fn the_reference_of_flags_is_up_to_date() {
    let made = flags_doc::markdown(&Toolchains::builtin().expect("sound"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/flags.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).expect("written");
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == made, "docs/flags.md is stale: run `UPDATE_DOCS=1 cargo test --test flags_doc`");
}
