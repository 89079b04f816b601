//! What a Python says of itself in `build-details.json` (PEP 739; since 3.14), as far as it concerns a build for it. The
//! file is read if it is there, and held against the Python's other files; nothing depends on it alone.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::elf;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::cross::Machine;

/// The file, as the schema 1 has it. What is not asked for here is passed over.
#[derive(Debug, Deserialize)]
struct Content {
    schema_version: String,
    #[serde(default)]
    base_prefix: PathBuf,
    platform: String,
    language: Language,
    #[serde(default)]
    implementation: Implementation,
    #[serde(default)]
    abi: Abi,
    #[serde(default)]
    suffixes: Suffixes,
    #[serde(default)]
    c_api: Api,
}

#[derive(Debug, Deserialize)]
struct Language {
    version: String,
}

#[derive(Debug, Default, Deserialize)]
struct Implementation {
    name: Option<String>,
    #[serde(rename = "_multiarch")]
    multiarch: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Abi {
    #[serde(default)]
    flags: Vec<String>,
    extension_suffix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Suffixes {
    #[serde(default)]
    extensions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Api {
    headers: Option<PathBuf>,
}

/// What the other files say.
#[derive(Clone, Copy, Debug)]
pub struct Others<'a> {
    /// Two numbers.
    pub version: &'a str,
    /// Such as `t`.
    pub abiflags: &'a str,
    /// What ends the file name of an extension module.
    pub suffix: &'a str,
    /// Where the Python's prefix is now.
    pub prefix: &'a Path,
    /// Folder of its headers.
    pub headers: &'a Path,
}

/// The file of a standard library. Debian puts flags and multiarch triplet into its name.
#[must_use]
pub fn find(stdlib: &Path, abiflags: &str, multiarch: &str) -> Option<PathBuf> {
    let names = ["build-details.json".to_owned(), format!("build-details.{abiflags}.{multiarch}.json")];
    names.into_iter().map(|name| stdlib.join(name)).find(|path| path.is_file())
}

/// Holds the file against the others.
pub fn check(file: &Path, machine: &Machine, others: &Others<'_>) -> Result<()> {
    let text = fs::read_to_string(file).context("reading", file)?;
    let shown = file.display();
    let content: Content = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("{shown} is no file of build details (PEP 739): {error}"))
            .hint("a Python can be built for without the file, not with a wrong one")
    })?;
    if content.schema_version.split('.').next() != Some("1") {
        return Err(Error::usage(format!(
            "{shown} follows the schema {}, and 1 is known",
            content.schema_version.escape_debug()
        ))
        .hint("a Python can be built for without the file, not with one that is not understood"));
    }
    let flags = content.abi.flags.concat();
    let mut said: Vec<(&str, &str, &str)> = vec![
        ("language.version", &content.language.version, others.version),
        ("abi.flags", &flags, others.abiflags),
    ];
    said.extend(content.implementation.name.as_deref().map(|name| ("implementation.name", name, "cpython")));
    let multiarch = content.implementation.multiarch.as_deref();
    said.extend(multiarch.map(|it| ("implementation._multiarch", it, machine.multiarch.as_str())));
    let suffix = content.abi.extension_suffix.as_deref();
    said.extend(suffix.map(|it| ("abi.extension_suffix", it, others.suffix)));
    let first = content.suffixes.extensions.first();
    said.extend(first.map(|it| ("suffixes.extensions", it.as_str(), others.suffix)));
    if let Some((what, there, wanted)) = said.into_iter().find(|(_, there, wanted)| there != wanted) {
        return Err(disagree(file, what, there, wanted));
    }
    // A Python of 32 bits that was made on a machine of 64 gives that one's name; such a name proves nothing.
    let platform = content.platform.strip_prefix("linux-").unwrap_or(&content.platform);
    let other = elf::of_triple(platform).map(elf::name).filter(|name| *name != machine.name);
    if let Some(other) = other.filter(|_| machine.abi.pointer == 8) {
        return Err(disagree(file, "platform", &other, &machine.name));
    }
    if let Some(headers) = &content.c_api.headers {
        let inside = headers.strip_prefix(&content.base_prefix).unwrap_or(headers);
        let there = if inside.is_absolute() { None } else { Some(others.prefix.join(inside)) };
        let same =
            there.is_some_and(|there| fs::canonicalize(there).ok() == fs::canonicalize(others.headers).ok());
        if !same {
            let (said, found) = (headers.display().to_string(), others.headers.display().to_string());
            return Err(disagree(file, "c_api.headers", &said, &found));
        }
    }
    Ok(())
}

fn disagree(file: &Path, what: &str, there: &str, other: &str) -> Error {
    Error::usage(format!(
        "{}: `{what}` is `{}`, and the Python's other files say `{other}`",
        file.display(),
        there.escape_debug()
    ))
    .hint("this Python is put together of two, or was changed; get it anew")
}
