//! The wheel of a cross build: its platform tag, texts that name folders of the build, and whether what it links is as old as the tag says.
//!
//! It must need no library of the target either that its tag does not allow, and no symbol of a newer C library that has no
//! version.
//!
//! The backend's own tag says `linux_…` at best; some backends name the machine that builds, whatever they are told.
//! Which machine the files in the wheel are for is for the audit to see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::report::Fault;
use super::system::linked::Linked;
use super::system::{System, newer};
use crate::error::{IoContext, Result};
use crate::toolchain::cross::Machine;
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

/// Libraries that files of a wheel need and that its tag does not allow: one fault each, with the package that each was
/// linked from.
pub fn outside(wheel: &Path, linked: &[Linked]) -> Result<Vec<Fault>> {
    let package = Package::open(wheel)?;
    let tag = package.name.tags.platform.join(".");
    let fault = |(member, library): (String, String)| {
        let from = linked.iter().find(|one| one.soname.as_deref() == Some(&*library));
        let of = from.map_or_else(String::new, |one| match (&one.package, &one.version) {
            (Some(package), Some(version)) => format!(" of the package {package} {version}"),
            _ => format!(" ({} of the system root)", one.file.display()),
        });
        let hint = if from.is_some() {
            "link it statically: `--link static` (the default) takes its archive where there is one; where there is \
             none, build one for the target and name its folder with --sysroot"
        } else {
            "link it statically, or put it into the wheel: `auditwheel repair` does, where it finds the library"
        };
        Fault {
            message: format!(
                "{member} needs {library}{of}, which is neither in the wheel nor allowed by {tag}"
            ),
            hint: Some(hint.to_owned()),
        }
    };
    Ok(policy::libraries_outside(&package)?.into_iter().map(fault).collect())
}

/// Files of a wheel that need symbols of a newer glibc than the family's, which came with a static library.
pub fn unversioned(wheel: &Path, family: &Family, system: &System, machine: &Machine) -> Result<Vec<Fault>> {
    let newer = newer::symbols(system, family, &machine.multiarch);
    let Some(asked) = family.libc_version.filter(|_| !newer.is_empty()) else { return Ok(Vec::new()) };
    let package = Package::open(wheel)?;
    let mut faults = Vec::new();
    for entry in package.archive.entries() {
        let refuse = |finding: crate::wheel::Finding| finding.refusal(wheel);
        if !package.archive.head(entry, 4).map_err(refuse)?.starts_with(b"\x7fELF") {
            continue;
        }
        let mut bytes = Vec::new();
        package.archive.stream(entry, |piece| bytes.extend_from_slice(piece)).map_err(refuse)?;
        let used = newer::used(&newer, &bytes);
        if let Some((symbol, since)) = used.first() {
            let more = if used.len() > 1 { format!(" and {} more", used.len() - 1) } else { String::new() };
            faults.push(Fault {
                message: format!(
                    "{} uses `{symbol}`, which glibc has since {since}{more}, and {asked} was asked for",
                    String::from_utf8_lossy(package.archive.name(entry))
                ),
                hint: Some(format!(
                    "a static library of {} was compiled against a newer glibc: take it from an older release of \
                     Debian (`--debian`), or build for a later version",
                    system.root.display()
                )),
            });
        }
    }
    Ok(faults)
}
