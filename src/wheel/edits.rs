//! What to change in a wheel, as it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::{name, requirement};
use crate::build::pep440::{Version, normalized_name};

/// A change of one of the three sets of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagEdit {
    /// These and no others.
    Set(Vec<String>),
    /// These, too.
    Add(Vec<String>),
    /// All but these.
    Remove(Vec<String>),
    /// Those that the wheel has earned by its machine code. Platform tags only.
    Auto {
        /// An x86-64 level that a file insists on speaks against every policy.
        levels: bool,
    },
}

impl TagEdit {
    /// Reads `a.b`, `+a.b` or `-a.b`; for platform tags, `auto`, too.
    pub fn parse(text: &str, what: &str) -> Result<Self, String> {
        if (text, what) == ("auto", "platform") {
            Ok(Self::Auto { levels: true })
        } else if let Some(more) = text.strip_prefix('+') {
            name::set(more, what).map(Self::Add)
        } else if let Some(less) = text.strip_prefix('-') {
            name::set(less, what).map(Self::Remove)
        } else {
            name::set(text, what).map(Self::Set)
        }
    }

    /// The tags after it, sorted. [`Self::Auto`] is decided elsewhere.
    pub(super) fn apply(edit: Option<&Self>, old: &[String]) -> Vec<String> {
        let old = old.iter();
        let new: BTreeSet<&String> = match edit {
            None | Some(Self::Auto { .. }) => old.collect(),
            Some(Self::Set(these)) => these.iter().collect(),
            Some(Self::Add(more)) => old.chain(more).collect(),
            Some(Self::Remove(less)) => old.filter(|tag| !less.contains(tag)).collect(),
        };
        new.into_iter().cloned().collect()
    }
}

/// A variant of a package (PEP 825, a draft).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its label.
    pub label: String,
    /// The text of variant.json.
    pub json: String,
}

/// What to change.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Python tags.
    pub python: Option<TagEdit>,
    /// ABI tags.
    pub abi: Option<TagEdit>,
    /// Platform tags.
    pub platform: Option<TagEdit>,
    /// The build number; empty to erase it.
    pub build: Option<String>,
    /// The name of the package.
    pub name: Option<String>,
    /// What the name of the package ends in, behind a `-`.
    pub suffix: Option<String>,
    /// The local part of the version; empty to erase it.
    pub local: Option<String>,
    /// Packages that are given the same edits, by their normalised names, with their versions: what requires them
    /// follows them.
    pub siblings: BTreeMap<String, BTreeSet<String>>,
    /// The variant that the wheel becomes.
    pub variant: Option<Variant>,
    /// Files of the wheel that get another content, by their names in it; those of dist-info have edits of their own.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Mend what can be mended.
    pub fix: bool,
    /// Requirements to add.
    pub add_requires: Vec<String>,
    /// Names of packages that are no longer required.
    pub remove_requires: Vec<String>,
    /// Requirements that take the place of those of the same name.
    pub set_requires: Vec<String>,
}

impl Edits {
    /// Checks what does not depend on the wheel.
    pub fn check(&self) -> Result<(), String> {
        if let Some(build) = self.build.as_deref().filter(|build| !build.is_empty()) {
            name::check_build(build)?;
        }
        if let Some(local) = self.local.as_deref().filter(|local| !local.is_empty()) {
            local_part(local)?;
        }
        self.name.as_deref().map_or(Ok(()), requirement::check_name)?;
        self.remove_requires.iter().try_for_each(|name| requirement::check_name(name))?;
        self.add_requires.iter().chain(&self.set_requires).try_for_each(|text| requirement::check(text))
    }

    /// Whether METADATA may change.
    pub(super) fn metadata(&self) -> bool {
        let lists = [&self.add_requires, &self.remove_requires, &self.set_requires];
        let named = self.name.is_some() || self.suffix.is_some() || self.local.is_some();
        named || lists.iter().any(|list| !list.is_empty())
    }

    /// The name of a package with the suffix; as it was, if there is none.
    #[must_use]
    pub fn suffixed(&self, name: &str) -> String {
        match &self.suffix {
            Some(suffix) => format!("{}-{suffix}", normalized_name(name)),
            None => name.to_owned(),
        }
    }

    /// A version with the local part that is asked for. The error says what is wrong with it.
    pub fn relocated(&self, version: &str) -> Result<String, String> {
        let Some(local) = &self.local else { return Ok(version.to_owned()) };
        let public = version.split('+').next().unwrap_or_default();
        let new = match &local[..] {
            "" => public.to_owned(),
            local => format!("{public}+{}", local_part(local)?),
        };
        match Version::parse(&new) {
            Some(_) => Ok(new),
            None => Err(format!("would have the version `{new}`, which is none")),
        }
    }
}

/// A local version as PEP 440 normalises it.
fn local_part(text: &str) -> Result<String, String> {
    let normal = text.to_ascii_lowercase().replace(['-', '_'], ".");
    let sound =
        normal.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if sound { Ok(normal) } else { Err(format!("`{}` is no local version", text.escape_debug())) }
}
