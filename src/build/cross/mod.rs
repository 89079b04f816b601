//! A build for another machine: everything that the package's own build must be told so that it makes code for the target
//! and takes nothing of this machine into it.
//!
//! | module | subject |
//! |---|---|
//! | [`compiler`] | the cross compiler: fetched once, and warmed |
//! | [`header`] | a `pyconfig.h` for the target |
//! | [`python`] | headers and sysconfig data of a Python for the target |
//! | [`wasm`] | the Pyodide that a build for WebAssembly is for |
//! | [`assumptions`] | what these say of C, asserted with the target's own compiler |
//! | [`wheel`] | the platform tag, and the C library that is really needed |
//! | [`files`] | Meson cross file, CMake toolchain file, configure's site file |
//!
//! Build dependencies are installed before, natively: none of the variables that are set here reaches them.

pub mod assumptions;
pub mod compiler;
pub mod files;
pub mod header;
pub mod python;
pub mod wasm;
pub mod wheel;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::backend::Backend;
use super::interpreter::Interpreter;
use super::isolation::Environment;
use super::work::WorkArea;
use super::{Event, Observer};
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::Toolchains;
use crate::toolchain::cross::Cross;
use crate::topology::Family;

/// What is to be prepared.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// A family that names a C library.
    pub family: &'a Family,
    /// The cross compiler; `None` for the default.
    pub compiler: Option<&'a str>,
    /// Fetch nothing.
    pub offline: bool,
    /// Build for an interface of WebAssembly with another Emscripten than its own.
    pub allow_abi_mismatch: bool,
    /// The Python that builds.
    pub python: &'a Interpreter,
    /// Where the backend runs.
    pub environment: &'a Environment,
    /// The backend.
    pub backend: &'a Backend,
    /// The source, to see whether it has C++.
    pub source: &'a Path,
    /// The work area.
    pub area: &'a WorkArea,
    /// PATH of the build.
    pub path: &'a OsStr,
    /// Output of compilers goes here.
    pub log: &'a Path,
}

/// All that a build for the target is told.
#[derive(Debug)]
pub struct Kit {
    /// The tools.
    pub cross: Cross,
    /// Variables to set, or (`None`) to remove.
    pub variables: Vec<(OsString, Option<OsString>)>,
    /// Settings for the backend, ahead of the user's.
    pub settings: Vec<(String, String)>,
    /// Folders of the compiler, and names under which products may know them.
    pub maps: Vec<(PathBuf, PathBuf)>,
    /// The platform tag of the wheel.
    pub tag: String,
    /// What is to be told of it.
    pub warnings: Vec<String>,
}

/// Folders of a kit in the work area.
struct Places {
    root: PathBuf,
    headers: PathBuf,
    python: PathBuf,
    /// Where libraries of the target would be; empty.
    system: PathBuf,
}

/// Prepares a build for a family's target.
pub fn prepare(order: Order<'_>, observer: &mut dyn Observer) -> Result<Kit> {
    let toolchains = Toolchains::builtin()?;
    if order.python.implementation != "cpython" {
        return Err(Error::usage(format!(
            "{} is {}, and a target Python is made of a CPython alone",
            order.python.executable.display(),
            order.python.implementation
        ))
        .hint("name a CPython with --python"));
    }
    let name = order.compiler.unwrap_or_else(|| toolchains.default_compiler(order.family));
    toolchains.check_compiler(name, order.family)?;
    let package = compiler::provide(&toolchains, name, order.offline, order.python, order.log, observer)?;
    let mut cross =
        Cross::resolve(&toolchains, order.family, name, package.as_deref(), (order.path, order.area.root()))?;
    let places = places(order.area)?;
    compiler::set_variables(&mut cross, package.as_deref(), &places.root);
    let wasm = order.family.target.is_emscripten();
    let wasm = wasm.then(|| wasm::prepare(&order, &mut cross, &places.root, observer)).transpose()?;
    let tag = wasm.as_ref().map(|wasm| wasm.tag.clone()).or_else(|| order.family.platform_tag());
    let Some(tag) = tag else {
        return Err(Error::usage(format!("the family `{}` names no C library", order.family.name)));
    };

    let facts = python::Facts::ask(order.environment, order.area)?;
    let config = wasm.as_ref().map(|wasm| &wasm.config);
    let made = python::make(&facts, &cross.machine, config, (&places.headers, &places.python))?;
    cross.fill("python_headers", &facts.headers);
    cross.fill("python_libraries", &facts.libraries);
    cross.fill("target_headers", std::slice::from_ref(&places.headers));

    let own = compiler::Own { cross: &cross, path: order.path, log: order.log };
    own.warm(package.as_deref(), order.source, &places.root, observer)?;
    observer.event(Event::Step("asserting what is assumed of the target"));
    assumptions::check(&own, &places.headers, &places.root)?;

    let files = files::write(&files::Content {
        family: order.family,
        cross: &cross,
        python: &order.environment.python,
        packages: &facts.packages,
        headers: &places.headers,
        system: &places.system,
        folder: &places.root,
        module_suffix: &made.suffix,
        modules: wasm.as_ref().and_then(|wasm| wasm.modules.as_deref()),
        runner: wasm.as_ref().map(|wasm| &*wasm.runner).unwrap_or_default(),
    })?;
    let platform =
        wasm.as_ref().map_or_else(|| format!("linux-{}", cross.machine.name), |wasm| wasm.platform.clone());
    // The sysconfig data must also be found by a Python that looks at no variables.
    if order.environment.root.is_some() {
        made.install(&facts.packages)?;
    }
    let variables = build_variables(&made, &places, &files, platform, order.environment);
    let mut variables = variables;
    variables.extend(wasm.iter().map(|_| (vars::PYODIDE.into(), Some("1".into()))));
    Ok(Kit {
        settings: files.settings(order.backend),
        maps: package.map(|folder| (folder, format!("/usr/src/{name}").into())).into_iter().collect(),
        cross,
        variables,
        tag,
        warnings: wasm.map(|wasm| wasm.warnings).unwrap_or_default(),
    })
}

fn places(area: &WorkArea) -> Result<Places> {
    let root = area.target();
    area.emptied(&root)?;
    let made = Places {
        headers: root.join("include"),
        python: root.join("python"),
        system: root.join("system"),
        root,
    };
    for folder in [&made.python, &made.system] {
        std::fs::create_dir(folder).context("making", folder)?;
    }
    Ok(made)
}

/// What build systems and Python read in the environment.
fn build_variables(
    made: &python::Made,
    places: &Places,
    files: &files::Files,
    platform: String,
    environment: &Environment,
) -> Vec<(OsString, Option<OsString>)> {
    let mut all: Vec<(OsString, Option<OsString>)> = vec![
        (vars::_PYTHON_SYSCONFIGDATA_NAME.into(), Some(made.module.clone().into())),
        (vars::_PYTHON_HOST_PLATFORM.into(), Some(platform.into())),
        (vars::CMAKE_TOOLCHAIN_FILE.into(), Some(files.cmake.clone().into())),
        (vars::CONFIG_SITE.into(), Some(files.site.clone().into())),
        // pkg-config reads no other folder than these, and would put this one's system root in front.
        (vars::PKG_CONFIG_LIBDIR.into(), Some(places.system.join("lib/pkgconfig").into())),
        (vars::PKG_CONFIG_PATH.into(), None),
        (vars::PKG_CONFIG_SYSROOT_DIR.into(), None),
        // Folders of this machine's libraries, which compilers read by themselves.
        (vars::CPATH.into(), None),
        (vars::C_INCLUDE_PATH.into(), None),
        (vars::CPLUS_INCLUDE_PATH.into(), None),
        (vars::LIBRARY_PATH.into(), None),
    ];
    // Also for a Python that is not the environment's. What the user's own names is not isolated.
    let mut path = OsString::from(&places.python);
    let before =
        std::env::var_os(vars::PYTHONPATH).filter(|path| environment.root.is_none() && !path.is_empty());
    if let Some(before) = before {
        path.push(":");
        path.push(before);
    }
    all.push((vars::PYTHONPATH.into(), Some(path)));
    all
}
