//! `crosswheel wheel sbom`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::super::out::{self, BOLD, DIM};
use crate::environment;
use crate::error::{Error, IoContext, Result};
use crate::wheel::archive::deliver::How;
use crate::wheel::sbom::Plan;

/// Arguments of `wheel sbom`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// Folder for the new wheels; made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "in_place")]
    out: Option<PathBuf>,
    /// Put each new wheel in place of the old one
    #[arg(long)]
    in_place: bool,
    /// Print each bill of materials, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the new wheels are on the disk
    #[arg(long)]
    no_sync: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    if args.out.is_none() && !args.in_place && !args.dry_run {
        return Err(Error::usage("it is not said where the new wheels go")
            .hint("--out DIR writes them to a folder, --in-place replaces the old ones"));
    }
    let epoch = environment::source_date_epoch()?;
    // All are planned before the first is written: what is refused changes nothing.
    let mut targets: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    let mut plans = Vec::new();
    for wheel in &args.wheels {
        let target = target(wheel, args)?;
        if let Some(other) = targets.insert(target.clone(), wheel) {
            let both = format!("{} and {}", other.display(), wheel.display());
            return Err(Error::usage(format!("{both} would both become {}", target.display()))
                .hint("name each wheel once, or write them into two folders"));
        }
        plans.push((target, Plan::new(wheel, epoch)?));
    }
    for (target, plan) in &plans {
        if args.dry_run {
            out::print(|to| to.write_all(&plan.bom))?;
            continue;
        }
        write(target, plan, args)?;
        out::print(|to| {
            let done = if plan.same { "has it already" } else { &plan.path };
            writeln!(to, "{BOLD}{}{BOLD:#}  {DIM}{done}{DIM:#}", target.display())
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the new wheel goes: never in place of the old one by `--out`.
fn target(wheel: &Path, args: &Args) -> Result<PathBuf> {
    let Some(folder) = &args.out else { return Ok(wheel.to_owned()) };
    let target = folder.join(wheel.file_name().unwrap_or_default());
    let identity = |path: &Path| std::fs::metadata(path).map(|there| (there.dev(), there.ino())).ok();
    if identity(&target).is_some_and(|there| Some(there) == identity(wheel)) {
        return Err(Error::usage(format!("{}: is the wheel itself", target.display()))
            .hint("--in-place puts the new wheel in place of the old one"));
    }
    Ok(target)
}

fn write(target: &Path, plan: &Plan, args: &Args) -> Result<()> {
    let old = &plan.package.path;
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).context("cannot make the folder", folder)?;
    } else if plan.same {
        return Ok(());
    }
    let rights = if args.in_place {
        Some(std::fs::metadata(old).context("cannot look at", old)?.permissions())
    } else {
        None
    };
    plan.write(target, &How { sync: !args.no_sync, rights }, &mut |_| ())
}
