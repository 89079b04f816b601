//! What modules for WebAssembly export, linked by real Emscripten: as a WebAssembly engine sees it, and as pywasmcross of
//! pyodide-build counts it with LLVM's tools.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel_shim::wasm::symbols;
use tempfile::TempDir;

const INIT: &str = r#"
#define SHOWN __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))
int shown = 7;
static int own(void) { return 3; }
HIDDEN int hidden(void) { return own(); }
int helper(int n) { return n + hidden(); }
SHOWN void *PyInit_a(void) { return (void *)(long)helper(1); }
"#;
const PLAIN: &str = r"
extern int missing(void);
int data[3];
int add(int a, int b) { return a + b; }
int call(void) { return missing(); }
";
/// What is taken by its address, such as `shown` and `data` would be if anything here used them, the linker exports by
/// itself: another module may stand in for it. This throws, and has symbols that many objects may define.
const CXX: &str = r#"
#include <stdexcept>
#include <string>
template <class T> struct Counter { static int made; virtual ~Counter() {} virtual int one() { return ++made; } };
template <class T> int Counter<T>::made = 0;
__attribute__((weak)) int fallback() { return 1; }
int strong() { return 2; }
extern "C" __attribute__((visibility("default"))) int PyInit_cxx() {
    try {
        Counter<int> counter;
        if (counter.one() + fallback() + strong() > 3) throw std::runtime_error("thrown");
    } catch (const std::exception &error) {
        return static_cast<int>(std::string(error.what()).size());
    }
    return 0;
}
"#;

/// One family a choice of exports.
const TOPOLOGY: &str = r#"
[metadata]
version = "1"
[targets.wasm]
machine = "wasm32"
os = "emscripten"
libc = "musl"
[families.pyinit]
target = "wasm"
[families.requested]
target = "wasm"
policy = "requested"
[families.whole]
target = "wasm"
policy = "whole"
[families.list]
target = "wasm"
policy = "list"
[policies.requested]
exports = "requested"
[policies.whole]
exports = "whole_archive"
[policies.list]
exports = ["add", "helper", "nowhere"]
"#;

/// Names longer than fifteen letters stand elsewhere in an archive.
const LONG: &str = "member_with_a_long_name_";

struct Bench {
    dir: TempDir,
}

impl Bench {
    /// Sources, and what a script makes of them with the shim for the family.
    fn new(family: &str, script: &str) -> Self {
        let bench = Self { dir: TempDir::new().unwrap() };
        for (name, text) in
            [("BUILD_TOPOLOGY.toml", TOPOLOGY), ("a.c", INIT), ("plain.c", PLAIN), ("cxx.cpp", CXX)]
        {
            fs::write(bench.at(name), text).unwrap();
        }
        for at in 0..7 {
            fs::write(
                bench.at(&format!("{LONG}{at}.c")),
                format!("int {}(void) {{ return 0; }}", "x".repeat(at + 1)),
            )
            .unwrap();
        }
        bench.run(family, script);
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    #[track_caller]
    fn run(&self, family: &str, script: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.args(["run", "--family", family, "--", "sh", "-c", script]).current_dir(&self.dir);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// What a module exports, C++'s shared symbols and the linker's own left out. It must be one that can be loaded.
    #[track_caller]
    fn exports(&self, name: &str) -> String {
        let script = "const m = new WebAssembly.Module(require('fs').readFileSync(process.argv[1]));
            if (!WebAssembly.Module.customSections(m, 'dylink.0').length) throw 'no side module';
            const own = name => !name.startsWith('__wasm_') && !/^_Z(TI|TS|TV|N|Z|8fallback)/.test(name);
            console.log(WebAssembly.Module.exports(m).map(e => e.name).filter(own).sort().join(' '));";
        let output = Command::new("node").args(["-e", script]).arg(self.at(name)).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

#[test]
fn a_python_module_exports_its_init_function_alone() {
    let bench = Bench::new(
        "pyinit",
        "cc -c a.c; cc -c plain.c; c++ -c cxx.cpp; ar rcs libplain.a plain.o; ar rcs liba.a a.o
         cc -shared a.o -o a.cpython-312-wasm32-emscripten.so
         cc -shared a.o plain.o -o renamed.so
         cc -shared liba.a libplain.a -o archives.so
         cc -shared -Wl,--whole-archive,libplain.a,--no-whole-archive a.o -o words.so
         cc -shared a.c plain.c -o a.so
         cc -flto -c a.c -o lto.o && cc -flto -shared lto.o plain.o -o a.lto.so
         c++ -shared cxx.o plain.o -o cxx.so
         printf '%s ' a.o plain.o > list && cc -shared @list -o file.so
         cp a.so stripped.so && strip stripped.so",
    );
    for name in [
        "a.cpython-312-wasm32-emscripten.so",
        "renamed.so",
        "archives.so",
        "words.so",
        "a.so",
        "a.lto.so",
        "file.so",
        "stripped.so",
    ] {
        assert_eq!(bench.exports(name), "PyInit_a", "{name}");
    }
    assert_eq!(bench.exports("cxx.so"), "PyInit_cxx");
}

#[test]
fn a_library_that_is_no_python_module_exports_what_is_visible() {
    let bench = Bench::new("pyinit", "cc -c plain.c; ar rcs libplain.a plain.o
        cc -shared plain.o -o plain.so; cc -shared plain.c -o libplain.so; cc -shared -Wl,--fatal-warnings libplain.a -o some.so");
    for name in ["plain.so", "libplain.so", "some.so"] {
        assert_eq!(bench.exports(name), "add call data", "{name}");
    }
}

#[test]
fn a_policy_chooses_other_exports() {
    for (family, expected) in [
        ("requested", "PyInit_a add call data helper shown"),
        ("whole", "PyInit_a add call data helper shown"),
        ("list", "add helper"),
    ] {
        let bench = Bench::new(
            family,
            "cc -c a.c; cc -c plain.c; ar rcs libplain.a plain.o; cc -shared a.o libplain.a -o a.so",
        );
        assert_eq!(bench.exports("a.so"), expected, "{family}");
    }
}

/// Names that pywasmcross counts in a file, by LLVM's reader of objects.
#[track_caller]
fn counted(bench: &Bench, file: &str) -> Vec<String> {
    let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("wheel-tools/bin");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasm/count.py");
    let path = format!("/usr/lib/llvm-14/bin:{}", std::env::var("PATH").unwrap());
    let output = Command::new(bin.join("python"))
        .arg(script)
        .arg(file)
        .env("PATH", path)
        .current_dir(&bench.dir)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    told.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn symbols_are_those_that_llvm_sees() {
    // Members of odd size are followed by a byte.
    let bench = Bench::new(
        "pyinit",
        &format!(
            "for c in *.c; do cc -c $c; done; c++ -c cxx.cpp; ar rcs liba.a a.o; ar rcs mixed.a {LONG}*.o a.o cxx.o"
        ),
    );
    for file in ["a.o", "plain.o", "cxx.o", "liba.a", "mixed.a"] {
        let content = fs::read(bench.at(file)).unwrap();
        let found = symbols(&content).unwrap_or_else(|| panic!("{file} cannot be read"));
        let mut names: Vec<&str> = found
            .iter()
            .filter(|symbol| !symbol.hidden)
            .map(|symbol| std::str::from_utf8(symbol.name).unwrap())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert!(!names.is_empty());
        assert_eq!(names, counted(&bench, file), "{file}");
    }
}

#[test]
fn what_is_damaged_or_something_else_has_no_symbols_and_does_no_harm() {
    let bench = Bench::new(
        "pyinit",
        "cc -c a.c; ar rcs liba.a a.o; cc -flto -c a.c -o lto.o; cc -shared a.o -o a.so",
    );
    for file in ["lto.o", "a.so", "a.c"] {
        assert_eq!(symbols(&fs::read(bench.at(file)).unwrap()), None, "{file}");
    }
    for file in ["a.o", "liba.a"] {
        let whole = fs::read(bench.at(file)).unwrap();
        for end in 0..whole.len() {
            // An archive may end after any member.
            let found = symbols(&whole[..end]);
            assert!(
                found.is_none_or(|found| found.is_empty() || found.len() <= symbols(&whole).unwrap().len()),
                "{file} {end}"
            );
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            let _ = symbols(&damaged);
        }
    }
}
