//! What kind of file an entry is: by its first bytes where they tell, else by its place and its ending.

use serde::Serialize;

use crate::gpu;

/// Kinds of files in wheels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Libraries, extension modules, programs, objects and archives of them.
    MachineCode,
    /// Files that hold nothing but code for GPUs.
    GpuCode,
    /// Python: source, stubs, bytecode, Cython.
    Python,
    /// Headers of C and C++.
    Headers,
    /// Sources of other languages.
    Sources,
    /// The dist-info folder.
    Metadata,
    /// All else.
    Data,
}

impl Kind {
    /// In the order of their gravity.
    pub const ALL: &'static [Self] = &[
        Self::MachineCode,
        Self::GpuCode,
        Self::Python,
        Self::Headers,
        Self::Sources,
        Self::Metadata,
        Self::Data,
    ];

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MachineCode => "machine code",
            Self::GpuCode => "GPU code",
            Self::Python => "Python",
            Self::Headers => "headers",
            Self::Sources => "sources",
            Self::Metadata => "metadata",
            Self::Data => "data",
        }
    }

    /// The kind of an entry, of which the first bytes are known: 64 of them, or all.
    #[must_use]
    pub fn of(path: &str, head: &[u8]) -> Self {
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        let mut folders = folders.split('/');
        let top = folders.next().and_then(|folder| folder.rsplit_once('.')).map_or("", |(_, ending)| ending);
        if top.eq_ignore_ascii_case("dist-info") {
            return Self::Metadata;
        }
        if let Some(kind) = by_bytes(head) {
            return kind;
        }
        if top.eq_ignore_ascii_case("data") && folders.next() == Some("headers") {
            return Self::Headers;
        }
        let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        let is = |row: &&(&[&str], Self)| row.0.contains(&ending.as_str());
        ENDINGS.iter().find(is).map_or(Self::Data, |row| row.1)
    }
}

/// Beginnings that tell the kind.
const MAGICS: &[(&[u8], Kind)] = &[
    (b"!<arch>\n", Kind::MachineCode),
    (b"!<thin>\n", Kind::MachineCode),
    // Mach-O of 64 and of 32 bits.
    (b"\xcf\xfa\xed\xfe", Kind::MachineCode),
    (b"\xce\xfa\xed\xfe", Kind::MachineCode),
    (b"\0asm", Kind::MachineCode),
    // LLVM bitcode: the device libraries of CUDA and ROCm.
    (b"BC\xc0\xde", Kind::GpuCode),
    (b"KPAK", Kind::GpuCode),
    (b"#!python", Kind::Python),
];

/// Machines of ELF files that are GPUs: CUDA (190) and AMD (224).
const GPUS: [u16; 2] = [190, 224];

fn by_bytes(head: &[u8]) -> Option<Kind> {
    if let Some(facts) = crosswheel_shim::elf::facts(head) {
        let gpu = GPUS.contains(&facts.machine.number);
        return Some(if gpu { Kind::GpuCode } else { Kind::MachineCode });
    }
    if gpu::is_bundle(head) {
        return Some(Kind::GpuCode);
    }
    MAGICS.iter().find(|row| head.starts_with(row.0)).map(|row| row.1)
}

/// Endings of names.
const ENDINGS: &[(&[&str], Kind)] = &[
    (&["so", "a", "o", "dll", "pyd", "exe", "lib", "dylib", "node"], Kind::MachineCode),
    (&["co", "hsaco", "hipfb", "kdb", "kpack", "cubin", "fatbin", "ptx", "spv"], Kind::GpuCode),
    (&["py", "pyi", "pyc", "pyw", "pyx", "pxd", "pxi"], Kind::Python),
    (&["h", "hh", "hpp", "hxx", "h++", "cuh", "inl", "ipp", "tcc", "tpp"], Kind::Headers),
    (
        &[
            "c", "cc", "cpp", "cxx", "c++", "cu", "hip", "m", "mm", "s", "asm", "f", "f77", "f90", "f95",
            "rs", "go",
        ],
        Kind::Sources,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_more_than_the_name() {
        let elf = |machine: u8| {
            let mut head = vec![0; 64];
            head[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
            (head[16], head[18], head[52]) = (3, machine, 64);
            head
        };
        for (path, head, kind) in [
            ("a/b.so.1.2", elf(62), Kind::MachineCode),
            ("a/kernel.dat", elf(224), Kind::GpuCode),
            ("a/kernel.bin", elf(190), Kind::GpuCode),
            ("a/kernels", b"CCOB\x02\0\x01\0".to_vec(), Kind::GpuCode),
            ("a/libx.so", b"INPUT(libx.so.1)".to_vec(), Kind::MachineCode),
            ("demo-1.0.dist-info/a.py", vec![], Kind::Metadata),
            ("demo-1.0.data/headers/a", vec![], Kind::Headers),
            ("demo-1.0.data/scripts/run", b"#!python\n".to_vec(), Kind::Python),
            ("a/__init__.PY", vec![], Kind::Python),
            ("a.h/b", vec![], Kind::Data),
            ("a/c.cpp", vec![], Kind::Sources),
        ] {
            assert_eq!(Kind::of(path, &head), kind, "{path}");
        }
    }
}
