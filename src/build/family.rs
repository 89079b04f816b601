//! One family: a fresh copy of the source, built by its own backend through the shim, held against the record.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::backend::{Backend, Runner};
use super::cross::{self, Kit};
use super::interpreter::Interpreter;
use super::isolation::Environment;
use super::pep440::normalized_name;
use super::progress::Watch;
use super::report::{Calls, FamilyReport};
use super::reproducible::Reproducible;
use super::shim::Shim;
use super::source::Source;
use super::verdict::Outcome;
use super::work::WorkArea;
use super::{Event, Observer, Request, tree};
use crate::capture::Log;
use crate::environment as vars;
use crate::error::Result;
use crate::toolchain::profile;
use crate::topology::Family;

/// All that the families of a call share.
pub struct Scene<'a> {
    /// What was asked for.
    pub request: &'a Request,
    /// The work area.
    pub area: &'a WorkArea,
    /// The source, patched.
    pub source: &'a Source,
    /// Where its copy is built.
    pub built: &'a Path,
    /// Its backend.
    pub backend: &'a Backend,
    /// Where the backend runs.
    pub environment: &'a Environment,
    /// The chosen Python.
    pub python: &'a Interpreter,
    /// Settings that make builds alike.
    pub reproducible: Option<&'a Reproducible>,
}

type Variables = Vec<(OsString, Option<OsString>)>;

/// Variables for hooks that run natively.
#[must_use]
pub fn native_variables(environment: &Environment, area: &WorkArea) -> Variables {
    let mut variables: Variables = vec![(vars::TMPDIR.into(), Some(area.temporary().into()))];
    if let (Some(root), Some(scripts)) = (&environment.root, &environment.scripts) {
        variables
            .push((vars::PATH.into(), Some(prepended(scripts, std::env::var_os(vars::PATH).as_deref()))));
        variables.push((vars::VIRTUAL_ENV.into(), Some(root.into())));
        // What these name is not isolated.
        variables.push((vars::PYTHONPATH.into(), None));
        variables.push((vars::PYTHONHOME.into(), None));
    }
    variables
}

/// A folder in front of a PATH.
fn prepended(folder: &Path, path: Option<&OsStr>) -> OsString {
    let mut all = folder.as_os_str().to_owned();
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        all.push(":");
        all.push(path);
    }
    all
}

/// What a variable will be in the build.
fn lookup(variables: &Variables, name: &str) -> Option<OsString> {
    match variables.iter().rev().find(|(known, _)| known == name) {
        Some((_, value)) => value.clone(),
        None => std::env::var_os(name),
    }
}

impl Scene<'_> {
    /// Builds for one family, the `number`th (from 0); what went wrong is in the report.
    pub fn build(&self, number: usize, log: &Path, observer: &mut dyn Observer) -> FamilyReport {
        let start = Instant::now();
        let family = self.request.families[number].name.clone();
        let mut report = FamilyReport { family, log: log.to_owned(), ..FamilyReport::default() };
        if let Err(error) = self.try_build(number, &mut report, observer) {
            report.error = Some(error.message);
            report.hint = error.hint;
        }
        report.seconds = start.elapsed().as_secs_f64();
        report
    }

    fn try_build(&self, number: usize, report: &mut FamilyReport, observer: &mut dyn Observer) -> Result<()> {
        let area = self.area;
        let log = report.log.clone();
        area.emptied(&area.source_home())?;
        area.emptied(&area.temporary())?;
        area.emptied(&area.wheels())?;
        tree::copy(&self.source.root, self.built, &|_| false)?;

        let mut variables = native_variables(self.environment, area);
        if let Some(reproducible) = self.reproducible {
            let set = reproducible.variables().into_iter();
            variables.extend(set.map(|(name, value)| (name.into(), Some(value))));
        }
        cross::packages::restore(area)?;
        let family = &self.request.families[number];
        let kit = self.kit(family, &lookup(&variables, vars::PATH).unwrap_or_default(), &log, observer)?;
        report.target_python = kit.as_ref().map(|kit| kit.python.clone());
        let maps = self.maps(kit.as_ref());
        if let Some(kit) = &kit {
            let path = lookup(&variables, vars::PATH);
            variables.push((vars::PATH.into(), Some(prepended(&kit.programs, path.as_deref()))));
        }
        let shim = Shim::open(
            family,
            &self.environment.python,
            &log,
            area,
            &|name| lookup(&variables, name),
            maps.as_ref(),
            kit.as_ref().map(|kit| &kit.cross),
        )?;
        variables.extend(shim.variables());
        variables.extend(kit.iter().flat_map(|kit| kit.variables.iter().cloned()));
        let settings = self.settings(kit.as_ref(), observer);
        report.warnings.extend(shim.remarks());
        report.warnings.extend(kit.iter().flat_map(|kit| kit.remarks.iter().cloned()));
        report.warnings.extend(kit.iter().flat_map(|kit| kit.runs.warnings.iter().cloned()));

        let backend_log = log.join("backend.log");
        let runner = Runner {
            backend: self.backend,
            environment: self.environment,
            source: self.built,
            area,
            settings: &settings,
            variables: &variables,
            umask: self.reproducible.map(|_| 0o022),
            log: &backend_log,
            namespace: kit.as_ref().and_then(|kit| kit.runs.namespace.as_ref()),
        };
        let mut watch = Watch::new(&shim.record(), &backend_log);
        let built = runner.wheel(&area.wheels(), &mut || watch.look(observer));
        let record = shim.close().and_then(|path| Log::open(&path));
        if let Ok(record) = &record {
            report.calls = calls(record);
            report.warnings.extend(record.damage.sentences());
            let called: BTreeSet<&str> = record.calls.iter().map(|call| call.tool.as_str()).collect();
            report.warnings.extend(shim.shortfalls(&|name| called.contains(name)));
        }
        let outcome = Outcome { kit: kit.as_ref(), built, record, log: &log };
        self.judge(outcome, family, report).map_err(|error| match &error.hint {
            None if !shim.has_compiler() => {
                error.hint("no compiler was found on PATH: `crosswheel doctor` says how to get one")
            }
            _ => error,
        })
    }

    /// What a family for another machine, or another C library, is built with.
    fn kit(
        &self,
        family: &Family,
        path: &OsStr,
        log: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Option<Kit>> {
        if !family.is_cross() {
            return Ok(None);
        }
        let order = cross::Order {
            family,
            compiler: self.request.compiler.as_deref(),
            libraries: &self.request.libraries,
            offline: self.request.offline,
            allow_abi_mismatch: self.request.allow_abi_mismatch,
            python: self.python,
            target_python: self.request.target_python.as_deref(),
            environment: self.environment,
            backend: self.backend,
            source: self.built,
            area: self.area,
            path,
            log: &log.join("setup.log"),
            run_tests: self.request.run_tests,
        };
        cross::prepare(order, observer).map(Some)
    }

    /// Folders that products know by another name.
    fn maps(&self, kit: Option<&Kit>) -> Option<profile::Reproducible> {
        let of_kit = kit.into_iter().flat_map(|kit| &kit.maps);
        let named = |(from, to): &(PathBuf, PathBuf)| (from.clone(), to.to_string_lossy().into_owned());
        self.reproducible.map(|reproducible| profile::Reproducible {
            maps: reproducible.maps.iter().chain(of_kit).map(named).collect(),
        })
    }

    /// What the backend is told: by us, by the topology, by the user.
    fn settings(&self, kit: Option<&Kit>, observer: &mut dyn Observer) -> Vec<(String, String)> {
        let mut settings = kit.map(|kit| kit.settings.clone()).unwrap_or_default();
        let given = &self.request.config_settings;
        settings.extend(self.reproducible.and_then(|_| Reproducible::setting(self.backend, given)));
        if kit.is_some() {
            settings.extend(self.own_settings(observer));
        }
        settings.extend(given.iter().cloned());
        settings
    }

    /// What the topology says of this package, less what the user says.
    fn own_settings(&self, observer: &mut dyn Observer) -> Vec<(String, String)> {
        let name = self.source.name.as_deref().map(normalized_name);
        let Some(package) = name.and_then(|name| self.request.packages.get(&name)) else { return Vec::new() };
        let by_user = |key: &String| self.request.config_settings.iter().any(|(other, _)| other == key);
        let settings: Vec<_> =
            package.config_settings.iter().filter(|(key, _)| !by_user(key)).cloned().collect();
        for (key, value) in &settings {
            observer.event(Event::Note(&format!("built with {key}={value}: {}", package.why)));
        }
        settings
    }
}

fn calls(record: &Log) -> Calls {
    let counts = record.counts();
    #[allow(clippy::cast_precision_loss)] // Microseconds of CPU time stay exact for 285 years.
    let cpu = counts.cpu as f64 / 1e6;
    Calls {
        all: counts.calls,
        kinds: counts.kinds.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
        probes: counts.probes,
        edits: counts.edits,
        notes: counts.notes,
        demoted_calls: counts.demoted_calls,
        demoted: counts.demoted,
        failed: counts.failed,
        cpu,
    }
}
