//! What a build for another machine needs and cannot make itself: a Python of that machine with its headers, libraries
//! to link, and a way to run what was built. All of it comes from Debian's packages of that machine, unpacked into
//! folders of our cache and never installed: no script of a package is run, and nothing of this machine is changed.
//!
//! ```text
//! Release ── signature ──> its digests ──> Packages ── resolve ──> the packages ──> packages/<sha256>…   unpacked once
//!                                                                                        │ hard links
//!                                                             sysroots/<machine>-<suite>.<digest>/       a sysroot
//! ```
//!
//! A sysroot is a function of the index and of the names that were asked for. It is never changed: another one takes
//! its place.
//!
//! | module | subject |
//! |---|---|
//! | [`machine`] | the table of machines and releases (`targets.toml`) |
//! | [`control`], [`version`], [`depends`] | Debian's formats: stanzas, versions, relations |
//! | [`release`], [`signature`] | the signed list of what a release holds |
//! | [`packages`], [`resolve`] | the index, and which packages are needed |
//! | [`fetch`] | files over the network, by Python |
//! | [`archive`] | a mirror: from its address to an index that was verified, and the packages |
//! | [`deb`], [`unpack`], [`tree`] | package files, unpacked safely, and put together |
//! | [`cache`], [`sysroot`], [`inventory`] | where all of this is kept; sysroots made, changed, listed and found |
//! | [`python`] | what the Python in a sysroot is, read from its files |
//! | [`runner`] | running it: by QEMU's user mode, or natively |
//! | [`emulator`], [`binfmt`], [`namespace`] | programs of the machine run during a build: by what, and how the kernel is told |
//! | [`install`], [`imports`], [`test`] | a wheel in an environment of its own, imported or tested |

pub mod archive;
pub mod binfmt;
pub mod cache;
pub mod control;
pub mod deb;
pub mod depends;
pub mod emulator;
pub mod fetch;
pub mod imports;
pub mod install;
pub mod inventory;
pub mod machine;
pub mod namespace;
pub mod packages;
pub mod python;
pub mod release;
pub mod resolve;
pub mod runner;
pub mod signature;
pub mod sysroot;
pub mod test;
pub mod tree;
pub mod unpack;
pub mod version;

pub use cache::Cache;
pub use machine::{Machine, Suite, Table};
pub use sysroot::Sysroot;

/// How far the work has come, for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Files come over the network.
    Fetching {
        /// What they are.
        what: String,
        /// Bytes that are there.
        done: u64,
        /// Bytes in all; 0 if it is not known.
        total: u64,
    },
    /// Packages are being unpacked.
    Unpacking {
        /// How many.
        packages: usize,
    },
    /// Another process works on the same sysroot.
    Waiting,
}

/// Shows a [`Step`].
pub type Report<'a> = &'a mut dyn FnMut(Step);
