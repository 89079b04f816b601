//! A file of code: for which machine, what it needs of the system it is loaded on, and the GPU code in it.

use std::collections::{BTreeMap, BTreeSet};

use object::ReadRef;
use serde::Serialize;

use crate::elf::{self, Dynamic};
use crate::gpu::{self, Target};
use crate::wheel::policy::{self, Facts};

/// A file of machine code (ELF) or of GPU code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Code {
    /// Its name in the wheel.
    pub path: String,
    /// Bytes in the archive.
    pub compressed: u64,
    /// Bytes of the content.
    pub unpacked: u64,
    /// The machine, if it is an ELF file.
    pub machine: Option<String>,
    /// The x86-64 level that the loader insists on.
    pub x86_64_level: Option<u8>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in its order.
    pub needed: Vec<String>,
    /// `DT_RPATH`, part by part.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, part by part.
    pub runpath: Vec<String>,
    /// The program interpreter.
    pub interpreter: Option<String>,
    /// The highest versions of symbols that it needs.
    pub needs: Needs,
    /// GPU code in it.
    pub gpu: Option<Gpu>,
}

/// The highest versions of symbols that are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Of glibc (`GLIBC_2.28`).
    pub glibc: Option<String>,
    /// Of libstdc++ (`GLIBCXX_3.4.21`).
    pub glibcxx: Option<String>,
    /// Of the C++ ABI (`CXXABI_1.3.9`).
    pub cxxabi: Option<String>,
    /// Musl's libc is needed, which has no versions.
    pub musl: bool,
}

/// GPU code in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gpu {
    /// Bytes of the file that are code for AMD GPUs.
    pub bytes: u64,
    /// Bytes of the file that are code for NVIDIA GPUs, which is not looked into.
    pub nvidia_bytes: u64,
    /// How many bundles, or code objects outside of one, of each form: `raw`, `CCOB v3 zstd`.
    pub bundles: BTreeMap<String, usize>,
    /// Records of `.hipFatBinSegment`, of which each points to a bundle.
    pub wrappers: Option<u64>,
    /// The kernels are in a kpack archive beside it.
    pub kpack: bool,
    /// What there is for each target.
    pub targets: Vec<Targeted>,
}

/// What there is for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Targeted {
    /// The target.
    pub target: Target,
    /// Code objects.
    pub objects: usize,
    /// Their bytes, not compressed.
    pub bytes: u64,
}

impl Code {
    /// Reads an ELF file, or a file of GPU code; what policies are decided by, if it is for a machine that interpreters
    /// run on; and what is wrong with its GPU code.
    pub(super) fn read<'d, R: ReadRef<'d>>(
        path: &str,
        data: R,
    ) -> (Self, Option<Facts>, Option<gpu::Damage>) {
        let mut code = Self::default();
        let head = data.read_bytes_at(0, data.len().unwrap_or(0).min(64)).unwrap_or_default();
        code.machine = crosswheel_shim::elf::facts(head).map(|facts| elf::name(facts.machine));
        let facts = policy::facts::machine(head).map(|machine| Facts::read(path, machine, data));
        if let Some(Facts { level, dynamic, .. }) = &facts {
            code.x86_64_level = *level;
            code.needs = Needs::of(dynamic);
            code.soname.clone_from(&dynamic.soname);
            code.needed.clone_from(&dynamic.needed);
            code.rpath.clone_from(&dynamic.rpath);
            code.runpath.clone_from(&dynamic.runpath);
            code.interpreter.clone_from(&dynamic.interpreter);
        }
        match gpu::list(data) {
            Ok(listing) => {
                code.gpu = listing.map(Gpu::from);
                (code, facts, None)
            }
            Err(damage) => (code, facts, Some(damage)),
        }
    }

    /// A code object for a GPU, of which the first bytes tell all.
    pub(super) fn of_code_object(head: &[u8], listing: gpu::Listing) -> Self {
        let machine = crosswheel_shim::elf::facts(head).map(|facts| elf::name(facts.machine));
        Self { machine, gpu: Some(listing.into()), ..Self::default() }
    }
}

impl Needs {
    fn of(dynamic: &Dynamic) -> Self {
        let all = || dynamic.versions.values().flatten();
        Self {
            glibc: highest(all(), "GLIBC_"),
            glibcxx: highest(all(), "GLIBCXX_"),
            cxxabi: highest(all(), "CXXABI_"),
            musl: dynamic.needed.iter().any(|name| name == "libc.so" || name.starts_with("libc.musl-")),
        }
    }

    /// What these and others need together.
    pub(super) fn join(&mut self, other: &Self) {
        for (mine, more) in [
            (&mut self.glibc, &other.glibc),
            (&mut self.glibcxx, &other.glibcxx),
            (&mut self.cxxabi, &other.cxxabi),
        ] {
            let higher = more.as_deref().map(numbers) > mine.as_deref().map(numbers);
            if higher {
                mine.clone_from(more);
            }
        }
        self.musl |= other.musl;
    }
}

/// The highest version with a prefix. Names that are no versions (`GLIBC_PRIVATE`, `CXXABI_FLOAT128`) are not compared.
fn highest<'a>(versions: impl Iterator<Item = &'a String>, prefix: &str) -> Option<String> {
    let plain = versions
        .filter_map(|version| version.strip_prefix(prefix))
        .filter(|rest| rest.split('.').all(|part| part.parse::<u32>().is_ok()));
    plain.max_by_key(|version| numbers(version)).map(str::to_owned)
}

/// A version as numbers.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

impl From<gpu::Listing> for Gpu {
    fn from(listing: gpu::Listing) -> Self {
        let row = |(target, share): (Target, gpu::Share)| Targeted {
            target,
            objects: share.objects,
            bytes: share.bytes,
        };
        Self {
            bytes: listing.bytes,
            nvidia_bytes: listing.nvidia,
            bundles: listing.forms().into_iter().map(|(form, count)| (form.to_string(), count)).collect(),
            wrappers: listing.wrappers,
            kpack: listing.kpack,
            targets: listing.targets().into_iter().map(row).collect(),
        }
    }
}

/// All targets of several files, and in how many of these each is.
pub(super) fn targets<'a>(codes: impl Iterator<Item = &'a Code>) -> Vec<super::WheelTarget> {
    let mut all: BTreeMap<&Target, super::WheelTarget> = BTreeMap::new();
    for row in codes.filter_map(|code| code.gpu.as_ref()).flat_map(|gpu| &gpu.targets) {
        let sum = all.entry(&row.target).or_insert_with(|| super::WheelTarget {
            target: row.target.clone(),
            files: 0,
            objects: 0,
            bytes: 0,
        });
        sum.files += 1;
        sum.objects += row.objects;
        sum.bytes = sum.bytes.saturating_add(row.bytes);
    }
    all.into_values().collect()
}

/// The machines of several files, sorted.
pub(super) fn machines<'a>(codes: impl Iterator<Item = &'a Code>) -> Vec<String> {
    let names: BTreeSet<&String> = codes.filter_map(|code| code.machine.as_ref()).collect();
    names.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_is_by_number() {
        let texts = ["GLIBC_2.9", "GLIBC_2.28", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBCXX_3.4.21"];
        let texts = texts.map(str::to_owned);
        assert_eq!(highest(texts.iter(), "GLIBC_").as_deref(), Some("2.28"));
        assert_eq!(highest(texts.iter(), "GLIBCXX_").as_deref(), Some("3.4.21"));
        assert_eq!(highest(texts.iter(), "CXXABI_"), None);
    }

    #[test]
    fn needs_are_joined_to_the_highest() {
        let glibc = |version: &str| Needs { glibc: Some(version.to_owned()), ..Needs::default() };
        let mut sum = Needs::default();
        for version in ["2.9", "2.17", "2.2.5"] {
            sum.join(&glibc(version));
        }
        sum.join(&Needs { musl: true, ..Needs::default() });
        assert_eq!(sum, Needs { musl: true, ..glibc("2.17") });
    }
}
