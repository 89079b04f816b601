//! Policies: what is asked of every compile beyond the flags of its family.

use std::fmt;
use std::str::FromStr;

use crosswheel_shim::plan::{Exports, Kinds, Languages, Slot};
use serde::Deserialize;

use crate::error::Error;
use crate::source::near::suggest;

/// What happens to warnings that are errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Werror {
    /// Nothing: the package's own flags stand.
    #[default]
    Keep,
    /// The package's `-Werror` flags are taken out.
    Drop,
    /// A compile that failed under `-Werror` is run once more without it.
    Demote,
    /// Warnings of a list become errors.
    Add,
}

impl Werror {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Keep, Self::Drop, Self::Demote, Self::Add];

    /// As files and the command line spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::Demote => "demote",
            Self::Add => "add",
        }
    }
}

impl fmt::Display for Werror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Werror {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
            Error::usage(format!("unknown -Werror policy `{text}`"))
                .hint(suggest(text, Self::ALL.map(Self::name)))
        })
    }
}

/// What happens to `-march=native` in a family with a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarchNative {
    /// The family's level takes its place.
    #[default]
    Replace,
    /// The call fails.
    Refuse,
}

impl MarchNative {
    /// As files spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Refuse => "refuse",
        }
    }
}

/// What is asked of every compile. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its name; empty for the default.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What happens to `-Werror`.
    pub werror: Werror,
    /// For [`Werror::Add`]: names of warnings, without `-Werror=`.
    pub werror_flags: Vec<String>,
    /// What happens to `-march=native`.
    pub march_native: MarchNative,
    /// Flags of its own.
    pub flags: Vec<PolicyFlags>,
    /// What WebAssembly modules export.
    pub exports: Exported,
}

/// What WebAssembly modules export: a choice, and for a list its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The choice.
    pub exports: Exports,
    /// Names of symbols, for [`Exports::List`].
    pub names: Vec<String>,
}

impl Default for Exported {
    /// Init functions of Python modules.
    fn default() -> Self {
        Self { exports: Exports::Pyinit, names: Vec::new() }
    }
}

/// Arguments that a policy puts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFlags {
    /// Whole arguments.
    pub flags: Vec<String>,
    /// Before or after the caller's.
    pub slot: Slot,
    /// Languages that they are for. Empty for arguments of the linker, which go into any call of their kinds.
    pub languages: Languages,
    /// Calls that they are for.
    pub kinds: Kinds,
    /// Whether probes get them.
    pub probes: bool,
    /// Why, in a sentence.
    pub why: String,
}
