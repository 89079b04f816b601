//! Manifests: what wheels are made of, and where they come from, in one document that can be held against them later.
//!
//! The same wheels, sources and machine give the same bytes: all is sorted, and no clock is read unless that is asked for.
//!
//! | module | subject |
//! |---|---|
//! | [`document`] | what is in a manifest, version of the format, JSON Schema |
//! | [`describe`](mod@describe) | a wheel as a manifest describes it |
//! | [`binary`] | ELF files and GPU code on the way |
//! | [`origin`] | entries held against the wheels that they come from |
//! | [`git`] | work trees |
//! | [`environment`] | the machine |
//! | [`ci`] | the job of continuous integration |
//! | [`merge`](mod@merge) | a manifest merged into an older one |
//! | [`verify`](mod@verify) | a manifest held against its format and the wheels beside it |
//! | [`finding`] | what can be wrong, and what to do |

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

mod binary;
pub mod ci;
pub mod describe;
pub mod document;
pub mod environment;
pub mod finding;
pub mod git;
pub mod merge;
pub mod origin;
pub mod verify;

pub use document::Manifest;
pub use merge::merge;
pub use verify::verify;

use crate::error::{Error, Result};
use ci::Ci;
use describe::describe;
use document::{FormatVersion, Run, Tool};
use environment::Environment;
use git::Source;
use origin::Origins;

/// What a manifest is made of.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Wheels, and folders of wheels.
    pub wheels: Vec<PathBuf>,
    /// Wheels, and folders of wheels, that they were made from.
    pub made_from: Vec<PathBuf>,
    /// Families: of one wheel, by its file name, or of all others.
    pub families: Vec<FamilyOf>,
    /// Work trees.
    pub sources: Sources,
    /// Whether the machine and the job are told.
    pub environment: bool,
    /// Seconds since 1970.
    pub time: Option<u64>,
    /// Files that do not count as untracked, such as the manifest itself.
    pub ours: Vec<PathBuf>,
}

/// Which work trees are told.
#[derive(Clone, Debug, Default)]
pub enum Sources {
    /// The one of the working folder, else those of the wheels, if they are in any.
    #[default]
    Here,
    /// None.
    None,
    /// Those of these folders.
    Of(Vec<PathBuf>),
}

/// The family of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyOf {
    /// The file name of the wheel; `None` for all that are not named.
    pub wheel: Option<String>,
    /// The family.
    pub family: String,
}

impl FamilyOf {
    /// Reads `WHEEL=FAMILY` or `FAMILY`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (wheel, family) = match text.rsplit_once('=') {
            Some((wheel, family)) => (Some(wheel), family),
            None => (None, text),
        };
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ':');
        if family.is_empty() || !family.chars().all(inside) {
            return Err(format!("`{}` is no name of a family", family.escape_debug()));
        }
        let file = wheel.map(|wheel| Path::new(wheel).file_name().unwrap_or_default().to_string_lossy());
        Ok(Self { wheel: file.map(std::borrow::Cow::into_owned), family: family.to_owned() })
    }
}

/// Describes wheels and where they come from.
pub fn make(request: &Request) -> Result<Manifest> {
    let wheels = gather(&request.wheels)?;
    let made_from: Vec<PathBuf> = gather(&request.made_from)?.into_values().collect();
    let origins = Origins::open(&made_from)?;
    let families = families(&request.families, &wheels.keys().map(String::as_str).collect())?;
    let mut ours: Vec<PathBuf> = wheels.values().cloned().collect();
    ours.extend(request.ours.iter().cloned());
    let run = Run {
        tool: Tool { name: "crosswheel".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        time: request.time,
        sources: sources(&request.sources, &wheels, &ours)?,
        environment: request.environment.then(Environment::here),
        ci: if request.environment { Ci::of(&|name| std::env::var(name).ok()) } else { None },
    };
    let mut described = Vec::with_capacity(wheels.len());
    for (file, path) in &wheels {
        let mut wheel = describe(path, &origins)?;
        wheel.run = run.id();
        wheel.family = families.get(file).or_else(|| families.get("")).cloned();
        described.push(wheel);
    }
    Ok(Manifest {
        manifest_version: FormatVersion::CURRENT,
        runs: [(run.id(), run)].into(),
        wheels: described,
    })
}

/// Wheels by file name, from wheels and folders.
fn gather(named: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>> {
    let mut all: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in named {
        let wheels = if path.is_dir() { verify::listed(path)? } else { vec![path.clone()] };
        if wheels.is_empty() {
            return Err(Error::failed(format!("{}: has no wheels", path.display()))
                .hint("a manifest of nothing would pass for one of all: name the folder that has them"));
        }
        for wheel in wheels {
            let file = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match all.get(&file) {
                Some(other) if !is_same(other, &wheel) => {
                    let both = format!("{} and {}", other.display(), wheel.display());
                    return Err(Error::usage(format!("{both} have one name"))
                        .hint("a manifest knows wheels by name: make two, or give one a build number"));
                }
                Some(_) => {}
                None => {
                    all.insert(file, wheel);
                }
            }
        }
    }
    Ok(all)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Families by file name; by an empty one, that of all others.
fn families(told: &[FamilyOf], wheels: &BTreeSet<&str>) -> Result<BTreeMap<String, String>> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for FamilyOf { wheel, family } in told {
        if let Some(wheel) = wheel
            && !wheels.contains(&wheel[..])
        {
            return Err(Error::usage(format!(
                "`{}` is given a family, and is no wheel of these",
                wheel.escape_debug()
            ))
            .hint("--family WHEEL=FAMILY names the file of the wheel; --family FAMILY is for all"));
        }
        let key = wheel.clone().unwrap_or_default();
        if let Some(other) = all.insert(key, family.clone()).filter(|other| other != family) {
            let whose = wheel.as_deref().unwrap_or("all wheels");
            return Err(
                Error::usage(format!("{whose}: given two families, {other} and {family}")).hint("name one")
            );
        }
    }
    Ok(all)
}

/// The work trees, each once, sorted.
fn sources(which: &Sources, wheels: &BTreeMap<String, PathBuf>, ours: &[PathBuf]) -> Result<Vec<Source>> {
    let mut folders: Vec<PathBuf> = Vec::new();
    match which {
        Sources::None => {}
        Sources::Of(named) => {
            for folder in named {
                if !folder.is_dir() {
                    return Err(
                        Error::usage(format!("{}: is no folder", folder.display())).hint("name a work tree")
                    );
                }
                if !git::is_in_tree(folder) {
                    return Err(Error::usage(format!("{}: is in no work tree of git", folder.display()))
                        .hint("name one, or leave sources out with --no-source"));
                }
                folders.push(folder.clone());
            }
        }
        Sources::Here => {
            let here = PathBuf::from(".");
            if git::is_in_tree(&here) {
                folders.push(here);
            } else {
                let beside = wheels.values().map(|wheel| wheel.parent().unwrap_or(&here).to_owned());
                folders.extend(
                    beside.collect::<BTreeSet<_>>().into_iter().filter(|folder| git::is_in_tree(folder)),
                );
            }
        }
    }
    let roots = folders.iter().map(|folder| git::root(folder)).collect::<Result<BTreeSet<_>>>()?;
    let mut found = roots.iter().map(|root| Source::of(root, ours)).collect::<Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_of_one_wheel_or_of_all() {
        let of = |wheel: Option<&str>, family: &str| FamilyOf {
            wheel: wheel.map(str::to_owned),
            family: family.to_owned(),
        };
        assert_eq!(FamilyOf::parse("gfx942"), Ok(of(None, "gfx942")));
        assert_eq!(
            FamilyOf::parse("dist/a-1-py3-none-any.whl=x86-64-v3"),
            Ok(of(Some("a-1-py3-none-any.whl"), "x86-64-v3"))
        );
        for text in ["", "a.whl=", "a b", "a/b"] {
            assert!(FamilyOf::parse(text).is_err(), "{text}");
        }
        let wheels = BTreeSet::from(["a", "b"]);
        let told = [of(None, "x"), of(Some("a"), "y")];
        assert_eq!(families(&told, &wheels).unwrap()["a"], "y");
        assert!(families(&[of(Some("c"), "y")], &wheels).is_err());
        assert!(families(&[of(None, "y"), of(None, "z")], &wheels).is_err());
    }
}
