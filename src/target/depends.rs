//! The relations of Debian packages: `Depends`, `Pre-Depends`, `Provides` (Debian Policy 7.1, 7.5).

use std::cmp::Ordering;
use std::fmt;

use super::version::compare;

/// How versions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Exactly,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Relation {
    /// The longer spellings first.
    const SPELLED: &[(&str, Self)] = &[
        ("<<", Self::Earlier),
        ("<=", Self::EarlierOrEqual),
        (">=", Self::LaterOrEqual),
        (">>", Self::Later),
        ("=", Self::Exactly),
    ];
}

/// A package, of some version if it is said which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name; the qualifier of the architecture (`:any`) is taken off.
    pub name: String,
    /// What its version must be.
    pub version: Option<(Relation, String)>,
}

impl Wanted {
    /// Whether a version is such a one.
    #[must_use]
    pub fn takes(&self, version: &str) -> bool {
        let Some((relation, wanted)) = &self.version else { return true };
        let order = compare(version, wanted);
        match relation {
            Relation::Earlier => order == Ordering::Less,
            Relation::EarlierOrEqual => order != Ordering::Greater,
            Relation::Exactly => order == Ordering::Equal,
            Relation::LaterOrEqual => order != Ordering::Less,
            Relation::Later => order == Ordering::Greater,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let Some((relation, version)) = &self.version else { return Ok(()) };
        let sign = Relation::SPELLED.iter().find(|(_, one)| one == relation).map_or("", |(sign, _)| sign);
        write!(f, " ({sign} {version})")
    }
}

/// Reads a field: all of the outer list are wanted, one of each inner list is enough.
pub fn parse(field: &str) -> Result<Vec<Vec<Wanted>>, String> {
    let groups = field.split(',').map(str::trim).filter(|group| !group.is_empty());
    groups.map(|group| group.split('|').map(|one| wanted(one.trim())).collect()).collect()
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let strange = || format!("`{}` is no relation to a package", text.escape_debug());
    let (name, rest) = text.find([' ', '(']).map_or((text, ""), |at| text.split_at(at));
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    if !is_name(name) {
        return Err(strange());
    }
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok(Wanted { name: name.to_owned(), version: None });
    }
    let inside = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).ok_or_else(strange)?.trim();
    let (relation, version) = Relation::SPELLED
        .iter()
        .find_map(|(sign, relation)| Some((*relation, inside.strip_prefix(sign)?.trim())))
        .ok_or_else(strange)?;
    if version.is_empty() || version.contains(char::is_whitespace) {
        return Err(strange());
    }
    Ok(Wanted { name: name.to_owned(), version: Some((relation, version.to_owned())) })
}

/// Whether it is a name of a package (Debian Policy 5.6.1).
#[must_use]
pub fn is_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    name.len() >= 2 && name.chars().all(inside) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_field_is_read_into_groups_of_alternatives() {
        let read = parse("libc6 (>= 2.34), media-types | mime-support,\n python3:any (<< 3.12),").unwrap();
        let shown: Vec<Vec<String>> =
            read.iter().map(|group| group.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(
            shown,
            [vec!["libc6 (>= 2.34)"], vec!["media-types", "mime-support"], vec!["python3 (<< 3.12)"]]
        );
    }

    #[test]
    fn what_is_no_relation_is_told() {
        for text in [
            "Libc6",
            "a",
            "libc6 (2.3)",
            "libc6 (>= )",
            "libc6 (>= 1 2)",
            "libc6 >= 1",
            "libc6 [amd64]",
            "../x",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_relation_takes_its_versions() {
        for (relation, taken) in [
            ("<<", [true, false, false]),
            ("<=", [true, true, false]),
            ("=", [false, true, false]),
            (">=", [false, true, true]),
            (">>", [false, false, true]),
        ] {
            let wanted = &parse(&format!("demo ({relation} 2)")).unwrap()[0][0];
            assert_eq!(["1.9", "2", "2-1"].map(|version| wanted.takes(version)), taken, "{relation}");
        }
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_again(name in "[a-z][a-z0-9+.-]{1,9}", sign in "<<|<=|=|>=|>>", version in "[0-9][0-9a-z.+~:-]{0,9}") {
            let text = format!("{name} ({sign} {version})");
            let read = parse(&text).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read[0][0].to_string(), text);
        }
    }
}
