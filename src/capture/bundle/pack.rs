//! What is in a bundle: written to a folder to be tried, and to an archive whose bytes depend on nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::super::text::Text;
use super::command::CallWords;
use super::gather::Gathered;
use crate::error::{Error, IoContext, Result};

enum Entry {
    Folder,
    Bytes(Vec<u8>, u32),
    Copy(PathBuf),
    Link(PathBuf),
}

/// A bundle, laid out.
pub(super) struct Pack(BTreeMap<PathBuf, Entry>);

impl Pack {
    pub(super) fn new(
        gathered: &Gathered,
        words: &CallWords,
        run: &[u8],
        readme: &[u8],
        record: &[u8],
        versions: &[u8],
    ) -> Result<Self> {
        let mut all = BTreeMap::new();
        let inside =
            |path: &Text| Path::new("root").join(path.path().strip_prefix("/").unwrap_or(path.path()));
        all.insert(PathBuf::from("root"), Entry::Folder);
        for folder in &gathered.folders {
            all.insert(inside(folder), Entry::Folder);
        }
        for (path, to) in &gathered.links {
            all.insert(inside(path), Entry::Link(to.clone()));
        }
        for (path, file) in &gathered.files {
            all.insert(inside(path), Entry::Copy(file.clone()));
        }
        let depth = words.folder.path().components().count().saturating_sub(1);
        let up = if depth == 0 { PathBuf::from(".") } else { std::iter::repeat_n("..", depth).collect() };
        let link = inside(&words.folder).join(".root");
        if all.insert(link, Entry::Link(up)).is_some() {
            return Err(Error::failed(format!("{}/.root is taken", words.folder.path().display())));
        }
        if let Some((unit, ending)) = &gathered.unit {
            all.insert(format!("unit.{ending}").into(), Entry::Bytes(unit.clone(), 0o644));
        }
        for (name, bytes, mode) in [
            ("run.sh", run, 0o755),
            ("README.md", readme, 0o644),
            ("record.jsonl", record, 0o644),
            ("versions.txt", versions, 0o644),
        ] {
            all.insert(name.into(), Entry::Bytes(bytes.to_vec(), mode));
        }
        Ok(Self(all))
    }

    /// Writes all of it below a folder.
    pub(super) fn write_to(&self, folder: &Path) -> Result<()> {
        for (name, entry) in &self.0 {
            let path = folder.join(name);
            if let Some(above) = path.parent() {
                fs::create_dir_all(above).context("cannot make", above)?;
            }
            match entry {
                Entry::Folder => fs::create_dir_all(&path).context("cannot make", &path)?,
                Entry::Bytes(bytes, mode) => {
                    fs::write(&path, bytes).context("cannot write", &path)?;
                    fs::set_permissions(&path, fs::Permissions::from_mode(*mode))
                        .context("cannot write", &path)?;
                }
                Entry::Copy(from) => _ = fs::copy(from, &path).context("cannot copy", from)?,
                Entry::Link(to) => symlink(to, &path).context("cannot link", &path)?,
            }
        }
        Ok(())
    }

    /// Writes a gzipped tar archive, whole or not at all. Times, owners and names of the machine are not in it.
    pub(super) fn write_archive(&self, out: &Path) -> Result<()> {
        let folder = match out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let part = tempfile::Builder::new()
            .prefix(".xw-")
            .tempfile_in(folder)
            .context("cannot make a file in", folder)?;
        let gzip = flate2::write::GzEncoder::new(part, flate2::Compression::default());
        let mut tar = tar::Builder::new(gzip);
        for (name, entry) in &self.0 {
            append(&mut tar, name, entry)?;
        }
        let mut part =
            tar.into_inner().and_then(flate2::write::GzEncoder::finish).context("cannot write", out)?;
        part.flush().context("cannot write", out)?;
        part.as_file().set_permissions(fs::Permissions::from_mode(0o644)).context("cannot write", out)?;
        part.persist(out).map_err(|error| Error::io("cannot write", out, &error.error))?;
        Ok(())
    }
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &Path, entry: &Entry) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mode(0o644);
    match entry {
        Entry::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            tar.append_data(&mut header, name, std::io::empty())
        }
        Entry::Bytes(bytes, mode) => {
            header.set_size(bytes.len() as u64);
            header.set_mode(*mode);
            tar.append_data(&mut header, name, bytes.as_slice())
        }
        Entry::Link(to) => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, name, to)
        }
        Entry::Copy(from) => {
            let file = File::open(from).context("cannot open", from)?;
            let size = file.metadata().context("cannot look at", from)?.len();
            header.set_size(size);
            tar.append_data(&mut header, name, file.take(size))
        }
    }
    .context("cannot pack", name)
}
