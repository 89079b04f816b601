//! Puts a plan together: the tools of this machine, what the family and the policies ask of each, and the
//! tables that the shim reads calls by. Pure; it is written to disk by [`super::session`].

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crosswheel_shim::plan::{Dialect, PlanData, Profile, Tool};

use super::discover::Found;
use super::{CompilerFacts, Reproducible, Toolchains, profile};
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

/// The plan for these tools. Equal profiles are kept once: the names of one compiler share theirs.
pub fn assemble(order: Order<'_>, places: Places<'_>, found: &[Found]) -> Result<PlanData> {
    let mut profiles = Vec::<Profile>::new();
    let mut tools = Vec::new();
    for one in found {
        let profile = profile_of(order, one)?.map(|wanted| {
            profiles.iter().position(|profile| *profile == wanted).unwrap_or_else(|| {
                profiles.push(wanted);
                profiles.len() - 1
            })
        });
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
    Ok(PlanData {
        family: order.family.name.clone(),
        bin: bytes(places.bin),
        record: places.record.map(bytes),
        scratch: bytes(places.scratch),
        env_allow: order.toolchains.env_allow(),
        tools,
        options: options.collect(),
        profiles,
        probes: order.toolchains.probes(),
    })
}

/// What is asked of one tool; nothing of those whose arguments are not read.
fn profile_of(order: Order<'_>, found: &Found) -> Result<Option<Profile>> {
    if found.dialect == Dialect::Plain {
        return Ok(None);
    }
    let facts = CompilerFacts {
        dialect: found.dialect,
        role: found.role,
        machine: &found.machine,
        version: found.version,
    };
    profile(order.toolchains, &facts, order.family, order.policy, order.reproducible).map(Some)
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
