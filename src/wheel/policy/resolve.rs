//! Which needed libraries are in the wheel itself: along `DT_RPATH` and `DT_RUNPATH`, as the loader looks for them when
//! it loads each file of the wheel. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use super::facts::Facts;

/// Steps beyond which the wheel is taken for one that was made to take for ever. Real wheels need some thousands.
const MOST: usize = 5_000_000;

/// For each file, the names of the needed libraries that are in the wheel.
pub(super) fn inside<'a>(files: &[&'a Facts]) -> Vec<HashSet<&'a str>> {
    let places: Vec<Vec<&str>> = files.iter().map(|facts| place(&facts.path)).collect();
    let at: HashMap<&[&str], usize> =
        places.iter().enumerate().map(|(number, place)| (&place[..], number)).collect();
    let folders: Vec<Folders<'_>> =
        files.iter().zip(&places).map(|(facts, place)| Folders::of(facts, place)).collect();
    let mut met = vec![HashSet::new(); files.len()];
    let mut left = MOST;
    for root in 0..files.len() {
        // By the name under which it is needed: what is loaded is not looked for again.
        let mut loaded: HashMap<&str, usize> = HashMap::new();
        let mut seen = HashSet::from([root]);
        let mut queue = VecDeque::from([root]);
        while let Some(file) = queue.pop_front() {
            for name in &files[file].dynamic.needed {
                // What a file is loaded by gives its DT_RPATH on, unless the file has a DT_RUNPATH itself.
                let given = if folders[file].runpath.is_empty() { &folders[root].rpath[..] } else { &[] };
                let Some(rest) = left.checked_sub(1 + folders[file].len() + given.len()) else {
                    return met;
                };
                left = rest;
                let search = || {
                    let mut folders = folders[file].all().chain(given.iter().map(Vec::as_slice));
                    folders.find_map(|folder| at.get(&[folder, &[name.as_str()]].concat()[..]).copied())
                };
                let machine = files[root].machine;
                let found = loaded.get(name.as_str()).copied().or_else(search);
                let Some(found) = found.filter(|found| files[*found].machine == machine) else { continue };
                loaded.insert(name, found);
                met[file].insert(name.as_str());
                if seen.insert(found) {
                    queue.push_back(found);
                }
            }
        }
    }
    met
}

/// Where a file is after it was installed: what is in the folders for libraries of `.data` goes beside the rest.
fn place(path: &str) -> Vec<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    match &parts[..] {
        [data, "purelib" | "platlib", rest @ ..] if data.strip_suffix(".data").is_some() => rest.to_vec(),
        _ => parts,
    }
}

/// Folders in which a file lets the loader look, those in the wheel.
struct Folders<'a> {
    rpath: Vec<Vec<&'a str>>,
    runpath: Vec<Vec<&'a str>>,
}

impl<'a> Folders<'a> {
    fn of(facts: &'a Facts, place: &[&'a str]) -> Self {
        let folder = &place[..place.len().saturating_sub(1)];
        let all = |paths: &'a [String]| paths.iter().filter_map(|path| expand(path, folder)).collect();
        let dynamic = &facts.dynamic;
        // The loader heeds DT_RPATH only without the other.
        let rpath: &[String] = if dynamic.runpath.is_empty() { &dynamic.rpath } else { &[] };
        Self { rpath: all(rpath), runpath: all(&dynamic.runpath) }
    }

    fn len(&self) -> usize {
        self.rpath.len() + self.runpath.len()
    }

    fn all(&self) -> impl Iterator<Item = &[&'a str]> {
        self.rpath.iter().chain(&self.runpath).map(Vec::as_slice)
    }
}

/// A folder of a search path in the wheel; `None` if it is outside.
fn expand<'a>(path: &'a str, folder: &[&'a str]) -> Option<Vec<&'a str>> {
    let rest = path.strip_prefix("$ORIGIN").or_else(|| path.strip_prefix("${ORIGIN}"))?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let mut out = folder.to_vec();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(out.pop()?),
            part => out.push(part),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::{Dynamic, of_triple};

    fn file(path: &str, needed: &[&str], rpath: &[&str], runpath: &[&str]) -> Facts {
        let list = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let dynamic = Dynamic {
            needed: list(needed),
            rpath: list(rpath),
            runpath: list(runpath),
            ..Dynamic::default()
        };
        let machine = of_triple("x86_64").expect("it is known");
        Facts { path: path.to_owned(), machine, level: None, dynamic }
    }

    /// What is found for each file, sorted.
    fn found(files: &[Facts]) -> Vec<Vec<&str>> {
        let files: Vec<&Facts> = files.iter().collect();
        let sorted = |set: HashSet<&'static str>| {
            let mut names: Vec<_> = set.into_iter().collect();
            names.sort_unstable();
            names
        };
        let leaked = |set: HashSet<&str>| set.into_iter().map(|name| &*name.to_owned().leak()).collect();
        inside(&files).into_iter().map(|set| sorted(leaked(set))).collect()
    }

    #[test]
    fn a_library_is_found_along_the_search_path_only() {
        for (path, inside) in [
            ("$ORIGIN/../demo.libs", true),
            ("${ORIGIN}/./../demo.libs/", true),
            ("$ORIGIN", false),
            ("$ORIGIN/../../demo.libs", false),
            ("$ORIGINAL/../demo.libs", false),
            ("/demo.libs", false),
            ("", false),
        ] {
            let files =
                [file("demo/a.so", &["liba.so"], &[path], &[]), file("demo.libs/liba.so", &[], &[], &[])];
            assert_eq!(!found(&files)[0].is_empty(), inside, "{path}");
        }
    }

    #[test]
    fn what_a_library_needs_is_found_by_the_path_of_the_one_that_loads_it() {
        let files = [
            file("demo/a.so", &["liba.so"], &["$ORIGIN/libs"], &[]),
            file("demo/alone.so", &["libb.so"], &[], &[]),
            file("demo/libs/liba.so", &["libb.so", "libc.so.6"], &[], &[]),
            file("demo/libs/libb.so", &["liba.so"], &[], &[]),
        ];
        let found = found(&files);
        assert_eq!(found, [vec!["liba.so"], vec![], vec!["libb.so"], vec!["liba.so"]]);
    }

    #[test]
    fn one_path_puts_the_other_out_of_force() {
        let files =
            [file("a.so", &["liba.so"], &["$ORIGIN/libs"], &["/opt"]), file("libs/liba.so", &[], &[], &[])];
        assert_eq!(found(&files)[0], Vec::<&str>::new());
    }

    #[test]
    fn folders_for_libraries_are_where_they_are_installed() {
        let files = [
            file("demo-1.data/platlib/demo/a.so", &["liba.so"], &[], &["$ORIGIN/../demo.libs"]),
            file("demo.libs/liba.so", &[], &[], &[]),
        ];
        assert_eq!(found(&files)[0], ["liba.so"]);
    }
}
