//! `crosswheel build` for another machine, with Debian's cross compiler: what the package's build is told, and what its
//! wheel is held against.

mod build_support;

use std::fs;
use std::path::Path;
use std::process::Command;

use build_support::target::{EXTENSION, FAMILY, WHEEL, build, module};
use build_support::{Home, Ran};

/// Headers of this machine would not do.
const ASKS: &str = "#ifdef HAVE_GCC_ASM_FOR_X64\n#error these are the headers of this machine\n#endif";

#[test]
fn a_wheel_for_another_machine_is_built_with_its_headers_and_gets_its_tag() {
    let home = Home::new();
    home.package("pkg", EXTENSION);
    home.write("pkg/ext.c", &module(ASKS));
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

/// One of two builds of the same source distribution: the other is made on another day, in a deeper folder, with another
/// home, time zone and umask, and its source has been downloaded anew.
fn wheel_of(sdist: &Path, another_day: bool, more: &[&str]) -> Vec<u8> {
    let home = Home::new();
    let own = home.path("tiny-1.0.tar.gz");
    fs::copy(sdist, &own).expect("copied");
    let out = if another_day { "some/where/else" } else { "out" };
    let args = ["--family", FAMILY, "--out", out, "--compiler", "gcc"];
    let mut command = home.crosswheel(&[&["build", "tiny-1.0.tar.gz"][..], &args, more].concat());
    if another_day {
        let mut outer = Command::new("faketime");
        outer.args(["-f", "+400d", "sh", "-c", "umask 077; exec \"$@\"", "sh"]);
        outer.arg(command.get_program()).args(command.get_args()).current_dir(home.dir.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        let long = home.path("a-much-longer-temporary-folder/with another");
        fs::create_dir_all(&long).expect("made");
        // Files of the archive keep their times, which faketime would shift as well.
        outer.env("NO_FAKE_STAT", "1").env("TMPDIR", &long).env("HOME", &long).env("TZ", "Pacific/Auckland");
        command = outer;
    }
    Ran::from(command.output().expect("started")).good();
    fs::read(home.path(&format!("{out}/{FAMILY}/{WHEEL}"))).expect("a wheel")
}

#[test]
fn two_cross_builds_on_different_days_and_in_different_folders_give_identical_bytes() {
    let home = Home::new();
    home.package("tiny-1.0", EXTENSION);
    let names = "#include <assert.h>\nint at(int n) { assert(n); return n; }\n\
                 const char *when = __DATE__ __TIME__ __TIMESTAMP__, *place = __FILE__;\n";
    home.write("tiny-1.0/ext.c", &format!("{}{names}", module(ASKS)));
    let tar = ["-czf", "tiny-1.0.tar.gz", "--mtime=2024-05-06 07:08:09Z", "tiny-1.0"];
    assert!(Command::new("tar").args(tar).current_dir(home.dir.path()).status().expect("tar").success());
    let sdist = home.path("tiny-1.0.tar.gz");
    assert!(wheel_of(&sdist, false, &[]) == wheel_of(&sdist, true, &[]), "the wheels differ");
    // The days and the folders make a difference, unless it is taken care of.
    let as_it_is = ["--no-reproducible"];
    assert!(wheel_of(&sdist, false, &as_it_is) != wheel_of(&sdist, true, &as_it_is), "nothing was tested");
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
    home.write("pkg/ext.c", &module(ASKS));
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
