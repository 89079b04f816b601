//! Names of tools, and how the make of a compiler is known.

use std::process::Command;

use crosswheel::toolchain::{NameMatch, Toolchains};
use crosswheel_shim::plan::{Dialect, Role};

fn toolchains() -> Toolchains {
    Toolchains::builtin().expect("sound")
}

#[test]
fn a_name_may_carry_a_triplet_and_a_version() {
    use Dialect::{Ar, Clang, Gcc, Ld, Plain};
    // name, base, role, dialect, triplet, version
    type Row = (&'static str, &'static str, Role, Option<Dialect>, &'static str, &'static str);
    let rows: &[Row] = &[
        ("cc", "cc", Role::Cc, None, "", ""),
        ("c++", "c++", Role::Cxx, None, "", ""),
        ("c99", "c99", Role::Cc, None, "", ""),
        ("gcc", "gcc", Role::Cc, Some(Gcc), "", ""),
        ("gcc-12", "gcc", Role::Cc, Some(Gcc), "", "12"),
        ("g++-4.8", "g++", Role::Cxx, Some(Gcc), "", "4.8"),
        ("clang++-15", "clang++", Role::Cxx, Some(Clang), "", "15"),
        ("clang-cpp-14", "clang-cpp", Role::Cpp, Some(Clang), "", "14"),
        ("cpp", "cpp", Role::Cpp, None, "", ""),
        ("gfortran", "gfortran", Role::Fortran, Some(Gcc), "", ""),
        ("hipcc", "hipcc", Role::Hip, Some(Clang), "", ""),
        ("ld.bfd", "ld.bfd", Role::Ld, Some(Ld), "", ""),
        ("ld.lld-14", "ld.lld", Role::Ld, Some(Ld), "", "14"),
        ("gcc-ar", "gcc-ar", Role::Ar, Some(Ar), "", ""),
        ("gcc-ar-12", "gcc-ar", Role::Ar, Some(Ar), "", "12"),
        ("llvm-ranlib-14", "llvm-ranlib", Role::Ranlib, Some(Plain), "", "14"),
        ("objcopy", "objcopy", Role::Objcopy, Some(crosswheel_shim::plan::Dialect::Objcopy), "", ""),
        ("ccache", "ccache", Role::Launcher, Some(Plain), "", ""),
        ("x86_64-linux-gnu-gcc", "gcc", Role::Cc, Some(Gcc), "x86_64-linux-gnu", ""),
        ("x86_64-linux-gnu-gcc-12", "gcc", Role::Cc, Some(Gcc), "x86_64-linux-gnu", "12"),
        ("x86_64-linux-gnu-gcc-ar", "gcc-ar", Role::Ar, Some(Ar), "x86_64-linux-gnu", ""),
        ("x86_64-linux-gnu-gcc-nm-12", "gcc-nm", Role::Nm, Some(Plain), "x86_64-linux-gnu", "12"),
        ("x86_64-linux-gnu-ld.bfd", "ld.bfd", Role::Ld, Some(Ld), "x86_64-linux-gnu", ""),
        ("x86_64-conda-linux-gnu-c++", "c++", Role::Cxx, None, "x86_64-conda-linux-gnu", ""),
        ("aarch64-linux-gnu-g++", "g++", Role::Cxx, Some(Gcc), "aarch64-linux-gnu", ""),
        ("x86_64-w64-mingw32-gcc", "gcc", Role::Cc, Some(Gcc), "x86_64-w64-mingw32", ""),
    ];
    let toolchains = toolchains();
    for (name, base, role, dialect, prefix, version) in rows {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let expected = NameMatch {
            base: (*base).to_owned(),
            role: *role,
            dialect_hint: *dialect,
            prefix: some(prefix),
            version: some(version),
        };
        assert_eq!(toolchains.classify_name(name), Some(expected), "{name}");
    }
}

#[test]
fn names_that_only_look_like_a_tool_are_not_taken() {
    let toolchains = toolchains();
    for name in [
        "",
        "-",
        "gcc-",
        "-gcc",
        "c++filt",
        "my-own-gcc",
        "linux-gnu-gcc",
        "x86_64-gcc",
        "gcc-12x",
        "gcc-ar-",
        "mygcc",
        "clang-format",
        "clang-tidy-14",
        "ld.so",
        "ldd",
        "gcov",
        "x86_64-linux-gnu-",
        "x86_64--gnu-gcc",
        "gcc-12-",
        "python3-config",
        "as-12.x",
        "cmake",
        "ccache-swig",
    ] {
        assert_eq!(toolchains.classify_name(name), None, "{name}");
    }
}

#[test]
fn launchers_are_the_tools_that_run_a_compiler_given_to_them() {
    assert_eq!(toolchains().launcher_names(), ["ccache", "distcc", "sccache"]);
}

#[test]
fn the_installed_tools_are_recognised_by_what_they_say() {
    let toolchains = toolchains();
    let rows = [
        ("gcc", Dialect::Gcc),
        ("g++", Dialect::Gcc),
        ("gfortran", Dialect::Gcc),
        ("clang", Dialect::Clang),
        ("clang++", Dialect::Clang),
        ("ld", Dialect::Ld),
        ("ld.gold", Dialect::Ld),
        ("ld.lld", Dialect::Ld),
        ("ar", Dialect::Ar),
    ];
    for (tool, dialect) in rows {
        let out = Command::new(tool).arg("--version").output().unwrap_or_else(|e| panic!("{tool}: {e}"));
        let text = String::from_utf8_lossy(&out.stdout);
        assert_eq!(toolchains.recognise(&text), Some(dialect), "{tool}: {text}");
    }
}

#[test]
fn compilers_of_other_makers_are_recognised_by_what_they_say() {
    let toolchains = toolchains();
    let rows = [
        (
            "x86_64-conda-linux-gnu-cc (conda-forge gcc 13.3.0-1) 13.3.0\nCopyright (C) 2023 Free Software Foundation, Inc.",
            Some(Dialect::Gcc),
        ),
        (
            "GNU Fortran (Debian 12.2.0-14) 12.2.0\nCopyright (C) 2022 Free Software Foundation, Inc.",
            Some(Dialect::Gcc),
        ),
        (
            "Apple clang version 15.0.0 (clang-1500.1.0.2.5)\nTarget: arm64-apple-darwin23.1.0",
            Some(Dialect::Clang),
        ),
        (
            "HIP version: 5.2.21153-0\nUbuntu clang version 15.0.6\nTarget: x86_64-pc-linux-gnu",
            Some(Dialect::Clang),
        ),
        (
            "AMD clang version 17.0.0 (https://github.com/RadeonOpenCompute/llvm-project)",
            Some(Dialect::Clang),
        ),
        ("GNU strip (GNU Binutils for Debian) 2.40\nCopyright (C) 2023 Free Software Foundation, Inc.", None),
        ("tcc version 0.9.27 (x86_64 Linux)", None),
        ("", None),
    ];
    for (text, dialect) in rows {
        assert_eq!(toolchains.recognise(text), dialect, "{text}");
    }
}

#[test]
fn the_record_shows_no_variable_that_may_hold_a_secret() {
    let allowed = toolchains().env_allow();
    assert!(allowed.iter().any(|name| name == "SOURCE_DATE_EPOCH"));
    assert!(allowed.is_sorted());
    for name in allowed {
        for word in [
            "TOKEN",
            "SECRET",
            "PASSWORD",
            "KEY",
            "REMOTE",
            "REDIS",
            "S3",
            "AWS",
            "CREDENTIAL",
            "PROXY",
            "INDEX",
        ] {
            assert!(!name.contains(word), "{name} may hold a secret");
        }
    }
}
