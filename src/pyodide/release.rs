//! The table of `releases.toml`: what each release of Pyodide is, and which one fits a family, a Python or a wheel.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::source::Source;
use crate::topology::{EmscriptenVersion, Family, MinorVersion, Unwinding};

const TABLE: &str = include_str!("releases.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    release: Vec<RawRelease>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelease {
    version: String,
    python: String,
    emscripten: String,
    platforms: Vec<String>,
    unwinding: Unwinding,
    integrity: String,
    megabytes: u32,
}

/// A release of Pyodide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its version in npm.
    pub version: String,
    /// The version of its Python.
    pub python: MinorVersion,
    /// The Emscripten that made it.
    pub emscripten: EmscriptenVersion,
    /// Platform tags of wheels that it takes besides that of its Emscripten, the best first.
    pub platforms: Vec<String>,
    /// How exceptions go through it.
    pub unwinding: Unwinding,
    /// `sha512-` and the digest of its package in base64.
    pub integrity: String,
    /// Size of its package.
    pub megabytes: u32,
}

impl Release {
    /// All platform tags of wheels that it takes.
    #[must_use]
    pub fn takes(&self) -> Vec<String> {
        self.platforms.iter().cloned().chain([self.emscripten.platform_tag()]).collect()
    }
}

/// All releases that are known.
#[derive(Clone, Debug)]
pub struct Releases(Vec<Release>);

impl Releases {
    /// Those that come with crosswheel.
    pub fn builtin() -> Result<Self> {
        let source = Source::new("<built-in>/releases.toml", TABLE);
        let raw: Raw = source.parse()?;
        let fault = |what: String| Error::failed(format!("<built-in>/releases.toml: {what}"));
        let releases = raw.release.into_iter().map(|raw| {
            Ok(Release {
                python: raw.python.parse().map_err(fault)?,
                emscripten: raw.emscripten.parse().map_err(fault)?,
                version: raw.version,
                platforms: raw.platforms,
                unwinding: raw.unwinding,
                integrity: raw.integrity,
                megabytes: raw.megabytes,
            })
        });
        releases.collect::<Result<_>>().map(Self)
    }

    /// All, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Release> {
        self.0.iter()
    }

    /// The release that a family is for, with the Python that builds for it.
    pub fn for_build(&self, family: &Family, python: MinorVersion) -> Result<&Release> {
        if let Some(abi) = &family.abi
            && let Some(asked) = abi.python.filter(|asked| *asked != python)
        {
            let what = format!(
                "the family `{}` is for Python {asked}, and the build Python is {python}",
                family.name
            );
            return Err(Error::usage(what).hint(format!("name a Python {asked} with --python")));
        }
        let release = self.for_python(python)?;
        let platform = family.abi.as_ref().filter(|abi| abi.python.is_some()).map(|abi| &abi.platform);
        match platform {
            Some(platform) if !release.takes().contains(platform) => Err(Error::usage(format!(
                "no Pyodide with Python {python} that is known here takes wheels for {platform}"
            ))
            .hint(format!("Pyodide {} takes {}", release.version, release.takes().join(", ")))),
            _ => Ok(release),
        }
    }

    /// The release with this Python.
    pub fn for_python(&self, python: MinorVersion) -> Result<&Release> {
        self.0.iter().find(|release| release.python == python).ok_or_else(|| {
            let known: Vec<String> = self.0.iter().map(|release| release.python.to_string()).collect();
            Error::usage(format!("no Pyodide with Python {python} is known here"))
                .hint(format!("there are those with Python {}: name one with --python", known.join(", ")))
        })
    }

    /// The release that a wheel can be tested on: of its Python if it is for one alone, else of its platform, else the
    /// newest.
    pub fn for_wheel(&self, platforms: &[String], python: Option<MinorVersion>) -> Result<&Release> {
        if let Some(python) = python {
            return self.for_python(python);
        }
        let takes = |release: &&Release| platforms.iter().any(|tag| release.takes().contains(tag));
        let found = self.0.iter().rfind(takes).or(self.0.last());
        found.ok_or_else(|| Error::failed("no release of Pyodide is known here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Topology;

    #[test]
    fn every_family_for_a_pyodide_has_its_release_and_they_agree() {
        let releases = Releases::builtin().unwrap();
        let topology = Topology::builtin().unwrap();
        let mut met = 0;
        for family in topology.families() {
            let Some(abi) = &family.abi else { continue };
            let release = releases.for_build(family, abi.python.unwrap()).unwrap();
            assert_eq!(release.emscripten, abi.emscripten, "{}", family.name);
            assert_eq!(release.unwinding, abi.unwinding, "{}", family.name);
            assert_eq!(family.platform_tag().as_deref(), Some(family.name.as_str()));
            met += 1;
        }
        assert_eq!(met, 3);
    }

    #[test]
    fn a_python_without_a_pyodide_is_refused_with_those_that_have_one() {
        let releases = Releases::builtin().unwrap();
        let told = releases.for_python(MinorVersion(3, 9)).unwrap_err();
        assert_eq!(told.message, "no Pyodide with Python 3.9 is known here");
        assert!(told.hint.unwrap().contains("3.11, 3.12"), "no versions");
        let family = Topology::builtin().unwrap().family("pyodide_2024_0_wasm32").unwrap();
        let told = releases.for_build(&family, MinorVersion(3, 11)).unwrap_err();
        assert!(told.message.ends_with("is for Python 3.12, and the build Python is 3.11"), "{told}");
    }

    #[test]
    fn a_wheel_finds_its_release_by_python_or_by_platform() {
        let releases = Releases::builtin().unwrap();
        let version = |platform: &str, python| {
            releases.for_wheel(&[platform.to_owned()], python).unwrap().version.clone()
        };
        assert_eq!(version("emscripten_3_1_6_wasm32", Some(MinorVersion(3, 11))), "0.25.1");
        assert_eq!(version("pyodide_2024_0_wasm32", None), "0.27.7");
        assert_eq!(version("any", None), "314.0.7");
    }
}
