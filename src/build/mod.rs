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
//! | [`reproducible`] | what makes two builds give the same bytes |
//! | [`family`] | one family: shim, build, record, audit, wheel |
//! | [`failed`] | compiles that failed although the backend is content |
//! | [`deliver`], [`traces`] | the wheel into its folder; names of our folders left in it |
//! | [`report`] | what is told at the end |
//! | [`work`], [`process`], [`interrupt`] | the work area, commands, signals |
//!
//! The backend decides what is built and what the wheel is called; nothing here changes a wheel. Nothing is printed:
//! an [`Observer`] is told what happens.

pub mod archive;
pub mod backend;
pub mod deliver;
pub mod failed;
pub mod family;
pub mod fetch;
pub mod hunks;
pub mod interpreter;
pub mod interrupt;
pub mod isolation;
pub mod patches;
pub mod pep440;
pub mod process;
pub mod report;
pub mod reproducible;
pub mod shim;
pub mod source;
pub mod traces;
pub mod tree;
pub mod work;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use backend::{Backend, Runner};
use family::Scene;
use interpreter::Interpreter;
use isolation::{Environment, Installer, InstallerChoice};
use patches::Patch;
use report::{FamilyReport, Report};
use reproducible::Reproducible;
use source::{Origin, Source};
use work::WorkArea;

use crate::error::{Error, IoContext, Result};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Folder, source distribution or requirement.
    pub source: OsString,
    /// Families, in the order in which they are built.
    pub families: Vec<String>,
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
    /// Folder of patches; it must be there if it is named.
    pub patches: Option<PathBuf>,
    /// Leave time and folder names as they are.
    pub not_reproducible: bool,
    /// Keep the work area.
    pub keep: bool,
    /// Let compiles fail that the backend does without.
    pub allow_failed_compiles: bool,
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
    Progress(&'a family::Progress),
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
    let shims = shim::prepare(request)?;
    let mut area = WorkArea::create()?;
    let done = build_in(request, &shims, &mut area, observer);
    if request.keep && interrupt::caught().is_none() {
        let kept = area.keep();
        observer.event(Event::Note(&format!("the work area is kept: {}", kept.display())));
    }
    done
}

fn build_in(
    request: &Request,
    shims: &shim::Shims,
    area: &mut WorkArea,
    observer: &mut dyn Observer,
) -> Result<Report> {
    let logs = prepare_logs(request)?;
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
        shims,
        area,
        source: &source,
        built: &built,
        backend: &backend,
        environment: &environment,
        python: &python,
        reproducible: reproducible.as_ref(),
    };
    let mut families = Vec::new();
    for (index, name) in request.families.iter().enumerate() {
        observer.event(Event::Begin { family: name, number: index + 1, of: request.families.len() });
        if index > 0 && setup_log.is_file() {
            fs::copy(&setup_log, logs[index].join("setup.log")).context("copying", &setup_log)?;
        }
        let report = scene.build(index, &logs[index], observer);
        interrupt::check()?;
        if request.keep {
            area.set_aside(name)?;
        }
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

/// Makes the log folder of each family, without what an earlier build left there.
fn prepare_logs(request: &Request) -> Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for family in &request.families {
        let log = request.out.join(family).join("log");
        work::remove_tree(&log).context("removing the earlier log", &log)?;
        fs::create_dir_all(&log).context("making", &log)?;
        logs.push(fs::canonicalize(&log).context("looking at", &log)?);
    }
    if logs.is_empty() {
        return Err(Error::usage("no family is named").hint("name one or more: --family host,x86-64-v3"));
    }
    Ok(logs)
}

/// All that comes before the first family, each step made when it is first needed.
struct Setup<'a> {
    request: &'a Request,
    area: &'a WorkArea,
    log: &'a Path,
    origin: Origin,
    python: Option<Interpreter>,
    source: Option<Source>,
    fetched: Option<fetch::Fetched>,
    environment: Option<Environment>,
    installer: Option<Installer>,
    installed: Vec<String>,
}

fn unprepared() -> Error {
    Error::failed("the source was not prepared")
}

impl<'a> Setup<'a> {
    fn new(request: &'a Request, area: &'a WorkArea, log: &'a Path) -> Self {
        Self {
            request,
            area,
            log,
            origin: Origin::Requirement(String::new()),
            python: None,
            source: None,
            fetched: None,
            environment: None,
            installer: None,
            installed: Vec::new(),
        }
    }

    fn source(&mut self) -> Result<&mut Source> {
        self.source.as_mut().ok_or_else(unprepared)
    }

    fn python(&self) -> Result<&Interpreter> {
        self.python.as_ref().ok_or_else(unprepared)
    }

    /// Brings the source, and chooses its patches.
    fn prepare(&mut self, observer: &mut dyn Observer) -> Result<Vec<Patch>> {
        let request = self.request;
        self.origin = Origin::of(&request.source)?;
        if let Some(folder) = &request.patches
            && !folder.is_dir()
        {
            return Err(Error::usage(format!("the folder of patches {} is not there", folder.display())));
        }
        self.python = Some(Interpreter::find(request.python.as_deref(), self.area)?);
        let source = match &self.origin {
            Origin::Folder(folder) => {
                observer.event(Event::Step("copying the source"));
                let outputs: Vec<PathBuf> =
                    request.families.iter().map(|family| request.out.join(family)).collect();
                source::from_folder(folder, &outputs, self.area)?
            }
            Origin::Archive(file) => source::from_archive(file, self.area)?,
            Origin::Requirement(text) => {
                observer.event(Event::Step(&format!("fetching {text}")));
                let fetched = fetch::fetch(text, self.python()?, self.area)?;
                let mut source = source::from_archive(&fetched.path, self.area)?;
                if fetched.verified.is_empty() {
                    source.notes.push(format!("the index names no digest of {}", fetched.filename));
                }
                if let Some(why) = &fetched.yanked {
                    source.notes.push(format!("{} was withdrawn from the index: {why}", fetched.filename));
                }
                self.fetched = Some(fetched);
                source
            }
        };
        self.source = Some(source);
        let Some(folder) = &request.patches else { return Ok(Vec::new()) };
        self.identify(folder, observer)?;
        let Source { name, version, .. } = self.source()?;
        match (name, version) {
            (Some(name), Some(version)) => patches::select(folder, name, version),
            _ => Ok(Vec::new()),
        }
    }

    /// Asks the backend for name and version, if there may be patches and the source itself does not say.
    fn identify(&mut self, patches: &Path, observer: &mut dyn Observer) -> Result<()> {
        let source = self.source()?;
        let root = source.root.clone();
        let needed = match (&source.name, &source.version) {
            (Some(_), Some(_)) => false,
            (Some(name), None) => patches::has_any(patches, name),
            (None, _) => fs::read_dir(patches).is_ok_and(|mut entries| entries.next().is_some()),
        };
        if !needed {
            return Ok(());
        }
        let backend = Backend::read(&root)?;
        self.install(&backend.requires, observer)?;
        self.install_for_wheel(&backend, observer)?;
        observer.event(Event::Step("asking the backend for name and version"));
        let known = self.natively(&backend, |runner| runner.metadata())?;
        let source = self.source()?;
        let Some((name, version)) = known else {
            return Err(Error::failed(
                "the source does not say which version it is, and patches depend on it",
            )
            .hint("build from a source distribution, or without the patches (move their folder aside)"));
        };
        source.name = Some(name);
        source.version = Some(version);
        Ok(())
    }

    fn environment(&mut self, observer: &mut dyn Observer) -> Result<&Environment> {
        if self.environment.is_none() {
            let python = self.python()?;
            self.environment = Some(if self.request.no_isolation {
                Environment::shared(python)
            } else {
                observer.event(Event::Step("making an isolated environment"));
                Environment::isolated(python, self.area, self.log)?
            });
        }
        self.environment.as_ref().ok_or_else(unprepared)
    }

    /// Installs requirements that are not yet installed.
    fn install(&mut self, requirements: &[String], observer: &mut dyn Observer) -> Result<()> {
        self.environment(observer)?;
        let new: Vec<String> =
            requirements.iter().filter(|one| !self.installed.contains(one)).cloned().collect();
        if self.request.no_isolation || new.is_empty() {
            return Ok(());
        }
        if self.installer.is_none() {
            self.installer = Some(Installer::find(self.request.installer, self.python()?)?);
        }
        let (Some(installer), Some(environment)) = (&self.installer, &self.environment) else {
            return Err(unprepared());
        };
        observer.event(Event::Step(&format!("installing {} ({})", new.join(", "), installer.name())));
        environment.install(&new, installer, self.log)?;
        self.installed.extend(new);
        Ok(())
    }

    /// Installs what the backend asks for when it is asked.
    fn install_for_wheel(&mut self, backend: &Backend, observer: &mut dyn Observer) -> Result<()> {
        if self.request.no_isolation {
            return Ok(());
        }
        let more = self.natively(backend, |runner| runner.requires())?;
        self.install(&more, observer)
    }

    /// Runs hooks without the shim, on a copy of the source that is thrown away.
    fn natively<T>(&mut self, backend: &Backend, run: impl FnOnce(&Runner<'_>) -> Result<T>) -> Result<T> {
        let root = self.source()?.root.clone();
        let environment = self.environment.as_ref().ok_or_else(unprepared)?;
        let copy = self.area.source_home().join(root.file_name().unwrap_or_default());
        tree::copy(&root, &copy, &|_| false)?;
        let variables = family::native_variables(environment, self.area);
        let runner = Runner {
            backend,
            environment,
            source: &copy,
            area: self.area,
            settings: &self.request.config_settings,
            variables: &variables,
            umask: None,
            log: self.log,
        };
        let answer = run(&runner);
        self.area.emptied(&self.area.source_home())?;
        answer
    }
}

/// An ending for a count other than one.
pub(crate) fn plural(count: usize, ending: &'static str) -> &'static str {
    if count == 1 { "" } else { ending }
}
