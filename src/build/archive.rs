//! Unpacks a source distribution (`.tar.gz` or `.zip`), which a stranger may have made.
//!
//! Nothing is ever written outside of the folder it is given: names that are absolute or climb (`..`), links that
//! point out of the tree, and entries that would be written through a link are refused, and so is all that is neither
//! file, folder nor link. Owners are ours; of the modes only the permission to execute is kept.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::error::{Error, IoContext, Result};

/// What was unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// The one folder at the top.
    pub root: PathBuf,
    /// Newest time of an entry, seconds since 1970.
    pub newest: u64,
}

/// How an archive is packed.
enum Packing {
    TarGz,
    Zip,
}

/// What one entry asks for.
enum Item<'a> {
    Folder,
    File { content: &'a mut dyn Read, executable: bool },
    Link(PathBuf),
    HardLink(PathBuf),
}

/// Unpacks an archive into a folder that is empty.
pub fn unpack(archive: &Path, into: &Path) -> Result<Unpacked> {
    let mut file = File::open(archive).context("opening", archive)?;
    let mut writer = Writer { archive, into, top: None, newest: 0, folders: Vec::new() };
    match packing(&mut file).context("reading", archive)? {
        Some(Packing::TarGz) => untar(file, &mut writer)?,
        Some(Packing::Zip) => unzip(file, &mut writer)?,
        None => {
            return Err(Error::usage(format!("{} is neither a .tar.gz nor a .zip", archive.display()))
                .hint("unpack it and give the folder in its place"));
        }
    }
    writer.finish()
}

/// Tells the packing by the content, not by the name.
fn packing(file: &mut File) -> io::Result<Option<Packing>> {
    let mut magic = [0; 4];
    let known = file.read_exact(&mut magic).is_ok();
    file.rewind()?;
    Ok(match magic {
        [0x1f, 0x8b, ..] if known => Some(Packing::TarGz),
        [b'P', b'K', 3, 4] if known => Some(Packing::Zip),
        _ => None,
    })
}

fn untar(file: File, writer: &mut Writer) -> Result<()> {
    let archive = writer.archive;
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(io::BufReader::new(file)));
    for entry in tar.entries().context("reading", archive)? {
        let mut entry = entry.context("reading", archive)?;
        let name = PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path_bytes()));
        let modified = entry.header().mtime().context("reading", archive)?;
        let mode = entry.header().mode().context("reading", archive)?;
        let kind = entry.header().entry_type();
        let target = match entry.link_name_bytes() {
            Some(bytes) if kind.is_symlink() || kind.is_hard_link() => {
                Some(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
            }
            _ => None,
        };
        let item = if kind.is_dir() {
            Item::Folder
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            Item::File { content: &mut entry, executable: mode & 0o100 != 0 }
        } else if kind.is_pax_global_extensions() {
            continue;
        } else {
            match target {
                Some(target) if kind.is_symlink() => Item::Link(target),
                Some(target) => Item::HardLink(target),
                None => return Err(writer.refuse(&name, "is neither file, folder nor link")),
            }
        };
        writer.put(&name, item, modified)?;
    }
    Ok(())
}

fn unzip(file: File, writer: &mut Writer) -> Result<()> {
    const LINK: u32 = 0o120_000;
    let archive = writer.archive;
    let broken =
        |error: zip::result::ZipError| Error::failed(format!("reading {}: {error}", archive.display()));
    let mut zip = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(broken)?;
        let name = PathBuf::from(std::ffi::OsStr::from_bytes(entry.name_raw()));
        let modified = entry.last_modified().map_or(0, seconds);
        let mode = entry.unix_mode().unwrap_or(0o644);
        let item = if entry.is_dir() {
            Item::Folder
        } else if mode & 0o170_000 == LINK {
            let mut target = Vec::new();
            entry.read_to_end(&mut target).context("reading", archive)?;
            Item::Link(PathBuf::from(std::ffi::OsStr::from_bytes(&target)))
        } else {
            Item::File { content: &mut entry, executable: mode & 0o100 != 0 }
        };
        writer.put(&name, item, modified)?;
    }
    Ok(())
}

/// Seconds since 1970 of a time in a zip file, which names no zone: taken as UTC.
fn seconds(time: zip::DateTime) -> u64 {
    // Days from civil date, for years after 1970: March is the first month, so that a leap day comes last.
    let (year, month) = (u64::from(time.year()), u64::from(time.month()));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + u64::from(time.day()).saturating_sub(1);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let of_day = u64::from(time.hour()) * 3600 + u64::from(time.minute()) * 60 + u64::from(time.second());
    (days * 86_400 + of_day).saturating_sub(719_468 * 86_400)
}

/// Puts entries into the folder, and lets none escape.
struct Writer<'a> {
    archive: &'a Path,
    into: &'a Path,
    top: Option<PathBuf>,
    newest: u64,
    /// Folders with their times, set at the end because writing into them changes these.
    folders: Vec<(PathBuf, u64)>,
}

impl Writer<'_> {
    fn refuse(&self, name: &Path, why: &str) -> Error {
        Error::failed(format!("{}: the entry {} {why}", self.archive.display(), name.display()))
            .hint("the archive is damaged or was made to do harm; nothing of it was built")
    }

    fn put(&mut self, name: &Path, item: Item, modified: u64) -> Result<()> {
        let Some(inside) = contained(Path::new(""), name) else {
            return Err(self.refuse(name, "lies outside of the archive"));
        };
        let Some(first) = inside.components().next() else { return Ok(()) };
        let first = PathBuf::from(first.as_os_str());
        if self.top.get_or_insert_with(|| first.clone()) != &first {
            return Err(self.refuse(name, "is not in the one folder that a source distribution holds"));
        }
        let path = self.into.join(&inside);
        self.parents(&inside, name)?;
        self.newest = self.newest.max(modified);
        let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(modified));
        match item {
            Item::Folder => {
                if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
                    self.clear(&path)?;
                    fs::create_dir(&path).context("making", &path)?;
                }
                self.folders.push((path, modified));
            }
            Item::File { content, executable } => {
                self.clear(&path)?;
                let mut file = File::create_new(&path).context("making", &path)?;
                io::copy(content, &mut file).context("unpacking", &path)?;
                let mode = if executable { 0o755 } else { 0o644 };
                file.set_permissions(fs::Permissions::from_mode(mode)).context("unpacking", &path)?;
                file.set_times(time).context("unpacking", &path)?;
            }
            Item::Link(target) => {
                let home = inside.parent().unwrap_or(Path::new(""));
                if contained(home, &target).is_none_or(|end| !end.starts_with(&first)) {
                    return Err(self.refuse(name, "is a link that points out of the archive"));
                }
                self.clear(&path)?;
                symlink(&target, &path).context("linking", &path)?;
            }
            Item::HardLink(target) => {
                let Some(end) = contained(Path::new(""), &target).filter(|end| end.starts_with(&first))
                else {
                    return Err(self.refuse(name, "is a link that points out of the archive"));
                };
                self.parents(&end, name)?;
                let from = self.into.join(end);
                if !fs::symlink_metadata(&from).is_ok_and(|meta| meta.is_file()) {
                    return Err(self.refuse(name, "is a hard link to something that is no file before it"));
                }
                self.clear(&path)?;
                // A copy: two names for one file would let a patch to one change both.
                fs::copy(&from, &path).context("unpacking", &path)?;
            }
        }
        Ok(())
    }

    /// Makes the folders above an entry; none of them may be a link.
    fn parents(&self, inside: &Path, name: &Path) -> Result<()> {
        let mut here = self.into.to_owned();
        for part in inside.parent().into_iter().flat_map(Path::components) {
            here.push(part);
            match fs::symlink_metadata(&here) {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => return Err(self.refuse(name, "lies below something that is no folder")),
                Err(_) => fs::create_dir(&here).context("making", &here)?,
            }
        }
        Ok(())
    }

    /// A later entry of the same name takes the place of the earlier one, as tar does.
    fn clear(&self, path: &Path) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => Err(self.refuse(path, "takes the place of a folder")),
            Ok(_) => fs::remove_file(path).context("replacing", path),
            Err(_) => Ok(()),
        }
    }

    fn finish(self) -> Result<Unpacked> {
        let Some(top) = self.top else {
            return Err(Error::failed(format!("{} is empty", self.archive.display())));
        };
        let root = self.into.join(top);
        if !root.is_dir() {
            return Err(Error::failed(format!("{} holds no folder", self.archive.display())));
        }
        for (path, modified) in self.folders.into_iter().rev() {
            let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(modified));
            File::open(&path).and_then(|folder| folder.set_times(time)).context("unpacking", &path)?;
        }
        Ok(Unpacked { root, newest: self.newest })
    }
}

/// Where `path`, seen from the folder `home` of a tree, ends up in the tree; `None` if it leaves it.
pub(crate) fn contained(home: &Path, path: &Path) -> Option<PathBuf> {
    let mut end = home.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(name) => end.push(name),
            Component::CurDir => {}
            Component::ParentDir if end.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(end)
}
