//! The cross compiler: fetched once by pip into our own cache, and warmed. zig makes the C library and the C++ run-time of
//! a target when it first links for it, which takes as long as many a build; that belongs into a step of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel_shim::plan::Role;

use super::super::interpreter::Interpreter;
use super::super::isolation::{Installer, InstallerChoice};
use super::super::work::WorkArea;
use super::super::{Event, Observer, process};
use super::languages;
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::Toolchains;
use crate::toolchain::cross::Cross;
use crate::topology::Family;

/// The folder of the package that a compiler comes in; `None` for one that is looked for on `PATH`.
pub fn provide(
    toolchains: &Toolchains,
    compiler: &str,
    offline: bool,
    python: &Interpreter,
    log: &Path,
    observer: &mut dyn Observer,
) -> Result<Option<PathBuf>> {
    let Some(package) = toolchains.cross_package(compiler)? else { return Ok(None) };
    if let Some(folder) = found(toolchains, compiler)? {
        return Ok(Some(folder));
    }
    let Some(home) = home() else {
        return Err(Error::failed(format!("there is no folder to keep {} in", package.requirement))
            .hint("set HOME or XDG_CACHE_HOME to an absolute path"));
    };
    let folder = home.join(package.folder());
    if offline {
        return Err(Error::failed(format!(
            "{} is not in {}, and --offline fetches nothing",
            package.requirement,
            home.display()
        ))
        .hint("run once without --offline, or build with `--compiler gcc`"));
    }
    observer.event(Event::Step(&format!(
        "fetching {} ({} MB, kept in {})",
        package.requirement,
        package.megabytes,
        home.display()
    )));
    fs::create_dir_all(&home).context("making", &home)?;
    // Whole or not at all: another call may be fetching it, too.
    let part =
        tempfile::Builder::new().prefix(".part-").tempdir_in(&home).context("making a folder in", &home)?;
    let installer = Installer::find(InstallerChoice::Auto, python)?;
    installer
        .unpack(&package.requirement, part.path(), &python.executable, log, || observer.event(Event::Tick))?;
    if !part.path().join(&package.program).is_file() {
        return Err(Error::failed(format!("{} holds no {}", package.requirement, package.program.display())));
    }
    let part = part.keep();
    if let Err(error) = fs::rename(&part, &folder) {
        drop(fs::remove_dir_all(&part));
        // The other call was faster.
        if !folder.join(&package.program).is_file() {
            return Err(Error::io("keeping", &folder, &error));
        }
    }
    Ok(Some(folder))
}

/// Tells the compiler where its caches are (of C libraries beside it, of what belongs to a build in `local`), and drivers
/// that are Python programs which Python is the user's: the first on PATH may be the one that is built with.
pub fn set_variables(cross: &mut Cross, package: Option<&Path>, local: &Path) {
    let (global, own) = cross.caches.clone();
    let global = global.into_iter().zip(package).map(|(name, folder)| (name, cache_of(folder)));
    let own = own.into_iter().map(|name| (name, local.join("compiler-cache")));
    let python = cross.python.clone().filter(|name| std::env::var_os(name).is_none());
    let python = python.into_iter().filter_map(|name| Some((name, which::which("python3").ok()?)));
    cross.variables =
        global.chain(own).chain(python).map(|(name, path)| (name.into(), path.into())).collect();
}

/// The compiler of a session that is not a build's: `crosswheel run` and `env`.
pub fn for_session(
    toolchains: &Toolchains,
    family: &Family,
    (compiler, offline): (Option<&str>, bool),
    (path, dir): (&OsStr, &Path),
    observer: &mut dyn Observer,
) -> Result<Cross> {
    let name = compiler.unwrap_or_else(|| toolchains.default_compiler(family));
    toolchains.check_compiler(name, family)?;
    let package = match found(toolchains, name)? {
        Some(folder) => Some(folder),
        None if toolchains.cross_package(name)?.is_some() => {
            let area = WorkArea::create()?;
            let python = Interpreter::find(None, &area)?;
            let log = area.root().join("setup.log");
            provide(toolchains, name, offline, &python, &log, observer)?
        }
        None => None,
    };
    let mut cross = Cross::resolve(toolchains, family, name, package.as_deref(), (path, dir))?;
    set_variables(&mut cross, package.as_deref(), dir);
    Ok(cross)
}

/// The folder of a package that was fetched before.
fn found(toolchains: &Toolchains, compiler: &str) -> Result<Option<PathBuf>> {
    let package = toolchains.cross_package(compiler)?;
    let folder = package.zip(home()).map(|(package, home)| (home.join(package.folder()), package.program));
    Ok(folder.filter(|(folder, program)| folder.join(program).is_file()).map(|(folder, _)| folder))
}

/// Where compilers are kept.
fn home() -> Option<PathBuf> {
    vars::cache("compilers")
}

/// The folder of a compiler's own cache.
fn cache_of(package: &Path) -> PathBuf {
    let mut name = package.as_os_str().to_owned();
    name.push(".cache");
    name.into()
}

/// The compiler, called by us and not through the shim.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// Its commands.
    pub cross: &'a Cross,
    /// PATH without shims.
    pub path: &'a OsStr,
    /// Where its output goes.
    pub log: &'a Path,
}

impl Own<'_> {
    /// A call that compiles or links for the target.
    pub fn command(&self, role: Role) -> Result<Command> {
        let Some((program, lead)) = self.cross.command(role) else {
            return Err(Error::failed(format!("{} has no {} compiler", self.cross.compiler, role.name())));
        };
        let mut command = Command::new(program);
        command.args(lead).args(&self.cross.target).env(vars::PATH, self.path).env("LC_ALL", "C");
        command.envs(self.cross.variables.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Links something small in C, and in C++ if the source has any, once for a target and a version of the compiler.
    pub fn warm(
        &self,
        package: Option<&Path>,
        source: &Path,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some(package) = package else { return Ok(()) };
        let c = (Role::Cc, "C", "c", "#include <stdio.h>\nint f(void) { return puts(\"\"); }\n");
        let cxx = (
            Role::Cxx,
            "C++",
            "cpp",
            "#include <string>\n#include <stdexcept>\nint f() { throw std::runtime_error(std::string(\"x\")); }\n",
        );
        let wanted =
            if languages::first(source, &languages::CXX)?.is_some() { vec![c, cxx] } else { vec![c] };
        for (role, language, extension, text) in wanted {
            // zig compiles its libraries anew for other options of the link, so these are the ones that builds get.
            let options = [&self.cross.target[..], &self.cross.links].concat().join("_").replace('/', "_");
            let name = [options, language.to_owned()].join(".").replace("-target_", "");
            let mark = cache_of(package).join("warm").join(name);
            if mark.is_file() {
                continue;
            }
            observer.event(Event::Step(&format!(
                "warming {} for {} in {language}, which is done once",
                self.cross.compiler,
                self.cross.target.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str)
            )));
            let file = folder.join(format!("warm.{extension}"));
            fs::write(&file, text).context("writing", &file)?;
            let mut command = self.command(role)?;
            command
                .args(&self.cross.links)
                .args(["-O2", "-fPIC", "-shared", "-o"])
                .arg(folder.join("warm.so"))
                .arg(&file);
            let status = process::run_logged(&mut command, self.log, || observer.event(Event::Tick))?;
            if !status.success() {
                return Err(process::failure(
                    &format!("linking for {} with {}", self.cross.machine.name, self.cross.compiler),
                    status,
                    self.log,
                ));
            }
            fs::create_dir_all(mark.parent().unwrap_or(package)).context("making the folder of", &mark)?;
            fs::write(&mark, "").context("writing", &mark)?;
        }
        Ok(())
    }
}
