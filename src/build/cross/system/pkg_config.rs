//! pkg-config in a cross build: descriptions of libraries that lead into the view, and a program in front of this
//! machine's that sees no others, whatever a package's build sets, and notes what it was asked.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Prefer;
use crate::error::{IoContext, Result};

/// The names under which builds look for it.
const NAMES: [&str; 2] = ["pkg-config", "pkgconf"];

/// A description (`.pc`) with its absolute paths moved from the system root, or from `/`, into the view. So no program
/// has to put a system root in front of them, which the versions of pkg-config do in different ways.
pub(super) fn moved(text: &str, root: &Path, view: &Path) -> String {
    let (root, view) = (root.to_string_lossy(), view.to_string_lossy());
    let place = |path: &str| match path
        .strip_prefix(&*root)
        .filter(|rest| root.len() > 1 && (rest.is_empty() || rest.starts_with('/')))
    {
        Some(rest) => format!("{view}{rest}"),
        None => format!("{view}{path}"),
    };
    let mut out = String::new();
    for line in text.lines() {
        let variable = line.split_once('=').filter(|(name, _)| !name.contains([':', ' ']));
        let moved = match variable {
            Some((name, value)) if value.trim_start().starts_with('/') => {
                format!("{name}={}", place(value.trim_start()))
            }
            Some(_) => line.to_owned(),
            None => line.split(' ').map(|word| option(word, &place)).collect::<Vec<_>>().join(" "),
        };
        out.push_str(&moved);
        out.push('\n');
    }
    out
}

/// A word of a field such as `Libs: -L/usr/lib/foo -lfoo`.
fn option(word: &str, place: &dyn Fn(&str) -> String) -> String {
    for start in ["-I", "-L"] {
        if let Some(path) = word.strip_prefix(start).filter(|path| path.starts_with('/')) {
            return format!("{start}{}", place(path));
        }
    }
    word.to_owned()
}

/// Writes the programs into a folder. `real` is this machine's, `folders` those of the descriptions.
pub(super) fn write(
    folder: &Path,
    real: &Path,
    triplet: &str,
    folders: &[PathBuf],
    prefer: Prefer,
    log: &Path,
) -> Result<()> {
    fs::create_dir_all(folder).context("making", folder)?;
    let list: Vec<String> = folders.iter().map(|folder| folder.to_string_lossy().into_owned()).collect();
    let mut text =
        String::from("#!/bin/sh\n# This machine's pkg-config, for libraries of the target alone.\n");
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "PKG_CONFIG_LIBDIR={}\nexport PKG_CONFIG_LIBDIR\nunset PKG_CONFIG_SYSROOT_DIR\n\
         # What a package builds for itself may be in PKG_CONFIG_PATH; libraries of this machine may not.\n\
         path= IFS=:\nset -f\n\
         for one in $PKG_CONFIG_PATH; do\n\
         \x20   case $one in /usr/*|/lib/*|/opt/*) ;; *) path=${{path:+$path:}}$one ;; esac\ndone\n\
         unset IFS\nPKG_CONFIG_PATH=$path\nexport PKG_CONFIG_PATH\n\
         {}{} \"$@\"\nstatus=$?\n{{ printf '%s' $status; printf '\\t%s' \"$@\"; echo; }} >>{} 2>/dev/null\nexit $status\n",
        quoted(list.join(":").as_bytes()),
        quoted(real.as_os_str().as_bytes()),
        if prefer == Prefer::Static { " --static" } else { "" },
        quoted(log.as_os_str().as_bytes()),
    );
    for name in NAMES.map(str::to_owned).into_iter().chain([format!("{triplet}-pkg-config")]) {
        let path = folder.join(name);
        fs::write(&path, &text).context("writing", &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("making executable", &path)?;
    }
    Ok(())
}

/// A word of a shell.
fn quoted(bytes: &[u8]) -> String {
    format!("'{}'", String::from_utf8_lossy(bytes).replace('\'', r"'\''"))
}

/// The libraries that were asked for and are not there, by the log of the programs: sorted, each once. Those that were
/// found under the same name at another time are left out.
pub(super) fn lacking(log: &str) -> Vec<String> {
    let mut lacking = std::collections::BTreeSet::new();
    let mut found = std::collections::BTreeSet::new();
    for line in log.lines() {
        let mut words = line.split('\t');
        let into = if words.next() == Some("0") { &mut found } else { &mut lacking };
        // Options, versions and comparisons (`zlib >= 1.2`) stand between the names.
        let words = words.flat_map(|word| word.split([' ', ','])).filter(|word| {
            word.starts_with(|first: char| first.is_ascii_alphabetic()) && !word.contains(['/', '='])
        });
        into.extend(words.map(str::to_owned));
    }
    lacking.difference(&found).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_of_a_description_lead_into_the_view() {
        let text = "prefix=/usr\nlibdir=${prefix}/lib/aarch64-linux-gnu\nincludedir= /usr/include\n\nName: a=b\n\
                    Libs: -L${libdir} -L/usr/lib/foo -lfoo\nCflags: -I/usr/include/foo -DX=/usr\n";
        let moved = moved(text, Path::new("/cache/root"), Path::new("/view"));
        assert_eq!(
            moved,
            "prefix=/view/usr\nlibdir=${prefix}/lib/aarch64-linux-gnu\nincludedir=/view/usr/include\n\nName: a=b\n\
             Libs: -L${libdir} -L/view/usr/lib/foo -lfoo\nCflags: -I/view/usr/include/foo -DX=/usr\n"
        );
        let own = super::moved("prefix=/opt/arm\n", Path::new("/opt/arm"), Path::new("/view"));
        assert_eq!(own, "prefix=/view\n");
        let own = super::moved("prefix=/opt/arm/x\n", Path::new("/opt/arm"), Path::new("/view"));
        assert_eq!(own, "prefix=/view/x\n");
    }

    #[test]
    fn what_was_asked_for_in_vain_is_read_from_the_log() {
        let log = "1\t--exists\tlibffi\n0\t--libs\tzlib\n1\t--modversion\tlibzmq >= 4.1, zlib\n1\t--print-errors\t--short-errors\n";
        assert_eq!(lacking(log), ["libffi", "libzmq"]);
    }
}
