//! Copies a source tree exactly: files, modes, times and symbolic links as they are.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::{IoContext, Result};

/// Copies `from`, a folder, to `to`, which must not be there. Paths for which `skip` says so, and sockets, pipes and
/// devices, are left out. Returns what was left out.
pub fn copy(from: &Path, to: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut left_out = Vec::new();
    copy_folder(from, to, skip, &mut left_out)?;
    left_out.sort();
    Ok(left_out)
}

fn copy_folder(
    from: &Path,
    to: &Path,
    skip: &dyn Fn(&Path) -> bool,
    left_out: &mut Vec<PathBuf>,
) -> Result<()> {
    fs::create_dir(to).context("making", to)?;
    for entry in fs::read_dir(from).context("reading the folder", from)? {
        let entry = entry.context("reading the folder", from)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().context("looking at", &source)?;
        if skip(&source)
            || kind.is_socket()
            || kind.is_fifo()
            || kind.is_block_device()
            || kind.is_char_device()
        {
            left_out.push(source);
        } else if kind.is_dir() {
            copy_folder(&source, &target, skip, left_out)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&source).context("reading the link", &source)?;
            symlink(link, &target).context("linking", &target)?;
        } else {
            copy_file(&source, &target)?;
        }
    }
    let meta = fs::metadata(from).context("looking at", from)?;
    stamp(to, &meta)?;
    // A folder that may not be written would keep us, and the build, from writing into it.
    let mut permissions = meta.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(
        &mut permissions,
        std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) | 0o700,
    );
    fs::set_permissions(to, permissions).context("setting the mode of", to)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).context("copying", from)?;
    let meta = fs::metadata(from).context("looking at", from)?;
    stamp(to, &meta)
}

fn stamp(path: &Path, meta: &fs::Metadata) -> Result<()> {
    let modified = meta.modified().context("reading the time of", path)?;
    let times = FileTimes::new().set_modified(modified);
    // A folder, or a file without permission to write, can be opened for reading, and that is enough.
    File::open(path).and_then(|file| file.set_times(times)).context("setting the time of", path)
}

/// Every file below a folder, without following links, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        for entry in fs::read_dir(&here).context("reading the folder", &here)? {
            let entry = entry.context("reading the folder", &here)?;
            let kind = entry.file_type().context("looking at", entry.path())?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
