//! Stand-in until the toolchain files are there.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::topology::{Family, Policy};
use crosswheel_shim::plan::*;
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMatch {
    pub role: Role,
    pub dialect_hint: Option<Dialect>,
    pub prefix: String,
    pub version: Option<String>,
}
pub struct Toolchains;
impl Toolchains {
    pub fn builtin() -> Self {
        Self
    }
    pub fn classify_name(&self, name: &str) -> Option<NameMatch> {
        let mut stem = name;
        let mut version = None;
        if let Some((a, b)) = name.rsplit_once('-')
            && b.starts_with(|c: char| c.is_ascii_digit())
        {
            stem = a;
            version = Some(b.to_owned());
        }
        let table: &[(&str, Role, Option<Dialect>)] = &[
            ("gcc-ar", Role::Ar, None),
            ("gcc-nm", Role::Nm, None),
            ("gcc-ranlib", Role::Ranlib, None),
            ("clang++", Role::Cxx, Some(Dialect::Clang)),
            ("clang", Role::Cc, Some(Dialect::Clang)),
            ("g++", Role::Cxx, Some(Dialect::Gcc)),
            ("gcc", Role::Cc, Some(Dialect::Gcc)),
            ("c++", Role::Cxx, None),
            ("cc", Role::Cc, None),
            ("cpp", Role::Cpp, None),
            ("ar", Role::Ar, None),
            ("ld", Role::Ld, None),
            ("ranlib", Role::Ranlib, None),
            ("nm", Role::Nm, None),
            ("strip", Role::Strip, None),
            ("ccache", Role::Launcher, None),
            ("sccache", Role::Launcher, None),
            ("distcc", Role::Launcher, None),
        ];
        for (base, role, hint) in table {
            if let Some(prefix) = stem.strip_suffix(base)
                && (prefix.is_empty() || (prefix.ends_with('-') && prefix.matches('-').count() >= 3))
            {
                return Some(NameMatch {
                    role: *role,
                    dialect_hint: *hint,
                    prefix: prefix.to_owned(),
                    version,
                });
            }
        }
        None
    }
    pub fn recognise(&self, out: &str) -> Option<Dialect> {
        if out.contains("clang version") {
            Some(Dialect::Clang)
        } else if out.contains("Free Software Foundation") {
            Some(Dialect::Gcc)
        } else {
            None
        }
    }
    pub fn launcher_names(&self) -> Vec<String> {
        ["ccache", "distcc", "sccache"].map(String::from).to_vec()
    }
    pub fn env_allow(&self) -> Vec<String> {
        vec!["CC".into()]
    }
    pub fn probes(&self) -> Vec<ProbeRow> {
        vec![]
    }
    pub fn options(&self, _d: Dialect) -> Vec<OptionRow> {
        vec![]
    }
}
#[derive(Clone, Debug)]
pub struct Reproducible {
    pub source_date_epoch: u64,
    pub maps: Vec<(std::path::PathBuf, String)>,
}
pub struct CompilerFacts<'a> {
    pub dialect: Dialect,
    pub role: Role,
    pub machine: &'a str,
    pub version: Option<(u32, u32, u32)>,
}
pub fn profile(
    _t: &Toolchains,
    f: &CompilerFacts,
    family: &Family,
    _p: &Policy,
    _r: Option<&Reproducible>,
) -> crate::error::Result<Profile> {
    let mut p = Profile::default();
    if family.name == "x86-64-v3" && f.dialect == Dialect::Gcc {
        p.level = 3;
    }
    Ok(p)
}
