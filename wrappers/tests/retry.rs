//! The second try of a call that failed under `-Werror` (rules 18 and 22): what is tried again and what is not,
//! whose output and status stand, and what the record tells.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use common::*;
use crosswheel_shim::plan::*;

/// Says on both streams which run it is, and fails the first time.
const FAILS_ONCE: &str = r#"
    n=$(tr -cd '\n' <"$FAKE_ARGV" | wc -c)
    echo "out $n"; echo "a.c:1:1: error: unused [-Werror=unused-variable] run $n" >&2
    [ $n -gt 1 ] || exit 1"#;
/// The same, and fails each time with another status.
const FAILS_ALWAYS: &str = r#"
    n=$(tr -cd '\n' <"$FAKE_ARGV" | wc -c)
    echo "out $n"; echo "a.c:1:1: error: unused [-Werror=unused-variable] run $n" >&2
    exit $((n + 2))"#;

fn demote() -> Folder {
    let demote = Demote {
        rule: "werror-demote".into(),
        why: "a warning is no reason to fail".into(),
        flags: vec![b"-Wno-error".to_vec()],
        each: b"-Wno-error=".to_vec(),
    };
    let mut f = Folder::with(Profile { demote: Some(demote), ..Profile::default() });
    f.plan.probes = vec![ProbeRow {
        name: "autoconf".into(),
        why: "its configure asks with conftest.c".into(),
        input: Some("conftest.*".into()),
        ..ProbeRow::default()
    }];
    f.write_plan();
    f
}

#[test]
fn rule_18_a_failure_under_werror_is_tried_once_more_without_it() {
    let f = demote();
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", FAILS_ONCE).output().unwrap();
    assert!(output.status.success());
    let calls = f.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(words(&calls[0])[1..], ["-c", "-Werror", "a.c"]);
    assert_eq!(words(&calls[1])[1..], ["-c", "-Werror", "a.c", "-Wno-error"]);
}

#[test]
fn rule_18_each_werror_of_its_own_is_taken_back_by_its_name() {
    let f = demote();
    let args = ["-c", "-Werror=unused", "-Werror=format=2", "a.c"];
    f.command("cc", args).env("FAKE_DO", FAILS_ONCE).output().unwrap();
    let expected = [
        "-c",
        "-Werror=unused",
        "-Werror=format=2",
        "a.c",
        "-Wno-error",
        "-Wno-error=unused",
        "-Wno-error=format",
    ];
    assert_eq!(words(&f.calls()[1])[1..], expected);
}

#[test]
fn rule_18_when_the_second_try_succeeds_its_output_stands() {
    let f = demote();
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", FAILS_ONCE).output().unwrap();
    assert_eq!(stdout(&output), "out 2\n");
    assert!(
        stderr(&output).ends_with("run 2\n") && !stderr(&output).contains("run 1"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn rule_18_when_the_second_try_fails_too_output_and_status_of_the_first_stand() {
    let f = demote();
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", FAILS_ALWAYS).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stdout(&output), "out 1\n");
    assert!(stderr(&output).ends_with("run 1\n"), "{}", stderr(&output));
    assert_eq!(f.calls().len(), 2);
    assert!(f.record()[1].contains(r#""exit":3,"#) && f.record()[1].contains(r#""retry":{"exit":4,"#));
}

#[test]
fn rule_18_the_record_holds_the_lines_that_were_demoted_without_their_colours() {
    let f = demote();
    let script = r#"
        [ $(tr -cd '\n' <"$FAKE_ARGV" | wc -c) -gt 1 ] && exit 0
        printf 'a.c: In function f\n\033[01m\033[Ka.c:1:1:\033[m error: x [\033[01;31m-Werror=unused\033[m]\n' >&2
        printf 'c.c:3: [\033]8;;https://gcc.gnu.org/\a-Werror=a\033]8;;\a] \033]8;;u\033\\linked\033]8;;\033\\\nb.c:2: plain [-Werror]\n' >&2
        exit 1"#;
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", script).output().unwrap();
    assert!(output.status.success());
    let end = f.record().pop().unwrap();
    let told = r#""demoted":["a.c:1:1: error: x [-Werror=unused]","c.c:3: [-Werror=a] linked","b.c:2: plain [-Werror]"]"#;
    assert!(end.contains(told), "{end}");
}

#[test]
fn rule_18_no_werror_no_second_try() {
    let f = demote();
    let output =
        f.command("cc", ["-c", "-Wall", "-Wno-error", "a.c"]).env("FAKE_DO", FAILS_ONCE).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(f.calls().len(), 1);
}

#[test]
fn rule_18_a_probe_is_never_tried_again() {
    let f = demote();
    let output =
        f.command("cc", ["-c", "-Werror", "conftest.c"]).env("FAKE_DO", FAILS_ONCE).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(f.calls().len(), 1);
    assert!(f.record()[0].contains(r#""probe":"autoconf""#));
}

#[test]
fn rule_18_a_call_that_succeeds_runs_once_and_keeps_its_warnings() {
    let f = demote();
    let script = "echo out; echo warning >&2";
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", script).output().unwrap();
    assert_eq!((stdout(&output), stderr(&output)), ("out\n".into(), "warning\n".into()));
    assert_eq!(f.calls().len(), 1);
    assert!(!f.record()[1].contains("retry"));
}

#[test]
fn rule_18_death_by_a_signal_is_never_tried_again() {
    let f = demote();
    for signal in [libc::SIGSEGV, libc::SIGKILL, libc::SIGINT] {
        let _ = fs::remove_file(f.path("argv"));
        let script = format!("echo before; kill -{signal} $$");
        let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", script).output().unwrap();
        assert_eq!(output.status.signal(), Some(signal));
        assert_eq!(stdout(&output), "before\n");
        assert_eq!(f.calls().len(), 1);
    }
}

#[test]
fn rule_18_a_call_that_was_interrupted_is_not_tried_again_even_if_the_tool_exits() {
    let f = demote();
    // As a compiler cache does: it minds the signal and exits with a status.
    let script = r#"
        [ $(tr -cd '\n' <"$FAKE_ARGV" | wc -c) -gt 1 ] && exit 0
        trap 'exit 1' INT TERM; echo $$ >"$OUT.pid"; while :; do sleep 0.01; done"#;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let _ = (fs::remove_file(f.path("argv")), fs::remove_file(f.path("out.pid")));
        let child = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", script).spawn().unwrap();
        until("the tool runs", || f.path("out.pid").exists());
        // SAFETY: plain call on our own child.
        unsafe { libc::kill(child.id().try_into().unwrap(), signal) };
        assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(signal));
        assert_eq!(f.calls().len(), 1);
    }
}

#[test]
fn rule_18_a_tool_that_cannot_be_run_is_not_tried_again() {
    let mut f = demote();
    f.plan.tools[0].real = b"/nowhere/gcc".to_vec();
    f.write_plan();
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(stderr(&output).matches("gone").count(), 1);
}

#[test]
fn rule_18_stdout_and_stderr_that_are_one_file_keep_their_order() {
    let f = demote();
    let script = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
    for end in ["", "; exit 1"] {
        let line = format!("exec '{}' -c -Werror a.c 2>&1", text(&f.path("bin/cc")));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &line]);
        f.surround(&mut command);
        let output = command.env("FAKE_DO", format!("{script}{end}")).output().unwrap();
        assert_eq!(stdout(&output), "1\n2\n3\n4\n");
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn rule_18_streams_that_the_caller_closed_stay_closed_in_both_runs() {
    let f = demote();
    let script =
        r#"for n in 0 1 2; do [ -e /proc/$$/fd/$n ] || all="$all $n"; done; echo $all >>"$OUT"; exit 1"#;
    for (closed, expected) in [("2>&-", "2\n2\n"), (">&-", "1\n1\n"), (">&- 2>&- <&-", "0 1 2\n0 1 2\n")] {
        let _ = fs::remove_file(f.path("out"));
        let line = format!("exec '{}' -c -Werror a.c {closed}", text(&f.path("bin/cc")));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &line]);
        f.surround(&mut command);
        let output = command.env("FAKE_DO", script).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(fs::read_to_string(f.path("out")).unwrap(), expected);
    }
}

#[test]
fn rule_18_much_output_is_held_and_let_go_whole() {
    let f = demote();
    let script = "yes 0123456789 | head -c 3000000; yes abcdefghi | head -c 2000000 >&2";
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", script).output().unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (3_000_000, 2_000_000));
}

#[test]
fn rule_18_a_call_without_werror_writes_to_its_terminal_itself() {
    let f = demote();
    let (_window, inside) = terminal();
    let script = r#"test -t 1 && echo tty >>"$OUT""#;
    for args in [&["-c", "a.c"][..], &["-c", "-Werror", "a.c"]] {
        let mut command = f.command("cc", args);
        command.env("FAKE_DO", format!("{script}; true")).stdout(Stdio::from(inside.try_clone().unwrap()));
        assert!(command.status().unwrap().success());
    }
    assert_eq!(fs::read_to_string(f.path("out")).unwrap(), "tty\n");
}

#[test]
fn rule_18_it_holds_without_a_record_too() {
    let mut f = demote();
    f.plan.record = None;
    f.write_plan();
    let output = f.command("cc", ["-c", "-Werror", "a.c"]).env("FAKE_DO", FAILS_ONCE).output().unwrap();
    assert!(output.status.success());
    assert_eq!(stdout(&output), "out 2\n");
}

#[test]
fn rule_18_both_runs_find_the_callers_dispositions() {
    // Not through the shell, which minds some of them itself, but cp, to which `-v` is an innocent option, and which
    // keeps what the first run wrote. It fails for want of its second source.
    let mut f = demote();
    f.plan.tools[0].real = b"/bin/cp".to_vec();
    f.plan.options = vec![(Dialect::Gcc, vec![row("-v", Form::Flag, Effect::Werror)])];
    f.plan.profiles[0].demote.as_mut().unwrap().flags = vec![b"-v".to_vec()];
    f.write_plan();
    let args = ["-v", "--backup=numbered", "/proc/self/status", "/nowhere/x", "."];
    let mut command = f.command("cc", args);
    let ignored = [libc::SIGHUP, libc::SIGPIPE, libc::SIGUSR1];
    assert_eq!(ignoring(&ignored, command.stderr(Stdio::null())).status().unwrap().code(), Some(1));
    for run in ["work/status", "work/status.~1~"] {
        let told = fs::read_to_string(f.path(run)).unwrap();
        let set = told.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let expected = ignored.iter().fold(0u64, |set, signal| set | 1 << (signal - 1));
        assert_eq!(u64::from_str_radix(set, 16).unwrap() & 0x7fff_ffff, expected, "{run}");
    }
}

#[test]
fn rule_22_a_source_on_stdin_is_there_for_both_runs() {
    let f = demote();
    let source = "int main(void) { return 0; }\n".repeat(10_000);
    for named in ["-", "/dev/stdin"] {
        let _ = (fs::remove_file(f.path("argv")), fs::remove_file(f.path("stdin")));
        let mut command = f.command("cc", ["-Werror", "-xc", "-c", named]);
        command.env("FAKE_DO", FAILS_ONCE).env("FAKE_STDIN", f.path("stdin"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(fs::read_to_string(f.path("stdin")).unwrap(), source.repeat(2));
    }
}

#[test]
fn rule_22_stdin_that_is_no_source_is_not_taken() {
    let f = demote();
    fs::write(f.path("in"), "for the next command\n").unwrap();
    let line = format!("'{}' -c -Werror a.c; cat", text(&f.path("bin/cc")));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]);
    f.surround(&mut command);
    let output = command.stdin(fs::File::open(f.path("in")).unwrap()).output().unwrap();
    assert_eq!(stdout(&output), "for the next command\n");
}
