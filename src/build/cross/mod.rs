//! A build for another machine: everything that the package's own build must be told so that it makes code for the target
//! and takes nothing of this machine into it.
//!
//! | module | subject |
//! |---|---|
//! | [`compiler`] | the cross compiler: fetched once, and warmed |
//! | [`header`] | a `pyconfig.h` for the target |
//! | [`python`] | headers and sysconfig data of a Python for the target |
//! | [`given`], `found`, [`details`] | a Python of the target that the user gives: looked for, and held against the family |
//! | [`wasm`] | the Pyodide that a build for WebAssembly is for |
//! | [`assumptions`] | what these say of C, asserted with the target's own compiler |
//! | [`packages`] | headers and static libraries of packages such as numpy |
//! | [`languages`] | in which languages a source is written |
//! | [`runs`] | programs of the target that the build runs |
//! | [`wheel`] | the platform tag, and the C library that is really needed |
//! | [`system`] | libraries of the target that a package links |
//! | [`files`], [`site`] | Meson cross file, CMake toolchain file, configure's site file |
//!
//! Build dependencies are installed before, natively: none of the variables that are set here reaches them.

pub mod assumptions;
pub mod compiler;
pub mod details;
pub mod files;
mod found;
pub mod given;
pub mod header;
pub mod languages;
pub mod packages;
pub mod python;
pub mod runs;
pub mod site;
pub mod system;
pub mod wasm;
pub mod wheel;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Role;

use super::backend::Backend;
use super::interpreter::Interpreter;
use super::isolation::Environment;
use super::report::TargetPython;
use super::work::WorkArea;
use super::{Event, Observer};
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::Toolchains;
use crate::toolchain::cross::Cross;
use crate::topology::Family;
use system::{System, Wanted};

/// What is to be prepared.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// A family that names a C library.
    pub family: &'a Family,
    /// The cross compiler; `None` for the default.
    pub compiler: Option<&'a str>,
    /// Libraries of the target that the build is to see.
    pub libraries: &'a Wanted,
    /// Fetch nothing.
    pub offline: bool,
    /// Build for an interface of WebAssembly with another Emscripten than its own.
    pub allow_abi_mismatch: bool,
    /// The Python that builds.
    pub python: &'a Interpreter,
    /// A Python of the target: a folder, its interpreter, `debian`, or a sysroot's name; `None` to make one.
    pub target_python: Option<&'a OsStr>,
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
    /// Have programs of the target run by an emulator.
    pub run_tests: bool,
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
    /// What it was told of the target's Python.
    pub python: TargetPython,
    /// The family.
    pub family: Family,
    /// Libraries of the target that the build sees.
    pub system: Option<System>,
    /// Folder of programs that go ahead of this machine's: pkg-config.
    pub programs: PathBuf,
    /// What pkg-config was asked.
    pub asked: PathBuf,
    /// What is to be known of all this.
    pub remarks: Vec<String>,
    /// How programs of the target run.
    pub runs: runs::Runs,
}

/// Folders of a kit in the work area.
struct Places {
    root: PathBuf,
    headers: PathBuf,
    python: PathBuf,
    /// Libraries of the target; empty if the build sees none.
    system: PathBuf,
    /// Programs ahead of this machine's.
    programs: PathBuf,
}

impl Kit {
    /// A failure of the backend, with what may be behind it: a language that the compiler does not know.
    #[must_use]
    pub fn explain(&self, error: Error, source: &Path) -> Error {
        let Some(mend) = self.cross.mend(Role::Fortran).filter(|_| error.hint.is_none()) else {
            return error;
        };
        // The build has failed in any case; what cannot be read here explains nothing.
        let found = languages::first(source, &languages::FORTRAN).ok().flatten();
        match found {
            Some(file) => error.hint(format!("{} is Fortran: {mend}", file.display())),
            None => error,
        }
    }
}

/// Prepares a build for a family's target.
pub fn prepare(order: Order<'_>, observer: &mut dyn Observer) -> Result<Kit> {
    let toolchains = Toolchains::builtin()?;
    refuse(&order)?;
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
    let given = order.target_python.map(|named| {
        let (family, python, area) = (order.family, order.python, order.area);
        let wanted = given::Wanted { family, machine: &cross.machine, python, facts: &facts, area };
        given::Given::read(named, &wanted)
    });
    let given = given.transpose()?;
    let parts = match &given {
        Some(given) => given.parts.clone(),
        None => facts.parts(&cross.machine, &order.python.executable)?,
    };
    let made = python::make(&parts, &cross.machine, config, (&places.headers, &places.python))?;
    cross.fill("python_headers", &facts.headers);
    cross.fill("python_libraries", &facts.libraries);
    cross.fill("target_headers", std::slice::from_ref(&places.headers));

    let own = compiler::Own { cross: &cross, path: order.path, log: order.log };
    // What the user named may be wrong, and is looked at before anything that takes long.
    let system =
        system::prepare(order.libraries, order.family, own, &places.system, order.offline, observer)?;
    let root = system.as_ref().map(|system| system.root.as_path());
    let runs = match &wasm {
        Some(_) => runs::Runs::default(),
        None => runs::prepare(order, &cross.machine, root, &places.root, observer)?,
    };
    let runner = match (&wasm, &runs.emulator) {
        (Some(wasm), _) => wasm.runner.iter().map(OsString::from).collect(),
        (None, Some(emulator)) => emulator.command(),
        (None, None) => Vec::new(),
    };
    own.warm(package.as_deref(), order.source, &places.root, observer)?;
    observer.event(Event::Step("asserting what is assumed of the target"));
    let prefix = given.as_ref().map(|given| given.prefix.as_path());
    assumptions::check(&own, &places.headers, prefix, &places.root)?;
    if let Some(system) = &system {
        system.tell(&mut cross);
    }
    let asked = places.root.join("pkg-config.log");
    let place = (order.path, order.area.root());
    system::programs(system.as_ref(), &cross, &places.programs, place, &asked)?;

    let files = files::write(&files::Content {
        family: order.family,
        cross: &cross,
        python: &order.environment.python,
        packages: &facts.packages,
        headers: &places.headers,
        system: &places.system,
        view: system.as_ref().map(|system| &system.view),
        own: [&order.area.source_home(), &order.area.temporary()],
        tools: &order.area.shims().join("bin"),
        folder: &places.root,
        module_suffix: &made.suffix,
        runs: &runs,
        runner: &runner,
        modules: wasm.as_ref().and_then(|wasm| wasm.modules.as_deref()),
    })?;
    let platform =
        wasm.as_ref().map_or_else(|| format!("linux-{}", cross.machine.name), |wasm| wasm.platform.clone());
    let mut remarks = wasm.as_ref().map(|wasm| wasm.warnings.clone()).unwrap_or_default();
    // The sysconfig data must also be found by a Python that looks at no variables.
    if order.environment.root.is_some() {
        made.install(&facts.packages)?;
        remarks.extend(packages::replace(&order, &cross.machine, &tag, &facts)?);
    }
    let mut variables = build_variables(&made, &places, &files, platform, order.environment);
    variables.extend(runs.variables());
    variables.extend(files.skipping(&runs, order.run_tests));
    variables.extend(wasm.iter().map(|_| (vars::PYODIDE.into(), Some("1".into()))));
    variables.extend(system::variables(system.as_ref(), &places.system.join("lib/pkgconfig")));
    let mut maps: Vec<(PathBuf, PathBuf)> =
        package.map(|folder| (folder, format!("/usr/src/{name}").into())).into_iter().collect();
    maps.extend(system.iter().map(|system| (system.view.root.clone(), "/usr/src/sysroot".into())));
    Ok(Kit {
        settings: files.settings(order.backend),
        maps,
        cross,
        variables,
        tag,
        python: described(given, order.python),
        family: order.family.clone(),
        system,
        programs: places.programs,
        asked,
        remarks,
        runs,
    })
}

/// Refuses what cannot be built, before anything is fetched.
fn refuse(order: &Order<'_>) -> Result<()> {
    if order.python.implementation != "cpython" {
        return Err(Error::usage(format!(
            "{} is {}, and a target Python is made of a CPython alone",
            order.python.executable.display(),
            order.python.implementation
        ))
        .hint("name a CPython with --python"));
    }
    if !order.family.target.is_emscripten() {
        return Ok(());
    }
    let family = &order.family.name;
    if order.target_python.is_some() {
        return Err(Error::usage(format!(
            "the target's Python of {family} is Pyodide's, and no other can be given"
        ))
        .hint("leave --target-python out; the Python that builds decides which Pyodide it is"));
    }
    if order.run_tests {
        return Err(Error::usage(format!("QEMU runs no WebAssembly, which {family} is"))
            .hint("leave --run-tests-with out: Meson and CMake run it by node, if that is on PATH"));
    }
    Ok(())
}

/// The target's Python, for the report.
fn described(given: Option<given::Given>, python: &Interpreter) -> TargetPython {
    match given {
        Some(given) => TargetPython { given: true, version: given.version, path: given.prefix },
        None => {
            TargetPython { given: false, version: python.version_text(), path: python.executable.clone() }
        }
    }
}

fn places(area: &WorkArea) -> Result<Places> {
    let root = area.target();
    area.emptied(&root)?;
    let made = Places {
        headers: root.join("include"),
        python: root.join("python"),
        system: root.join("system"),
        programs: root.join("bin"),
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
        (vars::PYO3_CROSS_LIB_DIR.into(), Some(places.python.clone().into())),
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
