//! Unpacks the files of a package into a folder that stands for `/`, and lets none escape.
//!
//! Names that climb out are refused, and so is whatever would be written through a link, and what is neither file,
//! folder nor link. Links to absolute paths are made relative, so that they lead into the sysroot and not into this
//! machine; one that climbs out is refused. `/bin`, `/lib`, `/lib64` and `/sbin` are taken for the folders of `/usr` that
//! they are links to since bookworm, wherever a package still has them apart. Owners are ours; of the modes only the
//! permission to execute is kept.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::machine::Skipped;
use crate::build::archive::contained;
use crate::error::{Error, IoContext, Result};

/// Folders of `/` that are links into `/usr`.
pub const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// Where a package goes.
#[derive(Clone, Copy, Debug)]
pub struct Unpacking<'a> {
    /// The folder, which is empty.
    pub into: &'a Path,
    /// The package, for messages.
    pub label: &'a str,
    /// What is left out.
    pub skipped: &'a Skipped,
}

/// Where an entry belongs.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// At this path.
    Here(PathBuf),
    /// Nowhere: it is left out, or there already.
    Nowhere,
    /// Outside.
    Outside,
}

/// Unpacks a tar archive.
pub fn untar(data: impl Read, unpacking: &Unpacking<'_>) -> Result<()> {
    let broken = |error: io::Error| Error::failed(format!("{}: {error}", unpacking.label));
    let mut archive = tar::Archive::new(data);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = PathBuf::from(OsStr::from_bytes(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let path = match place(&name, unpacking.skipped) {
            Place::Here(path) => path,
            Place::Nowhere => continue,
            Place::Outside => return Err(refuse(unpacking, &name, "lies outside of the package")),
        };
        let modified = entry.header().mtime().map_err(broken)?;
        let executable = entry.header().mode().map_err(broken)? & 0o100 != 0;
        let target = entry.link_name_bytes().map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
        parents(unpacking, &path, &name)?;
        let at = unpacking.into.join(&path);
        if kind.is_dir() {
            if !fs::symlink_metadata(&at).is_ok_and(|there| there.is_dir()) {
                fs::create_dir(&at).context("making", &at)?;
            }
            continue;
        }
        if fs::symlink_metadata(&at).is_ok() {
            return Err(refuse(unpacking, &name, "is there twice"));
        }
        match target {
            Some(target) if kind.is_symlink() => {
                let link = link(&name, &path, &target)
                    .ok_or_else(|| refuse(unpacking, &name, "is a link that points out of the package"))?;
                symlink(link, &at).context("linking", &at)?;
            }
            Some(target) if kind.is_hard_link() => match place(&target, unpacking.skipped) {
                Place::Here(from) => {
                    parents(unpacking, &from, &name)?;
                    let from = unpacking.into.join(from);
                    if !fs::symlink_metadata(&from).is_ok_and(|there| there.is_file()) {
                        return Err(refuse(
                            unpacking,
                            &name,
                            "is a hard link to something that is no file before it",
                        ));
                    }
                    fs::copy(&from, &at).context("unpacking", &at)?;
                }
                Place::Nowhere => {}
                Place::Outside => {
                    return Err(refuse(unpacking, &name, "is a link that points out of the package"));
                }
            },
            _ if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() => {
                let mut file = File::create_new(&at).context("making", &at)?;
                io::copy(&mut entry, &mut file).context("unpacking", &at)?;
                let mode = if executable { 0o755 } else { 0o644 };
                file.set_permissions(fs::Permissions::from_mode(mode)).context("unpacking", &at)?;
                let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(modified));
                file.set_times(time).context("unpacking", &at)?;
            }
            _ => return Err(refuse(unpacking, &name, "is neither file, folder nor link")),
        }
    }
    Ok(())
}

fn refuse(unpacking: &Unpacking<'_>, name: &Path, why: &str) -> Error {
    Error::failed(format!("{}: the entry `{}` {why}", unpacking.label, name.display())).hint(
        "the package was made to do harm, or is of another kind than a sysroot needs; nothing of it was kept",
    )
}

/// Makes the folders above an entry; none of them may be a link.
fn parents(unpacking: &Unpacking<'_>, path: &Path, name: &Path) -> Result<()> {
    let mut here = unpacking.into.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        here.push(part);
        match fs::symlink_metadata(&here) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Err(refuse(unpacking, name, "lies below something that is no folder")),
            Err(_) => fs::create_dir(&here).context("making", &here)?,
        }
    }
    Ok(())
}

/// Where an entry belongs, seen from the folder that stands for `/`.
fn place(name: &Path, skipped: &Skipped) -> Place {
    let Some(inside) = contained(Path::new(""), name.strip_prefix("/").unwrap_or(name)) else {
        return Place::Outside;
    };
    let mut parts = inside.components();
    let alone = parts.next().is_none() || parts.next().is_none();
    if alone && (inside.as_os_str().is_empty() || MERGED.iter().any(|folder| inside == Path::new(folder))) {
        return Place::Nowhere;
    }
    let path = merged(&inside);
    if skipped.has(&path) { Place::Nowhere } else { Place::Here(path) }
}

/// `lib/x` as `usr/lib/x`.
fn merged(path: &Path) -> PathBuf {
    if MERGED.iter().any(|folder| path.starts_with(folder)) {
        Path::new("usr").join(path)
    } else {
        path.to_owned()
    }
}

/// What a link at `path`, which the package has as `name`, says to lead where `target` leads in the package; `None` if
/// that is outside.
fn link(name: &Path, path: &Path, target: &Path) -> Option<PathBuf> {
    let home = contained(Path::new(""), name.strip_prefix("/").unwrap_or(name))?;
    let end = match target.strip_prefix("/") {
        Ok(absolute) => contained(Path::new(""), absolute)?,
        Err(_) => contained(home.parent()?, target)?,
    };
    Some(relative(path.parent()?, &merged(&end)))
}

/// The way from one folder to a path, both seen from the same root.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(common)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_place_in_the_merged_tree() {
        let skipped = Skipped { folders: vec!["usr/share/doc".to_owned()], files: Vec::new() };
        let here = |path: &str| Place::Here(path.into());
        for (name, at) in [
            ("./usr/include/a.h", here("usr/include/a.h")),
            ("/usr/include/a.h", here("usr/include/a.h")),
            ("./lib/x/libc.so.6", here("usr/lib/x/libc.so.6")),
            ("./library/x", here("library/x")),
            ("./", Place::Nowhere),
            ("./lib", Place::Nowhere),
            ("./usr/share/doc/a/copyright", Place::Nowhere),
            ("./usr/share/docs", here("usr/share/docs")),
            ("../etc/passwd", Place::Outside),
            ("./usr/../../etc/passwd", Place::Outside),
            ("/../etc/passwd", Place::Outside),
        ] {
            assert_eq!(place(Path::new(name), &skipped), at, "{name}");
        }
    }

    #[test]
    fn links_lead_into_the_sysroot_and_never_out_of_it() {
        for (name, target, said) in [
            ("./usr/lib/t/libm.so", "/lib/t/libm.so.6", Some("libm.so.6")),
            ("./usr/lib/t/libm.so", "libm.so.6", Some("libm.so.6")),
            ("./usr/lib/t/a", "../u/b", Some("../u/b")),
            ("./lib/t/a", "../../usr/share/b", Some("../../share/b")),
            ("./etc/a", "/usr/lib/b", Some("../usr/lib/b")),
            ("./usr/lib/a", ".", Some(".")),
            ("./usr/a", "../../etc/passwd", None),
            ("./usr/a", "/../etc/passwd", None),
        ] {
            let at = merged(Path::new(name.trim_start_matches("./")));
            let made = link(Path::new(name), &at, Path::new(target));
            assert_eq!(made.as_deref(), said.map(Path::new), "{name} -> {target}");
        }
    }
}
