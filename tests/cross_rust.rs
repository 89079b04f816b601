//! Extension modules in Rust for another machine: what cargo, rustc and the crates that call C compilers are told.

mod build_support;

use std::process::Command;

use build_support::Home;

/// Debian's compiler links for the glibc of its own release.
const FAMILY: &str = "aarch64-linux-gnu.2.36";
const WHEEL: &str = "tiny-1.0-cp311-cp311-manylinux_2_36_aarch64.whl";
const ARGS: [&str; 8] = ["./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];

/// A build script that runs here, and calls the C compiler as the crate `cc` does.
const SCRIPT: &str = r#"
use std::{env, process::Command};
fn main() {
    let out = env::var("OUT_DIR").unwrap();
    let target = env::var("TARGET").unwrap();
    let of_target = |name: &str| env::var(format!("{name}_{}", target.replace('-', "_"))).unwrap();
    let object = format!("{out}/part.o");
    let run = |tool: String, args: &[&str]| assert!(Command::new(tool).args(args).status().unwrap().success());
    run(of_target("CC"), &["-fPIC", "-c", "src/part.c", "-o", &object]);
    run(of_target("AR"), &["rcs", &format!("{out}/libpart.a"), &object]);
    assert_eq!(env::var("HOST_CC").unwrap(), "build-cc");
    println!("cargo::rustc-link-search=native={out}");
    println!("cargo::rustc-link-lib=static=part");
}
"#;

const PLAN: &str = r"
import os, subprocess
def build():
    target = os.environ['CARGO_BUILD_TARGET']
    subprocess.check_call(['cargo', 'build', '--release', '--offline'])
    with open('target/%s/release/libtiny.so' % target, 'rb') as f:
        return {'tiny/ext.so': f.read()}
";

#[test]
fn a_module_is_linked_by_the_targets_compiler_and_a_build_script_by_this_machines() {
    let home = Home::new();
    home.package("pkg", PLAN);
    home.write(
        "pkg/Cargo.toml",
        "[package]\nname = \"tiny\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n",
    );
    home.write("pkg/build.rs", SCRIPT);
    home.write("pkg/src/part.c", "int part(void) { return 42; }\n");
    home.write(
        "pkg/src/lib.rs",
        "extern \"C\" { fn part() -> i32; }\n#[no_mangle]\npub extern \"C\" fn whole() -> i32 { unsafe { part() } }\n",
    );
    home.build(&ARGS).good().says(WHEEL).says("1 of 1 ELF files made by a recorded call");
    let log = home.path(&format!("out/{FAMILY}/log"));
    let mut list = home.crosswheel(&["log", "ls", "--kind", "link"]);
    let listed = list.arg(&log).output().expect("started");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("build-cc") && listed.contains("libtiny.so"), "{listed}");
    let (folder, wheel) = (home.path("wheel"), home.path(&format!("out/{FAMILY}/{WHEEL}")));
    assert!(
        Command::new("unzip").arg("-q").arg(wheel).arg("-d").arg(&folder).status().expect("unzip").success()
    );
    let readelf =
        Command::new("readelf").arg("-h").arg(folder.join("tiny/ext.so")).output().expect("readelf");
    assert!(String::from_utf8_lossy(&readelf.stdout).contains("AArch64"));
}

#[test]
fn a_target_that_rustc_lacks_is_named_with_how_to_get_it() {
    let home = Home::new();
    let said = "note: the `aarch64-unknown-linux-gnu` target may not be installed";
    home.package(
        "pkg",
        &format!("def build():\n    print(\"{said}\", flush=True)\n    raise SystemExit(1)\n"),
    );
    home.build(&ARGS)
        .fails(1)
        .says(
            "error: rustc has no standard library for aarch64-unknown-linux-gnu; build_wheel of the backend",
        )
        .says("hint: `rustup target add aarch64-unknown-linux-gnu`");
}
