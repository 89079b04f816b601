//! The index of a release for one machine (`Packages`, Debian's wiki: DebianRepository/Format): what packages there
//! are, what each needs and provides, and by which digest its file is known.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::control::stanzas;
use super::depends::{Wanted, is_name, parse};
use super::version::compare;

/// A package of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `Pre-Depends` and `Depends` as they stand.
    depends: String,
    /// Where its file is, seen from the mirror.
    pub filename: String,
    /// Bytes of its file.
    pub size: u64,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: String,
}

impl Package {
    /// What it needs: of each group, one.
    pub fn needs(&self) -> Result<Vec<Vec<Wanted>>, String> {
        parse(&self.depends).map_err(|what| format!("{}: {what}", self.name))
    }
}

/// All packages, of each the latest version.
#[derive(Debug, Default)]
pub struct Index {
    packages: BTreeMap<String, Package>,
    /// By what is provided: who provides it, and as which version.
    providers: BTreeMap<String, Vec<(String, Option<String>)>>,
}

impl Index {
    /// Reads an index. The error says which package is wrong, and how.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut index = Self::default();
        let mut provides: BTreeMap<String, &str> = BTreeMap::new();
        for stanza in stanzas(text) {
            let [
                mut name,
                mut version,
                mut pre,
                mut depends,
                mut provided,
                mut filename,
                mut size,
                mut sha256,
            ] = [""; 8];
            for (field, value) in stanza.fields() {
                match field {
                    "Package" => name = value,
                    "Version" => version = value,
                    "Pre-Depends" => pre = value,
                    "Depends" => depends = value,
                    "Provides" => provided = value,
                    "Filename" => filename = value,
                    "Size" => size = value,
                    "SHA256" => sha256 = value,
                    _ => {}
                }
            }
            let wrong = |what: &str| format!("the entry of `{}` has {what}", name.escape_debug());
            if !is_name(name) {
                return Err(wrong("no sound name"));
            }
            if version.is_empty() {
                return Err(wrong("no version"));
            }
            if !is_sha256(sha256) {
                return Err(wrong("no SHA256"));
            }
            if !is_inside(filename) {
                return Err(wrong("no file name inside of the mirror"));
            }
            if index.packages.get(name).is_some_and(|other| compare(&other.version, version).is_gt()) {
                continue;
            }
            let package = Package {
                name: name.to_owned(),
                version: version.to_owned(),
                depends: [pre, depends].join(","),
                filename: filename.to_owned(),
                size: size.parse().map_err(|_| wrong("no size"))?,
                sha256: sha256.to_ascii_lowercase(),
            };
            index.packages.insert(name.to_owned(), package);
            provides.insert(name.to_owned(), provided);
        }
        for (name, field) in provides {
            for one in parse(field).map_err(|what| format!("{name}: {what}"))?.into_iter().flatten() {
                let version = one.version.map(|(_, version)| version);
                index.providers.entry(one.name).or_default().push((name.clone(), version));
            }
        }
        Ok(index)
    }

    /// The package of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Package> {
        self.packages.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(String::as_str)
    }

    /// The packages that can stand for what is wanted: the one of the name, then those that provide it, by name. A
    /// relation to a version is only met by what is provided as a version (Debian Policy 7.5).
    pub fn candidates<'a, 'w>(
        &'a self,
        wanted: &'w Wanted,
    ) -> impl Iterator<Item = &'a Package> + use<'a, 'w> {
        let real = self.packages.get(&wanted.name).filter(|one| wanted.takes(&one.version));
        let providers = self.providers.get(&wanted.name).into_iter().flatten();
        let virtual_ones = providers.filter(|(_, provided)| match provided {
            Some(version) => wanted.takes(version),
            None => wanted.version.is_none(),
        });
        real.into_iter().chain(virtual_ones.filter_map(|(name, _)| self.packages.get(name)))
    }
}

/// Whether it is a SHA-256 in hexadecimal digits.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether a path stays in the folder that it is seen from.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An index of packages, each given as a name, a version and its further fields.
    pub(in crate::target) fn index(packages: &[(&str, &str, &str)]) -> Index {
        let stanza = |(name, version, more): &(&str, &str, &str)| {
            let digest = "a".repeat(64);
            format!(
                "Package: {name}\nVersion: {version}\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {digest}\n{more}\n\n"
            )
        };
        Index::parse(&packages.iter().map(stanza).collect::<String>()).unwrap()
    }

    #[test]
    fn the_latest_version_is_taken() {
        for order in [["1.9", "1.10"], ["1.10", "1.9"]] {
            let read = index(&order.map(|version| ("demo", version, "")));
            assert_eq!(read.get("demo").unwrap().version, "1.10");
        }
    }

    #[test]
    fn a_version_is_only_met_by_what_is_provided_as_a_version() {
        let read = index(&[
            ("exim", "4", "Provides: mta"),
            ("libc6-dev", "2.36", "Provides: libc-dev (= 2.36)"),
            ("zmail", "1", "Provides: mta (= 1)"),
        ]);
        let names = |text: &str| -> Vec<String> {
            read.candidates(&parse(text).unwrap()[0][0]).map(|one| one.name.clone()).collect()
        };
        assert_eq!(names("mta"), ["exim", "zmail"]);
        assert_eq!(names("mta (>= 1)"), ["zmail"]);
        assert_eq!(names("libc-dev (>= 2.34)"), ["libc6-dev"]);
        assert_eq!(names("libc-dev (>= 2.38)"), [""; 0]);
    }

    #[test]
    fn an_entry_that_would_lead_out_of_the_mirror_or_has_no_digest_is_refused() {
        let digest = "b".repeat(64);
        for (name, filename, sha256, why) in [
            ("demo", "../demo.deb", digest.as_str(), "inside of the mirror"),
            ("demo", "/demo.deb", &digest, "inside of the mirror"),
            ("demo", "demo.deb", "00", "no SHA256"),
            ("Demo/..", "demo.deb", &digest, "no sound name"),
        ] {
            let text =
                format!("Package: {name}\nVersion: 1\nSize: 1\nFilename: {filename}\nSHA256: {sha256}\n");
            let told = Index::parse(&text).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
