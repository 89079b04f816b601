//! Puts a plan together: the tools of this machine, what the family and the policies ask of each, and the tables
//! that the shim reads calls by. It decides from what it is given, and is written to disk by [`super::session`].

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{
    Dialect, Injection, Kind, Kinds, Languages, PlanData, Profile, Role, Slot, Tool,
};

use super::Toolchains;
use super::discover::{Found, Remark};
use super::oracle::FlagOracle;
use super::profile::{CompilerFacts, LeftOut, Reproducible, profile};
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
    /// Makes the one that answers for a compiler.
    pub oracle: &'a dyn Fn(&Path) -> Box<dyn FlagOracle>,
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

/// A plan, and what the user should know about it.
#[derive(Debug)]
pub struct Assembled {
    /// The plan.
    pub plan: PlanData,
    /// Compilers that cannot build for the family.
    pub unfit: Vec<Remark>,
    /// What compilers do without, each thing once, with the first name that it concerns.
    pub left_out: Vec<(String, LeftOut)>,
}

/// The plan for these tools. Equal profiles are kept once: the names of one compiler share theirs.
pub fn assemble(order: Order<'_>, places: Places<'_>, found: &[Found]) -> Result<Assembled> {
    let mut oracles = Oracles { make: order.oracle, made: BTreeMap::new() };
    let mut profiles = Vec::<Profile>::new();
    let (mut tools, mut unfit) = (Vec::new(), Vec::new());
    let mut left_out = Vec::<(String, LeftOut)>::new();
    for one in found {
        let profile = match wanted(order, one, &mut oracles)? {
            Wanted::Nothing => None,
            Wanted::Profile(profile, without) => {
                // A preprocessor does without what is for a link, and nothing is lost.
                for thing in without.into_iter().filter(|_| one.role != Role::Cpp) {
                    if !left_out.iter().any(|(_, known)| *known == thing) {
                        left_out.push((one.name.clone(), thing));
                    }
                }
                Some(profile)
            }
            Wanted::Failure(profile, what) => {
                unfit.push(Remark { name: one.name.clone(), path: one.real.clone(), what });
                Some(profile)
            }
        };
        let profile = profile.map(|wanted| {
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
    Ok(Assembled { plan, unfit, left_out })
}

/// What is asked of one tool's calls.
enum Wanted {
    /// Nothing: its arguments are not read.
    Nothing,
    /// These rules; without some.
    Profile(Profile, Vec<LeftOut>),
    /// That they fail, and why.
    Failure(Profile, String),
}

fn wanted(order: Order<'_>, found: &Found, oracles: &mut Oracles<'_>) -> Result<Wanted> {
    // A compiler that is not known: its arguments could only be guessed at.
    if found.dialect == Dialect::Plain && (is_driver(found.role) || found.role == Role::Hip) {
        return Ok(Wanted::Nothing);
    }
    let facts = CompilerFacts {
        name: found.name.clone(),
        dialect: found.dialect,
        role: found.role,
        machine: found.machine.clone(),
        version: found.version.unwrap_or_default(),
        linker: found.linker.clone(),
        oracle: oracles.of(found),
    };
    match profile(order.toolchains, &facts, order.family, order.policy, order.reproducible) {
        Ok(compiled) => Ok(Wanted::Profile(compiled.profile, compiled.left_out)),
        // One old or foreign compiler among others on PATH must not keep a build from the good ones, and must
        // never make code in silence either.
        Err(error) => match order.family.level {
            Some(level) if is_driver(found.role) => {
                let what = format!("{}; every compile with it will fail", error.message);
                Ok(Wanted::Failure(failing(level.name(), &error.message), what))
            }
            _ => Err(error),
        },
    }
}

fn is_driver(role: Role) -> bool {
    matches!(role, Role::Cc | Role::Cxx | Role::Fortran | Role::Cpp)
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
    };
    Profile { injections: vec![injection], ..Profile::default() }
}

/// One oracle a compiler, so that no question is asked twice under two names.
struct Oracles<'a> {
    make: &'a dyn Fn(&Path) -> Box<dyn FlagOracle>,
    made: BTreeMap<(PathBuf, Dialect), Box<dyn FlagOracle>>,
}

impl Oracles<'_> {
    fn of(&mut self, found: &Found) -> &dyn FlagOracle {
        // One script may stand under the names of gcc and clang, so the file alone does not tell.
        let file = found.real.canonicalize().unwrap_or_else(|_| found.real.clone());
        let make = self.make;
        &**self.made.entry((file, found.dialect)).or_insert_with(|| make(&found.real))
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}
