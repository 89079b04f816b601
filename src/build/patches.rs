//! Patches that a package needs, kept as `<package>/<version spec>/NNNN-*.patch` (see docs/patches.md).
//!
//! Which of them apply is told by the package's normal name and a PEP 440 specifier set; each must say why it is
//! there. They are applied all or none: every result is made in memory first, and a hunk that does not fit exactly
//! stops the build.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchKind, PatchSet};
use serde::Serialize;

use super::hunks;
use super::pep440::{Specifiers, Version, normalized_name};
use crate::error::{Error, IoContext, Result};

/// One patch that is for the version at hand.
#[derive(Clone, Debug, Serialize)]
pub struct Patch {
    /// The file.
    pub path: PathBuf,
    /// Why it is needed: the first paragraph of its header.
    pub reason: String,
}

/// Whether there are any patches for a package, of whatever version.
#[must_use]
pub fn has_any(folder: &Path, name: &str) -> bool {
    package_folders(folder, name).is_ok_and(|folders| !folders.is_empty())
}

/// Whether there are patches for any package.
#[must_use]
pub fn has_packages(folder: &Path) -> bool {
    entries(folder).is_ok_and(|entries| entries.iter().any(|(_, path)| path.is_dir()))
}

/// The patches for a version of a package, in the order in which they apply.
pub fn select(folder: &Path, name: &str, version: &str) -> Result<Vec<Patch>> {
    let folders = package_folders(folder, name)?;
    if folders.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = Version::parse(version).ok_or_else(|| {
        Error::failed(format!("{name} has the version `{version}`, which PEP 440 does not know")).hint(
            format!("patches for {name} cannot be chosen; rename {} to build without", folders[0].display()),
        )
    })?;
    let mut chosen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in folders {
        for (spec, path) in entries(&folder)? {
            if !path.is_dir() {
                continue;
            }
            let specifiers = Specifiers::parse(&spec).map_err(|why| {
                Error::usage(format!("{}: the folder's name is no version specifier: {why}", path.display()))
                    .hint("name it such as `==1.2.*` or `>=1.0,<2`")
            })?;
            let files = patch_files(&path)?;
            if !specifiers.hold(&parsed) {
                continue;
            }
            for (file, path) in files {
                let number = file[..4].to_owned();
                if let Some(other) = chosen.insert(number, path.clone()) {
                    return Err(Error::usage(format!(
                        "{} and {} have the same number and both are for {version}",
                        other.display(),
                        path.display()
                    ))
                    .hint("give one another number: it says in which order they apply"));
                }
            }
        }
    }
    chosen
        .into_values()
        .map(|path| {
            let text = fs::read(&path).context("reading", &path)?;
            let reason = reason(header(&text)).ok_or_else(|| {
                Error::usage(format!("{} does not say why it is needed", path.display()))
                    .hint("begin the file with a comment that does, before the first `---` or `diff --git`")
            })?;
            Ok(Patch { path, reason })
        })
        .collect()
}

/// Applies patches to a source tree, all or none of them.
pub fn apply(patches: &[Patch], root: &Path) -> Result<()> {
    let mut staged = Staged { root, files: BTreeMap::new() };
    for patch in patches {
        let text = fs::read(&patch.path).context("reading", &patch.path)?;
        let body = &text[header(&text).len()..];
        let one = One { path: &patch.path, line: 1 + count_lines(header(&text)) };
        one.apply(body, &mut staged)?;
    }
    staged.write()
}

/// Folders of a package: those whose normal name is the package's.
fn package_folders(folder: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let name = normalized_name(name);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let all = entries(folder)?.into_iter();
    Ok(all.filter(|(n, path)| normalized_name(n) == name && path.is_dir()).map(|(_, path)| path).collect())
}

/// Patch files of a version folder, by name; a patch without a number is refused, other files are none of ours.
fn patch_files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = entries(folder)?;
    files.retain(|(name, _)| {
        Path::new(name).extension().is_some_and(|ext| ext == "patch" || ext == "diff")
            && !name.starts_with('.')
    });
    for (name, path) in &files {
        let numbered = name
            .as_bytes()
            .get(..5)
            .is_some_and(|start| start[..4].iter().all(u8::is_ascii_digit) && start[4] == b'-');
        if !numbered || Path::new(name).extension() != Some(OsStr::new("patch")) {
            return Err(Error::usage(format!("{} is not named as a patch is", path.display())).hint(
                "call it such as `0001-what-it-does.patch`: the number says in which order they apply",
            ));
        }
    }
    Ok(files)
}

/// Names and paths in a folder, in order. A name that is not UTF-8 is none that a package can have.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context("reading the folder", folder)? {
        let path = entry.context("reading the folder", folder)?.path();
        if let Some(name) = path.file_name().and_then(OsStr::to_str) {
            found.push((name.to_owned(), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

/// What stands before the first file's diff.
fn header(text: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let next = &text[at + line.len()..];
        if line.starts_with(b"diff --git ")
            || line.starts_with(b"Index: ")
            || line.starts_with(b"diff -")
            || (line.starts_with(b"--- ") && next.starts_with(b"+++ "))
        {
            break;
        }
        at += line.len();
    }
    &text[..at]
}

/// The first paragraph of a header, or the subject of one that git made.
fn reason(header: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(header);
    let mut lines = text.lines().map(|line| line.trim_start_matches('#').trim());
    let mut words = Vec::new();
    if text.starts_with("From ") {
        let subject = lines.by_ref().find_map(|line| line.strip_prefix("Subject:"))?;
        let subject = subject.trim();
        words.push(match subject.strip_prefix("[PATCH").and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) => rest.trim(),
            None => subject,
        });
    }
    let words_or_blank = lines.skip_while(|line| words.is_empty() && line.is_empty());
    words.extend(words_or_blank.take_while(|line| !line.is_empty() && *line != "---").collect::<Vec<_>>());
    let reason = words.join(" ").trim().to_owned();
    (!reason.is_empty()).then_some(reason)
}

fn count_lines(text: &[u8]) -> usize {
    text.split_inclusive(|byte| *byte == b'\n').count()
}

/// Files as they will be; `None` for one that is removed.
struct Staged<'a> {
    root: &'a Path,
    files: BTreeMap<PathBuf, Option<Content>>,
}

#[derive(Clone)]
struct Content {
    bytes: Vec<u8>,
    mode: u32,
}

impl Staged<'_> {
    fn get(&self, path: &Path) -> Result<Option<Content>> {
        if let Some(known) = self.files.get(path) {
            return Ok(known.clone());
        }
        let full = self.root.join(path);
        match fs::symlink_metadata(&full) {
            Ok(meta) if meta.is_file() => {
                let bytes = fs::read(&full).context("reading", &full)?;
                Ok(Some(Content { bytes, mode: meta.permissions().mode() & 0o777 }))
            }
            _ => Ok(None),
        }
    }

    /// Whether a path leads through a link, and so perhaps out of the tree.
    fn through_link(&self, path: &Path) -> bool {
        path.ancestors()
            .filter(|part| !part.as_os_str().is_empty())
            .any(|part| fs::symlink_metadata(self.root.join(part)).is_ok_and(|meta| meta.is_symlink()))
    }

    fn write(self) -> Result<()> {
        for (path, content) in self.files {
            let full = self.root.join(path);
            match content {
                Some(Content { bytes, mode }) => {
                    if let Some(parent) = full.parent() {
                        fs::create_dir_all(parent).context("making", parent)?;
                    }
                    // A new file: the old one may forbid writing.
                    if full.exists() {
                        fs::remove_file(&full).context("patching", &full)?;
                    }
                    fs::write(&full, bytes).context("patching", &full)?;
                    fs::set_permissions(&full, fs::Permissions::from_mode(mode))
                        .context("patching", &full)?;
                }
                None if full.exists() => fs::remove_file(&full).context("removing", &full)?,
                None => {}
            }
        }
        Ok(())
    }
}

/// One patch file while it is applied.
struct One<'a> {
    path: &'a Path,
    /// Line on which the diffs begin.
    line: usize,
}

impl One<'_> {
    fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::failed(format!("{}: {what}", self.path.display()))
    }

    fn apply(&self, body: &[u8], staged: &mut Staged) -> Result<()> {
        let git = body.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"diff --git "));
        let options = if git { ParseOptions::gitdiff() } else { ParseOptions::unidiff() };
        let mut hunks = 0;
        for file in PatchSet::parse_bytes(body, options) {
            let file = file.map_err(|error| self.error(format!("cannot be read: {error}")))?;
            hunks += file.patch().as_text().map_or(0, |text| text.hunks().len());
            self.apply_file(&file, staged)?;
        }
        // What the parser passed over in silence would be a change that nobody made.
        let named = body.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"@@ -")).count();
        if hunks != named {
            return Err(self.error(format!(
                "has {named} hunks from line {} on, of which only {hunks} belong to a file",
                self.line
            )));
        }
        Ok(())
    }

    fn apply_file(&self, file: &FilePatch<'_, [u8]>, staged: &mut Staged) -> Result<()> {
        let text = match file.patch() {
            PatchKind::Text(text) => text,
            PatchKind::Binary(_) => return Err(self.error("holds a binary file; only text can be patched")),
        };
        let (from, to) = match file.operation() {
            FileOperation::Create(path) => (None, Some(self.inside(path, true)?)),
            FileOperation::Delete(path) => (Some(self.inside(path, true)?), None),
            FileOperation::Modify { modified, .. } => {
                let path = self.inside(modified, true)?;
                (Some(path.clone()), Some(path))
            }
            FileOperation::Rename { from, to } | FileOperation::Copy { from, to } => {
                (Some(self.inside(from, false)?), Some(self.inside(to, false)?))
            }
        };
        for path in from.iter().chain(&to) {
            if staged.through_link(path) {
                return Err(self.error(format!("{} is, or is below, a symbolic link", path.display())));
            }
        }
        let old = match &from {
            Some(path) => Some(staged.get(path)?.ok_or_else(|| {
                self.error(format!("{} is not in the source", path.display()))
                    .hint("paths are read as `patch -p1` does: the first folder (a/, b/) is dropped")
            })?),
            None => None,
        };
        if let (None, Some(path)) = (&from, &to)
            && staged.get(path)?.is_some()
        {
            return Err(self.error(format!("{} is to be new, but is there already", path.display())));
        }
        let base = old.as_ref().map_or(&[][..], |content| &content.bytes);
        let place = to.as_ref().or(from.as_ref()).map_or_else(String::new, |path| path.display().to_string());
        let bytes = hunks::apply(base, text.hunks()).map_err(|misfit| self.misfit(&place, &misfit))?;
        if matches!(file.operation(), FileOperation::Rename { .. } | FileOperation::Delete(_))
            && let Some(path) = from
        {
            if to.is_none() && !bytes.is_empty() {
                return Err(
                    self.error(format!("{place} is to be removed, but has more lines than the patch knows"))
                );
            }
            staged.files.insert(path, None);
        }
        if let Some(path) = to {
            let mode = match file.new_mode() {
                Some(FileMode::Executable) => 0o755,
                Some(FileMode::Regular) => 0o644,
                Some(FileMode::Symlink | FileMode::Gitlink) => {
                    return Err(self.error(format!("{place} is a link; only files can be patched")));
                }
                None => old.map_or(0o644, |content| content.mode),
            };
            staged.files.insert(path, Some(Content { bytes, mode }));
        }
        Ok(())
    }

    fn misfit(&self, place: &str, misfit: &hunks::Misfit) -> Error {
        let error = self.error(format!(
            "hunk {} of {} does not apply to {place} at line {}",
            misfit.hunk, misfit.of, misfit.line
        ));
        match &misfit.differs {
            Some((line, wanted, Some(found))) => {
                error.hint(format!("line {line} should be `{wanted}`, but is `{found}`"))
            }
            Some((line, wanted, None)) => {
                error.hint(format!("line {line} should be `{wanted}`, but the file has ended"))
            }
            None => {
                error.hint("the lines are there, but not at the start or end of the file as the patch wants")
            }
        }
    }

    /// A path of the patch inside of the tree, as `patch -p1` reads it.
    fn inside(&self, path: &[u8], prefixed: bool) -> Result<PathBuf> {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(OsStr::from_bytes(path));
        let mut parts = path.components();
        if prefixed {
            parts.next();
        }
        let rest = parts.as_path();
        if rest.as_os_str().is_empty() || !rest.components().all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(self
                .error(format!("`{}` is no path inside of the source", path.display()))
                .hint("paths are read as `patch -p1` does: a/src/x.c and b/src/x.c"));
        }
        if path.is_absolute() {
            return Err(self.error(format!("`{}` is no path inside of the source", path.display())));
        }
        Ok(rest.to_owned())
    }
}
