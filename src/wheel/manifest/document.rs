//! The document: what is in a manifest. `docs/manifest.schema.json` is made from these types, their comments being its
//! descriptions, so that the two cannot say different things.
//!
//! A reader knows one major version of the format. Within it, a newer minor version only adds fields and words: an older
//! reader passes over them, and says so. In a document of its own minor version or an older one, every field is known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ci::Ci;
use super::environment::Environment;
use super::git::Source;
use crate::hex;

/// By what the schema is known (`$id`): one for each major version.
pub const SCHEMA_ID: &str = "urn:crosswheel:manifest:1";

/// The version of the format: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormatVersion {
    major: u16,
    minor: u16,
}

/// How a reader stands to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Every field is known.
    Whole,
    /// The document is newer: what is not known is passed over.
    Newer,
    /// Another format.
    Foreign,
}

impl FormatVersion {
    /// What is written here.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };

    /// How this program reads a document of that version.
    #[must_use]
    pub fn reading(self) -> Reading {
        if self.major != Self::CURRENT.major {
            Reading::Foreign
        } else if self > Self::CURRENT {
            Reading::Newer
        } else {
            Reading::Whole
        }
    }

    /// Reads `1.0`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let plain = text == "0" || !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        };
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for FormatVersion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no version of a format")))
    }
}

impl JsonSchema for FormatVersion {
    fn schema_name() -> Cow<'static, str> {
        "FormatVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Version of the format. A newer minor version only adds fields and words.",
            "pattern": format!("^{}\\.(0|[1-9][0-9]*)$", Self::CURRENT.major),
        })
    }
}

/// What a set of wheels is made of, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "Manifest of wheels")]
pub struct Manifest {
    /// Version of the format.
    pub manifest_version: FormatVersion,
    /// The runs that described wheels, by a digest of what they say.
    pub runs: BTreeMap<RunId, Run>,
    /// The wheels, sorted by file name.
    pub wheels: Vec<Wheel>,
}

/// The first 16 hexadecimal digits of the SHA-256 of a run, written as JSON without blanks in the order of the schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RunId(#[schemars(regex(pattern = "^[0-9a-f]{16}$"))] pub String);

/// By what, from what and where wheels were described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Run {
    /// The program.
    pub tool: Tool,
    /// Seconds since 1970: SOURCE_DATE_EPOCH, or the clock where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// The work trees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The job of continuous integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<Ci>,
}

impl Run {
    /// By what it is known.
    #[must_use]
    pub fn id(&self) -> RunId {
        // These types have text keys and no failing parts.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut text = hex::digits(&Sha256::digest(json));
        text.truncate(16);
        RunId(text)
    }
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// SHA-256 in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Hash(#[schemars(regex(pattern = "^[0-9a-f]{64}$"))] pub String);

impl Hash {
    /// Of a finished digest.
    #[must_use]
    pub fn of(digest: &[u8]) -> Self {
        Self(hex::digits(digest))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Wheel {
    /// Its file name.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: Hash,
    /// Bytes of the file.
    pub size: u64,
    /// The package, as METADATA spells it.
    pub name: String,
    /// Its version, as METADATA spells it.
    pub version: String,
    /// The build number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The label of the variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What it runs on: each combination of Python, ABI and platform, sorted.
    pub tags: Vec<String>,
    /// The family of machines that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The GPU targets that it has code for, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu_targets: Vec<String>,
    /// The run that described it first with these bytes.
    pub run: RunId,
    /// The wheels that it was made from, sorted by file name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_from: Vec<MadeFrom>,
    /// Its files, sorted by path.
    pub entries: Vec<Entry>,
}

/// A wheel that another was made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MadeFrom {
    /// Its file name.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: Hash,
}

/// One file of a wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Entry {
    /// Where it is in the wheel.
    pub path: String,
    /// SHA-256 of the content.
    pub sha256: Hash,
    /// CRC-32 of the content, eight hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{8}$"))]
    pub crc32: String,
    /// Bytes of the content.
    pub size: u64,
    /// Bytes in the archive.
    pub compressed_size: u64,
    /// The package that installs it, its name normalised.
    pub owner: String,
    /// What was done to it, if the wheels that this one was made from are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// What it says of itself, if it is an ELF file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<Elf>,
    /// What the file that it was made from said, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf_before: Option<Elf>,
    /// The GPU targets that it has code for, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu_targets: Vec<String>,
    /// Why its GPU code cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_damage: Option<String>,
}

/// What was done to an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Its compressed bytes were copied.
    Raw,
    /// It was written anew.
    Written,
    /// An ELF file was changed.
    Patched,
    /// It stands for a library of another name.
    Shim,
    /// It was moved to a wheel that several families share.
    Hoisted,
    /// Code for other families was taken out of it.
    Split,
    /// A word of a newer version.
    #[serde(untagged)]
    #[schemars(skip)]
    Other(String),
}

/// The file that an entry was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Origin {
    /// The file name of the wheel.
    pub wheel: String,
    /// Its path there, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What an ELF file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Elf {
    /// What runs it, such as `x86_64`.
    pub machine: String,
    /// The name by which libraries ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// The libraries that it asks for, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// Folders of `DT_RPATH`, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rpath: Vec<String>,
    /// Folders of `DT_RUNPATH`, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runpath: Vec<String>,
    /// The build-id in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([0-9a-f]{2})+$"))]
    pub build_id: Option<String>,
}

impl Manifest {
    /// As it is written: the same bytes for the same content.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        // These types have text keys and no failing parts.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// The JSON Schema (draft 2020-12) of what is written.
#[must_use]
pub fn schema() -> String {
    let settings =
        SchemaSettings::draft2020_12().for_serialize().with_transform(RecursiveTransform(without_null));
    let mut schema = settings.into_generator().into_root_schema_for::<Manifest>();
    schema.insert("$id".to_owned(), SCHEMA_ID.into());
    let mut json = serde_json::to_string_pretty(&schema).unwrap_or_default();
    json.push('\n');
    json
}

/// What is not there is left out, and never `null`.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let of_null = json!({ "type": "null" });
    if let Some(Value::Array(ways)) = object.get_mut("anyOf") {
        ways.retain(|way| *way != of_null);
        if let [Value::Object(only)] = &ways[..] {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written_and_no_other_way() {
        for text in ["1.0", "1.12", "20.3"] {
            assert_eq!(FormatVersion::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1", "1.", ".0", "1.0.0", "01.0", "1.00", "1.+1", "1.99999", "-1.0"] {
            assert_eq!(FormatVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_newer_minor_version_is_read_and_another_major_one_is_not() {
        let reading = |text| FormatVersion::parse(text).unwrap().reading();
        assert_eq!(reading("1.0"), Reading::Whole);
        assert_eq!(reading("1.1"), Reading::Newer);
        assert_eq!(reading("2.0"), Reading::Foreign);
        assert_eq!(reading("0.9"), Reading::Foreign);
    }
}
