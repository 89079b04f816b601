//! Other tags, build number, name, local version or requirements for a wheel. What is decided here is a plan: the new
//! file name and the pieces of the new archive. Every entry but WHEEL, RECORD and a changed METADATA stays raw. A plan
//! without any edit is a normalising pass: tags sorted and expanded, dist-info last, RECORD with plain line ends.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::archive::deliver::{self, How};
use super::archive::layout::{Piece, Planned, lay_out};
pub use super::edits::{Edits, TagEdit};
use super::finding::Finding;
use super::headers::Headers;
use super::metadata::{self, MetadataEdits};
use super::name::{Tags, WheelName};
use super::package::Package;
use super::policy::{self, PlatformTags};
use super::record::{Record, Row, hash};
use super::{check, fix, requirement};
use crate::build::pep440::normalized_name;
use crate::error::{Error, Result};

/// A text that changes.
#[derive(Debug)]
pub struct Text {
    /// Its new name in the wheel.
    pub path: String,
    /// What it was; empty if it is new.
    pub before: Vec<u8>,
    /// What it will be.
    pub after: Vec<u8>,
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
    /// The texts of dist-info that change, but RECORD.
    pub texts: Vec<Text>,
    /// What was wrong with the wheel, and is not with the new one.
    pub mended: Vec<Finding>,
    /// How the platform tags were decided on, if that was asked for.
    pub platform: Option<PlatformTags>,
}

impl Plan {
    /// Decides. `epoch` (seconds since 1970) dates what is written anew; without it, dates stay. To mend a wheel, its
    /// content is read.
    pub fn new(wheel: &Path, edits: &Edits, epoch: Option<u64>) -> Result<Self> {
        let mut package = if edits.fix { Package::open_to_mend(wheel) } else { Package::open(wheel) }?;
        let mended = std::mem::take(&mut package.findings);
        let refuse = |what: String| Error::failed(format!("{}: {what}", package.path.display()));
        let platform = match edits.platform {
            Some(TagEdit::Auto { levels }) => Some(policy::platform_of(&package, levels)?),
            _ => None,
        };
        let (name, metadata) = names(&package, edits, platform.as_ref())?;
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
        let old_record = if edits.fix {
            // What is wrong with METADATA is not mended, and so is refused.
            package.metadata()?;
            fix::record(&package, &name).map_err(|finding| finding.refusal(wheel))?
        } else {
            package.record.clone()
        };

        let variant = edits.variant.as_ref();
        let variant = variant.map(|variant| (format!("{info}/{}", check::VARIANT), variant.json.as_bytes()));
        let wheel_text = wheel_file(&package.wheel, &name);
        let mut texts = Vec::new();
        let mut text = |name: &str, before: &[u8], after: &[u8]| {
            let path = format!("{info}/{name}");
            texts.extend((before != after).then(|| Text {
                path,
                before: before.into(),
                after: after.into(),
            }));
        };
        text("WHEEL", &package.wheel.render(), &wheel_text);
        if let Some((before, after)) = &metadata {
            text("METADATA", before, after);
        }
        if let Some((_, json)) = &variant {
            text(check::VARIANT, &[], json);
        }
        let mut contents = vec![(format!("{}/WHEEL", package.info), wheel_text)];
        contents.extend(edits.files.clone());
        contents.extend(metadata.map(|(_, after)| (format!("{}/METADATA", package.info), after)));
        let own = format!("{}/RECORD", package.info);
        let more = variant.as_ref().map(|(path, json)| row(path.clone(), json));
        let record = record(old_record, &moved, &contents, more, &info).map_err(refuse)?;
        contents.push((own.clone(), record));

        let mut plan = Vec::with_capacity(package.archive.entries().len());
        let mut changes = Vec::new();
        let inside = format!("{}/", package.info);
        let of_wheel = format!("{inside}WHEEL");
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
            // A new file has the date and the rights of WHEEL.
            if let Some((path, json)) = variant.as_ref().filter(|_| path == of_wheel) {
                changes.push(path.clone());
                let name = Some(path.clone().into_bytes());
                plan.push((1, Planned { entry: *entry, name, content: Some(json.to_vec()) }));
            }
        }
        // The sort is stable: within its group, an entry keeps its place.
        plan.sort_by_key(|(order, _)| *order);
        let plan: Vec<Planned> = plan.into_iter().map(|(_, planned)| planned).collect();
        let pieces =
            lay_out(&package.archive, &plan, epoch).map_err(|finding| finding.refusal(&package.path))?;
        Ok(Self { package, name, pieces, changes, texts, mended, platform })
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

/// METADATA before and after.
type Metadata = (Vec<u8>, Vec<u8>);

/// The new file name, and METADATA if it changes.
fn names(
    package: &Package,
    edits: &Edits,
    platform: Option<&PlatformTags>,
) -> Result<(WheelName, Option<Metadata>)> {
    let refuse = |what: String| Error::failed(format!("{}: {what}", package.path.display()));
    let old = &package.name;
    let mut new = old.clone();
    new.tags = Tags {
        python: TagEdit::apply(edits.python.as_ref(), &old.tags.python),
        abi: TagEdit::apply(edits.abi.as_ref(), &old.tags.abi),
        platform: match platform {
            Some(earned) => TagEdit::apply(None, &earned.tags),
            None => TagEdit::apply(edits.platform.as_ref(), &old.tags.platform),
        },
    };
    if let Some(build) = &edits.build {
        new.build = (!build.is_empty()).then(|| build.clone());
    }
    if let Some(variant) = &edits.variant {
        if let Some(label) = &old.variant {
            return Err(refuse(format!("is of the variant `{label}` already")).hint("a wheel is of one"));
        }
        new.variant = Some(variant.label.clone());
    }
    if !edits.metadata() {
        return Ok((new, None));
    }
    let mut headers = package.metadata()?;
    let before = headers.render();
    let stated = headers.all("Version").next().unwrap_or_default();
    let version = edits.relocated(&stated).map_err(refuse)?;
    if edits.local.is_some() {
        // In a file name and in a folder's, `-` is escaped.
        new.version = version.replace('-', "_");
    }
    let stated_name = headers.all("Name").next().unwrap_or_default();
    if let Some(suffix) = &edits.suffix
        && normalized_name(&stated_name).ends_with(&format!("-{suffix}"))
    {
        return Err(refuse(format!("is named `{stated_name}` already")).hint("it is of that family"));
    }
    let name = edits.suffixed(edits.name.as_ref().unwrap_or(&stated_name));
    let renamed = name != stated_name;
    if renamed {
        new.distribution = normalized_name(&name).replace('-', "_");
    }
    let mut moved = vec![metadata::Moved {
        from: old.distribution.clone(),
        name: renamed.then(|| name.clone()),
        version: Some((stated, version.clone())),
    }];
    let required: BTreeSet<String> =
        headers.all("Requires-Dist").map(|text| normalized_name(requirement::name(&text))).collect();
    for sibling in required {
        for stated in edits.siblings.get(&sibling).into_iter().flatten() {
            moved.push(metadata::Moved {
                from: sibling.clone(),
                name: edits.suffix.is_some().then(|| edits.suffixed(&sibling)),
                version: Some((stated.clone(), edits.relocated(stated).map_err(refuse)?)),
            });
        }
    }
    moved.retain(|moved| moved.name.is_some() || moved.version.as_ref().is_some_and(|(old, new)| old != new));
    let edits = MetadataEdits {
        add: edits.add_requires.clone(),
        remove: edits.remove_requires.clone(),
        set: edits.set_requires.clone(),
        name: renamed.then_some(name),
        version: edits.local.is_some().then_some(version),
        moved,
    };
    metadata::edit(&mut headers, &edits);
    let after = headers.render();
    Ok((new, (after != before).then_some((before, after))))
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
///
/// A wheel that was for any platform and no longer is ceases to be pure. The reverse is not so: that code runs anywhere
/// does not say that it goes to the folder for pure code, and where it went until now it still does.
fn wheel_file(old: &Headers, name: &WheelName) -> Vec<u8> {
    let mut out = Vec::new();
    let mut tags = old.all("Tag").peekable();
    let was_any = tags.peek().is_some() && tags.all(|tag| tag.ends_with("-any"));
    let ceases = was_any && !name.tags.platform.iter().all(|tag| tag == "any");
    for header in &old.headers {
        if header.is("Tag") || header.is("Build") {
            continue;
        }
        if ceases && header.is("Root-Is-Purelib") {
            out.extend(b"Root-Is-Purelib: false\n");
            continue;
        }
        out.extend(header.raw().split_inclusive(|byte| *byte == b'\n').flat_map(|line| {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            text.iter().copied().chain([b'\n'])
        }));
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

/// A row of RECORD.
fn row(path: String, content: &[u8]) -> Row {
    Row { path, hash: hash::sha256(&Sha256::digest(content)), size: content.len().to_string() }
}

/// RECORD with the rows of what changed and of what is new; its own row last.
fn record(
    mut record: Record,
    moved: &Moved<'_>,
    contents: &[(String, Vec<u8>)],
    more: Option<Row>,
    info: &str,
) -> Result<Vec<u8>, String> {
    let package = moved.package;
    let own = format!("{}/RECORD", package.info);
    record.rows.retain(|row| row.path != own && !check::is_signature(&package.info, &row.path));
    for old in &mut record.rows {
        let path = moved.path(&old.path);
        match contents.iter().find(|(path, _)| *path == old.path) {
            Some((_, content)) => *old = row(path, content),
            None => old.path = path,
        }
    }
    record.rows.extend(more);
    if moved.stem.is_some() {
        let mut paths = BTreeSet::new();
        if let Some(row) = record.rows.iter().find(|row| !paths.insert(&row.path)) {
            return Err(format!("would have `{}` twice under its new name", row.path.escape_debug()));
        }
    }
    record.rows.push(Row { path: format!("{info}/RECORD"), ..Row::default() });
    Ok(record.render())
}
