//! Paths as calls name them, made to begin at the root: one is made for nearly every file of a record that is asked about, so
//! those that need no thought are put together as bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// A path as named in a folder, without `.` and `..`. Links are not followed: the files may be gone.
pub(super) fn resolved(folder: &[u8], named: &[u8]) -> PathBuf {
    if is_resolved(folder) {
        let (mut above, mut rest) = (folder, named);
        // A build below its sources names them so.
        while let Some(next) = rest.strip_prefix(b"../").filter(|next| !next.starts_with(b"/"))
            && let Some(at) = memchr::memrchr(b'/', above).filter(|at| *at > 0)
        {
            (above, rest) = (&above[..at], next);
        }
        if is_resolved(rest) {
            return joined(above, rest);
        }
    }
    walked(&Path::new(OsStr::from_bytes(folder)).join(OsStr::from_bytes(named)))
}

/// Whether a path has no part that leads elsewhere or nowhere, as nearly all have: it is its own resolved form.
fn is_resolved(path: &[u8]) -> bool {
    let leads_on = |at: usize| !matches!(path.get(at + 1), None | Some(b'.' | b'/'));
    !path.starts_with(b".") && memchr::memchr_iter(b'/', path).all(leads_on)
}

/// A path in a folder, both resolved.
fn joined(folder: &[u8], path: &[u8]) -> PathBuf {
    let bytes = match (folder, path) {
        (_, [b'/', ..]) | ([], _) => path.to_vec(),
        (_, []) => folder.to_vec(),
        _ => [folder, b"/", path].concat(),
    };
    PathBuf::from(OsString::from_vec(bytes))
}

/// Any path, part by part.
fn walked(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => _ = out.pop(),
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_leads_where_the_long_one_does() {
        const PARTS: [&[u8]; 8] = [b"..", b".", b"/", b"a", b".b", b"c.d", b"", b"..e"];
        let mut paths: Vec<Vec<u8>> = vec![Vec::new()];
        for _ in 0..3 {
            let longer = paths.iter().flat_map(|path| {
                PARTS.map(
                    |part| if path.is_empty() { part.to_vec() } else { [path, &b"/"[..], part].concat() },
                )
            });
            let longer: Vec<_> = longer.collect();
            paths.extend(longer);
        }
        paths.sort();
        paths.dedup();
        for folder in [&b""[..], b"/", b"/a", b"/a/b/", b"/a/b", b"/a/../b", b"a/b", b"./a", b"/a/.b"] {
            for path in &paths {
                let long = walked(&Path::new(OsStr::from_bytes(folder)).join(OsStr::from_bytes(path)));
                let short = resolved(folder, path);
                // As bytes: as paths `a/` and `a` are equal, and as keys they are not.
                assert_eq!(
                    short.as_os_str().as_bytes(),
                    long.as_os_str().as_bytes(),
                    "{:?} in {:?}",
                    String::from_utf8_lossy(path),
                    String::from_utf8_lossy(folder)
                );
            }
        }
    }
}
