//! What a tool's name stands for: `[triplet-]name[-version]`.

use crosswheel_shim::plan::{Dialect, Role};

use super::Toolchains;

/// What a name says of its tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMatch {
    /// The name without triplet and version, such as `gcc-ar`.
    pub base: String,
    /// What it stands for.
    pub role: Role,
    /// How its arguments are read, if the name says so; `cc` does not.
    pub dialect_hint: Option<Dialect>,
    /// Triplet of the machine that it makes code for.
    pub prefix: Option<String>,
    /// The version that it belongs to, such as `12` or `3.9`.
    pub version: Option<String>,
}

impl Toolchains {
    /// Takes a file name apart; `None` for a tool that is not known.
    #[must_use]
    pub fn classify_name(&self, name: &str) -> Option<NameMatch> {
        // The whole name first: a version is only split off a name that is not known with it. The shortest prefix
        // first, so that `x86_64-linux-gnu-gcc-ar` is a `gcc-ar` and no `ar`.
        let (body, version) = split_version(name);
        let whole = [(name, None), (body, version)];
        for (text, version) in whole {
            if let Some(found) = self.named(text, None, version) {
                return Some(found);
            }
            for (at, _) in text.match_indices('-') {
                let (prefix, base) = (&text[..at], &text[at + 1..]);
                if !self.is_triplet(prefix) {
                    continue;
                }
                if let Some(found) = self.named(base, Some(prefix), version) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn named(&self, base: &str, prefix: Option<&str>, version: Option<&str>) -> Option<NameMatch> {
        let &(role, dialect_hint) = self.names.get(base)?;
        Some(NameMatch {
            base: base.to_owned(),
            role,
            dialect_hint,
            prefix: prefix.map(str::to_owned),
            version: version.map(str::to_owned),
        })
    }

    /// A machine that is known and one to three more words.
    fn is_triplet(&self, text: &str) -> bool {
        let mut words = text.split('-');
        let machine = words.next().is_some_and(|word| self.machines.contains(word));
        let rest: Vec<&str> = words.collect();
        let word = |word: &&str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        };
        machine && (1..=3).contains(&rest.len()) && rest.iter().all(word)
    }

    /// Names of the tools that run a compiler given as their argument, sorted.
    #[must_use]
    pub fn launcher_names(&self) -> Vec<String> {
        let launchers = self.names.iter().filter(|(_, (role, _))| *role == Role::Launcher);
        launchers.map(|(name, _)| name.clone()).collect()
    }

    /// All names with their role, sorted, without triplets and versions.
    pub fn names(&self) -> impl Iterator<Item = (&str, Role)> {
        self.names.iter().map(|(name, (role, _))| (name.as_str(), *role))
    }

    /// The dialect of a compiler or linker by its answer to `--version`.
    #[must_use]
    pub fn recognise(&self, version_output: &str) -> Option<Dialect> {
        let holds = |signs: &[String]| signs.iter().any(|sign| version_output.contains(sign.as_str()));
        self.dialects
            .iter()
            .find(|(_, facts)| holds(&facts.recognise) && !holds(&facts.unless))
            .map(|(dialect, _)| *dialect)
    }
}

/// `gcc-12` is `gcc` of version 12; `c++` and `ld.bfd` have none.
fn split_version(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('-') {
        Some((body, version))
            if version.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) =>
        {
            (body, Some(version))
        }
        _ => (name, None),
    }
}
