//! Where calls become something else than pywasmcross makes of them, and why.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "pywasmcross compares so")]

use crosswheel_shim::plan::{Kind, Language, Languages};

/// A call, and where it was made.
pub(crate) struct Call {
    pub(crate) cwd: String,
    pub(crate) argv: Vec<String>,
}

/// What we make of a call, and how we read it.
pub(crate) struct Ours {
    pub(crate) words: Vec<String>,
    pub(crate) kind: Kind,
    pub(crate) probe: bool,
    pub(crate) shared: bool,
    /// Languages of its sources.
    pub(crate) languages: Languages,
}

impl Ours {
    /// It compiles C or one of its kin.
    fn compiles(&self) -> bool {
        let c = Languages::of(&[Language::C, Language::Cxx, Language::ObjC, Language::ObjCxx]);
        matches!(self.kind, Kind::Compile | Kind::Link)
            && !self.languages.is_empty()
            && self.languages.within(c)
    }

    /// All of its sources are C++.
    fn cxx(&self) -> bool {
        !self.languages.is_empty() && self.languages.within(Languages::of(&[Language::Cxx, Language::ObjCxx]))
    }
}

/// A difference that is meant.
pub(crate) struct Difference {
    /// Arguments that only they have; `*` stands for any run of characters.
    pub(crate) theirs: &'static [&'static str],
    /// Arguments that only we have.
    pub(crate) ours: &'static [&'static str],
    /// Calls in which it is meant.
    pub(crate) holds: fn(&Call, &Ours) -> bool,
    /// The reason.
    pub(crate) why: &'static str,
}

fn any(_: &Call, _: &Ours) -> bool {
    true
}

/// Words for the linker count at links alone.
fn link(_: &Call, ours: &Ours) -> bool {
    ours.kind == Kind::Link
}

fn module(ours: &Ours) -> bool {
    ours.kind == Kind::Link && ours.shared
}

fn named(call: &Call, names: &[&str]) -> bool {
    names.contains(&&*call.argv[0])
}

fn has(call: &Call, word: &str) -> bool {
    call.argv.iter().any(|arg| arg == word)
}

/// Whether they take it for a link of a module: by any name that ends in `.so`, or in `.so.` and digits.
fn named_so(call: &Call) -> bool {
    let digits = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let so = |word: &String| {
        word.ends_with(".so") || word.split_once(".so.").is_some_and(|(_, version)| digits(version))
    };
    call.argv.iter().any(|word| !word.starts_with('-') && so(word))
}

/// An output that is named as a library is, by whatever option.
fn library(call: &Call) -> bool {
    call.argv.iter().any(|word| word.contains("/lib") || word.starts_with("lib"))
}

fn row(
    theirs: &'static [&'static str],
    ours: &'static [&'static str],
    holds: fn(&Call, &Ours) -> bool,
    why: &'static str,
) -> Difference {
    Difference { theirs, ours, holds, why }
}

/// Their flags for every compile.
const WARNINGS: &[&str] = &["-Werror=implicit-function-declaration", "-Werror=return-type"];
/// Their flags for every link of a module.
const MODULE: &[&str] = &["-Wl,--fatal-warnings", "-sEXPORTED_FUNCTIONS=@FILE", "-sSIDE_MODULE=2"];

/// All of them.
pub(crate) fn differences() -> Vec<Difference> {
    [put_in(), modules(), tools(), folders(), linker(), processors(), misread()]
        .into_iter()
        .flatten()
        .collect()
}

fn put_in() -> Vec<Difference> {
    vec![
        row(
            &["-Werror=mismatched-parameter-types"],
            &[],
            any,
            "it warns about methods of Objective-C alone, and gcc does not know it",
        ),
        row(WARNINGS, &[], |_, ours| ours.kind == Kind::Query, "a question gets no arguments of ours"),
        row(
            WARNINGS,
            &[],
            |_, ours| ours.probe,
            "a configure step's question would get another answer, where what it tries only warns",
        ),
        row(WARNINGS, &[], |_, ours| !ours.compiles(), "no C is compiled"),
        row(
            &["-Werror=implicit-function-declaration"],
            &[],
            |_, ours| ours.cxx(),
            "C++ has no implicit declarations, and g++ warns of the flag",
        ),
        row(
            &["-Werror=implicit-function-declaration"],
            &[],
            |call, _| has(call, "a.c") && has(call, "b.cpp"),
            "of two languages in one call, neither gets what is for one alone",
        ),
        row(
            &[],
            &["-fPIC"],
            |_, ours| ours.compiles(),
            "Pyodide has it in its settings (cflags), which they give to calls with -c alone",
        ),
        row(
            &[],
            &["-fexceptions"],
            |_, ours| ours.cxx() || ours.shared,
            "Pyodide leaves it to the settings of each package; C++ without it ends at its first exception",
        ),
        row(&[], &["-sWASM_BIGINT"], |_, ours| module(ours), "Pyodide has it in its settings (ldflags)"),
    ]
}

fn modules() -> Vec<Difference> {
    vec![
        row(
            &["-Wl,--fatal-warnings", "-sSIDE_MODULE=2"],
            &["-Wl,--fatal-warnings", "-sSIDE_MODULE=2"],
            |call, ours| module(ours) && named_so(call),
            "ours stand ahead of the caller's, whose own -sSIDE_MODULE=1 or -Wl,--no-fatal-warnings then wins",
        ),
        row(
            &["-sEXPORTED_FUNCTIONS=@FILE"],
            &["-Wl,--export-if-defined=PyInit_*"],
            |call, ours| module(ours) && named_so(call),
            "the linker's option adds to a list of the caller's own, and leaves no file behind",
        ),
        row(
            &[],
            &["-sSIDE_MODULE=1"],
            |call, ours| module(ours) && library(call),
            "a library that is no Python module would export nothing; its objects are not there to be read, so all",
        ),
        row(
            MODULE,
            &[],
            |call, ours| named_so(call) && !ours.shared,
            "a program that links a library, or a file that happens to be named so, is no module",
        ),
        row(
            &[],
            &["-Wl,--export-if-defined=PyInit_*", "-Wl,--fatal-warnings", "-sSIDE_MODULE=2"],
            |call, ours| module(ours) && !named_so(call),
            "-shared makes a module, whatever its name and however it is given (-oa.so, a.pyd, a.out)",
        ),
    ]
}

fn tools() -> Vec<Difference> {
    vec![
        row(
            &["em++"],
            &["emcc"],
            |call, _| {
                named(call, &["cc", "gcc"])
                    && call.argv.iter().any(|word| word.ends_with(".cpp") || word.ends_with(".cc"))
            },
            "emcc tells C++ by its source and links its library; they take any word that ends so for C++, behind `-x c` too",
        ),
        row(
            &["gfortran", "-c", "-o", "a.o", "a.f", "a.f90", "--version", "-print-file-name=*"],
            &["exit 1"],
            |call, _| named(call, &["gfortran"]),
            "they run f2c ahead of this, and questions go to this machine's gfortran, whose files are for this machine",
        ),
        row(
            &["emcc"],
            &["exit 1", "lld", "wasm-ld"],
            |call, _| named(call, &["ld", "lld"]),
            "emcc does not know a linker's options; wasm-ld makes objects of objects, and modules are told to use cc",
        ),
        row(
            &[
                "-Wl,--fatal-warnings",
                "-o",
                "-sEXPORTED_FUNCTIONS=@FILE",
                "-sSIDE_MODULE=2",
                "-shared",
                "a.o",
                "a.so",
            ],
            &[],
            |call, _| named(call, &["ld"]) && has(call, "-shared"),
            "the linker by itself makes no module: refused",
        ),
        row(MODULE, &[], |call, _| named(call, &["ld"]), "as above, without -shared"),
        row(
            &[],
            &["--keep-section=dylink.0"],
            |call, _| named(call, &["strip"]),
            "newer versions take this section out, without which no module loads; with these they leave strip out",
        ),
        row(
            &["-DCMAKE_*=WRAPPER", "emcmake"],
            &[],
            |call, _| named(call, &["cmake"]),
            "cmake reads the file that CMAKE_TOOLCHAIN_FILE names, and needs no wrapper",
        ),
        row(
            &["--print-multiarch", "emcc"],
            &["echo", "wasm32-emscripten"],
            |call, _| has(call, "--print-multiarch"),
            "two dashes ask the same",
        ),
    ]
}

fn folders() -> Vec<Difference> {
    vec![
        row(
            &[
                "-I",
                "-idirafter",
                "-iquote",
                "-isystem",
                "-isystem/usr/include/foo",
                "/usr/include",
                "/usr/local/include",
            ],
            &[],
            any,
            "headers of this machine, however the option is spelled; they look at -I with its value joined alone",
        ),
        row(
            &[],
            &[
                "-I/usr/lib/python3/dist-packages/numpy/core/include",
                "-I/usrlocal/include",
                "-L/usr/share/mypackage/lib",
            ],
            any,
            "not of this machine's system; they drop all that begins with /usr",
        ),
        row(
            &["-L", "-L/lib/x86_64-linux-gnu", "/usr/lib"],
            &[],
            any,
            "libraries of this machine, however the option is spelled",
        ),
        row(
            &["-B/opt/conda/compiler_compat"],
            &[],
            any,
            "the linker of conda's Python, with its value joined too",
        ),
        row(
            &[
                "-Wl,-rpath",
                "-Wl,-rpath,/*",
                "-Wl,-rpath=/*",
                "-Wl,/*",
                "-Wl,-rpath-link,/*",
                "-Wl,-R,/*",
                "-Xlinker",
                "-rpath",
                "/usr/lib",
            ],
            &[],
            link,
            "folders of this machine, which are not there where a module is loaded",
        ),
    ]
}

fn linker() -> Vec<Difference> {
    vec![
        row(
            &["-Wl,-z,*", "-Wl,-z", "-Wl,relro", "-Wl,now", "-Wl,noexecstack", "-Wl,defs"],
            &[],
            link,
            "of ELF files alone; they hand it on, and newer linkers warn of some, which they make an error",
        ),
        row(&["-Wl,-O1,-z,relro,-z,now"], &["-Wl,-O1"], link, "as above, out of the middle of a list"),
        row(
            &[
                "-Wl,--allow-shlib-undefined",
                "-Wl,--build-id=sha1",
                "-Wl,--disable-new-dtags",
                "-Wl,--hash-style=gnu",
                "-Wl,--no-as-needed",
                "-Wl,--no-undefined",
                "-Wl,-Map,a.txt",
            ],
            &[],
            link,
            "wasm-ld refuses it, and so would fail with theirs",
        ),
        row(&["-Wl,--push-state,-lz,--pop-state"], &["-Wl,-lz"], link, "wasm-ld refuses the two around it"),
        row(
            &["--as-needed", "--version-script=a.map", "-Xlinker"],
            &[],
            link,
            "words that they drop behind -Wl, and not behind -Xlinker",
        ),
        row(
            &[
                "-Wl,--dynamic-list=a.list",
                "-Wl,--exclude-libs,ALL",
                "-Wl,--version-script",
                "-Wl,--version-script,a.map",
                "-Wl,a.map",
            ],
            &[],
            link,
            "words that they drop with `=` before the value, and not with it apart",
        ),
        row(
            &["-Wl,-soname,*", "-Wl,-h,a.so"],
            &[],
            link,
            "emcc ignores it with a warning, which -Werror makes an error",
        ),
        row(&["-Wl,-s"], &[], link, "another spelling of --strip-all, which they drop"),
        row(
            &[],
            &["-Wlarger-than=10", "-Wlogical-op"],
            any,
            "warnings, which they take for words for the linker by their first letters",
        ),
        row(
            &[],
            &["-Wl,--as-needed"],
            |_, ours| ours.kind != Kind::Link,
            "nothing is linked, so it reaches no linker",
        ),
        row(&["-l", "ffi", "gfortran"], &[], link, "their own rule, with the name apart"),
        row(&["-l", "m"], &[], link, "the same library again, with the name apart"),
        row(
            &["-latomic", "-lgcc", "-lgcc_s", "-lpython3.12", "-lquadmath", "-lutil"],
            &[],
            link,
            "there is no such library either",
        ),
        row(
            &[],
            &["-lfoo"],
            |call, _| has(call, "-Wl,--whole-archive"),
            "where archives are taken in whole, a second naming is another: theirs loses it",
        ),
    ]
}

fn processors() -> Vec<Difference> {
    vec![
        row(
            &["-march=*", "-mavx512f", "-mfma"],
            &[],
            |_, ours| !ours.probe,
            "other processors' extensions: clang warns of some, and newer ones refuse some",
        ),
        row(&["-mno-avx512f"], &[], any, "they know two of these by name, and there are many"),
        row(&["-mtune=*"], &[], any, "tuning for a processor"),
        row(&["-fcf-protection", "-mfpmath=sse"], &[], |_, ours| !ours.probe, "emcc ends with an error"),
        row(&["-m32", "-m64"], &[], any, "-m64 makes 64-bit WebAssembly, which nothing here loads"),
        row(
            &[
                "--target=x86_64-linux-gnu",
                "-c",
                "-o",
                "-target",
                "a.c",
                "a.o",
                "aarch64-linux-gnu",
                "emcc",
                "-Werror=*",
            ],
            &["exit 1"],
            |call, _| call.argv.iter().any(|word| word.contains("target")),
            "code for another machine: refused",
        ),
        row(
            &["--target=wasm32-unknown-emscripten"],
            &[],
            any,
            "the target that emcc has by itself, said again: cargo's helpers say it to every clang",
        ),
        row(
            &["-fstack-protector-strong"],
            &[],
            any,
            "it calls what is not there, as -fstack-protector does, which they drop",
        ),
        row(
            &[],
            &["-Jmod", "-fallow-argument-mismatch", "-ffixed-form", "-fno-second-underscore", "-std=legacy"],
            |call, _| has(call, "a.f"),
            "flags of Fortran, of which they keep nothing behind f2c; without it they reach no compiler",
        ),
    ]
}

fn misread() -> Vec<Difference> {
    vec![
        row(
            &[],
            &["-pthread"],
            |call, _| has(call, "-Xclang") || call.argv.ends_with(&["-o".into(), "-pthread".into()]),
            "a value of another option, which they take out of its hands",
        ),
        row(&[], &[""], any, "an empty argument, which they lose: `-include \"\" -o a.o` then includes `-o`"),
        row(
            &[],
            &["-fno-strict-overflow", "-fstack-protector", "-pthread"],
            |_, ours| ours.kind == Kind::Query,
            "a question is asked as it was",
        ),
    ]
}
