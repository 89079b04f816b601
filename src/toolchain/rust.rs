//! What cargo, rustc and the crates that call C compilers are told of the target: in the environment, since each reads
//! another name of its own. Pure.
//!
//! Sources: cargo's manual, "Environment Variables" and "Configuration"; the manual of the crate `cc`, "External
//! configuration via environment variables".

use std::ffi::OsString;

use super::cross::{BUILD_COMPILERS, Machine};
use crate::environment as vars;

/// Variables for a target. Build scripts and procedural macros are for this machine, and so are linked by its own compiler.
#[must_use]
pub fn variables(machine: &Machine) -> Vec<(OsString, Option<OsString>)> {
    let target = &machine.rust;
    let mut all = vec![
        (vars::CARGO_BUILD_TARGET.to_owned(), target.clone()),
        (of_cargo(target, "LINKER"), "cc".to_owned()),
    ];
    for (variable, name) in [("AR", "ar"), ("CC", "cc"), ("CXX", "c++")] {
        all.push((format!("{variable}_{}", target.replace('-', "_")), name.to_owned()));
    }
    // rustc links a C library that is musl statically, unless it is told, and then makes no library that Python can load.
    if target.contains("-musl") {
        all.push((of_cargo(target, "RUSTFLAGS"), "-Ctarget-feature=-crt-static".to_owned()));
    }
    let [(cxx, ..), (cc, ..)] = BUILD_COMPILERS;
    all.extend([(vars::HOST_CC.to_owned(), cc.to_owned()), (vars::HOST_CXX.to_owned(), cxx.to_owned())]);
    for host in hosts().filter(|host| host != target) {
        all.push((of_cargo(&host, "LINKER"), cc.to_owned()));
    }
    all.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect()
}

/// A setting of cargo for one target.
fn of_cargo(target: &str, setting: &str) -> String {
    format!("CARGO_TARGET_{}_{setting}", target.to_uppercase().replace(['-', '.'], "_"))
}

/// How rustc may call this machine.
fn hosts() -> impl Iterator<Item = String> {
    ["gnu", "musl"].iter().map(|libc| format!("{}-unknown-linux-{libc}", std::env::consts::ARCH))
}
