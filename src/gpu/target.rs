//! Target IDs of AMD GPUs (LLVM, `AMDGPUUsage`, "Target ID"): a processor and what it must have switched on or off.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

/// A target such as `gfx942` or `gfx90a:sramecc+:xnack-`. Sorted by the number of the processor, not by its spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target(String);

/// Processors by the number in the flags of a code object (LLVM, `AMDGPUUsage`, "AMDGPU `EF_AMDGPU_MACH` Values").
const PROCESSORS: &[(u32, &str)] = &[
    (0x20, "gfx600"),
    (0x21, "gfx601"),
    (0x22, "gfx700"),
    (0x23, "gfx701"),
    (0x24, "gfx702"),
    (0x25, "gfx703"),
    (0x26, "gfx704"),
    (0x28, "gfx801"),
    (0x29, "gfx802"),
    (0x2a, "gfx803"),
    (0x2b, "gfx810"),
    (0x2c, "gfx900"),
    (0x2d, "gfx902"),
    (0x2e, "gfx904"),
    (0x2f, "gfx906"),
    (0x30, "gfx908"),
    (0x31, "gfx909"),
    (0x32, "gfx90c"),
    (0x33, "gfx1010"),
    (0x34, "gfx1011"),
    (0x35, "gfx1012"),
    (0x36, "gfx1030"),
    (0x37, "gfx1031"),
    (0x38, "gfx1032"),
    (0x39, "gfx1033"),
    (0x3a, "gfx602"),
    (0x3b, "gfx705"),
    (0x3c, "gfx805"),
    (0x3d, "gfx1035"),
    (0x3e, "gfx1034"),
    (0x3f, "gfx90a"),
    (0x40, "gfx940"),
    (0x41, "gfx1100"),
    (0x42, "gfx1013"),
    (0x43, "gfx1150"),
    (0x44, "gfx1103"),
    (0x45, "gfx1036"),
    (0x46, "gfx1101"),
    (0x47, "gfx1102"),
    (0x48, "gfx1200"),
    (0x49, "gfx1250"),
    (0x4a, "gfx1151"),
    (0x4b, "gfx941"),
    (0x4c, "gfx942"),
    (0x4e, "gfx1201"),
    (0x4f, "gfx950"),
    (0x51, "gfx9-generic"),
    (0x52, "gfx10-1-generic"),
    (0x53, "gfx10-3-generic"),
    (0x54, "gfx11-generic"),
    (0x55, "gfx1152"),
    (0x58, "gfx1153"),
    (0x59, "gfx12-generic"),
    (0x5a, "gfx1251"),
    (0x5f, "gfx9-4-generic"),
];

impl Target {
    /// From the ID of an entry of a bundle, such as `hipv4-amdgcn-amd-amdhsa--gfx942:xnack+`: `None` for the host's. The
    /// error says what is wrong.
    pub(super) fn of_entry(id: &str) -> Result<Option<Self>, String> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("`{}` is no ID of a code object", id.escape_debug()));
        }
        if id == "host" || id.starts_with("host-") {
            return Ok(None);
        }
        // Processors may hold `-` themselves (gfx9-generic), and triples have three or four parts.
        let target = match (id.rfind("-gfx"), id.rfind("--")) {
            (Some(at), _) => &id[at + 1..],
            (None, Some(at)) => &id[at + 2..],
            (None, None) => id,
        };
        Ok(Some(Self(if target.is_empty() { id } else { target }.to_owned())))
    }

    /// From the header of a code object: its flags and the version of its ABI. `None` if they do not tell it.
    pub(super) fn of_flags(flags: u32, abi: u8) -> Option<Self> {
        // Code object V2 tells its target in a note.
        if abi == 0 {
            return None;
        }
        let number = flags & 0xff;
        let processor = PROCESSORS.iter().find(|row| row.0 == number)?.1;
        let (sramecc, xnack) = if abi == 1 {
            // Code object V3: one bit each, on or any.
            (if flags & 0x200 != 0 { "+" } else { "" }, if flags & 0x100 != 0 { "+" } else { "" })
        } else {
            let sign = |bits: u32| ["", "", "-", "+"][bits as usize & 3];
            (sign(flags >> 10), sign(flags >> 8))
        };
        let mut text = processor.to_owned();
        for (name, sign) in [("sramecc", sramecc), ("xnack", xnack)] {
            if !sign.is_empty() {
                text.extend([":", name, sign]);
            }
        }
        Some(Self(text))
    }

    /// As tools spell it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The processor alone.
    #[must_use]
    pub fn processor(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// Major, minor and stepping are a decimal number and two digits, the last of which may be a letter; a generic
    /// processor stands behind the others of its major.
    fn order(&self) -> (u32, &str) {
        let digits = self.processor().strip_prefix("gfx").unwrap_or_default();
        let (major, rest) = match digits.split_once('-') {
            Some((major, _)) => (major, digits),
            None => digits.split_at_checked(digits.len().wrapping_sub(2)).unwrap_or((digits, "")),
        };
        (major.parse().unwrap_or(u32::MAX), rest)
    }
}

impl Ord for Target {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((one, rest), (two, other_rest)) = (self.order(), other.order());
        let generic = |target: &Self| target.processor().contains('-');
        one.cmp(&two)
            .then(generic(self).cmp(&generic(other)))
            .then(rest.cmp(other_rest))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Target {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_behind_kind_and_triple() {
        for (id, target) in [
            ("host-x86_64-unknown-linux--", None),
            ("host-x86_64-unknown-linux-gnu-", None),
            ("hipv4-amdgcn-amd-amdhsa--gfx942:xnack+", Some("gfx942:xnack+")),
            ("hip-amdgcn-amd-amdhsa-gfx803", Some("gfx803")),
            ("hipv4-amdgcn-amd-amdhsa--gfx9-4-generic", Some("gfx9-4-generic")),
            ("hip-spirv64-amd-amdhsa--amdgcnspirv", Some("amdgcnspirv")),
            ("openmp-amdgcn-amd-amdhsa--gfx90a", Some("gfx90a")),
            ("hip-odd--", Some("hip-odd--")),
        ] {
            let read = Target::of_entry(id).unwrap();
            assert_eq!(read.as_ref().map(Target::as_str), target, "{id}");
        }
        for id in ["", "hip gfx900", "hip-gfx9\u{1b}[31m", "hip-gfx9ä"] {
            assert!(Target::of_entry(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn targets_are_sorted_by_number() {
        let sorted = [
            "gfx803",
            "gfx900",
            "gfx906",
            "gfx90a",
            "gfx90a:xnack+",
            "gfx90a:xnack-",
            "gfx942",
            "gfx9-4-generic",
            "gfx9-generic",
            "gfx1030",
            "gfx1100",
            "gfx11-generic",
            "gfx1201",
            "amdgcnspirv",
        ];
        let mut targets: Vec<Target> = sorted.iter().rev().map(|text| Target((*text).to_owned())).collect();
        targets.sort();
        assert_eq!(targets.iter().map(Target::as_str).collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn flags_tell_the_processor_and_its_switches() {
        // As clang 22 writes them, and LLVM 11 wrote the last ones.
        for (flags, abi, target) in [
            (0x53f, 4, Some("gfx90a")),
            (0xf3f, 4, Some("gfx90a:sramecc+:xnack+")),
            (0xe3f, 4, Some("gfx90a:sramecc+:xnack-")),
            (0x0100_055f, 4, Some("gfx9-4-generic")),
            (0x41, 3, Some("gfx1100")),
            (0x12f, 1, Some("gfx906:xnack+")),
            (0x130 | 0x200, 1, Some("gfx908:sramecc+:xnack+")),
            (0x2f, 0, None),
            (0xff, 4, None),
        ] {
            assert_eq!(Target::of_flags(flags, abi).as_ref().map(Target::as_str), target, "{flags:#x}");
        }
    }

    #[test]
    fn every_processor_stands_once() {
        assert!(PROCESSORS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut names: Vec<_> = PROCESSORS.iter().map(|row| row.1).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
