//! Programs of the target that a build runs: by an emulator, which the kernel knows in a namespace of the build's own, and
//! which Meson and CMake are told of besides.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::super::{Event, Observer};
use super::Order;
use crate::elf;
use crate::error::{Error, IoContext, Result};
use crate::target::binfmt;
use crate::target::emulator::Emulator;
use crate::target::namespace::Namespace;
use crate::toolchain::cross::Machine;

/// Backends whose build system runs programs of the target by a command that it is told.
const TOLD: [&str; 3] = ["mesonpy", "py_build_cmake", "scikit_build_core"];

/// How programs of the target run.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// What runs them; `None` if nothing was asked for, or this machine itself runs them.
    pub emulator: Option<Emulator>,
    /// In what the build is to start, so that whatever it starts is run, too.
    pub namespace: Option<Namespace>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

impl Runs {
    /// Variables of the build.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, Option<OsString>)> {
        self.emulator.iter().flat_map(Emulator::variables).collect()
    }
}

/// Prepares what runs programs of the target, if that is asked for. `root` is where libraries of the target are, if that
/// is known; `folder` is one for our files.
pub fn prepare(
    order: Order<'_>,
    machine: &Machine,
    root: Option<&Path>,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<Runs> {
    if !order.run_tests {
        return Ok(Runs { warnings: by_themselves(machine).into_iter().collect(), ..Runs::default() });
    }
    let Some(emulator) = Emulator::find(machine, order.family, root)? else {
        observer.event(Event::Note(&format!("programs of {} run here without an emulator", machine.name)));
        return Ok(Runs::default());
    };
    let mountpoint = folder.join("binfmt_misc");
    fs::create_dir_all(&mountpoint).context("making", &mountpoint)?;
    let namespace = emulator.namespace(&mountpoint)?;
    let backend = order.backend.object.split([':', '.']).next().unwrap_or_default();
    let (namespace, warnings) = match namespace.probe() {
        Ok(()) => (Some(namespace), Vec::new()),
        Err(error) if TOLD.contains(&backend) => (None, vec![only_told(&emulator, &error)]),
        Err(error) => return Err(refused(&emulator, &error)),
    };
    observer.event(Event::Note(&format!("programs of {} run by {}", machine.name, emulator.told())));
    Ok(Runs { emulator: Some(emulator), namespace, warnings })
}

/// Why nothing but the build system can run programs.
fn only_told(emulator: &Emulator, error: &Error) -> String {
    format!(
        "the kernel is not told of {}: {} ({}); Meson and CMake run programs of {} all the same, and whatever else starts \
         one fails",
        emulator.told(),
        error.message,
        error.hint.as_deref().unwrap_or_default(),
        emulator.machine
    )
}

/// The refusal of an emulator that the kernel cannot be told of.
#[must_use]
pub fn refused(emulator: &Emulator, error: &Error) -> Error {
    Error::failed(format!(
        "the kernel cannot be told to run programs of {} by {} for this build alone: {}",
        emulator.machine,
        emulator.told(),
        error.message
    ))
    .hint(format!(
        "{}; a package that needs none of its programs run is built without --run-tests-with",
        error.hint.as_deref().unwrap_or_default()
    ))
}

/// What to say of a machine on which programs of another one run anyhow.
fn by_themselves(machine: &Machine) -> Option<String> {
    let interpreter = binfmt::registered(Path::new(binfmt::HOST), elf::of_triple(&machine.name)?)?;
    Some(format!(
        "this machine runs programs of {} by {} (binfmt_misc), so what the build finds out by running them may be different on \
         another one; `--run-tests-with qemu` makes it the same",
        machine.name,
        interpreter.display()
    ))
}
