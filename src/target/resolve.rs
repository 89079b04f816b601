//! Which packages are needed: those that are asked for, and what they depend on, all the way down. A pure function
//! of the index, the names and the table of what is left out; the same input gives the same list.
//!
//! It is no package manager: nothing is installed, so conflicts are those of files (see [`super::tree`]), and there is
//! one version of each package to choose from.

use std::collections::BTreeMap;

use super::depends::Wanted;
use super::packages::{Index, Package};
use crate::error::{Error, Result};
use crate::source::near::close;

/// Packages that stand together.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// By name.
    pub packages: Vec<&'a Package>,
    /// Dependencies that were not followed, by name, each once.
    pub left_out: Vec<String>,
    /// For each of the packages, in their order: those of them that it depends on, sorted.
    pub needs: Vec<Vec<String>>,
}

/// Finds what the packages of these names need. `place` says where the index is from, for messages.
pub fn resolve<'a>(
    index: &'a Index,
    roots: &[String],
    is_left_out: &dyn Fn(&str) -> bool,
    place: &str,
) -> Result<Resolved<'a>> {
    let mut chosen: BTreeMap<&str, &Package> = BTreeMap::new();
    let mut left_out = Vec::new();
    let mut missing = Vec::new();
    let mut next: Vec<&Package> = Vec::new();
    // All that is asked for first: an alternative that the user has chosen is then there.
    for root in roots {
        let wanted = Wanted { name: root.clone(), version: None };
        match index.candidates(&wanted).next() {
            Some(package) => {
                if chosen.insert(&package.name, package).is_none() {
                    next.push(package);
                }
            }
            None => missing.push(format!("`{root}`")),
        }
    }
    if !missing.is_empty() {
        return Err(not_there(index, roots, &missing, place));
    }
    // Round by round, so that a dependency nearer to a root chooses before a farther one.
    while !next.is_empty() {
        let mut found: Vec<&Package> = Vec::new();
        next.sort_by(|a, b| a.name.cmp(&b.name));
        for package in next {
            for group in package.needs().map_err(|what| Error::failed(format!("{place}: {what}")))? {
                if group.iter().any(|one| index.candidates(one).any(|it| chosen.contains_key(&*it.name))) {
                    continue;
                }
                if let Some(one) = group.iter().find(|one| is_left_out(&one.name)) {
                    left_out.push(one.name.clone());
                    continue;
                }
                if let Some(one) = group.iter().find_map(|one| index.candidates(one).next()) {
                    chosen.insert(&one.name, one);
                    found.push(one);
                } else {
                    let group: Vec<String> = group.iter().map(ToString::to_string).collect();
                    missing.push(format!("`{}`, which {} needs", group.join(" | "), package.name));
                }
            }
        }
        next = found;
    }
    if !missing.is_empty() {
        missing.sort();
        missing.dedup();
        return Err(Error::failed(format!("{place} has no {}", missing.join("; no ")))
            .hint("the mirror may be in the middle of an update: try again, or another one with --mirror"));
    }
    left_out.sort();
    left_out.dedup();
    let needs = chosen.values().map(|package| needs(index, package, &chosen)).collect();
    Ok(Resolved { packages: chosen.into_values().collect(), left_out, needs })
}

/// Those of the chosen packages that one depends on. Its relations were read before.
fn needs(index: &Index, package: &Package, chosen: &BTreeMap<&str, &Package>) -> Vec<String> {
    let met = |group: Vec<Wanted>| {
        let mut all = group.iter().flat_map(|one| index.candidates(one));
        all.find(|it| chosen.contains_key(&*it.name)).map(|it| it.name.clone())
    };
    let mut all: Vec<String> = package.needs().unwrap_or_default().into_iter().filter_map(met).collect();
    all.sort();
    all.dedup();
    all
}

fn not_there(index: &Index, roots: &[String], missing: &[String], place: &str) -> Error {
    let error = Error::usage(format!("{place} has no package {}", missing.join(", ")));
    let unknown: Vec<&String> = roots.iter().filter(|root| index.get(root).is_none()).collect();
    // Only names that begin alike: an index has sixty thousand.
    let hints: Vec<String> = unknown
        .iter()
        .filter_map(|root| {
            let head = root.get(..root.len().min(5))?;
            let near: Vec<&str> = index.names().filter(|name| name.starts_with(head)).collect();
            Some(close(root, &near)).filter(|hint| !hint.is_empty())
        })
        .collect();
    match hints.first() {
        Some(hint) => error.hint(hint.clone()),
        None => error.hint("packages with headers end in -dev; packages.debian.org looks them up by file"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::packages::tests::index;
    use super::*;

    fn names(
        packages: &[(&str, &str, &str)],
        roots: &[&str],
        without: &[&str],
    ) -> Result<(String, String), Error> {
        let index = index(packages);
        let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
        let found = resolve(&index, &roots, &|name| without.contains(&name), "demo")?;
        let names: Vec<&str> = found.packages.iter().map(|one| one.name.as_str()).collect();
        Ok((names.join(" "), found.left_out.join(" ")))
    }

    #[test]
    fn dependencies_are_followed_through_cycles() {
        let packages = [
            ("libc6", "2.36", "Depends: libgcc-s1"),
            ("libgcc-s1", "12", "Depends: libc6 (>= 2.35)"),
            ("unused", "1", ""),
            ("zlib1g", "1", "Pre-Depends: libc6 (>= 2.14)\nDepends: debconf"),
        ];
        let found = names(&packages, &["zlib1g"], &["debconf"]).unwrap();
        assert_eq!(found, ("libc6 libgcc-s1 zlib1g".into(), "debconf".into()));
    }

    #[test]
    fn what_each_package_depends_on_is_told() {
        let packages = [
            ("demo", "1", "Depends: libssl | libgnutls, debconf, libssl (>= 1)"),
            ("libgnutls", "1", ""),
            ("libssl", "1", ""),
        ];
        let index = index(&packages);
        let roots = ["demo".to_owned(), "libgnutls".to_owned()];
        let found = resolve(&index, &roots, &|name| name == "debconf", "demo").unwrap();
        // Of alternatives that are both there, the first: it is the one that Debian prefers.
        assert_eq!(found.needs, [vec!["libssl".to_owned()], vec![], vec![]]);
    }

    #[test]
    fn the_first_alternative_is_taken_unless_another_is_there_already() {
        let packages = [
            ("demo", "1", "Depends: libssl | libgnutls"),
            ("libgnutls", "1", ""),
            ("libssl", "1", ""),
            ("libtls", "1", "Provides: libgnutls"),
        ];
        assert_eq!(names(&packages, &["demo"], &[]).unwrap().0, "demo libssl");
        assert_eq!(names(&packages, &["demo", "libgnutls"], &[]).unwrap().0, "demo libgnutls");
        assert_eq!(names(&packages, &["demo", "libtls"], &[]).unwrap().0, "demo libtls");
    }

    #[test]
    fn a_package_that_is_asked_for_is_taken_although_it_is_left_out_as_a_dependency() {
        let packages = [("demo", "1", "Depends: tzdata"), ("tzdata", "1", "")];
        assert_eq!(names(&packages, &["demo"], &["tzdata"]).unwrap().0, "demo");
        assert_eq!(names(&packages, &["demo", "tzdata"], &["tzdata"]).unwrap().0, "demo tzdata");
    }

    #[test]
    fn what_is_missing_is_told_with_who_needs_it() {
        let packages = [("demo", "1", "Depends: libold (>= 2), gone | lost"), ("libold", "1", "")];
        let told = names(&packages, &["demo"], &[]).unwrap_err();
        assert_eq!(
            told.message,
            "demo has no `gone | lost`, which demo needs; no `libold (>= 2)`, which demo needs"
        );
        let told = names(&packages, &["dmeo"], &[]).unwrap_err();
        assert_eq!(told.message, "demo has no package `dmeo`");
        let told = names(&[("libjpeg-dev", "1", "")], &["libjpg-dev"], &[]).unwrap_err();
        assert!(told.hint.is_some());
    }
}
