//! Which file of one wheel is which of the other: by path, else by content, else by a name that differs only in what
//! builds put into names. Both directions give the same pairs.

use std::collections::BTreeMap;

/// So many files of one checksum and size are compared with a file. More are made on purpose.
const TRIES: usize = 16;

/// What is known of a file.
#[derive(Clone, Debug)]
pub(super) struct Known<'k> {
    /// The path that it is known by on both sides.
    pub(super) key: &'k str,
    /// The name of the distribution, normalised; empty if it is not known.
    pub(super) distribution: &'k str,
    pub(super) crc: u32,
    pub(super) size: u64,
}

/// Pairs, and what is on one side only. All by their places in the lists, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs {
    pub(super) both: Vec<(usize, usize)>,
    pub(super) removed: Vec<usize>,
    pub(super) added: Vec<usize>,
}

/// Finds them. `same` tells whether a file of the one and a file of the other have the same content; it is asked
/// only where checksum and size agree.
pub(super) fn pair(a: &[Known<'_>], b: &[Known<'_>], mut same: impl FnMut(usize, usize) -> bool) -> Pairs {
    let mut open = Open { a, b, free: [vec![true; a.len()], vec![true; b.len()]], both: Vec::new() };
    // A name that is there twice is matched in the order of the directory.
    open.join(|known| Some(known.key.to_owned()), |_, _| true, false);
    let content = |known: &Known<'_>, name: &str| Some((known.crc, known.size, name.to_owned()));
    open.join(|known| content(known, base(known.key)), &mut same, false);
    // Empty files are all the same, which makes none of them another's successor.
    open.join(|known| content(known, "").filter(|_| known.size > 0), &mut same, false);
    open.join(|known| Some(alike(known.key, known.distribution)), |_, _| true, true);
    let Open { free: [free_a, free_b], mut both, .. } = open;
    both.sort_unstable();
    let left = |free: &[bool]| (0..free.len()).filter(|at| free[*at]).collect();
    Pairs { both, removed: left(&free_a), added: left(&free_b) }
}

struct Open<'k> {
    a: &'k [Known<'k>],
    b: &'k [Known<'k>],
    /// Which have no partner yet.
    free: [Vec<bool>; 2],
    both: Vec<(usize, usize)>,
}

impl Open<'_> {
    /// Joins what is free, of one group, and `fits`. With `alone`, a group must have one of each side.
    fn join<G: Ord>(
        &mut self,
        group: impl Fn(&Known<'_>) -> Option<G>,
        mut fits: impl FnMut(usize, usize) -> bool,
        alone: bool,
    ) {
        let mut groups: BTreeMap<G, [Vec<usize>; 2]> = BTreeMap::new();
        for (side, all) in [self.a, self.b].into_iter().enumerate() {
            for (at, known) in all.iter().enumerate().filter(|(at, _)| self.free[side][*at]) {
                if let Some(group) = group(known) {
                    groups.entry(group).or_default()[side].push(at);
                }
            }
        }
        for [mut one, mut other] in groups.into_values() {
            if alone && (one.len() != 1 || other.len() != 1) {
                continue;
            }
            // Taken in the order of the paths, so that the order of the archive decides nothing but between equal paths.
            one.sort_by_key(|at| (self.a[*at].key, *at));
            other.sort_by_key(|at| std::cmp::Reverse((self.b[*at].key, *at)));
            for at in one {
                if let Some(place) = other.iter().rev().take(TRIES).position(|to| fits(at, *to)) {
                    let to = other.remove(other.len() - 1 - place);
                    self.free[0][at] = false;
                    self.free[1][to] = false;
                    self.both.push((at, to));
                }
            }
        }
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// A path without what another interpreter, platform, build or name of the distribution puts into it: the tag of an
/// extension module (PEP 3149), the digest that auditwheel puts into names of libraries and the version behind `.so`, the
/// name of the `.libs` folder.
fn alike(path: &str, distribution: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match folder.strip_suffix(".libs") {
        Some(name) if crate::build::pep440::normalized_name(name) == distribution => "{libs}",
        _ => folder,
    };
    let (stem, kind) = if let Some((stem, _)) = file.split_once(".so.") {
        (stem, ".so")
    } else if let Some(stem) = file.strip_suffix(".so") {
        (stem, ".so")
    } else {
        return format!("{folder}/{file}");
    };
    let tags = [".cpython-", ".pypy", ".graalpy", ".abi3"];
    let stem = tags.iter().filter_map(|tag| stem.find(tag)).min().map_or(stem, |at| &stem[..at]);
    let is_digest = |part: &str| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = stem.split('-').filter(|part| !is_digest(part)).collect();
    format!("{folder}/{}{kind}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'k>(files: &[(&'k str, u32)]) -> Vec<Known<'k>> {
        let one = |(key, crc): &(&'k str, u32)| Known {
            key,
            distribution: "demo",
            crc: *crc,
            size: u64::from(*crc > 0),
        };
        files.iter().map(one).collect()
    }

    /// Names of the pairs.
    fn paired(a: &[(&str, u32)], b: &[(&str, u32)]) -> Vec<String> {
        let pairs = pair(&known(a), &known(b), |_, _| true);
        let other = pair(&known(b), &known(a), |_, _| true);
        let mut turned: Vec<_> = other.both.iter().map(|(one, two)| (*two, *one)).collect();
        turned.sort_unstable();
        assert_eq!(pairs.both, turned, "both directions agree");
        pairs.both.iter().map(|(one, two)| format!("{} {}", a[*one].0, b[*two].0)).collect()
    }

    #[test]
    fn paths_go_before_content_and_content_before_likeness() {
        assert_eq!(paired(&[("a", 1), ("b", 2)], &[("a", 2), ("b", 1)]), ["a a", "b b"]);
        assert_eq!(paired(&[("x/a", 1), ("x/b", 1)], &[("y/b", 1), ("y/c", 1)]), ["x/a y/c", "x/b y/b"]);
        assert_eq!(paired(&[("a.abi3.so", 1)], &[("b.so", 1), ("a.so", 2)]), ["a.abi3.so b.so"]);
    }

    #[test]
    fn empty_files_are_only_matched_by_their_name() {
        assert!(paired(&[("a", 0)], &[("b", 0)]).is_empty());
        assert_eq!(paired(&[("x/a", 0)], &[("y/a", 0)]), ["x/a y/a"]);
    }

    #[test]
    fn what_builds_put_into_names_makes_no_other_file() {
        for (one, other, same) in [
            ("a/b.cpython-311-x86_64-linux-gnu.so", "a/b.cpython-312-x86_64-linux-musl.so", true),
            ("a/b.cpython-311-x86_64-linux-gnu.so", "a/b.abi3.so", true),
            ("demo.libs/libx-0123abcd.so.1.2", "demo.libs/libx-deadbeef.so.3", true),
            ("demo.libs/libx-0123abcd-00000000.so", "Demo.libs/libx-deadbeef.so.3", true),
            ("other.libs/libx-0123abcd.so", "demo.libs/libx-0123abcd.so", false),
            ("a/b.so", "c/b.so", false),
            ("a/b-0123abcd.txt", "a/b-deadbeef.txt", false),
        ] {
            assert_eq!(!paired(&[(one, 1)], &[(other, 2)]).is_empty(), same, "{one} {other}");
        }
    }

    #[test]
    fn where_several_are_alike_none_is_matched() {
        assert!(paired(&[("a.abi3.so", 1), ("a.cpython-3.so", 2)], &[("a.so", 3)]).is_empty());
    }
}
