//! `PATH` and what lies on it: folders, programs, and the shim folders that must not be mistaken for a real
//! toolchain. The path is always given; this never reads the environment of the process.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::layout::MAGIC;

/// The folders of a `PATH`, absolute and in order: empty and relative entries are taken from `cwd`, as a shell
/// does.
pub fn folders<'a>(path: &'a OsStr, cwd: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    // An empty PATH has no entry at all; an empty entry among others is the working folder.
    let entries = (!path.is_empty()).then(|| std::env::split_paths(path));
    entries.into_iter().flatten().map(|entry| absolute(&entry, cwd))
}

/// A path as seen from `cwd`.
#[must_use]
pub fn absolute(path: &Path, cwd: &Path) -> PathBuf {
    // Joining nothing would leave a slash at the end.
    if path.as_os_str().is_empty() { cwd.to_path_buf() } else { cwd.join(path) }
}

/// The first program of this name on `path`, outside of shim folders.
#[must_use]
pub fn find(name: &str, path: &OsStr, cwd: &Path) -> Option<PathBuf> {
    folders(path, cwd)
        .filter(|folder| !is_shim_folder(folder))
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

/// Whether the caller may run this file. Follows links; a folder is no program.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    let Ok(name) = CString::new(path.as_os_str().as_bytes()) else { return false };
    path.is_file()
        // SAFETY: `name` ends with NUL and lives through the call, which only reads it.
        && unsafe { libc::access(name.as_ptr(), libc::X_OK) } == 0
}

/// Whether a folder is the shim folder of a session, seen by the plan beside it.
#[must_use]
pub fn is_shim_folder(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let Some(session) = folder.parent() else { return false };
    let mut start = [0; MAGIC.len()];
    File::open(session.join("plan"))
        .is_ok_and(|mut plan| plan.read_exact(&mut start).is_ok() && start == *MAGIC)
}

/// `PATH` without the shim folders of any session; all else stays as it is written.
#[must_use]
pub fn without_shims(path: &OsStr, cwd: &Path) -> OsString {
    let entries = path.as_bytes().split(|byte| *byte == b':');
    let kept: Vec<_> = entries
        .filter(|entry| !is_shim_folder(&absolute(Path::new(OsStr::from_bytes(entry)), cwd)))
        .collect();
    OsString::from_vec(kept.join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn empty_and_relative_entries_are_taken_from_the_working_folder() {
        let found: Vec<_> = folders(OsStr::new("/a::b"), Path::new("/w")).collect();
        assert_eq!(found, ["/a", "/w", "/w/b"].map(PathBuf::from));
        assert_eq!(folders(OsStr::new(""), Path::new("/w")).count(), 0);
    }

    #[test]
    fn a_shim_folder_is_taken_out_also_behind_a_link_and_with_a_slash() {
        let home = tempfile::tempdir().expect("a folder");
        let session = home.path().join("session");
        fs::create_dir_all(session.join("bin")).expect("folders");
        fs::write(session.join("plan"), [MAGIC, &b"rest"[..]].concat()).expect("a plan");
        std::os::unix::fs::symlink(session.join("bin"), home.path().join("link")).expect("a link");
        let other = home.path().join("other");
        fs::create_dir_all(other.join("bin")).expect("folders");
        fs::write(other.join("plan"), "what we do on Monday").expect("a file");

        let at = home.path().display();
        let path = format!("{at}/session/bin/:/usr/bin:{at}/link:{at}/other/bin:session/bin");
        let kept = without_shims(OsStr::new(&path), home.path());
        assert_eq!(kept, OsString::from(format!("/usr/bin:{at}/other/bin")));
    }

    #[test]
    fn a_folder_and_a_file_without_the_right_are_no_programs() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("gcc");
        fs::write(&file, "").expect("a file");
        assert!(!is_executable(&file));
        assert!(!is_executable(home.path()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("rights");
        assert!(is_executable(&file));
    }
}
