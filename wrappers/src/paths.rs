//! Paths as bytes, without touching the disk.

/// What follows the last `/`.
#[must_use]
pub fn base_name(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(path, |at| &path[at + 1..])
}

/// What stands before the last `/`; empty if there is none.
#[must_use]
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(b"", |at| &path[..at])
}

/// A file name without its last extension. A dot at the start is none.
#[must_use]
pub fn stem(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|byte| *byte == b'.') {
        None | Some(0) => name,
        Some(at) => &name[..at],
    }
}

/// A path made absolute by its working folder, with `.` and empty parts taken out. `..` stays: behind a
/// symbolic link it is not what it looks like.
#[must_use]
pub fn absolute(path: &[u8], cwd: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(cwd.len() + path.len() + 1);
    let both = if path.starts_with(b"/") { [b"".as_slice(), path] } else { [cwd, path] };
    for part in both.iter().flat_map(|half| half.split(|byte| *byte == b'/')) {
        if !part.is_empty() && part != b"." {
            whole.push(b'/');
            whole.extend_from_slice(part);
        }
    }
    if whole.is_empty() {
        whole.push(b'/');
    }
    whole
}

/// Whether two absolute paths are the same but for needless slashes and dots.
#[must_use]
pub fn same_path(one: &[u8], other: &[u8]) -> bool {
    fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
    }
    one == other || (one.starts_with(b"/") && other.starts_with(b"/") && parts(one).eq(parts(other)))
}

/// Whether `path` is `folder` or lies in it.
#[must_use]
pub fn within(path: &[u8], folder: &[u8]) -> bool {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether `text` is written by `pattern`: `?` is any byte but `/`, `*` any run of them, `**` any run at all.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where to try again: the pattern behind the last star, the text that it has taken so far. A `**` can
    // always take more, so a `*` behind it that cannot gives way to it.
    let (mut p, mut t) = (0, 0);
    // What most texts differ in is asked first: their end, and, since the usual pattern of a table is `**/NAME…`, whether
    // there is a `/NAME` at all.
    if pattern.last().is_some_and(|last| !is_wild(*last) && text.last() != Some(last)) {
        return false;
    }
    if let Some(rest) = pattern.strip_prefix(b"**") {
        let literal = rest.split(|byte| is_wild(*byte)).next().unwrap_or_default();
        if !literal.is_empty() && !contains(text, literal) {
            return false;
        }
    }
    let mut star: Option<(usize, usize)> = None;
    let mut deep: Option<(usize, usize)> = None;
    loop {
        if pattern[p..].starts_with(b"**") {
            p += 2;
            deep = Some((p, t));
            star = None;
            continue;
        }
        if p < pattern.len() && pattern[p] == b'*' {
            p += 1;
            star = Some((p, t));
            continue;
        }
        if p == pattern.len() && t == text.len() {
            return true;
        }
        if p < pattern.len()
            && t < text.len()
            && (pattern[p] == text[t] || (pattern[p] == b'?' && text[t] != b'/'))
        {
            (p, t) = (p + 1, t + 1);
            continue;
        }
        match (star, deep) {
            (Some((after, taken)), _) if taken < text.len() && text[taken] != b'/' => {
                star = Some((after, taken + 1));
                (p, t) = (after, taken + 1);
            }
            (_, Some((after, taken))) if taken < text.len() => {
                star = None;
                deep = Some((after, taken + 1));
                (p, t) = (after, taken + 1);
            }
            _ => return false,
        }
    }
}

/// Whether a byte of a pattern stands for others. Letters, which most are, take one step.
fn is_wild(byte: u8) -> bool {
    byte <= b'?' && matches!(byte, b'*' | b'?')
}

/// Whether `text` holds `part`, which is not empty.
fn contains(text: &[u8], part: &[u8]) -> bool {
    // By the second byte: the first is a slash in nearly every pattern, and nearly everywhere in a path.
    let (at, byte) = part.get(1).map_or((0, part[0]), |byte| (1, *byte));
    text.iter().enumerate().any(|(i, b)| *b == byte && i >= at && text[i - at..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_in_a_folder_and_two_do_not() {
        for (pattern, text, expected) in [
            ("**/CMakeFiles/CMakeScratch/TryCompile-*", "/b/CMakeFiles/CMakeScratch/TryCompile-x1", true),
            ("**/CMakeFiles/*/CompilerId*", "/b/CMakeFiles/3.25.1/CompilerIdC", true),
            ("**/CMakeFiles/*/CompilerId*", "/b/CMakeFiles/a/b/CompilerIdC", false),
            ("**/CMakeFiles/*/CompilerId*/**", "/CMakeFiles/x/CMakeFiles/3/CompilerIdC/tmp/y", true),
            ("conftest.*", "conftest.c", true),
            ("conftest.*", "conftest", false),
            ("*.c", "a/b.c", false),
            ("a*b*c", "a-b-b-c", true),
            ("/tmp/tmp???/*.c*", "/tmp/tmpx_1/a.cc", true),
            ("/tmp/tmp???/*.c*", "/tmp/tmpx_1.build/a.c", false),
            ("a?c", "a/c", false),
            ("**/?b", "/x/ab", true),
            ("**", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_path_is_made_absolute_without_asking_the_disk() {
        assert_eq!(absolute(b"./a//b/../c", b"/x/"), b"/x/a/b/../c");
        assert_eq!(absolute(b"/y/.", b"/x"), b"/y");
        assert_eq!(absolute(b".", b"/"), b"/");
    }

    #[test]
    fn a_folder_holds_itself_and_not_its_namesake() {
        assert!(within(b"/tmp", b"/tmp/") && within(b"/tmp/a", b"/tmp") && !within(b"/tmpx/a", b"/tmp"));
    }
}
