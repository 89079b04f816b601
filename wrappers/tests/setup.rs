//! What the shim finds ahead of its work: its plan, whole or damaged (rules 4 and 20); PATH, out of which its
//! folder is taken for a compiler and not for a build (rule 1); pinned real tools (rule 2); compiler caches, which
//! go inside (rule 24).

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::*;
use crosswheel_shim::plan::*;

/// The call ends with status 1, a message that holds `expected` and the plan's path, and no tool was run.
#[track_caller]
fn refuses(f: &Folder, expected: &str) {
    let output = f.command("cc", ["-c", "a.c"]).output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("crosswheel: cc: ") && told.contains(expected), "{told}");
    assert!(told.contains(&text(&f.path("plan"))) && told.contains("hint: "), "{told}");
    assert_eq!(stdout(&output), "");
    assert!(f.calls().is_empty());
}

#[test]
fn rule_04_without_a_plan_nothing_is_guessed() {
    let f = Folder::fake();
    fs::remove_file(f.path("plan")).unwrap();
    refuses(&f, "no such file");
}

#[test]
fn rule_04_a_plan_that_is_a_folder_is_refused() {
    let f = Folder::fake();
    fs::remove_file(f.path("plan")).unwrap();
    fs::create_dir(f.path("plan")).unwrap();
    refuses(&f, "cannot read its plan");
}

#[test]
fn rule_04_a_plan_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let f = Folder::fake();
    let whole = fs::read(f.path("plan")).unwrap();
    for len in [8, 12, 23, 24, 95, 96, 97, whole.len() / 2, whole.len() - 1] {
        fs::write(f.path("plan"), &whole[..len]).unwrap();
        refuses(&f, "cut short");
    }
    for len in [0, 1, 7] {
        fs::write(f.path("plan"), &whole[..len]).unwrap();
        refuses(&f, "not a plan");
    }
}

#[test]
fn rule_04_a_foreign_file_is_refused() {
    let f = Folder::fake();
    for content in [&b"[tools]\ncc = 'gcc'\n"[..], &[0; 4096], b"\x7fELF"] {
        fs::write(f.path("plan"), content).unwrap();
        refuses(&f, "not a plan");
    }
}

#[test]
fn rule_04_a_plan_of_another_version_is_refused_by_its_number() {
    let f = Folder::fake();
    let mut plan = fs::read(f.path("plan")).unwrap();
    plan[8..12].copy_from_slice(&99u32.to_le_bytes());
    fs::write(f.path("plan"), plan).unwrap();
    refuses(&f, "layout 99");
}

#[test]
fn rule_04_any_byte_that_changed_is_noticed() {
    let f = Folder::fake();
    let whole = fs::read(f.path("plan")).unwrap();
    // In process for every byte, and through the program for some.
    for at in 0..whole.len() {
        let mut plan = whole.clone();
        plan[at] ^= 0x20;
        assert!(Plan::open(&plan).is_err(), "byte {at}");
    }
    for at in [30, whole.len() / 2, whole.len() - 1] {
        let mut plan = whole.clone();
        plan[at] ^= 1;
        fs::write(f.path("plan"), plan).unwrap();
        refuses(&f, "checksum");
    }
}

#[test]
fn rule_04_a_name_that_the_plan_does_not_know_is_refused() {
    let f = Folder::fake();
    link(&f.path("bin/tcc"));
    let output = f.command("tcc", ["-c", "a.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("does not know this name"), "{}", stderr(&output));
}

/// The tool's PATH when it is called with this one, `BIN` standing for the shim folder.
fn path_seen(f: &Folder, path: &str) -> Option<String> {
    let path = path.replace("BIN", &text(&f.path("bin")));
    let script = r#"env | sed -n 's/^PATH=/=/p' >"$OUT""#;
    let mut command = f.command("cc", ["-c", script]);
    assert!(command.env("PATH", path).status().unwrap().success());
    let seen = fs::read_to_string(f.path("out")).unwrap();
    seen.trim_end_matches('\n').strip_prefix('=').map(str::to_owned)
}

#[test]
fn rule_01_the_shim_folder_is_taken_out_of_path_however_it_is_spelled() {
    let f = Folder::shell();
    for (given, seen) in [
        ("BIN:/usr/bin:/bin", "/usr/bin:/bin"),
        ("BIN/:/usr/bin:/bin", "/usr/bin:/bin"),
        ("BIN//:/usr/bin:/bin", "/usr/bin:/bin"),
        ("/BIN:/usr/bin:/bin", "/usr/bin:/bin"),
        ("BIN/.:/usr/bin:/bin", "/usr/bin:/bin"),
        ("/usr/bin:BIN:/bin", "/usr/bin:/bin"),
        ("/usr/bin:/bin:BIN", "/usr/bin:/bin"),
        ("BIN:/usr/bin:BIN/:/bin:BIN", "/usr/bin:/bin"),
        // Its neighbours stay, and so do empty entries, which mean the working folder.
        ("BINx:/usr/bin:/bin", "BINx:/usr/bin:/bin"),
        ("BIN/x:/usr/bin:/bin", "BIN/x:/usr/bin:/bin"),
        ("BIN::/usr/bin:/bin:", ":/usr/bin:/bin:"),
    ] {
        let seen = seen.replace("BIN", &text(&f.path("bin")));
        assert_eq!(path_seen(&f, given), Some(seen), "{given}");
    }
}

#[test]
fn rule_01_the_shim_folder_is_taken_out_of_a_path_that_names_it_through_a_link() {
    let f = Folder::shell();
    std::os::unix::fs::symlink(f.path("bin"), f.path("link")).unwrap();
    std::os::unix::fs::symlink(f.at(), f.path("around")).unwrap();
    for name in ["link", "around/bin", "link/../link"] {
        let folder = text(&f.path(name));
        let path = format!("{folder}:{}:/usr/bin:/bin", text(&f.path("bin")));
        // The shell looks for `cc` as a build does.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"cc -c 'echo "$PATH" >"$OUT"'"#]);
        f.surround(&mut command);
        assert!(command.env("PATH", path).status().unwrap().success());
        assert_eq!(fs::read_to_string(f.path("out")).unwrap(), "/usr/bin:/bin\n", "{name}");
    }
}

#[test]
fn rule_24_a_compiler_named_through_a_link_is_known() {
    let f = cached();
    for (folder, link) in [("bin", "link"), ("real", "other")] {
        std::os::unix::fs::symlink(f.path(folder), f.path(link)).unwrap();
        let (_, calls) = f.call("ccache", [text(&f.path(link)) + "/gcc", "-c".into(), "a.c".into()]);
        assert_eq!(words(&calls[0])[1..], [&text(&f.path("real/gcc")), "-c", "a.c", "-DADDED"], "{folder}");
    }
}

#[test]
fn rule_01_a_path_with_nothing_else_leaves_none_at_all() {
    // An empty PATH would mean the working folder.
    let f = Folder::running("/usr/bin/env");
    let output = f.command::<&str>("cc", []).env("PATH", f.path("bin")).output().unwrap();
    assert!(!stdout(&output).lines().any(|line| line.starts_with("PATH=")), "{}", stdout(&output));
}

#[test]
fn rule_01_a_program_that_starts_builds_keeps_the_shim_folder() {
    let mut f = Folder::shell();
    f.plan.tools[0].keeps_path = true;
    f.write_plan();
    let given = "BIN:/usr/bin:/bin";
    assert_eq!(path_seen(&f, given), Some(given.replace("BIN", &text(&f.path("bin")))));
}

#[test]
fn rule_01_collect2_does_not_come_back_through_the_shim() {
    let mut f = Folder::new(PlanData {
        tools: vec![tool("cc", Role::Cc, Dialect::Gcc), tool("ld", Role::Ld, Dialect::Ld)],
        options: vec![(Dialect::Gcc, driver_rows())],
        ..PlanData::default()
    });
    f.plan.tools[0].real = b"/usr/bin/gcc".to_vec();
    f.plan.tools[1].real = b"/usr/bin/ld".to_vec();
    f.write_plan();
    fs::write(f.path("work/a.c"), "int main(void) { return 0; }\n").unwrap();
    let output = f.command("cc", ["a.c", "-o", "a"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(f.record().len(), 2);
}

#[test]
fn rule_02_the_real_tool_is_pinned_whatever_path_says() {
    let f = Folder::fake();
    // Another compiler of the same name ahead on PATH, and a folder of caches that would call us back.
    fs::create_dir(f.path("other")).unwrap();
    std::os::unix::fs::symlink(f.path("bin/cc"), f.path("other/cc")).unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", text(&f.path("other")), text(&f.path("bin")));
    let mut command = Command::new("cc");
    command.args(["-c", "a.c"]);
    f.surround(&mut command);
    assert!(command.env("PATH", path).status().unwrap().success());
    assert_eq!(f.calls().len(), 1);
    assert_eq!(Path::new(&f.calls()[0][0]), f.path("real/cc"));
}

/// A folder with a compiler under two names and a cache, all of them fakes; `-DADDED` is put into each compile.
fn cached() -> Folder {
    let profile = Profile { injections: vec![injection(Slot::After, &["-DADDED"])], ..Profile::default() };
    let compiler = |name| Tool { profile: Some(0), ..tool(name, Role::Cc, Dialect::Gcc) };
    Folder::new(PlanData {
        tools: vec![compiler("cc"), compiler("gcc"), tool("ccache", Role::Launcher, Dialect::Plain)],
        options: vec![(Dialect::Gcc, driver_rows())],
        profiles: vec![profile],
        ..PlanData::default()
    })
}

#[test]
fn rule_24_a_cache_goes_inside_with_the_real_compiler_and_the_rewritten_arguments() {
    let f = cached();
    let (real_cc, real_gcc) = (text(&f.path("real/cc")), text(&f.path("real/gcc")));
    for (named, real) in
        [("cc", &real_cc), ("gcc", &real_gcc), (&text(&f.path("bin/gcc")), &real_gcc), (&real_gcc, &real_gcc)]
    {
        let (output, calls) = f.call("ccache", [named, "-c", "a.c"]);
        assert!(output.status.success());
        assert_eq!(words(&calls[0])[0], text(&f.path("real/ccache")));
        assert_eq!(words(&calls[0])[1..], [real, "-c", "a.c", "-DADDED"], "{named}");
    }
    let begin = &f.record()[0];
    assert!(begin.contains(r#""tool":"cc","via":"ccache""#), "{begin}");
    assert!(begin.contains(r#""disp":"rewritten""#), "{begin}");
}

#[test]
fn rule_24_a_compiler_named_with_needless_slashes_is_known() {
    let f = cached();
    let named = format!("{}/bin//gcc", text(&f.at()));
    let (_, calls) = f.call("ccache", [&named, "-c", "a.c"]);
    assert_eq!(words(&calls[0])[1..], [&text(&f.path("real/gcc")), "-c", "a.c", "-DADDED"]);
}

#[test]
fn rule_24_settings_ahead_of_the_compiler_stay_there() {
    let f = cached();
    let (_, calls) = f.call("ccache", ["debug=true", "compiler_check=none", "gcc", "-c", "a.c"]);
    let real = text(&f.path("real/gcc"));
    assert_eq!(words(&calls[0])[1..], ["debug=true", "compiler_check=none", &real, "-c", "a.c", "-DADDED"]);
}

#[test]
fn a_tool_may_be_a_command_of_a_program_and_no_cache_stands_in_front_of_it() {
    let mut f = cached();
    f.plan.tools[0].lead = vec![b"cc".to_vec()];
    f.plan.tools[0].asks = vec![b"-target".to_vec(), b"x".to_vec()];
    f.write_plan();
    let real = text(&f.path("real/cc"));
    for (args, expected) in [
        (&["-c", "a.c"][..], &["cc", "-c", "a.c", "-DADDED"][..]),
        (&["--version"], &["cc", "-target", "x", "--version"]),
    ] {
        let (_, calls) = f.call("cc", args);
        assert_eq!(words(&calls[0])[0], real);
        assert_eq!(words(&calls[0])[1..], *expected);
        let (_, calls) = f.call("ccache", [&["cc"], args].concat());
        assert_eq!(words(calls.last().unwrap())[1..], *expected, "behind a cache");
    }
    let begin = &f.record()[0];
    assert!(begin.contains(r#""lead":["cc"]"#) && begin.contains(r#""run":["#), "{begin}");
}

#[test]
fn rule_24_a_cache_asked_about_itself_answers() {
    let f = cached();
    for args in [&["--show-stats"][..], &["-s"], &["--version"], &[], &["unknown-compiler", "-c", "a.c"]] {
        let (output, calls) = f.call("ccache", args);
        assert!(output.status.success());
        assert_eq!(words(&calls[0])[1..], *args);
    }
}

#[test]
fn rule_24_a_cache_that_masquerades_as_the_compiler_stands_in_front_of_it() {
    let mut f = cached();
    f.plan.tools[1].launcher = Some(text(&f.path("real/ccache")).into_bytes());
    f.write_plan();
    let (_, calls) = f.call("gcc", ["-c", "a.c"]);
    let (cache, real) = (text(&f.path("real/ccache")), text(&f.path("real/gcc")));
    assert_eq!(words(&calls[0]), [&cache, &real, "-c", "a.c", "-DADDED"]);
}

#[test]
fn rule_24_a_cached_compile_from_the_root_folder_is_still_ours() {
    // The daemon of a cache calls the compiler from `/`.
    let f = cached();
    let mut command = f.command("gcc", ["-c", "/src/a.c"]);
    assert!(command.current_dir("/").status().unwrap().success());
    assert_eq!(words(&f.calls()[0])[1..], ["-c", "/src/a.c", "-DADDED"]);
}

#[test]
fn rule_24_real_ccache_never_serves_one_familys_object_to_another() {
    assert!(Path::new("/usr/bin/ccache").exists(), "ccache is needed: tests/setup.sh installs it");
    let mut f = cached();
    for tool in &mut f.plan.tools {
        tool.real =
            if tool.name == "ccache" { b"/usr/bin/ccache".to_vec() } else { b"/usr/bin/gcc".to_vec() };
    }
    f.plan.profiles.push(Profile {
        injections: vec![injection(Slot::After, &["-march=x86-64-v3"])],
        ..Profile::default()
    });
    let source = "float f(float a, float b, float c) { return a * b + c; }\n";
    fs::write(f.path("work/a.c"), source).unwrap();
    let mut objects = Vec::new();
    for profile in [0, 1, 0, 1] {
        f.plan
            .tools
            .iter_mut()
            .filter(|tool| tool.profile.is_some())
            .for_each(|tool| tool.profile = Some(profile));
        f.write_plan();
        let mut command = f.command("ccache", ["gcc", "-O2", "-c", "a.c", "-o", "a.o"]);
        let output = command.env("CCACHE_DIR", f.path("cache")).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        objects.push(fs::read(f.path("work/a.o")).unwrap());
    }
    assert_ne!(objects[0], objects[1], "v3 has fused multiply-add");
    assert_eq!((&objects[0], &objects[1]), (&objects[2], &objects[3]));
}
