//! The policies as data (`table.toml`), and what each of them allows. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// A version of numbers and dots, such as `2.17` or `3.4.30`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dotted(Vec<u32>);

impl FromStr for Dotted {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let part = |part: &str| {
            let sound = part.bytes().all(|byte| byte.is_ascii_digit());
            if sound { part.parse().map_err(|_| ()) } else { Err(()) }
        };
        text.split('.').map(part).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Dotted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl Serialize for Dotted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dotted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|()| D::Error::custom(format!("`{text}` is no version")))
    }
}

/// The C library of a platform tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Libc {
    /// glibc: manylinux.
    Glibc,
    /// musl: musllinux.
    Musl,
}

impl Libc {
    /// What platform tags begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Glibc => "manylinux",
            Self::Musl => "musllinux",
        }
    }

    /// The policies that are given for a machine, the oldest first.
    #[must_use]
    pub fn policies(self, machine: &str) -> Vec<Dotted> {
        self.rules().policies(machine).cloned().collect()
    }

    pub(super) fn rules(self) -> &'static Rules {
        let table = table();
        match self {
            Self::Glibc => &table.manylinux,
            Self::Musl => &table.musllinux,
        }
    }
}

/// From a policy on, up to a version.
type Steps = BTreeMap<Dotted, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    manylinux: Rules,
    musllinux: Rules,
    interpreter: Interpreter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interpreter {
    symbols: Vec<String>,
}

/// The policies of one C library.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Those that are given, the oldest first.
    policies: Vec<Dotted>,
    aliases: BTreeMap<Dotted, String>,
    loaders: Vec<String>,
    oldest: BTreeMap<String, Dotted>,
    libraries: BTreeMap<Dotted, Vec<String>>,
    versions: BTreeMap<String, Steps>,
    machines: BTreeMap<String, BTreeMap<String, Steps>>,
    forbidden: Vec<Forbidden>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forbidden {
    library: String,
    below: Option<Dotted>,
    symbols: Vec<String>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    // The table is part of the program, and a unit test reads it.
    #[expect(clippy::expect_used, reason = "a table that cannot be read is a fault of the build")]
    TABLE.get_or_init(|| toml::from_str(include_str!("table.toml")).expect("table.toml is sound"))
}

/// Whether a symbol is one that interpreters need not have.
pub(super) fn of_some_interpreters(symbol: &str) -> bool {
    symbol.starts_with("Py") && table().interpreter.symbols.iter().any(|first| symbol.starts_with(&first[..]))
}

/// Whether any policy forbids a symbol.
pub(super) fn is_watched(symbol: &str) -> bool {
    let forbids = |rules: &Rules| rules.forbidden.iter().any(|row| row.symbols.iter().any(|s| s == symbol));
    of_some_interpreters(symbol) || [Libc::Glibc, Libc::Musl].iter().any(|libc| forbids(libc.rules()))
}

impl Rules {
    /// The policies of a machine, the oldest first; none if it has none.
    pub(super) fn policies(&self, machine: &str) -> impl DoubleEndedIterator<Item = &Dotted> {
        let oldest = self.oldest.get(machine);
        self.policies.iter().filter(move |policy| oldest.is_some_and(|oldest| *policy >= oldest))
    }

    /// The name from before PEP 600.
    pub(super) fn alias(&self, policy: &Dotted) -> Option<&str> {
        self.aliases.get(policy).map(String::as_str)
    }

    /// The policy of such a name.
    pub(super) fn of_alias(&self, alias: &str) -> Option<&Dotted> {
        self.aliases.iter().find(|(_, name)| *name == alias).map(|(policy, _)| policy)
    }

    /// What a policy stands for on a machine that has none so old: its oldest.
    pub(super) fn at_least<'a>(&'a self, policy: &'a Dotted, machine: &str) -> &'a Dotted {
        self.oldest.get(machine).map_or(policy, |oldest| policy.max(oldest))
    }

    /// Whether a library may be needed from outside the wheel.
    pub(super) fn allows_library(&self, library: &str, policy: &Dotted) -> bool {
        self.loaders.iter().any(|loader| library.starts_with(&loader[..]))
            || self.libraries.range(..=policy.clone()).any(|(_, names)| names.iter().any(|n| n == library))
    }

    /// Whether it is one that every newer policy has, if not this one.
    pub(super) fn knows_library(&self, library: &str) -> bool {
        self.policies.last().is_some_and(|newest| self.allows_library(library, newest))
    }

    /// Whether a symbol version may be needed. Versions of libraries that no policy knows may.
    pub(super) fn allows_version(&self, version: &str, policy: &Dotted, machine: &str) -> bool {
        let (family, number) = split(version);
        let first = version.split('_').next().unwrap_or_default();
        if !self.versions.contains_key(first) {
            return true;
        }
        let Some(steps) = self.versions.get(family) else { return false };
        // What came after our last policy is not known here, but for the library that names it.
        let known = self.policies.last().is_none_or(|newest| policy <= newest);
        if !known && family != "GLIBC" {
            return true;
        }
        let other = self.machines.get(machine).and_then(|all| all.get(family));
        let last =
            |steps: &Steps| steps.range(..=policy.clone()).next_back().map(|(k, v)| (k.clone(), v.clone()));
        // Of two steps from the same policy on, the machine's own counts.
        let step = last(steps).into_iter().chain(other.and_then(last)).max_by(|a, b| a.0.cmp(&b.0));
        let cap = step.and_then(|(_, cap)| cap.parse::<Dotted>().ok());
        let cap = if family == "GLIBC" { cap.max(Some(policy.clone())) } else { cap };
        cap.is_some_and(|cap| number.is_none_or(|number| number <= cap))
    }

    /// The libraries of which a symbol is forbidden.
    pub(super) fn forbidding(&self, symbol: &str) -> impl Iterator<Item = &str> {
        let rows = self.forbidden.iter().filter(move |row| row.symbols.iter().any(|one| one == symbol));
        rows.map(|row| row.library.as_str())
    }

    /// Whether a symbol of a library may be used.
    pub(super) fn allows_symbol(&self, symbol: &str, library: &str, policy: &Dotted) -> bool {
        let mut rows = self.forbidden.iter().filter(|row| row.library == library);
        !rows.any(|row| {
            row.below.as_ref().is_none_or(|below| policy < below) && row.symbols.iter().any(|s| s == symbol)
        })
    }
}

/// What stands before the number of a symbol version, and the number: `GLIBCXX_LDBL_3.4.10`. Some have none.
fn split(version: &str) -> (&str, Option<Dotted>) {
    match version.rsplit_once('_').map(|(family, number)| (family, number.parse())) {
        Some((family, Ok(number))) => (family, Some(number)),
        _ => (version, None),
    }
}

/// Whether a version is one of glibc itself.
pub(super) fn is_of_glibc(version: &str) -> bool {
    version.split('_').next() == Some("GLIBC")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotted(text: &str) -> Dotted {
        text.parse().expect("it is a version")
    }

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(dotted("2.5") < dotted("2.17") && dotted("3.4") < dotted("3.4.8"));
        for wrong in ["", "2.", ".5", "2.x", "+2", "99999999999"] {
            assert!(wrong.parse::<Dotted>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cap_of_glibc_is_the_policy() {
        let rules = Libc::Glibc.rules();
        for policy in rules.policies("x86_64") {
            assert!(rules.allows_version(&format!("GLIBC_{policy}"), policy, "x86_64"));
            assert!(!rules.allows_version("GLIBC_2.42", policy, "x86_64"));
            assert!(!rules.allows_version("GLIBC_PRIVATE", policy, "x86_64"));
            assert!(rules.allows_version("OPENSSL_3.0.0", policy, "x86_64"));
        }
        // Between the policies that are given, too; and after the last one.
        assert!(rules.allows_version("GLIBC_2.29", &dotted("2.29"), "x86_64"));
        assert!(!rules.allows_version("GLIBC_2.43", &dotted("2.42"), "x86_64"));
        assert!(rules.allows_version("GLIBCXX_3.4.99", &dotted("2.42"), "x86_64"));
    }
}
