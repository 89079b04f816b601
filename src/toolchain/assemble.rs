//! Puts a plan together: the tools of this machine, what the family and the policies ask of each, and the
//! tables that the shim reads calls by. Compilers are asked which flags they take; nothing is written here, that is
//! for [`super::session`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{
    Dialect, ExportsKnown, Injection, Kind, Kinds, Languages, PlanData, Profile, Role, Slot, Tool,
};

use super::Toolchains;
use super::cross::Cross;
use super::discover::{Found, Remark, is_driver};
use super::oracle::CompilerOracle;
use super::profile::{Compiled, CompilerFacts, Reproducible, profile};
use super::shortfall::Shortfalls;
use crate::elf;
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
    /// What builds it, if that is a cross compiler.
    pub cross: Option<&'a Cross>,
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
    /// Compilers that should build for the family and cannot.
    pub unfit: Vec<Remark>,
    /// What other tools cannot do for it.
    pub shortfalls: Shortfalls,
}

/// The plan for these tools. Equal profiles are kept once: the names of one compiler share theirs.
pub fn assemble(order: Order<'_>, places: Places<'_>, found: &[Found]) -> Result<Assembled> {
    let mut profiles = Vec::<Profile>::new();
    let mut tools = Vec::new();
    let (mut shortfalls, mut unfit) = (Shortfalls::default(), Vec::new());
    let mut names = BTreeMap::<Identity, Vec<String>>::new();
    for one in found {
        names.entry(identity(one)).or_default().push(one.name.clone());
    }
    // One compiler has many names (cc, gcc, gcc-12), and is asked about its flags once.
    let mut known = BTreeMap::<Identity, Option<usize>>::new();
    for one in found {
        let identity = identity(one);
        let profile = if let Some(profile) = known.get(&identity) {
            *profile
        } else {
            let names = &names[&identity];
            let profile = profile_of(order, one)?.map(|(compiled, objection)| {
                match objection {
                    Some(why) if are_foreign(names, &one.machine, order.family) => {
                        shortfalls.keep_foreign(names, &one.machine, why);
                    }
                    Some(why) => {
                        let what = format!("{why}; every compile with it will fail");
                        unfit.push(Remark { name: one.name.clone(), path: one.real.clone(), what });
                    }
                    None => {}
                }
                // A preprocessor does without what is for a link, and nothing is lost.
                for what in compiled.left_out.into_iter().filter(|_| one.role != Role::Cpp) {
                    shortfalls.leave_out(names, what);
                }
                let same = profiles.iter().position(|profile| *profile == compiled.profile);
                same.unwrap_or_else(|| {
                    profiles.push(compiled.profile);
                    profiles.len() - 1
                })
            });
            known.insert(identity, profile);
            profile
        };
        tools.push(Tool {
            name: one.name.clone(),
            real: bytes(&one.real),
            lead: one.lead.iter().map(|word| word.clone().into_bytes()).collect(),
            asks: one.asks.iter().map(|word| word.clone().into_bytes()).collect(),
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
        file_limit: false,
    };
    Ok(Assembled { plan, unfit, shortfalls })
}

/// What makes two names one tool with one profile.
type Identity = (PathBuf, Role, Dialect, String, Vec<String>);

fn identity(one: &Found) -> Identity {
    let file = one.real.canonicalize().unwrap_or_else(|_| one.real.clone());
    (file, one.role, one.dialect, one.machine.clone(), one.lead.clone())
}

/// Whether a compiler has only names of another machine than the family's, so that whoever calls it means that machine.
fn are_foreign(names: &[String], machine: &str, family: &Family) -> bool {
    let named = |name: &String| name.strip_prefix(machine).is_some_and(|rest| rest.starts_with('-'));
    names.iter().all(named) && elf::of_triple(machine) != elf::of_triple(&family.target.machine)
}

/// What is asked of one tool, and why it cannot build for the family, if it cannot. Nothing is asked of those that only
/// answer questions or run others, nor of a compiler that is not known: its arguments could only be guessed at. hipcc
/// is recorded; its rules come with the GPU families.
fn profile_of(order: Order<'_>, found: &Found) -> Result<Option<(Compiled, Option<String>)>> {
    let silent = matches!(found.role, Role::Hip | Role::Launcher | Role::Nm | Role::As);
    if found.plain || silent || (is_driver(found.role) && found.dialect == Dialect::Plain) {
        return Ok(None);
    }
    let words = order.cross.map(|cross| cross.target.clone()).unwrap_or_default();
    let oracle = CompilerOracle::new(&found.real, Some(order.path.to_owned()))
        .by_command([found.lead.clone(), words].concat());
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
        cross: order.cross,
        oracle: &oracle,
    };
    match profile(order.toolchains, &facts, order.family, order.policy, order.reproducible) {
        Ok(compiled) => Ok(Some((compiled, None))),
        // One old or foreign compiler among others on PATH must not keep a build from the good ones, and must
        // never make code in silence either.
        Err(error) => match order.family.level {
            Some(level) if is_driver(found.role) => {
                let profile = failing(level.name(), &error.message);
                Ok(Some((Compiled { profile, left_out: Vec::new() }, Some(error.message))))
            }
            _ => Err(error),
        },
    }
}

/// A compiler that does not know a level, or makes code for a machine that has none, refuses the level's name
/// itself. So it is told that name, behind all that the caller says, and its own message is what the user sees.
fn failing(level: &str, why: &str) -> Profile {
    let injection = Injection {
        rule: "unfit-compiler".to_owned(),
        why: why.to_owned(),
        slot: Slot::After,
        flags: vec![format!("-march={level}").into_bytes()],
        kinds: Kinds::of(&[Kind::Preprocess, Kind::Compile, Kind::Assemble, Kind::Link]),
        languages: Languages::NONE,
        probes: true,
        unless: None,
        needs: None,
        exports: ExportsKnown::Any,
    };
    Profile { injections: vec![injection], ..Profile::default() }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
