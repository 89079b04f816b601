//! `crosswheel build` and `test` for WebAssembly. A fake emcc says what it was called with and which version it is; what is
//! made of code is held against the real one, and against node. The Pyodide is a small one of our own in the cache.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod build_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use build_support::{Home, Ran};

const WHEEL: &str = "tiny-1.0-cp311-cp311-emscripten_3_1_46_wasm32.whl";

/// Answers as Emscripten does. A compile leaves an object, a link a side module without code; `OLD` makes it one of the time
/// when `time_t` had four bytes.
const EMCC: &str = r#"#!/bin/sh
out=a.out kind=link
case "$1" in
--version) echo "emcc (Emscripten gcc/clang-like replacement + linker emulating GNU ld) VERSION ()"; exit ;;
-dumpmachine) echo wasm32-unknown-emscripten; exit ;;
-E) printf '#define __clang_major__ 18\n#define __clang_minor__ 0\n'; exit ;;
esac
for word in "$@"; do
    case "$word" in
    -c) kind=compile ;;
    *time_t.c) [ -z "OLD" ] || { echo "error: static assertion failed" >&2; exit 1; } ;;
    esac
    [ "$last" = -o ] && out=$word
    last=$word
done
echo "${0##*/} $*" >>LOG
case $kind in
compile) printf '\0asm\1\0\0\0\0\010\007linking' >"$out" ;;
link) printf '\0asm\1\0\0\0\0\011\010dylink.0' >"$out" ;;
esac
"#;

/// The sysconfig data of a Pyodide, as far as they matter here.
const DATA: &str = r#"
build_time_vars = {
    "CFLAGS": "-O2 -g0 -DPYODIDE_FLAG", "PYODIDE_ABI_VERSION": "2024_0", "SIZEOF_LONG": 4, "HAVE_FORK": 0,
    "AR": f"{__name__}/ar", "HAVE_GCC_UINT128_T": 1, "HAVE_DECL_RTLD_LAZY": 0,
}
"#;

const ASK: &str = r##"
import json, os, subprocess, sys, sysconfig
NAMES = ["SOABI", "EXT_SUFFIX", "CC", "LDSHARED", "MACHDEP", "SIZEOF_LONG", "HAVE_FORK", "MULTIARCH"]
def build():
    said = [sysconfig.get_platform()] + [sysconfig.get_config_var(name) for name in NAMES]
    assert said == ["emscripten-3.1.46-wasm32", "cpython-311-wasm32-emscripten", ".cpython-311-wasm32-emscripten.so", "cc",
        "cc -shared", "emscripten", 4, 0, "wasm32-emscripten"], said
    assert "-DPYODIDE_FLAG" in sysconfig.get_config_var("CFLAGS").split()
    assert os.environ["PYODIDE"] == "1" and os.environ["CC"] == "cc"
    header = open(sysconfig.get_config_var("INCLUDEPY") + "/pyconfig.h").read()
    for line in ("#define SIZEOF_LONG 4", "/* #undef HAVE_FORK */", "#define HAVE_GCC_UINT128_T 1", "#define HAVE_DECL_RTLD_LAZY 0"):
        assert line in header.splitlines(), [line] + [one for one in header.splitlines() if line.split()[1] in one]
    assert subprocess.check_output(["cc", "-dumpmachine"], text=True) == "wasm32-unknown-emscripten\n"
    from backend import extension
    return {name.replace("ext.so", "ext" + sysconfig.get_config_var("EXT_SUFFIX")): content
        for name, content in extension().items()}
"##;

struct Shop {
    home: Home,
}

impl Shop {
    /// With an emcc of this version and Pyodides of our own.
    fn new(version: &str) -> Self {
        Self::with(&EMCC.replace("VERSION", version).replace("OLD", ""))
    }

    fn with(emcc: &str) -> Self {
        let shop = Self { home: Home::new() };
        let log = shop.home.path("emcc.log");
        for name in ["emcc", "em++", "emar", "emranlib", "emnm"] {
            let path =
                shop.home.write(&format!("tools/{name}"), &emcc.replace("LOG", &log.display().to_string()));
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (version, python) in [("0.25.1", "3.11.3"), ("0.27.7", "3.12.7")] {
            shop.pyodide(version, python);
        }
        shop.home.package("pkg", "");
        shop
    }

    fn pyodide(&self, version: &str, python: &str) {
        let folder = format!("cache/crosswheel/pyodide/{version}");
        self.home.write(&format!("{folder}/pyodide.mjs"), "export const nothing = 0;\n");
        let lock = format!("{{\"info\": {{\"python\": \"{python}\"}}}}");
        self.home.write(&format!("{folder}/pyodide-lock.json"), &lock);
        let module = self.home.write("_sysconfigdata__emscripten_wasm32-emscripten.py", DATA);
        let zip = self.home.path(&format!("{folder}/python_stdlib.zip"));
        let made = Command::new("python3").args(["-m", "zipfile", "-c"]).arg(zip).arg(module).status();
        assert!(made.unwrap().success());
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.crosswheel(args);
        let mut path = self.home.path("tools").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        command.env("PATH", path).env_remove("EMSDK_PYTHON");
        command
    }

    fn build(&self, family: &str, more: &[&str]) -> Ran {
        let args = ["build", "./pkg", "--family", family, "--out", "out", "--no-isolation", "--offline"];
        Ran::from(self.command(&[&args, more].concat()).output().unwrap())
    }

    fn test(&self, wheel: &str, more: &[&str]) -> Ran {
        let args = ["test", wheel, "--family", "wasm32-emscripten", "--no-deps", "--offline"];
        Ran::from(self.command(&[&args, more].concat()).output().unwrap())
    }
}

#[test]
fn a_wheel_is_built_with_the_settings_of_pyodide_and_tagged_with_the_emscripten_that_built_it() {
    let shop = Shop::new("3.1.46");
    shop.home.package("pkg", ASK);
    let ran = shop.build("wasm32-emscripten", &[]).good();
    ran.says(WHEEL).says("1 of 1 WebAssembly modules made by a recorded call");
    assert!(!ran.out.contains("may not load"), "{ran:#?}");
    let log = fs::read_to_string(shop.home.path("emcc.log")).unwrap();
    assert!(log.contains("emcc ") && !log.contains("-target"), "{log}");
}

#[test]
fn an_interface_of_pyodide_takes_its_own_emscripten_alone() {
    let shop = Shop::new("3.1.6");
    shop.build("wasm32-emscripten.3.1.58", &[])
        .fails(1)
        .says("is for Emscripten 3.1.58, and emcc is 3.1.6")
        .says("--allow-abi-mismatch");
    shop.build("wasm32-emscripten.3.1.58", &["--allow-abi-mismatch"])
        .good()
        .says("emscripten_3_1_58_wasm32.whl")
        .says("may not load where its tag says");
    // Without an interface of its own it is built, and what it is likely to meet is told.
    shop.build("wasm32-emscripten", &[])
        .good()
        .says("emscripten_3_1_6_wasm32.whl")
        .says("Pyodide 0.25.1, the one with Python 3.11, was made by 3.1.46, and may not load it");
}

#[test]
fn an_interface_of_pyodide_takes_its_own_python_alone() {
    let shop = Shop::new("3.1.58");
    shop.build("pyodide_2024_0_wasm32", &[])
        .fails(1)
        .says("is for Python 3.12, and the build Python is 3.11")
        .says("name a Python 3.12 with --python");
}

#[test]
fn without_its_pyodide_nothing_is_fetched_offline() {
    let shop = Shop::new("3.1.46");
    fs::remove_dir_all(shop.home.path("cache/crosswheel/pyodide/0.25.1")).unwrap();
    shop.build("wasm32-emscripten", &[])
        .fails(1)
        .says("Pyodide 0.25.1 is not in")
        .says("--offline fetches nothing");
}

#[test]
fn a_damaged_pyodide_is_told_with_the_mend() {
    let shop = Shop::new("3.1.46");
    shop.home.write("cache/crosswheel/pyodide/0.25.1/python_stdlib.zip", "no zip");
    shop.build("wasm32-emscripten", &[]).fails(1).says("no sysconfig data can be read").says("fetched again");
}

#[test]
fn an_old_emscripten_has_another_time_t_which_is_told() {
    let shop = Shop::with(&EMCC.replace("VERSION", "3.1.6").replace("OLD", "yes"));
    shop.home.package(
        "pkg",
        "import sysconfig\ndef build():\n    from backend import extension\n    \
         assert sysconfig.get_config_var('SIZEOF_TIME_T') == 4\n    return extension()\n",
    );
    shop.build("wasm32-emscripten", &[]).good().says("time_t of this Emscripten has 4 bytes");
}

#[test]
fn a_file_of_this_machine_inside_is_refused_and_so_is_what_nobody_can_load() {
    let shop = Shop::new("3.1.46");
    let plan = "import subprocess\ndef build():\n    \
                subprocess.check_call(['build-cc', '-shared', '-fPIC', 'ext.c', '-o', 'e.so'])\n    \
                subprocess.check_call(['cc', '-c', 'ext.c', '-o', 'o.so'])\n    \
                return {'tiny/e.so': open('e.so', 'rb').read(), 'tiny/o.so': open('o.so', 'rb').read(),\n        \
                'tiny/data.wasm': b'\\0asm\\1\\0\\0\\0', 'tiny/g.so': b'\\0asm\\1\\0\\0\\0\\0\\177\\010dylink.0'}\n";
    shop.home.package("pkg", plan);
    let ran = shop.build("wasm32-emscripten", &[]).fails(1);
    ran.says("tiny/e.so: is for x86_64, and wasm32 was asked for; it was made by build-cc (call ");
    ran.says("tiny/o.so: is no side module");
    ran.says("tiny/g.so: begins like WebAssembly and is none [unreadable]");
    // WebAssembly that a package carries for a browser is data.
    assert!(!ran.out.contains("data.wasm"), "{ran:#?}");
}

#[test]
fn the_compiler_of_another_system_is_refused() {
    let shop = Shop::new("3.1.46");
    shop.build("wasm32-emscripten", &["--compiler", "zig"]).fails(1).says("for emcc");
    shop.build("aarch64-linux-gnu", &["--compiler", "emcc"]).fails(1).says("does not build for the target");
}

#[test]
fn wheels_that_the_pyodide_does_not_take_are_refused_before_anything_is_run() {
    let shop = Shop::new("3.1.6");
    shop.build("wasm32-emscripten", &[]).good();
    let wheel = "out/wasm32-emscripten/tiny-1.0-cp311-cp311-emscripten_3_1_6_wasm32.whl";
    shop.test(wheel, &[])
        .fails(1)
        .says("is for emscripten_3_1_6_wasm32, and Pyodide 0.25.1 takes emscripten_3_1_46_wasm32")
        .says("--allow-abi-mismatch");
    shop.test(wheel, &["--allow-abi-mismatch", "--", "pytest", "-x"])
        .fails(2)
        .says("pytest: WebAssembly runs no program but `python`")
        .says("python -m MODULE");
    let native = "tiny-1.0-cp311-cp311-linux_x86_64.whl";
    shop.home.build(&["./pkg", "--family", "host", "--out", "out", "--no-isolation"]).good();
    shop.test(&format!("out/host/{native}"), &["--allow-abi-mismatch"])
        .fails(1)
        .says("is for linux_x86_64")
        .says("--family wasm32-emscripten");
}

/// A Pyodide that answers what the runner asks of it, with the Python of this machine: files are seen as they are.
const LOADER: &str = r#"
import { spawnSync } from "node:child_process";
export async function loadPyodide() {
  return {
    setStdout() {}, setStderr() {}, toPy: (words) => words,
    FS: { mkdirTree() {}, mount() {}, chdir() {}, filesystems: {} },
    runPython: (main) => (site, args) => {
      const code = main.replace(/main\s*$/, "") + "import json, sys\nsys.exit(main(*json.loads(sys.argv[1])))\n";
      const ran = spawnSync("/usr/bin/python3", ["-c", code, JSON.stringify([site, args])], { stdio: "inherit" });
      return ran.status;
    },
  };
}
"#;

#[test]
fn imports_and_commands_run_by_the_python_of_the_environment() {
    let shop = Shop::new("3.1.46");
    shop.home.write("cache/crosswheel/pyodide/0.25.1/pyodide.mjs", LOADER);
    let plan = "def build():\n    return {'tiny/__init__.py': b'print(1)', 'other.py': b'1 / 0', \
                'tiny/ext.so': open('../ext.so', 'rb').read()}\n";
    // Only what is asked of Python counts here.
    shop.home.package("pkg", &plan.replace(", 'tiny/ext.so': open('../ext.so', 'rb').read()", ""));
    shop.build("wasm32-emscripten", &[]).good();
    let wheel = format!("out/wasm32-emscripten/{WHEEL}");
    shop.test(&wheel, &[])
        .fails(1)
        .says("ok      tiny")
        .says("failed  other  ZeroDivisionError")
        .says("Python 3.11.3 for wasm32, Pyodide 0.25.1 in node");
    let ran = shop
        .test(&wheel, &["--", "python", "-c", "import sys, tiny; print(sys.argv); sys.exit(7)", "x", "y z"]);
    ran.fails(7).says("['-c', 'x', 'y z']");
    shop.home.write("run.py", "import sys\nprint('file', sys.argv[1:])\n");
    shop.test(&wheel, &["--", "python", "run.py", "a"]).good().says("file ['a']");
    shop.test(&wheel, &["--", "python3", "-m", "tiny", "a"]).fails(1).says("No module named tiny.__main__");
    shop.test(&wheel, &["--", "python", "-X", "dev"]).fails(2).says("takes -c CODE, -m MODULE or FILE");
}

// ---- The real Emscripten ----

fn real(shop: &Shop) {
    fs::remove_dir_all(shop.home.path("tools")).unwrap();
}

/// Names that a module exports, by node.
fn exports(module: &Path) -> String {
    let code = "const m = new WebAssembly.Module(require('fs').readFileSync(process.argv[1]));\
                console.log(WebAssembly.Module.exports(m).map((one) => one.name).join(' '))";
    let output = Command::new("node").args(["-e", code]).arg(module).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const MODULE: &str = "#include <Python.h>\n_Static_assert(sizeof(long) == 4 && SIZEOF_VOID_P == 4, \"\");\n\
                      #ifndef __EMSCRIPTEN__\n#error not for WebAssembly\n#endif\n\
                      static struct PyModuleDef def = { PyModuleDef_HEAD_INIT, \"ext\", 0, -1, 0, 0, 0, 0, 0 };\n\
                      PyMODINIT_FUNC PyInit_ext(void) { return PyModule_Create(&def); }\n";

#[test]
fn the_real_emscripten_makes_a_side_module_that_exports_its_entry() {
    let shop = Shop::new("");
    real(&shop);
    shop.home.write("pkg/ext.c", MODULE);
    let plan = "import subprocess, sysconfig\ndef build():\n    \
                cc = sysconfig.get_config_var('CC').split() + sysconfig.get_config_var('CFLAGS').split()\n    \
                subprocess.check_call(cc + ['-I' + sysconfig.get_path('include'), '-c', 'ext.c', '-o', 'ext.o'])\n    \
                subprocess.check_call(sysconfig.get_config_var('LDSHARED').split() + ['ext.o', '-o', 'ext.so'])\n    \
                return {'tiny/ext' + sysconfig.get_config_var('EXT_SUFFIX'): open('ext.so', 'rb').read()}\n";
    shop.home.write("pkg/back/plan.py", plan);
    let ran = shop.build("wasm32-emscripten", &[]).good();
    ran.says("1 of 1 WebAssembly modules made by a recorded call");
    let folder = shop.home.path("out/wasm32-emscripten");
    let wheel =
        build_support::list(&folder).into_iter().find(|path| path.extension().is_some_and(|e| e == "whl"));
    let unzip = Command::new("unzip").args(["-q"]).arg(wheel.unwrap()).current_dir(&folder).status();
    assert!(unzip.unwrap().success());
    let names = exports(&folder.join("tiny/ext.cpython-311-wasm32-emscripten.so"));
    assert!(names.split_whitespace().any(|name| name == "PyInit_ext"), "{names}");
}

#[test]
fn cmake_builds_side_modules_and_runs_its_programs_in_node() {
    let shop = Shop::new("");
    real(&shop);
    let plan = "import subprocess\ndef build():\n    \
                subprocess.check_call(['cmake', '-S', '.', '-B', 'b'])\n    \
                subprocess.check_call(['cmake', '--build', 'b'])\n    \
                return {'tiny/ext.so': open('b/ext.so', 'rb').read()}\n";
    shop.home.package("pkg", plan);
    shop.home.write("pkg/ext.c", MODULE);
    shop.home.write(
        "pkg/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(x C)\n\
         find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n\
         if(NOT EMSCRIPTEN OR NOT CMAKE_CROSSCOMPILING OR NOT CMAKE_SIZEOF_VOID_P EQUAL 4)\n  message(FATAL_ERROR native)\nendif()\n\
         include(CheckCSourceRuns)\ncheck_c_source_runs(\"int main(void) { return sizeof(long) != 4; }\" RUNS)\n\
         if(NOT RUNS)\n  message(FATAL_ERROR \"does not run\")\nendif()\n\
         include(CheckTypeSize)\ncheck_type_size(size_t SIZE)\nif(NOT SIZE EQUAL 4)\n  message(FATAL_ERROR \"size ${SIZE}\")\nendif()\n\
         Python_add_library(ext MODULE ext.c)\nset_target_properties(ext PROPERTIES PREFIX \"\" SUFFIX .so)\n",
    );
    shop.build("wasm32-emscripten", &[]).good().says("1 of 1 WebAssembly modules made by a recorded call");
}
