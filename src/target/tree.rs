//! Puts unpacked packages together into one folder, by hard links: a sysroot costs little beyond its packages.
//!
//! Two packages may have a folder in common, and a file if it is the same byte for byte. Anything else is a conflict
//! and refused, since nobody could say which of the two a build should see.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::unpack::MERGED;
use crate::error::{Error, IoContext, Result};

/// A package to put in.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name, for messages.
    pub name: String,
    /// Where it is unpacked.
    pub path: PathBuf,
}

/// Makes the tree in a folder that is empty.
pub fn assemble(parts: &[Part], into: &Path) -> Result<()> {
    for folder in MERGED {
        let (link, real) = (into.join(folder), into.join("usr").join(folder));
        fs::create_dir_all(&real).context("making", &real)?;
        symlink(Path::new("usr").join(folder), &link).context("linking", &link)?;
    }
    parts.iter().try_for_each(|part| add(part, &part.path, into))
}

/// Puts in what is in one folder of a package.
fn add(part: &Part, from: &Path, into: &Path) -> Result<()> {
    let mut entries =
        fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<_>>>).context("reading", from)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (from, to) = (entry.path(), into.join(entry.file_name()));
        let kind = entry.file_type().context("looking at", &from)?;
        let there = fs::symlink_metadata(&to).ok();
        if kind.is_dir() {
            match there {
                Some(there) if there.is_dir() => {}
                Some(_) => return Err(conflict(part, &to)),
                None => fs::create_dir(&to).context("making", &to)?,
            }
            add(part, &from, &to)?;
        } else if there.is_some() {
            if !same(&from, &to).context("comparing", &from)? {
                return Err(conflict(part, &to));
            }
        } else if kind.is_symlink() {
            let target = fs::read_link(&from).context("reading", &from)?;
            symlink(target, &to).context("linking", &to)?;
        } else if fs::hard_link(&from, &to).is_err() {
            // A file system without hard links, or one that allows no more of them.
            copy(&from, &to).context("copying to", &to)?;
        }
    }
    Ok(())
}

fn conflict(part: &Part, path: &Path) -> Error {
    Error::failed(format!(
        "the package {} and another one both have {}, and not the same",
        part.name,
        path.display()
    ))
    .hint("such packages exclude each other: leave one of them out, or take it in another sysroot")
}

/// Whether two paths are the same link or files of the same bytes.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (kind, kind2) = (fs::symlink_metadata(one)?.file_type(), fs::symlink_metadata(other)?.file_type());
    if kind != kind2 {
        return Ok(false);
    }
    if kind.is_symlink() {
        Ok(fs::read_link(one)? == fs::read_link(other)?)
    } else {
        Ok(fs::read(one)? == fs::read(other)?)
    }
}

/// Copies a file with its time, by which Python knows whether what it compiled is still of it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let modified = fs::metadata(from)?.modified()?;
    fs::File::options().append(true).open(to)?.set_modified(modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(root: &Path, name: &str, files: &[(&str, &str)]) -> Part {
        let path = root.join(name);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => symlink(target, &file).unwrap(),
                None => fs::write(&file, text).unwrap(),
            }
        }
        Part { name: name.into(), path }
    }

    #[test]
    fn packages_share_folders_and_files_that_are_the_same() {
        let root = tempfile::tempdir().unwrap();
        let one =
            part(root.path(), "one", &[("usr/lib/a", "a"), ("usr/lib/both", "x"), ("usr/lib/link", "-> a")]);
        let two =
            part(root.path(), "two", &[("usr/lib/b", "b"), ("usr/lib/both", "x"), ("usr/lib/link", "-> a")]);
        let into = root.path().join("tree");
        assemble(&[one, two], &into).unwrap();
        for (file, text) in [("lib/a", "a"), ("lib/b", "b"), ("usr/lib/both", "x"), ("lib/link", "a")] {
            assert_eq!(fs::read_to_string(into.join(file)).unwrap(), text, "{file}");
        }
    }

    #[test]
    fn packages_that_differ_in_a_file_exclude_each_other() {
        for other in ["y", "-> a"] {
            let root = tempfile::tempdir().unwrap();
            let one = part(root.path(), "one", &[("usr/a", "x")]);
            let two = part(root.path(), "two", &[("usr/a", other)]);
            let told = assemble(&[one, two], &root.path().join("tree")).unwrap_err();
            assert!(told.message.starts_with("the package two and another one both have"), "{told}");
        }
    }

    #[test]
    fn nothing_is_put_in_through_a_link() {
        let root = tempfile::tempdir().unwrap();
        let one = part(root.path(), "one", &[("usr/a", "-> ../../outside")]);
        let two = part(root.path(), "two", &[("usr/a/b", "x")]);
        fs::create_dir(root.path().join("outside")).unwrap();
        assert!(assemble(&[one, two], &root.path().join("tree")).is_err());
        assert_eq!(fs::read_dir(root.path().join("outside")).unwrap().count(), 0);
    }
}
