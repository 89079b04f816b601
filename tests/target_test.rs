//! `crosswheel test`: a wheel is installed and imported where it is meant to run. For the machine of an Arm server this is a
//! real Python of Debian under QEMU, with a wheel made by a real build on such a machine.
//!
//! What comes over the network (28 MB, once) is kept in the folder for build products.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod debian;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use debian::{done, refused};
use wheels::{Bench, Parts, entry};

fn crosswheel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    command.env("XDG_CACHE_HOME", cache());
    command
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("target-cache")
}

/// The target Python, fetched if it is not there.
fn python() {
    static ADDED: OnceLock<()> = OnceLock::new();
    ADDED.get_or_init(|| {
        done(&crosswheel().args(["python", "add", "aarch64"]).output().unwrap());
    });
}

/// MarkupSafe for such a machine, from PyPI.
fn markupsafe() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = cache().join("wheels");
        let find =
            || debian::names(&folder).into_iter().find(|name| name.to_lowercase().starts_with("markupsafe"));
        if find().is_none() {
            let out = Command::new("python3")
                .args([
                    "-m",
                    "pip",
                    "download",
                    "-q",
                    "--no-deps",
                    "--only-binary=:all:",
                    "--python-version",
                    "3.11",
                ])
                .args([
                    "--platform",
                    "manylinux_2_17_aarch64",
                    "--platform",
                    "manylinux2014_aarch64",
                    "--dest",
                ])
                .arg(&folder)
                .arg("markupsafe==3.0.2")
                .output()
                .unwrap();
            done(&out);
        }
        folder.join(find().unwrap())
    })
    .clone()
}

fn test(wheel: &Path, args: &[&str]) -> Output {
    crosswheel().arg("test").arg(wheel).args(args).output().unwrap()
}

#[test]
fn a_wheel_for_arm_is_imported_by_a_python_for_arm() {
    python();
    let said = done(&test(&markupsafe(), &["--machine", "aarch64", "--json"]));
    let read: serde_json::Value = serde_json::from_str(&said).unwrap();
    let modules: Vec<_> =
        read["imports"].as_array().unwrap().iter().map(|one| one["module"].as_str().unwrap()).collect();
    assert_eq!(modules, ["markupsafe", "markupsafe._speedups"]);
    assert_eq!((&read["passed"], &read["python"]), (&true.into(), &"3.11.2".into()));
    assert!(read["runner"].as_str().unwrap().starts_with("qemu-aarch64"));
}

#[test]
fn a_command_runs_in_the_environment_and_so_do_the_pythons_that_it_starts() {
    python();
    let code = "import markupsafe._speedups, platform, subprocess, sys\n\
        print(platform.machine(), markupsafe.escape('<a>'), flush=True)\n\
        sys.exit(subprocess.call([sys.executable, '-c', 'import markupsafe, ssl, sys; print(sys.byteorder); sys.exit(7)']))";
    let out = test(&markupsafe(), &["--machine", "arm64", "--", "python", "-c", code]);
    assert_eq!(out.status.code(), Some(7), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "aarch64 &lt;a&gt;\nlittle\n");
}

#[test]
fn a_wheel_that_the_target_cannot_take_is_refused_with_the_reason() {
    python();
    let bench = Bench::new();
    for (tags, why) in [
        ("cp311-cp311-linux_x86_64", "it is for linux_x86_64, and the target is aarch64"),
        ("cp311-cp311-manylinux_2_39_aarch64", "it needs glibc 2.39, and the target has 2.36"),
        ("cp313-cp313-linux_aarch64", "there is no target Python 3.13 for aarch64"),
    ] {
        let told = refused(
            &test(&bench.wheel(&format!("demo-1.0-{tags}.whl")), &["--machine", "aarch64", "--no-deps"]),
            1,
        );
        assert!(told.contains(why) && told.contains("hint:"), "{told}");
    }
}

#[test]
fn a_file_of_another_machine_in_the_wheel_is_found() {
    python();
    let bench = Bench::new();
    let own = fs::read(env!("CARGO_BIN_EXE_crosswheel")).unwrap();
    let parts = Parts::new("demo-1.0-cp311-cp311-linux_aarch64.whl");
    let wheel = parts
        .with(entry("demo/_fast.cpython-311-aarch64-linux-gnu.so", &own[..4096]))
        .sealed()
        .write(bench.dir.path());
    let told = refused(&test(&wheel, &["--machine", "aarch64", "--no-deps"]), 1);
    assert!(
        told.contains("demo/_fast.cpython-311-aarch64-linux-gnu.so is for x86_64, and the target is aarch64"),
        "{told}"
    );
}

#[test]
fn an_emulator_that_is_not_there_is_asked_for() {
    python();
    // The program itself, and not a launcher that needs more of PATH.
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    let real = done(&asked);
    let out = crosswheel()
        .env("PATH", "/nowhere")
        .arg("test")
        .arg(markupsafe())
        .args(["--machine", "aarch64", "--python", real.trim()])
        .output();
    let told = refused(&out.unwrap(), 1);
    assert!(
        told.contains("qemu-aarch64-static is not there") && told.contains("apt install qemu-user-static"),
        "{told}"
    );
}

#[test]
fn a_target_python_that_is_not_there_is_asked_for() {
    let told = refused(&test(&Bench::new().wheel("demo-1.0-py3-none-any.whl"), &["--machine", "s390x"]), 1);
    assert!(
        told.contains("there is no target Python for s390x")
            && told.contains("`crosswheel python add s390x`"),
        "{told}"
    );
}

/// A pure wheel without requirements whose module does this.
fn pure(bench: &Bench, code: &str) -> PathBuf {
    let mut parts = Parts::new("demo-1.0-py3-none-any.whl");
    parts.get("demo/__init__.py").data = code.into();
    parts.sealed().write(bench.dir.path())
}

#[test]
fn a_family_of_this_machine_is_tested_with_a_python_of_this_machine() {
    let bench = Bench::new();
    let said = done(&test(&pure(&bench, "name = 1"), &["--family", "host", "--no-deps"]));
    assert!(said.starts_with("ok      demo ") && said.contains("1 import, 0 failed"), "{said}");
    // A family names a machine: that of the levels of x86-64 is this one, or needs a Python for it.
    let out = test(&pure(&bench, "name = 1"), &["--family", "x86-64-v2", "--no-deps"]);
    assert_eq!(out.status.success(), std::env::consts::ARCH == "x86_64");
    let out = test(
        &pure(&bench, "name = 1"),
        &["--family", "host", "--no-deps", "--", "python", "-c", "import demo; exit(demo.name + 4)"],
    );
    assert_eq!(out.status.code(), Some(5), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn an_import_that_fails_or_crashes_is_told() {
    let bench = Bench::new();
    for (code, why) in [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("import os; os.abort()", "Python ended in it: signal 6"),
        ("import os; os._exit(0)", "Python ended in it: exit status 0"),
    ] {
        let out = test(&pure(&bench, code), &["--family", "host", "--no-deps"]);
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains("failed  demo") && said.contains(why), "{said}");
    }
}

#[test]
fn a_requirement_is_taken_from_with_or_left_out() {
    let bench = Bench::new();
    let needy = pure(&bench, "import numpy");
    let told = refused(&test(&needy, &["--family", "host", "--offline"]), 1);
    assert!(told.contains("numpy"), "{told}");
    let out = test(&needy, &["--family", "host", "--no-deps"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("ModuleNotFoundError"));
}

#[test]
fn a_console_script_of_the_wheel_is_on_path_and_runs_on_the_target() {
    python();
    let bench = Bench::new();
    let mut parts = Parts::new("demo-1.0-py3-none-any.whl");
    parts.get("demo/__init__.py").data =
        b"def main():\n    import platform\n    print('on', platform.machine())\n".to_vec();
    let parts = parts
        .with(entry("demo-1.0.dist-info/entry_points.txt", b"[console_scripts]\ndemo-run = demo:main\n"));
    let wheel = parts.sealed().write(bench.dir.path());
    let said = done(&test(&wheel, &["--machine", "aarch64", "--no-deps", "--", "demo-run"]));
    assert_eq!(said, "on aarch64\n");
}
