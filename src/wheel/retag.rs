//! Other tags, build number, name, local version or requirements for a wheel. What is decided here is a plan: the new
//! file name and the pieces of the new archive. Every entry but WHEEL, RECORD and a changed METADATA stays raw. A plan
//! without any edit is a normalising pass: tags sorted and expanded, dist-info last, RECORD with plain line ends.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::archive::deliver::{self, How};
use super::archive::layout::{Piece, Planned, lay_out};
use super::check;
use super::headers::Headers;
use super::metadata::{self, MetadataEdits};
use super::name::{self, Tags, WheelName};
use super::package::Package;
use super::record::{Row, hash};
use super::requirement;
use crate::build::pep440::{Version, normalized_name};
use crate::error::{Error, Result};

/// A change of one of the three sets of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagEdit {
    /// These and no others.
    Set(Vec<String>),
    /// These, too.
    Add(Vec<String>),
    /// All but these.
    Remove(Vec<String>),
}

impl TagEdit {
    /// Reads `a.b`, `+a.b` or `-a.b`.
    pub fn parse(text: &str, what: &str) -> Result<Self, String> {
        if let Some(more) = text.strip_prefix('+') {
            name::set(more, what).map(Self::Add)
        } else if let Some(less) = text.strip_prefix('-') {
            name::set(less, what).map(Self::Remove)
        } else {
            name::set(text, what).map(Self::Set)
        }
    }

    /// The tags after it, sorted.
    fn apply(edit: Option<&Self>, old: &[String]) -> Vec<String> {
        let old = old.iter();
        let new: BTreeSet<&String> = match edit {
            None => old.collect(),
            Some(Self::Set(these)) => these.iter().collect(),
            Some(Self::Add(more)) => old.chain(more).collect(),
            Some(Self::Remove(less)) => old.filter(|tag| !less.contains(tag)).collect(),
        };
        new.into_iter().cloned().collect()
    }
}

/// What to change.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Python tags.
    pub python: Option<TagEdit>,
    /// ABI tags.
    pub abi: Option<TagEdit>,
    /// Platform tags.
    pub platform: Option<TagEdit>,
    /// The build number; empty to erase it.
    pub build: Option<String>,
    /// The name of the package.
    pub name: Option<String>,
    /// The local part of the version; empty to erase it.
    pub local: Option<String>,
    /// Requirements to add.
    pub add_requires: Vec<String>,
    /// Names of packages that are no longer required.
    pub remove_requires: Vec<String>,
    /// Requirements that take the place of those of the same name.
    pub set_requires: Vec<String>,
}

impl Edits {
    /// Checks what does not depend on the wheel.
    pub fn check(&self) -> Result<(), String> {
        if let Some(build) = self.build.as_deref().filter(|build| !build.is_empty()) {
            name::check_build(build)?;
        }
        if let Some(local) = self.local.as_deref().filter(|local| !local.is_empty()) {
            local_part(local)?;
        }
        self.name.as_deref().map_or(Ok(()), requirement::check_name)?;
        self.remove_requires.iter().try_for_each(|name| requirement::check_name(name))?;
        self.add_requires.iter().chain(&self.set_requires).try_for_each(|text| requirement::check(text))
    }

    fn metadata(&self) -> bool {
        let lists = [&self.add_requires, &self.remove_requires, &self.set_requires];
        self.name.is_some() || self.local.is_some() || lists.iter().any(|list| !list.is_empty())
    }
}

/// A local version as PEP 440 normalises it.
fn local_part(text: &str) -> Result<String, String> {
    let normal = text.to_ascii_lowercase().replace(['-', '_'], ".");
    let sound =
        normal.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if sound { Ok(normal) } else { Err(format!("`{}` is no local version", text.escape_debug())) }
}

/// What will be done with one wheel.
#[derive(Debug)]
pub struct Plan {
    /// The wheel.
    pub package: Package,
    /// The new file name.
    pub name: WheelName,
    /// The new archive.
    pub pieces: Vec<Piece>,
    /// Files that are written anew, and ones that are left out (`-` before the name).
    pub changes: Vec<String>,
}

impl Plan {
    /// Decides. `epoch` (seconds since 1970) dates what is written anew; without it, dates stay.
    pub fn new(package: Package, edits: &Edits, epoch: Option<u64>) -> Result<Self> {
        let refuse = |what: String| Error::failed(format!("{}: {what}", package.path.display()));
        let (name, metadata) = names(&package, edits)?;
        for (set, what) in
            [(&name.tags.python, "Python"), (&name.tags.abi, "ABI"), (&name.tags.platform, "platform")]
        {
            if set.is_empty() {
                return Err(refuse(format!("would have no {what} tag left")).hint("set another one"));
            }
        }
        let stem = format!("{}-{}", name.distribution, name.version);
        let moved = Moved { package: &package, stem: (stem != package_stem(&package)).then_some(stem) };
        let info = moved.path(&package.info);

        let wheel = wheel_file(&package.wheel, &name, &package.name.tags);
        let mut contents = vec![(format!("{}/WHEEL", package.info), wheel)];
        contents.extend(metadata.map(|bytes| (format!("{}/METADATA", package.info), bytes)));
        let own = format!("{}/RECORD", package.info);
        let record = record(&moved, &contents, &info).map_err(refuse)?;
        contents.push((own.clone(), record));

        let mut plan = Vec::with_capacity(package.archive.entries().len());
        let mut changes = Vec::new();
        let inside = format!("{}/", package.info);
        for entry in package.archive.entries() {
            let path = std::str::from_utf8(package.archive.name(entry)).unwrap_or_default();
            if check::is_signature(&package.info, path) {
                changes.push(format!("-{path}"));
                continue;
            }
            let mut planned = Planned::kept(*entry);
            let new = moved.path(path);
            if let Some((_, content)) = contents.iter_mut().find(|(changed, _)| changed == path) {
                planned.content = Some(std::mem::take(content));
                changes.push(new.clone());
            }
            planned.name = (new != path).then(|| new.into_bytes());
            let order = if path == own { 2 } else { u8::from(path.starts_with(&inside)) };
            plan.push((order, planned));
        }
        // The sort is stable: within its group, an entry keeps its place.
        plan.sort_by_key(|(order, _)| *order);
        let plan: Vec<Planned> = plan.into_iter().map(|(_, planned)| planned).collect();
        let pieces =
            lay_out(&package.archive, &plan, epoch).map_err(|finding| finding.refusal(&package.path))?;
        Ok(Self { package, name, pieces, changes })
    }

    /// Writes the new wheel: whole or not at all.
    pub fn write(&self, target: &Path, how: &How, progress: &mut dyn FnMut(u64)) -> Result<()> {
        deliver::write(self.package.archive.source(), &self.pieces, target, how, progress)
    }
}

/// `NAME-VERSION` as the dist-info folder has it.
fn package_stem(package: &Package) -> &str {
    &package.info[..package.info.len() - ".dist-info".len()]
}

/// The new file name, and the new METADATA if it changes.
fn names(package: &Package, edits: &Edits) -> Result<(WheelName, Option<Vec<u8>>)> {
    let refuse = |what: String| Error::failed(format!("{}: {what}", package.path.display()));
    let old = &package.name;
    let mut new = old.clone();
    new.tags = Tags {
        python: TagEdit::apply(edits.python.as_ref(), &old.tags.python),
        abi: TagEdit::apply(edits.abi.as_ref(), &old.tags.abi),
        platform: TagEdit::apply(edits.platform.as_ref(), &old.tags.platform),
    };
    if let Some(build) = &edits.build {
        new.build = (!build.is_empty()).then(|| build.clone());
    }
    if !edits.metadata() {
        return Ok((new, None));
    }
    let mut headers = package.metadata()?;
    let before = headers.render();
    let stated = headers.all("Version").next().unwrap_or_default();
    let version = match &edits.local {
        None => None,
        Some(local) => {
            let public = stated.split('+').next().unwrap_or_default();
            let version = if local.is_empty() {
                public.to_owned()
            } else {
                format!("{public}+{}", local_part(local).map_err(refuse)?)
            };
            if Version::parse(&version).is_none() {
                return Err(refuse(format!("would have the version `{version}`, which is none")));
            }
            // In a file name and in a folder's, `-` is escaped.
            new.version = version.replace('-', "_");
            Some(version)
        }
    };
    if let Some(name) = &edits.name {
        new.distribution = normalized_name(name).replace('-', "_");
    }
    let edits = MetadataEdits {
        add: edits.add_requires.clone(),
        remove: edits.remove_requires.clone(),
        set: edits.set_requires.clone(),
        name: edits.name.clone(),
        version,
    };
    metadata::edit(&mut headers, &edits, &old.distribution);
    let after = headers.render();
    Ok((new, (after != before).then_some(after)))
}

/// Where files are, if the package has another name or version: dist-info and data folders carry both.
struct Moved<'a> {
    package: &'a Package,
    stem: Option<String>,
}

impl Moved<'_> {
    fn path(&self, path: &str) -> String {
        let Some(stem) = &self.stem else { return path.to_owned() };
        let end = path.find('/').unwrap_or(path.len());
        let (folder, rest) = path.split_at(end);
        if folder == self.package.info {
            return format!("{stem}.dist-info{rest}");
        }
        match folder.strip_suffix(".data") {
            Some(old) if self.package.name.owns(old) => format!("{stem}.data{rest}"),
            _ => path.to_owned(),
        }
    }
}

/// WHEEL with other tags and build number, in the order in which `wheel tags` writes them: other headers as they are,
/// then each combination of the tags, then the build number.
fn wheel_file(old: &Headers, name: &WheelName, before: &Tags) -> Vec<u8> {
    let mut out = Vec::new();
    let any = |tags: &Tags| tags.platform.iter().all(|tag| tag == "any");
    let purelib = match (any(before), any(&name.tags)) {
        (true, false) => Some("false"),
        (false, true) => Some("true"),
        _ => None,
    };
    for header in &old.headers {
        if header.is("Tag") || header.is("Build") {
            continue;
        }
        match purelib.filter(|_| header.is("Root-Is-Purelib")) {
            Some(value) => out.extend(format!("Root-Is-Purelib: {value}\n").bytes()),
            None => {
                out.extend(header.raw().split_inclusive(|byte| *byte == b'\n').flat_map(|line| {
                    let text = line.strip_suffix(b"\n").unwrap_or(line);
                    let text = text.strip_suffix(b"\r").unwrap_or(text);
                    text.iter().copied().chain([b'\n'])
                }));
            }
        }
    }
    for tag in name.tags.expanded() {
        out.extend(format!("Tag: {tag}\n").bytes());
    }
    if let Some(build) = &name.build {
        out.extend(format!("Build: {build}\n").bytes());
    }
    out.push(b'\n');
    let rest = old.rest.strip_prefix(b"\r\n").or_else(|| old.rest.strip_prefix(b"\n")).unwrap_or(&old.rest);
    out.extend(rest);
    out
}

/// RECORD with the rows of what changed; its own row last.
fn record(moved: &Moved<'_>, contents: &[(String, Vec<u8>)], info: &str) -> Result<Vec<u8>, String> {
    let package = moved.package;
    let own = format!("{}/RECORD", package.info);
    let mut record = package.record.clone();
    record.rows.retain(|row| row.path != own && !check::is_signature(&package.info, &row.path));
    for row in &mut record.rows {
        if let Some((_, content)) = contents.iter().find(|(path, _)| *path == row.path) {
            row.hash = hash::sha256(&Sha256::digest(content));
            row.size = content.len().to_string();
        }
        row.path = moved.path(&row.path);
    }
    if moved.stem.is_some() {
        let mut paths = BTreeSet::new();
        if let Some(row) = record.rows.iter().find(|row| !paths.insert(&row.path)) {
            return Err(format!("would have `{}` twice under its new name", row.path.escape_debug()));
        }
    }
    record.rows.push(Row { path: format!("{info}/RECORD"), ..Row::default() });
    Ok(record.render())
}
