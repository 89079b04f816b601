//! Where a build meets the shim: one session for each family (see `crate::toolchain`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Request;
use super::reproducible::Reproducible;
use crate::error::Result;

/// What is known of all families of a call.
#[derive(Debug)]
pub struct Shims {}

/// The shim of one family, set up.
#[derive(Debug)]
pub struct Shim {
    /// Variables of the build, `None` to remove one.
    pub variables: Vec<(OsString, Option<OsString>)>,
    /// The shim folder.
    pub bin: Option<PathBuf>,
}

/// Checks that every family can be built for.
pub fn prepare(_request: &Request) -> Result<Shims> {
    Ok(Shims {})
}

impl Shims {
    /// Sets a shim up.
    pub fn open(
        &self,
        _family: &str,
        _python: &Path,
        _record: &Path,
        _work: &Path,
        _path: &std::ffi::OsStr,
        _reproducible: Option<&Reproducible>,
    ) -> Result<Shim> {
        Ok(Shim { variables: Vec::new(), bin: None })
    }
}
