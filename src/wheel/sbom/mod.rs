//! A bill of materials in a wheel (PEP 770: `.dist-info/sboms/`): the package, what it requires, and the shared libraries that
//! are bundled in it. Those that other tools put there stay as they are. All other entries stay raw.
//!
//! | module | subject |
//! |---|---|
//! | [`bom`] | the document, as CycloneDX writes it |

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};

pub mod bom;

use super::archive::Source;
use super::archive::deliver::{self, How};
use super::archive::layout::{Piece, Planned, lay_out};
use super::headers::Headers;
use super::manifest::describe::describe;
use super::manifest::document::{self, Entry};
use super::manifest::origin::Origins;
use super::package::Package;
use super::record::{Row, hash};
use super::{check, requirement, verify};
use crate::build::pep440::{Version, normalized_name};
use crate::error::{Error, Result};
use bom::{Bom, Component, Dependency, Hash, License, Property, purl};

/// The name of the file in `sboms`.
const FILE: &str = "crosswheel.cdx.json";

/// A wheel with its bill of materials.
#[derive(Debug)]
pub struct Plan {
    /// The wheel.
    pub package: Package,
    /// Where the bill goes.
    pub path: String,
    /// The bill.
    pub bom: Vec<u8>,
    /// The new archive.
    pub pieces: Vec<Piece>,
    /// Whether the wheel has this bill already, so that the new archive is a copy.
    pub same: bool,
}

impl Plan {
    /// Looks at a wheel. A wheel that breaks a rule is refused. `epoch` (seconds since 1970) dates what is written anew.
    pub fn new(wheel: &Path, epoch: Option<u64>) -> Result<Self> {
        let package = Package::open(wheel)?;
        let metadata = package.metadata()?;
        let described = describe(wheel, &Origins::default())?;
        let bom = of(&metadata, &described.entries).render();
        let path = format!("{}/sboms/{FILE}", package.info);
        let digest = document::Hash::of(&Sha256::digest(&bom));
        let same = described.entries.iter().any(|entry| entry.path == path && entry.sha256 == digest);
        let pieces = if same {
            vec![Piece::Copy { from: 0, length: package.archive.source().size() }]
        } else {
            lay(&package, &path, &bom, epoch)?
        };
        Ok(Self { package, path, bom, pieces, same })
    }

    /// Writes the wheel: whole or not at all.
    pub fn write(&self, target: &Path, how: &How, progress: &mut dyn FnMut(u64)) -> Result<()> {
        deliver::write(self.package.archive.source(), &self.pieces, target, how, progress)
    }
}

/// The archive with the bill before RECORD, which comes last.
fn lay(package: &Package, path: &str, bom: &[u8], epoch: Option<u64>) -> Result<Vec<Piece>> {
    let own = format!("{}/RECORD", package.info);
    let refuse = |what: &str| Error::failed(format!("{}: {what}", package.path.display()));
    let mut record = package.record.clone();
    record
        .rows
        .retain(|row| row.path != own && row.path != path && !check::is_signature(&package.info, &row.path));
    record.rows.push(Row {
        path: path.to_owned(),
        hash: hash::sha256(&Sha256::digest(bom)),
        size: bom.len().to_string(),
    });
    record.rows.push(Row { path: own.clone(), ..Row::default() });

    let archive = &package.archive;
    let mut plan = Vec::with_capacity(archive.entries().len() + 1);
    let mut last = None;
    for entry in archive.entries() {
        match archive.name(entry) {
            name if name == own.as_bytes() => last = Some(*entry),
            name if name == path.as_bytes() => {}
            name if check::is_signature(&package.info, &String::from_utf8_lossy(name)) => {}
            _ => plan.push(Planned::kept(*entry)),
        }
    }
    let last = last.ok_or_else(|| refuse("has no RECORD"))?;
    // A new file has the date and the rights of RECORD.
    let name = Some(path.as_bytes().to_vec());
    plan.push(Planned { entry: last, name, content: Some(bom.to_vec()) });
    plan.push(Planned { entry: last, name: None, content: Some(record.render()) });
    lay_out(archive, &plan, epoch).map_err(|finding| finding.refusal(&package.path))
}

/// The bill of a package.
fn of(metadata: &Headers, entries: &[Entry]) -> Bom {
    let stated = |name| metadata.all(name).next().filter(|value| !value.is_empty());
    let (name, version) = (stated("Name").unwrap_or_default(), stated("Version"));
    let normalized = normalized_name(&name);
    let own = purl(&normalized, version.as_deref());
    let component = Component {
        kind: "library",
        bom_ref: Some(own.clone()),
        name,
        version,
        licenses: stated("License-Expression").into_iter().map(|expression| License { expression }).collect(),
        purl: Some(own.clone()),
        ..Component::default()
    };
    let required = requirements(metadata, &normalized);
    let libraries: Vec<&Entry> = entries.iter().filter(|entry| is_library(entry)).collect();
    let components: Vec<Component> =
        required.into_iter().chain(libraries.iter().map(|library| bundled(library))).collect();
    let mut dependencies = vec![Dependency {
        of: own,
        depends_on: components
            .iter()
            .filter_map(|component| component.bom_ref.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    }];
    dependencies.extend(libraries.iter().map(|library| needs(library, &libraries)));
    Bom::new(component, components, dependencies)
}

/// The packages that it requires, each once, by name. What is required for an extra only is optional.
fn requirements(metadata: &Headers, own: &str) -> Vec<Component> {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in metadata.all("Requires-Dist") {
        let name = normalized_name(requirement::name(&text));
        // For its own extras, a package requires itself.
        if name != own {
            by_name.entry(name).or_default().push(text);
        }
    }
    let component = |(name, texts): (String, Vec<String>)| {
        let version = match &texts[..] {
            [one] => pinned(one),
            _ => None,
        };
        let purl = purl(&name, version);
        Component {
            kind: "library",
            bom_ref: Some(purl.clone()),
            version: version.map(str::to_owned),
            scope: Some(if texts.iter().all(|text| requirement::is_for_extra(text)) {
                "optional"
            } else {
                "required"
            }),
            purl: Some(purl),
            properties: texts
                .iter()
                .map(|text| Property { name: "crosswheel:requirement", value: text.clone() })
                .collect(),
            name,
            ..Component::default()
        }
    };
    by_name.into_iter().map(component).collect()
}

/// The version that is required, if it is exactly one.
fn pinned(text: &str) -> Option<&str> {
    let text = text.split(';').next().unwrap_or_default();
    let rest = text.trim().strip_prefix(requirement::name(text))?.trim_start();
    let rest = if rest.starts_with('[') { rest.split_once(']')?.1.trim() } else { rest.trim() };
    let rest = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest).trim();
    let version = rest.strip_prefix("===").or_else(|| rest.strip_prefix("=="))?.trim();
    Version::parse(version).is_some().then_some(version)
}

/// Whether a shared library was bundled: one that others ask for by its soname, or that lies where repairing tools put them. An
/// extension module is the package itself.
fn is_library(entry: &Entry) -> bool {
    let Some(elf) = &entry.elf else { return false };
    // auditwheel's folder is `NAME.libs`.
    let grafted = entry.path.split('/').rev().skip(1).any(|folder| folder.strip_suffix(".libs").is_some());
    (elf.soname.is_some() || grafted) && !verify::is_extension(&entry.path)
}

fn file_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn reference(entry: &Entry) -> String {
    format!("file:{}", entry.path)
}

fn bundled(entry: &Entry) -> Component {
    let soname = entry.elf.as_ref().and_then(|elf| elf.soname.clone());
    let build_id = entry.elf.as_ref().and_then(|elf| elf.build_id.clone());
    let mut properties = vec![Property { name: "crosswheel:path", value: entry.path.clone() }];
    properties.extend(soname.map(|value| Property { name: "crosswheel:soname", value }));
    properties.extend(build_id.map(|value| Property { name: "crosswheel:build-id", value }));
    Component {
        kind: "library",
        bom_ref: Some(reference(entry)),
        name: file_of(&entry.path).to_owned(),
        scope: Some("required"),
        hashes: vec![Hash { alg: "SHA-256", content: entry.sha256.0.clone() }],
        properties,
        ..Component::default()
    }
}

/// The bundled libraries that a library needs, by soname or file name.
fn needs(entry: &Entry, libraries: &[&Entry]) -> Dependency {
    let needed = entry.elf.as_ref().map(|elf| &elf.needed[..]).unwrap_or_default();
    let answers = |other: &&&Entry| {
        let soname = other.elf.as_ref().and_then(|elf| elf.soname.as_deref());
        let name = soname.unwrap_or(file_of(&other.path));
        other.path != entry.path && needed.iter().any(|needed| needed == name)
    };
    let depends_on = libraries.iter().filter(answers).map(|other| reference(other)).collect();
    Dependency { of: reference(entry), depends_on }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_exact_version_is_pinned() {
        for (text, version) in [
            ("a==1.2", Some("1.2")),
            ("a [x] (== 1.2+rocm7) ; python_version > '3'", Some("1.2+rocm7")),
            ("a===1.0", Some("1.0")),
            ("a==1.*", None),
            ("a==1,!=2", None),
            ("a>=1", None),
            ("a", None),
            ("a @ https://example.org/a.whl", None),
        ] {
            assert_eq!(pinned(text), version, "{text}");
        }
    }

    #[test]
    fn what_only_an_extra_asks_for_is_optional() {
        let metadata = "Name: demo\nRequires-Dist: A_b>1\nRequires-Dist: c; extra == 'x'\nRequires-Dist: a-b<3; extra=='x'\n\
            Requires-Dist: d; sys_platform == 'extra'\nRequires-Dist: demo[x]\n";
        let headers = Headers::parse(metadata.as_bytes()).unwrap();
        let found = requirements(&headers, "demo");
        let told: Vec<_> =
            found.iter().map(|one| (&one.name[..], one.scope.unwrap(), one.properties.len())).collect();
        assert_eq!(told, [("a-b", "required", 2), ("c", "optional", 1), ("d", "optional", 1)]);
    }
}
