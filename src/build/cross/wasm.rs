//! A build for WebAssembly: the Pyodide that it is for, and whether the Emscripten that is there is the one that made it.
//!
//! Emscripten promises nothing between its versions (PEP 783). A family for one interface is therefore built by its own
//! version alone, unless the user insists; one that names none is tagged with the version that built it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosswheel_shim::plan::Role;

use super::super::{Event, Observer, process};
use super::Order;
use super::compiler::Own;
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
use crate::pyodide::{Config, Releases, package};
use crate::toolchain::ask::Manner;
use crate::toolchain::cross::Cross;
use crate::toolchain::path::find;
use crate::toolchain::session::PATIENCE;
use crate::topology::{EmscriptenVersion, Family, MinorVersion};

/// What is known of the target.
#[derive(Debug)]
pub struct Wasm {
    /// What its Python was built with.
    pub config: Config,
    /// The platform tag of the wheel.
    pub tag: String,
    /// What `sysconfig.get_platform()` says: packages look for `emscripten` in it.
    pub platform: String,
    /// Modules for CMake that come with Emscripten.
    pub modules: Option<PathBuf>,
    /// The command that runs programs here.
    pub runner: Vec<String>,
    /// What is to be told.
    pub warnings: Vec<String>,
}

/// Finds out, and tells the compiler how exceptions go through what it makes. `folder` is for a file of ours.
pub fn prepare(
    order: &Order<'_>,
    cross: &mut Cross,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<Wasm> {
    let releases = Releases::builtin()?;
    let (major, minor, _) = order.python.version;
    let release = releases.for_build(order.family, MinorVersion(major, minor))?;
    let manner = Manner { path: order.path, cwd: order.area.root(), patience: PATIENCE };
    let version = cross.ask_emscripten(manner)?;
    let mut warnings = Vec::new();
    warnings.extend(held(order.family, version, order.allow_abi_mismatch)?);
    if order.family.abi.is_none() && version != release.emscripten {
        warnings.push(format!(
            "built by Emscripten {version}; Pyodide {}, the one with Python {}, was made by {}, and may not load it",
            release.version, release.python, release.emscripten
        ));
    }
    cross.emscripten = Some(version);
    if order.family.abi.is_none() {
        cross.unwinding = release.unwinding;
    }
    let time_t = cross.machine.abi.time_t;
    if let Some(old) = cross.machine.abi.old_time_t
        && !has_time_t(&Own { cross, path: order.path, log: order.log }, folder)?
    {
        warnings.push(format!(
            "time_t of this Emscripten has {old} bytes, and that of Pyodide {} has {time_t}: what takes or returns \
             one will not load",
            release.version
        ));
        cross.machine.abi.time_t = old;
    }
    let runtime = package::provide(release, order.offline, &mut |what| observer.event(Event::Step(what)))?;
    let config = Config::read(&runtime, &order.python.executable, order.area)?;
    let tag = order.family.platform_tag().unwrap_or_else(|| version.platform_tag());
    let platform = format!("emscripten-{version}-wasm32");
    Ok(Wasm { config, tag, platform, modules: modules(order)?, runner: runner()?, warnings })
}

/// The folder of Emscripten's modules for CMake; `None` if it does not say where it is.
fn modules(order: &Order<'_>) -> Result<Option<PathBuf>> {
    let Some(asked) = find("em-config", order.path, order.area.root()) else { return Ok(None) };
    let root = process::answer(Command::new(asked).arg("EMSCRIPTEN_ROOT").env(vars::PATH, order.path))?;
    let folder = root.ok().map(|said| Path::new(OsStr::from_bytes(said.trim_ascii())).join("cmake/Modules"));
    Ok(folder.filter(|folder| folder.is_absolute() && folder.is_dir()))
}

/// Programs of WebAssembly run wherever node does. Those of older Emscriptens take a `fetch` for a sign of a browser.
fn runner() -> Result<Vec<String>> {
    const WITHOUT_FETCH: &str = "--no-experimental-fetch";
    let Ok(node) = which::which("node").or_else(|_| which::which("nodejs")) else { return Ok(Vec::new()) };
    let knows = process::answer(Command::new(&node).args([WITHOUT_FETCH, "-e", "0"]))?.is_ok();
    let program = node.to_string_lossy().into_owned();
    Ok([Some(program), knows.then(|| WITHOUT_FETCH.to_owned())].into_iter().flatten().collect())
}

/// Whether `time_t` of the compiler has the size of the table. It grew with a version of Emscripten.
fn has_time_t(own: &Own<'_>, folder: &Path) -> Result<bool> {
    let file = folder.join("time_t.c");
    let size = own.cross.machine.abi.time_t;
    let text = format!("#include <time.h>\n_Static_assert(sizeof(time_t) == {size}, \"\");\n");
    fs::write(&file, text).context("writing", &file)?;
    let mut command = own.command(Role::Cc)?;
    command.args(["-std=gnu11", "-c", "-o"]).arg(folder.join("time_t.o")).arg(&file);
    Ok(process::answer(&mut command)?.is_ok())
}

/// Holds the version of Emscripten against the family's; what to tell if another one is let through.
fn held(family: &Family, version: EmscriptenVersion, allow: bool) -> Result<Option<String>> {
    let Some(abi) = family.abi.as_ref().filter(|abi| abi.emscripten != version) else { return Ok(None) };
    let what =
        format!("the family `{}` is for Emscripten {}, and emcc is {version}", family.name, abi.emscripten);
    if allow {
        return Ok(Some(format!("{what}: the wheel may not load where its tag says (--allow-abi-mismatch)")));
    }
    Err(Error::failed(what).hint(format!(
        "`emsdk install {0} && emsdk activate {0}` gives it; `--family wasm32-emscripten` is for the one that is there; \
         --allow-abi-mismatch goes on all the same",
        abi.emscripten
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Topology;

    #[test]
    fn another_emscripten_is_refused_unless_it_is_allowed() {
        let topology = Topology::builtin().unwrap();
        let family = topology.family("pyodide_2024_0_wasm32").unwrap();
        assert!(held(&family, EmscriptenVersion(3, 1, 58), false).unwrap().is_none());
        let told = held(&family, EmscriptenVersion(3, 1, 6), false).unwrap_err();
        assert!(told.message.contains("is for Emscripten 3.1.58, and emcc is 3.1.6"), "{told}");
        let told = held(&family, EmscriptenVersion(3, 1, 6), true).unwrap().unwrap();
        assert!(told.contains("may not load"), "{told}");
        let plain = topology.family("wasm32-emscripten").unwrap();
        assert!(held(&plain, EmscriptenVersion(3, 1, 6), false).unwrap().is_none());
        let named = topology.family("wasm32-emscripten.3.1.58").unwrap();
        assert!(held(&named, EmscriptenVersion(3, 1, 6), false).is_err());
    }
}
