//! From TOML to a checked [`Topology`]. Every fault, of syntax or of meaning, is refused with its place.

use std::collections::BTreeMap;
use std::ops::Range;

use crosswheel_shim::plan::{Exports, Kind, Kinds, Language, Languages, Slot};
use serde::Deserialize;
use toml::Spanned;

use super::{
    Exported, Family, LEVEL_MACHINE, Level, LibcVersion, MarchNative, Package, Policy, PolicyFlags, Target,
    Topology, Unwinding, WasmAbi, Werror,
};
use crate::build::pep440::normalized_name;
use crate::error::{Error, Result};
use crate::source::Source;
use crate::source::coded::{Coded, kinds, languages};
use crate::source::near::suggest;

type Table<T> = BTreeMap<Spanned<String>, T>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    metadata: RawMetadata,
    #[serde(default)]
    targets: Table<RawTarget>,
    #[serde(default)]
    families: Table<RawFamily>,
    #[serde(default)]
    policies: Table<RawPolicy>,
    #[serde(default)]
    packages: Table<RawPackage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    config_settings: Spanned<Vec<Spanned<String>>>,
    why: Spanned<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetadata {
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    machine: Spanned<String>,
    os: Spanned<String>,
    libc: Spanned<String>,
    oldest_libc: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFamily {
    #[serde(default)]
    description: String,
    target: Spanned<String>,
    level: Option<Spanned<String>>,
    libc_version: Option<Spanned<String>>,
    abi: Option<Spanned<RawAbi>>,
    policy: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAbi {
    emscripten: Spanned<String>,
    platform: Spanned<String>,
    python: Option<Spanned<String>>,
    #[serde(default)]
    unwinding: Unwinding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    #[serde(default)]
    description: String,
    #[serde(default)]
    werror: Option<Spanned<Werror>>,
    #[serde(default)]
    werror_flags: Vec<Spanned<String>>,
    #[serde(default)]
    march_native: MarchNative,
    exports: Option<Spanned<RawExports>>,
    #[serde(default)]
    flags: Vec<RawFlags>,
}

/// A choice, or names of symbols.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawExports {
    Choice(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlags {
    flags: Spanned<Vec<Spanned<String>>>,
    #[serde(default = "after")]
    slot: Coded<Slot>,
    languages: Option<Spanned<Vec<Coded<Language>>>>,
    kinds: Option<Spanned<Vec<Coded<Kind>>>>,
    #[serde(default)]
    probes: bool,
    why: Spanned<String>,
}

fn after() -> Coded<Slot> {
    Coded(Slot::After)
}

/// Reads and checks.
pub(super) fn topology(source: &Source) -> Result<Topology> {
    let raw: RawFile = source.parse()?;
    let reader = Reader { source };
    let targets = reader.targets(&raw.targets)?;
    let policies = reader.policies(&raw.policies)?;
    let families = reader.families(&raw.families, &targets, &policies)?;
    let packages = reader.packages(&raw.packages)?;
    Ok(Topology {
        path: None,
        version: raw.metadata.version,
        description: raw.metadata.description,
        targets,
        families,
        policies,
        packages,
    })
}

struct Reader<'a> {
    source: &'a Source,
}

impl Reader<'_> {
    fn fault(&self, span: Range<usize>, message: impl AsRef<str>) -> Error {
        self.source.error(span, message.as_ref())
    }

    fn targets(&self, raw: &Table<RawTarget>) -> Result<BTreeMap<String, Target>> {
        let mut targets = BTreeMap::new();
        for (name, raw) in raw {
            self.name("target", name)?;
            if name.get_ref() == Target::HOST {
                let message = "the target `host` is this machine and cannot be declared";
                return Err(self.fault(name.span(), message).hint("give your target another name"));
            }
            for field in [&raw.machine, &raw.os, &raw.libc] {
                let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
                if field.get_ref().is_empty() || !field.get_ref().chars().all(word) {
                    let message = format!("`{}` is no part of a target triplet", field.get_ref());
                    return Err(self.fault(field.span(), message).hint(
                        "lower-case words such as machine = \"x86_64\", os = \"linux\", libc = \"gnu\"",
                    ));
                }
            }
            let oldest_libc =
                raw.oldest_libc.as_ref().map(|version| self.libc_version(version)).transpose()?;
            targets.insert(
                name.get_ref().clone(),
                Target {
                    name: name.get_ref().clone(),
                    machine: raw.machine.get_ref().clone(),
                    os: raw.os.get_ref().clone(),
                    libc: raw.libc.get_ref().clone(),
                    oldest_libc,
                },
            );
        }
        Ok(targets)
    }

    fn families(
        &self,
        raw: &Table<RawFamily>,
        targets: &BTreeMap<String, Target>,
        policies: &BTreeMap<String, Policy>,
    ) -> Result<BTreeMap<String, Family>> {
        let mut families = BTreeMap::new();
        for (name, raw) in raw {
            self.name("family", name)?;
            let target = if raw.target.get_ref() == Target::HOST {
                Target::host()
            } else {
                self.one_of("target", &raw.target, targets)?
            };
            let level = raw.level.as_ref().map(|level| self.level(level, &target)).transpose()?;
            let libc_version = self.libc_of(raw, &target)?;
            let abi = raw.abi.as_ref().map(|abi| self.abi(abi, &target)).transpose()?;
            let policy = match &raw.policy {
                Some(policy) => self.one_of("policy", policy, policies)?,
                None => Policy::default(),
            };
            let family = Family {
                name: name.get_ref().clone(),
                description: raw.description.clone(),
                target,
                level,
                libc_version,
                abi,
                policy,
            };
            families.insert(family.name.clone(), family);
        }
        Ok(families)
    }

    /// The C library that a family is for.
    fn libc_of(&self, raw: &RawFamily, target: &Target) -> Result<Option<LibcVersion>> {
        let Some(given) = &raw.libc_version else { return Ok(None) };
        if target.is_host() {
            let message = "a libc_version needs a target that names its machine, not `host`";
            return Err(self
                .fault(given.span(), message)
                .hint("declare a target with machine, os and libc, and name it here"));
        }
        if target.is_emscripten() {
            let message = "Emscripten brings its own C library, whose version nobody asks for";
            return Err(self.fault(given.span(), message).hint("say which Emscripten with `abi`"));
        }
        let version = self.libc_version(given)?;
        target.check(version).map_err(|what| self.fault(given.span(), what))?;
        Ok(Some(version))
    }

    /// The interface of the run-time that a family is for.
    fn abi(&self, raw: &Spanned<RawAbi>, target: &Target) -> Result<WasmAbi> {
        if !target.is_emscripten() {
            let message = "an `abi` goes with a target whose os is emscripten";
            return Err(self.fault(raw.span(), message).hint("name the C library with `libc_version`"));
        }
        let abi = raw.get_ref();
        let fault = |at: &Spanned<String>, what: String| self.fault(at.span(), what);
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let platform = abi.platform.get_ref();
        if !platform.chars().all(word) || !platform.ends_with(&format!("_{}", target.machine)) {
            let message = format!("`{platform}` is no platform tag of {}", target.machine);
            return Err(self
                .fault(abi.platform.span(), message)
                .hint("such as \"pyodide_2024_0_wasm32\": lower-case letters, digits and `_`"));
        }
        let python = abi.python.as_ref();
        Ok(WasmAbi {
            emscripten: abi.emscripten.get_ref().parse().map_err(|what| fault(&abi.emscripten, what))?,
            platform: platform.clone(),
            python: python.map(|at| at.get_ref().parse().map_err(|what| fault(at, what))).transpose()?,
            unwinding: abi.unwinding,
        })
    }

    fn libc_version(&self, text: &Spanned<String>) -> Result<LibcVersion> {
        text.get_ref().parse().map_err(|what: String| self.fault(text.span(), what))
    }

    fn level(&self, level: &Spanned<String>, target: &Target) -> Result<Level> {
        let Some(known) = Level::parse(level.get_ref()) else {
            let message =
                format!("unknown level `{}`; {}", level.get_ref(), suggest(level.get_ref(), Level::names()));
            return Err(self.fault(level.span(), message));
        };
        if target.is_host() {
            let message = format!("the level `{known}` needs a target that names its machine, not `host`");
            return Err(self
                .fault(level.span(), message)
                .hint(format!("declare a target with machine = \"{LEVEL_MACHINE}\" and name it here")));
        }
        if target.machine != LEVEL_MACHINE {
            let message = format!(
                "the level `{known}` is one of {LEVEL_MACHINE}, and target `{}` is {}",
                target.name, target.machine
            );
            return Err(self.fault(level.span(), message));
        }
        Ok(known)
    }

    fn policies(&self, raw: &Table<RawPolicy>) -> Result<BTreeMap<String, Policy>> {
        let mut policies = BTreeMap::new();
        for (name, raw) in raw {
            self.name("policy", name)?;
            for flag in &raw.werror_flags {
                self.warning(flag)?;
            }
            let werror = raw.werror.as_ref().map_or(Werror::Keep, |werror| *werror.get_ref());
            if let (Werror::Add, [], Some(at)) = (werror, raw.werror_flags.as_slice(), &raw.werror) {
                return Err(self
                    .fault(at.span(), "werror = \"add\" with nothing to add")
                    .hint("list names of warnings: werror_flags = [\"return-type\"]"));
            }
            let flags = raw.flags.iter().map(|flags| self.flags(flags)).collect::<Result<_>>()?;
            let policy = Policy {
                name: name.get_ref().clone(),
                description: raw.description.clone(),
                werror,
                werror_flags: raw.werror_flags.iter().map(|flag| flag.get_ref().clone()).collect(),
                march_native: raw.march_native,
                flags,
                exports: raw.exports.as_ref().map_or(Ok(Exported::default()), |raw| self.exports(raw))?,
            };
            policies.insert(policy.name.clone(), policy);
        }
        Ok(policies)
    }

    fn packages(&self, raw: &Table<RawPackage>) -> Result<BTreeMap<String, Package>> {
        let mut packages = BTreeMap::new();
        for (name, raw) in raw {
            self.name("package", name)?;
            if raw.why.get_ref().trim().is_empty() {
                return Err(self.fault(raw.why.span(), "a reason must be given"));
            }
            let mut settings = Vec::new();
            for setting in raw.config_settings.get_ref() {
                let Some((key, value)) = setting.get_ref().split_once('=').filter(|(key, _)| !key.is_empty())
                else {
                    return Err(self
                        .fault(setting.span(), format!("`{}` is no setting", setting.get_ref()))
                        .hint("write it such as \"setup-args=-Dblas=none\""));
                };
                settings.push((key.to_owned(), value.to_owned()));
            }
            let package = Package { config_settings: settings, why: raw.why.get_ref().clone() };
            packages.insert(normalized_name(name.get_ref()), package);
        }
        Ok(packages)
    }

    fn exports(&self, raw: &Spanned<RawExports>) -> Result<Exported> {
        let fault = |message: String| Err(self.fault(raw.span(), message));
        let choices = [Exports::Pyinit, Exports::Requested, Exports::WholeArchive];
        match raw.get_ref() {
            RawExports::Choice(text) => {
                if let Some(exports) = choices.into_iter().find(|choice| choice.name() == text) {
                    return Ok(Exported { exports, names: Vec::new() });
                }
                let near = suggest(text, choices.map(Exports::name));
                fault(format!("unknown choice of exports `{text}`; {near}, or a list of symbols"))
            }
            RawExports::List(names) => {
                // A comma would end the word for the linker.
                let odd = |name: &&String| name.is_empty() || name.contains([',', ' ', '\n']);
                if let Some(name) = names.iter().find(odd) {
                    return fault(format!("`{name}` is no name of a symbol"));
                }
                Ok(Exported { exports: Exports::List, names: names.clone() })
            }
        }
    }

    fn warning(&self, flag: &Spanned<String>) -> Result<()> {
        let name = flag.get_ref();
        let good = |c: char| c.is_ascii_alphanumeric() || "-+_=#".contains(c);
        if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
            return Err(self
                .fault(flag.span(), format!("`{name}` is no name of a warning"))
                .hint("write the name alone: \"return-type\" for -Werror=return-type"));
        }
        Ok(())
    }

    fn flags(&self, raw: &RawFlags) -> Result<PolicyFlags> {
        match raw.flags.get_ref().first() {
            None => return Err(self.fault(raw.flags.span(), "an empty list of flags")),
            Some(first) if !first.get_ref().starts_with('-') => {
                return Err(self
                    .fault(first.span(), format!("`{}` is no option", first.get_ref()))
                    .hint("each string is one whole argument, and the first begins with `-`"));
            }
            Some(_) => {}
        }
        if raw.why.get_ref().trim().is_empty() {
            return Err(self.fault(raw.why.span(), "a reason must be given"));
        }
        let given = raw.kinds.as_ref();
        let calls = given.map_or(Kinds::of(&[Kind::Compile, Kind::Link]), |list| kinds(list.get_ref()));
        let allowed = Kinds::of(&[Kind::Preprocess, Kind::Compile, Kind::Assemble, Kind::Link]);
        if let Some(list) = given
            && (calls.is_empty() || !calls.within(allowed))
        {
            let known: Vec<&str> = allowed.iter().map(Kind::name).collect();
            let message = format!("flags can go into these calls: {}", known.join(", "));
            return Err(self.fault(list.span(), message));
        }
        let languages = match &raw.languages {
            Some(list) if list.get_ref().is_empty() => {
                let message = "an empty list of languages";
                return Err(self.fault(list.span(), message).hint(
                    "leave it out: flags for links alone go into every link, others into every language",
                ));
            }
            Some(list) => languages(list.get_ref()),
            None if calls == Kinds::of(&[Kind::Link]) => Languages::NONE,
            None => COMPILED,
        };
        Ok(PolicyFlags {
            flags: raw.flags.get_ref().iter().map(|flag| flag.get_ref().clone()).collect(),
            slot: raw.slot.0,
            languages,
            kinds: calls,
            probes: raw.probes,
            why: raw.why.get_ref().clone(),
        })
    }

    fn one_of<T: Clone>(&self, what: &str, name: &Spanned<String>, all: &BTreeMap<String, T>) -> Result<T> {
        all.get(name.get_ref()).cloned().ok_or_else(|| {
            let host = (what == "target").then_some(Target::HOST);
            let near = suggest(name.get_ref(), all.keys().map(String::as_str).chain(host));
            self.fault(name.span(), format!("unknown {what} `{}`; {near}", name.get_ref()))
        })
    }

    /// Names are words of lower-case letters and digits, joined by single `-`, `_` or `.`.
    fn name(&self, what: &str, name: &Spanned<String>) -> Result<()> {
        let word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if name.get_ref().split(['-', '_', '.']).all(word) {
            return Ok(());
        }
        Err(self
            .fault(name.span(), format!("`{}` is no name for a {what}", name.get_ref()))
            .hint("lower-case letters and digits, in words joined by single `-`, `_` or `.`"))
    }
}

/// Languages that flags of a policy are for if it names none.
const COMPILED: Languages =
    Languages::of(&[Language::C, Language::Cxx, Language::ObjC, Language::ObjCxx, Language::Fortran]);
