//! Where new wheels go: into a folder, or in place of the old ones. What `retag` and `sbom` share.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, IoContext, Result};
use crate::wheel::archive::deliver::{How, sweep};

/// Arguments that say where new wheels go.
#[derive(clap::Args)]
pub(super) struct PlaceArgs {
    /// Folder for the new wheels; made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "in_place")]
    pub(super) out: Option<PathBuf>,
    /// Put each new wheel in place of the old one
    #[arg(long)]
    pub(super) in_place: bool,
    /// Do not wait until the new wheels are on the disk
    #[arg(long)]
    no_sync: bool,
}

/// By what a file is known, whatever its names.
type Identity = (u64, u64);

/// Where each wheel of a run goes: no two to one place.
#[derive(Default)]
pub(super) struct Targets<'a>(BTreeMap<PathBuf, &'a Path>);

impl PlaceArgs {
    /// That a place was named.
    pub(super) fn check(&self) -> Result<()> {
        if self.out.is_some() || self.in_place {
            return Ok(());
        }
        Err(Error::usage("it is not said where the new wheels go")
            .hint("--out DIR writes them to a folder, --in-place replaces the old ones"))
    }

    /// Where the new wheel of `name` goes, `below` the folder of `--out`. No file but the old wheel is ever replaced in place,
    /// and no wheel of the run by `--out`.
    pub(super) fn target(&self, wheel: &Path, name: &str, below: &str, inputs: &Inputs) -> Result<PathBuf> {
        let target = match &self.out {
            Some(out) => out.join(below).join(name),
            None if std::fs::symlink_metadata(wheel).is_ok_and(|there| there.is_symlink()) => {
                if wheel.file_name().is_none_or(|old| old != name) {
                    let what = format!("{}: is a link, and the wheel would be named {name}", wheel.display());
                    return Err(Error::usage(what).hint("name the file itself, or a folder with --out"));
                }
                // The link stays; the file that it leads to is replaced.
                wheel.canonicalize().context("cannot look at", wheel)?
            }
            None => wheel.with_file_name(name),
        };
        let Ok(there) = std::fs::metadata(&target) else { return Ok(target) };
        let there = (there.dev(), there.ino());
        let same = there == identity(wheel)?;
        if self.out.is_some() && same {
            return Err(Error::usage(format!("{}: is the wheel itself", target.display()))
                .hint("--in-place puts the new wheel in place of the old one"));
        }
        if self.out.is_some() && inputs.0.contains(&there) {
            return Err(Error::usage(format!("{}: is a wheel of this run", target.display()))
                .hint("name another folder with --out"));
        }
        if self.in_place && !same {
            return Err(Error::usage(format!("{}: is there already", target.display()))
                .hint("remove it first, or name a folder with --out"));
        }
        Ok(target)
    }

    /// Makes the folder, and says how `old` is to be written anew.
    pub(super) fn prepare(&self, target: &Path, old: &Path) -> Result<How> {
        if self.out.is_some() {
            let folder = folder(target);
            std::fs::create_dir_all(folder).context("cannot make the folder", folder)?;
        }
        let rights = if self.in_place {
            Some(std::fs::metadata(old).context("cannot look at", old)?.permissions())
        } else {
            None
        };
        Ok(How { sync: !self.no_sync, rights })
    }

    /// After the new wheel is there: removes the old one, and what a run that was killed left beside it.
    pub(super) fn finish(&self, target: &Path, old: &Path) -> Result<()> {
        if self.in_place {
            // By the file, not by the path: where case does not count, two names may be one file.
            if identity(target)? != identity(old)? {
                std::fs::remove_file(old).context("cannot remove", old)?;
            }
            sweep(folder(target));
        }
        Ok(())
    }
}

/// The wheels of a run, by what their files are known.
pub(super) struct Inputs(HashSet<Identity>);

impl Inputs {
    pub(super) fn of(wheels: &[PathBuf]) -> Self {
        Self(wheels.iter().filter_map(|wheel| identity(wheel).ok()).collect())
    }
}

impl<'a> Targets<'a> {
    /// Takes a place for a wheel, unless another one of the run has it.
    pub(super) fn take(&mut self, target: &Path, wheel: &'a Path) -> Result<()> {
        let Some(other) = self.0.insert(target.to_owned(), wheel) else { return Ok(()) };
        let both = format!("{} and {}", other.display(), wheel.display());
        Err(Error::usage(format!("{both} would both become {}", target.display()))
            .hint("name each wheel once, or write them in two runs into two folders"))
    }
}

fn folder(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn identity(path: &Path) -> Result<Identity> {
    let there = std::fs::metadata(path).context("cannot look at", path)?;
    Ok((there.dev(), there.ino()))
}
