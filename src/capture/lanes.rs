//! When calls ran, beside one another: which call was made inside of which, and a lane for each job, so that
//! the calls of a lane follow one another or lie one inside of the other, and never overlap.

use std::collections::HashMap;

use super::log::{Call, Log};

/// Where a call lies. Times are microseconds since [`Lanes::origin`], rounded down, so that what does not
/// overlap in the record does not do so here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From 0.
    pub lane: usize,
    /// Start.
    pub start: u64,
    /// End; that of the record for a call in flight.
    pub end: u64,
    /// Whether it lies inside of the call that made it.
    pub inside: bool,
}

/// The calls of a log, side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    /// One for each call, in the log's order.
    pub spans: Vec<Span>,
    /// How many lanes there are: the most jobs that ran at once.
    pub count: usize,
    /// What times count from, nanoseconds since 1970.
    pub origin: u64,
}

impl Lanes {
    /// Gives each call of a log its lane: the lowest that is free.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let begun = log.calls.iter().map(|call| call.start).min();
        let origin = begun.map_or(log.session.start, |first| match log.session.start {
            0 => first,
            session => session.min(first),
        });
        let last = log.calls.iter().map(|call| ended(call).unwrap_or(call.start)).max().unwrap_or(origin);
        let micros = |time: u64| (time - origin) / 1000;
        let parents = parents(log);
        let mut spans: Vec<Span> = log
            .calls
            .iter()
            .map(|call| Span {
                lane: 0,
                start: micros(call.start),
                end: micros(ended(call).unwrap_or(last).max(call.start)),
                inside: false,
            })
            .collect();
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|at| (spans[*at].start, std::cmp::Reverse(spans[*at].end)));
        // For each lane the calls that run: each inside of the one before.
        let mut lanes: Vec<Vec<usize>> = Vec::new();
        for at in order {
            let Span { start, end, .. } = spans[at];
            let maker = parents[at].filter(|parent| log.calls[*parent].makes());
            let within = maker.map(|parent| (parent, spans[parent].lane)).filter(|(parent, lane)| {
                // One that began in the same microsecond, and ended sooner, has no lane yet.
                let running = lanes.get_mut(*lane).and_then(|lane| running(lane, &spans, start));
                running == Some(*parent) && end <= spans[*parent].end
            });
            let free = || {
                let free = lanes.iter_mut().position(|lane| running(lane, &spans, start).is_none());
                free.unwrap_or_else(|| {
                    lanes.push(Vec::new());
                    lanes.len() - 1
                })
            };
            let lane = within.map_or_else(free, |(_, lane)| lane);
            lanes[lane].push(at);
            spans[at].lane = lane;
            spans[at].inside = within.is_some();
        }
        Self { spans, count: lanes.len(), origin }
    }

    /// How many jobs ran from each moment on: the moment, then the number. Calls inside of others are part
    /// of their job.
    #[must_use]
    pub fn running(&self) -> Vec<(u64, usize)> {
        let jobs = self.spans.iter().filter(|span| !span.inside);
        let mut changes: Vec<(u64, bool)> =
            jobs.flat_map(|span| [(span.start, true), (span.end, false)]).collect();
        changes.sort_unstable();
        let mut now: usize = 0;
        let mut out: Vec<(u64, usize)> = Vec::new();
        for (time, begins) in changes {
            now = if begins { now + 1 } else { now.saturating_sub(1) };
            match out.last_mut() {
                Some((last, number)) if *last == time => *number = now,
                _ => out.push((time, now)),
            }
        }
        out
    }
}

/// The innermost call of a lane that still runs at `start`.
fn running(lane: &mut Vec<usize>, spans: &[Span], start: u64) -> Option<usize> {
    while lane.last().is_some_and(|top| spans[*top].end <= start) {
        lane.pop();
    }
    lane.last().copied()
}

/// The end of a call, nanoseconds since 1970.
fn ended(call: &Call) -> Option<u64> {
    call.end.as_ref().map(|end| call.start.saturating_add(end.duration))
}

/// For each call the place of the one inside of which it was made.
fn parents(log: &Log) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> =
        log.calls.iter().enumerate().map(|(at, call)| (call.id.as_str(), at)).collect();
    let parent = |(own, call): (usize, &Call)| {
        places.get(call.parent.as_deref()?).copied().filter(|parent| *parent != own)
    };
    log.calls.iter().enumerate().map(parent).collect()
}

/// For each call whether a compiler or linker made it for its own work, as `collect2` does with `ld`. What is
/// made inside of `cmake` or `meson` is work of its own.
#[must_use]
pub fn nested(log: &Log) -> Vec<bool> {
    parents(log).into_iter().map(|parent| parent.is_some_and(|at| log.calls[at].makes())).collect()
}
