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
    // Each path is made absolute once, not once a row.
    let inputs: Vec<_> = call.inputs.iter().map(|at| Named::new(call.input(*at), place)).collect();
    let outputs: Vec<_> = call.outputs.iter().map(|path| Named::new(path, place)).collect();
    let cwd = Named::at(place.cwd, Cow::Borrowed(place.cwd));
    plan.probes().iter().find(|row| {
        (!row.no_output() || call.writes_nothing())
            && row.cwd().is_none_or(|pattern| cwd.fits(pattern, place))
            && match row.input() {
                None => !row.outside(),
                Some(pattern) => inputs.iter().any(|path| {
                    path.fits(pattern, place) && !(row.outside() && within(place.cwd, parent(&path.absolute)))
                }),
            }
            && row.output().is_none_or(|pattern| outputs.iter().any(|path| path.fits(pattern, place)))
    })
}

/// A path as the call names it, and as it is from the root.
struct Named<'c> {
    given: &'c [u8],
    absolute: Cow<'c, [u8]>,
    /// The first bytes of its parts; see [`bit`].
    initials: u64,
}

/// Stands for a byte in a set of bytes; two bytes may share one.
fn bit(byte: u8) -> u64 {
    1 << (byte & 63)
}

impl<'c> Named<'c> {
    fn new(given: &'c [u8], place: Place<'_>) -> Self {
        Self::at(given, Cow::Owned(absolute(given, place.cwd)))
    }

    fn at(given: &'c [u8], absolute: Cow<'c, [u8]>) -> Self {
        let ahead = absolute.iter().zip(absolute.iter().skip(1)).filter(|(slash, _)| **slash == b'/');
        let initials = ahead.fold(0, |set, (_, first)| set | bit(*first));
        Self { given, absolute, initials }
    }

    /// Whether it is written by a pattern: the whole path if the pattern holds a slash, the file name
    /// otherwise.
    fn fits(&self, pattern: &[u8], place: Place<'_>) -> bool {
        if let Some(rest) = pattern.strip_prefix(b"{temp}") {
            return within(&self.absolute, place.temp) && matches(rest, &self.absolute[place.temp.len()..]);
        }
        if pattern.contains(&b'/') {
            // Most rows ask for a folder of some name anywhere above, and most paths have none like it.
            if let [b'*', b'*', b'/', first, ..] = pattern
                && !matches!(first, b'*' | b'?')
                && self.initials & bit(*first) == 0
            {
                return false;
            }
            matches(pattern, &self.absolute)
        } else {
            matches(pattern, base_name(self.given))
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
