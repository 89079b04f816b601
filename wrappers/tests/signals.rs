//! Signals: those that kill the tool are reproduced, and no tool outlives a shim that was killed (rule 19).

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use common::*;

/// A tool that tells of its signals in `$OUT` and ends after the first deadly one.
const TRAPS: &str = r#"
    for s in HUP INT QUIT TERM USR1 USR2; do trap "echo $s >>\"$OUT\"; n=1" $s; done
    echo $$ >"$OUT.pid"
    while [ -z "$n" ]; do sleep 0.01; done
    exit 9"#;

/// A tool that only waits.
const WAITS: &str = r#"echo $$ >"$OUT.pid"; sleep 60 & wait"#;

/// Starts `cc -c SCRIPT` and waits until the script says that it runs; its process number is the other half.
fn start(f: &Folder, command: &mut Command) -> (Child, i32) {
    let child = command.spawn().unwrap();
    let mut tool = 0;
    until("the tool runs", || {
        let text = fs::read_to_string(f.path("out.pid")).unwrap_or_default();
        tool = if text.ends_with('\n') { text.trim().parse().unwrap() } else { 0 };
        tool != 0
    });
    (child, tool)
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: plain call; `pid` is a child of this test, or its group.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

fn pid(child: &Child) -> i32 {
    child.id().try_into().unwrap()
}

/// State of a process by its letter: `T` is stopped, `S` sleeps; `None` if there is none.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim().chars().next()
}

fn gone(pid: i32) -> bool {
    state(pid).is_none_or(|state| state == 'Z')
}

fn heard(f: &Folder) -> String {
    fs::read_to_string(f.path("out")).unwrap_or_default()
}

#[test]
fn rule_19_the_death_of_the_tool_is_reproduced_as_its_signal() {
    let f = Folder::shell();
    for signal in [
        libc::SIGKILL,
        libc::SIGSEGV,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGABRT,
        libc::SIGHUP,
        libc::SIGPIPE,
        libc::SIGBUS,
        libc::SIGXCPU,
        libc::SIGUSR1,
        libc::SIGRTMIN() + 3,
    ] {
        let status = f.command("cc", ["-c", &format!("kill -{signal} $$")]).status().unwrap();
        assert_eq!(status.signal(), Some(signal));
        let end = f.record().pop().unwrap();
        assert!(end.contains(&format!(r#""signal":{signal},"#)) && !end.contains(r#""exit""#), "{end}");
    }
}

#[test]
fn rule_19_the_death_of_the_tool_leaves_no_core_of_the_shim() {
    let f = Folder::shell();
    let script =
        format!("ulimit -c unlimited; '{}' -c 'ulimit -c 0; kill -SEGV $$'", text(&f.path("bin/cc")));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    f.surround(&mut command);
    let status = command.stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(128 + libc::SIGSEGV));
    assert_eq!(fs::read_dir(f.path("work")).unwrap().count(), 0);
}

#[test]
fn rule_19_a_signal_that_ends_the_shim_ends_the_tool() {
    for signal in [
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGKILL,
    ] {
        let f = Folder::shell();
        let (mut child, tool) = start(&f, &mut f.command("cc", ["-c", TRAPS]));
        kill(pid(&child), signal);
        // The caller sees the very signal; the tool is asked to end, and may tidy up.
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
        until("the tool is gone", || gone(tool));
        assert_eq!(heard(&f), "TERM\n");
    }
}

#[test]
fn rule_19_a_signal_to_the_whole_group_ends_both() {
    let f = Folder::shell();
    let (mut child, tool) = start(&f, f.command("cc", ["-c", TRAPS]).process_group(0));
    kill(-pid(&child), libc::SIGINT);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
    until("the tool is gone", || gone(tool));
    assert!(heard(&f).starts_with("INT\n"));
}

#[test]
fn rule_19_the_end_of_a_child_that_the_caller_left_us_is_not_the_end_of_the_tool() {
    let f = Folder::shell();
    let tool = "sleep 0.3; exit 7";
    let script = format!("sleep 0.05 & exec '{}' -c '{tool}'", text(&f.path("bin/cc")));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    f.surround(&mut command);
    assert_eq!(command.status().unwrap().code(), Some(7));
    assert!(f.record().pop().unwrap().contains(r#""exit":7,"#));
}

#[test]
fn rule_21_a_killed_call_shows_what_was_in_flight() {
    let f = Folder::shell();
    let (mut child, _) = start(&f, &mut f.command("cc", ["-c", WAITS]));
    kill(pid(&child), libc::SIGKILL);
    child.wait().unwrap();
    let record = f.record();
    assert_eq!(record.len(), 1);
    assert!(record[0].contains(r#""ev":"begin""#));
}

#[test]
fn rule_19_a_signal_that_the_caller_ignores_ends_neither() {
    let f = Folder::shell();
    let script = format!("trap '' HUP; exec '{}' -c '{WAITS}'", text(&f.path("bin/cc")));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    f.surround(&mut command);
    let (mut child, tool) = start(&f, &mut command);
    kill(pid(&child), libc::SIGHUP);
    kill(tool, libc::SIGHUP);
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!gone(tool) && child.try_wait().unwrap().is_none());
    kill(pid(&child), libc::SIGTERM);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn rule_19_stop_and_go_sent_to_the_group_hold_for_both() {
    let f = Folder::shell();
    // It starts nothing: a shell whose new child is stopped ahead of its program cannot stop itself.
    let script = r#"echo $$ >"$OUT.pid"; until [ -e "$OUT.go" ]; do :; done; exit 5"#;
    let (mut child, tool) = start(&f, f.command("cc", ["-c", script]).process_group(0));
    let shim = pid(&child);
    kill(-shim, libc::SIGTSTP);
    until("both stopped", || state(shim) == Some('T') && state(tool) == Some('T'));
    kill(-shim, libc::SIGCONT);
    until("both go on", || state(shim) != Some('T') && state(tool) != Some('T'));
    fs::write(f.path("out.go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

/// Starts a command in a terminal of its own, as the leader of its session, and gives back the terminal's side
/// of the window.
fn in_terminal(f: &Folder, command: &mut Command) -> (Child, i32, fs::File) {
    let (master, slave) = terminal();
    let number = slave.as_raw_fd();
    let stream = || Stdio::from(slave.try_clone().unwrap());
    command.stdin(stream()).stdout(stream()).stderr(stream());
    // SAFETY: both calls are async-signal-safe, and `number` is open until the child was started.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 || libc::ioctl(number, libc::TIOCSCTTY, 0) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let (child, tool) = start(f, command);
    (child, tool, fs::File::from(master))
}

#[test]
fn rule_19_an_interrupt_key_ends_both() {
    for (script, minds) in [(TRAPS, true), (WAITS, false)] {
        let f = Folder::shell();
        let (mut child, tool, mut window) = in_terminal(&f, &mut f.command("cc", ["-c", script]));
        window.write_all(b"\x03").unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
        until("the tool is gone", || gone(tool));
        assert!(!minds || heard(&f).contains("INT\n"));
    }
}

#[test]
fn rule_19_a_stop_key_that_would_not_stop_the_tool_does_not_stop_the_shim() {
    // A group without a shell to let it go on is never stopped by a terminal; a shim that stopped itself all
    // the same would hang its build for ever.
    let f = Folder::shell();
    let script = r#"echo $$ >"$OUT.pid"; until [ -e "$OUT.go" ]; do sleep 0.01; done; exit 5"#;
    let (mut child, _, mut window) = in_terminal(&f, &mut f.command("cc", ["-c", script]));
    window.write_all(b"\x1a").unwrap();
    window.flush().unwrap();
    // The echo of the key tells that the terminal has dealt with it.
    let mut echo = [0; 2];
    window.read_exact(&mut echo).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_ne!(state(pid(&child)), Some('T'));
    fs::write(f.path("out.go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn rule_19_a_window_that_closes_hangs_up_both() {
    let f = Folder::shell();
    let (mut child, tool, window) = in_terminal(&f, &mut f.command("cc", ["-c", WAITS]));
    drop(window);
    let status: ExitStatus = child.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGHUP));
    until("the tool is gone", || gone(tool));
}

#[test]
fn rule_19_sixty_four_calls_at_once_under_make_with_a_jobserver() {
    let f = Folder::shell();
    // Each call takes a place of the jobserver in turn, which works only if the pipe came through.
    let mut rules = String::from("all:");
    for n in 0..64 {
        let _ = write!(rules, " t{n}");
    }
    rules.push_str(
        "\nt%:\n\t+@cc -c 'case \"$$MAKEFLAGS\" in *jobserver*) ;; *) exit 1;; esac; make -s -f sub' >$@\n",
    );
    fs::write(f.path("work/Makefile"), rules).unwrap();
    fs::write(f.path("work/sub"), "all: a b\na b:\n\t@echo $@\n").unwrap();
    let mut command = Command::new("make");
    command.args(["-s", "-j64"]);
    f.surround(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("jobserver"), "{}", stderr(&output));
    for n in 0..64 {
        let mut told: Vec<_> = fs::read_to_string(f.path("work").join(format!("t{n}")))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        told.sort();
        assert_eq!(told, ["a", "b"]);
    }
    let record = f.record();
    assert_eq!(record.len(), 128);
    let ids: std::collections::BTreeSet<_> =
        record.iter().map(|line| line.split(r#""id":""#).nth(1).unwrap()[..12].to_owned()).collect();
    assert_eq!(ids.len(), 64);
    assert!(record.iter().all(|line| line.starts_with('{') && line.ends_with('}')));
}
