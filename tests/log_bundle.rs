//! `crosswheel log bundle`: what is packed happens again in an empty folder.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build_support;
#[allow(unused, reason = "each test file uses a part")]
mod records;
#[allow(unused, reason = "each test file uses a part")]
mod seeded;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use build_support::Home;
use records::Record;
use seeded::Seeded;
use serde_json::{Value, json};

fn bundle(home: &Home, args: &[&str]) -> Output {
    home.crosswheel(&[&["log", "bundle"], args].concat()).output().unwrap()
}

/// Unpacks into an empty folder, and runs it there with nothing of the caller's environment.
fn unpacked(archive: &Path, form: &[&str]) -> (tempfile::TempDir, Output) {
    let empty = tempfile::tempdir().unwrap();
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(empty.path()).status().unwrap();
    assert!(tar.success());
    let mut command = Command::new("sh");
    command.arg("run.sh").args(form).current_dir(empty.path()).env_clear().env("PATH", "/usr/bin:/bin");
    let out = command.output().unwrap();
    (empty, out)
}

#[test]
fn every_failing_call_of_a_build_fails_alike_when_its_tree_is_gone() {
    let home = Home::new();
    let seeded = Seeded::build(&home, "host", &[]);
    let calls = seeded.failed(&home);
    assert_eq!(calls.len(), seeded::FAILING);
    for call in &calls {
        let out = bundle(&home, &[&call.id, "out", "--json"]);
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{call:?}");
        let said: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(said["same_stderr"], true, "{said} {call:?}");
    }
    for left in home.leftovers() {
        fs::remove_dir_all(left).unwrap();
    }
    for call in &calls {
        let (_empty, out) = unpacked(&home.path(&format!("{}.tar.gz", call.id)), &[]);
        assert_eq!(out.status.code(), Some(call.exit), "{call:?}");
        assert_eq!(String::from_utf8_lossy(&out.stderr), call.stderr, "{call:?}");
    }
}

/// A folder with a source that warns, its compile and its link, recorded by `crosswheel run`.
fn recorded(script: &str) -> Home {
    let home = Home::new();
    home.write("src/a.c", "#include \"inc/a.h\"\nint main(void) { int unused; return ZERO; }\n");
    home.write("src/inc/a.h", "#include <stdio.h>\n#define ZERO 0\n");
    let mut run = home.crosswheel(&["run", "--family", "host", "--dir", "log", "--", "sh", "-c", script]);
    let out = run.current_dir(home.path("")).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    home
}

fn id(home: &Home, filter: &[&str]) -> String {
    let out = home.crosswheel(&[&["log", "ls", "log", "--json"], filter].concat()).output().unwrap();
    let line = String::from_utf8(out.stdout).unwrap();
    let call: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    call["begin"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_compile_is_packed_preprocessed_and_needs_no_header() {
    let home = recorded("cd src; gcc -Wall -c a.c -MD -MF a.d -o a.o");
    let id = id(&home, &["--kind", "compile"]);
    let out = bundle(&home, &[&id, "log", "--out", "b.tar.gz"]);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    let (empty, out) = unpacked(&home.path("b.tar.gz"), &["preprocessed"]);
    assert_eq!(out.status.code(), Some(0));
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(err.contains("a.c:2:22: warning: unused variable"), "{err}");
    let unit = fs::read_to_string(empty.path().join("unit.i")).unwrap();
    assert!(unit.contains("int main(void) { int unused; return 0; }") && unit.contains("printf"));
    let folder = empty.path().join("root").join(home.path("src").strip_prefix("/").unwrap());
    assert!(folder.join("a.o").is_file(), "outputs go to their place in the bundle");
    assert!(!empty.path().join("root/usr").exists(), "the system's headers are not packed");
    let show =
        home.crosswheel(&["log", "show", &id]).arg(empty.path().join("record.jsonl")).output().unwrap();
    assert_eq!(show.status.code(), Some(0), "the record's lines are a record");
    let versions = fs::read_to_string(empty.path().join("versions.txt")).unwrap();
    let gcc = Command::new("gcc").arg("--version").output().unwrap();
    assert!(versions.contains(String::from_utf8(gcc.stdout).unwrap().lines().nth(1).unwrap()), "{versions}");
}

#[test]
fn the_same_call_gives_the_same_bytes() {
    let home = recorded("cd src; gcc -Wall -c a.c -o a.o");
    let id = id(&home, &["--kind", "compile"]);
    bundle(&home, &[&id, "log", "--out", "1.tar.gz"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    fs::write(home.path("src/a.c"), fs::read(home.path("src/a.c")).unwrap()).unwrap();
    bundle(&home, &[&id, "log", "--out", "2.tar.gz"]);
    assert!(fs::read(home.path("1.tar.gz")).unwrap() == fs::read(home.path("2.tar.gz")).unwrap());
}

#[test]
fn a_link_is_packed_with_its_objects_archives_scripts_and_libraries() {
    let home = recorded(
        "cd src; mkdir lib; echo 'int two(void) { return 2; }' > two.c; gcc -c two.c -o two.o; ar rcs lib/libtwo.a two.o;
         echo 'int one(void); int two(void); int main(void) { return one() + two(); }' > m.c; echo 'int one(void) { return 1; }' > one.c
         gcc -c m.c one.c; echo '{ global: main; local: *; };' > map
         gcc -o prog m.o $PWD/one.o -Wl,--version-script=$PWD/map -L$PWD/lib -ltwo",
    );
    let id = id(&home, &["--kind", "link", "--output", "prog"]);
    let out = bundle(&home, &[&id, "log", "--out", "b.tar.gz"]);
    assert_eq!((out.status.code(), out.stderr.len()), (Some(0), 0), "{out:?}");
    fs::remove_dir_all(home.path("src")).unwrap();
    let (empty, out) = unpacked(&home.path("b.tar.gz"), &[]);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    let folder = empty.path().join("root").join(home.path("src").strip_prefix("/").unwrap());
    assert_eq!(Command::new(folder.join("prog")).status().unwrap().code(), Some(3));
}

#[test]
fn calls_of_other_forms_are_packed_too() {
    let home = recorded(
        "cd src; echo 'int b;' > b.c; echo 'x: ret' > s.s; echo '#define ZERO 0' > inc/z.h; printf '#include \"inc/z.h\"\\n#if ZERO == 0\\ny: ret\\n#endif\\n' > p.S
         echo 'inline int k();' > k.txt; gcc -c a.c b.c; as s.s -o s.o; gcc -c p.S -o p.o; gcc -x c++ -c k.txt -o k.o; gcc -S a.c -o a.s
         gcc -fsyntax-only a.c; gcc -E a.c -o a.i; gcc -c -include inc/a.h b.c -o i.o; ld -r s.o p.o -o r.o; strip -g r.o -o t.o; ranlib s.o; true",
    );
    let out = home.crosswheel(&["log", "ls", "log", "--json"]).output().unwrap();
    let calls: Vec<Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(calls.len(), 11);
    let before = fs::read(home.path("src/a.o")).unwrap();
    for call in &calls {
        let argv = &call["begin"]["argv"];
        let out = bundle(&home, &[call["begin"]["id"].as_str().unwrap(), "log", "--out", "b.tar.gz"]);
        assert_eq!(
            (out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()),
            (Some(0), ""),
            "{argv}"
        );
        let (empty, out) = unpacked(&home.path("b.tar.gz"), &[]);
        assert_eq!(out.status.code().map(i64::from), call["end"]["exit"].as_i64(), "{argv} {out:?}");
        let folder = empty.path().join("root").join(home.path("src").strip_prefix("/").unwrap());
        for made in call["begin"]["out"].as_array().into_iter().flatten() {
            assert!(folder.join(made.as_str().unwrap()).is_file(), "{argv} made {made}");
        }
    }
    assert!(before == fs::read(home.path("src/a.o")).unwrap(), "the tree is left alone");
}

#[test]
fn names_with_blanks_quotes_and_other_bytes_are_kept() {
    let home = Home::new();
    home.write("od'd dir/a $b.c", "#include \"h\\xe9.h\"\nint a = B;\n");
    let run = "cd \"od'd dir\"; printf '#define B 1 +\\n' > \"$(printf 'h\\351.h')\"; printf '#include \"h\\351.h\"\\nint a = B;\\n' > 'a $b.c'
               gcc \"-DX=it's\" -c 'a $b.c' -o 'a b.o' 2>../err; true";
    let out = home
        .crosswheel(&["run", "--family", "host", "--dir", "log", "--", "sh", "-c", run])
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    let id = id(&home, &["--kind", "compile"]);
    let out = bundle(&home, &[&id, "log", "--out", "b.tar.gz"]);
    assert_eq!((out.status.code(), out.stderr.len()), (Some(0), 0), "{out:?}");
    let (_empty, out) = unpacked(&home.path("b.tar.gz"), &[]);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&out.stderr),
        String::from_utf8_lossy(&fs::read(home.path("err")).unwrap())
    );
}

#[test]
fn what_cannot_be_packed_is_refused_and_no_file_is_left() {
    let home = Home::new();
    let at = home.path("");
    let one = |fields: &Value, says: &str| {
        let mut all = json!({"cwd": at, "real": "/usr/bin/gcc"});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Record::new().call("aa0000000001", &all, &json!({})).write(&home.path("log"));
        let out = bundle(&home, &["aa", "log"]);
        let err = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(err.contains(says), "{err}");
        assert!(!home.path("aa0000000001.tar.gz").exists());
        out.status.code()
    };
    assert_eq!(
        one(&json!({"in": ["-"], "argv": ["cc", "-c", "-xc", "-"]}), "reads its input from `-`"),
        Some(2)
    );
    assert_eq!(one(&json!({}), "an input of call aa0000000001 is gone"), Some(1));
    assert_eq!(one(&json!({"cwd": "/no/such"}), "the working folder of call aa0000000001 is gone"), Some(1));
    assert_eq!(one(&json!({"disp": "refused"}), "was refused"), Some(2));
    home.write("thin.a", "!<thin>\n");
    let link = json!({"kind": "link", "in": ["thin.a"], "argv": ["cc", "thin.a"], "out": ["a.out"]});
    assert_eq!(one(&link, "is a thin archive"), Some(1));
}

#[test]
fn a_tree_that_has_changed_since_is_told() {
    let home = recorded("cd src; gcc -Wall -c a.c -o a.o");
    let id = id(&home, &["--kind", "compile"]);
    fs::write(home.path("src/a.c"), "int a = ;\n").unwrap();
    let out = bundle(&home, &[&id, "log"]);
    assert_eq!(out.status.code(), Some(0));
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(err.contains("the bundle ends with status 1, and the call ended with 0"), "{err}");
}
