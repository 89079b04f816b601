//! Names that may be unpacked: plain relative paths with `/`, each spelled in the one way there is.

/// Why a name must not be unpacked.
pub(super) fn unsafe_because(name: &[u8]) -> Option<&'static str> {
    if name.is_empty() {
        return Some("has no name");
    }
    if name.contains(&0) {
        return Some("has a NUL in its name");
    }
    if name.contains(&b'\\') {
        return Some("has a backslash in its name, which is a separator on Windows");
    }
    if name[0] == b'/' {
        return Some("has an absolute path");
    }
    if name.len() > 1 && name[0].is_ascii_alphabetic() && name[1] == b':' {
        return Some("has a drive letter in its path");
    }
    let path = name.strip_suffix(b"/").unwrap_or(name);
    path.split(|byte| *byte == b'/').find_map(|part| match part {
        b".." => Some("has `..` in its path"),
        b"." => Some("has `.` in its path"),
        b"" => Some("has an empty part in its path"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_plain_relative_paths_pass() {
        for name in ["a", "a/b", "a/", "a b/ç", "..a/b..", "ab:c", ".a"] {
            assert_eq!(super::unsafe_because(name.as_bytes()), None, "{name}");
        }
        for name in ["", "/", "/a", "../a", "a/..", "a/../b", "./a", "a//b", "a\\b", "c:a", "a\0", "a//"] {
            assert!(super::unsafe_because(name.as_bytes()).is_some(), "{name}");
        }
    }
}
