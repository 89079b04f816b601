//! `crosswheel wheel retag`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::super::out;
use super::place::{Inputs, PlaceArgs, Targets};
use crate::build::pep440::normalized_name;
use crate::environment;
use crate::error::{Error, Result};
use crate::topology::{Family, Topology};
use crate::wheel::archive::layout;
use crate::wheel::edits::{Edits, TagEdit};
use crate::wheel::family::{self, Way};
use crate::wheel::package;
use crate::wheel::retag::Plan;

mod show;

/// Arguments of `wheel retag`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Python tags: `a.b` sets, `+a.b` adds, `-a.b` removes
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, value_parser = python)]
    python: Option<TagEdit>,
    /// ABI tags, likewise
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, value_parser = abi)]
    abi: Option<TagEdit>,
    /// Platform tags, likewise; `auto` sets the oldest manylinux or musllinux policy that the wheel meets
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, value_parser = platform)]
    platform: Option<TagEdit>,
    /// For `--platform auto`: x86-64 levels that files insist on speak against no policy
    #[arg(long, requires = "platform")]
    allow_isa: bool,
    /// Build number; empty to erase it
    #[arg(long, value_name = "N")]
    build: Option<String>,
    /// Put a requirement into METADATA
    #[arg(long, value_name = "REQUIREMENT")]
    add_requires: Vec<String>,
    /// Take all requirements of a package out
    #[arg(long, value_name = "NAME")]
    remove_requires: Vec<String>,
    /// Put a requirement in place of all those of the same package
    #[arg(long, value_name = "REQUIREMENT")]
    set_requires: Vec<String>,
    /// Give the package another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Give the version another local part, such as `rocm7`; empty to erase it
    #[arg(long, value_name = "LOCAL")]
    local_version: Option<String>,
    /// Mend what can be mended: hashes and rows of RECORD, tags and build number of WHEEL. All content is read
    #[arg(long)]
    fix: bool,
    /// Set the wheels apart as those of a family: with --out DIR, in DIR/FAMILY/
    #[arg(long, value_name = "FAMILY")]
    family: Option<String>,
    /// How: by a folder, by the name of the package, or as a variant (PEP 825, a draft)
    #[arg(long, value_enum, value_name = "WAY", default_value = "folder", requires = "family")]
    family_as: As,
    /// Topology [default: the nearest BUILD_TOPOLOGY.toml, else the built-in one]
    #[arg(long, value_name = "FILE", requires = "family")]
    topology: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// How a family shows.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum As {
    /// By a folder of its own, an index; names stay
    Folder,
    /// By the name of the package: NAME-FAMILY
    Name,
    /// By a variant label behind the tags, and variant.json
    Variant,
}

impl From<As> for Way {
    fn from(way: As) -> Self {
        match way {
            As::Folder => Self::Folder,
            As::Name => Self::Name,
            As::Variant => Self::Variant,
        }
    }
}

fn python(text: &str) -> Result<TagEdit, String> {
    TagEdit::parse(text, "Python")
}

fn abi(text: &str) -> Result<TagEdit, String> {
    TagEdit::parse(text, "ABI")
}

fn platform(text: &str) -> Result<TagEdit, String> {
    TagEdit::parse(text, "platform")
}

/// How many plans are kept, with their wheels open, between looking and writing. The others are made a second time.
const KEPT: usize = 32;

/// A wheel that was looked at.
struct Job<'a> {
    wheel: &'a Path,
    target: PathBuf,
    plan: Option<Plan>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let (edits, family) = edits(args)?;
    let epoch = environment::source_date_epoch()?;
    let mut jobs = look(args, &edits, family.as_ref(), epoch)?;
    if edits.variant.is_some() {
        out::warn("pip does not know variants yet, and refuses wheels with such names");
    }
    let mut report = Vec::new();
    for job in &mut jobs {
        let plan = match job.plan.take() {
            Some(plan) => plan,
            None => plan(job.wheel, &edits, epoch)?,
        };
        if target(job.wheel, &plan, args, family.as_ref(), &Inputs::of(&[]))? != job.target {
            return Err(Error::failed(format!("{}: changed meanwhile", job.wheel.display())));
        }
        if !args.dry_run {
            write(&job.target, &plan, args)?;
        }
        if args.json {
            report.push(show::json(&job.target, &plan));
        } else {
            out::print(|to| show::wheel(to, &job.target, &plan, args))?;
        }
        if let Some(verdict) = plan.platform.as_ref().and_then(|platform| platform.verdict.as_ref()) {
            show::why(verdict, job.wheel, args);
        }
    }
    if args.json {
        let json = serde_json::json!({ "dry_run": args.dry_run, "wheels": report });
        out::print(|to| writeln!(to, "{json:#}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked for, checked as far as it can be without a wheel.
fn edits(args: &Args) -> Result<(Edits, Option<Family>)> {
    let mut edits = Edits {
        python: args.python.clone(),
        abi: args.abi.clone(),
        platform: match &args.platform {
            Some(TagEdit::Auto { .. }) => Some(TagEdit::Auto { levels: !args.allow_isa }),
            other => other.clone(),
        },
        build: args.build.clone(),
        name: args.name.clone(),
        local: args.local_version.clone(),
        add_requires: args.add_requires.clone(),
        remove_requires: args.remove_requires.clone(),
        set_requires: args.set_requires.clone(),
        fix: args.fix,
        ..Edits::default()
    };
    args.place.check()?;
    let family = args.family.as_ref().map(|name| named(name, args.topology.as_deref())).transpose()?;
    if let Some(family) = &family {
        if args.place.in_place && args.family_as == As::Folder {
            return Err(Error::usage("--family puts the new wheels into a folder, and --in-place does not")
                .hint("name a folder by --out, or take --family-as name"));
        }
        family::cut(family, args.family_as.into(), &mut edits)?;
    }
    edits.check().map_err(Error::usage)?;
    // Wheels of one run are released together: what requires another of them follows it.
    for name in args.wheels.iter().filter_map(|wheel| package::name_of(wheel).ok()) {
        let versions = edits.siblings.entry(normalized_name(&name.distribution)).or_default();
        versions.insert(name.version.replace('_', "-"));
    }
    Ok((edits, family))
}

/// The family of a name.
fn named(name: &str, topology: Option<&Path>) -> Result<Family> {
    let topology = match topology {
        Some(file) if !file.is_file() => {
            return Err(Error::usage(format!("there is no topology {}", file.display())));
        }
        Some(file) => Topology::load(file)?,
        None => Topology::find(Path::new("."))?,
    };
    topology.family(name)
}

/// Plans all before the first is written: what is refused changes nothing. Every refusal is told.
fn look<'a>(
    args: &'a Args,
    edits: &Edits,
    family: Option<&Family>,
    epoch: Option<u64>,
) -> Result<Vec<Job<'a>>> {
    let inputs = Inputs::of(&args.wheels);
    let mut jobs: Vec<Job<'_>> = Vec::new();
    let mut targets = Targets::default();
    let mut refused: Option<Error> = None;
    for wheel in &args.wheels {
        let planned = plan(wheel, edits, epoch).and_then(|plan| {
            let target = target(wheel, &plan, args, family, &inputs)?;
            targets.take(&target, wheel)?;
            Ok((target, plan))
        });
        match planned {
            Ok((target, plan)) => {
                let plan = (jobs.len() < KEPT).then_some(plan);
                jobs.push(Job { wheel, target, plan });
            }
            Err(error) => {
                if let Some(before) = refused.replace(error) {
                    super::super::report(&before);
                }
            }
        }
    }
    refused.map_or(Ok(jobs), Err)
}

fn plan(wheel: &Path, edits: &Edits, epoch: Option<u64>) -> Result<Plan> {
    let plan = || Plan::new(wheel, edits, epoch);
    if edits.fix { super::reading(wheel, plan) } else { plan() }
}

/// Where the new wheel goes; with a family by folders, below one of its name.
fn target(
    wheel: &Path,
    plan: &Plan,
    args: &Args,
    family: Option<&Family>,
    inputs: &Inputs,
) -> Result<PathBuf> {
    if let Some(family) = family {
        family::check(family, &plan.name)
            .map_err(|what| Error::failed(format!("{}: {what}", wheel.display())))?;
    }
    let below = family.filter(|_| args.family_as == As::Folder).map_or("", |family| &*family.name);
    args.place.target(wheel, &plan.name.to_string(), below, inputs)
}

fn write(target: &Path, plan: &Plan, args: &Args) -> Result<()> {
    let old = &plan.package.path;
    let how = args.place.prepare(target, old)?;
    plan.write(target, &how, &mut show::progress(layout::length(&plan.pieces)))?;
    args.place.finish(target, old)
}
