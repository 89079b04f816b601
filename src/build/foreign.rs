//! Files for another machine than is built for: taken in by a link that failed, or found in the wheel. Which they are is
//! read from the files; where they came from, and so what helps, from the record and from the folders of the build.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crosswheel_shim::elf::Machine;
use crosswheel_shim::plan::Kind;

use super::tree;
use crate::capture::{Call, Log, Outcome};
use crate::elf;

/// The folders of a build.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The source as it came, patched.
    pub source: &'a Path,
    /// Its copy that was built.
    pub built: &'a Path,
    /// The isolated environment, if there is one.
    pub environment: Option<&'a Path>,
}

/// Where a file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The source, under this name.
    Source(PathBuf),
    /// A call, by this tool and of this id.
    Call(String, String),
    /// A build dependency, under this name in the environment.
    Dependency(PathBuf),
    /// The build, by no recorded call.
    Build,
    /// This machine.
    Here,
}

impl Origin {
    /// To be read behind `it`: `came with the source as lib/x.o`.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Source(path) => format!("came with the source as {}", path.display()),
            Self::Call(tool, id) => format!("was made by {tool} (call {id})"),
            Self::Dependency(path) => {
                format!("came with a build dependency as {}", path.display())
            }
            Self::Build => "was made or fetched by the build, past the shim".to_owned(),
            Self::Here => "belongs to this machine".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Source(_) => {
                "a patch can take it out of the source and have it compiled, or put one for the target in its place"
            }
            Self::Call(tool, _) if tool.starts_with("build-") => {
                "build-cc and build-c++ are for programs that run here; what goes into the wheel is made by `cc` and `c++`"
            }
            Self::Call(..) => {
                "that call made code for another machine; `crosswheel log show` has its arguments"
            }
            Self::Dependency(_) => {
                "build dependencies are for this machine; the target's own library must be given to the build"
            }
            Self::Build => {
                "one part of the build calls a compiler by its path, or fetches something ready-made; let it call `cc` by name"
            }
            Self::Here => {
                "let the build look for it among the libraries of the target; `crosswheel sysroot add` gets these"
            }
        }
    }
}

/// The first input of a link or an archive that is for another machine than `asked`.
#[must_use]
pub fn input(call: &Call, asked: Machine) -> Option<(PathBuf, Machine)> {
    if !matches!(call.kind, Kind::Link | Kind::Archive) {
        return None;
    }
    let paths = call.inputs.iter().map(|input| call.resolve(input));
    let mut machines = paths.filter_map(|path| machine(&path).map(|machine| (path, machine)));
    machines.find(|(_, machine)| *machine != asked)
}

/// What an object, a library or an archive is for.
fn machine(path: &Path) -> Option<Machine> {
    let archive = path.extension().is_some_and(|extension| extension == "a");
    if archive { elf::machine_of_archive(path) } else { elf::machine_of_file(path) }.ok().flatten()
}

/// Where a file of the build folder, or of elsewhere, came from.
#[must_use]
pub fn origin(path: &Path, record: &Log, places: Places<'_>) -> Origin {
    let made = |call: &&Call| {
        call.outcome() == Outcome::Succeeded && call.outputs.iter().any(|output| call.resolve(output) == path)
    };
    if let Some(call) = record.calls.iter().rev().find(made) {
        return Origin::Call(call.tool.clone(), call.id.clone());
    }
    if let Ok(inside) = path.strip_prefix(places.built) {
        let came = places.source.join(inside).is_file();
        return if came { Origin::Source(inside.to_owned()) } else { Origin::Build };
    }
    match places.environment.and_then(|root| path.strip_prefix(root).ok()) {
        Some(inside) => Origin::Dependency(inside.to_owned()),
        None => Origin::Here,
    }
}

/// Where a member of a wheel came from, known by its content; `None` if it lies nowhere as it is.
#[must_use]
pub fn of_member(wheel: &Path, member: &str, places: Places<'_>) -> Option<Origin> {
    let mut zip = zip::ZipArchive::new(BufReader::new(File::open(wheel).ok()?)).ok()?;
    let mut content = Vec::new();
    zip.by_name(member).ok()?.read_to_end(&mut content).ok()?;
    let same = |root: &Path| -> Option<PathBuf> {
        let found = tree::files(root).ok()?.into_iter().find(|path| {
            fs::metadata(path).is_ok_and(|meta| meta.len() == content.len() as u64)
                && fs::read(path).is_ok_and(|bytes| bytes == content)
        })?;
        found.strip_prefix(root).ok().map(Path::to_owned)
    };
    let source = same(places.source).map(Origin::Source);
    source.or_else(|| places.environment.and_then(same).map(Origin::Dependency))
}
