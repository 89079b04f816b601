//! What a wheel of a family must be: its machine and its level.

use crosswheel_shim::elf::Machine;
use crosswheel_shim::plan::Role;

use crate::capture::Session;
use crate::elf;
use crate::toolchain::cross::BUILD_COMPILERS;
use crate::topology::{Family, Level};

/// What is expected of every ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// What must run it; `None` if that is not known, and not checked.
    pub machine: Option<Machine>,
    /// The x86-64 level of the family; `None` if it has none.
    pub level: Option<u8>,
    /// Whether it is for other systems than the one that builds, on which no folder of this one means anything.
    pub elsewhere: bool,
}

impl Expected {
    /// What the topology says of a family, in a session for it.
    #[must_use]
    pub fn family(family: &Family, session: &Session) -> Self {
        // For the host, the compiler knows better than a name such as `powerpc64`, of two byte orders.
        let named = || elf::of_triple(&family.target.machine);
        let machine = if family.target.is_host() { Self::of(session).machine } else { named() };
        let elsewhere = family.libc_version.is_some() || Self::of(session).elsewhere;
        Self { machine, level: family.level.map(Level::number), elsewhere }
    }

    /// What a session was set up for, by its own words: the level in the family's name, and the machine
    /// of its compiler.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let level = session.family.strip_prefix("x86-64-v").and_then(|level| level.parse().ok());
        let compilers =
            || session.tools.iter().filter(|tool| matches!(tool.role, Some(Role::Cc | Role::Cxx)));
        // A session may have compilers for several machines; `cc` is the one that builds ask for.
        let plain = compilers().find(|tool| matches!(tool.name.as_str(), "cc" | "gcc" | "clang"));
        let triple = plain.or_else(|| compilers().next()).and_then(|tool| tool.machine.as_deref());
        let machine =
            if level.is_some() { elf::of_triple("x86_64") } else { triple.and_then(elf::of_triple) };
        // Only a cross compiler leaves this machine's own a name.
        let own = |name: &str| BUILD_COMPILERS.iter().any(|(build, ..)| *build == name);
        let elsewhere = session.tools.iter().any(|tool| own(&tool.name));
        Self { machine, level, elsewhere }
    }
}

/// Platform tags in the name of a wheel (PyPA, binary distribution format); `None` if it is no such name.
pub(super) fn platforms(wheel: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = wheel.strip_suffix(".whl")?.split('-').collect();
    matches!(parts.len(), 5 | 6).then(|| parts[parts.len() - 1].split('.').collect())
}

/// The machine of a platform tag; `None` for `any`, and where none is named that is known.
pub(crate) fn of_platform(tag: &str) -> Option<Machine> {
    // PEP 776 and 783: `emscripten_3_1_58_wasm32`, `pyodide_2024_0_wasm32`, `pyemscripten_2026_0_wasm32`.
    let emscripten =
        ["emscripten_", "pyodide_", "pyemscripten_"].iter().any(|prefix| tag.starts_with(prefix));
    if emscripten {
        return elf::of_triple(tag.rsplit('_').next().unwrap_or_default());
    }
    let rest = tag.strip_prefix("linux_").or_else(|| {
        let versioned = ["manylinux_", "musllinux_"].iter().find_map(|prefix| tag.strip_prefix(prefix));
        let legacy = ["manylinux1_", "manylinux2010_", "manylinux2014_"]
            .iter()
            .find_map(|prefix| tag.strip_prefix(prefix));
        versioned.and_then(|rest| rest.splitn(3, '_').nth(2)).or(legacy)
    })?;
    elf::of_triple(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_tags_name_their_machine() {
        for (tag, machine) in [
            ("linux_x86_64", Some("x86_64")),
            ("manylinux_2_17_x86_64", Some("x86_64")),
            ("manylinux2014_aarch64", Some("aarch64")),
            ("musllinux_1_2_armv7l", Some("armv7l")),
            ("manylinux1_i686", Some("i686")),
            ("emscripten_3_1_58_wasm32", Some("wasm32")),
            ("pyodide_2024_0_wasm32", Some("wasm32")),
            ("any", None),
            ("macosx_11_0_arm64", None),
            ("manylinux_2_17", None),
        ] {
            assert_eq!(of_platform(tag).map(elf::name).as_deref(), machine, "{tag}");
        }
    }

    #[test]
    fn only_names_of_wheels_have_platforms() {
        assert_eq!(platforms("a-1-py3-none-any.whl"), Some(vec!["any"]));
        let both = platforms("a-1-1b-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
        assert_eq!(both, Some(vec!["manylinux_2_17_x86_64", "manylinux2014_x86_64"]));
        for wrong in ["a.whl", "a-1-py3-none-any.zip", "a-b-c-d-e-f-g.whl"] {
            assert_eq!(platforms(wrong), None, "{wrong}");
        }
    }
}
