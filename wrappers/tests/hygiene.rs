//! The shim is the tool for its caller: streams, descriptors, dispositions, folder, environment and exit
//! status (rules 4 and 19). What signals do is in `signals.rs`.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use common::*;

#[test]
fn rule_19_exit_status_is_that_of_the_tool() {
    let f = Folder::fake();
    for status in [0, 1, 2, 42, 126, 127, 128, 255] {
        let output =
            f.command("cc", ["-c", "a.c"]).env("FAKE_DO", format!("exit {status}")).output().unwrap();
        assert_eq!(output.status.code(), Some(status));
    }
}

#[test]
fn rule_19_stdout_and_stderr_pass_through_and_stay_apart() {
    let f = Folder::shell();
    let output = f.command("cc", ["-c", "printf out; printf err >&2"]).output().unwrap();
    assert_eq!((stdout(&output), stderr(&output)), ("out".into(), "err".into()));
}

#[test]
fn rule_19_stdin_reaches_the_tool() {
    let f = Folder::shell();
    fs::write(f.path("in"), b"\0\xff bytes").unwrap();
    let stdin = fs::File::open(f.path("in")).unwrap();
    let output = f.command("cc", ["-c", "cat"]).stdin(stdin).output().unwrap();
    assert_eq!(output.stdout, b"\0\xff bytes");
}

#[test]
fn rule_19_stdin_that_the_tool_does_not_read_is_left_for_the_next_command() {
    let f = Folder::shell();
    fs::write(f.path("in"), "one\ntwo\n").unwrap();
    let script = r#""$1" -c 'read line; echo "tool: $line"'; cat"#;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).arg(f.path("bin/cc"));
    f.surround(&mut command);
    let output = command.stdin(fs::File::open(f.path("in")).unwrap()).output().unwrap();
    // The shell reads a file by the byte or seeks back, so that exactly one line was taken.
    assert_eq!(stdout(&output), "tool: one\ntwo\n");
}

/// What the shell says of its descriptors, each with its target.
const DESCRIPTORS: &str =
    r#"cd /proc/$$/fd; for f in *; do { printf '%s ' "$f"; readlink "$f"; } >>"$OUT"; done"#;

#[test]
fn rule_19_closed_streams_stay_closed_and_nothing_of_ours_takes_their_place() {
    let f = Folder::shell();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let open = "</dev/null >/dev/null 2>/dev/null ";
        let (shim, plain) = f.both("", &format!("{open}{closed}"), DESCRIPTORS);
        assert_eq!(shim, plain, "{closed}");
        let script = r#"for n in 0 1 2; do [ -e /proc/$$/fd/$n ] || all="$all $n"; done; echo $all >"$OUT""#;
        let (shim, plain) = f.both("", &format!("{open}{closed}"), script);
        assert_eq!(shim, plain, "{closed}");
        assert_eq!(shim.split_whitespace().count(), closed.matches('&').count(), "{closed}: {shim}");
    }
}

#[test]
fn rule_19_descriptors_of_the_caller_reach_the_tool_and_ours_do_not() {
    let f = Folder::shell();
    let streams = "</dev/null >/dev/null 2>/dev/null";
    let (shim, plain) = f.both("", &format!("{streams} 3</etc/passwd 4>/dev/null 9</dev/zero"), DESCRIPTORS);
    assert_eq!(shim, plain);
    assert!(shim.contains("3 /etc/passwd\n") && shim.contains("9 /dev/zero\n"), "{shim}");
}

#[test]
fn rule_19_a_high_descriptor_reaches_the_tool_as_a_jobserver_needs_it() {
    let f = Folder::shell();
    let (reader, writer) = pipe();
    let number = writer.as_raw_fd();
    let mut command = f.command("cc", ["-c", "printf token >/proc/self/fd/200"]);
    // SAFETY: `dup2` is async-signal-safe, and `number` is open until the child was started.
    unsafe {
        command.pre_exec(move || match libc::dup2(number, 200) {
            200 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    assert!(command.status().unwrap().success());
    drop(writer);
    let mut token = String::new();
    fs::File::from(reader).read_to_string(&mut token).unwrap();
    assert_eq!(token, "token");
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the kernel fills both ends, which are ours from then on.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

#[test]
fn rule_19_ignored_signals_stay_ignored_and_others_do_not_become_so() {
    // Not through the shell, which minds some of them itself.
    let f = Folder::running("/bin/grep");
    let args = ["SigIgn", "/proc/self/status"];
    for signals in [
        &[][..],
        &[libc::SIGPIPE],
        &[libc::SIGHUP],
        &[libc::SIGCHLD],
        &[libc::SIGINT, libc::SIGTERM, libc::SIGTSTP, libc::SIGUSR1, libc::SIGPIPE, libc::SIGCHLD],
    ] {
        let told = stdout(&ignoring(signals, &mut f.command("cc", args)).output().unwrap());
        let ignored = signals.iter().fold(0u64, |set, signal| set | 1 << (signal - 1));
        let told = u64::from_str_radix(told.trim_start_matches("SigIgn:\t").trim(), 16).unwrap();
        // The caller of this test may ignore real-time signals, which none of this is about.
        assert_eq!(told & 0x7fff_ffff, ignored, "{signals:?}");
    }
}

#[test]
fn rule_19_the_signal_mask_reaches_the_tool() {
    // Not through the shell, which clears its mask.
    let f = Folder::running("/bin/grep");
    let mut command = f.command("cc", ["SigBlk", "/proc/self/status"]);
    // SAFETY: all three calls are async-signal-safe; the set is emptied before use.
    unsafe {
        command.pre_exec(|| {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGUSR2);
            libc::sigaddset(&raw mut set, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
            Ok(())
        });
    }
    let told = stdout(&command.output().unwrap());
    let mask = (1u64 << (libc::SIGUSR2 - 1)) | (1 << (libc::SIGCHLD - 1));
    assert!(told.contains(&format!("SigBlk:\t{mask:016x}")), "{told}");
}

#[test]
fn rule_19_an_end_that_ignored_sigchld_lost_is_a_failure_and_never_a_guess() {
    // Nobody who starts the shim so can learn a status: what starts whole builds, `crosswheel`, resets SIGCHLD.
    let f = Folder::shell();
    for exit in ["exit 0", "exit 7"] {
        let output = ignoring(&[libc::SIGCHLD], &mut f.command("cc", ["-c", exit])).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = stderr(&output);
        assert!(told.contains("SIGCHLD") && told.contains("hint: "), "{told}");
        assert!(f.record().pop().unwrap().contains("SIGCHLD"));
    }
}

#[test]
fn rule_19_a_broken_pipe_ends_the_tool_as_without_the_shim() {
    let f = Folder::shell();
    // `yes` dies of SIGPIPE, quietly; with SIGPIPE ignored it would report an error.
    let script = format!("'{}' -c 'yes; echo ended $? >&2' | head -1", text(&f.path("bin/cc")));
    let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    assert_eq!(stdout(&output), "y\n");
    assert_eq!(stderr(&output), "ended 141\n");
}

#[test]
fn rule_19_umask_folder_and_limits_reach_the_tool() {
    let f = Folder::shell();
    let script = r#"{ umask; pwd; ulimit -n; ulimit -c; ulimit -s; nice; } >"$OUT""#;
    let (shim, plain) = f.both("umask 027; ulimit -n 200; ulimit -s 4096; cd /usr", "", script);
    assert_eq!(shim, plain);
    assert!(shim.starts_with("0027\n/usr\n200\n"), "{shim}");
}

#[test]
fn rule_19_a_deleted_working_folder_is_the_tools_own_affair() {
    let f = Folder::shell();
    let script = r#"{ readlink /proc/self/cwd; } >"$OUT""#;
    let (shim, plain) = f.both("mkdir gone; cd gone; rmdir ../gone", "", script);
    assert_eq!(shim, plain);
    assert!(shim.contains("gone (deleted)"), "{shim}");
    let begin = &f.record()[0];
    assert!(begin.contains(r#""ev":"begin""#) && !begin.contains(r#""cwd""#), "{begin}");
}

#[test]
fn rule_19_the_environment_reaches_the_tool_but_for_our_folder_in_path_and_the_name_of_the_call() {
    let f = Folder::shell();
    let ahead = "export ODD='a\nb' EMPTY= PS1=x; unset HOME";
    let (shim, plain) = f.both(ahead, "", r#"env -0 | tr '\0' '\1' >"$OUT""#);
    let sorted = |text: &str| {
        let mut all: Vec<_> =
            text.split('\u{1}').filter(|v| !v.starts_with("_=")).map(str::to_owned).collect();
        all.sort();
        all
    };
    let mut told = sorted(&shim);
    let parent = told.extract_if(.., |variable| variable.starts_with("CROSSWHEEL_PARENT=")).next().unwrap();
    assert_eq!(told, sorted(&plain));
    let id = parent.split('=').nth(1).unwrap();
    assert!(f.record()[0].contains(&format!(r#""id":"{id}""#)), "{parent}");
}

#[test]
fn rule_19_a_variable_that_is_not_utf_8_and_one_without_a_name_reach_the_tool() {
    let f = Folder::shell();
    let script = r#"tr '\0' '\n' </proc/$$/environ >"$OUT""#;
    let mut command = f.command("cc", ["-c", script]);
    command.env(OsString::from_vec(b"B\xff".to_vec()), OsString::from_vec(b"\xfe=\x80".to_vec()));
    assert!(command.status().unwrap().success());
    let told = fs::read(f.path("out")).unwrap();
    assert!(told.split(|byte| *byte == b'\n').any(|line| line == b"B\xff=\xfe=\x80"));
}

#[test]
fn rule_19_a_terminal_stays_a_terminal() {
    let f = Folder::shell();
    let (master, slave) = terminal();
    let script = r#"for n in 0 1 2; do test -t $n && echo $n >>"$OUT"; done"#;
    let stream = || Stdio::from(slave.try_clone().unwrap());
    let mut command = f.command("cc", ["-c", script]);
    assert!(command.stdin(stream()).stdout(stream()).stderr(stream()).status().unwrap().success());
    drop(master);
    assert_eq!(fs::read_to_string(f.path("out")).unwrap(), "0\n1\n2\n");
}

#[test]
fn rule_03_the_tool_finds_its_absolute_path_as_its_name() {
    let f = Folder::shell();
    let script = r#"head -zn1 /proc/$$/cmdline | tr -d '\0' >"$OUT""#;
    let name = || fs::read_to_string(f.path("out")).unwrap();
    let mut absolute = f.command("cc", ["-c", script]);
    let mut bare = Command::new("cc");
    bare.args(["-c", script]);
    f.surround(&mut bare);
    let mut relative = Command::new("../bin/cc");
    relative.args(["-c", script]);
    f.surround(&mut relative);
    let mut renamed = f.command("cc", ["-c", script]);
    renamed.arg0("x86_64-linux-gnu-gcc");
    let mut nameless = f.command("cc", ["-c", script]);
    nameless.arg0("");
    for command in [&mut absolute, &mut bare, &mut relative, &mut renamed, &mut nameless] {
        let _ = fs::remove_file(f.path("out"));
        assert!(command.status().unwrap().success(), "{command:?}");
        assert_eq!(name(), "/bin/sh", "{command:?}");
    }
}

#[test]
fn rule_03_a_link_to_the_shim_is_the_name_that_it_points_to() {
    let f = Folder::fake();
    std::os::unix::fs::symlink(f.path("bin/cc"), f.path("work/my-own-compiler")).unwrap();
    let mut command = Command::new(f.path("work/my-own-compiler"));
    command.args(["-c", "a.c"]);
    f.surround(&mut command);
    assert!(command.status().unwrap().success());
    assert_eq!(words(&f.calls()[0])[1..], ["-c", "a.c"]);
    assert!(f.record()[0].contains(r#""tool":"cc""#));
}

#[test]
fn rule_03_the_shim_is_started_as_a_script_interpreter_too() {
    let f = Folder::shell();
    // `#!` hands the script's path over as an argument; the name called is still ours.
    let line = format!("#!{}\necho from the script\n", text(&f.path("bin/cc")));
    fs::write(f.path("work/script"), line).unwrap();
    let output = f.command("cc", ["./script"]).output().unwrap();
    assert_eq!(stdout(&output), "from the script\n");
}

#[test]
fn rule_04_a_real_tool_that_is_gone_ends_with_127_and_says_so() {
    let mut f = Folder::fake();
    f.plan.tools[0].real = b"/nowhere/gcc".to_vec();
    f.write_plan();
    let output = f.command("cc", ["-c", "a.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    let told = stderr(&output);
    assert!(told.contains("/nowhere/gcc") && told.contains("gone") && told.contains("hint: "), "{told}");
    let end = &f.record()[1];
    assert!(end.contains(r#""ev":"end""#) && end.contains(r#""error":"the real tool /nowhere/gcc"#), "{end}");
}

#[test]
fn rule_04_a_real_tool_that_cannot_be_run_ends_with_126_and_says_why() {
    let mut f = Folder::fake();
    fs::write(f.path("plain-text"), "no program").unwrap();
    f.plan.tools[0].real = text(&f.path("plain-text")).into_bytes();
    f.write_plan();
    let output = f.command("cc", ["-c", "a.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(126));
    assert!(stderr(&output).contains("permission denied"), "{}", stderr(&output));
}

#[test]
fn rule_04_a_tool_without_a_record_is_missed_in_the_same_way() {
    let mut f = Folder::fake();
    f.plan.record = None;
    f.plan.tools[0].real = b"/nowhere/gcc".to_vec();
    f.write_plan();
    assert_eq!(f.command("cc", ["-c", "a.c"]).output().unwrap().status.code(), Some(127));
}

#[test]
fn rule_19_without_a_record_the_shim_becomes_the_tool() {
    let mut f = Folder::shell();
    f.plan.record = None;
    f.write_plan();
    let mut child = f.command("cc", ["-c", r#"echo $$ >"$OUT""#]).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_to_string(f.path("out")).unwrap().trim(), pid.to_string());
}

#[test]
fn rule_20_a_long_environment_and_a_long_line_pass() {
    let f = Folder::fake();
    let long = "x".repeat(120 * 1024);
    let mut command = f.command("cc", ["-c", &format!("-DX={long}"), "a.c"]);
    assert!(command.env("LONG", &long).status().unwrap().success());
    assert_eq!(f.calls()[0][2].len(), long.len() + 4);
}

#[test]
fn arguments_that_are_not_utf_8_pass_byte_for_byte() {
    let f = Folder::fake();
    let all: Vec<u8> = (1..=255).collect();
    let odd = OsString::from_vec([b"-D".as_slice(), &all].concat());
    let (output, calls) = f.call("cc", [odd.clone(), "".into(), OsString::from_vec(b"\xff.c".to_vec())]);
    assert!(output.status.success());
    assert_eq!(calls[0][1..], [odd, "".into(), OsString::from_vec(b"\xff.c".to_vec())]);
}
