//! Which tools a session answers for, and what really runs behind each name.

mod shop;

use std::fs;

use serde_json::Value;
use shop::Shop;

const X86: &str = "x86_64-linux-gnu";

#[test]
fn the_first_program_of_a_name_wins_and_its_links_stay_as_they_are() {
    let shop = Shop::new();
    shop.gcc("a/gcc-12", X86);
    shop.link("gcc-12", "a/gcc");
    shop.gcc("b/gcc", "aarch64-linux-gnu");
    let path = format!("{}:{}", shop.text("a"), shop.text("b"));
    let made = shop.session(&path);
    assert_eq!(made.tool("gcc")["real"], shop.text("a/gcc"));
    assert_eq!(made.tool("gcc")["machine"], X86);
    assert_eq!(made.tool("gcc")["dialect"], "gcc");
    assert_eq!(made.tool("gcc")["version"], "12.2.0");
    assert_eq!(made.names(), ["gcc", "gcc-12"]);
}

#[test]
fn folders_and_files_that_cannot_be_run_are_no_tools() {
    let shop = Shop::new();
    fs::create_dir_all(shop.at("a/gcc")).expect("a folder");
    fs::write(shop.at("a/cc"), "").expect("a file");
    shop.link("nowhere", "a/clang");
    shop.gcc("b/gcc", X86);
    let path = format!("{}:{}", shop.text("a"), shop.text("b"));
    let made = shop.session(&path);
    assert_eq!(made.names(), ["gcc"]);
    assert_eq!(made.tool("gcc")["real"], shop.text("b/gcc"));
}

#[test]
fn names_whose_real_tool_is_missing_are_not_installed() {
    let shop = Shop::new();
    shop.gcc("a/gcc", X86);
    shop.program("a/make", "#!/bin/sh\n");
    let made = shop.session(&shop.text("a"));
    assert_eq!(made.names(), ["gcc"]);
    let installed: Vec<_> =
        fs::read_dir(shop.at("session/bin")).expect("the shim folder").flatten().collect();
    assert_eq!(installed.len(), 1);
}

#[test]
fn empty_and_relative_entries_of_path_are_taken_from_the_working_folder() {
    let shop = Shop::new();
    shop.gcc("tools/gcc", X86);
    shop.gcc("g++", X86);
    let made = shop.session("tools::/nowhere");
    assert_eq!(made.tool("gcc")["real"], shop.text("tools/gcc"));
    assert_eq!(made.tool("g++")["real"], shop.text("g++"));
}

#[test]
fn one_compiler_under_many_names_is_asked_once() {
    let shop = Shop::new();
    shop.gcc("a/gcc-12", X86);
    shop.link("gcc-12", "a/gcc");
    shop.session(&shop.text("a"));
    let asked = shop.calls().len();
    assert_eq!(asked, 2, "--version and -dumpmachine: {:?}", shop.calls());
}

#[test]
fn a_tool_that_is_no_compiler_is_not_asked() {
    let shop = Shop::new();
    let note = format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\n", shop.text("calls"));
    for name in ["ar", "ld", "strip", "ccache"] {
        shop.program(&format!("a/{name}"), &note);
    }
    let made = shop.session(&shop.text("a"));
    assert_eq!(made.names(), ["ar", "ccache", "ld", "strip"]);
    assert_eq!(made.tool("ar")["dialect"], "ar");
    assert_eq!(made.tool("ld")["dialect"], "ld");
    assert_eq!(made.tool("ccache")["role"], "launcher");
    assert_eq!(shop.calls(), [""; 0]);
}

#[test]
fn a_compiler_that_does_not_say_what_it_is_is_recorded_and_never_guessed_at() {
    let shop = Shop::new();
    shop.program("a/cc", "#!/bin/sh\necho 'Portable C Compiler 1.2'\n");
    shop.program("a/gcc", "#!/bin/sh\nexit 3\n");
    let made = shop.session(&shop.text("a"));
    for name in ["cc", "gcc"] {
        assert_eq!(made.tool(name)["dialect"], "plain");
        assert_eq!(made.tool(name)["machine"], Value::Null);
    }
    assert!(made.warnings.contains("Portable C Compiler 1.2"), "{}", made.warnings);
    assert!(made.warnings.contains("exit status: 3"), "{}", made.warnings);
    assert!(made.warnings.contains("recorded and not rewritten"), "{}", made.warnings);
}

/// A cache is a binary; that of the tests is never run.
const CACHE: &str = "\x7fELF, or nearly so";

/// What is done, and how.
type Way = (&'static str, fn(&Shop));

/// Three ways in which a cache stands under a compiler's name.
fn masquerades() -> [Way; 3] {
    [
        ("a link", |shop| shop.link("../real/ccache", "cache/gcc")),
        ("a hard link", |shop| {
            fs::create_dir_all(shop.at("cache")).expect("a folder");
            fs::hard_link(shop.at("real/ccache"), shop.at("cache/gcc")).expect("a hard link");
        }),
        ("a copy", |shop| {
            fs::create_dir_all(shop.at("cache")).expect("a folder");
            fs::copy(shop.at("real/ccache"), shop.at("cache/gcc")).expect("a copy");
        }),
    ]
}

#[test]
fn a_cache_under_a_compilers_name_is_seen_through() {
    for (how, make) in masquerades() {
        let shop = Shop::new();
        shop.program("real/ccache", CACHE);
        shop.gcc("real/gcc", X86);
        make(&shop);
        let path = format!("{}:{}", shop.text("cache"), shop.text("real"));
        let made = shop.session(&path);
        assert_eq!(made.tool("gcc")["real"], shop.text("real/gcc"), "{how}");
        assert_eq!(made.tool("gcc")["launcher"], shop.text("real/ccache"), "{how}");
        assert_eq!(made.tool("gcc")["version"], "12.2.0", "{how}");
        assert_eq!(made.tool("ccache")["launcher"], Value::Null, "{how}");
    }
}

#[test]
fn a_second_cache_behind_the_first_is_left_out_and_said_once() {
    let shop = Shop::new();
    shop.program("real/ccache", CACHE);
    shop.program("real/distcc", "\x7fELF of another kind");
    for name in ["gcc", "g++"] {
        shop.gcc(&format!("real/{name}"), X86);
        for (cache, folder) in [("ccache", "one"), ("ccache", "two"), ("distcc", "three")] {
            shop.link(&format!("../real/{cache}"), &format!("{folder}/{name}"));
        }
    }
    let path = |folders: &[&str]| folders.iter().map(|at| shop.text(at)).collect::<Vec<_>>().join(":");
    let made = shop.session(&path(&["one", "two", "three", "real"]));
    assert_eq!(made.tool("gcc")["launcher"], shop.text("real/ccache"));
    assert_eq!(made.warnings.matches("stands behind").count(), 1, "{}", made.warnings);
    assert!(made.warnings.contains("CCACHE_PREFIX=distcc"), "{}", made.warnings);
    let made = shop.session(&path(&["one", "two", "real"]));
    assert!(!made.warnings.contains("stands behind"), "the same one twice: {}", made.warnings);
}

#[test]
fn a_cache_without_a_compiler_behind_it_is_left_out_and_said() {
    for (how, make) in masquerades() {
        let shop = Shop::new();
        shop.program("real/ccache", CACHE);
        make(&shop);
        let path = format!("{}:{}", shop.text("cache"), shop.text("real"));
        let made = shop.session(&path);
        assert_eq!(made.names(), ["ccache"], "{how}");
        assert!(made.warnings.contains("no real one behind it"), "{how}: {}", made.warnings);
    }
}

#[test]
fn a_dispatcher_under_the_names_of_compilers_and_caches_is_no_cache() {
    let shop = Shop::new();
    shop.gcc("a/dispatch", X86);
    for name in ["ccache", "gcc", "g++"] {
        shop.link("dispatch", &format!("a/{name}"));
    }
    fs::create_dir(shop.at("b")).expect("a folder");
    for name in ["ccache", "cc"] {
        fs::hard_link(shop.at("a/dispatch"), shop.at("b").join(name)).expect("a hard link");
    }
    let path = format!("{}:{}", shop.text("a"), shop.text("b"));
    let made = shop.session(&path);
    assert_eq!(made.names(), ["cc", "ccache", "g++", "gcc"]);
    assert!(made.tools().iter().all(|tool| tool["launcher"] == Value::Null), "{}", made.header);
}

#[test]
fn the_cache_of_this_system_is_seen_through() {
    let shop = Shop::new();
    let made = shop.session("/usr/lib/ccache:/usr/bin:/bin");
    assert_eq!(made.tool("gcc")["real"], "/usr/bin/gcc");
    assert_eq!(made.tool("gcc")["launcher"], "/usr/bin/ccache");
    assert_eq!(made.tool("ar")["launcher"], Value::Null);
}

#[test]
fn the_shim_of_another_session_is_no_tool_and_leaves_path() {
    let shop = Shop::new();
    shop.gcc("real/gcc", X86);
    shop.done(&shop.text("real"), &["env", "--family", "host", "--dir", "first"]);
    let path = format!("{}/:{}", shop.text("first/bin"), shop.text("real"));
    let made = shop.session(&path);
    assert_eq!(made.tool("gcc")["real"], shop.text("real/gcc"));
    assert_eq!(made.variable("PATH"), &format!("{}:{}", shop.text("session/bin"), shop.text("real")));
}

#[test]
fn a_compiler_that_the_caller_names_by_path_goes_through_the_shim() {
    let mut shop = Shop::new();
    shop.gcc("real/gcc", X86);
    shop.gcc("opt/x/gcc", "aarch64-linux-gnu");
    shop.set("CC", format!("{} -pthread", shop.text("real/gcc")));
    shop.set("CXX", format!("{} -O1", shop.text("opt/x/gcc")));
    shop.set("LD", "/nowhere/ld");
    let made = shop.session(&shop.text("real"));
    assert_eq!(made.variable("CC"), "gcc -pthread");
    assert_eq!(made.variable("LD"), &Value::Null, "there is no such program: nothing to lead");
    let longer = format!("{}-opt-x-gcc", shop.text("").trim_matches('/').replace('/', "-"));
    assert_eq!(made.variable("CXX"), &format!("{longer} -O1"));
    assert_eq!(made.tool(&longer)["real"], shop.text("opt/x/gcc"));
    assert_eq!(made.tool(&longer)["machine"], "aarch64-linux-gnu");
    assert_eq!(made.tool("gcc")["real"], shop.text("real/gcc"));
}

#[test]
fn compilers_of_this_system_are_known_by_what_they_say() {
    let shop = Shop::new();
    let made = shop.session("/usr/bin:/bin");
    let says = |program: &str, option: &str| {
        let output = std::process::Command::new(program).arg(option).output().expect("a compiler");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(made.tool("gcc")["version"], says("gcc", "-dumpfullversion"));
    assert_eq!(made.tool("gcc")["machine"], says("gcc", "-dumpmachine"));
    assert_eq!(made.tool("clang")["dialect"], "clang");
    assert_eq!(made.tool("clang")["version"], says("clang", "-dumpversion"));
    assert_eq!(made.tool("clang++")["machine"], says("clang", "-dumpmachine"));
    assert!(made.names().is_sorted());
}

#[test]
fn a_compiler_that_cannot_build_for_the_family_fails_when_it_is_called_and_not_before() {
    let shop = Shop::new();
    shop.gcc("a/gcc", X86);
    shop.gcc("a/aarch64-linux-gnu-gcc", "aarch64-linux-gnu");
    let made = shop.session_for("x86-64-v3", &shop.text("a"), &[]);
    assert!(made.warnings.contains("compilers for aarch64-linux-gnu are on PATH"), "{}", made.warnings);
    for name in ["gcc", "aarch64-linux-gnu-gcc"] {
        let shim = shop.at("session/bin").join(name);
        let done =
            std::process::Command::new(shim).args(["-c", "a.c", "-march=native"]).status().expect("a shim");
        assert!(done.success());
    }
    let calls = shop.calls();
    let compiles: Vec<_> = calls.iter().filter(|call| call.contains("a.c")).collect();
    // The fake compiler takes all; a real one does not know the level of another machine's processors.
    assert!(compiles[1].ends_with("-march=x86-64-v3"), "{compiles:?}");
    assert!(compiles[0].contains("-march=x86-64-v3") && !compiles[0].contains("native"), "{compiles:?}");
}

#[test]
fn compilers_that_are_named_after_other_machines_are_told_of_in_one_line_and_others_by_name() {
    let shop = Shop::new();
    shop.gcc("a/gcc", X86);
    for machine in ["aarch64-linux-gnu", "s390x-linux-gnu"] {
        for tool in ["gcc", "g++", "cpp", "gcc-12"] {
            shop.gcc(&format!("a/{machine}-{tool}"), machine);
        }
    }
    let made = shop.session_for("x86-64-v3", &shop.text("a"), &[]);
    let about = |word: &str| made.warnings.lines().filter(|line| line.contains(word)).count();
    assert_eq!((about("aarch64"), about("s390x"), about("will fail")), (1, 1, 0), "{}", made.warnings);

    // Whoever calls `cc` means no other machine.
    shop.gcc("b/cc", "aarch64-linux-gnu");
    let made = shop.session_for("x86-64-v3", &shop.text("b"), &[]);
    let told = made.warnings.contains("cc makes code for aarch64-linux-gnu; every compile with it will fail");
    assert!(told, "{}", made.warnings);
}

#[test]
fn a_family_without_a_level_takes_compilers_for_any_machine() {
    let shop = Shop::new();
    shop.gcc("a/aarch64-linux-gnu-gcc", "aarch64-linux-gnu");
    let made = shop.session(&shop.text("a"));
    assert_eq!(made.tool("aarch64-linux-gnu-gcc")["machine"], "aarch64-linux-gnu");
    assert_eq!(made.warnings, "");
}
