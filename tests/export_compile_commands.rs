//! `crosswheel log export --format compile-commands`: how each source was compiled, as other tools read it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;
mod shop;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use records::Record;
use serde_json::{Value, json};
use shop::{Shop, said};

/// Exports the record in a folder; the entries.
fn exported(record: &Record, more: &[&str]) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    record.write(home.path());
    let output = export(home.path(), more);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn export(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    command.args(["log", "export", "--format", "compile-commands", "."]).args(more);
    command.current_dir(folder).output().unwrap()
}

/// A call with this line, which `kind` it is, and its files.
fn call(record: Record, id: &str, kind: &str, inputs: &[&str], outputs: &[&str], line: &str) -> Record {
    let argv: Vec<&str> = line.split(' ').collect();
    record.call(id, &json!({"kind": kind, "in": inputs, "out": outputs, "argv": argv}), &json!({}))
}

fn compile(record: Record, line: &str) -> Record {
    call(record, "01", "compile", &["a.c"], &["a.o"], line)
}

fn arguments(entries: &[Value]) -> Vec<String> {
    let words =
        |entry: &Value| -> Vec<String> { serde_json::from_value(entry["arguments"].clone()).unwrap() };
    entries.iter().map(|entry| words(entry).join(" ")).collect()
}

#[test]
fn an_entry_names_the_real_compiler_and_paths_from_the_root() {
    let entries = exported(&compile(Record::new(), "cc -O2 -c a.c -o ../a.o"), &[]);
    assert_eq!(
        entries,
        [json!({
            "directory": "/w/src", "file": "/w/src/a.c", "output": "/w/a.o",
            "arguments": ["/usr/bin/gcc", "-O2", "-c", "a.c", "-o", "../a.o"],
        })]
    );
}

#[test]
fn each_source_of_a_call_has_an_entry_of_its_own() {
    let record = call(Record::new(), "01", "compile", &["a.c", "b.S"], &["a.o", "b.o"], "cc -c -O2 a.c b.S");
    let entries = exported(&record, &[]);
    assert_eq!(arguments(&entries), ["/usr/bin/gcc -c -O2 a.c", "/usr/bin/gcc -c -O2 b.S"]);
    assert_eq!(entries[1]["output"], "/w/src/b.o");
}

#[test]
fn a_call_that_compiles_and_links_gives_the_compile_step_of_each_source() {
    let line = "cc -shared -O2 a.c -x c b.x -x none c.o -L. -lm -Wl,-O1 -z now -rdynamic -o x.so";
    let record = call(Record::new(), "01", "link", &["a.c", "b.x", "c.o"], &["x.so"], line);
    let entries = exported(&record, &[]);
    let expected =
        ["/usr/bin/gcc -c -O2 a.c -x c -x none -o x.so", "/usr/bin/gcc -c -O2 -x c b.x -x none -o x.so"];
    assert_eq!(arguments(&entries), expected);
    assert_eq!(entries[0]["output"], "/w/src/x.so");
}

#[test]
fn options_that_write_a_file_of_dependencies_are_left_out() {
    let line = "cc -MD -MF a.d -MT a.o -MQ a -MMD -MP -c a.c -o a.o -Mfoo";
    assert_eq!(
        arguments(&exported(&compile(Record::new(), line), &[])),
        ["/usr/bin/gcc -c a.c -o a.o -Mfoo"]
    );
    let line = "cc -Wp,-MMD,a.d -Wp,-DA,-MD,a.d,-MP,-DB -c a.c -o a.o";
    assert_eq!(
        arguments(&exported(&compile(Record::new(), line), &[])),
        ["/usr/bin/gcc -Wp,-DA,-DB -c a.c -o a.o"]
    );
}

#[test]
fn probes_queries_preprocessing_plain_links_stdin_and_nested_calls_have_none() {
    let record = Record::new()
        .call("01", &json!({"probe": "conftest"}), &json!({}))
        .call("02", &json!({"kind": "preprocess", "argv": ["cc", "-E", "a.c"]}), &json!({}))
        .call("03", &json!({"kind": "query", "in": [], "argv": ["cc", "--version"]}), &json!({}))
        .call("04", &json!({"kind": "link", "in": ["a.o"], "argv": ["cc", "a.o"]}), &json!({}))
        .call("05", &json!({"in": ["-"], "argv": ["cc", "-xc", "-c", "-", "-o", "a.o"]}), &json!({}))
        .call("06", &json!({"kind": "archive", "tool": "ar", "argv": ["ar", "r", "a.a", "a.o"]}), &json!({}))
        .begin("07", &json!({"kind": "link", "in": ["a.o"], "argv": ["cc", "-flto", "a.o"]}))
        .call("08", &json!({"parent": "07"}), &json!({}))
        .end("07", &json!({"dur": 100_000_000}));
    assert_eq!(exported(&record, &[]), [] as [Value; 0]);
}

#[test]
fn what_a_shimmed_build_tool_runs_is_work() {
    let record = Record::new()
        .begin("01", &json!({"kind": "other", "tool": "cmake", "in": [], "out": []}))
        .call("02", &json!({"parent": "01"}), &json!({}))
        .end("01", &json!({"dur": 100_000_000}));
    assert_eq!(exported(&record, &[]).len(), 1);
}

#[test]
fn failed_and_refused_compiles_have_an_entry() {
    let record = Record::new()
        .call("01", &json!({}), &json!({"exit": 1}))
        .begin("02", &json!({"in": ["b.c"], "argv": ["cc", "-c", "b.c"], "disp": "refused", "error": "no"}));
    assert_eq!(exported(&record, &[]).len(), 2);
}

#[test]
fn a_compile_that_cannot_be_described_is_left_out_and_told() {
    for (fields, why) in [
        (json!({"cwd": null}), "the working folder was deleted"),
        (json!({"tool": "nvcc"}), "does not say what the called name stands for"),
    ] {
        let home = tempfile::tempdir().unwrap();
        Record::new().call("01", &fields, &json!({})).write(home.path());
        let output = export(home.path(), &[]);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"[]\n"[..]));
        let told = said(&output);
        assert!(told.contains("1 compile left out: ") && told.contains(why), "{told}");
    }
}

#[test]
fn that_no_source_is_there_any_more_is_told() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    Record::new().call("01", &json!({"cwd": folder}), &json!({})).write(home.path());
    let told = said(&export(home.path(), &[]));
    assert!(told.contains("no source of this build is there") && told.contains("--keep"), "{told}");
    std::fs::write(home.path().join("a.c"), "").unwrap();
    assert_eq!(said(&export(home.path(), &[])), "");
}

#[test]
fn a_tree_that_a_build_has_set_aside_is_put_back() {
    let home = tempfile::tempdir().unwrap();
    let kept = |name: &str| home.path().join("xw-abcdef").join(name);
    std::fs::create_dir_all(kept("src.x86-64-v3/demo")).unwrap();
    std::fs::write(kept("src.x86-64-v3/demo/a.c"), "").unwrap();
    std::fs::create_dir(kept("src")).unwrap();
    Record::new().call("01", &json!({"cwd": kept("src/demo")}), &json!({})).write(home.path());
    let output = export(home.path(), &[]);
    assert_eq!(said(&output), "");
    let entries: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(Path::new(entries[0]["file"].as_str().unwrap()).is_file(), "{entries}");

    // If it was not kept, and another one is there, that is told, and the entries stand all the same.
    std::fs::remove_file(kept("src")).unwrap();
    std::fs::rename(kept("src.x86-64-v3"), kept("src.host")).unwrap();
    std::os::unix::fs::symlink("src.host", kept("src")).unwrap();
    let output = export(home.path(), &[]);
    assert!(said(&output).contains("the tree of another family"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_same_compile_twice_is_one_entry() {
    let record = compile(compile(Record::new(), "cc -c a.c"), "cc -c a.c");
    let record = call(record, "03", "compile", &["a.c"], &["a.o"], "cc -O2 -c a.c");
    assert_eq!(arguments(&exported(&record, &[])), ["/usr/bin/gcc -c a.c", "/usr/bin/gcc -O2 -c a.c"]);
}

#[test]
fn arguments_are_those_received_or_as_run() {
    let record = Record::new().call(
        "01",
        &json!({
            "argv": ["cc", "-march=native", "-c", "a.c"], "disp": "rewritten",
            "run": ["/usr/bin/gcc", "-march=x86-64-v3", "-c", "a.c"],
        }),
        &json!({}),
    );
    assert_eq!(arguments(&exported(&record, &[])), ["/usr/bin/gcc -march=native -c a.c"]);
    assert_eq!(arguments(&exported(&record, &["--rewritten"])), ["/usr/bin/gcc -march=x86-64-v3 -c a.c"]);
}

#[test]
fn launchers_are_no_part_of_a_compile() {
    let launched = json!({
        "via": "ccache", "launcher": "/usr/bin/ccache", "argv": ["ccache", "K=V", "cc", "-c", "a.c"],
        "run": ["/usr/bin/ccache", "K=V", "/usr/bin/gcc", "-O3", "-c", "a.c"],
    });
    let passed = json!({"via": "ccache", "argv": ["ccache", "cc", "-c", "a.c"]});
    let rewritten = Record::new().call("01", &launched, &json!({}));
    assert_eq!(arguments(&exported(&rewritten, &[])), ["/usr/bin/gcc -c a.c"]);
    assert_eq!(arguments(&exported(&rewritten, &["--rewritten"])), ["/usr/bin/gcc -O3 -c a.c"]);
    assert_eq!(
        arguments(&exported(&Record::new().call("01", &passed, &json!({})), &[])),
        ["/usr/bin/gcc -c a.c"]
    );
}

#[test]
fn response_files_are_read_in() {
    let fields = |files: Value| {
        json!({
            "argv": ["cc", "@flags", "-c", "a.c"], "expanded": ["cc", "-DA=b c", "-I.", "-c", "a.c"],
            "run": ["/usr/bin/gcc", "-O3", "@flags", "-c", "a.c"], "files": files,
        })
    };
    for files in [json!([{"path": "flags", "content": "'-DA=b c'\n-I."}]), json!([])] {
        let record = Record::new().call("01", &fields(files), &json!({}));
        assert_eq!(
            exported(&record, &[])[0]["arguments"],
            json!(["/usr/bin/gcc", "-DA=b c", "-I.", "-c", "a.c"])
        );
        let ran = json!(["/usr/bin/gcc", "-O3", "-DA=b c", "-I.", "-c", "a.c"]);
        assert_eq!(exported(&record, &["--rewritten"])[0]["arguments"], ran);
    }
}

#[test]
fn bytes_that_are_not_utf8_stay_as_the_record_holds_them() {
    let home = tempfile::tempdir().unwrap();
    let record = compile(Record::new(), "cc -DX=BYTE -c a.c").text().replace("BYTE", r"\udcff");
    records::write(home.path(), record.as_bytes());
    let output = export(home.path(), &[]);
    assert!(String::from_utf8(output.stdout).unwrap().contains(r#""-DX=\udcff""#));
}

#[test]
fn a_command_is_quoted_for_a_shell() {
    let argv = json!(["cc", "-DS=\"a b\"", "-D$X", "-c", "a.c"]);
    let entries = exported(&Record::new().call("01", &json!({"argv": argv}), &json!({})), &["--command"]);
    assert_eq!(entries[0]["command"], r#"/usr/bin/gcc -DS=\"a\ b\" -D\$X -c a.c"#);
    assert_eq!(entries[0].get("arguments"), None);
}

#[test]
fn options_of_one_format_are_refused_with_another() {
    let home = tempfile::tempdir().unwrap();
    Record::new().write(home.path());
    let output = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["log", "export", "--format", "perfetto", ".", "--command"])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_file_that_is_there_is_added_to_and_what_it_held_stays_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    compile(Record::new(), "cc -c a.c").write(home.path());
    let held = r#"[{"directory":"/w/src", "file":"a.c", "command":"/usr/bin/gcc  -c a.c", "more": 1.50},
                   {"directory":"/w/src","file":"/w/src/a.c","arguments":["/usr/bin/gcc","-DX=\udcff","a.c"]}]"#;
    std::fs::write(home.path().join("cc.json"), held).unwrap();
    for entries in [2, 2] {
        assert!(export(home.path(), &["--out", "cc.json"]).status.success());
        let text = std::fs::read_to_string(home.path().join("cc.json")).unwrap();
        assert_eq!(text.matches("\"directory\"").count(), entries, "{text}");
        assert!(text.contains("\"more\": 1.50}") && text.contains(r"\udcff"), "{text}");
    }
    call(Record::new(), "02", "compile", &["b.c"], &["b.o"], "cc -c b.c").write(home.path());
    assert!(export(home.path(), &["--out", "cc.json"]).status.success());
    let text = std::fs::read_to_string(home.path().join("cc.json")).unwrap();
    assert!(text.contains("/w/src/b.c") && text.contains("\"more\": 1.50}"), "{text}");
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    compile(Record::new(), "cc -c a.c").write(home.path());
    for held in ["{}", "[{\"file\": \"a.c\"}]", "[{\"file\": \"a\", \"directory\": \"/\"}]", "[", "x"] {
        let path = home.path().join("cc.json");
        std::fs::write(&path, held).unwrap();
        let output = export(home.path(), &["--out", "cc.json"]);
        assert_eq!(output.status.code(), Some(2), "{held}");
        assert!(said(&output).contains("cc.json") && said(&output).contains("hint:"), "{}", said(&output));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), held);
    }
}

#[test]
fn a_link_in_the_place_of_the_file_stays_a_link() {
    let home = tempfile::tempdir().unwrap();
    compile(Record::new(), "cc -c a.c").write(home.path());
    std::fs::create_dir(home.path().join("build")).unwrap();
    let (link, file) = (home.path().join("cc.json"), home.path().join("build/cc.json"));
    std::fs::write(&file, "[]").unwrap();
    std::os::unix::fs::symlink("build/cc.json", &link).unwrap();
    assert!(export(home.path(), &["--out", "cc.json"]).status.success());
    assert!(link.is_symlink());
    assert!(std::fs::read_to_string(file).unwrap().contains("/w/src/a.c"));
}

const SYSTEM: &str = "/usr/bin:/bin";

/// A little build in each way in which compilers are called.
const BUILD: &str = r#"
    gcc -O2 -MD -MF a.d -MT a.o -DFROM_BUILD='"x y"' -c a.c -o a.o
    cc -Wall -DFROM_BUILD=1 -c sub/b.c -o sub/b.o
    g++ -std=c++17 -DFROM_BUILD=1 -c c.cpp -o c.o
    cd sub && gcc -I.. -DFROM_BUILD=1 -c "$OLDPWD/a.c" -o ../a2.o && cd ..
    gcc -c s.S -o s.o
    gcc -DFROM_BUILD=1 -E a.c -o a.i
    gcc -DFROM_BUILD=1 -fPIC -O1 -shared a.c sub/b.c -o x.so
    gcc --version >/dev/null
    ar rcs x.a a.o
"#;

/// The sources of that build.
fn sources(shop: &Shop) {
    std::fs::create_dir(shop.at("sub")).unwrap();
    let guard = "#ifndef FROM_BUILD\n#error no argument came here\n#endif\n";
    for (name, text) in
        [("a.c", "int a;\n"), ("sub/b.c", "int b;\n"), ("c.cpp", "auto c = [] { return 1; };\n")]
    {
        std::fs::write(shop.at(name), format!("{guard}{text}")).unwrap();
    }
    std::fs::write(shop.at("s.S"), ".globl s\n").unwrap();
}

/// File, folder, output, and the arguments in any order, with how often each is there.
fn compared(text: &[u8]) -> BTreeMap<(String, String, String, Vec<String>), usize> {
    let entries: Vec<Value> = serde_json::from_slice(text).unwrap();
    let mut all = BTreeMap::new();
    for entry in entries {
        let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let mut arguments: Vec<String> = serde_json::from_value(entry["arguments"].clone()).unwrap();
        arguments.sort();
        *all.entry((field("file"), field("directory"), field("output"), arguments)).or_default() += 1;
    }
    all
}

#[test]
fn a_build_gives_the_entries_that_bear_gives() {
    let shop = Shop::new();
    sources(&shop);
    let mut bear = Command::new("bear");
    bear.args(["--output", "bear.json", "--", "sh", "-ec", BUILD]).current_dir(shop.at(""));
    let bear = bear.output().expect("bear is installed");
    assert!(bear.status.success(), "{}", said(&bear));
    shop.done(SYSTEM, &["run", "--quiet", "--family", "host", "--", "sh", "-ec", BUILD]);
    let ours = shop.done(SYSTEM, &["log", "export", "--format", "compile-commands"]).stdout;
    let bears = std::fs::read(shop.at("bear.json")).unwrap();
    assert_eq!(compared(&bears).len(), 7);
    assert_eq!(compared(&ours), compared(&bears));
}

#[test]
fn clangd_and_clang_tidy_compile_by_the_database() {
    let shop = Shop::new();
    sources(&shop);
    shop.done(SYSTEM, &["run", "--quiet", "--family", "x86-64-v3", "--", "sh", "-ec", BUILD]);
    for style in [&["--command"][..], &["--rewritten"], &[]] {
        let _ = std::fs::remove_file(shop.at("compile_commands.json"));
        let to = ["log", "export", "--format", "compile-commands", "--out", "compile_commands.json"];
        shop.done(SYSTEM, &[&to, style].concat());
        for file in ["a.c", "sub/b.c", "c.cpp"] {
            // The guard in each source makes an error of a database that is not found or not understood.
            let check =
                Command::new("clangd").arg(format!("--check={file}")).current_dir(shop.at("")).output();
            let check = check.expect("clangd is installed");
            assert!(check.status.success(), "{file} {style:?}: {}", said(&check));
            let tidy = Command::new("clang-tidy").args(["-p", ".", file]).current_dir(shop.at("")).output();
            let tidy = tidy.expect("clang-tidy is installed");
            assert!(tidy.status.success(), "{file} {style:?}: {tidy:?}");
        }
    }
}
