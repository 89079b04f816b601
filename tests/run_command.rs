//! `crosswheel run`: the command has the shim first on PATH and is otherwise alone with its caller.

mod shop;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};

use shop::{Shop, record, said};

const SYSTEM: &str = "/usr/bin:/bin";

/// `run` of a shell script.
fn sh<'a>(script: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--family", "host"][..], more, &["--", "sh", "-c", script]].concat()
}

#[test]
fn the_status_of_the_command_is_passed_on() {
    let shop = Shop::new();
    for status in [0, 1, 2, 7, 126, 127, 255] {
        let output = shop.run(SYSTEM, &sh(&format!("exit {status}"), &[]));
        assert_eq!(output.status.code(), Some(status));
    }
}

#[test]
fn death_by_a_signal_is_death_by_that_signal() {
    let shop = Shop::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV, libc::SIGPIPE] {
        let output = shop.run(SYSTEM, &sh(&format!("kill -{signal} $$"), &[]));
        assert_eq!(output.status.signal(), Some(signal));
    }
}

#[test]
fn a_missing_command_is_127_and_one_that_cannot_run_is_126() {
    let shop = Shop::new();
    std::fs::write(shop.at("text"), "x").expect("a file");
    for (command, status) in [("no-such-command", 127), ("./nowhere", 127), ("./text", 126), ("/", 126)] {
        let output = shop.run(SYSTEM, &["run", "--family", "host", "--", command]);
        assert_eq!(output.status.code(), Some(status), "{command}");
        assert!(said(&output).contains(command), "{}", said(&output));
    }
}

#[test]
fn the_shim_is_first_on_path_and_what_it_runs_is_counted() {
    let shop = Shop::new();
    std::fs::write(shop.at("a.c"), "int a;\n").expect("a source");
    let output = shop.done(SYSTEM, &sh("command -v cc; cc --version >/dev/null; cc -c a.c", &[]));
    assert_eq!(output.stdout, format!("{}\n", shop.text(".crosswheel/host/bin/cc")).into_bytes());
    assert!(said(&output).contains("2 calls, "), "{}", said(&output));
    let lines = record(&shop.at(".crosswheel/host/record.jsonl"));
    let begun: Vec<_> =
        lines.iter().filter(|line| line["ev"] == "begin").map(|line| line["kind"].clone()).collect();
    assert_eq!(begun, ["query", "compile"]);
}

#[test]
fn quiet_says_nothing_of_its_own() {
    let shop = Shop::new();
    let output = shop.done(SYSTEM, &sh("echo out; echo err >&2", &["--quiet"]));
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
}

#[test]
fn input_goes_to_the_command() {
    let shop = Shop::new();
    let mut command = shop.command(SYSTEM, &["run", "--family", "host", "--", "cat"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(b"a\0\xffb").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.stdout, b"a\0\xffb");
}

/// Starts a script in a process group of its own, and waits until it says that it is ready.
fn started(shop: &Shop, script: &str) -> Child {
    let mut command = shop.command(SYSTEM, &sh(script, &["--quiet"]));
    let mut child =
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    // Nothing more is to come but what the test looks for.
    std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
    child
}

fn send(child: &Child, signal: i32, group: bool) {
    let id = i32::try_from(child.id()).expect("an id");
    // SAFETY: `kill` takes two numbers; the child was not waited for, so the id is its own.
    let sent = unsafe { libc::kill(if group { -id } else { id }, signal) };
    assert_eq!(sent, 0);
}

#[test]
fn an_interrupt_from_the_terminal_is_the_commands_to_handle() {
    let shop = Shop::new();
    let script = "trap 'exit 5' INT; echo ready; while :; do sleep 0.02; done";
    let mut child = started(&shop, script);
    send(&child, libc::SIGINT, true);
    assert_eq!(child.wait().expect("it ends").code(), Some(5));
}

#[test]
fn a_signal_to_crosswheel_alone_reaches_the_command() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        let shop = Shop::new();
        let script = "trap 'exit 6' TERM HUP INT; echo ready; while :; do sleep 0.02; done";
        let mut child = started(&shop, script);
        send(&child, signal, false);
        assert_eq!(child.wait().expect("it ends").code(), Some(6), "{signal}");
    }
}

#[test]
fn a_command_that_a_signal_kills_takes_crosswheel_along() {
    let shop = Shop::new();
    let mut child = started(&shop, "echo ready; exec sleep 60");
    send(&child, libc::SIGTERM, false);
    assert_eq!(child.wait().expect("it ends").signal(), Some(libc::SIGTERM));
}

#[test]
fn a_signal_that_the_caller_ignores_stays_ignored() {
    let shop = Shop::new();
    let mut command = shop.command(SYSTEM, &sh("kill -INT $$; kill -HUP $$; echo alive", &["--quiet"]));
    // SAFETY: `signal` is allowed between fork and exec, and only changes the child.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_IGN);
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            Ok(())
        });
    }
    let output = command.output().expect("it starts");
    assert_eq!(output.stdout, b"alive\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_caller_that_ignores_the_ends_of_children_still_learns_what_the_compiler_said() {
    let shop = Shop::new();
    std::fs::write(shop.at("a.c"), "#error no\n").expect("a source");
    let mut command = shop.command(SYSTEM, &["run", "--family", "host", "--", "cc", "-c", "a.c"]);
    // SAFETY: `signal` is allowed between fork and exec, and only changes the child.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            Ok(())
        });
    }
    let output = command.output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(!said(&output).contains("SIGCHLD"), "{}", said(&output));
    assert_eq!(record(&shop.at(".crosswheel/host/record.jsonl")).last().expect("a line")["exit"], 1);
}

#[test]
fn a_record_that_grows_over_the_limit_of_file_sizes_does_not_touch_the_build() {
    let shop = Shop::new();
    std::fs::write(shop.at("a.c"), "int a;\n").expect("a source");
    // Thirty lines of 100 kB, where 2 MiB are allowed: in blocks of 512 bytes, as dash counts.
    let script = "for n in 1 2 3 4 5 6 7 8 9 10; do \
                  for m in 1 2 3; do cc -c a.c -DA=$(head -c 100000 /dev/zero | tr '\\0' x) || exit 9; done; done";
    let crosswheel = shop.command(SYSTEM, &[]);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", r#"ulimit -f 4096; exec "$0" run --family host -- sh -c "$1""#]);
    command.arg(crosswheel.get_program()).arg(script);
    command.current_dir(shop.at("")).env_clear();
    command.envs(crosswheel.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("could not be"), "{}", said(&output));
}

#[test]
fn what_the_called_tools_cannot_do_is_told_at_the_end_and_of_no_other() {
    let shop = Shop::new();
    shop.gcc("a/gcc", "x86_64-linux-gnu");
    for machine in ["aarch64-linux-gnu", "s390x-linux-gnu"] {
        shop.gcc(&format!("a/{machine}-gcc"), machine);
    }
    let path = format!("{}:{SYSTEM}", shop.text("a"));
    let run = |script: &str| {
        let output = shop.done(&path, &["run", "--family", "x86-64-v3", "--", "sh", "-c", script]);
        said(&output)
    };
    let quiet = run("gcc -c a.c");
    assert!(!quiet.contains("aarch64") && !quiet.contains("s390x"), "{quiet}");
    let told = run("aarch64-linux-gnu-gcc -c a.c");
    assert!(told.contains("every compile with aarch64-linux-gnu-gcc has failed"), "{told}");
    assert!(!told.contains("s390x"), "{told}");
}

#[test]
fn calls_that_failed_are_counted_and_probes_are_not() {
    let shop = Shop::new();
    std::fs::write(shop.at("bad.c"), "int f(\n").expect("a source");
    let output = shop.done(SYSTEM, &sh("cc -c bad.c 2>/dev/null; cc -c bad.c 2>/dev/null; :", &[]));
    assert!(said(&output).contains("2 calls, 0 probes, 0 edits, 2 failed for host"), "{}", said(&output));
    let output = shop.done(SYSTEM, &sh("cc -c /dev/null -o /dev/null -fno-such 2>/dev/null; :", &[]));
    assert!(!said(&output).contains("failed"), "{}", said(&output));
}

#[test]
fn without_any_compiler_a_warning_says_so() {
    let shop = Shop::new();
    shop.link("/bin/sh", "a/sh");
    let output = shop.done(&shop.text("a"), &sh(":", &[]));
    assert!(
        said(&output).contains("no compiler was found on PATH: `crosswheel doctor`"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_the_way_out() {
    let shop = Shop::new();
    std::fs::write(shop.at("file"), "").expect("a file");
    let output = shop.run(SYSTEM, &sh(":", &["--dir", "file/session"]));
    assert!(!output.status.success());
    assert!(said(&output).contains("another folder with `--dir`"), "{}", said(&output));
}
