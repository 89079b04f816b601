//! Symbols that a product takes from a C library newer than its tag says, and that carry no version by which a policy
//! could tell: a static library of a system root was compiled against that root's C library, and a cross compiler that
//! links for an older one leaves what it does not know to the loader. Such a module builds, and cannot be imported.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::System;
use crate::elf::{Dynamic, exports};
use crate::topology::{Family, LibcVersion};

/// The libraries of glibc that products use.
const LIBRARIES: [&str; 3] = ["libc.so.6", "libc.so.6.1", "libm.so.6"];

/// Symbols of the root's glibc that are newer than the family's, with the version that they came in.
#[must_use]
pub fn symbols(system: &System, family: &Family, multiarch: &str) -> BTreeMap<String, LibcVersion> {
    let Some(asked) = family.libc_version.filter(|_| family.target.libc == "gnu") else {
        return BTreeMap::new();
    };
    let folders = ["usr/lib", "lib", "usr/lib64", "lib64"];
    let places = folders.iter().flat_map(|folder| [Path::new(folder).join(multiarch), folder.into()]);
    let mut out = BTreeMap::new();
    for place in places.flat_map(|place| LIBRARIES.map(|name| system.root.join(&place).join(name))) {
        let Ok(bytes) = fs::read(&place) else { continue };
        for (symbol, versions) in exports::versioned(&*bytes) {
            // One that came early may have later versions, too; those of no number (GLIBC_PRIVATE) are nobody's.
            let since = versions.iter().filter_map(|version| number(version)).min();
            if let Some(since) = since.filter(|since| *since > asked) {
                out.insert(symbol, since);
            }
        }
    }
    out
}

/// The first two numbers of such as `GLIBC_2.2.5`.
fn number(version: &str) -> Option<LibcVersion> {
    let mut numbers = version.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some(LibcVersion(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Which of them an ELF file needs: sorted by name.
#[must_use]
pub fn used(newer: &BTreeMap<String, LibcVersion>, elf: &[u8]) -> Vec<(String, LibcVersion)> {
    let undefined = Dynamic::read(elf).unwrap_or_default().undefined.into_iter();
    undefined.filter_map(|name| newer.get(&name).copied().map(|since| (name, since))).collect()
}
