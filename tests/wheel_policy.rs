//! Manylinux and musllinux: `wheel retag --platform auto` and the rules of `wheel verify`, held against auditwheel.
//! Libraries of the system are stubs, so that every version of every machine can be needed on any machine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel::wheel::policy::{Dotted, Libc, Need};
use serde_json::Value;
use wheels::{Bench, Parts, entry, tools};

/// A library to link: its name, and the versions of it that are needed; or symbols without a version.
type Needs<'a> = &'a [(&'a str, &'a [&'a str])];

fn run(program: &str, args: &[&str], folder: &Path) {
    let out = Command::new(program).args(args).current_dir(folder).output().expect(program);
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A shared library for a machine that needs just this.
fn code(machine: &str, name: &str, needs: Needs<'_>, flags: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let target = match machine {
        "armv7l" => "--target=armv7-linux-gnueabihf".to_owned(),
        "ppc64le" => "--target=powerpc64le-linux-gnu".to_owned(),
        machine => format!("--target={machine}-linux-gnu"),
    };
    let common = [&target[..], "-fPIC", "-shared", "-nostdlib", "-fuse-ld=lld", "-Wl,--hash-style=both"];
    let module = name.split('.').next().unwrap();
    let mut source = format!("void PyInit_{module}(void) {{}}\n");
    let mut link = Vec::new();
    for (number, (library, versions)) in needs.iter().enumerate() {
        let (mut stub, mut map) = (String::new(), String::new());
        for version in *versions {
            // A version has a dot; what has none is a symbol.
            let symbol = version.replace('.', "_");
            writeln!(stub, "void {symbol}(void) {{}}").unwrap();
            writeln!(source, "void {symbol}(void); void call_{number}_{symbol}(void) {{ {symbol}(); }}")
                .unwrap();
            if symbol != *version || version.starts_with("GLIBC_") {
                writeln!(map, "{version} {{ {symbol}; }};").unwrap();
            }
        }
        fs::write(at.join("stub.c"), stub).unwrap();
        fs::write(at.join("stub.map"), &map).unwrap();
        let (file, soname) = (format!("stub{number}.so"), format!("-Wl,-soname,{library}"));
        let script = if map.is_empty() { "-Wl,--no-undefined" } else { "-Wl,--version-script=stub.map" };
        run("clang", &[&common[..], &[&soname, script, "stub.c", "-o", &file]].concat(), at);
        link.push(file);
    }
    fs::write(at.join("a.c"), source).unwrap();
    let link: Vec<&str> = link.iter().map(String::as_str).collect();
    let own = ["-Wl,--no-as-needed", "a.c", "-o", "a.so"];
    run("clang", &[&common[..], &own, &link, flags].concat(), at);
    fs::read(at.join("a.so")).unwrap()
}

/// A wheel with these files, in a folder of its own.
fn wheel(bench: &Bench, folder: &str, platform: &str, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let mut parts = Parts::new(&format!("demo-1.0-cp311-cp311-{platform}.whl"));
    for (path, content) in files {
        parts = parts.with(entry(path, content));
    }
    fs::create_dir_all(bench.at(folder)).unwrap();
    parts.sealed().write(&bench.at(folder))
}

const PLAIN: Needs<'_> = &[("libc.so.6", &["GLIBC_2.2.5"])];

/// What auditwheel says of a wheel.
fn auditwheel(wheel: &Path, flags: &[&str]) -> String {
    let out = Command::new(tools().join("auditwheel"))
        .args(["show", "--json"])
        .args(flags)
        .arg(wheel)
        .output()
        .expect("auditwheel: run tests/setup.sh");
    let told: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    told["overall_tag"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// What we say: tags, with what the report says of them.
fn auto(bench: &Bench, wheel: &Path, flags: &[&str]) -> (Vec<String>, Value) {
    let args =
        ["retag", "--platform", "auto", "--dry-run", "--json", "--out", "out", wheel.to_str().unwrap()];
    let report: Value = serde_json::from_str(&bench.done(&[&args, flags].concat())).unwrap();
    let platform = report["wheels"][0]["platform"].clone();
    let tags = platform["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned());
    (tags.collect(), platform)
}

#[test]
fn the_table_grants_what_the_policies_of_auditwheel_grant() {
    let site = fs::read_dir(tools().parent().unwrap().join("lib")).unwrap().next().unwrap().unwrap().path();
    let mut compared = 0;
    for (libc, file) in [(Libc::Glibc, "manylinux-policy.json"), (Libc::Musl, "musllinux-policy.json")] {
        let path = site.join("site-packages/auditwheel/policy").join(file);
        let text = fs::read_to_string(&path).expect("auditwheel is there: run tests/setup.sh");
        let policies: Vec<Value> = serde_json::from_str(&text).unwrap();
        let strings = |value: &Value| -> BTreeSet<String> {
            value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        // All versions of each machine and all forbidden symbols, wherever they stand.
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut libraries = BTreeSet::from(["libfoo.so.1".to_owned()]);
        let mut symbols: BTreeSet<(String, String)> = BTreeSet::new();
        for policy in &policies {
            for (machine, families) in policy["symbol_versions"].as_object().unwrap() {
                let all = versions.entry(machine.clone()).or_default();
                for (family, numbers) in families.as_object().unwrap() {
                    all.extend(strings(numbers).iter().map(|number| format!("{family}_{number}")));
                }
            }
            libraries.extend(strings(&policy["lib_whitelist"]));
            for (library, names) in policy["blacklist"].as_object().unwrap() {
                symbols.extend(strings(names).into_iter().map(|symbol| (library.clone(), symbol)));
            }
        }
        for (machine, versions) in &versions {
            let mut given = Vec::new();
            for policy in &policies {
                let Some(families) = policy["symbol_versions"].get(machine) else { continue };
                let name = policy["name"].as_str().unwrap();
                let number: Dotted = name.split_once('_').unwrap().1.replace('_', ".").parse().unwrap();
                given.push(number.clone());
                let same = |need: &Need, theirs: bool| {
                    assert_eq!(need.is_granted(libc, &number, machine), theirs, "{name} {machine}: {need}");
                };
                for version in versions {
                    let (family, rest) = version.split_once('_').unwrap();
                    let theirs = strings(&families[family]).contains(rest);
                    let need = Need::Version { version: version.clone(), library: "lib".into(), weak: false };
                    same(&need, theirs);
                    compared += 1;
                }
                for library in &libraries {
                    let theirs = strings(&policy["lib_whitelist"]).contains(library);
                    same(&Need::Library(library.clone()), theirs);
                }
                for (library, symbol) in &symbols {
                    let forbidden = policy["blacklist"].get(library);
                    let theirs = !forbidden.is_some_and(|names| strings(names).contains(symbol));
                    same(&Need::Symbol { symbol: symbol.clone(), library: library.clone() }, theirs);
                }
            }
            // Of 64-bit big-endian PowerPC, auditwheel knows one policy; PEP 600 has them all.
            if machine != "ppc64" {
                given.sort();
                assert_eq!(libc.policies(machine), given, "{machine}");
            }
        }
    }
    assert!(compared > 5000, "{compared}");
}

/// What is needed, and the policy; `linux` for none.
const ONE_EXTENSION: &[(&str, Needs<'_>, &str)] = &[
    ("x86_64", PLAIN, "manylinux_2_5"),
    ("x86_64", &[("libc.so.6", &["GLIBC_2.29"])], "manylinux_2_31"),
    ("x86_64", &[("libc.so.6", &["GLIBC_2.99"])], "linux"),
    ("x86_64", &[("libc.so.6", &["GLIBC_PRIVATE"])], "linux"),
    ("x86_64", &[("libc.so.6", &["GLIBC_ABI_DT_RELR"])], "manylinux_2_36"),
    ("x86_64", &[("libc.so.6", &[]), ("libstdc++.so.6", &["GLIBCXX_3.4.23"])], "manylinux_2_27"),
    ("x86_64", &[("libc.so.6", &[]), ("libexpat.so.1", &[])], "manylinux_2_12"),
    ("x86_64", &[("libc.so.6", &[]), ("libX11-xcb.so.1", &[])], "linux"),
    ("x86_64", &[("libc.so.6", &[]), ("libpython3.11.so.1.0", &[])], "linux"),
    ("x86_64", &[("libc.so.6", &[]), ("ld-linux-x86-64.so.2", &["GLIBC_2.3"])], "manylinux_2_5"),
    ("x86_64", &[("libc.so.6", &[]), ("libz.so.1", &["uncompress2"])], "manylinux_2_34"),
    ("x86_64", &[("libc.so.6", &[]), ("libz.so.1", &["zcfree"])], "linux"),
    ("x86_64", &[("libc.so.6", &[]), ("libz.so.1", &["PyFPE_jbuf"])], "linux"),
    ("x86_64", &[("libc.musl-x86_64.so.1", &[])], "musllinux_1_2"),
    ("x86_64", &[("libc.musl-x86_64.so.1", &[]), ("libstdc++.so.6", &[])], "linux"),
    ("i686", &[("libc.so.6", &["GLIBC_2.1.3"]), ("libgcc_s.so.1", &["GCC_7.0.0"])], "manylinux_2_26"),
    ("aarch64", &[("libc.so.6", &["__cxa_thread_atexit_impl"])], "manylinux_2_24"),
    (
        "ppc64le",
        &[("libc.so.6", &["GLIBC_2.17"]), ("libstdc++.so.6", &["GLIBCXX_LDBL_3.4.29"])],
        "manylinux_2_34",
    ),
    ("riscv64", &[("libc.so.6", &["GLIBC_2.27"])], "manylinux_2_31"),
];

#[test]
fn a_wheel_with_one_extension_has_the_tag_that_auditwheel_gives_it() {
    let bench = Bench::new();
    let wheels: Vec<_> = ONE_EXTENSION
        .iter()
        .enumerate()
        .map(|(number, (machine, needs, policy))| {
            let made = code(machine, "demo.cpython-311.so", needs, &[]);
            let files = [("demo.cpython-311.so", made)];
            (wheel(&bench, &number.to_string(), &format!("linux_{machine}"), &files), machine, needs, policy)
        })
        .collect();
    for (wheel, machine, needs, policy) in wheels {
        let expected = format!("{policy}_{machine}");
        assert_eq!(auto(&bench, &wheel, &[]).0[0], expected, "{machine} {needs:?}");
        assert_eq!(auditwheel(&wheel, &[]), expected, "{machine} {needs:?}");
    }
}

/// The paths of an extension and of the library that it needs, where the libraries are, and the policy.
const PATHS: &[(&[&str], &[&str], &str, &str)] = &[
    (&["-Wl,-rpath,$ORIGIN/../demo.libs"], &["-Wl,-rpath,$ORIGIN"], "demo.libs", "manylinux_2_28"),
    (&["-Wl,-rpath,/opt:${ORIGIN}"], &["-Wl,-rpath,$ORIGIN/."], "demo", "manylinux_2_28"),
    // What is needed through another library is not looked for on this path.
    (&["-Wl,-rpath,$ORIGIN/../demo.libs"], &[], "demo.libs", "linux"),
    (&[], &["-Wl,-rpath,$ORIGIN"], "demo", "linux"),
    (&["-Wl,-rpath,$ORIGIN/libs"], &["-Wl,-rpath,$ORIGIN"], "demo.libs", "linux"),
    (&["-Wl,-rpath,/demo.libs"], &["-Wl,-rpath,$ORIGIN"], "demo.libs", "linux"),
];

/// A wheel whose extension needs a library that needs another.
fn chained(bench: &Bench, number: usize, ours: &[&str], theirs: &[&str], place: &str) -> PathBuf {
    let extension: Needs<'_> = &[("libc.so.6", &["GLIBC_2.2.5"]), ("libfoo.so", &[])];
    let library: Needs<'_> = &[("libc.so.6", &["GLIBC_2.28"]), ("libbar.so", &[])];
    let files = [
        ("demo/demo.cpython-311.so", code("x86_64", "demo.cpython-311.so", extension, ours)),
        (&*format!("{place}/libfoo.so"), code("x86_64", "libfoo.so", library, theirs)),
        (&*format!("{place}/libbar.so"), code("x86_64", "libbar.so", PLAIN, &[])),
    ];
    wheel(bench, &number.to_string(), "linux_x86_64", &files)
}

#[test]
fn libraries_in_the_wheel_are_found_along_search_paths() {
    let bench = Bench::new();
    for (number, (ours, theirs, place, policy)) in PATHS.iter().enumerate() {
        let wheel = chained(&bench, number, ours, theirs, place);
        let (tags, report) = auto(&bench, &wheel, &[]);
        assert_eq!(tags[0], format!("{policy}_x86_64"), "{ours:?} {theirs:?}: {report}");
        assert_eq!(auditwheel(&wheel, &[]), format!("{policy}_x86_64"), "{ours:?} {theirs:?}");
    }
}

#[test]
fn an_old_path_is_given_on_to_what_is_loaded() {
    let bench = Bench::new();
    let ours = ["-Wl,-rpath,$ORIGIN/../demo.libs", "-Wl,--disable-new-dtags"];
    let wheel = chained(&bench, 0, &ours, &[], "demo.libs");
    // ld.so(8): DT_RPATH counts for all children, DT_RUNPATH for direct ones. auditwheel looks at each library alone.
    assert_eq!(auto(&bench, &wheel, &[]).0[0], "manylinux_2_28_x86_64");
    assert_eq!(auditwheel(&wheel, &[]), "linux_x86_64");
}

#[test]
fn a_renamed_copy_in_the_wheel_brings_its_versions_and_a_copy_by_the_same_name_does_not() {
    let bench = Bench::new();
    for (library, expected) in
        [("libstdc++-0f1e.so.6", "manylinux_2_5"), ("libstdc++.so.6", "manylinux_2_35")]
    {
        let needs: Needs<'_> = &[("libc.so.6", &["GLIBC_2.2.5"]), (library, &["GLIBCXX_3.4.30"])];
        let files = [
            (
                "demo.cpython-311.so",
                code("x86_64", "demo.cpython-311.so", needs, &["-Wl,-rpath,$ORIGIN/libs"]),
            ),
            (&*format!("libs/{library}"), code("x86_64", "libstdcxx.so", PLAIN, &[])),
        ];
        let wheel = wheel(&bench, library, "linux_x86_64", &files);
        assert_eq!(auto(&bench, &wheel, &[]).0[0], format!("{expected}_x86_64"));
        // auditwheel, which never renames this one, counts both.
        assert_eq!(auditwheel(&wheel, &[]), "manylinux_2_35_x86_64");
    }
}

#[test]
fn an_instruction_set_level_speaks_against_every_policy_unless_it_is_allowed() {
    let bench = Bench::new();
    // GNU's linker has an option for the marker.
    let flags = ["-fuse-ld=bfd", "-Wl,-z,x86-64-v3"];
    let files = [("demo.cpython-311.so", code("x86_64", "demo.cpython-311.so", PLAIN, &flags))];
    let wheel = wheel(&bench, "demo", "linux_x86_64", &files);
    let (tags, report) = auto(&bench, &wheel, &[]);
    assert_eq!(tags, ["linux_x86_64"]);
    assert_eq!(report["verdict"]["reasons"][0]["need"], "asks for x86-64-v3");
    assert_eq!(auditwheel(&wheel, &[]), "linux_x86_64");
    let (tags, _) = auto(&bench, &wheel, &["--allow-isa"]);
    assert_eq!(tags, ["manylinux_2_5_x86_64", "manylinux1_x86_64"]);
    assert_eq!(auditwheel(&wheel, &["--disable-isa-ext-check"]), "manylinux_2_5_x86_64");
}

#[test]
fn the_new_wheel_has_both_names_of_its_policy_and_is_told_why_it_has_none() {
    let bench = Bench::new();
    let needs: Needs<'_> = &[("libc.so.6", &["GLIBC_2.17"])];
    let files = [("demo.cpython-311.so", code("x86_64", "demo.cpython-311.so", needs, &[]))];
    let good = wheel(&bench, "good", "linux_x86_64", &files);
    bench.done(&["retag", "--platform", "auto", "--out", "out", good.to_str().unwrap()]);
    let name = "demo-1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl";
    assert_eq!(bench.list("out"), [name]);
    bench.tool(&["auditwheel", "show", &format!("out/{name}")]);
    // A second time, nothing changes: it was the policy that it earned.
    bench.done(&["retag", "--platform", "auto", "--in-place", &format!("out/{name}")]);
    assert_eq!(bench.list("out"), [name]);

    let needs: Needs<'_> = &[("libc.so.6", &[]), ("libhip.so.7", &[])];
    let files = [("demo.cpython-311.so", code("x86_64", "demo.cpython-311.so", needs, &[]))];
    let poor = wheel(&bench, "poor", "linux_x86_64", &files);
    let out = bench.run(&["retag", "--platform", "auto", "--in-place", poor.to_str().unwrap()]);
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success());
    assert!(told.contains("meets no manylinux policy"), "{told}");
    assert!(told.contains("demo.cpython-311.so needs libhip.so.7, which is not in the wheel"), "{told}");
}

#[test]
fn a_wheel_that_does_not_tell_its_platform_is_refused_and_one_without_code_is_for_any() {
    let bench = Bench::new();
    let refused = |platform: &str, files: &[(&str, Vec<u8>)]| {
        let wheel = wheel(&bench, platform, platform, files);
        bench.refused(&["retag", "--platform", "auto", "--out", "out", wheel.to_str().unwrap()], 1)
    };
    let file = |machine| code(machine, "demo.so", PLAIN, &[]);
    assert!(refused("macosx_11_0_arm64", &[]).contains("is tagged macosx_11_0_arm64"));
    assert!(refused("linux_aarch64", &[("demo.so", file("x86_64"))]).contains("holds no code for it"));
    let both = [("a.so", file("x86_64")), ("b.so", file("aarch64"))];
    assert!(refused("any", &both).contains("is for several machines: aarch64, x86_64"));
    assert!(refused("linux_x86_64", &[("demo.pyd", b"MZ and so on".to_vec())]).contains("no code for Linux"));
    let bare = wheel(&bench, "bare", "any", &[("demo.py", b"pass\n".to_vec())]);
    assert_eq!(auto(&bench, &bare, &[]).0, ["any"]);
    // What the name says of musl stands; there is none who could know better.
    let needs: Needs<'_> = &[("libc.musl-x86_64.so.1", &[])];
    let musl = [("demo.so", code("x86_64", "demo.so", needs, &[]))];
    let musl = wheel(&bench, "musl", "musllinux_1_1_x86_64", &musl);
    assert_eq!(auto(&bench, &musl, &[]).0, ["musllinux_1_1_x86_64"]);
}

/// The policy findings of a wheel: code, severity and member.
fn found(bench: &Bench, wheel: &Path) -> Vec<String> {
    let out = bench.run(&["verify", "--json", wheel.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    let findings = report["wheels"][0]["findings"].as_array().unwrap();
    let faults = findings.iter().any(|finding| finding["severity"] == "fault");
    assert_eq!(out.status.code(), Some(i32::from(faults)));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|one| {
            [text(one, "severity"), text(one, "code"), text(one, "member"), text(one, "what")].join(" ")
        })
        .collect()
}

#[test]
fn verify_holds_the_files_against_the_oldest_policy_of_the_tag() {
    let bench = Bench::new();
    let new: Needs<'_> = &[
        ("libc.so.6", &["GLIBC_2.2.5", "GLIBC_2.28"]),
        ("libstdc++.so.6", &["GLIBCXX_3.4.21", "GLIBCXX_3.4.11"]),
        ("libz.so.1", &["zcfree"]),
        ("libhip.so.7", &[]),
    ];
    let marked = ["-fuse-ld=bfd", "-Wl,-z,x86-64-v3"];
    let name = "demo.cpython-311.so";
    let new = code("x86_64", name, new, &marked);
    let promise = "manylinux2014_x86_64.manylinux_2_28_x86_64";
    let old = wheel(&bench, "old", promise, &[(name, new.clone())]);
    assert_eq!(
        found(&bench, &old),
        [
            format!(
                "fault policy-glibc {name} needs GLIBC_2.28, which is newer than manylinux2014_x86_64 allows"
            ),
            format!(
                "note policy-version {name} needs GLIBCXX_3.4.21, which is newer than manylinux2014_x86_64 allows"
            ),
            format!(
                "note policy-library {name} needs libhip.so.7: neither in the wheel nor allowed by manylinux2014_x86_64"
            ),
            format!(
                "note policy-symbol {name} uses zcfree of libz.so.1, which manylinux2014_x86_64 does not allow"
            ),
            format!("note policy-level {name} asks for x86-64-v3, and manylinux2014_x86_64 does not"),
        ]
    );
    // What promises nothing is not held to anything.
    let plain = wheel(&bench, "plain", "linux_x86_64", &[(name, new.clone())]);
    assert_eq!(found(&bench, &plain), Vec::<String>::new());
    // A plugin beside files that are loaded is for those who have what it needs; what an extension needs is for all.
    let needs: Needs<'_> = &[("libc.so.6", &["GLIBC_2.28"])];
    let plugin = code("x86_64", "libplugin.so", needs, &[]);
    for (linked, severity) in [(false, "note policy-version"), (true, "fault policy-glibc")] {
        let needs: Needs<'_> = &[("libc.so.6", &["GLIBC_2.2.5"]), ("libplugin.so", &[])];
        let needs = if linked { needs } else { PLAIN };
        let extension = code("x86_64", name, needs, &["-Wl,-rpath,$ORIGIN"]);
        let files = [(name, extension), ("libplugin.so", plugin.clone())];
        let made = wheel(&bench, severity, promise, &files);
        let found = found(&bench, &made);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{severity} libplugin.so")), "{found:?}");
    }
    let alone = wheel(&bench, "alone", promise, &[("libplugin.so", plugin)]);
    assert!(found(&bench, &alone)[0].starts_with("fault policy-glibc"));
}
