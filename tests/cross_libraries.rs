//! Libraries of the target in cross builds: which headers and libraries a build sees, what it is told of them, and what is
//! said of those that it looks for in vain. A fake `zig` says what it was called with; Debian's cross compiler builds.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod build_support;
mod debian;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use build_support::{Home, Ran};
use crosswheel::toolchain::Toolchains;
use debian::{Archive, File, Link, done};

const FAMILY: &str = "aarch64-linux-gnu.2.36";

/// Says what it is and where its headers are as zig's clang does, and prints all other calls, a word a line.
const ZIG: &str = r#"#!/bin/sh
case " $* " in
*" --version "*) echo "clang version 22.1.8"; exit ;;
*" -dumpmachine "*) echo "aarch64-unknown-linux-gnu"; exit ;;
*" -E -v "*) printf '#include <...> search starts here:\n OWN\nEnd of search list.\n' >&2; exit ;;
esac
printf '%s\n' "zig" "$@"
"#;

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A home whose cache has the fake zig, which has a `stdio.h` of its own.
fn shop() -> Home {
    let home = Home::new();
    zig(&home.path("cache"), &home.path("zig-headers"));
    home.write("zig-headers/stdio.h", "");
    home.write("work/a.c", "");
    home
}

fn zig(cache: &Path, headers: &Path) {
    let package = Toolchains::builtin().unwrap().cross_package("zig").unwrap().unwrap();
    let program = cache.join("crosswheel/compilers").join(package.folder()).join(&package.program);
    executable(&program, &ZIG.replace("OWN", &headers.display().to_string()));
}

/// What begins like a shared library for a machine, by its number (gABI).
fn shared(machine: u8) -> Vec<u8> {
    let mut head = vec![0; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (head[16], head[18]) = (3, machine);
    head
}

fn archive(machine: u8) -> Vec<u8> {
    let member = shared(machine);
    let head =
        |name: &str, size: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
    [b"!<arch>\n", head("/", 3).as_bytes(), b"abc\n", head("a.o/", 64).as_bytes(), &member].concat()
}

const AARCH64: u8 = 183;
const X86_64: u8 = 62;

/// A system root as Debian lays it out.
fn root(home: &Home, machine: u8) -> PathBuf {
    let root = home.path("root");
    for file in ["stdio.h", "foo.h", "aarch64-linux-gnu/foo-config.h", "c++/12/vector", "python3.11/Python.h"]
    {
        home.write(&format!("root/usr/include/{file}"), "");
    }
    let libraries = root.join("usr/lib/aarch64-linux-gnu");
    fs::create_dir_all(libraries.join("pkgconfig")).unwrap();
    for name in ["libc.so.6", "libm.so.6", "libfoo.so.1", "libbar.so.2", "libstdc++.so.6"] {
        fs::write(libraries.join(name), shared(machine)).unwrap();
    }
    for name in ["libfoo.a", "libc.a", "libbaz.a"] {
        fs::write(libraries.join(name), archive(machine)).unwrap();
    }
    for (link, to) in [("libfoo.so", "libfoo.so.1"), ("libbar.so", "libbar.so.2"), ("libm.so", "libm.so.6")] {
        symlink(to, libraries.join(link)).unwrap();
    }
    symlink("usr/lib", root.join("lib")).unwrap();
    let pc = "prefix=/usr\nlibdir=${prefix}/lib/aarch64-linux-gnu\n\nName: foo\nDescription: foo\nVersion: 1\n\
              Libs: -L${libdir} -lfoo\nLibs.private: -lbaz\nCflags: -I${prefix}/include/foo\n";
    fs::write(libraries.join("pkgconfig/foo.pc"), pc).unwrap();
    root
}

/// Runs a command in a session; its folder of links is left.
fn run(home: &Home, more: &[&str], command: &[&str]) -> Ran {
    let args =
        [&["run", "--offline", "--family", FAMILY, "--dir", "session"], more, &["--"], command].concat();
    Ran::from(home.crosswheel(&args).output().unwrap())
}

/// The folder of links of the session.
fn view(home: &Home) -> PathBuf {
    let entries = fs::read_dir(home.path("session")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("system-"));
    found.next().expect("a folder of links").join("sysroot").canonicalize().unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, into: &mut Vec<String>) {
        for path in build_support::list(folder) {
            if path.symlink_metadata().unwrap().is_dir() {
                walk(&path, root, into);
            } else {
                into.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut out = Vec::new();
    walk(folder, folder, &mut out);
    out
}

#[test]
fn a_build_sees_the_libraries_of_a_system_root_and_not_its_c_library() {
    let home = shop();
    root(&home, AARCH64);
    run(&home, &["--sysroot", "root"], &["cc", "-c", "work/a.c"]).good();
    let seen = [
        "usr/include/aarch64-linux-gnu/foo-config.h",
        "usr/include/foo.h",
        "usr/lib/aarch64-linux-gnu/libbar.so",
        "usr/lib/aarch64-linux-gnu/libbar.so.2",
        "usr/lib/aarch64-linux-gnu/libbaz.a",
        "usr/lib/aarch64-linux-gnu/libfoo.a",
        "usr/lib/aarch64-linux-gnu/libfoo.so.1",
        "usr/lib/aarch64-linux-gnu/pkgconfig/foo.pc",
    ];
    assert_eq!(files(&view(&home)), seen);
}

#[test]
fn where_shared_libraries_are_asked_for_the_linker_finds_these() {
    let home = shop();
    root(&home, AARCH64);
    let ran =
        run(&home, &["--sysroot", "root", "--link", "shared"], &["cc", "a.o", "-lfoo", "-o", "a"]).good();
    assert!(view(&home).join("usr/lib/aarch64-linux-gnu/libfoo.so").is_file());
    assert!(!ran.out.contains("-Bsymbolic"), "{ran:#?}");
}

#[test]
fn the_compiler_is_told_behind_all_that_the_package_says() {
    let home = shop();
    root(&home, AARCH64);
    let words = |command: &[&str]| {
        let ran = run(&home, &["--sysroot", "root"], command).good();
        ran.out.lines().collect::<Vec<_>>().join(" ").replace(&view(&home).display().to_string(), "VIEW")
    };
    let compiled = words(&["cc", "-c", "work/a.c", "-Iown"]);
    let folders = "-isystemVIEW/usr/include/aarch64-linux-gnu -isystemVIEW/usr/include";
    // Options of our own for the compiler itself may stand around them.
    assert!(compiled.contains(&format!("-c work/a.c -Iown {folders}")), "{compiled}");
    let linked = words(&["cc", "a.o", "-Lown", "-lfoo", "-o", "a"]);
    assert!(linked.contains("-Wl,-Bsymbolic"), "{linked}");
    assert!(linked.ends_with("a.o -Lown -lfoo -o a -LVIEW/usr/lib/aarch64-linux-gnu"), "{linked}");
    // A question is left alone.
    assert!(!words(&["cc", "-print-search-dirs"]).contains("VIEW"));
}

#[test]
fn a_system_root_of_another_kind_is_refused() {
    let home = shop();
    root(&home, X86_64);
    let refused = |sysroot: &str, what: &str| {
        run(&home, &["--sysroot", sysroot], &["cc", "-c", "work/a.c"]).fails(2).says(what).says("hint:");
    };
    refused("root", "is for x86_64 (usr/lib/aarch64-linux-gnu/libb");
    refused("nowhere", "there is no system root nowhere");
    fs::create_dir(home.path("empty")).unwrap();
    refused("empty", "has no headers and no libraries for aarch64");
    home.write("musl/usr/include/foo.h", "");
    fs::create_dir_all(home.path("musl/lib")).unwrap();
    fs::write(home.path("musl/lib/ld-musl-aarch64.so.1"), shared(AARCH64)).unwrap();
    refused("musl", "has libraries for musl, and the family is for glibc");
    // This machine's own.
    refused("/", "is for x86_64");
    let host = ["run", "--family", "host", "--sysroot", "root", "--", "cc"];
    Ran::from(home.crosswheel(&host).output().unwrap()).fails(2).says("names no C library");
    let musl =
        ["run", "--offline", "--family", "aarch64-linux-musl", "--libraries", "libfoo-dev", "--", "cc"];
    let zig_of = home.path("cache/crosswheel/compilers");
    assert!(zig_of.is_dir());
    Ran::from(home.crosswheel(&musl).output().unwrap()).fails(2).says("libraries of Debian are for glibc");
}

#[test]
fn a_prefix_that_was_built_for_the_target_is_a_system_root_too() {
    let home = shop();
    home.write("prefix/include/foo.h", "");
    fs::create_dir_all(home.path("prefix/lib/pkgconfig")).unwrap();
    fs::write(home.path("prefix/lib/libfoo.a"), archive(AARCH64)).unwrap();
    let prefix = home.path("prefix").canonicalize().unwrap();
    let pc = format!(
        "prefix={}\n\nName: foo\nDescription: foo\nVersion: 1\nLibs: -L${{prefix}}/lib -lfoo\n",
        prefix.display()
    );
    fs::write(prefix.join("lib/pkgconfig/foo.pc"), pc).unwrap();
    let ran = run(&home, &["--sysroot", "prefix"], &["pkg-config", "--libs", "foo"]).good();
    assert_eq!(ran.out.trim(), format!("-L{}/lib -lfoo", view(&home).display()));
}

#[test]
fn pkg_config_knows_the_targets_libraries_alone_whatever_a_build_sets() {
    let home = shop();
    root(&home, AARCH64);
    home.write("host/hostonly.pc", "Name: hostonly\nDescription: x\nVersion: 1\nLibs: -lhostonly\n");
    home.write("built/own.pc", "Name: own\nDescription: x\nVersion: 1\nLibs: -L/build/own -lown\n");
    let host = format!("PKG_CONFIG_LIBDIR={}", home.path("host").display());
    let built =
        format!("PKG_CONFIG_PATH=/usr/lib/x86_64-linux-gnu/pkgconfig:{}", home.path("built").display());
    let asked = |command: &[&str]| run(&home, &["--sysroot", "root"], command);
    let libs = asked(&["pkg-config", "--libs", "--cflags", "foo"]).good().out;
    let view = view(&home).display().to_string();
    assert_eq!(
        libs.trim().replace(&view, "VIEW"),
        "-IVIEW/usr/include/foo -LVIEW/usr/lib/aarch64-linux-gnu -lfoo -lbaz",
        "what a static library needs is named with it"
    );
    asked(&["env", &host, "pkg-config", "--exists", "hostonly"]).fails(1);
    // What a package builds for itself is found where it says.
    let own = asked(&["env", &built, "pkg-config", "--libs", "own"]).good().out;
    assert_eq!(own.trim(), "-L/build/own -lown");
    // By its path it is not ours, and knows no other folder all the same.
    let real = Command::new("sh").args(["-c", "command -v pkg-config"]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    assert_eq!(asked(&[real.trim(), "--variable=prefix", "foo"]).good().out.trim(), format!("{view}/usr"));
}

/// An archive of Debian with a library that needs another, and one that nobody asks for.
fn debian_archive() -> Archive {
    let mut archive = Archive::new();
    let lib = "./usr/lib/aarch64-linux-gnu";
    archive.package("libc6-dev", "2.36-9", "", &[("./usr/include/stdio.h", File(""))]);
    archive.package(
        "libfoo-dev",
        "1:1.0-1",
        "Depends: libfoo1 (= 1:1.0-1), libbar-dev, libc6-dev",
        &[
            ("./usr/include/foo.h", File("")),
            (&format!("{lib}/libfoo.a"), File("!<arch>\n")),
            (&format!("{lib}/libfoo.so"), Link("libfoo.so.1")),
        ],
    );
    archive.package("libfoo1", "1:1.0-1", "", &[(&format!("{lib}/libfoo.so.1"), File("foo"))]);
    archive.package("libbar-dev", "2-1", "", &[("./usr/include/bar.h", File(""))]);
    archive.package("libother-dev", "3-1", "", &[("./usr/include/other.h", File(""))]);
    archive.publish("test");
    zig(&archive.at("cache"), Path::new("/nowhere"));
    archive
}

#[test]
fn packages_of_debian_are_seen_with_what_they_depend_on_and_no_others() {
    let archive = debian_archive();
    done(&archive.add(&["libother-dev", "libfoo-dev"]));
    let session = archive.at("session");
    let mut command = archive.crosswheel();
    command.args(["run", "--offline", "--family", FAMILY, "--libraries", "libfoo-dev", "--dir"]);
    let ran = Ran::from(command.arg(&session).args(["--", "cc", "-c", "a.c"]).output().unwrap()).good();
    let word = ran.out.lines().find_map(|word| word.strip_prefix("-isystem")).expect("a folder").to_owned();
    let view = Path::new(&word).ancestors().nth(2).unwrap();
    let seen = [
        "usr/include/bar.h",
        "usr/include/foo.h",
        "usr/lib/aarch64-linux-gnu/libfoo.a",
        "usr/lib/aarch64-linux-gnu/libfoo.so.1",
    ];
    assert_eq!(files(view), seen);
    // All that is in a sysroot, by its name.
    let mut command = archive.crosswheel();
    command.args(["run", "--offline", "--family", FAMILY, "--sysroot", "aarch64-bookworm", "--dir"]);
    let ran = Ran::from(command.arg(&session).args(["--", "cc", "-c", "a.c"]).output().unwrap()).good();
    let word = ran.out.lines().find_map(|word| word.strip_prefix("-isystem")).expect("a folder").to_owned();
    assert!(Path::new(&word).join("other.h").is_file() && !Path::new(&word).join("stdio.h").exists());
    let mut command = archive.crosswheel();
    command.args([
        "run",
        "--offline",
        "--family",
        "riscv64-linux-gnu",
        "--sysroot",
        "aarch64-bookworm",
        "--",
        "cc",
    ]);
    Ran::from(command.current_dir(archive.at("tmp")).output().unwrap())
        .fails(2)
        .says("is for aarch64, and the family is for riscv64");
}

/// A library in a prefix, built by Debian's cross compiler: `libfoo.a` and `libfoo.so.1`.
fn library(home: &Home, source: &str) {
    home.write("prefix/include/foo.h", "int foo(void);\n");
    let source = home.write("foo.c", source);
    fs::create_dir_all(home.path("prefix/lib")).unwrap();
    let run = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let status = Command::new(words[0]).args(&words[1..]).current_dir(home.dir.path()).status();
        assert!(status.expect("run tests/setup.sh").success(), "{words:?}");
    };
    // As a distribution compiles its archives: for programs.
    run(&format!("aarch64-linux-gnu-gcc -fPIE -c {} -o foo.o", source.display()));
    run("aarch64-linux-gnu-ar rcs prefix/lib/libfoo.a foo.o");
    run(&format!(
        "aarch64-linux-gnu-gcc -shared -fPIC -Wl,-soname,libfoo.so.1 {} -o prefix/lib/libfoo.so.1",
        source.display()
    ));
    symlink("libfoo.so.1", home.path("prefix/lib/libfoo.so")).unwrap();
}

/// A package that links it, with arguments of its own.
fn package(home: &Home, compile: &str, link: &str) {
    let plan = format!(
        "import subprocess\ndef build():\n    subprocess.check_call('cc -fPIC -c ext.c -o ext.o {compile}'.split())\n    \
         subprocess.check_call('cc -shared ext.o -o ext.so {link}'.split())\n    \
         return {{'tiny/ext.so': open('ext.so', 'rb').read()}}\n"
    );
    home.package("pkg", &plan);
    home.write("pkg/ext.c", "#include <foo.h>\nint ext(void) { return foo(); }\n");
}

fn build(home: &Home, more: &[&str]) -> Ran {
    let args = ["./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    home.build(&[&args[..], more].concat())
}

/// Data of its own, which a linker takes into a module only if nobody else can replace it.
const FOO: &str = "int count;\nint foo(void) { return ++count; }\n";

#[test]
fn a_static_library_is_linked_and_listed_and_nothing_is_needed_of_it() {
    let home = Home::new();
    library(&home, FOO);
    package(&home, "", "-lfoo");
    let ran = build(&home, &["--sysroot", "prefix"]).good();
    ran.says("linked    libfoo.a").says("1 of 1 ELF files made by a recorded call");
    assert!(!ran.out.contains("ready-made"), "{ran:#?}");
    let log = home.path(&format!("out/{FAMILY}/log"));
    let list: serde_json::Value =
        serde_json::from_slice(&fs::read(log.join("libraries.json")).unwrap()).unwrap();
    assert_eq!(list["linked"][0]["file"], "lib/libfoo.a");
    assert_eq!(list["linked"][0]["static"], true);
    assert_eq!(list["linked"][0]["into"], serde_json::json!(["ext.so"]));
    let record = fs::read_to_string(log.join("record.jsonl")).unwrap();
    assert!(record.contains("\"arg\":\"-lfoo\"") && record.contains("/lib/libfoo.a"), "{record}");
}

#[test]
fn a_shared_library_that_the_tag_does_not_allow_is_a_fault_with_its_mend() {
    let home = Home::new();
    library(&home, FOO);
    package(&home, "", "-lfoo");
    build(&home, &["--sysroot", "prefix", "--link", "shared"])
        .fails(1)
        .says("tiny/ext.so needs libfoo.so.1 (lib/libfoo.so of the system root), which is neither in the wheel nor allowed by manylinux_2_36_aarch64")
        .says("--link static")
        .says("linked    libfoo.so, shared");
}

#[test]
fn what_is_only_on_this_machine_is_a_fault_that_names_it_and_its_mend() {
    let home = Home::new();
    library(&home, FOO);
    let host = home.path("host");
    fs::create_dir(&host).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(host.join("libfoo.so"))
        .arg(home.path("foo.c"))
        .status();
    assert!(made.unwrap().success());
    // A header.
    package(&home, "-I/usr/include/foo", "");
    build(&home, &[])
        .fails(1)
        .says("the compile of ext.c asks for the header foo.h, and there is none for aarch64")
        .says("the package names /usr/include/foo, where those of this machine are")
        .says("--libraries");
    // A library by its name.
    package(&home, "-Iincluded", "-L/usr/lib/x86_64-linux-gnu -lfoo");
    home.write("pkg/included/foo.h", "int foo(void);\n");
    build(&home, &[])
        .fails(1)
        .says("the link of ext.so asks for the library foo, and there is none for aarch64")
        .says("the package names /usr/lib/x86_64-linux-gnu")
        .says("--sysroot DIR");
    // And by its path.
    package(&home, "-Iincluded", &host.join("libfoo.so").display().to_string());
    build(&home, &[]).fails(1).says("host/libfoo.so is for x86_64");
    // With the target's, all of them are well.
    package(&home, "-I/usr/include/foo", "-L/usr/lib/x86_64-linux-gnu -lfoo");
    build(&home, &["--sysroot", "prefix"]).good();
}

#[test]
fn what_a_configure_step_asked_pkg_config_for_is_told() {
    let home = Home::new();
    let plan = "import subprocess\ndef build():\n    subprocess.call(['pkg-config', '--exists', 'foo >= 1.0'])\n    raise SystemExit('no foo')\n";
    home.package("pkg", plan);
    build(&home, &[]).fails(1).says("the build asked pkg-config for foo, which it does not have for aarch64");
}

#[test]
fn a_symbol_of_a_newer_glibc_in_a_static_library_is_found_although_it_has_no_version() {
    let home = Home::new();
    library(
        &home,
        "int brand_new(void);\nint as_ever(void);\nint foo(void) { return brand_new() + as_ever(); }\n",
    );
    // The C library that it was compiled against.
    home.write("libc.c", "int brand_new(void) { return 1; }\nint as_ever(void) { return 1; }\n");
    home.write("libc.map", "GLIBC_2.17 { global: as_ever; };\nGLIBC_2.38 { global: brand_new; };\n");
    let words = "-shared -fPIC -nostdlib -Wl,--version-script,libc.map -Wl,-soname,libc.so.6 libc.c -o prefix/lib/libc.so.6";
    let made =
        Command::new("aarch64-linux-gnu-gcc").args(words.split(' ')).current_dir(home.dir.path()).status();
    assert!(made.unwrap().success());
    package(&home, "", "-lfoo");
    build(&home, &["--sysroot", "prefix"])
        .fails(1)
        .says("tiny/ext.so uses `brand_new`, which glibc has since 2.38, and 2.36 was asked for");
}

#[test]
fn cmake_finds_the_targets_libraries_and_what_the_package_builds_itself() {
    let home = Home::new();
    library(&home, FOO);
    let plan = r#"
import subprocess
def build():
    subprocess.check_call(["cmake", "-S", ".", "-B", "b", "-DCMAKE_PREFIX_PATH=/usr"])
    subprocess.check_call(["cmake", "--build", "b"])
    return {"tiny/ext.so": open("b/ext.so", "rb").read()}
"#;
    home.package("pkg", plan);
    home.write("pkg/ext.c", "#include <foo.h>\nint ext(void) { return foo(); }\n");
    home.write("pkg/own/lib/libown.a", "");
    home.write(
        "pkg/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(x C)\nfind_path(FOO_H foo.h REQUIRED)\nfind_library(FOO foo REQUIRED)\n\
         if(NOT FOO MATCHES \"libfoo.a$\")\n  message(FATAL_ERROR \"${FOO}\")\nendif()\n\
         find_library(OWN own PATHS ${CMAKE_SOURCE_DIR}/own/lib REQUIRED)\nfind_library(Z z)\n\
         if(Z)\n  message(FATAL_ERROR \"${Z}\")\nendif()\n\
         add_library(ext MODULE ext.c)\ntarget_include_directories(ext PRIVATE ${FOO_H})\ntarget_link_libraries(ext ${FOO})\n\
         set_target_properties(ext PROPERTIES PREFIX \"\")\n",
    );
    build(&home, &["--sysroot", "prefix"]).good().says("linked    libfoo.a");
}

#[test]
fn a_package_with_a_setting_of_its_own_is_built_with_it_unless_the_user_says_otherwise() {
    let home = Home::new();
    library(&home, FOO);
    let topology = fs::read_to_string("BUILD_TOPOLOGY.toml").unwrap();
    let own = "\n[packages.Tiny]\nconfig_settings = [\"flavour=cross\"]\nwhy = \"it is told\"\n";
    home.write("pkg/BUILD_TOPOLOGY.toml", &(topology.clone() + &own.replace("Tiny", "tiny")));
    package(&home, "", "-lfoo");
    let plan = fs::read_to_string(home.path("pkg/back/plan.py")).unwrap();
    home.write("pkg/back/plan.py", &(plan + "\ndef settings(given):\n    print('flavour', given)\n"));
    let named = ["--sysroot", "prefix", "--topology", "pkg/BUILD_TOPOLOGY.toml", "--verbose"];
    build(&home, &named).good().says("built with flavour=cross: it is told").says("'flavour': 'cross'");
    build(&home, &[&named[..], &["-C", "flavour=mine"]].concat()).good().says("'flavour': 'mine'");
    home.write(
        "pkg/BUILD_TOPOLOGY.toml",
        &(topology + "\n[packages.tiny]\nconfig_settings = [\"flavour\"]\nwhy = \"x\"\n"),
    );
    build(&home, &named).fails(2).says("`flavour` is no setting");
}
