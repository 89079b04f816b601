//! Puts a plan together: the tools of this machine, what the family and the policies ask of each, and the
//! tables that the shim reads calls by. Compilers are asked which flags they take; nothing is written here, that is
//! for [`super::session`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{Dialect, PlanData, Profile, Role, Tool};

use super::Toolchains;
use super::discover::Found;
use super::oracle::CompilerOracle;
use super::profile::{Compiled, CompilerFacts, LeftOut, Reproducible, profile};
use crate::error::Result;
use crate::topology::{Family, Policy};

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Names, tables and rules.
    pub toolchains: &'a Toolchains,
    /// The family that is built for.
    pub family: &'a Family,
    /// Policies, those of the command line included.
    pub policy: &'a Policy,
    /// How builds are made to give the same bytes; `None` leaves that to the package.
    pub reproducible: Option<&'a Reproducible>,
    /// PATH for compilers that are asked something, without shim folders.
    pub path: &'a OsStr,
}

/// Where the plan's folder is.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    /// The shim folder.
    pub bin: &'a Path,
    /// The record; `None` keeps none.
    pub record: Option<&'a Path>,
    /// For files that the shim must write itself.
    pub scratch: &'a Path,
}

/// A plan, and what of its policies some compiler does without.
#[derive(Debug)]
pub struct Assembled {
    /// The plan.
    pub plan: PlanData,
    /// What was left out, once for each compiler, by the first of its names.
    pub left_out: Vec<(String, LeftOut)>,
}

/// The plan for these tools. Equal profiles are kept once: the names of one compiler share theirs.
pub fn assemble(order: Order<'_>, places: Places<'_>, found: &[Found]) -> Result<Assembled> {
    let mut profiles = Vec::<Profile>::new();
    let mut tools = Vec::new();
    let mut left_out = Vec::new();
    // One compiler has many names (cc, gcc, gcc-12), and is asked about its flags once.
    let mut known = BTreeMap::<Identity, Option<usize>>::new();
    for one in found {
        let file = one.real.canonicalize().unwrap_or_else(|_| one.real.clone());
        let identity = (file, one.role, one.dialect, one.machine.clone());
        let profile = match known.get(&identity) {
            Some(profile) => *profile,
            None => {
                let profile = profile_of(order, one)?.map(|compiled| {
                    left_out.extend(compiled.left_out.into_iter().map(|what| (one.name.clone(), what)));
                    let same = profiles.iter().position(|profile| *profile == compiled.profile);
                    same.unwrap_or_else(|| {
                        profiles.push(compiled.profile);
                        profiles.len() - 1
                    })
                });
                known.insert(identity, profile);
                profile
            }
        };
        tools.push(Tool {
            name: one.name.clone(),
            real: bytes(&one.real),
            launcher: one.launcher.as_deref().map(bytes),
            role: one.role,
            dialect: one.dialect,
            profile,
            machine: one.machine.clone(),
            // No tool that is known so far starts builds of its own.
            keeps_path: false,
        });
    }
    let used = |dialect: &&Dialect| found.iter().any(|one| one.dialect == **dialect);
    let options =
        Dialect::ALL.iter().filter(used).map(|dialect| (*dialect, order.toolchains.options(*dialect)));
    let plan = PlanData {
        family: order.family.name.clone(),
        bin: bytes(places.bin),
        record: places.record.map(bytes),
        scratch: bytes(places.scratch),
        env_allow: order.toolchains.env_allow(),
        tools,
        options: options.collect(),
        profiles,
        probes: order.toolchains.probes(),
    };
    Ok(Assembled { plan, left_out })
}

/// What makes two names one tool with one profile.
type Identity = (PathBuf, Role, Dialect, String);

/// What is asked of one tool; nothing of those that only answer questions or run others. hipcc is recorded; its rules
/// come with the GPU families.
fn profile_of(order: Order<'_>, found: &Found) -> Result<Option<Compiled>> {
    if matches!(found.role, Role::Hip | Role::Launcher | Role::Nm | Role::As) {
        return Ok(None);
    }
    let oracle = CompilerOracle::new(&found.real, Some(order.path.to_owned()));
    let linker = match (order.family.level, found.dialect) {
        (Some(_), Dialect::Gcc | Dialect::Clang) => oracle.linker(),
        (Some(_), Dialect::Ld) => oracle.version(),
        _ => String::new(),
    };
    let facts = CompilerFacts {
        name: found.name.clone(),
        dialect: found.dialect,
        role: found.role,
        machine: found.machine.clone(),
        version: found.version.unwrap_or_default(),
        linker,
        oracle: &oracle,
    };
    profile(order.toolchains, &facts, order.family, order.policy, order.reproducible).map(Some)
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
