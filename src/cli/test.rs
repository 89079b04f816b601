//! `crosswheel test`: a wheel on its own machine.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::out::{self, BOLD, DIM, GREEN, RED};
use crate::build::interpreter::Interpreter;
use crate::build::interrupt;
use crate::build::work::WorkArea;
use crate::error::{Error, Exit, Result};
use crate::process;
use crate::pyodide;
use crate::target::install::Options;
use crate::target::inventory::find;
use crate::target::test::{Ground, Imported, Ready, prepare, python_of};
use crate::target::{Cache, Machine, Table};
use crate::topology::{Family, Topology};
use crate::wheel::package::name_of;

/// Arguments of `test`.
#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct Args {
    /// The wheel
    #[arg(value_name = "WHEEL")]
    wheel: PathBuf,
    /// Family that it was built for: names the machine
    #[arg(long, value_name = "F", required_unless_present = "machine", conflicts_with = "machine")]
    family: Option<String>,
    /// Machine to test on, such as aarch64
    #[arg(long, value_name = "M")]
    machine: Option<String>,
    /// Topology that knows the family [default: BUILD_TOPOLOGY.toml here or above, else the built-in one]
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// Take the target Python of this release of Debian [default: the oldest that is there and fits the wheel]
    #[arg(long = "debian", value_name = "SUITE")]
    suite: Option<String>,
    /// Python of this machine, whose pip installs, and which runs wheels of this machine [default: python3]
    #[arg(long, value_name = "PATH|NAME")]
    python: Option<OsString>,
    /// Another wheel to install first; may be given more than once
    #[arg(long, value_name = "WHEEL")]
    with: Vec<PathBuf>,
    /// Leave out what the wheel requires
    #[arg(long)]
    no_deps: bool,
    /// Ask no index: what the wheel requires must be given with --with
    #[arg(long)]
    offline: bool,
    /// Import this module, and no others; may be given more than once
    #[arg(long = "import", value_name = "MODULE", conflicts_with = "command")]
    imports: Vec<String>,
    /// Import only the modules at the top of the wheel, and not every extension module
    #[arg(long, conflicts_with_all = ["imports", "command"])]
    top: bool,
    /// WebAssembly: try a wheel of another Emscripten than the one that made the Pyodide
    #[arg(long)]
    allow_abi_mismatch: bool,
    /// Keep the environment, and say where it is
    #[arg(long)]
    keep: bool,
    /// One JSON object
    #[arg(long, conflicts_with = "command")]
    json: bool,
    /// A command to run in place of imports; its status is passed on. `python` is the target's
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    interrupt::install();
    let done = carry_out(args);
    // The environment is gone.
    interrupt::die();
    done
}

fn carry_out(args: &Args) -> Result<ExitCode> {
    let options = Options { no_deps: args.no_deps, offline: args.offline };
    let family = args.family.as_ref().map(|name| family(args, name)).transpose()?;
    let mut area = WorkArea::create()?;
    let (machine, ready) = match family {
        Some(family) if family.target.is_emscripten() => {
            let machine = family.target.machine.clone();
            (machine, in_node(args, &family, &options, &area)?)
        }
        family => {
            let table = Table::builtin()?;
            let machine = match &family {
                Some(family) => table.of_family(family)?,
                None => table.machine(args.machine.as_deref().unwrap_or_default())?,
            };
            let ground = ground(args, machine, &table, &area)?;
            let ready = prepare(&args.wheel, &args.with, machine, &ground, &options, &area)?;
            (machine.name.clone(), ready)
        }
    };
    if args.keep {
        let root = area.keep();
        anstream::eprintln!("{DIM}the environment stays: {}{DIM:#}", root.join("env").display());
    }
    if !args.command.is_empty() {
        let status = process::run(&args.command, &ready.variables(), None)?;
        // The environment goes before a signal may end this process.
        drop(area);
        return Ok(process::pass_on(status));
    }
    let names = modules(args, &ready)?;
    let imported = ready.import(&names, &area)?;
    let good = imported.len() == names.len() && imported.iter().all(|one| one.error.is_none());
    if args.json {
        let value = serde_json::json!({
            "wheel": args.wheel.display().to_string(),
            "machine": machine,
            "python": ready.version,
            "runner": ready.runner,
            "sysroot": ready.sysroot.as_ref().map(|path| path.display().to_string()),
            "imports": imported,
            "skipped": names.get(imported.len()..).unwrap_or_default(),
            "passed": good,
        });
        out::print(|to| writeln!(to, "{value:#}"))?;
    } else {
        out::print(|to| show(to, args, &machine, &ready, &names, &imported))?;
    }
    Ok(super::exit(if good { Exit::Done } else { Exit::Failed }))
}

fn family(args: &Args, name: &str) -> Result<Family> {
    let topology = match &args.topology {
        Some(path) => Topology::load(path)?,
        None => Topology::find(".".as_ref())?,
    };
    topology.family(name)
}

/// WebAssembly, in node.
fn in_node(args: &Args, family: &Family, options: &Options, area: &WorkArea) -> Result<Ready> {
    pyodide::test::check_command(&args.command)?;
    let host = Interpreter::find(args.python.as_deref().map(OsStr::new), area)?;
    let name = name_of(&args.wheel).map_err(|finding| finding.refusal(&args.wheel))?;
    let of_wheel = python_of(&name).and_then(|version| version.parse().ok());
    let python = of_wheel.or(family.abi.as_ref().and_then(|abi| abi.python));
    let releases = pyodide::Releases::builtin()?;
    let release = releases.for_wheel(&name.tags.platform, python)?;
    let mut announce = |what: &str| anstream::eprintln!("crosswheel: {what}");
    let runtime = pyodide::package::provide(release, options.offline, &mut announce)?;
    let order = pyodide::test::Order {
        wheel: &args.wheel,
        with: &args.with,
        allow_abi_mismatch: args.allow_abi_mismatch,
        options,
    };
    pyodide::test::prepare(order, &runtime, &host, area)
}

/// The Python to test with: of a sysroot, unless the machine is this one and no release is asked for.
fn ground(args: &Args, machine: &Machine, table: &Table, area: &WorkArea) -> Result<Ground> {
    let host = Interpreter::find(args.python.as_deref().map(OsStr::new), area)?;
    if machine.is_host() && args.suite.is_none() {
        return Ok(Ground::Host(host));
    }
    let name = name_of(&args.wheel).map_err(|finding| finding.refusal(&args.wheel))?;
    let suite = args.suite.as_deref().map(|suite| table.suite(machine, Some(suite), None)).transpose()?;
    let version = python_of(&name).filter(|_| suite.is_none());
    let sysroot = find(&Cache::find()?, machine, suite, version.as_deref(), table)?;
    Ok(Ground::Sysroot(Box::new(sysroot), host))
}

fn modules(args: &Args, ready: &Ready) -> Result<Vec<String>> {
    if !args.imports.is_empty() {
        return Ok(args.imports.clone());
    }
    let mut names = ready.modules.top.clone();
    if !args.top {
        names.extend(ready.modules.extensions.iter().cloned());
    }
    if names.is_empty() {
        return Err(Error::failed(format!("{}: there is no module in it to import", args.wheel.display()))
            .hint("name one with --import, or give a command after `--`"));
    }
    Ok(names)
}

fn show(
    to: &mut dyn Write,
    args: &Args,
    machine: &str,
    ready: &Ready,
    names: &[String],
    imported: &[Imported],
) -> io::Result<()> {
    for one in imported {
        match &one.error {
            None => writeln!(to, "{GREEN}ok{GREEN:#}      {}  {DIM}{:.2} s{DIM:#}", one.module, one.seconds)?,
            Some(error) => writeln!(to, "{RED}failed{RED:#}  {}  {error}", one.module)?,
        }
    }
    for name in names.iter().skip(imported.len()) {
        writeln!(to, "{DIM}not tried{DIM:#}  {name}")?;
    }
    let failed = imported.iter().filter(|one| one.error.is_some()).count();
    let file = args.wheel.file_name().unwrap_or_default().display();
    writeln!(
        to,
        "{BOLD}{file}{BOLD:#}  {DIM}{}, {failed} failed; Python {} for {}, {}{DIM:#}",
        out::counted(imported.len(), "import"),
        ready.version,
        machine,
        ready.runner
    )
}
