//! A bill of materials as CycloneDX 1.6 writes it in JSON (ECMA-424), as far as a wheel needs it: what is written is held
//! against the validator of CycloneDX in tests. The crates that know the whole format are either behind it (1.5) or stand on
//! parts that nobody keeps.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::hex;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Metadata {
    tools: Tools,
    component: Component,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Tools {
    components: Vec<Component>,
}

/// A package, a library or a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Component {
    /// `library` or `application`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// By what others refer to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `required` or `optional`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Digests of its file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// Its licence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<License>,
    /// Its address as a package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// What the format has no field for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hash {
    /// `SHA-256`.
    pub alg: &'static str,
    /// In hexadecimal digits.
    pub content: String,
}

/// A licence as an SPDX expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct License {
    /// The expression.
    pub expression: String,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Property {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// What a component depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// The component.
    #[serde(rename = "ref")]
    pub of: String,
    /// Those that it depends on, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

impl Bom {
    /// Of a component, with what is in it and what it depends on. Its serial number follows from its content, so that the
    /// same content gives the same bytes.
    #[must_use]
    pub fn new(component: Component, components: Vec<Component>, dependencies: Vec<Dependency>) -> Self {
        let tool = Component {
            kind: "application",
            name: "crosswheel".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..Component::default()
        };
        let mut bom = Self {
            schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
            format: "CycloneDX",
            spec_version: "1.6",
            serial_number: None,
            version: 1,
            metadata: Metadata { tools: Tools { components: vec![tool] }, component },
            components,
            dependencies,
        };
        bom.serial_number = Some(serial(&bom.render()));
        bom
    }

    /// As it is written.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        // These types have no tables and no failing parts.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// A UUID of version 8 (RFC 9562, 5.8): the first bits of a digest.
fn serial(content: &[u8]) -> String {
    let mut bytes = Sha256::digest(content);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::digits(&bytes[..16]);
    format!("urn:uuid:{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// The address of a package on PyPI (package URL, type `pypi`): its name normalised, the version escaped.
#[must_use]
pub fn purl(normalized: &str, version: Option<&str>) -> String {
    let mut out = format!("pkg:pypi/{normalized}");
    if let Some(version) = version {
        out.push('@');
        for byte in version.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~') {
                out.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_escape_what_the_grammar_keeps_for_itself() {
        assert_eq!(purl("demo-x", Some("1!2.0+rocm7")), "pkg:pypi/demo-x@1%212.0%2Brocm7");
        assert_eq!(purl("demo", None), "pkg:pypi/demo");
    }

    #[test]
    fn a_serial_number_is_a_uuid_of_version_8_and_follows_from_the_content() {
        let component =
            |name: &str| Component { kind: "library", name: name.to_owned(), ..Component::default() };
        let serial = |name| Bom::new(component(name), Vec::new(), Vec::new()).serial_number.unwrap();
        assert_eq!(serial("a"), serial("a"));
        assert_ne!(serial("a"), serial("b"));
        let text = serial("a");
        assert_eq!((text.len(), &text[23..24]), (45, "8"), "{text}");
        assert!(["8", "9", "a", "b"].contains(&&text[28..29]), "{text}");
    }
}
