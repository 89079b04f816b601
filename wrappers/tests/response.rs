//! Response files (rule 5) and lines that are too long for the kernel (rule 20): read, edited inside, written
//! anew in our own folder, and never changed where the caller left them.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use common::*;
use crosswheel_shim::plan::*;

/// A folder whose `cc` appends `-march=x86-64-v3` and takes `-DOLD` values away.
fn editing() -> Folder {
    let mut f = Folder::with(Profile {
        injections: vec![injection(Slot::After, &["-march=x86-64-v3"])],
        rules: vec![rule(Effect::Mtune, Action::Drop, &[])],
        ..Profile::default()
    });
    f.plan.options[0].1.push(row("-mtune=", Form::Joined, Effect::Mtune));
    f.write_plan();
    f
}

fn run(f: &Folder, args: &[&str]) -> (Output, Vec<String>) {
    let (output, calls) = f.call("cc", args);
    let call = calls.last().map(|call| words(call)[1..].iter().map(|&word| word.to_owned()).collect());
    (output, call.unwrap_or_default())
}

/// The names of a hundred thousand objects: over two megabytes.
fn objects() -> String {
    (0..100_000).fold(String::new(), |all, n| all + &format!("object-{n:012}.o\n"))
}

fn kind(f: &Folder) -> String {
    let begin = f.record().into_iter().rev().find(|line| line.contains(r#""ev":"begin""#)).unwrap();
    begin.split(r#""kind":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn rule_05_a_response_file_that_needs_no_edit_is_named_as_before() {
    let f = editing();
    fs::write(f.path("work/args"), "-c a.c -DX='a b'").unwrap();
    let (_, args) = run(&f, &["-O2", "@args"]);
    assert_eq!(args, ["-O2", "@args", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_an_argument_inside_a_response_file_is_edited() {
    let f = editing();
    let content = "-c -mtune=native 'a b.c' -DX=\"1 2\" -DY=\\\"q\\\"\n";
    fs::write(f.path("work/args"), content).unwrap();
    let (_, args) = run(&f, &["-O2", "@args", "-g"]);
    assert_eq!(args, ["-O2", "-c", "a b.c", "-DX=1 2", "-DY=\"q\"", "-g", "-march=x86-64-v3"]);
    assert_eq!(fs::read_to_string(f.path("work/args")).unwrap(), content);
}

#[test]
fn rule_05_only_the_file_with_the_edit_is_read_out() {
    let f = editing();
    fs::write(f.path("work/one"), "-mtune=native -c").unwrap();
    fs::write(f.path("work/two"), "a.c -DX").unwrap();
    let (_, args) = run(&f, &["@one", "@two"]);
    assert_eq!(args, ["-c", "@two", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_a_link_whose_inputs_are_all_in_a_file_is_a_link() {
    let f = editing();
    fs::write(f.path("work/objs"), "a.o\nb.o\n").unwrap();
    let (_, args) = run(&f, &["-shared", "-o", "x.so", "@objs"]);
    assert_eq!(args, ["-shared", "-o", "x.so", "@objs", "-march=x86-64-v3"]);
    assert_eq!(kind(&f), "link");
    let begin = &f.record()[0];
    assert!(begin.contains(r#""in":["a.o","b.o"]"#), "{begin}");
    assert!(begin.contains(r#""expanded":["#) && begin.contains(r#""-o","x.so","a.o","b.o"]"#), "{begin}");
}

#[test]
fn rule_05_files_nest_and_names_are_relative_to_the_working_folder() {
    let f = editing();
    fs::create_dir(f.path("work/sub")).unwrap();
    fs::write(f.path("work/sub/outer"), "-c @inner").unwrap();
    fs::write(f.path("work/inner"), "-mtune=native a.c").unwrap();
    let (_, args) = run(&f, &["@sub/outer"]);
    assert_eq!(args, ["-c", "a.c", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_a_missing_file_a_folder_and_a_lone_at_stay_literal() {
    let f = editing();
    fs::create_dir(f.path("work/folder")).unwrap();
    let (output, args) = run(&f, &["-c", "@missing", "@folder", "@", "a.c"]);
    assert!(output.status.success());
    assert_eq!(args, ["-c", "@missing", "@folder", "@", "a.c", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_a_missing_file_named_in_a_file_stays_literal_when_that_one_is_read_out() {
    let f = editing();
    fs::write(f.path("work/args"), "-c -mtune=native @missing a.c").unwrap();
    let (_, args) = run(&f, &["@args"]);
    assert_eq!(args, ["-c", "@missing", "a.c", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_a_file_that_may_not_be_read_stays_literal() {
    let f = editing();
    fs::write(f.path("work/args"), "-c a.c").unwrap();
    fs::set_permissions(f.path("work/args"), fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads all files; then it is read, and named as before.
    let (_, args) = run(&f, &["-c", "b.c", "@args"]);
    assert_eq!(args, ["-c", "b.c", "@args", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_a_pipe_is_left_for_the_tool_to_read() {
    let f = editing();
    let made = Command::new("mkfifo").arg(f.path("work/pipe")).status().unwrap();
    assert!(made.success());
    let feed = {
        let pipe = f.path("work/pipe");
        std::thread::spawn(move || fs::write(pipe, "-c a.c").unwrap())
    };
    let mut command = f.command("cc", ["-c", "x.c", "@pipe"]);
    let output = command.env("FAKE_DO", "cat pipe").output().unwrap();
    feed.join().unwrap();
    assert_eq!(stdout(&output), "-c a.c");
    assert_eq!(words(&f.calls()[0])[1..], ["-c", "x.c", "@pipe", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_an_empty_file_and_one_of_blanks_hold_nothing() {
    let f = editing();
    fs::write(f.path("work/empty"), "").unwrap();
    fs::write(f.path("work/blank"), " \n\t\r\n").unwrap();
    let (_, args) = run(&f, &["@empty", "-c", "@blank", "a.c"]);
    assert_eq!(args, ["@empty", "-c", "@blank", "a.c", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_empty_arguments_in_a_file_stay() {
    let f = editing();
    fs::write(f.path("work/args"), "-c -include \"\" '' -mtune=x a.c").unwrap();
    let (_, args) = run(&f, &["@args"]);
    assert_eq!(args, ["-c", "-include", "", "", "a.c", "-march=x86-64-v3"]);
}

#[test]
fn rule_05_files_that_name_each_other_without_end_do_not_hang_the_build() {
    let f = editing();
    // Each level names the next one twice: 2³⁰ readings, and not one word.
    for level in 0..30 {
        let content = format!("@f{} @f{}", level + 1, level + 1);
        fs::write(f.path("work").join(format!("f{level}")), content).unwrap();
    }
    fs::write(f.path("work/f30"), "").unwrap();
    fs::write(f.path("work/loop"), "@loop @loop").unwrap();
    for name in ["@f0", "@loop"] {
        let mut child = f.command("cc", ["-c", "a.c", name]).spawn().unwrap();
        let start = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed().as_secs() > 15 {
                child.kill().unwrap();
                panic!("{name} hangs");
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(words(f.calls().last().unwrap())[1..], ["-c", "a.c", name, "-march=x86-64-v3"]);
    }
}

#[test]
fn rule_05_a_line_of_two_megabytes_in_a_file_passes() {
    let f = editing();
    let content = objects();
    assert!(content.len() > 2_000_000);
    fs::write(f.path("work/objs"), &content).unwrap();
    let (output, args) = run(&f, &["-o", "x", "@objs"]);
    assert!(output.status.success());
    assert_eq!(args, ["-o", "x", "@objs", "-march=x86-64-v3"]);
    assert_eq!(kind(&f), "link");
    // The record tells all of it, in one line.
    assert!(f.record()[0].contains("object-000000099999.o"));
}

/// Shows what the tool found in its response file, one argument a line, and that file's path.
const SHOW: &str = r#"for a in "$@"; do case $a in @*) echo "${a#@}" >"$OUT.name"; cp "${a#@}" "$OUT";; esac; done; exit $STATUS"#;

fn given_by_file(f: &Folder, args: &[&str], status: &str) -> (Output, Vec<Vec<u8>>) {
    let output = f.command("cc", args).env("FAKE_DO", SHOW).env("STATUS", status).output().unwrap();
    let words = crosswheel_shim::args::response::split(&fs::read(f.path("out")).unwrap());
    (output, words)
}

#[test]
fn rule_20_an_edited_line_of_two_megabytes_goes_through_a_file_of_ours() {
    let f = editing();
    let content = objects();
    fs::write(f.path("work/objs"), format!("-mtune=x {content} 'odd name.o'")).unwrap();
    for status in ["0", "3"] {
        let (output, words) = given_by_file(&f, &["-o", "x", "@objs"], status);
        assert_eq!(output.status.code().unwrap().to_string(), status);
        assert_eq!(words.len(), 2 + 100_000 + 1 + 1);
        assert_eq!(words[2], b"object-000000000000.o");
        assert_eq!(words[100_002], b"odd name.o");
        assert_eq!(words[100_003], b"-march=x86-64-v3");
        let used = fs::read_to_string(f.path("out.name")).unwrap();
        assert!(used.starts_with(&text(&f.path("scratch"))), "{used}");
        assert_eq!(fs::read_dir(f.path("scratch")).unwrap().count(), 0, "it was taken away");
    }
}

#[test]
fn rule_20_one_argument_over_128_kib_from_a_file_goes_through_a_file_of_ours() {
    let f = editing();
    let long = "x".repeat(200 * 1024);
    fs::write(f.path("work/args"), format!("-mtune=x -DX={long} -c a.c")).unwrap();
    let (output, words) = given_by_file(&f, &["@args"], "0");
    assert!(output.status.success());
    assert_eq!(words[0].len(), long.len() + 4);
    assert_eq!(words[1..], [b"-c".to_vec(), b"a.c".to_vec(), b"-march=x86-64-v3".to_vec()]);
}

#[test]
fn rule_20_a_long_line_goes_through_a_file_without_a_record_too() {
    let mut f = editing();
    f.plan.record = None;
    f.write_plan();
    let long = "x".repeat(200 * 1024);
    fs::write(f.path("work/args"), format!("-mtune=x -DX={long} -c a.c")).unwrap();
    let (output, words) = given_by_file(&f, &["@args"], "5");
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(words.len(), 4);
    assert_eq!(fs::read_dir(f.path("scratch")).unwrap().count(), 0);
}

#[test]
fn rule_20_without_room_for_that_file_the_message_says_so() {
    let mut f = editing();
    f.plan.scratch = b"/nowhere/scratch".to_vec();
    f.write_plan();
    let long = "x".repeat(200 * 1024);
    fs::write(f.path("work/args"), format!("-mtune=x -DX={long} -c a.c")).unwrap();
    let output = f.command("cc", ["@args"]).output().unwrap();
    assert_eq!(output.status.code(), Some(126));
    let told = stderr(&output);
    assert!(told.contains("/nowhere/scratch") && !told.contains("gone"), "{told}");
    assert!(f.calls().is_empty());
}

#[test]
fn rule_05_real_gcc_reads_an_edited_file_as_it_read_the_callers() {
    let mut f = editing();
    f.plan.tools[0].real = b"/usr/bin/gcc".to_vec();
    f.write_plan();
    fs::write(f.path("work/a b.c"), "int a = sizeof(X) + Y;\n").unwrap();
    let odd = r#"-mtune=native "-DX=\"q \\ ' \"" -DY='2 + 3'"#;
    fs::write(f.path("work/args"), format!("{odd} -w -S 'a b.c' -o out.s -march=x86-64\n")).unwrap();
    let output = f.command("cc", ["@args"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    // "q \ ' " is seven bytes with its end, and 2 + 3 is five.
    assert!(fs::read_to_string(f.path("work/out.s")).unwrap().contains("12"));
}
