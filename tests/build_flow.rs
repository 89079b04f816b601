//! `crosswheel build` from a source to wheels and logs, on tiny packages with a backend of their own.

mod build_support;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use build_support::{Home, Ran, WHEEL, list};

#[test]
fn each_family_gets_a_folder_with_its_wheel_and_its_log() {
    let home = Home::new();
    home.package("pkg", "");
    home.build(&["./pkg", "--family", "host,x86-64-v3", "--out", "out"]).good().says(WHEEL);
    for family in ["host", "x86-64-v3"] {
        assert!(home.path(&format!("out/{family}/{WHEEL}")).is_file());
        let log = home.path(&format!("out/{family}/log"));
        let record = fs::read_to_string(log.join("record.jsonl")).expect("a record");
        assert!(record.contains(&format!("\"family\":\"{family}\"")), "{record}");
        assert!(!fs::symlink_metadata(log.join("record.jsonl")).expect("there").is_symlink());
        assert!(log.join("backend.log").is_file());
    }
    assert_eq!(home.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn two_builds_in_different_folders_give_the_same_bytes() {
    let (one, two) = (Home::new(), Home::new());
    one.package("pkg", "");
    two.package("deep/er/other", "");
    let long = two.path("a-much-longer-temporary-folder");
    fs::create_dir(&long).expect("made");
    // The files have other times in each, so the epoch is given, as a release job would.
    let mut first = one.crosswheel(&["build", "./pkg", "--family", "host", "--out", "out"]);
    let mut second = two.crosswheel(&["build", "deep/er/other", "--family", "host", "--out", "out"]);
    second.env("TMPDIR", long);
    for command in [&mut first, &mut second] {
        assert!(command.env("SOURCE_DATE_EPOCH", "1700000000").status().expect("started").success());
    }
    let wheel = |home: &Home| fs::read(home.path(&format!("out/host/{WHEEL}"))).expect("a wheel");
    assert!(wheel(&one) == wheel(&two), "the wheels differ");
}

#[test]
fn without_reproducibility_the_epoch_is_left_alone() {
    let home = Home::new();
    let plan =
        "import os\ndef build():\n    return {'e': os.environ.get('SOURCE_DATE_EPOCH', 'unset').encode()}\n";
    home.package("pkg", plan);
    home.build(&["./pkg", "--family", "host", "--out", "out", "--no-reproducible"]).good();
    assert_eq!(read_entry(&home, "e"), "unset");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
    assert!(read_entry(&home, "e").parse::<u64>().is_ok_and(|epoch| epoch > 315_532_800));
}

#[test]
fn the_epoch_of_a_git_checkout_is_its_last_commit() {
    let home = Home::new();
    let plan = "import os\ndef build():\n    return {'e': os.environ['SOURCE_DATE_EPOCH'].encode()}\n";
    let package = home.package("pkg", plan);
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.arg("-C").arg(&package).args([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@y",
            "-c",
            "commit.gpgsign=false",
        ]);
        git.env("GIT_COMMITTER_DATE", "1500000000 +0000").env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.args(args).stdout(Stdio::null()).status().expect("git").success());
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "x"]);
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
    assert_eq!(read_entry(&home, "e"), "1500000000");
}

#[test]
fn every_family_starts_from_the_source_as_it_came() {
    let home = Home::new();
    let plan = "import os\ndef build():\n    assert not os.path.exists('left')\n    open('left', 'w').close()\n    return {}\n";
    let package = home.package("pkg", plan);
    home.build(&["./pkg", "--family", "host,x86-64-v3", "--out", "out"]).good();
    assert!(!package.join("left").exists(), "the user's own folder was written into");
}

#[test]
fn leftovers_of_setuptools_do_not_reach_the_build() {
    let home = Home::new();
    let plan =
        "import os\ndef build():\n    return {'seen': ','.join(sorted(os.listdir('build'))).encode()}\n";
    home.package("pkg", plan);
    home.write("pkg/build/temp.linux-x86_64-cpython-311/ext.o", "stale");
    home.write("pkg/build/lib.linux-x86_64-cpython-311/ext.so", "stale");
    home.write("pkg/build/rules.mk", "the package's own");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good().says("left out build/temp.");
    assert_eq!(read_entry(&home, "seen"), "rules.mk");
}

#[test]
fn settings_reach_the_backend_and_a_repeated_key_is_a_list() {
    let home = Home::new();
    let plan = "import json\nkept = {}\ndef settings(s):\n    kept.update(s)\ndef build():\n    return {'s': json.dumps(kept, sort_keys=True).encode()}\n";
    home.package("pkg", plan);
    home.build(&["./pkg", "--family", "host", "--out", "out", "-Ca=1", "-C", "b", "--config-setting=a=2=3"])
        .good();
    assert_eq!(read_entry(&home, "s"), r#"{"a": ["1", "2=3"], "b": ""}"#);
}

#[test]
fn requirements_are_asked_for_and_installed_without_the_shim() {
    let home = Home::new();
    let plan = "import shutil\ndef requires():\n    print('cc is', shutil.which('cc'))\n    return []\n\
                def build():\n    return {'cc': b'shim' if '/cw/bin/cc' in shutil.which('cc') else b'real'}\n";
    home.package("pkg", plan);
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
    let setup = fs::read_to_string(home.path("out/host/log/setup.log")).expect("a log");
    assert!(setup.contains("cc is /usr/"), "{setup}");
    assert_eq!(read_entry(&home, "cc"), "shim");
}

/// A backend that goes on without an extension that does not compile.
const OPTIONAL: &str = "import subprocess\ndef build():\n    subprocess.call(['cc', '-c', 'bad.c', '-o', 'bad.o'])\n    return {'tiny/__init__.py': b''}\n";

#[test]
fn a_failed_compile_that_the_backend_hides_is_a_fault() {
    let home = Home::new();
    home.package("pkg", OPTIONAL);
    home.write("pkg/bad.c", "#error broken on purpose\n");
    let ran = home.build(&["./pkg", "--family", "host", "--out", "out"]).fails(1);
    ran.says("bad.c").says("exit status 1").says("--allow-failed-compiles").says("broken on purpose");
    assert!(!home.path(&format!("out/host/{WHEEL}")).exists());
    assert!(home.path(&format!("out/host/log/{WHEEL}")).is_file(), "the rejected wheel can be looked at");

    let ran = home.build(&["./pkg", "--family", "host", "--out", "out", "--allow-failed-compiles"]).good();
    ran.says("bad.c");
    assert!(home.path(&format!("out/host/{WHEEL}")).is_file());
}

#[test]
fn warnings_that_were_let_through_are_counted_and_the_way_to_them_is_told() {
    let home = Home::new();
    let plan = "import subprocess, backend\ndef build():\n    subprocess.check_call(['cc', '-Wall', '-Werror', '-c', \
                'odd.c'])\n    return backend.extension()\n";
    home.package("pkg", plan);
    home.write("pkg/odd.c", "int odd(void) { int unused; return 0; }\n");
    let ran = home.build(&["./pkg", "--family", "host", "--werror", "demote", "--out", "out"]).good();
    ran.says("1 warning in 1 call that");
    let way =
        ran.out.lines().find_map(|line| line.trim().strip_prefix("which ones: crosswheel ")).expect("a way");
    let words: Vec<&str> = way.split(' ').collect();
    let report = home.crosswheel(&words).output().expect("started");
    let report = String::from_utf8_lossy(&report.stdout);
    assert!(report.contains("-Wunused-variable") && report.contains("odd.c:1:21"), "{report}");
}

#[test]
fn a_later_success_for_the_same_output_forgives_a_failure() {
    let home = Home::new();
    let plan = "import subprocess\ndef build():\n    assert subprocess.call(['cc', '-c', 'bad.c', '-o', 'x.o'])\n    \
                subprocess.check_call(['cc', '-c', 'ext.c', '-o', 'x.o'])\n    return {}\n";
    home.package("pkg", plan);
    home.write("pkg/bad.c", "#error broken on purpose\n");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
}

#[test]
fn a_backend_that_fails_shows_its_last_lines_and_leaves_the_earlier_wheel() {
    let home = Home::new();
    home.package("pkg", "def build():\n    return {}\n");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
    let before = fs::read(home.path(&format!("out/host/{WHEEL}"))).expect("a wheel");
    home.package("pkg", "def build():\n    raise SystemError('no such luck')\n");
    let ran = home.build(&["./pkg", "--family", "host,x86-64-v2", "--out", "out"]).fails(1);
    ran.says("SystemError: no such luck").says("backend.log").says("x86-64-v2: failed");
    assert_eq!(fs::read(home.path(&format!("out/host/{WHEEL}"))).expect("the wheel"), before);
    let kept = home.leftovers();
    assert_eq!(kept.len(), 1, "the work area is kept");
    ran.says(&format!("the work area is kept: {}", kept[0].display()));
    assert!(
        kept[0].join("src.host/pkg/ext.c").is_file() && kept[0].join("src.x86-64-v2/pkg/ext.c").is_file()
    );
}

#[test]
fn one_family_that_fails_does_not_keep_the_others_from_being_built() {
    let home = Home::new();
    let plan = "import os\ndef build():\n    if not os.path.exists(os.environ['FLAG']):\n        open(os.environ['FLAG'], 'w').close()\n        raise SystemError('first')\n    return {}\n";
    home.package("pkg", plan);
    let mut command = home.crosswheel(&["build", "./pkg", "--family", "host,x86-64-v2", "--out", "out"]);
    let status = command.env("FLAG", home.path("flag")).status().expect("started");
    assert_eq!(status.code(), Some(1));
    assert!(!home.path(&format!("out/host/{WHEEL}")).exists());
    assert!(home.path(&format!("out/x86-64-v2/{WHEEL}")).is_file());
}

#[test]
fn an_interrupt_ends_the_build_and_leaves_nothing_behind() {
    use std::os::unix::process::ExitStatusExt;
    let home = Home::new();
    let plan = "import os, subprocess\ndef build():\n    child = subprocess.Popen(['sleep', '60'])\n    \
                open(os.environ['FLAG'], 'w').write(str(child.pid))\n    child.wait()\n    return {}\n";
    home.package("pkg", plan);
    let flag = home.path("flag");
    let mut command = home.crosswheel(&["build", "./pkg", "--family", "host", "--out", "out"]);
    let mut child =
        command.env("FLAG", &flag).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let start = Instant::now();
    let sleeper = loop {
        assert!(start.elapsed() < Duration::from_secs(60), "the backend does not start");
        match fs::read_to_string(&flag) {
            Ok(text) if !text.is_empty() => break text,
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill").success());
    let status = child.wait().expect("waited");
    assert_eq!(status.signal(), Some(2), "{status:?}");
    assert_eq!(home.leftovers(), Vec::<std::path::PathBuf>::new());
    assert_eq!(list(&home.path("out/host")), [home.path("out/host/log")], "no wheel, no part of one");
    let start = Instant::now();
    while fs::read_to_string(format!("/proc/{sleeper}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(start.elapsed() < Duration::from_secs(10), "what the backend started still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_work_area_is_kept_on_request() {
    let home = Home::new();
    home.package("pkg", "def build():\n    open('made', 'w').close()\n    return {}\n");
    home.build(&["./pkg", "--family", "host", "--out", "out", "--keep"]).good().says("the work area is kept");
    let kept = home.leftovers();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].join("src.host/pkg/made").is_file());
}

#[test]
fn the_result_for_machines_is_json_alone_on_stdout() {
    let home = Home::new();
    home.package("pkg", "");
    let ran = home.build(&["./pkg", "--family", "host", "--out", "out", "--json"]).good();
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(report["name"], "tiny");
    assert_eq!(report["families"][0]["family"], "host");
    assert!(report["families"][0]["calls"]["all"].as_u64().is_some_and(|calls| calls >= 2), "{report:#}");
    assert_eq!(report["families"][0]["wheel"]["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn without_isolation_a_backend_that_is_not_there_says_what_to_install() {
    let home = Home::new();
    home.write(
        "pkg/pyproject.toml",
        "[build-system]\nrequires = [\"nosuch-backend\"]\nbuild-backend = \"nosuch\"\n",
    );
    let ran = home.build(&["./pkg", "--family", "host", "--out", "out", "--no-isolation"]).fails(1);
    ran.says("ModuleNotFoundError").says("must be installed already: nosuch-backend");
}

#[test]
fn what_is_no_source_is_refused_with_what_would_be_one() {
    let home = Home::new();
    fs::create_dir(home.path("empty")).expect("made");
    home.write("x.whl", "");
    home.write("x.tar.bz2", "BZh9");
    for (source, says) in [
        ("./empty", "holds neither pyproject.toml nor setup.py"),
        ("./nowhere", "is neither a folder, nor a file, nor a requirement"),
        ("x.whl", "is a wheel"),
        ("x.tar.bz2", "neither a .tar.gz nor a .zip"),
    ] {
        home.build(&[source, "--family", "host", "--out", "out"]).fails(2).says(says);
    }
    home.build(&["./empty", "--family", "host"]).fails(2).says("--out");
}

/// An entry of the wheel for `host`.
fn read_entry(home: &Home, name: &str) -> String {
    use std::io::Read;
    let file = fs::File::open(home.path(&format!("out/host/{WHEEL}"))).expect("a wheel");
    let mut wheel = zip::ZipArchive::new(file).expect("a zip");
    let mut text = String::new();
    wheel.by_name(name).expect("the entry").read_to_string(&mut text).expect("text");
    text
}

#[test]
fn only_files_of_a_build_are_removed_from_an_earlier_log() {
    let home = Home::new();
    home.package("pkg", "");
    home.write("out/host/log/notes.txt", "mine");
    home.write("out/host/log/record.lost", "");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
    assert!(home.path("out/host/log/notes.txt").is_file());
    assert!(!home.path("out/host/log/record.lost").exists());
}

/// A `uv` that says how it was called, and a package that needs something installed.
fn home_with_uv() -> (Home, String) {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let uv = home.write("bin/uv", "#!/bin/sh\necho \"$@\" >> \"$0.calls\"\n");
    fs::set_permissions(uv, fs::Permissions::from_mode(0o755)).expect("mode");
    home.package("pkg", "def requires():\n    return ['nosuch-distribution']\n");
    let path = std::env::var("PATH").expect("PATH");
    let path = format!("{}:{path}", home.path("bin").display());
    (home, path)
}

#[test]
fn uv_installs_where_it_is_there() {
    let (home, path) = home_with_uv();
    let mut command = home.crosswheel(&["build", "./pkg", "--family", "host", "--out", "out"]);
    command.env("PATH", path).env("HOME", home.dir.path()).env_remove("PIP_EXTRA_INDEX_URL");
    assert!(command.env_remove("PIP_INDEX_URL").status().expect("started").success());
    let calls = fs::read_to_string(home.path("bin/uv.calls")).expect("called");
    assert!(calls.contains("pip install --python") && calls.contains("nosuch-distribution"), "{calls}");
}

#[test]
fn pip_installs_where_it_has_indexes_of_its_own_that_uv_would_not_ask() {
    let (home, path) = home_with_uv();
    let mut command = home.crosswheel(&["build", "./pkg", "--family", "host", "--out", "out"]);
    command.env("PATH", path).env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", home.dir.path());
    let output = command.output().expect("started");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("installing nosuch-distribution with pip"));
    assert!(!home.path("bin/uv.calls").exists());
}

/// Builds `ext.so` by these commands.
fn by(commands: &str) -> String {
    format!(
        "import subprocess\ndef build():\n    subprocess.check_call({commands:?}, shell=True)\n    \
         return {{'tiny/ext.so': open('ext.so', 'rb').read()}}\n"
    )
}

#[test]
fn what_was_made_by_a_compiler_past_the_shim_is_a_fault() {
    // The real gcc finds the shim's assembler and linker on PATH, so the link alone is in the record.
    for commands in [
        "/usr/bin/gcc -shared -fPIC ext.c -o ext.so",
        "/usr/bin/gcc -c -fPIC ext.c -o ext.o && cc -shared ext.o -o ext.so",
        "/usr/bin/gcc -pipe -c -fPIC ext.c && cc -shared ext.o -o ext.so",
        "/usr/bin/gcc -c -fPIC ext.c && ar rc libx.a ext.o && \
         cc -shared -Wl,--whole-archive libx.a -Wl,--no-whole-archive -o ext.so",
        "cc -c -fPIC ext.c && /usr/bin/gcc -shared ext.o -o ext.so",
    ] {
        let home = Home::new();
        home.package("pkg", &by(commands));
        let ran = home.build(&["./pkg", "--family", "x86-64-v2", "--out", "out"]);
        let ran = ran.fails(1);
        ran.says("a compiler").says("that went past the shim").says("rejected");
        assert!(!home.path(&format!("out/x86-64-v2/{WHEEL}")).exists(), "{commands}");
    }
}

#[test]
fn what_a_compiler_past_the_shim_made_for_the_build_alone_is_told() {
    for (commands, told) in [
        (
            "echo 'int main(void){return 0;}' > gen.c && /usr/bin/gcc gen.c -o gen && ./gen && cc -shared -fPIC ext.c -o ext.so",
            true,
        ),
        ("/usr/bin/gcc -c -fPIC ext.c -o x.o && cc -c -fPIC ext.c -o x.o && cc -shared x.o -o ext.so", true),
        ("gcc -c -fPIC ext.c && ld -shared ext.o -o ext.so", false),
        ("gcc -S -fPIC ext.c && as ext.s -o ext.o && gcc -shared ext.o -o ext.so", false),
    ] {
        let home = Home::new();
        home.package("pkg", &by(commands));
        let ran = home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
        assert_eq!(ran.out.contains("went past the shim"), told, "{commands}: {ran:#?}");
    }
}

#[test]
fn a_family_that_is_not_known_is_refused_before_anything_is_made() {
    let home = Home::new();
    home.package("pkg", "");
    home.build(&["./pkg", "--family", "host,x86-64-v33", "--out", "out"])
        .fails(2)
        .says("unknown family `x86-64-v33`");
    home.build(&["./pkg", "--family", "host,host", "--out", "out"]).fails(2).says("twice");
    assert!(!home.path("out").exists());
}

#[test]
fn two_builds_never_write_to_one_folder() {
    let home = Home::new();
    let plan = "import os, time\ndef build():\n    open(os.environ['FLAG'], 'w').close()\n    \
                while os.path.exists(os.environ['FLAG']):\n        time.sleep(0.02)\n    import backend\n    return backend.extension()\n";
    home.package("slow", plan);
    home.package("pkg", "");
    let flag = home.path("flag");
    let mut command = home.crosswheel(&["build", "./slow", "--family", "host", "--out", "out"]);
    let first = command.env("FLAG", &flag).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let first = first.expect("started");
    let start = Instant::now();
    while !flag.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "the backend does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = home.build(&["./pkg", "--family", "x86-64-v3,host", "--out", "out"]);
    assert_eq!(second.code, Some(2), "{second:#?}");
    assert!(second.err.contains("another build writes to") && second.err.contains("--out"), "{second:#?}");
    fs::remove_file(&flag).expect("removed");
    Ran::from(first.wait_with_output().expect("it ends")).good();
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
}
