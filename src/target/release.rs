//! The list of what a release of Debian holds (`Release`, `InRelease`; Debian's wiki: DebianRepository/Format): each
//! index by its SHA-256. Who signed it is the business of [`super::signature`].

use std::collections::BTreeMap;

use super::control::stanzas;
use super::packages::{is_inside, is_sha256};

/// The list, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Name of the release: `bookworm`.
    pub codename: String,
    /// Its point release, such as `12.15`; empty if it has none.
    pub version: String,
    /// When it was made, as it says.
    pub date: String,
    /// Whether indexes are also there under their digest, so that they can be had while a mirror is updated.
    pub by_hash: bool,
    /// Indexes by path: SHA-256 in hexadecimal digits, and bytes.
    files: BTreeMap<String, (String, u64)>,
}

/// An index of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path, seen from the folder of the release.
    pub path: String,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Release {
    /// Reads it; any signature must be off.
    pub fn parse(text: &str) -> Result<Self, String> {
        let stanza = stanzas(text).next().ok_or("it is empty")?;
        let field = |name: &str| stanza.field(name).unwrap_or_default().to_owned();
        let mut files = BTreeMap::new();
        for line in stanza.field("SHA256").ok_or("it lists no SHA256")?.lines() {
            let line = line.trim();
            let mut words = line.split_whitespace();
            let (Some(sha256), Some(size), Some(path), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(format!("`{}` is no digest of a file", line.escape_debug()));
            };
            let size = size.parse().ok().filter(|_| is_sha256(sha256) && is_inside(path));
            let size = size.ok_or_else(|| format!("`{}` is no digest of a file", line.escape_debug()))?;
            files.insert(path.to_owned(), (sha256.to_ascii_lowercase(), size));
        }
        Ok(Self {
            codename: field("Codename"),
            version: field("Version"),
            date: field("Date"),
            by_hash: field("Acquire-By-Hash") == "yes",
            files,
        })
    }

    /// The index of packages of an architecture, in the smallest form that is there.
    #[must_use]
    pub fn packages(&self, architecture: &str) -> Option<Listed> {
        [".xz", ".gz", ""].iter().find_map(|packing| {
            let path = format!("main/binary-{architecture}/Packages{packing}");
            let (sha256, size) = self.files.get(&path)?.clone();
            Some(Listed { path, sha256, size })
        })
    }
}

impl Listed {
    /// Where to fetch it, seen from the folder of the release.
    #[must_use]
    pub fn address(&self, by_hash: bool) -> String {
        match self.path.rsplit_once('/') {
            Some((folder, _)) if by_hash => format!("{folder}/by-hash/SHA256/{}", self.sha256),
            _ => self.path.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_form_of_an_index_is_found() {
        let digest = |letter: &str| letter.repeat(64);
        let text = format!(
            "Codename: bookworm\nAcquire-By-Hash: yes\nMD5Sum:\n 00 1 main/binary-arm64/Packages\nSHA256:\n \
             {} 9 main/binary-arm64/Packages\n {} 3 main/binary-arm64/Packages.gz\n",
            digest("a"),
            digest("B")
        );
        let read = Release::parse(&text).unwrap();
        let found = read.packages("arm64").unwrap();
        assert_eq!((found.path.as_str(), found.size), ("main/binary-arm64/Packages.gz", 3));
        assert_eq!(found.address(false), "main/binary-arm64/Packages.gz");
        assert_eq!(found.address(read.by_hash), format!("main/binary-arm64/by-hash/SHA256/{}", digest("b")));
        assert_eq!(read.packages("riscv64"), None);
    }

    #[test]
    fn a_list_without_sound_digests_is_refused() {
        for text in [
            "",
            "Codename: x\n",
            "SHA256:\n 00 1 a\n",
            &format!("SHA256:\n {} 1 ../a\n", "a".repeat(64)),
            &format!("SHA256:\n {} x a\n", "a".repeat(64)),
        ] {
            assert!(Release::parse(text).is_err(), "{text}");
        }
    }
}
