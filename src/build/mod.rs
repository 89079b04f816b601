//! A source in, a wheel of each family out (`crosswheel build`).
//!
//! | module | subject |
//! |---|---|
//! | [`source`] | folder, source distribution or requirement: brought into the work area |
//! | [`fetch`] | a source distribution from the index that pip is configured for |
//! | [`archive`] | unpacking what a stranger packed |
//! | [`tree`] | copying a source exactly |
//! | [`patches`], [`hunks`], [`pep440`] | patches: which apply, and how |
//! | [`interpreter`], [`isolation`] | the Python, and the environment of the backend |
//! | [`backend`] | PEP 517: the package's own build |
//! | [`cross`] | a build for another machine |
//! | [`reproducible`] | what makes two builds give the same bytes |
//! | `setup` | all that comes before the first family |
//! | [`family`], [`progress`] | one family: shim, build, record; how far it is |
//! | `verdict` | why a build failed, or its wheel held against the record |
//! | [`failed`], [`attempts`], [`foreign`] | what went wrong: compiles that failed, programs of the target that were run, files of other machines |
//! | [`deliver`], [`traces`] | the wheel into its folder; names of our folders left in it |
//! | [`report`] | what is told at the end |
//! | [`work`], [`process`], [`interrupt`] | the work area, commands, signals |
//!
//! The backend decides what is built and what the wheel is called; nothing here changes a wheel. Nothing is printed:
//! an [`Observer`] is told what happens.

pub mod archive;
pub mod attempts;
pub mod backend;
pub mod cross;
pub mod deliver;
pub mod failed;
pub mod family;
pub mod fetch;
pub mod foreign;
pub mod hunks;
pub mod interpreter;
pub mod interrupt;
pub mod isolation;
pub mod patches;
pub mod pep440;
pub mod process;
pub mod progress;
pub mod report;
pub mod reproducible;
mod setup;
pub mod shim;
pub mod source;
pub mod traces;
pub mod tree;
mod verdict;
pub mod work;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use backend::Backend;
use family::Scene;
use isolation::InstallerChoice;
use patches::Patch;
use report::{FamilyReport, Report};
use reproducible::Reproducible;
use setup::{Setup, unprepared};
use source::Origin;
use work::WorkArea;

use crate::error::{Error, IoContext, Result};
use crate::lock::Lock;
use crate::topology::{self, Family};

/// What a build writes into a log folder, besides a wheel that was rejected.
const LOG_FILES: [&str; 5] =
    ["record.jsonl", "record.lost", "backend.log", "setup.log", cross::system::linked::FILE];

/// What is asked for.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub struct Request {
    /// Folder, source distribution or requirement.
    pub source: OsString,
    /// Families with their policies, in the order in which they are built.
    pub families: Vec<Family>,
    /// Wheels go to `out/<family>/`.
    pub out: PathBuf,
    /// Path or name of the Python.
    pub python: Option<OsString>,
    /// What installs build dependencies.
    pub installer: InstallerChoice,
    /// Use the Python's own packages.
    pub no_isolation: bool,
    /// Settings for the backend.
    pub config_settings: Vec<(String, String)>,
    /// Settings of packages that are built for another machine, by normalised name; those above go first.
    pub packages: BTreeMap<String, topology::Package>,
    /// Folder of patches; it must be there if it is named.
    pub patches: Option<PathBuf>,
    /// Leave time and folder names as they are.
    pub not_reproducible: bool,
    /// The cross compiler of families that name a C library; `None` for the default.
    pub compiler: Option<String>,
    /// A Python of the target: a folder, its interpreter, `debian`, or the name of a sysroot; `None` to make one.
    pub target_python: Option<OsString>,
    /// Libraries of the target that a build for another machine is to see.
    pub libraries: cross::system::Wanted,
    /// Have programs of the target run by an emulator.
    pub run_tests: bool,
    /// Fetch nothing.
    pub offline: bool,
    /// Keep the work area; it is kept anyhow when a backend fails.
    pub keep: bool,
    /// Let compiles fail that the backend does without.
    pub allow_failed_compiles: bool,
    /// Build for an interface of WebAssembly with another Emscripten than its own.
    pub allow_abi_mismatch: bool,
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step before the first family.
    Step(&'a str),
    /// Something to know.
    Note(&'a str),
    /// A family begins; its log is here.
    Begin {
        /// The family.
        family: &'a str,
        /// Its place among all, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// Time passes.
    Tick,
    /// The record so far.
    Progress(&'a progress::Progress),
    /// New output of the backend.
    Output(&'a [u8]),
    /// A family has ended.
    End(&'a FamilyReport),
}

/// Who is told.
pub trait Observer {
    /// Takes note.
    fn event(&mut self, event: Event<'_>);
}

/// Builds a wheel for each family. An error is one that concerns them all; what went wrong with a family is in its
/// report, and the others are built all the same.
pub fn build(request: &Request, observer: &mut dyn Observer) -> Result<Report> {
    // What can be seen to be wrong is told before anything is made.
    Origin::of(&request.source)?;
    if request.target_python.is_some() && request.families.iter().all(|family| family.libc_version.is_none())
    {
        return Err(Error::usage(
            "--target-python goes with families that name a C library, and none of these does",
        )
        .hint("a family of this machine's own C library is built for the Python that builds (--python)"));
    }
    request.families.iter().try_for_each(|family| request.libraries.check(family))?;
    let mut area = WorkArea::create()?;
    let done = build_in(request, &mut area, observer);
    let failed = done.as_ref().is_ok_and(|report| report.families.iter().any(|one| one.error.is_some()));
    // Who interrupts a build has seen enough of it, unless it was to be kept: a compile that hangs is looked into by that.
    if request.keep || (failed && interrupt::caught().is_none()) {
        let kept = area.keep();
        observer.event(Event::Note(&format!("the work area is kept: {}", kept.display())));
    }
    done
}

fn build_in(request: &Request, area: &mut WorkArea, observer: &mut dyn Observer) -> Result<Report> {
    let (logs, _locks) = prepare_logs(request)?;
    let setup_log = logs[0].join("setup.log");
    let mut setup = Setup::new(request, area, &setup_log);
    let patches = setup.prepare(observer)?;
    if !patches.is_empty() {
        let root = setup.source()?.root.clone();
        patches::apply(&patches, &root)?;
        observer.event(Event::Note(&format!(
            "{} patch{} applied",
            patches.len(),
            plural(patches.len(), "es")
        )));
    }
    let backend = Backend::read(&setup.source()?.root)?;
    let environment = setup.environment(observer)?.clone();
    setup.install(&backend.requires, observer)?;
    setup.install_for_wheel(&backend, observer)?;
    let Setup { python, source, fetched, origin, .. } = setup;
    let (python, source) = (python.ok_or_else(unprepared)?, source.ok_or_else(unprepared)?);

    let built = area.source_home().join(source.root.file_name().unwrap_or_default());
    let folder = match &origin {
        Origin::Folder(folder) => Some(folder.as_path()),
        _ => None,
    };
    let reproducible = (!request.not_reproducible)
        .then(|| Reproducible::choose(&source, folder, &built, area))
        .transpose()?;
    for note in &source.notes {
        observer.event(Event::Note(note));
    }
    let scene = Scene {
        request,
        area,
        source: &source,
        built: &built,
        backend: &backend,
        environment: &environment,
        python: &python,
        reproducible: reproducible.as_ref(),
    };
    let mut families = Vec::new();
    for (index, Family { name, .. }) in request.families.iter().enumerate() {
        observer.event(Event::Begin { family: name, number: index + 1, of: request.families.len() });
        if index > 0 && setup_log.is_file() {
            fs::copy(&setup_log, logs[index].join("setup.log")).context("copying", &setup_log)?;
        }
        let report = scene.build(index, &logs[index], observer);
        if request.keep || report.error.is_some() {
            area.set_aside(name)?;
        }
        interrupt::check()?;
        observer.event(Event::End(&report));
        families.push(report);
    }
    Ok(Report {
        name: source.name,
        version: source.version,
        origin: fetched.as_ref().map_or_else(|| request.source.display().to_string(), |f| f.url.clone()),
        sha256: fetched.map(|f| f.sha256),
        python: python.executable,
        epoch: reproducible.map(|r| r.epoch),
        patches,
        notes: source.notes,
        families,
    })
}

/// The patches that a build would apply, with name and version of the package.
pub fn list_patches(request: &Request, observer: &mut dyn Observer) -> Result<(String, String, Vec<Patch>)> {
    let area = WorkArea::create()?;
    let log = area.root().join("setup.log");
    let mut setup = Setup::new(request, &area, &log);
    let patches = setup.prepare(observer)?;
    let source = setup.source()?;
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    Ok((or_unknown(&source.name), or_unknown(&source.version), patches))
}

/// Makes the log folder of each family, without what an earlier build left there. Only files that a build writes are
/// removed: the folder may be more to its owner. As long as the locks are held, no other build writes there.
fn prepare_logs(request: &Request) -> Result<(Vec<PathBuf>, Vec<Lock>)> {
    let (mut logs, mut locks) = (Vec::new(), Vec::new());
    for family in &request.families {
        let log = request.out.join(&family.name).join("log");
        fs::create_dir_all(&log).context("making", &log)?;
        let log = fs::canonicalize(&log).context("looking at", &log)?;
        locks.push(lock(&log)?);
        for entry in fs::read_dir(&log).context("reading the folder", &log)? {
            let path = entry.context("reading the folder", &log)?.path();
            let ours = path.file_name().is_some_and(|name| LOG_FILES.iter().any(|file| name == *file));
            if ours || path.extension().is_some_and(|extension| extension == "whl") {
                fs::remove_file(&path).context("removing what an earlier build left", &path)?;
            }
        }
        logs.push(log);
    }
    if logs.is_empty() {
        return Err(Error::usage("no family is named").hint("name one or more: --family host,x86-64-v3"));
    }
    Ok((logs, locks))
}

/// Locks a log folder itself, so that nothing is left in it.
fn lock(log: &Path) -> Result<Lock> {
    let folder = File::open(log).context("looking at", log)?;
    // Some file systems cannot lock a folder; a build is not to fail for that.
    if matches!(folder.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(Error::usage(format!("another build writes to {}", log.display()))
            .hint("wait for its end, or choose another folder with `--out`"));
    }
    Ok(Lock::held(folder))
}

/// An ending for a count other than one.
pub(crate) fn plural(count: usize, ending: &'static str) -> &'static str {
    if count == 1 { "" } else { ending }
}
