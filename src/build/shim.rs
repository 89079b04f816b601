//! Where a build meets the shim: one session for each family (see [`crate::toolchain::session`]).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::work::WorkArea;
use crate::capture::place;
use crate::environment;
use crate::error::{IoContext, Result};
use crate::toolchain::ask::Manner;
use crate::toolchain::cross::Cross;
use crate::toolchain::discover::{Remark, is_driver};
use crate::toolchain::python::Python;
use crate::toolchain::session::{PATIENCE, Session, SessionOptions};
use crate::toolchain::{Toolchains, profile};
use crate::topology::Family;

/// The shim of one family, set up.
#[derive(Debug)]
pub struct Shim {
    session: Session,
    log: PathBuf,
}

impl Shim {
    /// Sets the shim of a family up in the work area. The record is seen in `log` from the start.
    pub fn open(
        family: &Family,
        python: &Path,
        log: &Path,
        area: &WorkArea,
        variables: &dyn Fn(&str) -> Option<OsString>,
        reproducible: Option<&profile::Reproducible>,
        cross: Option<&Cross>,
    ) -> Result<Self> {
        let dir = area.shims();
        area.emptied(&dir)?;
        let path = variables(environment::PATH).unwrap_or_default();
        let cwd = area.source_home();
        let manner = Manner { path: &path, cwd: &cwd, patience: PATIENCE };
        let python = Python::ask(python, manner)?;
        let session = Session::create(&SessionOptions {
            dir: &dir,
            toolchains: &Toolchains::builtin()?,
            family,
            policy: &family.policy,
            cross,
            reproducible,
            path: &path,
            cwd: &cwd,
            variables,
            python: Some(&python),
            extra_tools: &[],
            record: true,
        })?;
        let shim = Self { session, log: log.to_owned() };
        // While the build runs, `crosswheel log` finds its record where it will be in the end.
        let link = log.join(place::FILE);
        symlink(shim.record(), &link).context("linking", &link)?;
        Ok(shim)
    }

    /// Variables of the build, `None` to remove one.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, Option<OsString>)> {
        self.session.environment()
    }

    /// Whether there is any compiler for a build to call.
    #[must_use]
    pub fn has_compiler(&self) -> bool {
        self.session.tools.iter().any(|tool| is_driver(tool.role))
    }

    /// Where the record is written.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.session.dir.join(place::FILE)
    }

    /// What could not be used, or only in part.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let told = |remark: &Remark| format!("{} ({}): {}", remark.name, remark.path.display(), remark.what);
        self.session.remarks.iter().map(told).collect()
    }

    /// What tools could not do for the family, by the names that were called.
    #[must_use]
    pub fn shortfalls(&self, called: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.session.shortfalls.of_calls(called)
    }

    /// Moves the record, and the sign that some of it was lost, into the log; returns where the record is now.
    pub fn close(&self) -> Result<PathBuf> {
        let target = self.log.join(place::FILE);
        for name in [OsStr::new(place::FILE), OsStr::new("record.lost")] {
            let from = self.session.dir.join(name);
            if from.is_file() {
                let part = self.log.join(".record.part");
                fs::copy(&from, &part).context("copying", &from)?;
                fs::rename(&part, self.log.join(name)).context("writing", self.log.join(name))?;
            }
        }
        Ok(target)
    }
}
