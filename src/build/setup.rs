//! All that comes before the first family: the source, its patches, and the environment of its backend.

#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's path would fix the lifetime of the runner, which is made inside"
)]

use std::path::{Path, PathBuf};

use super::backend::{Backend, Runner};
use super::fetch::{self, Fetched};
use super::interpreter::Interpreter;
use super::isolation::{Environment, Installer};
use super::patches::{self, Patch};
use super::source::{self, Origin, Source};
use super::work::WorkArea;
use super::{Event, Observer, Request, family, tree};
use crate::error::{Error, Result};

/// All that comes before the first family, each step made when it is first needed.
pub(super) struct Setup<'a> {
    pub(super) request: &'a Request,
    pub(super) area: &'a WorkArea,
    pub(super) log: &'a Path,
    pub(super) origin: Origin,
    pub(super) python: Option<Interpreter>,
    pub(super) source: Option<Source>,
    pub(super) fetched: Option<Fetched>,
    pub(super) environment: Option<Environment>,
    pub(super) installer: Option<Installer>,
    pub(super) installed: Vec<String>,
}

pub(super) fn unprepared() -> Error {
    Error::failed("the source was not prepared")
}

impl<'a> Setup<'a> {
    pub(super) fn new(request: &'a Request, area: &'a WorkArea, log: &'a Path) -> Self {
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

    pub(super) fn source(&mut self) -> Result<&mut Source> {
        self.source.as_mut().ok_or_else(unprepared)
    }

    fn python(&self) -> Result<&Interpreter> {
        self.python.as_ref().ok_or_else(unprepared)
    }

    /// Brings the source, and chooses its patches.
    pub(super) fn prepare(&mut self, observer: &mut dyn Observer) -> Result<Vec<Patch>> {
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
                    request.families.iter().map(|family| request.out.join(&family.name)).collect();
                source::from_folder(folder, &outputs, self.area)?
            }
            Origin::Archive(file) => source::from_archive(file, self.area)?,
            Origin::Requirement(text) if request.offline => {
                return Err(Error::usage(format!(
                    "`{text}` is fetched from an index, and --offline fetches nothing"
                ))
                .hint("name a folder or a source distribution"));
            }
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
            (None, _) => patches::has_packages(patches),
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

    pub(super) fn environment(&mut self, observer: &mut dyn Observer) -> Result<&Environment> {
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
    pub(super) fn install(&mut self, requirements: &[String], observer: &mut dyn Observer) -> Result<()> {
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
        environment.install(&new, installer, self.request.offline, self.log)?;
        self.installed.extend(new);
        Ok(())
    }

    /// Installs what the backend asks for when it is asked.
    pub(super) fn install_for_wheel(&mut self, backend: &Backend, observer: &mut dyn Observer) -> Result<()> {
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
            namespace: None,
        };
        let answer = run(&runner);
        self.area.emptied(&self.area.source_home())?;
        answer
    }
}
