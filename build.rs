//! Builds the shim and leaves its path to the library, which embeds it: `cargo build` and `cargo install` then
//! give one program that needs nothing beside it.
//!
//! The shim is built by a cargo of its own, because it needs another target (musl, so that it starts without a
//! dynamic loader), another profile (`shim`: cargo refuses `lto` per package) and other code generation than the
//! command line. It must never be built with what a tool around this cargo asks for (clippy as the compiler, a
//! fuzzer's sanitizers), so those variables are taken away.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Code generation of the shim: a static program at a fixed address starts fastest, and one whose code and
/// constants lie in one segment maps and faults in less (13 microseconds a call).
const STATIC: &[&str] = &[
    "-C",
    "relocation-model=static",
    "-C",
    "target-feature=+crt-static",
    "-C",
    "link-arg=-Wl,-z,noseparate-code",
];

/// Variables that would make the inner cargo build something else.
const FOREIGN: &[&str] = &[
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "LLVM_PROFILE_FILE",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

fn main() {
    for path in ["build.rs", "Cargo.lock", "Cargo.toml", "wrappers/Cargo.toml", "wrappers/src"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let musl = format!("{}-unknown-linux-musl", variable("CARGO_CFG_TARGET_ARCH"));
    let (target, flags) = if has_standard_library(&musl) {
        (musl, STATIC)
    } else {
        println!(
            "cargo:warning=the target {musl} is not installed, so the shim is built for the host and every \
             compile starts about a millisecond later; `rustup target add {musl}` makes it faster"
        );
        (variable("TARGET"), &[][..])
    };
    // All that the shim needs was fetched for this very build; the network is asked only if it was not.
    let built =
        build(&root, &out, &target, flags, true).or_else(|_| build(&root, &out, &target, flags, false));
    match built {
        Ok(shim) => println!("cargo:rustc-env=CROSSWHEEL_SHIM={}", shim.display()),
        Err(output) => {
            eprintln!("{output}");
            println!("cargo:warning=the shim could not be built for {target}; its errors are above");
            std::process::exit(1);
        }
    }
}

/// Runs the inner cargo; its messages if it fails.
fn build(root: &Path, out: &Path, target: &str, flags: &[&str], offline: bool) -> Result<PathBuf, String> {
    let folder = out.join("shim");
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--package", "crosswheel-shim", "--bin", "crosswheel-shim", "--profile", "shim"]);
    cargo.arg("--target").arg(target).arg("--target-dir").arg(&folder);
    cargo.arg("--manifest-path").arg(root.join("Cargo.toml"));
    if root.join("Cargo.lock").is_file() {
        cargo.arg("--locked");
    }
    if offline {
        cargo.arg("--offline");
    }
    for name in FOREIGN {
        cargo.env_remove(name);
    }
    // Cargo parts these with the unit separator, and prefers them to every other source of flags.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let output = cargo
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| format!("cannot start {}: {source}", variable("CARGO")))?;
    let shim = folder.join(target).join("shim/crosswheel-shim");
    if output.status.success() && shim.is_file() {
        Ok(shim)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Whether this compiler can build for a target: its standard library is there.
fn has_standard_library(target: &str) -> bool {
    let rustc =
        Command::new(variable("RUSTC")).args(["--print", "target-libdir", "--target", target]).output();
    rustc.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && !folder.is_empty() && Path::new(&folder).is_dir()
    })
}

/// A variable that cargo always sets for a build script.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo did not set {name}"))
}
