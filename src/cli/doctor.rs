//! `crosswheel doctor`: what this machine has for building, what it lacks, and how to get it.

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::debian::as_json;
use super::out;
use super::session::DEFAULT_PATH;
use crate::environment;
use crate::error::{Error, Exit, Result};
use crate::target::emulator;
use crate::target::inventory::list;
use crate::target::python::is_there;
use crate::target::{Cache, Sysroot};
use crate::toolchain::Toolchains;
use crate::toolchain::session::{Session, SessionOptions};
use crate::toolchain::survey::{Compiler, Folder, Ground, Snake, Survey, survey};
use crate::topology::Topology;

/// Arguments of `doctor`.
#[derive(Clone, Copy, clap::Args)]
pub(super) struct Args {
    /// Print all facts as JSON
    #[arg(long)]
    json: bool,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const SOSO: Style = AnsiColor::Yellow.on_default();
const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let cwd = std::env::current_dir()
        .map_err(|source| Error::failed(format!("the working folder is not to be had: {source}")))?;
    let path = std::env::var_os(environment::PATH).unwrap_or_else(|| DEFAULT_PATH.into());
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let topology = Topology::builtin()?;
    let toolchains = Toolchains::builtin()?;
    let host = topology.family("host")?;
    let found = survey(Ground {
        path: &path,
        cwd: &cwd,
        os_release: &text("/etc/os-release"),
        cpuinfo: &text("/proc/cpuinfo"),
        session: &|dir, python| {
            Session::create(&SessionOptions {
                dir,
                toolchains: &toolchains,
                family: &host,
                policy: &host.policy,
                cross: None,
                reproducible: None,
                path: &path,
                cwd: &cwd,
                variables: &|name| std::env::var_os(name),
                python,
                extra_tools: &[],
                record: false,
            })
        },
    });
    // A cache that cannot be read is no fault of what builds need.
    let targets = Cache::find().and_then(|cache| list(&cache)).unwrap_or_default();
    let targets: Vec<Sysroot> = targets.into_iter().filter(is_there).collect();
    out::print(|to| if args.json { json(to, &found, &targets) } else { print(to, &found, &targets) })?;
    Ok(ExitCode::from(if found.ready { Exit::Done } else { Exit::Failed } as u8))
}

fn json(out: &mut dyn Write, found: &Survey, targets: &[Sysroot]) -> std::io::Result<()> {
    let mut value = serde_json::to_value(found)?;
    value["target_pythons"] = targets.iter().map(as_json).collect();
    let registered = emulator::registered().unwrap_or_default();
    let registered: serde_json::Map<_, _> =
        registered.into_iter().map(|(machine, by)| (machine, by.display().to_string().into())).collect();
    value["emulation"] = serde_json::json!({
        "possible": emulator::possible().is_ok(),
        "registered": registered,
    });
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn print(out: &mut dyn Write, found: &Survey, targets: &[Sysroot]) -> std::io::Result<()> {
    heading(out, "compilers")?;
    compilers(out, &found.compilers)?;
    if !found.tools.is_empty() {
        line(out, Mark::Good, &wrapped(&found.tools))?;
    }
    for remark in &found.remarks {
        line(out, Mark::SoSo, remark)?;
    }

    heading(out, "caches")?;
    if found.caches.is_empty() {
        line(out, Mark::None, "none; ccache makes a second build fast")?;
    }
    for (name, path) in &found.caches {
        line(out, Mark::Good, &format!("{name:<9}{DIM}{}{DIM:#}  goes inside of the shim", path.display()))?;
    }

    heading(out, "pythons")?;
    for snake in &found.pythons {
        python(out, snake)?;
    }
    if !found.broken_pythons.is_empty() {
        let names: Vec<_> = found.broken_pythons.iter().map(|(path, _)| path.display().to_string()).collect();
        line(out, Mark::None, &format!("not usable: {}", wrapped(&names)))?;
    }
    match &found.uv {
        Some(uv) => line(out, Mark::Good, &format!("uv       {DIM}{}{DIM:#}", uv.display()))?,
        None => line(out, Mark::None, "uv is not there; pip does its work")?,
    }

    heading(out, "target pythons")?;
    if targets.is_empty() {
        line(out, Mark::None, "none; `crosswheel python add MACHINE` fetches one, to test wheels with")?;
    }
    for target in targets {
        let name = format!("{} {}", target.manifest.machine, target.manifest.suite);
        line(out, Mark::Good, &format!("{name:<19}{DIM}{}{DIM:#}", target.link.display()))?;
    }

    heading(out, "programs of other machines")?;
    match emulator::possible() {
        Ok(()) => line(out, Mark::Good, "builds can run them: `--run-tests-with qemu`")?,
        Err(error) => line(out, Mark::None, &format!("builds cannot run them: {}", error.message))?,
    }
    for (machine, program) in emulator::registered().unwrap_or_default() {
        let by = program.display();
        line(out, Mark::SoSo, &format!("{machine}: run on this machine anyhow, by {by} (binfmt_misc)"))?;
    }

    heading(out, "machine")?;
    let cpu = &found.cpu;
    match cpu.level {
        0 => line(out, Mark::None, "the processor is no x86-64, so no CPU level runs here")?,
        level => {
            let lacks = match cpu.lacks.as_slice() {
                [] => String::new(),
                lacks => format!("; v{} would need {}", level + 1, lacks.join(" ")),
            };
            let runs: Vec<_> = (1..=level).map(|level| format!("v{level}")).collect();
            line(out, Mark::Good, &format!("runs wheels for x86-64 {}{DIM}{lacks}{DIM:#}", runs.join(", ")))?;
        }
    }
    folder(out, &found.folder)?;

    if !found.missing.is_empty() {
        heading(out, "missing")?;
    }
    for one in &found.missing {
        let mark = if one.required { Mark::Bad } else { Mark::SoSo };
        let optional = if one.required { "" } else { " (optional)" };
        line(out, mark, &format!("{}{optional}: {}", one.what, one.why))?;
        if let Some(get) = &one.get {
            writeln!(out, "      {get}")?;
        }
    }
    writeln!(out)?;
    if found.ready {
        writeln!(out, "{GOOD}ready{GOOD:#}: `crosswheel build --family host` has what it needs")
    } else {
        writeln!(out, "{BAD}not ready{BAD:#}: what is marked {BAD}✗{BAD:#} keeps builds from working")
    }
}

/// How a line is marked.
#[derive(Clone, Copy)]
enum Mark {
    Good,
    SoSo,
    Bad,
    None,
}

fn heading(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    writeln!(out, "{HEAD}{text}{HEAD:#}")
}

fn line(out: &mut dyn Write, mark: Mark, text: &str) -> std::io::Result<()> {
    let (style, sign) = match mark {
        Mark::Good => (GOOD, '✓'),
        Mark::SoSo => (SOSO, '!'),
        Mark::Bad => (BAD, '✗'),
        Mark::None => (DIM, '·'),
    };
    writeln!(out, "  {style}{sign}{style:#} {text}")
}

/// Names of one compiler stand together: what differs is only what they are called.
fn compilers(out: &mut dyn Write, all: &[Compiler]) -> std::io::Result<()> {
    let key = |one: &Compiler| (one.kind, one.version.clone(), one.machine.clone(), one.launcher.clone());
    let mut keys: Vec<_> = all.iter().map(key).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return line(out, Mark::Bad, "none");
    }
    for wanted in keys {
        let (kind, version, machine, launcher) = &wanted;
        let names: Vec<_> = all.iter().filter(|one| key(one) == wanted).map(|one| one.name.clone()).collect();
        if *kind == "plain" {
            line(out, Mark::SoSo, &format!("recorded, not rewritten: {}", wrapped(&names)))?;
            continue;
        }
        let version = version.as_deref().unwrap_or("of unknown version");
        let behind =
            launcher.as_ref().map_or_else(String::new, |cache| format!(", behind {}", cache.display()));
        line(out, Mark::Good, &format!("{kind} {version} for {machine}{behind}"))?;
        writeln!(out, "      {DIM}{}{DIM:#}", wrapped(&names))?;
    }
    Ok(())
}

fn python(out: &mut dyn Write, snake: &Snake) -> std::io::Result<()> {
    let it = &snake.python;
    let (major, minor, patch) = it.version;
    let whole = it.headers && it.venv && it.pip.is_some() && snake.through_shim;
    let name = if it.implementation == "cpython" { "Python" } else { &it.implementation };
    let mark = if whole { Mark::Good } else { Mark::SoSo };
    line(out, mark, &format!("{name} {major}.{minor}.{patch}  {DIM}{}{DIM:#}", it.executable))?;
    let has =
        |there: bool, what: &str| if there { what.to_owned() } else { format!("{SOSO}no {what}{SOSO:#}") };
    let pip = it.pip.as_ref().map_or_else(|| has(false, "pip"), |version| format!("pip {version}"));
    let command = it.config.get("CC").map_or("no compiler of its own", String::as_str);
    let through = if snake.through_shim {
        "goes through the shim".to_owned()
    } else {
        format!("{SOSO}is not there, so setuptools will not find it{SOSO:#}")
    };
    writeln!(
        out,
        "      {pip}, {}, {}; its CC `{command}` {through}",
        has(it.venv, "venv"),
        has(it.headers, "headers")
    )
}

fn folder(out: &mut dyn Write, folder: &Folder) -> std::io::Result<()> {
    match &folder.problem {
        Some(problem) => line(out, Mark::Bad, &format!("no session can be made here: {problem}")),
        None if folder.hard_links => line(out, Mark::Good, "sessions can be made here, with hard links"),
        None => line(out, Mark::Good, "sessions can be made here, with copies: there are no hard links"),
    }
}

/// Names in lines that fit a terminal, aligned under the first.
fn wrapped(names: &[String]) -> String {
    const WIDTH: usize = 88;
    let mut text = String::new();
    let mut column = 0;
    for name in names {
        if column > 0 && column + name.len() + 1 > WIDTH {
            text.push_str("\n      ");
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(name);
        column += name.len();
    }
    text
}
