//! File names of wheels (PyPA, binary distribution format; PEP 427, 600, 656, draft 825): read into parts, and rendered to
//! the same bytes. Parts are kept as they are spelled.

use std::fmt;

use crate::build::pep440::{Version, normalized_name};

/// The name of a wheel, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// The distribution, escaped: `_` in place of `-`.
    pub distribution: String,
    /// Its version, escaped likewise.
    pub version: String,
    /// The build number: a digit first.
    pub build: Option<String>,
    /// What it runs on.
    pub tags: Tags,
    /// The label of the variant (PEP 825, a draft).
    pub variant: Option<String>,
}

/// The three sets of a compressed tag (PEP 425), each in the order of its spelling, none empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// Such as `cp311`.
    pub python: Vec<String>,
    /// Such as `abi3`.
    pub abi: Vec<String>,
    /// Such as `manylinux_2_28_x86_64`.
    pub platform: Vec<String>,
}

impl WheelName {
    /// Reads a file name, without its folder. The error says what is wrong with it.
    pub fn parse(file: &str) -> Result<Self, String> {
        let stem = file.strip_suffix(".whl").ok_or("it does not end in `.whl`")?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (parts, variant) = match parts[..] {
            [.., platform, label]
                if parts.len() == 7 || (parts.len() == 6 && is_labelled(parts[2], platform)) =>
            {
                (&parts[..parts.len() - 1], Some(label))
            }
            _ => (&parts[..], None),
        };
        let (distribution, version, build, python, abi, platform) = match *parts {
            [name, version, python, abi, platform] => (name, version, None, python, abi, platform),
            [name, version, build, python, abi, platform] => {
                (name, version, Some(build), python, abi, platform)
            }
            _ => return Err(format!("it has {} parts between `-`, and a wheel has 5 to 7", parts.len())),
        };
        if !is_distribution(distribution) {
            return Err(format!("`{distribution}` is no name of a distribution"));
        }
        // Around a version there may be blanks, but not in a file name.
        let blank = version.contains(char::is_whitespace);
        if blank || Version::parse(&version.replace('_', "-")).is_none() {
            return Err(format!("`{version}` is no version"));
        }
        if let Some(build) = build {
            check_build(build)?;
        }
        if let Some(label) = variant {
            check_variant(label)?;
        }
        Ok(Self {
            distribution: distribution.to_owned(),
            version: version.to_owned(),
            build: build.map(str::to_owned),
            tags: Tags {
                python: set(python, PYTHON)?,
                abi: set(abi, "ABI")?,
                platform: set(platform, "platform")?,
            },
            variant: variant.map(str::to_owned),
        })
    }

    /// Whether a folder `NAME-VERSION.dist-info` (or `.data`) is of this wheel, however it is spelled.
    #[must_use]
    pub fn owns(&self, stem: &str) -> bool {
        stem.split_once('-').is_some_and(|(name, version)| {
            normalized_name(name) == normalized_name(&self.distribution)
                && same_version(version, &self.version)
        })
    }
}

/// Whether two spellings are one version. What is no version must be spelled alike.
#[must_use]
pub fn same_version(one: &str, other: &str) -> bool {
    let read = |text: &str| Version::parse(&text.replace('_', "-"));
    match (read(one), read(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// Whether it may be the first part of a file name: a name of PEP 508, its `-` escaped. Installers refuse `__`, which no
/// escaping gives.
fn is_distribution(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    !name.contains("__")
        && name.chars().all(inside)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Checks a build number.
pub fn check_build(build: &str) -> Result<(), String> {
    let sound = build.starts_with(|c: char| c.is_ascii_digit())
        && build.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    if sound { Ok(()) } else { Err(format!("`{build}` is no build number: it starts with a digit")) }
}

/// Whether six parts are a wheel of a variant, and not one with a build number: the third is none, and the last but one
/// is a platform.
fn is_labelled(third: &str, platform: &str) -> bool {
    let is_platform = |tag: &str| matches!(tag, "any" | "win32") || tag.contains('_');
    !third.starts_with(|c: char| c.is_ascii_digit()) && platform.split('.').all(is_platform)
}

/// Checks the label of a variant.
pub fn check_variant(label: &str) -> Result<(), String> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    let sound = !label.is_empty() && label.chars().all(inside);
    if sound { Ok(()) } else { Err(format!("`{label}` is no label of a variant: a-z, 0-9, `_` and `.`")) }
}

/// What the tags of interpreters are called in messages, and in the calls of [`set`].
const PYTHON: &str = "Python";

/// Reads a set of tags such as `py2.py3`; `what` they are tags of: `Python`, `ABI` or `platform`.
pub fn set(text: &str, what: &str) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    for tag in text.split('.') {
        // `packaging` wants an identifier for the interpreter.
        let digit = what == PYTHON && tag.starts_with(|c: char| c.is_ascii_digit());
        let sound = !digit && !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !sound {
            return Err(format!("`{tag}` is no {what} tag"));
        }
        if all.iter().any(|other| other == tag) {
            return Err(format!("the {what} tag `{tag}` is there twice"));
        }
        all.push(tag.to_owned());
    }
    Ok(all)
}

impl Tags {
    /// Every combination, in the order of the sets.
    pub fn expanded(&self) -> impl Iterator<Item = String> + '_ {
        self.python.iter().flat_map(move |python| {
            self.abi.iter().flat_map(move |abi| {
                self.platform.iter().map(move |platform| format!("{python}-{abi}-{platform}"))
            })
        })
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python.join("."), self.abi.join("."), self.platform.join("."))
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-", self.distribution, self.version)?;
        if let Some(build) = &self.build {
            write!(f, "{build}-")?;
        }
        write!(f, "{}", self.tags)?;
        if let Some(label) = &self.variant {
            write!(f, "-{label}")?;
        }
        f.write_str(".whl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_name_of_a_wheel_is_told() {
        for (file, why) in [
            ("demo-1.0-py3-none-any.zip", "`.whl`"),
            ("demo-1.0-py3-none.whl", "4 parts"),
            ("demo-1.0-1-2-3-py3-none-any.whl", "8 parts"),
            ("demo-1.0-py3-none-any-V3.whl", "`V3` is no label"),
            ("demo-1.0-b1-py3-none-any.whl", "`b1` is no build number"),
            ("-1.0-py3-none-any.whl", "`` is no name"),
            ("démo-1.0-py3-none-any.whl", "is no name"),
            ("de__mo-1.0-py3-none-any.whl", "`de__mo` is no name"),
            ("demo-1.0 -py3-none-any.whl", "`1.0 ` is no version"),
            ("demo-one-py3-none-any.whl", "`one` is no version"),
            ("demo-1.0-py3.-none-any.whl", "`` is no Python tag"),
            ("demo-1.0-3py-none-any.whl", "`3py` is no Python tag"),
            ("demo-1.0-py3-none-any.any.whl", "`any` is there twice"),
            ("demo-1.0-py3-no/ne-any.whl", "`no/ne` is no ABI tag"),
        ] {
            let told = WheelName::parse(file).expect_err(file);
            assert!(told.contains(why), "{file}: {told}");
        }
    }

    #[test]
    fn a_folder_is_owned_however_it_is_spelled() {
        let name = WheelName::parse("My_Demo.x-1.0_1-py3-none-any.whl").unwrap();
        for (stem, owned) in [
            ("My_Demo.x-1.0_1", true),
            ("my_demo_x-1.0.post1", true),
            ("my_demo_x-1.0", false),
            ("mydemo_x-1.0.post1", false),
            ("my_demo_x", false),
        ] {
            assert_eq!(name.owns(stem), owned, "{stem}");
        }
    }

    #[test]
    fn a_label_is_told_from_a_build_number() {
        let parts = |file| WheelName::parse(file).map(|name| (name.build, name.variant)).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let label = "numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64-x86_64_v3.whl";
        assert_eq!(parts(label), (None, some("x86_64_v3")));
        assert_eq!(parts("demo-1.0-7-py3-none-any.whl"), (some("7"), None));
        assert_eq!(parts("demo-1.0-7-py3-none-any-gfx942.whl"), (some("7"), some("gfx942")));
    }

    proptest! {
        #[test]
        fn what_is_read_is_rendered_to_the_same_bytes(
            name in "[A-Za-z0-9]([._]?[A-Za-z0-9]){0,9}-[0-9]{1,3}(\\.[0-9]{1,3}){0,3}(\\+[a-z]{1,3})?\
                     (-[0-9][a-z0-9_]{0,3})?-py[0-9](\\.cp[0-9])?-(none|abi3)-(any|linux_[a-z0-9_]{1,9})\
                     (-[a-z0-9_.]{1,9})?"
        ) {
            let file = format!("{name}.whl");
            let read = WheelName::parse(&file).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read.to_string(), file);
        }

        #[test]
        fn any_text_is_refused_or_rendered_to_the_same_bytes(file in "[a-z0-9._+-]{0,30}(\\.whl)?") {
            if let Ok(read) = WheelName::parse(&file) {
                prop_assert_eq!(read.to_string(), file);
            }
        }
    }
}
