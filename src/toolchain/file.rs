//! The shape of a toolchain file. All files share it, so that a subject can be split over files or joined in one; what
//! each table means is said in the files of `wrappers/toolchains/` themselves. Nothing is decided here.

use std::collections::BTreeMap;

use crosswheel_shim::plan::{
    Action, Dialect, Effect, ExportsKnown, Form, Kind, Kinds, Language, LevelTest, Role, Slot,
};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::source::coded::{Coded, kinds};
use crate::topology::{MarchNative, Unwinding, Werror};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub machines: Vec<String>,
    #[serde(default)]
    pub names: Vec<Names>,
    #[serde(default)]
    pub dialect: BTreeMap<Coded<Dialect>, Spanned<DialectFacts>>,
    #[serde(default)]
    pub options: BTreeMap<Coded<Dialect>, Spanned<OptionTable>>,
    pub isa: Option<Spanned<Isa>>,
    #[serde(default)]
    pub rules: Vec<RuleRow>,
    #[serde(default)]
    pub injections: Vec<InjectionRow>,
    pub demotion: Option<Spanned<Demotion>>,
    pub policy_flags: Option<Spanned<PolicyFlagsRow>>,
    #[serde(default)]
    pub probes: Vec<Probe>,
    #[serde(default)]
    pub environment: Environment,
    #[serde(default)]
    pub compiler: BTreeMap<String, Spanned<CompilerRow>>,
    #[serde(default)]
    pub machine: BTreeMap<String, Spanned<MachineRow>>,
}

/// A cross compiler.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompilerRow {
    pub dialect: Coded<Dialect>,
    pub package: Option<String>,
    pub program: Option<String>,
    pub megabytes: Option<u32>,
    #[serde(default = "linux")]
    pub os: String,
    pub pins_libc: bool,
    pub python: Option<String>,
    pub cache: Option<String>,
    pub local_cache: Option<String>,
    #[serde(default)]
    pub target: Vec<String>,
    #[serde(default)]
    pub asks: Vec<String>,
    pub why: String,
    pub tools: BTreeMap<Coded<Role>, Vec<Vec<String>>>,
    #[serde(default)]
    pub names: BTreeMap<String, Coded<Role>>,
    #[serde(default)]
    pub lacks: BTreeMap<Coded<Role>, String>,
    #[serde(default)]
    pub machine: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    pub abi: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// A machine that wheels are built for.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineRow {
    pub debian: Option<String>,
    pub qemu: Option<String>,
    #[serde(default)]
    pub loader: BTreeMap<String, String>,
    pub triplet: BTreeMap<String, String>,
    pub multiarch: BTreeMap<String, String>,
    pub meson: MesonRow,
    pub longdouble: ByLibc<String>,
    pub rust: BTreeMap<String, String>,
    pub abi: AbiRow,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MesonRow {
    #[serde(default = "linux")]
    pub system: String,
    pub cpu_family: String,
    pub cpu: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbiRow {
    pub bits: u32,
    #[serde(default)]
    pub big_endian: bool,
    pub long_double: ByLibc<u32>,
    pub max_align: u32,
    pub va_list: VaList,
    #[serde(default)]
    pub unsigned_wchar: bool,
    pub time_t: Option<ByLibc<u32>>,
    pub old_time_t: Option<u32>,
}

/// One value, or one for each C library.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum ByLibc<T> {
    Same(T),
    Each(BTreeMap<String, T>),
}

impl<T> ByLibc<T> {
    /// The value for a C library.
    pub(super) fn get(&self, libc: &str) -> Option<&T> {
        match self {
            Self::Same(value) => Some(value),
            Self::Each(table) => table.get(libc),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum VaList {
    Array,
    Value,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub role: Coded<Role>,
    pub dialect: Option<Coded<Dialect>>,
    #[serde(rename = "names")]
    pub list: Vec<Spanned<String>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DialectFacts {
    pub inherits: Option<Spanned<Coded<Dialect>>>,
    #[serde(default)]
    pub without: Vec<Spanned<String>>,
    #[serde(default)]
    pub recognise: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
}

/// Spellings by effect and form.
pub(super) type OptionTable = BTreeMap<Coded<Effect>, BTreeMap<Coded<Form>, Vec<Spanned<String>>>>;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Isa {
    pub machine: String,
    pub triples: Vec<String>,
    #[serde(default)]
    pub since: BTreeMap<Coded<Dialect>, Version>,
    pub levels: BTreeMap<Spanned<String>, IsaLevel>,
    pub beyond: Beyond,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IsaLevel {
    pub march: Vec<Spanned<String>>,
    pub features: Vec<Spanned<String>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Beyond {
    pub features: Vec<Spanned<String>>,
}

/// Conditions on family and policies, all of which must hold.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a condition of its own in the files")]
pub(super) struct When {
    #[serde(default)]
    pub level: bool,
    pub march_native: Option<MarchNative>,
    pub werror: Option<Werror>,
    #[serde(default)]
    pub reproducible: bool,
    #[serde(default)]
    pub cross: bool,
    #[serde(default)]
    pub static_libraries: bool,
    pub compiler: Option<String>,
    pub machine: Option<String>,
    pub unwinding: Option<Unwinding>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleRow {
    pub id: Spanned<String>,
    pub why: String,
    #[serde(default)]
    pub hint: String,
    #[serde(default)]
    pub when: When,
    pub dialects: Vec<Coded<Dialect>>,
    pub effect: Coded<Effect>,
    #[serde(default)]
    pub values: Vec<Spanned<String>>,
    #[serde(default)]
    pub patterns: Vec<Spanned<String>>,
    #[serde(default)]
    pub repeated: bool,
    #[serde(default = "any")]
    pub level: Coded<LevelTest>,
    pub action: Spanned<Coded<Action>>,
    #[serde(default)]
    pub with: Vec<Spanned<String>>,
    #[serde(default = "compiles")]
    pub kinds: KindList,
    #[serde(default)]
    pub probes: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InjectionRow {
    pub id: Spanned<String>,
    pub why: String,
    #[serde(default)]
    pub when: When,
    pub dialects: Vec<Coded<Dialect>>,
    #[serde(default)]
    pub roles: Vec<Coded<Role>>,
    pub slot: Coded<Slot>,
    pub flags: Vec<Spanned<String>>,
    pub kinds: KindList,
    #[serde(default)]
    pub languages: Vec<Coded<Language>>,
    #[serde(default)]
    pub probes: bool,
    pub unless: Option<Coded<Effect>>,
    pub needs: Option<Coded<Effect>>,
    #[serde(default = "any_exports")]
    pub exports: Coded<ExportsKnown>,
    #[serde(default)]
    pub since: BTreeMap<Coded<Dialect>, Version>,
    pub linker: Option<Linker>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Linker {
    pub name: String,
    pub since: Version,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demotion {
    pub id: String,
    pub why: String,
    #[serde(default)]
    pub when: When,
    pub dialects: Vec<Coded<Dialect>>,
    pub flags: Vec<String>,
    pub each: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFlagsRow {
    pub id: String,
    pub dialects: Vec<Coded<Dialect>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub name: Spanned<String>,
    pub why: String,
    pub cwd: Option<Spanned<String>>,
    pub input: Option<Spanned<String>>,
    pub output: Option<Spanned<String>>,
    #[serde(default)]
    pub no_output: bool,
    #[serde(default)]
    pub outside: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Environment {
    #[serde(default)]
    pub allow: Vec<String>,
}

/// A version as major and minor number, in TOML `"11.0"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self(major.parse().ok()?, minor.parse().ok()?)))
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no version such as \"11.0\"")))
    }
}

/// A list of kinds of calls, as bits.
#[derive(Clone, Copy)]
pub(super) struct KindList(pub Kinds);

impl<'de> Deserialize<'de> for KindList {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<Coded<Kind>>::deserialize(from).map(|list| Self(kinds(&list)))
    }
}

fn linux() -> String {
    "linux".to_owned()
}

fn any() -> Coded<LevelTest> {
    Coded(LevelTest::Any)
}

fn any_exports() -> Coded<ExportsKnown> {
    Coded(ExportsKnown::Any)
}

fn compiles() -> KindList {
    KindList(Kinds::of(&[Kind::Preprocess, Kind::Compile, Kind::Assemble, Kind::Link]))
}
