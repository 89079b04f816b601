//! Real packages from the index pip is configured for, built by their own build systems with and without the shim:
//! the first eight of the corpus, and two of them by Debian's Python too, whose compilers have triplet names.
//! `make corpus` has all of them, and the other checks.

use std::path::Path;
use std::process::Command;

const EIGHT: &str = "markupsafe,psutil@here,greenlet,cffi,msgpack,ujson,kiwisolver@here,brotli";

fn python(arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = Command::new("python3").args(arguments).current_dir(folder).output().expect("python3 runs");
    assert!(
        ran.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn what_real_packages_are_built_into_does_not_change_under_the_shim() {
    let work = concat!(env!("CARGO_TARGET_TMPDIR"), "/transparency");
    let shim = env!("CARGO_BIN_EXE_crosswheel");
    python(&[
        "tests/corpus/run.py",
        "--crosswheel",
        shim,
        "--packages",
        EIGHT,
        "--checks",
        "transparency",
        "--work",
        work,
    ]);
}

#[test]
fn the_comparisons_find_what_differs() {
    for folder in ["tests/corpus", "tests/corpus/cross"] {
        python(&["-m", "unittest", "discover", "--start-directory", folder]);
    }
}
