//! The record (rule 21): a line ahead of the tool and one behind, each one write; and a build that does not mind
//! when it cannot be written.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::*;
use crosswheel_shim::plan::*;

#[test]
fn rule_21_begin_is_written_before_the_tool_starts() {
    let f = Folder::fake();
    let script = format!("cp '{}' \"$OUT\"", text(&f.path("record.jsonl")));
    assert!(f.command("cc", ["-c", "a.c"]).env("FAKE_DO", script).status().unwrap().success());
    let then = fs::read_to_string(f.path("out")).unwrap();
    assert_eq!(then.lines().count(), 1);
    assert!(then.starts_with(r#"{"ev":"begin""#));
    assert_eq!(f.record().len(), 2);
}

#[test]
fn rule_21_each_line_is_one_write_to_a_file_opened_for_appending() {
    let f = Folder::fake();
    let long = "x".repeat(100_000);
    let mut command = Command::new("strace");
    command.args(["-s", "30", "-e", "trace=openat,open,write", "-o"]).arg(f.path("trace"));
    command.arg(f.path("bin/cc")).args(["-c", "a.c", &format!("-DX={long}")]);
    f.surround(&mut command);
    assert!(command.status().expect("strace is needed: tests/setup.sh installs it").success());
    let trace = fs::read_to_string(f.path("trace")).unwrap();
    let writes = trace.lines().filter(|line| line.starts_with("write("));
    let writes: Vec<_> = writes.filter(|line| line.contains(r#""{\"ev\":\""#)).collect();
    assert_eq!(writes.len(), 2, "{trace}");
    assert_eq!(trace.lines().filter(|line| line.starts_with("write(")).count(), 2, "{trace}");
    let open = trace.lines().find(|line| line.contains("record.jsonl")).unwrap();
    assert!(open.contains("O_APPEND") && !open.contains("O_CREAT"), "{open}");
}

#[test]
fn rule_21_a_line_holds_no_newline_whatever_the_arguments() {
    let f = Folder::fake();
    let odd = OsString::from_vec(b"-D\n\"\\\x01\x7f\xff\xed\xa0\x80\xc3\xa9".to_vec());
    assert!(f.command("cc", ["-c".into(), odd]).status().unwrap().success());
    let record = fs::read(f.path("record.jsonl")).unwrap();
    let told = String::from_utf8(record).unwrap();
    assert_eq!(told.matches('\n').count(), 2);
    assert!(told.contains(r#""-D\n\"\\\u0001\u007f\udcff\udced\udca0\udc80é""#), "{told}");
}

/// The call is as without a record: the tool ran, its status stands, and nothing was said.
#[track_caller]
fn unaffected(f: &Folder) {
    for status in [0, 3] {
        let _ = fs::remove_file(f.path("argv"));
        let mut command = f.command("cc", ["-c", "a.c"]);
        let output = command.env("FAKE_DO", format!("echo out; exit {status}")).output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        assert_eq!((stdout(&output), stderr(&output)), ("out\n".into(), String::new()));
        assert_eq!(f.calls().len(), 1);
    }
}

#[test]
fn rule_21_a_full_disk_under_the_record_does_not_touch_the_build() {
    let f = Folder::fake();
    fs::remove_file(f.path("record.jsonl")).unwrap();
    symlink("/dev/full", f.path("record.jsonl")).unwrap();
    unaffected(&f);
    assert!(f.path("record.lost").exists());
}

#[test]
fn rule_21_a_record_that_is_gone_does_not_touch_the_build_and_does_not_come_back() {
    let f = Folder::fake();
    fs::remove_file(f.path("record.jsonl")).unwrap();
    unaffected(&f);
    assert!(f.path("record.lost").exists() && !f.path("record.jsonl").exists());
}

#[test]
fn rule_21_a_record_whose_folder_is_gone_does_not_touch_the_build() {
    let mut f = Folder::fake();
    f.plan.record = Some(b"/nowhere/at/all/record.jsonl".to_vec());
    f.write_plan();
    unaffected(&f);
}

#[test]
fn rule_21_a_record_that_is_a_folder_does_not_touch_the_build() {
    let f = Folder::fake();
    fs::remove_file(f.path("record.jsonl")).unwrap();
    fs::create_dir(f.path("record.jsonl")).unwrap();
    unaffected(&f);
    assert!(f.path("record.lost").exists());
}

#[test]
fn rule_21_a_record_over_the_callers_limit_of_file_sizes_does_not_touch_the_build() {
    let mut f = Folder::fake();
    f.plan.file_limit = true;
    f.write_plan();
    fs::write(f.path("record.jsonl"), vec![b'\n'; 4096]).unwrap();
    // dash counts in blocks of 512 bytes.
    let line = format!("ulimit -f 8; exec '{}' -c a.c", text(&f.path("bin/cc")));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]);
    f.surround(&mut command);
    let output = command.env("FAKE_DO", "echo out; grep SigIgn /proc/self/status; exit 3").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{:?}", output.status);
    assert!(stdout(&output).starts_with("out\n"));
    assert!(f.path("record.lost").exists());
    // SIGXFSZ is still the tool's own to get.
    let told = stdout(&output);
    let set = told.rsplit('\t').next().unwrap().trim();
    assert_eq!(u64::from_str_radix(set, 16).unwrap() & 1 << (libc::SIGXFSZ - 1), 0);
}

#[test]
fn rule_21_a_record_on_a_full_file_system_keeps_its_whole_lines() {
    let f = Folder::fake();
    fs::create_dir(f.path("small")).unwrap();
    let small = text(&f.path("small"));
    let script = |room: &str| {
        format!(
            "{room} && : >'{small}/record.jsonl' && \
             for n in 1 2 3 4 5 6 7 8 9; do \"$0\" -c a.c -DX={} || exit; done; \
             cp '{small}/record.jsonl' \"$OUT\"; ls '{small}' >\"$OUT.ls\"",
            "x".repeat(1500)
        )
    };
    let mut f = f;
    f.plan.record = Some(format!("{small}/record.jsonl").into_bytes());
    // For the last of the ways below.
    f.plan.file_limit = true;
    f.write_plan();
    // In a mount space of its own, so that nothing stays mounted; as root of a user space of its own, so that
    // anybody may. Where user spaces are not allowed, root itself mounts; where nobody may (a container), a limit
    // of file sizes is as short a write.
    let tmpfs = format!("mount -t tmpfs -o size=16k none '{small}'");
    let ways: [(&[&str], &str); 3] = [
        (&["unshare", "-m", "-U", "-r", "/bin/sh"], &tmpfs),
        (&["unshare", "-m", "/bin/sh"], &tmpfs),
        (&["/bin/sh"], "ulimit -f 32"),
    ];
    for (at, (starter, room)) in ways.iter().enumerate() {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).args(["-c", &script(room)]).arg(f.path("bin/cc"));
        f.surround(&mut command);
        let output = command.output().unwrap();
        if output.status.success() {
            break;
        }
        assert!(at + 1 < ways.len() && stderr(&output).contains("unshare"), "{}", stderr(&output));
    }
    assert_eq!(f.calls().len(), 9, "every call ran its tool");
    let listed = fs::read_to_string(f.path("out.ls")).unwrap();
    assert_eq!(listed, "record.jsonl\nrecord.lost\n");
    let record = fs::read_to_string(f.path("out")).unwrap();
    assert!(record.lines().next().unwrap().ends_with('}'));
    // What does not fit is a torn line at the end, and nothing is written behind it.
    let torn: Vec<_> = record.lines().enumerate().filter(|(_, line)| !line.ends_with('}')).collect();
    assert!(torn.iter().all(|(at, _)| *at + 1 == record.lines().count()), "{torn:?}");
}

#[test]
fn rule_21_a_call_inside_of_another_names_it() {
    let f = Folder::shell();
    let inner = format!("'{}' -c 'exit 0'", text(&f.path("bin/cc")));
    assert!(f.command("cc", ["-c", &inner]).env("CROSSWHEEL_PARENT", "0123").status().unwrap().success());
    let record = f.record();
    let id = |line: &str| line.split(r#""id":""#).nth(1).unwrap()[..12].to_owned();
    assert!(record[0].contains(r#""parent":"0123","#), "{}", record[0]);
    assert!(record[1].contains(&format!(r#""parent":"{}""#, id(&record[0]))), "{}", record[1]);
}

/// `[size, modified]` of a file, as a record says it.
fn stamp(path: &std::path::Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let data = fs::metadata(path).unwrap();
    format!("[{},{}]", data.size(), data.mtime() * 1_000_000_000 + data.mtime_nsec())
}

#[test]
fn rule_21_a_link_tells_what_it_took_in() {
    let f = Folder::new(PlanData {
        tools: vec![tool("ar", Role::Ar, Dialect::Ar), tool("cc", Role::Cc, Dialect::Gcc)],
        options: vec![(Dialect::Gcc, driver_rows())],
        ..PlanData::default()
    });
    for name in ["a.o", "lib1/libx.a", "lib2/libx.so", "lib2/libx.a", "lib2/exact.a", "w.a"] {
        let path = f.path("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let seen = |name: &str| stamp(&f.path("work").join(name));
    let lib = |arg: &str, path: &str| format!(r#"{{"arg":"{arg}","path":"{path}","seen":{}}}"#, seen(path));
    for (args, libs) in [
        // The first folder with either kind counts; the system's are not looked through.
        (&["-lx", "-Llib1", "-Llib2", "-lm"][..], vec![lib("-lx", "lib1/libx.a")]),
        (&["-L", "lib2", "-lx"], vec![lib("-lx", "lib2/libx.so")]),
        (&["-Llib2", "-static", "-lx"], vec![lib("-lx", "lib2/libx.a")]),
        (
            &["-Llib2", "-Wl,-Bstatic", "-lx", "-Wl,-Bdynamic", "-lx"],
            vec![lib("-lx", "lib2/libx.a"), lib("-lx", "lib2/libx.so")],
        ),
        (&["-Llib2", "-l:exact.a"], vec![lib("-l:exact.a", "lib2/exact.a")]),
        (
            &["-Wl,--whole-archive,w.a,--no-whole-archive"],
            vec![lib("-Wl,--whole-archive,w.a,--no-whole-archive", "w.a")],
        ),
    ] {
        fs::write(f.path("record.jsonl"), "").unwrap();
        f.call("cc", [&["a.o", "missing.o", "-o", "a"], args].concat());
        let begin = &f.record()[0];
        assert!(begin.contains(&format!(r#""seen":[{},null]"#, seen("a.o"))), "{begin}");
        assert!(begin.contains(&format!(r#""libs":[{}]"#, libs.join(","))), "{begin}");
    }
    // An archive takes in objects; a compile takes in nothing that was made.
    fs::write(f.path("record.jsonl"), "").unwrap();
    f.call("ar", ["rcs", "l.a", "a.o"]);
    f.call("cc", ["-c", "a.c"]);
    let record = f.record();
    assert!(record[0].contains(&format!(r#""seen":[{}]"#, seen("a.o"))), "{}", record[0]);
    assert!(!record[2].contains(r#""seen""#), "{}", record[2]);
}

#[test]
fn rule_21_response_files_are_kept_as_they_were() {
    let f = Folder::fake();
    fs::write(f.path("work/a.rsp"), "-c 'a b.c'\n@b.rsp").unwrap();
    fs::write(f.path("work/b.rsp"), b"-DX=\xff").unwrap();
    f.call("cc", ["@a.rsp"]);
    let files = r#""files":[{"path":"a.rsp","content":"-c 'a b.c'\n@b.rsp"},{"path":"b.rsp","content":"-DX=\udcff"}]"#;
    assert!(f.record()[0].contains(files), "{}", f.record()[0]);
}

#[test]
fn rule_21_only_allowed_variables_are_told() {
    let mut f = Folder::fake();
    f.plan.env_allow = vec!["CFLAGS".into(), "LANG".into()];
    f.write_plan();
    let mut command = f.command("cc", ["-c", "a.c"]);
    command.env("CFLAGS", "-O2 \u{e9}").env("SECRET", "hush").env("CFLAGS_MORE", "no").env_remove("LANG");
    assert!(command.status().unwrap().success());
    let begin = &f.record()[0];
    assert!(begin.contains("\"env\":{\"CFLAGS\":\"-O2 \u{e9}\"}"), "{begin}");
}

#[test]
fn rule_21_a_linked_program_is_described_and_an_object_is_not() {
    let mut f = Folder::fake();
    f.plan.tools[0].real = b"/usr/bin/gcc".to_vec();
    f.write_plan();
    fs::write(f.path("work/a.c"), "int main(void) { return 0; }\n").unwrap();
    for args in [&["-c", "a.c"][..], &["a.o", "-o", "a", "-Wl,--build-id"]] {
        assert!(f.command("cc", args).status().unwrap().success());
    }
    let record = f.record();
    assert!(!record[1].contains(r#""made""#));
    let sum = Command::new("sha256sum").arg(f.path("work/a")).output().unwrap();
    let sum = stdout(&sum)[..64].to_owned();
    assert!(record[3].contains(r#""made":[{"path":"a","#), "{}", record[3]);
    assert!(record[3].contains(&format!(r#""sha256":"{sum}""#)) && record[3].contains(r#""build_id":""#));
}

#[test]
fn rule_21_a_refused_call_is_told_with_its_reason() {
    let mut f = Folder::with(Profile {
        rules: vec![Rule { hint: "leave it out".into(), ..rule(Effect::March, Action::Refuse, &[]) }],
        ..Profile::default()
    });
    f.plan.family = "x86-64-v3".into();
    f.write_plan();
    let output = f.command("cc", ["-c", "-march=native", "a.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = "refused `-march=native`: the test asks for it (rule test)";
    assert_eq!(stderr(&output), format!("crosswheel: cc: {told}\n      hint: leave it out\n"));
    assert!(f.calls().is_empty());
    let record = f.record();
    assert!(record[0].contains(r#""disp":"refused""#) && record[0].contains(told), "{}", record[0]);
    assert!(record[1].contains(r#""error":"refused"#), "{}", record[1]);
}
