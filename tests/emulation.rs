//! `--run-tests-with qemu`: steps of a build run programs of the target, in a namespace that ends with the build, and
//! nothing of this machine is changed.

mod build_support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use build_support::{Home, Ran};

/// Debian's compiler links for the glibc of its own release.
const FAMILY: &str = "aarch64-linux-gnu.2.36";

const MANIFEST: &str = r#"{"machine": "aarch64", "suite": "bookworm", "release": "12.1", "mirror": "", "index": "", "signers": [],
"roots": [], "packages": [{"name": "libc6", "version": "2.36-9", "sha256": ""}], "left_out": []}"#;

/// A home whose cache has a sysroot: with the C library of Debian's cross compiler, which is the same.
fn home() -> Home {
    let home = Home::new();
    home.write("cache/crosswheel/target/sysroots/aarch64-bookworm.1/crosswheel-sysroot.json", MANIFEST);
    let sysroots = home.path("cache/crosswheel/target/sysroots");
    symlink("/usr/aarch64-linux-gnu/lib", sysroots.join("aarch64-bookworm.1/lib")).expect("linked");
    symlink("aarch64-bookworm.1", sysroots.join("aarch64-bookworm")).expect("linked");
    home
}

/// A package whose backend is this body of `build()`, and which has a program to run.
fn package(home: &Home, body: &str) {
    let body = body.replace('\n', "\n    ");
    home.package(
        "pkg",
        &format!("import os, subprocess\ndef build():\n    from backend import extension\n    {body}\n"),
    );
    home.write(
        "pkg/gen.c",
        "#include <stdio.h>\nint main(void) { puts(\"made by the target\"); return 0; }\n",
    );
}

const ARGS: [&str; 9] =
    ["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
const WITH: [&str; 2] = ["--run-tests-with", "qemu"];

fn build(home: &Home) -> Ran {
    home.build(&[&ARGS[1..], &WITH].concat())
}

/// Whether there can be user namespaces at all: not in a chroot, and not in every container.
fn namespaces() -> bool {
    Command::new("unshare").args(["-U", "--map-root-user", "true"]).status().expect("unshare").success()
}

/// The same where there can be no further user namespaces.
fn build_without_namespaces(home: &Home) -> Ran {
    if !namespaces() {
        return with_meson(&mut home.crosswheel(&[&ARGS[..], &WITH].concat()));
    }
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut command = home.crosswheel(&[]);
    let program = command.get_program().to_owned();
    let mut outer = Command::new("unshare");
    outer.args(["-U", "--map-root-user", "sh", "-c", script, "sh"]).arg(program).args(ARGS).args(WITH);
    outer.current_dir(home.dir.path());
    for (name, value) in command.env("HOME", home.dir.path()).get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    with_meson(&mut outer)
}

/// Whether this kernel can: asked of util-linux. Where it cannot, a refusal is what is right.
fn kernel_can() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["-U", "--map-root-user", "-m", "mount", "-t", "binfmt_misc", "none"]).arg(folder.path());
    command.output().expect("unshare").status.success()
}

#[track_caller]
fn good_or_refused(ran: Ran) -> Option<Ran> {
    if kernel_can() {
        return Some(ran.good());
    }
    ran.fails(1).says("the kernel cannot be told to run programs of aarch64");
    None
}

fn registrations() -> Vec<std::path::PathBuf> {
    build_support::list(Path::new("/proc/sys/fs/binfmt_misc"))
}

#[test]
fn a_helper_that_the_build_made_runs_and_the_host_learns_nothing() {
    let home = home();
    package(
        &home,
        "subprocess.check_call(['cc', 'gen.c', '-o', 'gen'])\nsubprocess.check_call(['sh', '-c', './gen > gen.txt'])\n\
         print('ids', os.getuid() == os.stat('gen.txt').st_uid == os.stat('gen.c').st_uid)\n\
         return dict(extension(), **{'tiny/gen.txt': open('gen.txt', 'rb').read()})",
    );
    let before = registrations();
    let Some(ran) = good_or_refused(build(&home)) else { return };
    ran.says("programs of aarch64 run by qemu-aarch64-static with libraries of ");
    let folder = home.path(&format!("out/{FAMILY}"));
    let wheel = folder.join("tiny-1.0-cp311-cp311-manylinux_2_36_aarch64.whl");
    let unzip =
        Command::new("unzip").args(["-p", "-q"]).arg(wheel).arg("tiny/gen.txt").output().expect("unzip");
    assert_eq!(String::from_utf8_lossy(&unzip.stdout), "made by the target\n");
    let log = fs::read_to_string(folder.join("log/backend.log")).expect("a log");
    assert!(log.contains("ids True"), "{log}");
    assert_eq!(registrations(), before);
    // And without it, there is no such program.
    home.build(&ARGS[1..]).fails(1).says("hint: `--run-tests-with qemu`");
}

#[test]
fn root_of_the_build_may_give_files_away_as_it_may_outside() {
    let home = home();
    package(
        &home,
        "subprocess.check_call(['cc', 'gen.c', '-o', 'gen'])\nsubprocess.check_call(['./gen'])\n\
         if os.getuid() == 0: os.chown('gen.c', 1234, 1234); assert os.stat('gen.c').st_uid == 1234\nreturn extension()",
    );
    good_or_refused(build(&home));
}

#[test]
fn cmake_and_configure_have_their_questions_answered() {
    let home = home();
    package(
        &home,
        "subprocess.check_call(['cmake', '-S', '.', '-B', 'b'])\n\
         site = subprocess.check_output(['sh', '-c', '. $CONFIG_SITE; echo $cross_compiling'])\nassert site == b'maybe\\n', site\n\
         return extension()",
    );
    home.write(
        "pkg/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(x C)\ninclude(CheckCSourceRuns)\n\
         check_c_source_runs(\"int main(void) { return sizeof(long) != 8; }\" RUNS)\n\
         if(NOT RUNS OR NOT CMAKE_CROSSCOMPILING)\n  message(FATAL_ERROR \"no\")\nendif()\n\
         add_executable(gen gen.c)\nadd_custom_command(OUTPUT made.txt COMMAND gen > made.txt)\n",
    );
    good_or_refused(build(&home));
}

/// A package of a backend that is called as meson-python is, and that sets Meson up as it does.
fn meson_package(home: &Home) {
    package(
        home,
        "flags = settings_of_hook['setup-args']\n\
         meson = os.environ['MESON'] if 'MESON' in os.environ else 'meson'\n\
         subprocess.check_call([meson, 'setup', 'b', *flags])\nreturn extension()",
    );
    let plan = home.path("pkg/back/plan.py");
    let text = fs::read_to_string(&plan).expect("there");
    fs::write(
        &plan,
        format!("settings_of_hook = {{}}\ndef settings(given): settings_of_hook.update(given)\n{text}"),
    )
    .expect("written");
    home.write("pkg/back/mesonpy.py", "from backend import *\n");
    let project =
        build_support::PYPROJECT.replace("build-backend = \"backend\"", "build-backend = \"mesonpy\"");
    home.write("pkg/pyproject.toml", &project);
    home.write(
        "pkg/meson.build",
        "project('x', 'c')\nran = meson.get_compiler('c').run('int main(void) { return sizeof(long) == 8 ? 0 : 1; }')\n\
         assert(ran.compiled() and ran.returncode() == 0)\nassert(meson.is_cross_build())\n",
    );
}

/// Meson of the tools that tests/setup.sh installs.
fn with_meson(command: &mut Command) -> Ran {
    let target = Path::new(env!("CARGO_BIN_EXE_crosswheel")).ancestors().nth(2).expect("a folder");
    Ran::from(command.env("MESON", target.join("wheel-tools/bin/meson")).output().expect("started"))
}

#[test]
fn meson_runs_programs_also_where_the_kernel_cannot_be_told() {
    let home = home();
    meson_package(&home);
    let mut plain = home.crosswheel(&ARGS);
    with_meson(&mut plain)
        .fails(1)
        .says("Can not run test applications in this cross environment")
        .says("--run-tests-with qemu");
    if kernel_can() {
        let mut asked = home.crosswheel(&[&ARGS[..], &WITH].concat());
        let ran = with_meson(&mut asked).good();
        assert!(!ran.out.contains("the kernel is not told"), "{ran:#?}");
    }
    let ran = build_without_namespaces(&home).good();
    ran.says("warning   the kernel is not told of qemu-aarch64-static")
        .says("Meson and CMake run programs of aarch64 all the same");
}

#[test]
fn where_there_are_no_namespaces_it_says_what_was_tried_and_what_helps() {
    let home = home();
    package(&home, "return extension()");
    let ran = build_without_namespaces(&home).fails(1);
    ran.says("the kernel cannot be told to run programs of aarch64 by qemu-aarch64-static");
    let reason = if namespaces() { "No space left on device" } else { "Operation not permitted" };
    ran.says(&format!("for this build alone: making a user namespace: {reason}"));
    ran.says("is built without --run-tests-with");
    if namespaces() {
        ran.says("sysctl user.max_user_namespaces");
    }
}

#[test]
fn without_a_c_library_of_the_target_it_says_how_to_get_one() {
    let home = Home::new();
    package(&home, "return extension()");
    build(&home)
        .fails(1)
        .says("there is no C library of aarch64 here")
        .says("hint: `crosswheel python add aarch64`");
    let home = self::home();
    package(&home, "return extension()");
    let newer = [
        "./pkg",
        "--family",
        "aarch64-linux-gnu.2.38",
        "--out",
        "out",
        "--compiler",
        "gcc",
        "--no-isolation",
    ];
    home.build(&[&newer[..], &WITH].concat())
        .fails(1)
        .says("programs for glibc 2.38 do not run with the glibc 2.36 of the sysroot for aarch64");
}

#[test]
fn a_family_of_this_machine_needs_no_emulator() {
    let home = home();
    home.package("pkg", "");
    home.build(&["./pkg", "--family", "host", "--out", "out", "--run-tests-with", "qemu"])
        .fails(2)
        .says("--run-tests-with is for families of other machines");
}

#[test]
fn run_starts_any_command_where_programs_of_the_target_run_and_env_says_that_it_cannot() {
    let home = home();
    home.write("t.c", "int main(void) { return 42; }\n");
    let args = ["--family", FAMILY, "--compiler", "gcc", "--run-tests-with", "qemu"];
    let script = ["--", "sh", "-c", "cc t.c -o t && ./t"];
    let ran = Ran::from(home.crosswheel(&[&["run"][..], &args, &script].concat()).output().expect("started"));
    if kernel_can() {
        ran.fails(42);
    } else {
        ran.fails(1).says("the kernel cannot be told");
    }
    let ran = Ran::from(home.crosswheel(&[&["env"][..], &args].concat()).output().expect("started")).good();
    ran.says("export QEMU_LD_PREFIX=")
        .says("export CMAKE_CROSSCOMPILING_EMULATOR='")
        .says("not for a shell that runs already");
}
