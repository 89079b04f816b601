//! METADATA edited as bytes (PyPA, core metadata): headers are put in, taken out or replaced; all other headers, the
//! body, folding and line ends stay as they are.

use super::headers::{Header, Headers};
use super::requirement;

const REQUIRES: &str = "Requires-Dist";

/// What to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataEdits {
    /// Requirements to put in, behind the others.
    pub add: Vec<String>,
    /// Names of packages that are no longer required.
    pub remove: Vec<String>,
    /// Requirements that take the place of all those of the same name.
    pub set: Vec<String>,
    /// The new name of the package.
    pub name: Option<String>,
    /// The new version.
    pub version: Option<String>,
}

/// Carries the changes out. `old` is the name of the package.
pub fn edit(metadata: &mut Headers, edits: &MetadataEdits, old: &str) {
    for name in &edits.remove {
        metadata
            .headers
            .retain(|header| !(header.is(REQUIRES) && requirement::asks_for(&header.value(), name)));
    }
    for (at, text) in edits.set.iter().enumerate() {
        // Several of one name, for several markers, take the place together.
        let name = requirement::name(text);
        if edits.set[..at].iter().any(|before| requirement::asks_for(before, name)) {
            continue;
        }
        set(metadata, name, edits.set.iter().filter(|other| requirement::asks_for(other, name)));
    }
    for text in &edits.add {
        let there = metadata.all(REQUIRES).any(|value| value == text.trim());
        if !there {
            let at = behind_requirements(metadata);
            metadata.insert(at, REQUIRES, text.trim());
        }
    }
    if let Some(version) = &edits.version {
        metadata.set("Version", version);
    }
    if let Some(name) = &edits.name {
        metadata.set("Name", name);
        rename_self(metadata, old, name);
    }
}

/// Puts requirements in place of those of a name, in the place of the first.
fn set<'a>(metadata: &mut Headers, name: &str, texts: impl Iterator<Item = &'a String> + Clone) {
    let of_name = |header: &Header| header.is(REQUIRES) && requirement::asks_for(&header.value(), name);
    let old: Vec<String> = metadata.headers.iter().filter(|h| of_name(h)).map(Header::value).collect();
    if !old.is_empty() && old.iter().map(String::as_str).eq(texts.clone().map(|text| text.trim())) {
        return;
    }
    let first = metadata.headers.iter().position(of_name);
    metadata.headers.retain(|header| !of_name(header));
    let at = first.unwrap_or_else(|| behind_requirements(metadata));
    for (more, text) in texts.enumerate() {
        metadata.insert(at + more, REQUIRES, text.trim());
    }
}

/// Behind the last requirement; behind all headers, if there is none.
fn behind_requirements(metadata: &Headers) -> usize {
    metadata
        .headers
        .iter()
        .rposition(|header| header.is(REQUIRES))
        .map_or(metadata.headers.len(), |at| at + 1)
}

/// A package that requires itself, with an extra of its own, goes on to do so under its new name.
fn rename_self(metadata: &mut Headers, old: &str, new: &str) {
    let end = metadata.line_end();
    for header in &mut metadata.headers {
        let value = header.value();
        if header.is(REQUIRES) && requirement::asks_for(&value, old) {
            let rest = &value[requirement::name(&value).len()..];
            *header = Header::new(REQUIRES, &format!("{new}{rest}"), end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: numpy (>=1.2)\n\
                        Requires-Dist: Foo_Bar>=2\nRequires-Dist: numpy-extra\nRequires-Dist: demo[x]\nSummary: a\n b\n\nBody\n";

    fn edited(edits: &MetadataEdits) -> Vec<String> {
        let mut metadata = Headers::parse(TEXT.as_bytes()).unwrap();
        edit(&mut metadata, edits, "demo");
        let text = String::from_utf8(metadata.render()).unwrap();
        let kept: Vec<&str> = TEXT.lines().filter(|line| !line.starts_with("Requires")).collect();
        if edits.name.is_none() && edits.version.is_none() {
            assert_eq!(text.lines().filter(|line| !line.starts_with("Requires")).collect::<Vec<_>>(), kept);
        }
        text.lines().filter_map(|line| line.strip_prefix("Requires-Dist: ")).map(str::to_owned).collect()
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn requirements_go_by_their_whole_name() {
        let edits = MetadataEdits { remove: list(&["NUMPY"]), ..MetadataEdits::default() };
        assert_eq!(edited(&edits), ["Foo_Bar>=2", "numpy-extra", "demo[x]"]);
        let edits =
            MetadataEdits { set: list(&["foo.bar==3; a", "foo-bar==4; b"]), ..MetadataEdits::default() };
        assert_eq!(
            edited(&edits),
            ["numpy (>=1.2)", "foo.bar==3; a", "foo-bar==4; b", "numpy-extra", "demo[x]"]
        );
    }

    #[test]
    fn what_is_added_stands_behind_the_others_once() {
        let edits = MetadataEdits { add: list(&["z>1", "z>1", "numpy-extra"]), ..MetadataEdits::default() };
        assert_eq!(edited(&edits), ["numpy (>=1.2)", "Foo_Bar>=2", "numpy-extra", "demo[x]", "z>1"]);
    }

    #[test]
    fn a_renamed_package_still_requires_itself() {
        let edits = MetadataEdits { name: Some("other".to_owned()), ..MetadataEdits::default() };
        assert_eq!(edited(&edits), ["numpy (>=1.2)", "Foo_Bar>=2", "numpy-extra", "other[x]"]);
    }
}
