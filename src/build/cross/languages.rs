//! In which languages a source is written, by the names of its files: what has to be there before the first of them is
//! compiled, or why a build failed.

use std::path::{Path, PathBuf};

use super::super::tree;
use crate::error::Result;

/// Endings of C++.
pub const CXX: [&str; 4] = ["C", "cc", "cpp", "cxx"];
/// Endings of Fortran.
pub const FORTRAN: [&str; 8] = ["F", "F90", "f", "f03", "f08", "f77", "f90", "f95"];

/// The first file with one of these endings, by its path in the source.
pub fn first(source: &Path, endings: &[&str]) -> Result<Option<PathBuf>> {
    let is = |path: &PathBuf| path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one));
    let found = tree::files(source)?.into_iter().filter(is).min();
    Ok(found.map(|path| path.strip_prefix(source).map(Path::to_owned).unwrap_or(path)))
}
