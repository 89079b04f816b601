//! AMD GPU code in files: which code objects are there, and for which processors. Reads only, and only what tells it: a
//! compressed bundle is inflated as far as its list of code objects goes. What cannot be read is told with its place.
//!
//! | module | subject |
//! |---|---|
//! | [`target`] | target IDs such as `gfx90a:xnack+` |
//! | [`elf`] | where bundles are in a library; the target of a code object |
//! | [`bundle`] | bundles one behind the other, plain or compressed |
//! | [`ccob`] | the header of a compressed bundle, and its beginning inflated |
//! | [`zstd`] | the beginning and the end of a Zstandard frame |
//!
//! Formats: LLVM's `ClangOffloadBundler` and `AMDGPUUsage` ("Code Object Metadata", "ELF Header"). Not read: bundles in
//! members of a static library, and in a library without a section table; kpack archives (`KPAK`).

use std::collections::BTreeMap;
use std::fmt;

use object::ReadRef;

pub mod bundle;
mod ccob;
mod elf;
mod part;
pub mod target;
mod zstd;

pub use bundle::{Bundle, CodeObject, Form, Method};
pub use target::Target;

/// What cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("GPU code at byte {at}: {what}")]
pub struct Damage {
    /// The byte of the file.
    pub at: u64,
    /// What is wrong with it.
    pub what: String,
}

/// The GPU code in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the order of the file.
    pub bundles: Vec<Bundle>,
    /// Records in `.hipFatBinSegment`, by which the runtime finds bundles; `None` if there is no such section.
    pub wrappers: Option<u64>,
    /// Bytes of the file that are code for AMD GPUs: of `.hip_fatbin`, or of the whole file.
    pub bytes: u64,
    /// Bytes of it that are for NVIDIA's, which are not looked into.
    pub nvidia: u64,
    /// The kernels are in a kpack archive beside the library, which says so (`.rocm_kpack_ref`).
    pub kpack: bool,
}

/// What there is for one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many code objects.
    pub objects: usize,
    /// Their bytes, not compressed.
    pub bytes: u64,
}

impl Listing {
    /// What there is for each target.
    #[must_use]
    pub fn targets(&self) -> BTreeMap<Target, Share> {
        let mut all: BTreeMap<Target, Share> = BTreeMap::new();
        for object in self.bundles.iter().flat_map(|bundle| &bundle.objects) {
            let Some(target) = &object.target else { continue };
            let share = all.entry(target.clone()).or_default();
            share.objects += 1;
            share.bytes = share.bytes.saturating_add(object.size);
        }
        all
    }

    /// How many bundles there are of each form.
    #[must_use]
    pub fn forms(&self) -> BTreeMap<Form, usize> {
        let mut all = BTreeMap::new();
        for bundle in &self.bundles {
            *all.entry(bundle.form).or_default() += 1;
        }
        all
    }
}

/// Whether a file that begins with these bytes can hold GPU code: 24 of them are enough.
#[must_use]
pub fn may_hold(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || is_bundle(head)
}

/// Whether a bundle begins here.
#[must_use]
pub fn is_bundle(head: &[u8]) -> bool {
    head.starts_with(bundle::MAGIC) || head.starts_with(ccob::MAGIC)
}

/// Lists the GPU code in a file: a library with bundles in it, a file of bundles, or a code object. `None` if there is
/// none.
pub fn list<'d, R: ReadRef<'d>>(data: R) -> Result<Option<Listing>, Damage> {
    let whole = part::Part::whole(data)?;
    let head = whole.read(0, whole.length().min(bundle::MAGIC.len() as u64))?;
    if is_bundle(head) {
        let bundles = bundle::read(whole)?;
        return Ok(Some(Listing { bundles, bytes: whole.length(), ..Listing::default() }));
    }
    if head.starts_with(b"\x7fELF") { elf::list(whole) } else { Ok(None) }
}

/// Lists a code object by the first 64 bytes of its file, and by how large that is. `None` if it is none.
#[must_use]
pub fn of_code_object(head: &[u8], size: u64) -> Option<Listing> {
    elf::of_code_object(head, size)
}

/// What there is for each target in a file; nothing, if it holds no GPU code.
pub fn targets<'d, R: ReadRef<'d>>(data: R) -> Result<BTreeMap<Target, Share>, Damage> {
    Ok(list(data)?.map(|listing| listing.targets()).unwrap_or_default())
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CodeObject => f.write_str("code object"),
            Self::Raw => f.write_str("raw"),
            Self::Compressed { version, method } => write!(f, "CCOB v{version} {method}"),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
        })
    }
}
