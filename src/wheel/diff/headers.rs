//! WHEEL and METADATA header by header. Those that may be there several times are sets; requirements go by the
//! normalised name of the package.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Sides;
use super::text::{self, TextDiff};
use crate::build::pep440::normalized_name;
use crate::wheel::headers::Headers;
use crate::wheel::requirement;

/// How two header blocks differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeadersDiff {
    /// Headers with other values, by name.
    pub headers: Vec<HeaderDiff>,
    /// What follows the headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<TextDiff>,
    /// All values are the same; their order, folding or spelling of names is another.
    pub form: bool,
}

/// One header, or all those of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderDiff {
    /// Its name, as the first that has it spells it.
    pub name: String,
    /// Values that only the first has.
    pub removed: Vec<String>,
    /// Values that only the second has.
    pub added: Vec<String>,
    /// Values that took the place of others.
    pub changed: Vec<ValueDiff>,
}

/// A value in place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueDiff {
    /// Both.
    #[serde(flatten)]
    pub value: Sides<String>,
    /// They mean the same: only blanks, brackets or quotes differ.
    pub spelling: bool,
}

/// Compares two header blocks; keeps `limit` lines of a body that differs.
#[must_use]
pub fn compare(a: &Headers, b: &Headers, limit: usize) -> HeadersDiff {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for header in a.headers.iter().chain(&b.headers) {
        let name = String::from_utf8_lossy(header.name()).into_owned();
        names.entry(name.to_ascii_lowercase()).or_insert(name);
    }
    let headers: Vec<_> = names.into_values().filter_map(|name| one(a, b, name)).collect();
    let body = (a.rest != b.rest).then(|| {
        let text = |block: &Headers| String::from_utf8_lossy(&block.rest).into_owned();
        text::compare(&text(a), &text(b), limit)
    });
    let form = headers.is_empty() && a.headers != b.headers;
    HeadersDiff { headers, body, form }
}

fn one(a: &Headers, b: &Headers, name: String) -> Option<HeaderDiff> {
    let [mut removed, mut added]: [Vec<String>; 2] = [a, b].map(|block| block.all(&name).collect());
    let single = removed.len() <= 1 && added.len() <= 1;
    removed.retain(|value| {
        let there = added.iter().position(|other| other == value);
        there.map(|at| added.remove(at)).is_none()
    });
    if removed.is_empty() && added.is_empty() {
        return None;
    }
    let requires = name.eq_ignore_ascii_case("Requires-Dist");
    // What takes the place of what: of a header that is there once its value, of requirements the same package.
    let replaces = |old: &str, new: &str| {
        single
            || (requires
                && normalized_name(requirement::name(old)) == normalized_name(requirement::name(new)))
    };
    let mut changed: Vec<ValueDiff> = Vec::new();
    removed.retain(|old| {
        let fitting: Vec<usize> = (0..added.len()).filter(|at| replaces(old, &added[*at])).collect();
        let same = fitting.iter().find(|at| squeezed(old) == squeezed(&added[**at]));
        let Some(at) = same.or(fitting.first()) else { return true };
        let b = added.remove(*at);
        let spelling = requires && squeezed(old) == squeezed(&b);
        changed.push(ValueDiff { value: Sides { a: old.clone(), b }, spelling });
        false
    });
    if !single {
        removed.sort();
        added.sort();
    }
    Some(HeaderDiff { name, removed, added, changed })
}

/// A requirement without what means nothing: blanks around signs, brackets around versions, the kind of quotes, the
/// spelling of the name.
fn squeezed(text: &str) -> String {
    let name = requirement::name(text);
    let rest = &text.trim_start()[name.len()..];
    let mut words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    for word in &mut words {
        word.retain(|c| !matches!(c, '(' | ')'));
        *word = word.replace('\'', "\"");
    }
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = normalized_name(name);
    for word in words.iter().filter(|word| !word.is_empty()) {
        if out.ends_with(letter) && word.starts_with(letter) {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(a: &str, b: &str) -> HeadersDiff {
        let read = |text: &str| Headers::parse(text.as_bytes()).unwrap();
        compare(&read(a), &read(b), 9)
    }

    fn changed(a: &str, b: &str, spelling: bool) -> ValueDiff {
        ValueDiff { value: Sides { a: a.into(), b: b.into() }, spelling }
    }

    #[test]
    fn requirements_are_matched_by_name() {
        let told = diff(
            "Requires-Dist: numpy (>=1.2)\nRequires-Dist: Foo_Bar>=2\nRequires-Dist: gone\n",
            "Requires-Dist: foo.bar>=3\nRequires-Dist: numpy>=1.2\nRequires-Dist: new\n",
        );
        let [header] = &told.headers[..] else { panic!("{told:?}") };
        assert_eq!(
            header.changed,
            [changed("numpy (>=1.2)", "numpy>=1.2", true), changed("Foo_Bar>=2", "foo.bar>=3", false)]
        );
        assert_eq!((&header.removed[..], &header.added[..]), (&["gone".into()][..], &["new".into()][..]));
    }

    #[test]
    fn spelling_is_what_means_nothing() {
        for (one, other, same) in [
            ("a (>=1) ; x == 'y'", "A>=1; x == \"y\"", true),
            ("a; x and y", "a; xand y", false),
            ("a>=1", "a>1", false),
            ("a[x]>1", "a >1", false),
        ] {
            assert_eq!(squeezed(one) == squeezed(other), same, "{one} {other}");
        }
    }

    #[test]
    fn order_and_folding_are_form() {
        let told = diff("A: 1\nB: 2\n", "b: 2\nA: 1\n");
        assert!(told.form && told.headers.is_empty() && told.body.is_none());
        assert_eq!(diff("A: 1\n", "A: 1\n"), HeadersDiff::default());
    }

    #[test]
    fn a_single_header_changes_its_value_and_others_are_sets() {
        let told = diff("T: 1\nT: 2\nV: 1\n", "T: 2\nT: 3\nV: 2\n");
        assert_eq!(told.headers[0].removed, ["1"]);
        assert_eq!(told.headers[0].added, ["3"]);
        assert_eq!(told.headers[1].changed, [changed("1", "2", false)]);
    }
}
