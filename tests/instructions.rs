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

/// Most instructions that the record costs, for the same call.
const RECORD_LIMIT: u64 = 60_000;

/// Most system calls that recording a call costs over becoming the tool: the record is opened, gets two lines, and the tool
/// is started (a call of ours, and one of the child's before it becomes the tool) and waited for.
const RECORD_CALLS: usize = 6;

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
fn instructions(gcc: &Path, folder: &Path, status: i32) -> u64 {
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
    assert_eq!(output.status.code(), Some(status), "{said}");
    let count = said.lines().rev().find_map(|said| said.strip_prefix(&line));
    count.unwrap_or_else(|| panic!("no count in: {said}")).trim().parse().expect("a number")
}

#[test]
fn a_compile_with_sixty_arguments_costs_the_shim_fewer_than_150_000_instructions() {
    assert_eq!(COMPILE.lines().count(), 60);
    let folder = tempfile::tempdir().expect("a folder");
    // As deep as a build's folder usually is: paths are looked at in every call.
    let folder =
        folder.path().canonicalize().expect("a folder").join("builds/numpy-2.4.0/.mesonpy-0a1b2c3d/build");
    fs::create_dir_all(&folder).expect("folders");
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
            family: &family,
            policy: &family.policy,
            cross: None,
            reproducible,
            path: "/usr/bin:/bin".as_ref(),
            cwd: &folder,
            variables: &|_| None,
            python: None,
            extra_tools: &[],
            record: true,
        })
        .expect("a session");
        let count = instructions(&session.bin.join("gcc"), &folder, 0);
        assert!(folder.join("tiny.o").is_file(), "the compiler did not run");
        let record = fs::read_to_string(session.record.as_ref().expect("a record")).expect("a record");
        assert!(record.lines().any(|line| line.starts_with(r#"{"ev":"end""#)), "{record}");
        let changed = if reproducible.is_some() { "with" } else { "without" };
        println!("{name} {changed} reproducibility: {count} instructions");
        assert!(count < LIMIT, "{name} {changed} reproducibility: {count} instructions, allowed are {LIMIT}");
        fs::remove_file(folder.join("tiny.o")).expect("an object");
    }
}

/// System calls that are the shim's own: those of the program that is called as `gcc`, and of its child until that becomes
/// the tool. The end of the process is not one: with or without the shim, one process ends for its caller.
fn system_calls(gcc: &Path, folder: &Path) -> usize {
    let trace = folder.join("trace");
    let status = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .arg(gcc)
        .args(COMPILE.lines())
        .current_dir(folder)
        .env_clear()
        .envs(environment(gcc.parent().expect("a folder")))
        .status()
        .expect("strace starts (tests/setup.sh installs it)");
    assert!(status.success());
    let trace = fs::read_to_string(trace).expect("a trace");
    // The shim and its child are ours until they become another program; what that starts never is.
    let mut ours: Vec<&str> = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    let mut count = 0;
    for line in trace.lines() {
        let (pid, call) = line.split_once(' ').expect("a process number");
        let call = call.trim_start();
        if others.contains(&pid) || !call.starts_with(|first: char| first.is_ascii_lowercase()) {
            continue;
        }
        match ours.contains(&pid) {
            false if ours.len() < 2 && others.is_empty() => ours.push(pid),
            false => others.push(pid),
            true if call.starts_with("execve(") => others.push(pid),
            true => {}
        }
        count +=
            usize::from(ours.contains(&pid) && !others.contains(&pid) && !call.starts_with("exit_group("));
    }
    count
}

#[test]
fn a_record_costs_fewer_than_60_000_instructions_and_6_system_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a folder");
    fs::write(folder.join("tiny.c"), "int add(int a, int b) { return a + b; }\n").expect("a source");
    fs::write(folder.join("tiny.h"), "").expect("a header");
    let topology = Topology::builtin().expect("the built-in topology");
    let toolchains = Toolchains::builtin().expect("the built-in toolchains");
    let family = topology.family("host").expect("a family");
    fs::create_dir(folder.join("tools")).expect("a folder");
    let gcc = folder.join("tools/gcc");
    let mut instructions_of = Vec::new();
    let mut calls_of = Vec::new();
    for record in [false, true] {
        std::os::unix::fs::symlink("/usr/bin/gcc", &gcc).expect("a link");
        let session = Session::create(&SessionOptions {
            dir: &folder.join("session"),
            toolchains: &toolchains,
            family: &family,
            policy: &family.policy,
            cross: None,
            reproducible: None,
            path: format!("{}:/usr/bin:/bin", folder.join("tools").display()).as_ref(),
            cwd: &folder,
            variables: &|_| None,
            python: None,
            extra_tools: &[],
            record,
        })
        .expect("a session");
        let shim = session.bin.join("gcc");
        calls_of.push(system_calls(&shim, &folder));
        // callgrind counts no program that becomes another one: the compiler is gone, and both find that out.
        fs::remove_file(&gcc).expect("a link");
        instructions_of.push(instructions(&shim, &folder, 127));
    }
    let instructions = instructions_of[1] - instructions_of[0];
    let calls = calls_of[1] - calls_of[0];
    println!("the record costs {instructions} instructions and {calls} system calls");
    assert!(instructions < RECORD_LIMIT, "{instructions} instructions, allowed are {RECORD_LIMIT}");
    assert!(calls <= RECORD_CALLS, "{calls} system calls, allowed are {RECORD_CALLS}");
}
