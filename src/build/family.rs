//! One family: a fresh copy of the source, built by its own backend through the shim, held against the record.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crosswheel_shim::elf::WASM32;

use super::attempts::{self, Attempt};
use super::backend::{Backend, Runner};
use super::cross::system::{lack, linked};
use super::cross::{self, Kit};
use super::foreign::{self, Origin, Places};
use super::interpreter::Interpreter;
use super::isolation::Environment;
use super::pep440::normalized_name;
use super::report::{Calls, FamilyReport, Fault};
use super::reproducible::Reproducible;
use super::shim::Shim;
use super::source::Source;
use super::work::WorkArea;
use super::{Event, Observer, Request, deliver, failed, plural, traces, tree};
use crate::audit::{self, Code, Expected, Severity, audit};
use crate::capture::Log;
use crate::environment as vars;
use crate::error::{Error, IoContext, Result};
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
            report.warnings.extend(shim.left_out(&|name| called.contains(name)));
        }
        let built = built.map_err(|error| match &kit {
            Some(kit) => kit.explain(error, self.built),
            None => error,
        });
        let said = std::fs::read(&backend_log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if let (Some(kit), Ok(record)) = (&kit, &record) {
            self.libraries(kit, record, &said, built.is_err(), report)?;
        }
        let machine = kit.as_ref().map(|kit| kit.cross.machine.name.as_str());
        let wheel = match (built, &record) {
            (Ok(wheel), _) => wheel,
            (Err(error), Ok(record)) => return Err(self.explained(error, record, machine, &said, report)),
            (Err(error), Err(_)) => return Err(error),
        };
        // Without its record nobody can say what is in the wheel.
        let record = record?;
        if let Some(machine) = machine {
            let went_on = |attempt: &Attempt<'_>| {
                format!("{}; the build went on without its answer: {}", attempt.told(machine), attempt.hint())
            };
            report.warnings.extend(attempts::find(&record, &said).iter().map(went_on));
        }
        let failed = failed::compiles(&record, self.places(), &said, &log);
        if self.request.allow_failed_compiles {
            report.failed_compiles.extend(failed.into_iter().map(|fault| fault.message));
        } else {
            report.faults.extend(failed);
        }
        let wheel = match &kit {
            Some(kit) => self.cut(&wheel, kit, family, report)?,
            None => wheel,
        };
        self.audit_wheel(&wheel, &record, report)?;
        if self.reproducible.is_some() && report.faults.is_empty() {
            self.traces(&wheel, report)?;
        }
        if report.faults.is_empty() {
            let home = log.parent().unwrap_or(&log);
            report.wheel = Some(deliver::deliver(&wheel, home)?);
        } else {
            report.rejected = Some(deliver::deliver(&wheel, &log)?.path);
        }
        Ok(())
    }

    /// Folders of the build.
    fn places(&self) -> Places<'_> {
        Places { source: &self.source.root, built: self.built, environment: self.environment.root.as_deref() }
    }

    /// The backend's failure with its cause, as far as it can be told: the program that could not be run here, else the
    /// compile or link that failed last.
    fn explained(
        &self,
        error: Error,
        record: &Log,
        machine: Option<&str>,
        said: &str,
        report: &mut FamilyReport,
    ) -> Error {
        let tried = machine.map(|machine| (machine, attempts::find(record, said)));
        let mut causes: Vec<Fault> = tried
            .into_iter()
            .flat_map(|(machine, tried)| tried.into_iter().map(move |one| one.fault(machine)))
            .collect();
        causes.extend(failed::rust_target(said));
        // What the build looked for in vain is told already.
        if causes.is_empty() && report.faults.is_empty() {
            let last = record.failed_work().pop();
            causes.extend(last.map(|call| failed::cause(record, call, self.places(), said, &report.log)));
        }
        if causes.is_empty() {
            return error;
        }
        let first = causes.remove(0);
        report.faults.extend(causes);
        Error { message: format!("{}; {}", first.message, error.message), hint: first.hint, ..error }
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

    /// What was linked of the target's libraries, and what the build looked for in vain.
    fn libraries(
        &self,
        kit: &Kit,
        record: &Log,
        said: &str,
        failed: bool,
        report: &mut FamilyReport,
    ) -> Result<()> {
        if let Some(system) = &kit.system {
            report.libraries = linked::of(record, system);
            linked::write(system, &report.libraries, &report.log)?;
        }
        let asked = std::fs::read(&kit.asked).unwrap_or_default();
        let asked = String::from_utf8_lossy(&asked);
        let family = &kit.family;
        let build = lack::Build { record, said, asked: &asked, source: self.built, family, failed };
        report.faults.extend(lack::faults(build, || cross::system::index(family)));
        Ok(())
    }

    /// The wheel under the tag of its target; what it links must be as old as that says.
    fn cut(&self, wheel: &Path, kit: &Kit, family: &Family, report: &mut FamilyReport) -> Result<PathBuf> {
        let folder = self.area.wheels().join("tagged");
        let epoch = self.reproducible.map(|reproducible| reproducible.epoch);
        let maps = self.reproducible.map(|reproducible| reproducible.maps.as_slice()).unwrap_or_default();
        let texts = traces::mapped(wheel, maps)?;
        if let Some(first) = texts.keys().next() {
            report.warnings.push(format!(
                "{} text{} of the wheel named a folder of this build ({first}{}); the name is now one under /usr/src",
                texts.len(),
                plural(texts.len(), "s"),
                if texts.len() == 1 { "" } else { ", …" },
            ));
        }
        let (wheel, other) =
            cross::wheel::tag(wheel, &kit.tag, &family.target.machine, &folder, epoch, texts)?;
        if let Some(other) = other {
            let what =
                format!("the backend tagged the wheel {other}, and did not heed _PYTHON_HOST_PLATFORM");
            report.warnings.push(what);
        }
        report.faults.extend(cross::wheel::too_new(&wheel, family)?);
        report.faults.extend(cross::wheel::outside(&wheel, &report.libraries)?);
        if let Some(system) = &kit.system {
            report.faults.extend(cross::wheel::unversioned(&wheel, family, system, &kit.cross.machine)?);
        }
        Ok(wheel)
    }

    /// Holds the wheel against the record. What is for another machine is told with where it came from.
    fn audit_wheel(&self, wheel: &Path, record: &Log, report: &mut FamilyReport) -> Result<()> {
        let expected = Expected::of(&record.session);
        let found = audit(&[wheel.to_owned()], record, &expected)?;
        report.elf_files = found.checked.len();
        report.wasm = expected.machine == Some(WASM32);
        report.traced = found.checked.iter().filter(|checked| checked.call.is_some()).count();
        for finding in &found.findings {
            let place = finding.member.as_ref().map_or_else(String::new, |member| format!("{member}: "));
            let origin = finding
                .member
                .as_deref()
                .filter(|_| finding.code == Code::WrongMachine)
                .and_then(|member| self.origin(&found, record, wheel, member));
            let from = origin.as_ref().map_or_else(String::new, |origin| format!("; it {}", origin.told()));
            let message = format!("{place}{}{from} [{}]", finding.what, finding.code.name());
            let hint = origin.map_or_else(|| finding.hint.clone(), |origin| origin.hint().to_owned());
            match finding.severity {
                Severity::Fault => report.faults.push(Fault { message, hint: Some(hint) }),
                Severity::Note => report.warnings.push(message),
            }
        }
        Ok(())
    }

    /// Where a member of the wheel came from: the call that made it, or a file of the same content.
    fn origin(&self, found: &audit::Report, record: &Log, wheel: &Path, member: &str) -> Option<Origin> {
        let id = found.checked.iter().find(|checked| checked.member == member)?.call.as_deref();
        match id.and_then(|id| record.calls.iter().find(|call| call.id == id)) {
            Some(call) => Some(Origin::Call(call.tool.clone(), call.id.clone())),
            None => foreign::of_member(wheel, member, self.places()),
        }
    }

    fn traces(&self, wheel: &Path, report: &mut FamilyReport) -> Result<()> {
        let found = traces::find(wheel, &[self.area.root()])?;
        if let Some(first) = found.first() {
            report.warnings.push(format!(
                "{} file{} of the wheel name{} a folder of this build ({first}{}): another build gives other bytes",
                found.len(),
                plural(found.len(), "s"),
                if found.len() == 1 { "s" } else { "" },
                if found.len() == 1 { "" } else { ", …" },
            ));
        }
        Ok(())
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

/// How far a build is, as the record tells while it grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Calls that began.
    pub begun: usize,
    /// Calls that ended.
    pub ended: usize,
    /// Input of the newest real piece of work.
    pub current: Option<String>,
}

/// Follows the record and the backend's output.
struct Watch {
    record: Follower,
    output: Follower,
    progress: Progress,
}

impl Watch {
    fn new(record: &Path, output: &Path) -> Self {
        Self { record: Follower::new(record), output: Follower::new(output), progress: Progress::default() }
    }

    fn look(&mut self, observer: &mut dyn Observer) {
        let output = self.output.more();
        if !output.is_empty() {
            observer.event(Event::Output(&output));
        }
        let lines = self.record.lines();
        for line in lines.split(|byte| *byte == b'\n') {
            self.progress.take(line);
        }
        if lines.is_empty() {
            observer.event(Event::Tick);
        } else {
            observer.event(Event::Progress(&self.progress));
        }
    }
}

impl Progress {
    /// Takes note of a line of the record. What it cannot read it passes over: this is for the eye only.
    fn take(&mut self, line: &[u8]) {
        if line.starts_with(br#"{"ev":"end""#) {
            self.ended += 1;
        } else if line.starts_with(br#"{"ev":"begin""#) {
            self.begun += 1;
            let Ok(begin) = serde_json::from_slice::<Begin>(line) else { return };
            if begin.probe.is_none()
                && let Some(first) = begin.inputs.into_iter().next()
            {
                let name = Path::new(&first).file_name().map(|name| name.to_string_lossy().into_owned());
                self.current = name;
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Begin {
    probe: Option<String>,
    #[serde(default, rename = "in")]
    inputs: Vec<String>,
}

/// Reads what is appended to a file.
struct Follower {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Follower {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rest: Vec::new() }
    }

    /// All that is new.
    fn more(&mut self) -> Vec<u8> {
        let mut new = Vec::new();
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            // Only for the eye: what cannot be read now is read the next time, or not at all.
            drop(file.read_to_end(&mut new));
        }
        new
    }

    /// All whole lines that are new.
    fn lines(&mut self) -> Vec<u8> {
        let new = self.more();
        self.rest.extend(new);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(end);
        std::mem::replace(&mut self.rest, rest)
    }
}

/// The last lines of a log, for a message.
pub fn tail(log: &Path, lines: usize) -> Result<String> {
    const MOST: u64 = 64 << 10;
    let mut file = File::open(log).context("opening", log)?;
    let size = file.metadata().context("looking at", log)?.len();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(size.saturating_sub(MOST)))
        .and_then(|_| file.read_to_end(&mut bytes))
        .context("reading", log)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}
