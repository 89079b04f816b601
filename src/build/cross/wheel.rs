//! The wheel of a cross build: its platform tag, texts that name folders of the build, and whether what it links is as old as the tag says.
//!
//! The backend's own tag says `linux_…` at best; some backends name the machine that builds, whatever they are told.
//! Which machine the files in the wheel are for is for the audit to see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::report::Fault;
use crate::error::{IoContext, Result};
use crate::topology::Family;
use crate::wheel::Code;
use crate::wheel::archive::deliver::How;
use crate::wheel::package::{self, Package};
use crate::wheel::policy;
use crate::wheel::retag::{Edits, Plan, TagEdit};

/// Gives a wheel the platform tag of its target and these texts, in a folder beside it; a wheel for any platform stays as
/// it is.
/// Returns where it is now, and what the backend had called it if that was another machine.
pub fn tag(
    wheel: &Path,
    tag: &str,
    machine: &str,
    folder: &Path,
    epoch: Option<u64>,
    texts: BTreeMap<String, Vec<u8>>,
) -> Result<(PathBuf, Option<String>)> {
    let name = package::name_of(wheel).map_err(|finding| finding.refusal(wheel))?;
    let before = name.tags.platform;
    if before.iter().all(|platform| platform == "any") {
        return Ok((wheel.to_owned(), None));
    }
    let edits =
        Edits { platform: Some(TagEdit::Set(vec![tag.to_owned()])), files: texts, ..Edits::default() };
    let plan = Plan::new(wheel, &edits, epoch)?;
    fs::create_dir_all(folder).context("making", folder)?;
    let target = folder.join(plan.name.to_string());
    plan.write(&target, &How { sync: false, rights: None }, &mut |_| {})?;
    let other = before.into_iter().find(|platform| !platform.ends_with(&format!("_{machine}")));
    Ok((target, other))
}

/// Files of a wheel that need newer symbols than its tag allows, of glibc or of the libraries of gcc: one fault each.
pub fn too_new(wheel: &Path, family: &Family) -> Result<Vec<Fault>> {
    let Some(asked) = family.libc_version.filter(|_| family.target.libc == "gnu") else {
        return Ok(Vec::new());
    };
    let found = policy::held(&Package::open(wheel)?)?.into_iter();
    let found = found.filter(|finding| matches!(finding.code, Code::PolicyGlibc | Code::PolicyVersion));
    Ok(found
        .map(|finding| Fault {
            message: format!("{} {}", finding.member.unwrap_or_default(), finding.what),
            hint: Some(format!(
                "build for a later version than {asked}, or with a compiler that links for it (`--compiler zig`)"
            )),
        })
        .collect())
}
