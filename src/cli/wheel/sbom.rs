//! `crosswheel wheel sbom`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::super::out::{self, BOLD, DIM};
use super::place::{Inputs, PlaceArgs, Targets};
use crate::environment;
use crate::error::Result;
use crate::wheel::sbom::Plan;

/// Arguments of `wheel sbom`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print each bill of materials, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    if !args.dry_run {
        args.place.check()?;
    }
    let epoch = environment::source_date_epoch()?;
    // All are planned before the first is written: what is refused changes nothing.
    let (inputs, mut targets) = (Inputs::of(&args.wheels), Targets::default());
    let mut plans = Vec::new();
    for wheel in &args.wheels {
        let name = wheel.file_name().unwrap_or_default().to_string_lossy();
        let target = args.place.target(wheel, &name, "", &inputs)?;
        targets.take(&target, wheel)?;
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

fn write(target: &Path, plan: &Plan, args: &Args) -> Result<()> {
    let old = &plan.package.path;
    if args.place.in_place && plan.same {
        return Ok(());
    }
    let how = args.place.prepare(target, old)?;
    plan.write(target, &how, &mut |_| ())?;
    args.place.finish(target, old)
}
