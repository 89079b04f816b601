//! What a build linked from the view, by its record: the libraries, and the packages that they are of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;
use serde::Serialize;

use super::{Package, System};
use crate::capture::{Log, Outcome};
use crate::elf::Dynamic;
use crate::error::{Error, IoContext, Result};

/// The file in a log folder that lists all of it.
pub const FILE: &str = "libraries.json";

/// A library of the target that went into a product, or that a product needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// Its place in the system root.
    pub file: PathBuf,
    /// Whether its code is in the product; else the product needs it where it runs.
    #[serde(rename = "static")]
    pub is_static: bool,
    /// The name under which products need it, if it is shared.
    pub soname: Option<String>,
    /// Its package.
    pub package: Option<String>,
    /// Version of the package.
    pub version: Option<String>,
    /// The products.
    pub into: Vec<String>,
}

/// The libraries that calls of the record linked, by their place.
#[must_use]
pub fn of(record: &Log, system: &System) -> Vec<Linked> {
    let mut places: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let links = record.calls.iter().filter(|call| {
        call.kind == Kind::Link && call.probe.is_none() && call.outcome() == Outcome::Succeeded
    });
    for call in links {
        let found = record.detail(call).map(|detail| detail.libs).unwrap_or_default();
        let taken = call.inputs.iter().chain(found.iter().map(|library| &library.path));
        let product = call.outputs.first().map(|output| file_name(&call.resolve(output))).unwrap_or_default();
        for path in taken.map(|path| call.resolve(path)) {
            if let Ok(place) = path.strip_prefix(&system.view.root) {
                places.entry(place.to_owned()).or_default().insert(product.clone());
            }
        }
    }
    places.into_iter().map(|(place, into)| linked(system, place, into.into_iter().collect())).collect()
}

fn linked(system: &System, place: PathBuf, into: Vec<String>) -> Linked {
    let is_static = place.extension().is_some_and(|extension| extension == "a");
    let soname = || Dynamic::read(&*fs::read(system.root.join(&place)).ok()?)?.soname;
    let owner: Option<&Package> = system.owner(&place);
    Linked {
        is_static,
        soname: if is_static { None } else { soname() },
        package: owner.map(|one| one.name.clone()),
        version: owner.map(|one| one.version.clone()),
        file: place,
        into,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Linked {
    /// For people: `libffi.a of libffi-dev 3.4.4-1`.
    #[must_use]
    pub fn told(&self) -> String {
        let of = match (&self.package, &self.version) {
            (Some(package), Some(version)) => format!(" of {package} {version}"),
            _ => String::new(),
        };
        let shared = if self.is_static { "" } else { ", shared" };
        format!("{}{of}{shared}", file_name(&self.file))
    }
}

/// Writes what was seen and what was linked into the log folder.
pub fn write(system: &System, linked: &[Linked], log: &Path) -> Result<()> {
    let value = serde_json::json!({
        "sysroot": system.root,
        "packages": system.packages,
        "linked": linked,
    });
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| Error::failed(format!("the list of libraries cannot be written: {error}")))?;
    let (part, path) = (log.join(".libraries.part"), log.join(FILE));
    fs::write(&part, text + "\n").context("writing", &part)?;
    fs::rename(&part, &path).context("writing", &path)
}
