//! Is a call a probe: a question that a configure step asks of the compiler, whose answer must not depend
//! on any warning policy? Known by the table in the plan; the first row that fits names it.

use std::borrow::Cow;

use crate::invocation::Invocation;
use crate::paths::{absolute, base_name, matches, parent, within};
use crate::plan::view::Probe;
use crate::plan::{Kind, Plan};

/// Where a call is made.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Working folder; empty if it was deleted.
    pub cwd: &'a [u8],
    /// Folder of temporary files, absolute, without a slash at the end.
    pub temp: &'a [u8],
}

/// The row by which this call is a probe.
#[must_use]
pub fn probe<'p>(plan: Plan<'p>, call: &Invocation<'_>, place: Place<'_>) -> Option<Probe<'p>> {
    if call.kind == Kind::Query {
        return None;
    }
    plan.probes().iter().find(|row| fits(*row, call, place))
}

fn fits(row: Probe<'_>, call: &Invocation<'_>, place: Place<'_>) -> bool {
    if row.no_output() && !call.writes_nothing() {
        return false;
    }
    if row.cwd().is_some_and(|pattern| !place.fits(pattern, place.cwd)) {
        return false;
    }
    if row.output().is_some_and(|pattern| !call.outputs.iter().any(|path| place.fits(pattern, path))) {
        return false;
    }
    match row.input() {
        None => !row.outside(),
        Some(pattern) => call.inputs.iter().any(|at| {
            let path = call.input(*at);
            place.fits(pattern, path)
                && !(row.outside() && within(place.cwd, parent(&absolute(path, place.cwd))))
        }),
    }
}

impl Place<'_> {
    /// Whether a path is written by a pattern: its whole path if the pattern holds a slash, its file name
    /// otherwise.
    fn fits(self, pattern: &[u8], path: &[u8]) -> bool {
        if !pattern.contains(&b'/') && !pattern.starts_with(b"{temp}") {
            return matches(pattern, base_name(path));
        }
        let path = absolute(path, self.cwd);
        match pattern.strip_prefix(b"{temp}") {
            Some(rest) if self.temp.is_empty() => matches(rest, &path),
            Some(rest) => within(&path, self.temp) && matches(rest, &path[self.temp.len()..]),
            None => matches(pattern, &path),
        }
    }
}

/// The folder of temporary files by the value of TMPDIR.
#[must_use]
pub fn temp_folder(tmpdir: Option<&[u8]>) -> Cow<'_, [u8]> {
    match tmpdir {
        Some(path) if path.starts_with(b"/") => Cow::Owned(absolute(path, b"/")),
        _ => Cow::Borrowed(b"/tmp"),
    }
}
