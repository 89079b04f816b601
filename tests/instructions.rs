//! The gate on what a call costs: instructions of the shim itself, since times on a shared machine prove nothing.
//! (benches/ has the times.)

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crosswheel::toolchain::Toolchains;
use crosswheel::toolchain::profile::Reproducible;
use crosswheel::toolchain::session::{Session, SessionOptions};
use crosswheel::topology::Topology;

/// Most instructions of the shim's own for a compile with 60 arguments.
const LIMIT: u64 = 150_000;

/// A compile as Meson writes it, one argument a line; the benches measure the same one.
const COMPILE: &str = include_str!("../benches/overhead/sixty-arguments.txt");

/// The environment of the call: as many variables as a build usually has, and always the same ones.
fn environment(bin: &Path) -> Vec<(String, OsString)> {
    let mut path = bin.as_os_str().to_owned();
    path.push(":/usr/local/bin:/usr/bin:/bin");
    let mut all = vec![("PATH".to_owned(), path)];
    for (name, value) in [
        ("CFLAGS", "-O2 -g -fstack-protector-strong"),
        ("CC", "gcc"),
        ("CXX", "g++"),
        ("HOME", "/home/builder"),
        ("LANG", "C.UTF-8"),
        ("MAKEFLAGS", "-j2"),
        ("SOURCE_DATE_EPOCH", "1700000000"),
        ("TMPDIR", "/tmp"),
    ] {
        all.push((name.to_owned(), value.into()));
    }
    all.extend((0..30).map(|n| (format!("BUILD_VARIABLE_{n}"), "of no concern to a compiler".into())));
    all
}

/// Instructions of the program that is called as `gcc`, by callgrind; what it starts is not counted.
fn instructions(gcc: &Path, folder: &Path) -> u64 {
    let valgrind = Command::new("/usr/bin/valgrind")
        .args(["--tool=callgrind", "--trace-children=no", "--callgrind-out-file=/dev/null"])
        .arg(gcc)
        .args(COMPILE.lines())
        .current_dir(folder)
        .env_clear()
        .envs(environment(gcc.parent().expect("a folder")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("valgrind starts (tests/setup.sh installs it)");
    // The shim's child counts by itself until it becomes the compiler, under a number of its own.
    let line = format!("=={}== Collected : ", valgrind.id());
    let output = valgrind.wait_with_output().expect("valgrind ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let count = said.lines().rev().find_map(|said| said.strip_prefix(&line));
    count.unwrap_or_else(|| panic!("no count in: {said}")).trim().parse().expect("a number")
}

#[test]
fn a_compile_with_sixty_arguments_costs_the_shim_fewer_than_150_000_instructions() {
    assert_eq!(COMPILE.lines().count(), 60);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a folder");
    fs::write(folder.join("tiny.c"), "int add(int a, int b) { return a + b; }\n").expect("a source");
    fs::write(folder.join("tiny.h"), "").expect("a header");
    let topology = Topology::builtin().expect("the built-in topology");
    let toolchains = Toolchains::builtin().expect("the built-in toolchains");
    let reproducible = Reproducible {
        maps: vec![(folder.clone(), "/src".into()), ("/usr/lib/python3.11".into(), "/python".into())],
    };
    for (name, reproducible) in [("host", None), ("x86-64-v3", None), ("x86-64-v3", Some(&reproducible))] {
        let family = topology.family(name).expect("a family");
        let session = Session::create(&SessionOptions {
            dir: &folder.join("session"),
            toolchains: &toolchains,
            family,
            policy: &family.policy,
            reproducible,
            path: "/usr/bin:/bin".as_ref(),
            cwd: &folder,
            variables: &|_| None,
            python: None,
            extra_tools: &[],
            record: true,
        })
        .expect("a session");
        let count = instructions(&session.bin.join("gcc"), &folder);
        assert!(folder.join("tiny.o").is_file(), "the compiler did not run");
        let record = fs::read_to_string(session.record.as_ref().expect("a record")).expect("a record");
        assert!(record.lines().any(|line| line.starts_with(r#"{"ev":"end""#)), "{record}");
        let changed = if reproducible.is_some() { "with" } else { "without" };
        println!("{name} {changed} reproducibility: {count} instructions");
        assert!(count < LIMIT, "{name} {changed} reproducibility: {count} instructions, allowed are {LIMIT}");
        fs::remove_file(folder.join("tiny.o")).expect("an object");
    }
}
