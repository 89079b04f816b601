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

/// A script of calls is recorded, each is bundled, the tree goes, and each bundle does what its call did: the same status
/// and, with the names of the compiler's own files taken out, the same words.
fn held_against_what_was_said(script: &str) {
    let home = recorded(&format!(
        "cd src; say() {{ n=$((n + 1)); \"$@\" 2> \"../said.$n\"; echo $? > \"../status.$n\"; }}\n{script}\ntrue"
    ));
    let out = home.crosswheel(&["log", "ls", "log", "--json"]).output().unwrap();
    let calls: Vec<Value> = out
        .stdout
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    // What the script makes for the others to read is not said.
    let said = |call: &Value| call["begin"]["argv"].to_string().contains("SAID");
    let calls: Vec<&Value> =
        calls.iter().filter(|call| said(call) && call["begin"]["parent"].is_null()).collect();
    assert!(home.path(&format!("said.{}", calls.len())).exists() && !calls.is_empty(), "{}", calls.len());
    for (n, call) in calls.iter().enumerate() {
        let before = times(&home.path("src"));
        let name = format!("{n}.tar.gz");
        let out = bundle(&home, &[call["begin"]["id"].as_str().unwrap(), "log", "--out", &name]);
        let argv = &call["begin"]["argv"];
        assert_eq!(
            (out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()),
            (Some(0), ""),
            "{argv}"
        );
        assert_eq!(times(&home.path("src")), before, "the tree is left alone: {argv}");
    }
    fs::remove_dir_all(home.path("src")).unwrap();
    let drawn = regex::Regex::new(r"/[^ ]*/(cc\w{6}|[^/ :]+-[0-9a-f]{6})\b").unwrap();
    let plain = |text: &str| drawn.replace_all(text, "*").into_owned();
    for (n, call) in calls.iter().enumerate() {
        let (_empty, out) = unpacked(&home.path(&format!("{n}.tar.gz")), &[]);
        let read = |name: &str| fs::read_to_string(home.path(&format!("{name}.{}", n + 1))).unwrap();
        let argv = &call["begin"]["argv"];
        assert_eq!(
            out.status.code().map(|code| code.to_string()).as_deref(),
            Some(read("status").trim()),
            "{argv}"
        );
        assert_eq!(plain(&String::from_utf8_lossy(&out.stderr)), plain(&read("said")), "{argv}");
    }
}

/// Files of a tree, and when each was changed.
fn times(folder: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            all.extend(times(&path));
        } else {
            all.push((path, meta.modified().unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn what_only_an_assembler_opens_is_packed() {
    held_against_what_was_said(
        r#"
        mkdir as; printf '.macro two\n nop\n.endm\n.include "deep.s"\n' > as/m.s; echo '.set DEEP, 1' > as/deep.s; echo x > blob
        printf '.include "m.s"\nf: two\n.incbin "blob"\n bogus SAID\n' > bad.s; sed '$d' bad.s > good.s
        printf '__asm__(".section .rodata\\n.incbin \\"blob\\"\\n.text"); int x;\n' > c.c
        say as -Ias bad.s -o SAID1.o; say as -I as good.s -o SAID2.o; say gcc -c -Wa,-I,$PWD/as good.s -o SAID3.o
        say gcc -c c.c -o SAID4.o; say clang -c -Ias bad.s -o SAID5.o; say clang -c c.c -o SAID6.o"#,
    );
}

#[test]
fn what_only_a_linker_opens_is_packed() {
    held_against_what_was_said(
        r#"
        echo 'int nowhere(void); int used(void); int main(void) { return nowhere() + used(); }' > bad.c
        echo 'int used(void); int main(void) { return used(); }' > good.c; echo 'int used(void) { return 1; }' > used.c
        gcc -c bad.c good.c used.c; mkdir t lib; cp used.o t; ar rcsT libthin.a used.o; ar rcsT t/libt.a t/used.o; ar rcsT libnest.a t/libt.a
        ar rcs lib/libreal.a used.o; echo 'GROUP ( libreal.a )' > lib/libscript.so; echo 'INPUT ( used.o )' > in.ld
        echo '{ global: main local: *; };' > bad.map; echo "--version-script=$PWD/bad.map -Map=x.map" > ld.rsp
        say gcc bad.o libthin.a -o SAID1; say gcc good.o -L. -lthin -o SAID2; say gcc good.o libnest.a -o SAID3
        say gcc good.o -Llib -lscript -o SAID4; say gcc bad.o in.ld -o SAID5; say gcc good.o used.o -Wl,@ld.rsp -o SAID6
        export LIBRARY_PATH=$PWD/lib; say gcc good.o -lreal -o SAID7; unset LIBRARY_PATH; say gcc bad.c used.c -o SAID8; say gcc good.o used.o -Wl,-Map=m.map -o SAID9
        say ar t libthin.a SAID10; say gcc bad.o used.o -Wl,-Map=$PWD/m.map -o SAID11"#,
    );
}

#[test]
fn modules_and_includes_of_fortran_are_packed() {
    held_against_what_was_said(
        r#"
        printf 'module m\n integer :: k = 3\nend module\n' > m.f90; echo '      integer q' > inc.f; mkdir mods; gfortran -c m.f90 -J mods -o m.o
        printf 'subroutine s\n use m\n include "inc.f"\n k = nope(\nend subroutine\n' > bad.f90; sed 's/nope(/2/' bad.f90 > good.f90
        say gfortran -c bad.f90 -Imods -o SAID1.o; say gfortran -Wall -c good.f90 -I$PWD/mods -o $PWD/SAID2.o; say gfortran -J mods -c m.f90 -o SAID3.o"#,
    );
}

#[test]
fn precompiled_headers_give_way_to_their_headers() {
    held_against_what_was_said(
        r"
        printf '#include <vector>\n#define P 1 +\n' > p.h; echo 'std::vector<int> v; int z = P;' > u.cpp
        clang++ -x c++-header p.h -o p.pch; g++ -x c++-header p.h -o p.h.gch; clang++ -x c++-header p.h -o p.h.pch
        say clang++ -include-pch p.pch -c u.cpp -o SAID1.o; say g++ -include p.h -Winvalid-pch -c u.cpp -o SAID2.o
        say clang++ -Xclang -include-pch -Xclang $PWD/p.h.pch -Xclang -include -Xclang $PWD/p.h -c u.cpp -o SAID3.o",
    );
}

#[test]
fn folders_in_variables_links_and_files_beside_the_output_are_minded() {
    held_against_what_was_said(
        r#"
        mkdir -p real/deep env; echo '#define H 1 1' > real/deep/h.h; echo '#define X 2' > real/x.h; ln -s real/deep ln; echo '#define E 1 +' > env/e.h
        printf '#include "h.h"\n#include "../x.h"\nint b = X H;\n' > ln/b.c; printf '#include <e.h>\nint e = E;\n' > e.c; echo 'int d = ;' > ./-d.c
        say gcc -c ln/b.c -o SAID1.o; say gcc -Iln -c -Wall ln/../deep/b.c -o SAID2.o; export CPATH=$PWD/env; say gcc -c e.c -o SAID3.o; unset CPATH
        export C_INCLUDE_PATH=env; say clang -c e.c -o SAID4.o; unset C_INCLUDE_PATH; say clang -c -o SAID5.o -- -d.c; say gcc -c a.c -Wp,-MD,SAID6.d -o 6.o
        export DEPENDENCIES_OUTPUT=$PWD/all.d; say gcc -c a.c -o SAID7.o; unset DEPENDENCIES_OUTPUT; say clang -c a.c -MD -MF $PWD/SAID8.d -MJ j.json -o 8.o
        say gcc -x c -c /dev/null -o SAID9.o; say gcc -c a.c -save-temps -fdump-tree-optimized -o SAID10.o; say clang -c a.c -ftime-trace -o SAID11.o"#,
    );
}
