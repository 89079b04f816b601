//! `crosswheel wheel manifest` and `crosswheel manifest verify`: the document is held against its JSON Schema by Python's
//! `jsonschema`, what it says against the tools that know, and each way of being wrong has its own code.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use wheels::{Bench, Parts, entry};

const ANY: &str = "demo-1.0-py3-none-any.whl";
const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";

/// Runs `crosswheel` in a folder, with variables of its own.
fn crosswheel(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    for sign in ["GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "TF_BUILD", "CIRCLECI", "JENKINS_URL"] {
        command.env_remove(sign);
    }
    // Looking at the machine takes longer than all else; one test does it.
    let whole = variables.iter().any(|(name, _)| *name == "GITHUB_ACTIONS" || *name == "GITLAB_CI");
    if args.starts_with(&["wheel", "manifest"]) && !whole && !args.contains(&"--no-environment") {
        command.args([args, &["--no-environment"]].concat());
    } else {
        command.args(args);
    }
    command.env_remove("SOURCE_DATE_EPOCH").current_dir(folder);
    command.envs(variables.iter().copied()).output().unwrap()
}

/// The manifest that is printed.
fn manifest(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let args = [&["wheel", "manifest"], args].concat();
    let out = crosswheel(folder, &args, variables);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// What is told on stderr; the exit status must be this one.
fn refused(folder: &Path, args: &[&str], variables: &[(&str, &str)], code: i32) -> String {
    let args = [&["wheel", "manifest"], args].concat();
    let out = crosswheel(folder, &args, variables);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(code), "{args:?}: {told}");
    assert!(told.contains("hint:"), "{told}");
    told
}

fn only_run(manifest: &Value) -> &Value {
    manifest["runs"].as_object().unwrap().values().next().unwrap()
}

/// The source of a manifest that was made in this folder.
fn source(folder: &Path, args: &[&str]) -> Value {
    let told = manifest(folder, args, &[]);
    let sources = only_run(&told)["sources"].as_array().unwrap().clone();
    assert_eq!(sources.len(), 1);
    sources[0].clone()
}

/// Runs a tool that must be well.
fn tool(folder: &Path, command: &[&str]) -> String {
    let mut tool = Command::new(command[0]);
    tool.args(&command[1..]).current_dir(folder);
    tool.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null"), ("LC_ALL", "C")]);
    for who in ["AUTHOR", "COMMITTER"] {
        tool.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.org");
    }
    let out = tool.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn git(folder: &Path, args: &[&str]) -> String {
    tool(folder, &[&["git", "-c", "protocol.file.allow=always"], args].concat())
}

/// A work tree with one commit, and a wheel in its ignored folder `dist`.
fn tree(folder: &Path) {
    fs::create_dir_all(folder.join("dist")).unwrap();
    Parts::new(ANY).sealed().write(&folder.join("dist"));
    fs::write(folder.join("file"), "1\n").unwrap();
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["add", "file"]);
    git(folder, &["commit", "-q", "-m", "one"]);
}

/// A library with soname, requirement, build-id and RUNPATH.
fn library(folder: &Path, runpath: &str) -> Vec<u8> {
    fs::write(folder.join("a.c"), "int a(void) { return 1; }\n").unwrap();
    let flags = format!("-Wl,--enable-new-dtags,-soname,liba.so.1,--build-id=0x0123abcd,-rpath,{runpath}");
    tool(folder, &["gcc", "-shared", "-fPIC", "a.c", "-o", "liba.so", "-Wl,--no-as-needed", "-lm", &flags]);
    fs::read(folder.join("liba.so")).unwrap()
}

#[test]
fn a_manifest_says_what_other_tools_say() {
    let bench = Bench::new();
    let bytes = library(bench.dir.path(), "$ORIGIN:$ORIGIN/x");
    let wheel = Parts::new(LINUX).with(entry("demo/liba.so.1", &bytes)).sealed().write(bench.dir.path());
    let told = manifest(bench.dir.path(), &[LINUX], &[]);
    let one = &told["wheels"][0];
    let sum = tool(bench.dir.path(), &["sha256sum", LINUX]);
    assert_eq!(one["sha256"], sum.split(' ').next().unwrap());
    assert_eq!(one["size"], fs::metadata(&wheel).unwrap().len());
    assert_eq!([&one["name"], &one["version"], &one["file"]], ["demo", "1.0", LINUX]);
    assert_eq!(one["tags"], json!(["cp311-cp311-linux_x86_64"]));
    assert_eq!(one["build"], Value::Null);

    // Python's own reader of archives.
    let script = "import hashlib, json, sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        print(json.dumps(sorted([i.filename, hashlib.sha256(z.read(i)).hexdigest(), '%08x' % i.CRC, i.file_size, \
        i.compress_size] for i in z.infolist())))";
    let theirs: Value = serde_json::from_str(&bench.tool(&["python", "-c", script, LINUX])).unwrap();
    let fields = ["path", "sha256", "crc32", "size", "compressed_size"];
    let ours: Vec<Value> = one["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| fields.iter().map(|field| entry[field].clone()).collect())
        .collect();
    assert_eq!(Value::from(ours), theirs);

    let dynamic = tool(bench.dir.path(), &["readelf", "-dn", "liba.so"]);
    for said in ["[liba.so.1]", "[libm.so.6]", "RUNPATH", "[$ORIGIN:$ORIGIN/x]", "Build ID: 0123abcd"] {
        assert!(dynamic.contains(said), "{dynamic}");
    }
    let entries = one["entries"].as_array().unwrap();
    let elf = &entries.iter().find(|entry| entry["path"] == "demo/liba.so.1").unwrap()["elf"];
    let expected = json!({
        "machine": "x86_64", "soname": "liba.so.1", "needed": ["libm.so.6", "libc.so.6"],
        "runpath": ["$ORIGIN", "$ORIGIN/x"], "build_id": "0123abcd",
    });
    assert_eq!(*elf, expected);
}

/// A manifest in which every field of the format occurs.
fn full(bench: &Bench) -> Value {
    let folder = bench.dir.path();
    tree(folder);
    git(folder, &["tag", "v1"]);
    git(folder, &["remote", "add", "origin", "https://user:secret@example.org/demo.git"]);
    let old = bench.at("old");
    fs::create_dir(&old).unwrap();
    let mut parts = Parts::new(LINUX).with(entry("demo/liba.so.1", &library(folder, "/old")));
    parts = parts.with(entry("demo/moved", b"moved from here"));
    parts.sealed().write(&old);
    let bytes = library(folder, "/new,--disable-new-dtags");
    let name = "demo-1.0-7-cp311-cp311-linux_x86_64.whl";
    let mut parts = Parts::new(name).with(entry("demo/liba.so.1", &bytes));
    parts = parts.with(entry("demo/moved to", b"moved from here"));
    parts = parts.with(entry("demo/libb.so", &library(folder, "/b")));
    parts.sealed().write(folder);
    let args = [name, "--from", "old", "--family", "x86-64-v3"];
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "o/demo"),
        ("GITHUB_WORKFLOW_REF", "o/demo/.github/workflows/release.yml@refs/heads/main"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_JOB", "wheels"),
        ("GITHUB_SHA", "abc"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_TOKEN", "secret"),
        ("CFLAGS", "-O2"),
        ("SOURCE_DATE_EPOCH", "1700000000"),
    ];
    manifest(folder, &args, &variables)
}

/// Python's `jsonschema` on a document; what it says against it.
fn schema_says(bench: &Bench, document: &Value) -> String {
    let script = "import json, sys\n\
        from jsonschema import Draft202012Validator as V\n\
        schema = json.load(open(sys.argv[1]))\n\
        V.check_schema(schema)\n\
        print('\\n'.join(e.json_path + ': ' + e.message for e in V(schema).iter_errors(json.load(open(sys.argv[2])))))";
    fs::write(bench.at("document.json"), document.to_string()).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.schema.json");
    bench.tool(&["python", "-c", script, schema.to_str().unwrap(), "document.json"]).trim().to_owned()
}

#[test]
fn the_schema_is_that_of_what_is_written_and_every_field_of_it_occurs() {
    let bench = Bench::new();
    let mut document = full(&bench);
    assert_eq!(schema_says(&bench, &document), "");
    assert!(!document.to_string().contains("secret"));

    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.schema.json"));
    let schema: Value = serde_json::from_str(&text.unwrap()).unwrap();
    // GPU code of AMD is nothing that a compiler at hand makes.
    let entry = &mut document["wheels"][0]["entries"][0];
    entry["gpu_targets"] = json!(["gfx942"]);
    entry["gpu_damage"] = json!("GPU code at byte 64: is cut short");
    // A wheel has a build number or a variant.
    document["wheels"][0]["variant"] = json!("x86_64_v3");
    // Of one job, no service tells the number and a name, too.
    let run = document["runs"].as_object_mut().unwrap().values_mut().next().unwrap();
    run["ci"]["job_id"] = json!("1");
    assert_eq!(schema_says(&bench, &document), "");
    for (name, of) in schema["$defs"].as_object().unwrap().iter().chain([(&"root".to_owned(), &schema)]) {
        for field in of["properties"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            assert!(occurs(&document, field), "`{field}` of {name} occurs nowhere");
        }
    }
    for wrong in [
        ("/wheels/0/sha256", json!("00")),
        ("/wheels/0/size", json!(-1)),
        ("/manifest_version", json!("2.0")),
        ("/wheels/0/entries/0/action", json!("boiled")),
        ("/wheels/0/build", Value::Null),
        ("/wheels/0/entries", json!({})),
    ] {
        let mut document = document.clone();
        *document.pointer_mut(wrong.0).unwrap() = wrong.1.clone();
        assert_ne!(schema_says(&bench, &document), "", "{wrong:?}");
    }
}

fn occurs(value: &Value, field: &str) -> bool {
    match value {
        Value::Object(object) => {
            object.contains_key(field) || object.values().any(|value| occurs(value, field))
        }
        Value::Array(list) => list.iter().any(|value| occurs(value, field)),
        _ => false,
    }
}

#[test]
fn where_entries_come_from_is_told_by_their_bytes() {
    let bench = Bench::new();
    let document = full(&bench);
    let wheel = &document["wheels"][0];
    assert_eq!(wheel["made_from"][0]["file"], LINUX);
    let find = |path: &str| {
        let entries = wheel["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["path"] == path).unwrap().clone()
    };
    let same = find("demo/__init__.py");
    assert_eq!((&same["action"], &same["source"]), (&json!("raw"), &json!({ "wheel": LINUX })));
    let moved = find("demo/moved to");
    assert_eq!((&moved["action"], &moved["source"]["path"]), (&json!("raw"), &json!("demo/moved")));
    let changed = find("demo/liba.so.1");
    assert_eq!(changed["action"], "written");
    assert_eq!(
        [&changed["elf_before"]["runpath"], &changed["elf"]["rpath"]],
        [&json!(["/old"]), &json!(["/new"])]
    );
    let new = find("demo/libb.so");
    assert_eq!((&new["action"], &new["source"]), (&json!("written"), &Value::Null));
}

#[test]
fn the_job_is_told_and_no_secret() {
    let bench = Bench::new();
    let document = full(&bench);
    let run = only_run(&document);
    assert_eq!(run["ci"]["url"], "https://github.com/o/demo/actions/runs/7");
    assert_eq!(run["time"], 1_700_000_000);
    assert_eq!(run["environment"]["variables"], json!({ "CFLAGS": "-O2" }));
    let glibc = tool(bench.dir.path(), &["getconf", "GNU_LIBC_VERSION"]);
    assert_eq!(run["environment"]["libc"], glibc);
    let kernel = tool(bench.dir.path(), &["uname", "-sr"]);
    assert_eq!(run["environment"]["kernel"], kernel);
    let gcc = tool(bench.dir.path(), &["gcc", "-dumpfullversion"]);
    let compilers = run["environment"]["compilers"].as_array().unwrap();
    assert_eq!(compilers.iter().find(|one| one["name"] == "gcc").unwrap()["version"], gcc);
    assert_eq!(run["sources"][0]["repository"], "https://example.org/demo.git");
    assert_eq!(run["sources"][0]["tags"], json!(["v1"]));
}

#[test]
fn the_same_wheels_give_the_same_bytes() {
    let bench = Bench::new();
    fs::create_dir_all(bench.at("a")).unwrap();
    for folder in ["", "a"] {
        Parts::new(ANY).sealed().write(&bench.at(folder));
        Parts::new(LINUX).sealed().write(&bench.at(folder));
    }
    let one = bench.done(&["manifest", LINUX, ANY]);
    assert_eq!(bench.done(&["manifest", "a"]), one, "neither the order nor the folder matters");
    assert_eq!(bench.done(&["manifest", ANY, LINUX, "./demo-1.0-py3-none-any.whl"]), one);
    assert!(!one.contains("\"time\""), "no clock is read");
    assert!(
        only_run(&manifest(bench.dir.path(), &[ANY, "--dated"], &[]))["time"].as_u64() > Some(1_700_000_000)
    );
    let bare = manifest(bench.dir.path(), &[ANY, "--no-environment"], &[("GITLAB_CI", "true")]);
    assert_eq!(
        *only_run(&bare),
        json!({ "tool": { "name": "crosswheel", "version": env!("CARGO_PKG_VERSION") } })
    );
}

#[test]
fn a_work_tree_is_told_as_git_tells_it() {
    let bench = Bench::new();
    let folder = bench.dir.path();
    tree(folder);
    let clean = source(folder, &["dist"]);
    let commit = git(folder, &["rev-parse", "HEAD"]);
    let expected =
        json!({ "commit": commit, "branch": "main", "dirty": false, "changed": 0, "untracked": 0 });
    assert_eq!(clean, expected, "wheels that are described are no untracked files");
    assert_eq!(source(folder, &["dist", "--source", "dist"]), expected);
    bench.done(&["manifest", "dist", "--no-environment", "--out", "m.json"]);
    let told = bench.done(&["manifest", "dist", "--no-environment", "--out", "m.json", "--dry-run"]);
    assert_eq!(fs::read_to_string(bench.at("m.json")).unwrap(), told, "nor is the manifest itself");
    fs::remove_file(bench.at("m.json")).unwrap();

    fs::write(bench.at("new"), "").unwrap();
    let told = source(folder, &["dist"]);
    assert_eq!((&told["dirty"], &told["untracked"]), (&json!(false), &json!(1)));
    fs::write(bench.at("file"), "2\n").unwrap();
    let told = source(folder, &["dist"]);
    assert_eq!((&told["dirty"], &told["changed"]), (&json!(true), &json!(1)));
    git(folder, &["commit", "-qam", "two"]);
    git(folder, &["tag", "v2"]);
    git(folder, &["tag", "v10"]);
    git(folder, &["checkout", "-q", "--detach"]);
    let told = source(folder, &["dist"]);
    assert_eq!((&told["branch"], &told["tags"]), (&Value::Null, &json!(["v10", "v2"])));
    // A hook of another repository calls.
    let told = manifest(
        folder,
        &["dist"],
        &[("GIT_DIR", "/nowhere"), ("GIT_WORK_TREE", "/"), ("GIT_INDEX_FILE", "/x")],
    );
    assert_eq!(only_run(&told)["sources"][0]["commit"], git(folder, &["rev-parse", "HEAD"]));
}

#[test]
fn a_changed_submodule_makes_a_tree_dirty() {
    let (bench, other) = (Bench::new(), Bench::new());
    let folder = bench.dir.path();
    tree(other.dir.path());
    tree(folder);
    git(folder, &["submodule", "--quiet", "add", other.dir.path().to_str().unwrap(), "sub"]);
    git(folder, &["commit", "-qm", "sub"]);
    assert_eq!(source(folder, &["dist"])["dirty"], false);
    fs::write(bench.at("sub/untracked"), "").unwrap();
    let told = source(folder, &["dist"]);
    assert_eq!((&told["dirty"], &told["untracked"]), (&json!(false), &json!(1)));
    fs::write(bench.at("sub/file"), "2\n").unwrap();
    assert_eq!(source(folder, &["dist"])["changed"], 1);
    git(&bench.at("sub"), &["commit", "-qam", "two"]);
    let told = source(folder, &["dist"]);
    assert_eq!((&told["dirty"], &told["changed"]), (&json!(true), &json!(1)));
    // Each tree once, sorted.
    let both = manifest(folder, &["dist", "--source", "sub", "--source", ".", "--source", "dist"], &[]);
    assert_eq!(only_run(&both)["sources"].as_array().unwrap().len(), 2);
}

/// A git that does this, first on PATH.
fn fake_git(bench: &Bench, script: &str) -> String {
    let bin = bench.at("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("git"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_git_that_fails_is_an_error_and_never_an_empty_answer() {
    let bench = Bench::new();
    let folder = bench.dir.path();
    tree(folder);
    let real = which::which("git").unwrap();
    let real = real.display();
    for (script, told) in [
        ("echo broken >&2; exit 1".to_owned(), "`git rev-parse` failed"),
        (format!("case \"$*\" in *status*) exit 3;; esac; exec {real} \"$@\""), "`git status` failed"),
        (format!("case \"$*\" in *' tag '*) exit 1;; esac; exec {real} \"$@\""), "`git tag` failed"),
        (format!("case \"$*\" in *' config '*) exit 2;; esac; exec {real} \"$@\""), "`git config` failed"),
        // As if the tree belonged to somebody else.
        (format!("export GIT_TEST_ASSUME_DIFFERENT_OWNER=1; exec {real} \"$@\""), "dubious ownership"),
    ] {
        let path = fake_git(&bench, &script);
        let said = refused(folder, &["dist", "--out", "m.json"], &[("PATH", &path), ("HOME", "/nowhere")], 1);
        assert!(said.contains(told), "{script}: {said}");
        assert!(!bench.at("m.json").exists());
    }
    let path = fake_git(&bench, "exit 1");
    let bare = manifest(folder, &["dist", "--no-source"], &[("PATH", &path)]);
    assert_eq!(only_run(&bare)["sources"], Value::Null);
    // Trust that is given by variables is heeded.
    let path = fake_git(&bench, &format!("export GIT_TEST_ASSUME_DIFFERENT_OWNER=1; exec {real} \"$@\""));
    let trust =
        [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")];
    let told = manifest(folder, &["dist"], &[&[("PATH", &path[..])][..], &trust].concat());
    assert_eq!(only_run(&told)["sources"][0]["branch"], "main");

    let (empty, none) = (Bench::new(), Bench::new());
    git(empty.dir.path(), &["init", "-q"]);
    empty.wheel(ANY);
    assert!(refused(empty.dir.path(), &[ANY], &[], 1).contains("no commit yet"));
    none.wheel(ANY);
    assert_eq!(only_run(&manifest(none.dir.path(), &[ANY], &[]))["sources"], Value::Null);
    assert!(refused(none.dir.path(), &[ANY, "--source", "."], &[], 2).contains("in no work tree"));
    let wheel = bench.at("dist").join(ANY);
    let from_outside = manifest(none.dir.path(), &[wheel.to_str().unwrap()], &[]);
    assert_eq!(only_run(&from_outside)["sources"][0]["branch"], "main", "that of the wheel");
}

#[test]
fn what_cannot_be_told_is_refused_and_nothing_is_written() {
    let bench = Bench::new();
    let folder = bench.dir.path();
    bench.wheel(ANY);
    for other in ["empty", "two", "faulty", "hash"] {
        fs::create_dir(bench.at(other)).unwrap();
    }
    Parts::new(ANY).sealed().write(&bench.at("two"));
    let mut parts = Parts::new(LINUX).sealed();
    parts.get("demo/__init__.py").data = b"name = 'gone'\n".to_vec();
    parts.write(&bench.at("faulty"));
    fs::write(bench.at("odd.whl"), "").unwrap();
    let mut parts = Parts::new(LINUX);
    let line = format!("demo/__init__.py,sha512={}A,14\n", "A".repeat(85));
    let record: String = parts
        .record()
        .lines()
        .filter(|line| !line.starts_with("demo/__init__"))
        .flat_map(|line| [line, "\n"])
        .collect();
    parts.entries.push(entry("demo-1.0.dist-info/RECORD", (line + &record).as_bytes()));
    parts.write(&bench.at("hash"));
    fs::write(bench.at("old.json"), "{}").unwrap();
    let before = bench.list("");
    for (args, code, told) in [
        (vec!["empty"], 1, "has no wheels"),
        (vec![ANY, "empty"], 1, "has no wheels"),
        (vec![ANY, "two"], 2, "have one name"),
        (vec!["odd.whl"], 1, "[file-name]"),
        (vec!["faulty"], 1, "[record-hash-mismatch]"),
        (vec!["hash"], 1, "[record-hash-mismatch]"),
        (vec![ANY, "--from", "empty"], 1, "has no wheels"),
        (vec![ANY, "--family", "other.whl=x"], 2, "no wheel of these"),
        (vec![ANY, "--merge", "old.json"], 2, "[not-a-manifest]"),
    ] {
        let said = refused(folder, &[&args[..], &["--out", "m.json"]].concat(), &[], code);
        assert!(said.contains(told), "{args:?}: {said}");
        assert_eq!(bench.list(""), before, "{args:?}");
    }
    let out = crosswheel(folder, &["wheel", "manifest", ANY, "--out", "no/m.json"], &[]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("there is no folder no"));
    let out = crosswheel(folder, &["wheel", "manifest", "nowhere.whl"], &[]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("nowhere.whl"));
    assert!(refused(folder, &[ANY], &[("SOURCE_DATE_EPOCH", "x")], 2).contains("no number of seconds"));
}

#[test]
fn manifests_are_merged_by_the_bytes_of_their_wheels() {
    let bench = Bench::new();
    for folder in ["a", "b", "c"] {
        fs::create_dir(bench.at(folder)).unwrap();
    }
    Parts::new(ANY).sealed().write(&bench.at("a"));
    Parts::new(ANY).sealed().write(&bench.at("b"));
    Parts::new(LINUX).sealed().write(&bench.at("b"));
    Parts::new(ANY).with(entry("demo/more", b"")).sealed().write(&bench.at("c"));
    let job = |id| [("GITLAB_CI", "true"), ("CI_JOB_ID", id), ("CI_PIPELINE_ID", "1")];
    let first = crosswheel(
        bench.dir.path(),
        &["wheel", "manifest", "a", "--out", "m.json", "--family", "f"],
        &job("1"),
    );
    assert!(first.status.success());
    let merged = crosswheel(
        bench.dir.path(),
        &["wheel", "manifest", "b", "--merge", "m.json", "--out", "m.json"],
        &job("2"),
    );
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let told: Value = serde_json::from_slice(&fs::read(bench.at("m.json")).unwrap()).unwrap();
    let wheel =
        |name: &str| told["wheels"].as_array().unwrap().iter().find(|one| one["file"] == name).unwrap();
    let job_of = |name: &str| &told["runs"][wheel(name)["run"].as_str().unwrap()]["ci"]["job_id"];
    assert_eq!((job_of(ANY), job_of(LINUX)), (&json!("1"), &json!("2")), "each keeps its job");
    assert_eq!(wheel(ANY)["family"], "f");
    assert_eq!(schema_says(&bench, &told), "");

    let said = refused(bench.dir.path(), &["c", "--merge", "m.json", "--out", "m.json"], &[], 1);
    assert!(said.contains("--replace") && said.contains(ANY), "{said}");
    let replaced = manifest(bench.dir.path(), &["c", "--merge", "m.json", "--replace"], &[]);
    assert_eq!(replaced["wheels"].as_array().unwrap().len(), 2);
    bench.done(&["manifest", "b", "--merge", "m.json", "--out", "n.json"]);
    let verify = |file| crosswheel(bench.dir.path(), &["manifest", "verify", file, "--folder", "b"], &[]);
    assert!(verify("m.json").status.success() && verify("n.json").status.success());
}

/// The codes of `manifest verify --json`, and the exit status.
fn codes(bench: &Bench) -> (BTreeSet<String>, Option<i32>) {
    let out = crosswheel(bench.dir.path(), &["manifest", "verify", "m.json", "--json"], &[]);
    let json: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    let findings = json["findings"].as_array().unwrap();
    for finding in findings {
        assert!(!finding["hint"].as_str().unwrap().is_empty());
    }
    (findings.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect(), out.status.code())
}

/// Two wheels with their manifest.
fn made() -> (Bench, Value) {
    let bench = Bench::new();
    bench.wheel(ANY);
    bench.wheel(LINUX);
    bench.done(&["manifest", ".", "--out", "m.json", "--no-environment"]);
    let text = fs::read(bench.at("m.json")).unwrap();
    (bench, serde_json::from_slice(&text).unwrap())
}

#[test]
fn a_sound_manifest_passes() {
    let (bench, _) = made();
    assert_eq!(codes(&bench), (BTreeSet::new(), Some(0)));
    let out = crosswheel(Path::new("/"), &["manifest", "verify", bench.at("m.json").to_str().unwrap()], &[]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("2 wheels, 16 files, 0 faults"), "{out:?}");
}

/// A change of the document.
type Change = fn(&mut Value);

#[test]
fn each_fault_of_the_document_has_its_code() {
    let cases: &[(&str, Change)] = &[
        ("not-a-manifest", |all| *all = json!([])),
        ("not-a-manifest", |all| all["manifest_version"] = json!(1)),
        ("not-a-manifest", |all| all["manifest_version"] = json!("1")),
        ("foreign-version", |all| all["manifest_version"] = json!("2.0")),
        ("bad-field", |all| drop(all["wheels"][0].as_object_mut().unwrap().remove("size"))),
        ("bad-field", |all| all["wheels"][0]["size"] = json!("1")),
        ("bad-field", |all| all["wheels"][0]["size"] = json!(-1)),
        ("bad-field", |all| all["wheels"][0]["entries"][0]["action"] = json!("boiled")),
        ("bad-field", |all| all["wheels"][1]["file"] = json!("../m.whl")),
        ("unknown-field", |all| all["wheels"][0]["sise"] = json!(1)),
        ("unknown-field", |all| all["wheels"][0]["entries"][3]["elv"] = json!(null)),
        ("bad-order", |all| all["wheels"].as_array_mut().unwrap().reverse()),
        ("bad-order", |all| all["wheels"][0]["entries"].as_array_mut().unwrap().reverse()),
        ("missing-run", |all| all["wheels"][0]["run"] = json!("0000000000000000")),
        ("run-changed", |all| {
            let run = all["runs"].as_object_mut().unwrap().values_mut().next().unwrap();
            run["tool"]["version"] = json!("0.0.0");
        }),
        ("wheel-missing", |all| {
            let mut more = all["wheels"][1].clone();
            more["file"] = json!("z-1-py3-none-any.whl");
            all["wheels"].as_array_mut().unwrap().push(more);
        }),
        ("wheel-unlisted", |all| drop(all["wheels"].as_array_mut().unwrap().pop())),
        ("wheel-size", |all| all["wheels"][0]["size"] = json!(1)),
        ("wheel-hash", |all| all["wheels"][0]["sha256"] = json!("0".repeat(64))),
        ("wheel-field", |all| all["wheels"][0]["tags"] = json!(["py2-none-any"])),
        ("wheel-field", |all| all["wheels"][0]["version"] = json!("1.1")),
        ("entry-missing", |all| {
            let mut more = all["wheels"][0]["entries"][0].clone();
            more["path"] = json!("zzz");
            all["wheels"][0]["entries"].as_array_mut().unwrap().push(more);
        }),
        ("entry-unlisted", |all| drop(all["wheels"][0]["entries"].as_array_mut().unwrap().pop())),
        ("entry-hash", |all| all["wheels"][0]["entries"][1]["sha256"] = json!("0".repeat(64))),
        ("entry-field", |all| all["wheels"][0]["entries"][1]["crc32"] = json!("00000000")),
        ("entry-field", |all| all["wheels"][0]["entries"][1]["elf"] = json!({ "machine": "x86_64" })),
    ];
    let (bench, sound) = made();
    for (at, (code, change)) in cases.iter().enumerate() {
        let mut document = sound.clone();
        change(&mut document);
        assert_ne!(document, sound);
        fs::write(bench.at("m.json"), serde_json::to_vec(&document).unwrap()).unwrap();
        let (found, status) = codes(&bench);
        assert_eq!(status, Some(1), "{at}: {code}");
        let also = *code == "bad-field" && found.contains("wheel-unlisted");
        assert!(found.contains(*code) && (found.len() == 1 || also), "{at}: {code}: {found:?}");
    }
    let text = sound.to_string();
    fs::write(bench.at("m.json"), &text[..text.len() / 2]).unwrap();
    assert_eq!(codes(&bench).0, ["not-a-manifest".to_owned()].into());
}

#[test]
fn a_newer_manifest_is_read_as_far_as_it_is_known() {
    let (bench, mut document) = made();
    document["manifest_version"] = json!("1.7");
    document["wheels"][0]["aroma"] = json!("resinous");
    document["wheels"][0]["entries"][0]["action"] = json!("boiled");
    fs::write(bench.at("m.json"), document.to_string()).unwrap();
    assert_eq!(codes(&bench), (["newer-version".to_owned()].into(), Some(0)));
    let said = refused(bench.dir.path(), &[ANY, "--merge", "m.json"], &[], 2);
    assert!(said.contains("would be lost"), "{said}");
    document["wheels"][0]["size"] = json!(1);
    fs::write(bench.at("m.json"), document.to_string()).unwrap();
    assert_eq!(codes(&bench).1, Some(1));
}

#[test]
fn wheels_that_changed_are_found() {
    type Change = fn(&Bench);
    let change: &[(&[&str], Change)] = &[
        (&["wheel-missing"], |bench| fs::remove_file(bench.at(ANY)).unwrap()),
        (&["wheel-unlisted"], |bench| drop(bench.wheel("demo-1.0-py2-none-any.whl"))),
        (&["wheel-faulty"], |bench| fs::write(bench.at(ANY), "cut short").unwrap()),
        (&["wheel-hash", "wheel-size", "entry-unlisted", "entry-hash"], |bench| {
            drop(Parts::new(ANY).with(entry("demo/more", b"")).sealed().write(bench.dir.path()));
        }),
    ];
    for (expected, change) in change {
        let (bench, _) = made();
        change(&bench);
        let expected: BTreeSet<String> = expected.iter().map(|&code| code.to_owned()).collect();
        assert_eq!(codes(&bench), (expected, Some(1)));
    }
}

#[test]
fn a_dry_run_prints_and_writes_nothing() {
    let bench = Bench::new();
    bench.wheel(ANY);
    let told = bench.done(&["manifest", ANY, "--out", "m.json", "--dry-run"]);
    assert!(told.contains("manifest_version"));
    assert_eq!(bench.list(""), [ANY]);
}

#[test]
fn the_schema_is_printed() {
    let out = crosswheel(Path::new("/"), &["manifest", "schema"], &[]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.schema.json");
    assert!(out.stdout == fs::read(page).unwrap(), "run `make docs` and commit it");
}
