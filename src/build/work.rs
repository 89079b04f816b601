//! The work area of one call: a temporary folder in which all is unpacked, installed and built.
//!
//! Its name has a fixed length and each part a fixed place, so that two builds differ in nothing but six letters,
//! which the prefix maps take out again. It is gone when the call ends, unless it is asked to stay or a backend has
//! failed in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, IoContext, Result};

/// The folder.
#[derive(Debug)]
pub struct WorkArea {
    dir: Option<TempDir>,
    root: PathBuf,
}

impl WorkArea {
    /// Makes one under the folder for temporary files.
    pub fn create() -> Result<Self> {
        // Physical, because that is what a compiler sees as its working folder.
        let base = std::env::temp_dir();
        let base = fs::canonicalize(&base).context("looking for the temporary folder", &base)?;
        let dir = tempfile::Builder::new()
            .prefix("xw-")
            .rand_bytes(6)
            .tempdir_in(&base)
            .context("making a work area in", &base)?;
        let area = Self { root: dir.path().to_owned(), dir: Some(dir) };
        for folder in [area.scripts(), area.source_home(), area.temporary(), area.pristine_home()] {
            fs::create_dir(&folder).context("making", folder)?;
        }
        Ok(area)
    }

    /// Its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Our own scripts and their questions and answers.
    #[must_use]
    pub fn scripts(&self) -> PathBuf {
        self.root.join("py")
    }

    /// Where the source as it came, patched, is kept.
    #[must_use]
    pub fn pristine_home(&self) -> PathBuf {
        self.root.join("orig")
    }

    /// Where the copy lies that is built, for every family at the same place.
    #[must_use]
    pub fn source_home(&self) -> PathBuf {
        self.root.join("src")
    }

    /// The isolated environment.
    #[must_use]
    pub fn environment(&self) -> PathBuf {
        self.root.join("env")
    }

    /// `TMPDIR` of the build.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The session: shim folder, plan and record.
    #[must_use]
    pub fn shims(&self) -> PathBuf {
        self.root.join("cw")
    }

    /// What is made for the target of a cross build.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.root.join("to")
    }

    /// Where the backend puts its wheel.
    #[must_use]
    pub fn wheels(&self) -> PathBuf {
        self.root.join("whl")
    }

    /// Writes one of our scripts.
    pub fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.scripts().join(name);
        fs::write(&path, text).context("writing", &path)?;
        Ok(path)
    }

    /// Makes a folder of the work area empty.
    pub fn emptied(&self, folder: &Path) -> Result<()> {
        remove_tree(folder).context("removing", folder)?;
        fs::create_dir(folder).context("making", folder)
    }

    /// Sets the built source of a family aside, for a work area that is kept.
    pub fn set_aside(&self, family: &str) -> Result<()> {
        let (from, to) = (self.source_home(), self.root.join(format!("src.{family}")));
        fs::rename(&from, &to).context("keeping", &to)?;
        fs::create_dir(&from).context("making", from)
    }

    /// Lets the folder stay.
    pub fn keep(&mut self) -> PathBuf {
        if let Some(dir) = self.dir.take() {
            return dir.keep();
        }
        self.root.clone()
    }
}

impl Drop for WorkArea {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.take() {
            // Nothing is left to tell: the work is done, and a rest in the temporary folder harms nobody.
            drop(remove_tree(&dir.keep()));
        }
    }
}

/// Puts the built source of a family, set aside in a work area that was kept, back to where it was built: `src` becomes a
/// link to `src.<family>`. Does nothing if `folder` does not lie in a kept work area with such a source.
pub fn put_back(folder: &Path, family: &str) -> Result<()> {
    let in_work_area = |above: &&Path| {
        let root = above.parent().and_then(Path::file_name).unwrap_or_default();
        above.ends_with("src") && root.as_encoded_bytes().starts_with(b"xw-")
    };
    let Some(source) = folder.ancestors().find(in_work_area) else { return Ok(()) };
    let kept = format!("src.{family}");
    let rest = folder.strip_prefix(source).unwrap_or(Path::new(""));
    let is_kept = source.with_file_name(&kept).join(rest).is_dir();
    // A link shows the tree of one family; what is neither a link nor empty is being built in.
    if let Ok(shown) = fs::read_link(source) {
        if shown == Path::new(&kept) {
            return Ok(());
        }
        if !is_kept {
            return Err(Error::failed(format!("{} is now the tree of another family", source.display()))
                .hint(format!("the tree of {family} was not kept: build it again with `--keep`")));
        }
        fs::remove_file(source).context("removing", source)?;
    } else if !is_kept {
        return Ok(());
    } else if source.exists() && fs::remove_dir(source).is_err() {
        return Err(Error::failed(format!(
            "{} is the tree of another family, which is being built",
            source.display()
        ))
        .hint(format!("wait for the end of that build; the tree of {family} is {kept} until then")));
    }
    std::os::unix::fs::symlink(&kept, source).context("linking", source)
}

/// Removes a folder that may hold folders without permission to write; that it is not there is no failure.
pub fn remove_tree(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            open_up(folder)?;
            fs::remove_dir_all(folder)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Gives us every permission on the folders of a tree.
fn open_up(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
