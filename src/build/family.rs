//! One family: a fresh copy of the source, built by its own backend through the shim, held against the record.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crosswheel_shim::elf::WASM32;

use super::backend::{Backend, Runner};
use super::cross::{self, Kit};
use super::interpreter::Interpreter;
use super::isolation::Environment;
use super::report::{Calls, FamilyReport, Fault};
use super::reproducible::Reproducible;
use super::shim::Shim;
use super::source::Source;
use super::work::WorkArea;
use super::{Event, Observer, Request, deliver, failed, plural, traces, tree};
use crate::audit::{Expected, Severity, audit};
use crate::capture::Log;
use crate::environment as vars;
use crate::error::{IoContext, Result};
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
        let family = &self.request.families[number];
        let kit = self.kit(family, &lookup(&variables, vars::PATH).unwrap_or_default(), &log, observer)?;
        let maps = self.reproducible.map(|reproducible| profile::Reproducible {
            maps: reproducible
                .maps
                .iter()
                .chain(kit.iter().flat_map(|kit| &kit.maps))
                .map(|(from, to)| (from.clone(), to.to_string_lossy().into_owned()))
                .collect(),
        });
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
        let mut settings = kit.as_ref().map(|kit| kit.settings.clone()).unwrap_or_default();
        settings.extend(self.request.config_settings.iter().cloned());
        report.warnings.extend(kit.iter().flat_map(|kit| kit.warnings.iter().cloned()));
        report.warnings.extend(shim.remarks());

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
        let wheel = built?;
        // Without its record nobody can say what is in the wheel.
        let record = record?;
        let failed = failed::compiles(&record, self.built, &backend_log);
        if self.request.allow_failed_compiles {
            report.failed_compiles.extend(failed.into_iter().map(|fault| fault.message));
        } else {
            report.faults.extend(failed);
        }
        let wheel = match &kit {
            Some(kit) => self.cut(&wheel, kit, family, report)?,
            None => wheel,
        };
        audit_wheel(&wheel, &record, report)?;
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
            offline: self.request.offline,
            allow_abi_mismatch: self.request.allow_abi_mismatch,
            python: self.python,
            environment: self.environment,
            backend: self.backend,
            source: self.built,
            area: self.area,
            path,
            log: &log.join("setup.log"),
        };
        cross::prepare(order, observer).map(Some)
    }

    /// The wheel under the tag of its target; what it links must be as old as that says.
    fn cut(&self, wheel: &Path, kit: &Kit, family: &Family, report: &mut FamilyReport) -> Result<PathBuf> {
        let folder = self.area.wheels().join("tagged");
        let epoch = self.reproducible.map(|reproducible| reproducible.epoch);
        let (wheel, other) = cross::wheel::tag(wheel, &kit.tag, &family.target.machine, &folder, epoch)?;
        if let Some(other) = other {
            let what =
                format!("the backend tagged the wheel {other}, and did not heed _PYTHON_HOST_PLATFORM");
            report.warnings.push(what);
        }
        report.faults.extend(cross::wheel::too_new(&wheel, family)?);
        Ok(wheel)
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

/// Holds the wheel against the record.
fn audit_wheel(wheel: &Path, record: &Log, report: &mut FamilyReport) -> Result<()> {
    let expected = Expected::of(&record.session);
    let found = audit(&[wheel.to_owned()], record, &expected)?;
    report.elf_files = found.checked.len();
    report.wasm = expected.machine == Some(WASM32);
    report.traced = found.checked.iter().filter(|checked| checked.call.is_some()).count();
    for finding in &found.findings {
        let place = finding.member.as_ref().map_or_else(String::new, |member| format!("{member}: "));
        let message = format!("{place}{} [{}]", finding.what, finding.code.name());
        match finding.severity {
            Severity::Fault => report.faults.push(Fault { message, hint: Some(finding.hint.clone()) }),
            Severity::Note => report.warnings.push(message),
        }
    }
    Ok(())
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
