//! The manylinux and musllinux policies (PEP 600, PEP 656): which platform tag the ELF files of a wheel have earned, and
//! whether they hold what its tag promises.
//!
//! | module | subject |
//! |---|---|
//! | [`table`] | the policies as data |
//! | [`tag`] | platform tags that claim a policy |
//! | [`facts`] | what is known of each ELF file |
//! | [`resolve`] | needed libraries that are in the wheel |
//! | [`decide`] | from facts to a policy, with reasons |
//! | [`rule`] | what `verify` finds |

use std::collections::BTreeSet;

use serde::Serialize;

use crate::audit::expect::of_platform;
use crate::elf;
use crate::error::{Error, Result};
use crate::wheel::{Finding, Package};

pub mod decide;
pub mod facts;
mod resolve;
pub mod rule;
pub mod table;
pub mod tag;

pub use decide::{Need, Reason, Verdict};
pub use facts::{Facts, Gather};
pub use rule::{findings, promises};
pub use table::{Dotted, Libc};
pub use tag::Claim;

/// The platform tags that a wheel has earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlatformTags {
    /// The tags: a policy with its other name, `linux_…` if no policy is met, or `any`.
    pub tags: Vec<String>,
    /// How they were decided on; `None` for a wheel without machine code.
    pub verdict: Option<Verdict>,
}

/// Decides on the platform tags of a wheel by its ELF files, as auditwheel does. Machine and C library are those of its
/// tags, if they name one; else those of the files. A level of instructions that a file insists on speaks against every
/// policy, unless `levels` is false. It is an error if the files do not tell.
pub fn platform_of(package: &Package, levels: bool) -> Result<PlatformTags> {
    let refuse = |what: String| {
        let what = format!("{}: {what}, so that its platform cannot be found out", package.path.display());
        Error::failed(what).hint("name the tags: --platform manylinux_2_28_x86_64")
    };
    let stated = &package.name.tags.platform;
    are_known(stated).map_err(&refuse)?;
    let code = facts::Code::of(package)?;
    match code.other {
        Some(path) if code.files.is_empty() => {
            Err(refuse(format!("holds `{}`, and no code for Linux", path.escape_debug())))
        }
        _ => platform_by(stated, &code.files, levels).map_err(&refuse),
    }
}

/// The same by facts of all its ELF files that were read already, and the platform tags that it has. The error says what
/// does not tell.
pub fn platform_by(stated: &[String], files: &[Facts], levels: bool) -> Result<PlatformTags, String> {
    are_known(stated)?;
    if files.is_empty() {
        return Ok(PlatformTags { tags: vec!["any".to_owned()], verdict: None });
    }
    let machine = machine(stated, files)?;
    let files: Vec<&Facts> = files.iter().filter(|facts| elf::name(facts.machine) == machine).collect();
    let claims: Vec<Claim> = stated.iter().filter_map(|tag| Claim::parse(tag)).collect();
    let libc = libc(&claims, &files)?;
    let files: Vec<&Facts> =
        files.into_iter().filter(|facts| facts.libc().is_none_or(|other| other == libc)).collect();
    if files.is_empty() {
        return Err(format!("is tagged {}, and holds no code for it", stated.join(".")));
    }
    // How new the musl is that a file needs is not to be seen: what the wheel says stands.
    let floor = match libc {
        Libc::Glibc => None,
        Libc::Musl => {
            let stated = claims.iter().map(|claim| &claim.policy).min();
            stated.or_else(|| libc.rules().policies(&machine).next_back())
        }
    };
    let verdict = Verdict::of(&files, libc, &machine, floor, levels);
    Ok(PlatformTags { tags: verdict.tags(), verdict: Some(verdict) })
}

/// What a wheel needs beyond what its platform tags promise: the findings of [`rule`].
pub fn held(package: &Package) -> Result<Vec<Finding>> {
    Ok(findings(&facts::Code::of(package)?.files, &package.name))
}

/// The libraries that files of a wheel need from outside of it, and that its platform tags do not allow: path of the
/// file and name of the library, sorted.
pub fn libraries_outside(package: &Package) -> Result<Vec<(String, String)>> {
    let files = facts::Code::of(package)?.files;
    Ok(rule::libraries_outside(&files, &package.name))
}

/// Whether all tags are of a platform that is known.
fn are_known(stated: &[String]) -> Result<(), String> {
    let known = |tag: &&String| *tag == "any" || of_platform(tag).is_some();
    stated.iter().find(|tag| !known(tag)).map_or(Ok(()), |other| Err(format!("is tagged {other}")))
}

/// The machine of the tags, or else of the extension modules, or else of all files.
fn machine(stated: &[String], files: &[Facts]) -> Result<String, String> {
    let one = |machines: BTreeSet<String>| {
        let all: Vec<String> = machines.into_iter().collect();
        match &all[..] {
            [] => Ok(None),
            [machine] => Ok(Some(machine.clone())),
            all => Err(format!("is for several machines: {}", all.join(", "))),
        }
    };
    let of_tags = stated.iter().filter_map(|tag| of_platform(tag)).map(elf::name).collect();
    let of_files = |extensions: bool| {
        let files = files.iter().filter(|facts| !extensions || facts.is_extension());
        files.map(|facts| elf::name(facts.machine)).collect()
    };
    let found = match one(of_tags)? {
        Some(machine) => Some(machine),
        None => one(of_files(true))?.map_or_else(|| one(of_files(false)), |machine| Ok(Some(machine)))?,
    };
    found.ok_or_else(|| "holds no code".to_owned())
}

/// The C library of the tags, or else of the files. A file that needs none runs with either; glibc is the usual one.
fn libc(claims: &[Claim], files: &[&Facts]) -> Result<Libc, String> {
    let of_tags: BTreeSet<Libc> = claims.iter().map(|claim| claim.libc).collect();
    let found =
        if of_tags.is_empty() { files.iter().filter_map(|facts| facts.libc()).collect() } else { of_tags };
    if found.len() > 1 {
        return Err("is for both glibc and musl".to_owned());
    }
    Ok(found.first().copied().unwrap_or(Libc::Glibc))
}
