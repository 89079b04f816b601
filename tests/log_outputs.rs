//! What the record says that a call wrote is what real tools wrote: every file that appeared or changed, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel::capture::Log;

/// Calls, each in a folder of its own that begins with the files below.
const CALLS: &[&str] = &[
    "gcc -c a.c",
    "gcc -c a.c 's p.c'",
    "gcc -c sub/n.c -o sub/n.o",
    "gcc -c sub/n.c",
    "gcc -MD -c a.c",
    "gcc -MMD -c sub/n.c -o sub/n.x.o",
    "gcc -MD -MF own.dep -c a.c",
    "gcc -M -MF only.d a.c",
    "gcc -MM a.c -o rules.d",
    "gcc -S a.c -O2",
    "gcc -E a.c -o a.i",
    "gcc -E a.c",
    "gcc -c -x c - -o in.o < a.c",
    "gcc -fsyntax-only a.c",
    "gcc '-###' -c a.c",
    "gcc @words",
    "gcc -c p.s q.S",
    "gcc h.h",
    "gcc -shared -fPIC a.c 's p.c'",
    "gcc -shared -fPIC a.c -o sub/lib.so",
    "gcc -r -nostdlib old.o -o part.o",
    "gcc -flto -shared -fPIC a.c -o lto.so",
    "g++ main.cc -o main",
    "g++ -x c a.c -x none main.cc",
    "clang -c a.c",
    "clang -MD -c a.c -o sub/noext",
    "clang -c -emit-llvm a.c",
    "clang -S -emit-llvm sub/n.c",
    "clang -flto=thin -c a.c",
    "clang --analyze a.c",
    "clang -emit-ast a.c",
    "clang -E -dM -x c /dev/null",
    "cpp a.c",
    "cpp a.c a.cpp-out",
    "cpp a.c -o a.i",
    "ld -r old.o -o part.o",
    "ld -shared old.o -o old.so",
    "as p.s",
    "as p.s -o p.o",
    "as --defsym x=1 p.s -o p.o",
    "ar rcs new.a old.o",
    "ar qc new.a old.o",
    "ar d lib.a old.o",
    "ar t lib.a",
    "ranlib lib.a",
    "strip -g old.o",
    "strip -so stripped.o old.o",
    "strip -o stripped.o old.o",
    "objcopy -O binary old.o old.bin",
    "objcopy -SO binary old.o old.bin",
    "objcopy --only-keep-debug old.o old.debug",
    "objcopy -O binary -j .text old.o",
    "objcopy -I binary -O elf64-x86-64 -B i386 words words.o",
    "nm old.o",
    "gcc -dumpmachine",
    "gcc --version",
];

/// What each call finds.
fn seed(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
    fs::create_dir_all(folder.join("sub")).expect("a folder");
    write("a.c", "#include \"h.h\"\nint a(void) { return 1; }\n");
    write("s p.c", "int s(void) { return 2; }\n");
    write("sub/n.c", "int n(void) { return 3; }\n");
    write("h.h", "#define H 1\n");
    write("main.cc", "int main() { return 0; }\n");
    write("p.s", ".globl p\np: ret\n");
    write("q.S", "#define NAME q\n.globl NAME\nNAME: ret\n");
    write("words", "-c 's p.c' -o \"two words.o\"\n");
    let done = Command::new("sh")
        .args(["-c", "gcc -g -fPIC -c 's p.c' -o old.o && ar rc lib.a old.o"])
        .current_dir(folder)
        .status();
    assert!(done.expect("it starts").success());
}

/// The files of a folder with what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for under in [folder.to_path_buf(), folder.join("sub")] {
        for entry in fs::read_dir(under).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_file() {
                let name = entry.strip_prefix(folder).expect("below").to_path_buf();
                found.insert(name, fs::read(entry).expect("read"));
            }
        }
    }
    found
}

#[test]
fn the_outputs_that_are_told_are_the_files_that_appeared() {
    let home = tempfile::tempdir().expect("a folder");
    let root = home.path().canonicalize().expect("a path");
    seed(&root.join("seed"));
    let mut script = String::new();
    for (at, call) in CALLS.iter().enumerate() {
        // What the tools made of it is told below; that they accept it, here.
        writeln!(script, "cp -r seed {at}; (cd {at} && {call}) >/dev/null 2>>errors || echo '{at}' >>failed")
            .expect("a string");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["run", "--family", "host", "--quiet", "--dir", "session", "--", "sh", "-c", &script])
        .current_dir(&root)
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let failed = fs::read_to_string(root.join("failed")).unwrap_or_default();
    assert_eq!(failed, "", "{}", fs::read_to_string(root.join("errors")).unwrap_or_default());

    let log = Log::open(&root.join("session")).expect("a record");
    let before = files(&root.join("seed"));
    let mut faults = String::new();
    for (at, call) in CALLS.iter().enumerate() {
        let folder = root.join(at.to_string());
        let appeared: BTreeSet<PathBuf> = files(&folder)
            .into_iter()
            .filter(|(name, content)| before.get(name) != Some(content))
            .map(|(name, _)| name)
            .collect();
        let mut told = BTreeSet::new();
        let mut calls = 0;
        for one in log.calls.iter().filter(|one| one.cwd.as_ref().is_some_and(|cwd| cwd.path() == folder)) {
            calls += 1;
            let detail = log.detail(one).expect("a detail");
            let named = one.outputs.iter().chain(detail.dep.iter()).filter(|path| path.bytes() != b"-");
            told.extend(named.map(|path| path.path().to_path_buf()));
        }
        // What is written anew with the same bytes did not change.
        told.retain(|name| appeared.contains(name) || !before.contains_key(name));
        if calls != 1 || told != appeared {
            writeln!(faults, "{call}: {calls} calls\n  told     {told:?}\n  appeared {appeared:?}")
                .expect("a string");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
