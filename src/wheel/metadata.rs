//! METADATA edited as bytes (PyPA, core metadata): headers are put in, taken out or replaced; all other headers, the
//! body, folding and line ends stay as they are.

use std::collections::{BTreeSet, HashMap};

use super::headers::{Header, Headers};
use super::name::same_version;
use super::requirement;
use crate::build::pep440::normalized_name;

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
    /// Packages that have other names or versions from now on, this one or ones that are released with it.
    pub moved: Vec<Moved>,
}

/// A package that has another name or version from now on. Requirements of it follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its old name.
    pub from: String,
    /// Its new name.
    pub name: Option<String>,
    /// Its old version and its new one.
    pub version: Option<(String, String)>,
}

/// Carries the changes out.
pub fn edit(metadata: &mut Headers, edits: &MetadataEdits) {
    let before = metadata.headers.clone();
    let mut moved: HashMap<String, Vec<&Moved>> = HashMap::new();
    for one in &edits.moved {
        moved.entry(normalized_name(&one.from)).or_default().push(one);
    }
    for header in metadata.headers.iter_mut().filter(|header| header.is(REQUIRES)) {
        if let Some(moved) = moved.get(&normalized_name(requirement::name(&header.value()))) {
            moved
                .iter()
                .filter_map(|one| one.version.as_ref())
                .for_each(|(old, new)| repin(header, old, new));
            if let Some(name) = moved.iter().find_map(|one| one.name.as_ref()) {
                rename(header, name);
            }
        }
    }
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
    }
    if metadata.headers != before {
        let mut extras = BTreeSet::new();
        metadata
            .headers
            .retain(|header| !header.is("Provides-Extra") || extras.insert(normalized_name(&header.value())));
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

/// Lets a requirement follow a package to another local version. `==1.0` matches any (PEP 440); only a pin with a local
/// part of its own, or by `===`, has to follow.
fn repin(header: &mut Header, old: &str, new: &str) {
    let Ok(text) = std::str::from_utf8(header.raw_value()).map(str::to_owned) else { return };
    let pins = text.split(';').next().unwrap_or_default();
    // From the end, so that what is still to be looked at stays in its place.
    for (at, _) in pins.rmatch_indices("==") {
        let (start, version) = version_at(pins, at + 2);
        let arbitrary = pins[..at].ends_with('=') || pins[at..].starts_with("===");
        if (version.contains('+') || arbitrary) && same_version(version, old) {
            header.splice(start..start + version.len(), new);
        }
    }
}

/// Lets a requirement follow a package to another name.
fn rename(header: &mut Header, new: &str) {
    let Ok(text) = std::str::from_utf8(header.raw_value()).map(str::to_owned) else { return };
    let start = text.len() - text.trim_start().len();
    header.splice(start..start + requirement::name(&text).len(), new);
}

/// The version in a requirement behind an operator, and where it begins.
fn version_at(text: &str, at: usize) -> (usize, &str) {
    let rest = &text[at..];
    let start = at + rest.len() - rest.trim_start_matches(['=', ' ', '\t']).len();
    let end = text[start..].find([',', ')', ' ', '\t', '\r', '\n']).map_or(text.len(), |end| start + end);
    (start, &text[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: numpy (>=1.2)\n\
                        Requires-Dist: Foo_Bar>=2\nRequires-Dist: numpy-extra\nRequires-Dist: demo[x]\nSummary: a\n b\n\nBody\n";

    fn edited(edits: &MetadataEdits) -> Vec<String> {
        let mut metadata = Headers::parse(TEXT.as_bytes()).unwrap();
        edit(&mut metadata, edits);
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
        let moved = Moved { from: "demo".to_owned(), name: Some("other".to_owned()), version: None };
        let edits =
            MetadataEdits { name: moved.name.clone(), moved: vec![moved], ..MetadataEdits::default() };
        assert_eq!(edited(&edits), ["numpy (>=1.2)", "Foo_Bar>=2", "numpy-extra", "other[x]"]);
    }

    #[test]
    fn requirements_follow_a_package_and_keep_their_other_bytes() {
        let version = Some(("1.0+old".to_owned(), "1.0+new".to_owned()));
        for (name, before, after) in [
            (Some("demo-x"), " Demo[all] ; extra == \"all\"\r\n", " demo-x[all] ; extra == \"all\"\r\n"),
            (None, " demo==1.0\n", " demo==1.0\n"),
            (None, " demo (== 1.0+OLD ,>0)\n", " demo (== 1.0+new ,>0)\n"),
            (None, " demo==1.0+old\n", " demo==1.0+new\n"),
            (None, " demo!=2,===1.0+old;a=='==1.0+old'\n", " demo!=2,===1.0+new;a=='==1.0+old'\n"),
            (None, " demo==1.1+old\n", " demo==1.1+old\n"),
            (Some("y"), "demo==1.0+old,==1.0+old", "y==1.0+new,==1.0+new"),
            (Some("y"), " demolition==1.0+old\n", " demolition==1.0+old\n"),
        ] {
            let moved =
                Moved { from: "DEMO".to_owned(), name: name.map(str::to_owned), version: version.clone() };
            let mut metadata = Headers::parse(format!("REQUIRES-dist:{before}").as_bytes()).unwrap();
            edit(&mut metadata, &MetadataEdits { moved: vec![moved], ..MetadataEdits::default() });
            assert_eq!(String::from_utf8(metadata.render()).unwrap(), format!("REQUIRES-dist:{after}"));
        }
    }

    #[test]
    fn extras_are_named_once_in_what_is_edited_and_only_there() {
        let text = "Name: a\nProvides-Extra: x_y\nProvides-Extra: X-Y\n";
        let mut metadata = Headers::parse(text.as_bytes()).unwrap();
        edit(&mut metadata, &MetadataEdits::default());
        assert_eq!(metadata.render(), text.as_bytes());
        edit(&mut metadata, &MetadataEdits { name: Some("b".to_owned()), ..MetadataEdits::default() });
        assert_eq!(metadata.render(), b"Name: b\nProvides-Extra: x_y\n");
    }
}
