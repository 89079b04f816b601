//! What is built: a folder, a source distribution, or a requirement that names one on an index.
//!
//! The source is brought into the work area once, and each family gets a copy of it. What it is called and which
//! version it has is read from what it says itself, without running any of it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use super::pep440::{Specifiers, Version};
use super::tree;
use super::work::WorkArea;
use crate::error::{Error, IoContext, Result};

/// What the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder with a `pyproject.toml` or a `setup.py`.
    Folder(PathBuf),
    /// A source distribution.
    Archive(PathBuf),
    /// A requirement such as `name==version`, to be fetched.
    Requirement(String),
}

/// A source in the work area.
#[derive(Debug)]
pub struct Source {
    /// Its folder, as it came (and patched, later).
    pub root: PathBuf,
    /// Name as it says itself.
    pub name: Option<String>,
    /// Version as it says itself.
    pub version: Option<String>,
    /// Newest time in the archive, seconds since 1970; `None` for a folder.
    pub newest: Option<u64>,
    /// Things to tell: what was left out, what looks odd.
    pub notes: Vec<String>,
}

impl Origin {
    /// Tells which of the three it is.
    pub fn of(text: &OsStr) -> Result<Self> {
        let path = Path::new(text);
        let requirement = text.to_str().filter(|text| is_requirement(text));
        if path.is_dir() {
            if is_project(path) {
                return Ok(Self::Folder(path.to_owned()));
            }
            if requirement.is_none() {
                return Err(Error::usage(format!(
                    "{} holds neither pyproject.toml nor setup.py",
                    path.display()
                ))
                .hint("name the folder that holds one of them"));
            }
        } else if path.is_file() {
            if path.extension().is_some_and(|ext| ext == "whl") {
                return Err(Error::usage(format!(
                    "{} is a wheel: there is nothing to build",
                    path.display()
                ))
                .hint("give a folder, a source distribution, or name==version"));
            }
            return Ok(Self::Archive(path.to_owned()));
        }
        match requirement {
            Some(text) => {
                specifiers_of(text)
                    .map_err(|why| Error::usage(format!("`{text}` is not a requirement: {why}")))?;
                Ok(Self::Requirement(text.to_owned()))
            }
            None => Err(Error::usage(format!(
                "{} is neither a folder, nor a file, nor a requirement",
                path.display()
            ))
            .hint("give a folder, a source distribution (.tar.gz, .zip), or name==version")),
        }
    }
}

/// Whether a folder is something that can be built.
fn is_project(folder: &Path) -> bool {
    ["pyproject.toml", "setup.py"].iter().any(|name| folder.join(name).is_file())
}

/// Whether a text is a name, perhaps with version specifiers. pip reads it in full later.
fn is_requirement(text: &str) -> bool {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    !name.is_empty()
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && (rest.is_empty() || rest.starts_with(['=', '<', '>', '!', '~']))
}

/// Reads the specifiers of a requirement, so that a slip is told before anything is asked of an index.
fn specifiers_of(text: &str) -> Result<(), String> {
    match text.find(['=', '<', '>', '!', '~']).map(|at| &text[at..]) {
        // Arbitrary equality is pip's to judge.
        Some(specifiers) if !specifiers.contains("===") => Specifiers::parse(specifiers).map(drop),
        _ => Ok(()),
    }
}

/// Unpacks a source distribution into the work area.
pub fn from_archive(archive: &Path, area: &WorkArea) -> Result<Source> {
    let unpacked = archive::unpack(archive, &area.pristine_home())?;
    if !is_project(&unpacked.root) {
        return Err(Error::failed(format!(
            "{} is no source distribution: it holds neither pyproject.toml nor setup.py",
            archive.display()
        )));
    }
    let mut source = identified(unpacked.root)?;
    if source.name.is_none() || source.version.is_none() {
        let stem = archive.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let stem = stem.strip_suffix(".tar.gz").or_else(|| stem.strip_suffix(".zip")).unwrap_or_default();
        if let Some((name, version)) = stem.rsplit_once('-').filter(|(_, v)| Version::parse(v).is_some()) {
            source.name.get_or_insert_with(|| name.to_owned());
            source.version.get_or_insert_with(|| version.to_owned());
        }
    }
    source.newest = Some(unpacked.newest);
    Ok(source)
}

/// Copies a folder into the work area, `.git` included (setuptools-scm reads it). Left out are what setuptools left
/// of an earlier build, whose objects it would take over (of the wrong family), and `outputs`.
pub fn from_folder(folder: &Path, outputs: &[PathBuf], area: &WorkArea) -> Result<Source> {
    let folder = fs::canonicalize(folder).context("looking at", folder)?;
    let name = folder.file_name().map_or_else(|| OsString::from("source"), OsStr::to_owned);
    let outputs: Vec<PathBuf> = outputs.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let build = folder.join("build");
    let skip = |path: &Path| {
        path == area.root()
            || outputs.iter().any(|output| output == path)
            || (path.parent() == Some(&build)
                && path
                    .file_name()
                    .and_then(OsStr::to_str)
                    .is_some_and(|name| LEFTOVERS.iter().any(|start| name.starts_with(start))))
    };
    let root = area.pristine_home().join(name);
    let left_out = tree::copy(&folder, &root, &skip)?;
    let mut source = identified(root)?;
    let shown = |path: &PathBuf| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
    source.notes.extend(
        left_out
            .iter()
            .filter(|path| *path != area.root() && !outputs.contains(path))
            .map(|path| format!("left out {}: a build would take it over", shown(path))),
    );
    let objects = compiled(&source.root)?;
    if let Some(first) = objects.first() {
        source.notes.push(format!(
            "the source holds {} compiled file{} ({}{}): a build may take them over as they are",
            objects.len(),
            if objects.len() == 1 { "" } else { "s" },
            first.display(),
            if objects.len() == 1 { "" } else { ", …" },
        ));
    }
    Ok(source)
}

/// Folders in `build/` in which setuptools keeps what it made.
const LEFTOVERS: [&str; 3] = ["temp.", "lib.", "bdist."];

/// ELF objects and libraries of a tree, by their names and first bytes.
fn compiled(root: &Path) -> Result<Vec<PathBuf>> {
    const NAMES: [&str; 4] = ["o", "so", "obj", "lo"];
    let mut found = Vec::new();
    for path in tree::files(root)? {
        let named = path.extension().and_then(OsStr::to_str).is_some_and(|ext| NAMES.contains(&ext));
        if named && starts_with(&path, *b"\x7fELF") {
            found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(found)
}

fn starts_with(path: &Path, magic: [u8; 4]) -> bool {
    use std::io::Read;
    let mut bytes = [0; 4];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).is_ok() && bytes == magic
}

/// Reads name and version, from the most to the least certain place.
fn identified(root: PathBuf) -> Result<Source> {
    let (mut name, mut version) = pkg_info(&root);
    if name.is_none() || version.is_none() {
        let (more_name, more_version) = project_table(&root)?;
        name = name.or(more_name);
        version = version.or(more_version);
    }
    if name.is_none() || version.is_none() {
        let (more_name, more_version) = setup_cfg(&root);
        name = name.or(more_name);
        version = version.or(more_version);
    }
    Ok(Source { root, name, version, newest: None, notes: Vec::new() })
}

/// `PKG-INFO` of a source distribution: headers as in a mail.
fn pkg_info(root: &Path) -> (Option<String>, Option<String>) {
    let text = fs::read(root.join("PKG-INFO")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let header = |wanted: &str| {
        text.lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(wanted)))
            .map(|(_, value)| value.trim().to_owned())
    };
    (header("Name"), header("Version"))
}

/// `[project]` of `pyproject.toml`; a version that the backend makes is not there.
fn project_table(root: &Path) -> Result<(Option<String>, Option<String>)> {
    let path = root.join("pyproject.toml");
    let Ok(text) = fs::read_to_string(&path) else { return Ok((None, None)) };
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| Error::failed(format!("{}: {error}", shown_in_source(&path))))?;
    let get = |key: &str| {
        let value = table.get("project")?.get(key)?.as_str()?;
        Some(value.to_owned())
    };
    Ok((get("name"), get("version")))
}

/// `pyproject.toml` as the user knows it, not by its place in the work area.
fn shown_in_source(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// `[metadata]` of `setup.cfg`, where it is no reference to code.
fn setup_cfg(root: &Path) -> (Option<String>, Option<String>) {
    let text = fs::read(root.join("setup.cfg")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut section = "";
    let (mut name, mut version) = (None, None);
    for line in text.lines() {
        if let Some(head) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = head;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| section == "metadata") {
            let value = value.trim();
            match key.trim() {
                "name" => name = Some(value.to_owned()),
                "version" if Version::parse(value).is_some() => version = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    (name, version)
}
