//! What becomes of a build: why it failed, or its wheel held against the record, and delivered or put aside.

use std::path::{Path, PathBuf};

use crosswheel_shim::elf::WASM32;

use super::attempts::{self, Attempt};
use super::cross::system::{lack, linked};
use super::cross::{self, Kit};
use super::family::Scene;
use super::foreign::{self, Origin, Places};
use super::report::{FamilyReport, Fault};
use super::{deliver, failed, plural, traces};
use crate::audit::{self, Code, Expected, Severity, audit};
use crate::capture::Log;
use crate::error::{Error, Result};
use crate::topology::Family;

/// What a backend left.
pub(super) struct Outcome<'a> {
    /// With what it built for another machine.
    pub kit: Option<&'a Kit>,
    /// Its wheel.
    pub built: Result<PathBuf>,
    /// What the shim wrote down.
    pub record: Result<Log>,
    /// Folder of the logs.
    pub log: &'a Path,
}

impl Scene<'_> {
    /// Finds out what is wrong, and delivers the wheel if nothing is.
    pub(super) fn judge(
        &self,
        outcome: Outcome<'_>,
        family: &Family,
        report: &mut FamilyReport,
    ) -> Result<()> {
        let Outcome { kit, built, record, log } = outcome;
        let built = built.map_err(|error| match kit {
            Some(kit) => kit.explain(error, self.built),
            None => error,
        });
        let said = std::fs::read(log.join("backend.log")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if let (Some(kit), Ok(record)) = (kit, &record) {
            self.libraries(kit, record, &said, built.is_err(), report)?;
        }
        let machine = kit.map(|kit| kit.cross.machine.name.as_str());
        let wheel = match (built, &record) {
            (Ok(wheel), _) => wheel,
            (Err(error), Ok(record)) => return Err(self.explained(error, record, machine, &said, report)),
            (Err(error), Err(_)) => return Err(error),
        };
        // Without its record nobody can say what is in the wheel.
        let record = record?;
        self.faults_of_calls(&record, machine, &said, report);
        let wheel = match kit {
            Some(kit) => self.cut(&wheel, kit, family, report)?,
            None => wheel,
        };
        self.audit_wheel(&wheel, &record, report)?;
        if self.reproducible.is_some() && report.faults.is_empty() {
            self.traces(&wheel, report)?;
        }
        if report.faults.is_empty() {
            let home = log.parent().unwrap_or(log);
            report.wheel = Some(deliver::deliver(&wheel, home)?);
        } else {
            report.rejected = Some(deliver::deliver(&wheel, log)?.path);
        }
        Ok(())
    }

    /// Calls that failed although the backend went on.
    fn faults_of_calls(&self, record: &Log, machine: Option<&str>, said: &str, report: &mut FamilyReport) {
        if let Some(machine) = machine {
            let went_on = |attempt: &Attempt<'_>| {
                format!("{}; the build went on without its answer: {}", attempt.told(machine), attempt.hint())
            };
            report.warnings.extend(attempts::find(record, said).iter().map(went_on));
        }
        let failed = failed::compiles(record, self.places(), said);
        if self.request.allow_failed_compiles {
            report.failed_compiles.extend(failed.into_iter().map(|fault| fault.message));
        } else {
            report.faults.extend(failed);
        }
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
        found.learned.keep(record)?;
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

    /// Folders of this build that the wheel names.
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
            causes.extend(last.map(|call| failed::cause(record, call, self.places(), said)));
        }
        if causes.is_empty() {
            return error;
        }
        let first = causes.remove(0);
        report.faults.extend(causes);
        Error { message: format!("{}; {}", first.message, error.message), hint: first.hint, ..error }
    }
}
