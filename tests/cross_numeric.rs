//! Cross builds of what numeric packages are made of: Meson with properties of the target, Fortran, autotools with tests of
//! their own, headers and static libraries of another package, and texts that name the folders of a build.

mod build_support;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use build_support::target::{FAMILY, WHEEL};
use build_support::{Home, Ran};
use crosswheel::toolchain::Toolchains;

/// The file of a wheel that is in the family's folder.
fn member(home: &Home, name: &str) -> Vec<u8> {
    let wheel = home.path(&format!("out/{FAMILY}/{WHEEL}"));
    let output = Command::new("unzip").arg("-p").arg(&wheel).arg(name).output().expect("unzip");
    assert!(output.status.success(), "{name} is not in {}", wheel.display());
    output.stdout
}

/// The environment in which the project keeps Python's own tools.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/wheel-tools/bin")
}

#[test]
fn meson_is_told_the_format_of_long_double_and_the_fortran_compiler() {
    let home = Home::new();
    let pyproject = "[build-system]\nrequires = []\nbuild-backend = \"mesonpy\"\n[project]\nname = \"tiny\"\nversion = \"1.0\"\n";
    home.write("pkg/pyproject.toml", pyproject);
    home.write(
        "pkg/meson.build",
        "project('tiny', 'c', 'fortran', version: '1.0')\npy = import('python').find_installation(pure: false)\n\
         format = meson.get_external_property('longdouble_format')\n\
         assert(meson.is_cross_build() and not meson.can_run_host_binaries())\n\
         assert(meson.project_build_root().endswith('/.mesonpy-build'))\n\
         py.extension_module('ext', 'ext.c', 'add.f90', c_args: '-DFORMAT=\"' + format + '\"', install: true)\n",
    );
    home.write(
        "pkg/add.f90",
        "integer(c_int) function add(a, b) bind(c)\n  use iso_c_binding\n  integer(c_int), value :: a, b\n  add = a + b\nend function\n",
    );
    home.write(
        "pkg/ext.c",
        "#include <Python.h>\nint add(int, int);\nconst char *ext_format = FORMAT;\n\
         static struct PyModuleDef def = { PyModuleDef_HEAD_INIT, \"ext\", 0, -1, 0, 0, 0, 0, 0 };\n\
         PyMODINIT_FUNC PyInit_ext(void) { return add(1, 2) == 3 ? PyModule_Create(&def) : 0; }\n",
    );
    let mut path = OsString::from(tools());
    path.push(":");
    path.push(std::env::var_os("PATH").expect("a PATH"));
    let python = tools().join("python");
    let mut command =
        home.crosswheel(&["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc"]);
    command.args(["--no-isolation", "--python"]).arg(python).env("PATH", path);
    Ran::from(command.output().expect("started")).good();
    let module = member(&home, "ext.cpython-311-aarch64-linux-gnu.so");
    // EM_AARCH64.
    assert_eq!(module[18..20], [183, 0]);
    assert!(module.windows(12).any(|part| part == b"IEEE_QUAD_LE"));
}

#[test]
fn cmake_builds_fortran_for_the_target() {
    let home = Home::new();
    let plan = r#"
import os, subprocess
def build():
    assert os.environ["FC"] == "gfortran", os.environ["FC"]
    subprocess.check_call(["cmake", "-S", ".", "-B", "b"])
    subprocess.check_call(["cmake", "--build", "b"])
    return {"tiny/ext.so": open("b/libext.so", "rb").read()}
"#;
    home.package("pkg", plan);
    home.write("pkg/add.f90", "integer function add(a, b)\n  integer :: a, b\n  add = a + b\nend function\n");
    home.write(
        "pkg/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(x C Fortran)\nadd_library(ext SHARED ext.c add.f90)\n",
    );
    let args = ["./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    home.build(&args).good();
    assert_eq!(member(&home, "tiny/ext.so")[18..20], [183, 0]);
}

/// `zig` in the cache of this home: says what zig says, and lets Debian's compiler work.
fn fake_zig(home: &Home) {
    let package =
        Toolchains::builtin().expect("read").cross_package("zig").expect("known").expect("a package");
    let zig = home.path("cache/crosswheel/compilers").join(package.folder()).join(&package.program);
    let script = "#!/bin/sh\ncase \" $* \" in\n*\" --version \"*) echo 'clang version 22.1.8'; exit ;;\n\
                  *\" -dumpmachine \"*) echo aarch64-unknown-linux-gnu; exit ;;\nesac\n\
                  tool=$1\nshift 3\ncase $tool in cc) tool=gcc ;; c++) tool=g++ ;; esac\n\
                  for word; do\n  shift\n  case $word in -fno-sanitize=*) ;; *) set -- \"$@\" \"$word\" ;; esac\ndone\n\
                  exec aarch64-linux-gnu-$tool \"$@\"\n";
    fs::create_dir_all(zig.parent().expect("a folder")).expect("made");
    fs::write(&zig, script).expect("written");
    fs::set_permissions(&zig, fs::Permissions::from_mode(0o755)).expect("made executable");
}

#[test]
fn fortran_under_zig_says_what_to_do() {
    let home = Home::new();
    fake_zig(&home);
    home.package(
        "pkg",
        "import subprocess\ndef build():\n    subprocess.check_call(['gfortran', '-c', 'src/add.f90'])\n",
    );
    home.write("pkg/src/add.f90", "end\n");
    let ran = home.build(&["./pkg", "--family", FAMILY, "--out", "out", "--no-isolation"]).fails(1);
    ran.says("gfortran: there is none for aarch64-linux-gnu with the compiler zig")
        .says("hint: src/add.f90 is Fortran: zig compiles no Fortran")
        .says("apt install gfortran-aarch64-linux-gnu")
        .says("--compiler gcc");
    // A failure for which Fortran cannot be the reason says nothing of it.
    home.package("other", "def build():\n    raise SystemExit('no')\n");
    let ran = home.build(&["./other", "--family", FAMILY, "--out", "out", "--no-isolation"]).fails(1);
    assert!(!ran.out.contains("Fortran") && !ran.err.contains("Fortran"), "{ran:#?}");
}

#[test]
fn make_check_skips_what_would_run_on_the_target() {
    let home = Home::new();
    let plan = r#"
import os, subprocess
def build():
    print("flags:", os.environ["MAKEFLAGS"])
    subprocess.check_call(["make", "check"])
    from backend import extension
    return extension()
"#;
    home.package("pkg", plan);
    // As automake writes it: the status 77 of a test says that it was skipped.
    home.write(
        "pkg/Makefile",
        "LOG_COMPILER =\nprog: prog.c\n\tcc prog.c -o prog\ncheck: prog\n\t$(LOG_COMPILER) ./prog; test $$? = 77\n",
    );
    home.write("pkg/prog.c", "int main(void) { return 0; }\n");
    let args = ["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    let mut command = home.crosswheel(&args);
    command.env("MAKEFLAGS", "-k");
    Ran::from(command.output().expect("started")).good();
    let log = fs::read_to_string(home.path(&format!("out/{FAMILY}/log/backend.log"))).expect("a log");
    assert!(log.contains("flags: -k LOG_COMPILER=/"), "{log}");
    assert!(log.contains("crosswheel: ./prog is for another machine and was not run"), "{log}");
}

#[test]
fn configure_is_told_the_target_unless_it_is_for_a_tool_of_this_machine() {
    let home = Home::new();
    let plan = r#"
import os, subprocess
ASK = '. "$CONFIG_SITE"; echo "$host_alias|$build_alias|${cross_compiling-maybe}|$ac_cv_func_malloc_0_nonnull"'
def said(**more):
    return subprocess.check_output(["sh", "-eu", "-c", ASK], env=dict(os.environ, **more), text=True).strip()
def build():
    assert said() == "aarch64-linux-gnu|x86_64-linux-gnu|yes|yes", said()
    own = dict(host_alias="arm64-linux-gnu", ac_cv_func_malloc_0_nonnull="no")
    assert said(**own) == "arm64-linux-gnu|x86_64-linux-gnu|yes|no", said(**own)
    bare = dict(host_alias="", build_alias="", ac_cv_func_malloc_0_nonnull="")
    for cc in ("build-cc", "build-cc -O2", "/x/build-cc"):
        assert said(CC=cc, **bare) == "||maybe|", (cc, said(CC=cc, **bare))
    from backend import extension
    return extension()
"#;
    home.package("pkg", plan);
    let args = ["./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    home.build(&args).good();
}

/// Makes wheels of `numlike`, which has a header and a static library, for these platforms.
const NUMLIKE: &str = r#"
import sys, zipfile
for platform in sys.argv[2:]:
    tag = "cp311-cp311-" + platform
    with zipfile.ZipFile("%s/numlike-1.0-%s.whl" % (sys.argv[1], tag), "w") as wheel:
        record = ""
        for name, text in {
            "numlike/__init__.py": "",
            "numlike/include/numlike.h": "/* of %s */\n" % platform,
            "numlike/lib/libnum.a": "!<arch>\n" + platform,
            "numlike/own.h": "/* of %s */\n" % platform,
            "numlike-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: numlike\nVersion: 1.0\n",
            "numlike-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: %s\n" % tag,
        }.items():
            wheel.writestr(name, text)
            record += name + ",,\n"
        wheel.writestr("numlike-1.0.dist-info/RECORD", record + "numlike-1.0.dist-info/RECORD,,\n")
"#;

/// Prints what the environment has of `numlike`, and gives the wheel for its machine.
const SHOWS: &str = r#"
import os, numlike
def build():
    from backend import extension
    root = os.path.dirname(numlike.__file__)
    for name in ("include/numlike.h", "lib/libnum.a", "own.h"):
        path = os.path.join(root, name)
        print("seen:", name, open(path).read().split()[-2:] if os.path.exists(path) else "gone")
    return extension()
"#;

fn with_numlike(platforms: &[&str], families: &str) -> (Home, Ran) {
    let home = Home::new();
    fs::create_dir(home.path("wheels")).expect("made");
    let mut python = Command::new("python3");
    python.args(["-c", NUMLIKE]).arg(home.path("wheels")).args(platforms);
    assert!(python.status().expect("started").success());
    home.package("pkg", SHOWS);
    home.write("pkg/pyproject.toml", &build_support::PYPROJECT.replace("[]", "[\"numlike\"]"));
    let args =
        ["build", "./pkg", "--family", families, "--out", "out", "--compiler", "gcc", "--installer", "pip"];
    let mut command = home.crosswheel(&args);
    command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", home.path("wheels"));
    let ran = Ran::from(command.output().expect("started"));
    (home, ran)
}

fn seen(home: &Home, family: &str) -> Vec<String> {
    let log = fs::read_to_string(home.path(&format!("out/{family}/log/backend.log"))).expect("a log");
    log.lines().filter_map(|line| line.strip_prefix("seen: ")).map(str::to_owned).collect()
}

#[test]
fn headers_and_static_libraries_of_a_package_are_those_of_the_target() {
    let both = ["manylinux_2_17_x86_64", "manylinux_2_17_aarch64"];
    let (home, ran) = with_numlike(&both, &format!("{FAMILY},host"));
    ran.good();
    // What lies where no compiler looks is the package's own.
    assert_eq!(
        seen(&home, FAMILY),
        [
            "include/numlike.h ['manylinux_2_17_aarch64', '*/']",
            "lib/libnum.a ['!<arch>', 'manylinux_2_17_aarch64']",
            "own.h ['manylinux_2_17_x86_64', '*/']",
        ]
    );
    // The next family has them as they were.
    assert_eq!(
        seen(&home, "host"),
        [
            "include/numlike.h ['manylinux_2_17_x86_64', '*/']",
            "lib/libnum.a ['!<arch>', 'manylinux_2_17_x86_64']",
            "own.h ['manylinux_2_17_x86_64', '*/']",
        ]
    );
}

#[test]
fn a_static_library_of_this_machine_is_taken_away_where_the_target_has_none() {
    let (home, ran) = with_numlike(&["manylinux_2_17_x86_64"], FAMILY);
    let ran = ran.good();
    ran.says("headers of numlike==1.0 are those of this machine, and its static library was taken away")
        .says("pip finds no wheel of numlike==1.0 for aarch64")
        .says("PIP_FIND_LINKS");
    assert_eq!(
        seen(&home, FAMILY)[..2],
        ["include/numlike.h ['manylinux_2_17_x86_64', '*/']", "lib/libnum.a gone"]
    );
}

#[test]
fn a_text_that_names_a_folder_of_the_build_gets_the_name_that_every_build_has() {
    let home = Home::new();
    let plan = "import os, sys\ndef build():\n    from backend import extension\n    there = dict(extension())\n    \
                there['tiny/config.py'] = ('python = %r\\nsource = %r\\n' % (sys.executable, os.getcwd())).encode()\n    return there\n";
    home.package("pkg", plan);
    home.build(&["./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc"])
        .good()
        .says("1 text of the wheel named a folder of this build (tiny/config.py)");
    let text = String::from_utf8(member(&home, "tiny/config.py")).expect("text");
    assert_eq!(text, "python = '/usr/src/build-env/bin/python'\nsource = '/usr/src/tiny-1.0'\n");
    let check =
        home.crosswheel(&["wheel", "verify", &format!("out/{FAMILY}/{WHEEL}")]).output().expect("started");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}
