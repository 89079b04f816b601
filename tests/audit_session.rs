//! From a command run in a session to the audit of what it made, with the real shim and the real tools.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

fn crosswheel(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosswheel")).args(args).current_dir(folder).output().unwrap()
}

fn pack(folder: &Path, wheel: &str, library: &str) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(folder.join(wheel)).unwrap());
    zip.start_file("demo.so", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&std::fs::read(folder.join(library)).unwrap()).unwrap();
    zip.finish().unwrap();
}

#[test]
fn what_went_through_the_shim_is_traced_and_what_went_round_it_is_found() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    std::fs::write(folder.join("a.c"), "int n = 7; int add(int x) { return x + n; }\n").unwrap();
    // Read by the shell before PATH changes: the way round.
    let real = which::which("gcc").unwrap();
    let script = format!(
        "gcc -g -shared -fPIC a.c -o through.so && strip -g through.so && \
         '{}' -O2 -shared -fPIC a.c -o round.so && gcc -c missing.c -o missing.o",
        real.display()
    );
    let ran = crosswheel(folder, &["run", "--family", "host", "--", "sh", "-c", &script]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");

    let failed = crosswheel(folder, &["log", "ls", "--failed"]);
    let listed = String::from_utf8_lossy(&failed.stdout).into_owned();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("missing.c"), "{listed}");

    let [through, round] =
        ["through", "round"].map(|name| format!("{name}-1.0-cp311-cp311-linux_x86_64.whl"));
    pack(folder, &through, "through.so");
    pack(folder, &round, "round.so");
    let audit = crosswheel(folder, &["audit", &through]);
    assert_eq!(audit.status.code(), Some(0), "{audit:?}");
    assert!(String::from_utf8_lossy(&audit.stdout).contains("traced  demo.so"), "{audit:?}");
    let audit = crosswheel(folder, &["audit", &round]);
    assert_eq!(audit.status.code(), Some(1), "{audit:?}");
    assert!(
        String::from_utf8_lossy(&audit.stdout)
            .contains("demo.so was made by a compiler that went past the shim"),
        "{audit:?}"
    );
}
