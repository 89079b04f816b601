//! `crosswheel build` for another machine, with Debian's cross compiler: what the package's build is told, and what its
//! wheel is held against.

mod build_support;

use std::fs;
use std::process::Command;

use build_support::{Home, Ran};

/// Debian's compiler links for the glibc of its own release.
const FAMILY: &str = "aarch64-linux-gnu.2.36";
const WHEEL: &str = "tiny-1.0-cp311-cp311-manylinux_2_36_aarch64.whl";

/// An extension module by hand, as setuptools would make it.
const EXTENSION: &str = r#"
import subprocess, sysconfig
def build():
    config = sysconfig.get_config_var
    flags = config("CC").split() + config("CFLAGS").split() + config("CCSHARED").split()
    include = "-I" + sysconfig.get_path("include")
    subprocess.check_call(flags + [include, "-c", "ext.c", "-o", "ext.o"])
    subprocess.check_call(config("LDSHARED").split() + ["ext.o", "-L/usr/lib", "-o", "ext.so"])
    with open("ext.so", "rb") as f:
        return {"tiny/ext" + config("EXT_SUFFIX"): f.read()}
"#;

const MODULE: &str = "#include <Python.h>\n_Static_assert(sizeof(long) == SIZEOF_LONG, \"\");\n\
                      #ifdef HAVE_GCC_ASM_FOR_X64\n#error these are the headers of this machine\n#endif\n\
                      static struct PyModuleDef def = { PyModuleDef_HEAD_INIT, \"ext\", 0, -1, 0, 0, 0, 0, 0 };\n\
                      PyMODINIT_FUNC PyInit_ext(void) { return PyModule_Create(&def); }\n";

fn build(home: &Home, family: &str, more: &[&str]) -> Ran {
    let mut args = vec!["./pkg", "--family", family, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    args.extend(more);
    home.build(&args)
}

#[test]
fn a_wheel_for_another_machine_is_built_with_its_headers_and_gets_its_tag() {
    let home = Home::new();
    home.package("pkg", EXTENSION);
    home.write("pkg/ext.c", MODULE);
    build(&home, FAMILY, &[]).good().says(WHEEL).says("tagged the wheel linux_x86_64");
    let folder = home.path(&format!("out/{FAMILY}"));
    let unzip = Command::new("unzip").args(["-q", WHEEL]).current_dir(&folder).status().expect("unzip");
    assert!(unzip.success());
    let readelf = Command::new("readelf")
        .args(["-hdW", "tiny/ext.cpython-311-aarch64-linux-gnu.so"])
        .current_dir(&folder)
        .output()
        .expect("readelf");
    let told = String::from_utf8_lossy(&readelf.stdout).into_owned();
    assert!(told.contains("AArch64") && !told.contains("RUNPATH") && !told.contains("libpython"), "{told}");
    let wheel = fs::read_to_string(folder.join("tiny-1.0.dist-info/WHEEL")).expect("there");
    assert!(wheel.contains("Tag: cp311-cp311-manylinux_2_36_aarch64\n"), "{wheel}");
    let record = fs::read_to_string(folder.join("log/record.jsonl")).expect("a record");
    for rule in ["target-headers", "host-libraries"] {
        assert!(record.contains(&format!("\"rule\":\"{rule}\"")), "{rule} is not in {record}");
    }
}

#[test]
fn two_cross_builds_in_different_folders_give_the_same_bytes() {
    let (one, two) = (Home::new(), Home::new());
    one.package("pkg", EXTENSION);
    two.package("deep/er/other", EXTENSION);
    let long = two.path("a-much-longer-temporary-folder");
    fs::create_dir(&long).expect("made");
    let args = ["--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    let mut first = one.crosswheel(&[&["build", "./pkg"][..], &args].concat());
    let mut second = two.crosswheel(&[&["build", "deep/er/other"][..], &args].concat());
    second.env("TMPDIR", long);
    for command in [&mut first, &mut second] {
        assert!(command.env("SOURCE_DATE_EPOCH", "1700000000").status().expect("started").success());
    }
    let wheel = |home: &Home| fs::read(home.path(&format!("out/{FAMILY}/{WHEEL}"))).expect("a wheel");
    assert!(wheel(&one) == wheel(&two), "the wheels differ");
}

#[test]
fn a_build_sees_the_target_in_sysconfig_and_its_isolated_children_do_too() {
    let home = Home::new();
    let plan = r#"
import json, os, subprocess, sys
ASK = """
import json, sysconfig, sys
names = ['SOABI', 'EXT_SUFFIX', 'CC', 'LDSHARED', 'SIZEOF_VOID_P', 'HAVE_GCC_ASM_FOR_X64', 'MULTIARCH', 'LIBPYTHON']
print(json.dumps([sysconfig.get_platform()] + [sysconfig.get_config_var(name) for name in names]))
"""
def build():
    said = [subprocess.check_output([sys.executable, *flags, "-c", ASK]) for flags in ([], ["-I"])]
    assert said[0] == said[1], said
    seen = {name: os.environ.get(name) for name in ("CC", "CXX", "FC", "LDSHARED", "CC_FOR_BUILD", "CPATH")}
    print(said[0], seen)
    assert json.loads(said[0]) == ["linux-aarch64", "cpython-311-aarch64-linux-gnu",
        ".cpython-311-aarch64-linux-gnu.so", "cc", "cc -shared", 8, 0, "aarch64-linux-gnu", ""], said
    assert seen == {"CC": "cc", "CXX": "c++", "FC": "gfortran", "LDSHARED": None, "CC_FOR_BUILD": "build-cc", "CPATH": None}, seen
    return {}
"#;
    home.package("pkg", plan);
    let args = ["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc"];
    let mut command = home.crosswheel(&args);
    command.env("CC", "/usr/bin/gcc").env("LDSHARED", "/usr/bin/gcc -shared").env("CPATH", "/usr/include");
    // A wheel without a compiled file under a tag that promises one is a fault, and not what this is about.
    let ran = Ran::from(command.output().expect("started"));
    assert!(ran.out.contains("holds no compiled file") && !ran.out.contains("error:"), "{ran:#?}");
}

#[test]
fn an_object_of_this_machine_inside_is_refused() {
    let home = Home::new();
    let plan = "import subprocess\ndef build():\n    subprocess.check_call(['build-cc', '-shared', '-fPIC', 'ext.c', '-o', 'e.so'])\n    \
                return {'tiny/e.so': open('e.so', 'rb').read()}\n";
    home.package("pkg", plan);
    build(&home, FAMILY, &[]).fails(1).says("tiny/e.so: is for x86_64, and aarch64 was asked for");
}

#[test]
fn a_symbol_of_a_later_glibc_than_asked_for_is_refused() {
    let home = Home::new();
    home.package("pkg", "");
    home.write("pkg/ext.c", "#include <sys/random.h>\nint f(void) { char c; return getrandom(&c, 1, 0); }\n");
    build(&home, "aarch64-linux-gnu.2.17", &[])
        .fails(1)
        .says("tiny/ext.so needs GLIBC_2.25, which is newer than manylinux_2_17_aarch64 allows")
        .says("build for a later version than 2.17");
    build(&home, "aarch64-linux-gnu.2.25", &[]).good();
}

#[test]
fn a_library_of_this_machine_is_not_found() {
    let home = Home::new();
    let library = home.write("host/foo.pc", "Name: foo\nDescription: foo\nVersion: 1\nLibs: -lfoo\n");
    let plan = "import subprocess\ndef build():\n    assert subprocess.call(['pkg-config', '--exists', 'foo']) != 0, 'found'\n    \
                from backend import extension\n    return extension()\n";
    home.package("pkg", plan);
    let args = ["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    let mut command = home.crosswheel(&args);
    command.env("PKG_CONFIG_PATH", library.parent().expect("a folder"));
    Ran::from(command.output().expect("started")).good();
}

#[test]
fn cmake_builds_for_the_target_and_finds_its_python() {
    let home = Home::new();
    let plan = r#"
import subprocess
def build():
    subprocess.check_call(["cmake", "-S", ".", "-B", "b"])
    subprocess.check_call(["cmake", "--build", "b"])
    return {"tiny/ext.so": open("b/ext.so", "rb").read()}
"#;
    home.package("pkg", plan);
    home.write("pkg/ext.c", MODULE);
    home.write(
        "pkg/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(x C)\nfind_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n\
         if(NOT CMAKE_CROSSCOMPILING OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)\n  message(FATAL_ERROR \"native\")\nendif()\n\
         find_library(Z z)\nif(Z)\n  message(FATAL_ERROR \"found ${Z}\")\nendif()\n\
         Python_add_library(ext MODULE ext.c)\nset_target_properties(ext PROPERTIES PREFIX \"\")\n",
    );
    build(&home, FAMILY, &[]).good().says("1 of 1 ELF files made by a recorded call");
}

#[test]
fn what_cannot_be_built_is_told_before_anything_is_made() {
    let home = Home::new();
    home.package("pkg", "");
    home.build(&["./pkg", "--family", "riscv64-linux-gnu.2.28", "--out", "out"])
        .fails(2)
        .says("no C library older than 2.31");
    home.build(&["./pkg", "--family", FAMILY, "--out", "out", "--offline", "--no-isolation"])
        .fails(1)
        .says("--offline fetches nothing")
        .says("--compiler gcc");
    home.build(&["name==1.0", "--family", FAMILY, "--out", "out", "--offline"])
        .fails(2)
        .says("`name==1.0` is fetched from an index");
}
