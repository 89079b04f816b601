//! Sums over a build: where its time went, how much of it ran at once, what the shim did. Only what the record tells:
//! whether a compiler cache had a result is not in it.

use std::collections::BTreeMap;

use crosswheel_shim::plan::Kind;

use super::log::{Call, Counts, Log};
use super::text::Text;

/// The sums.
#[derive(Clone, Debug, Default)]
pub struct Stats<'l> {
    /// Numbers of calls, edits and failures.
    pub counts: Counts,
    /// By kind, probes left out.
    pub kinds: BTreeMap<Kind, Share>,
    /// Probes, whatever their kind.
    pub probes: Share,
    /// All calls that are not inside of others.
    pub all: Share,
    /// From the start of the first call to the end of the last, nanoseconds.
    pub span: u64,
    /// Time in which at least one call ran, nanoseconds.
    pub busy: u64,
    /// Most calls that ran at once.
    pub peak: usize,
    /// The call that needed the most memory.
    pub largest: Option<&'l Call>,
    /// The slowest calls, the slowest first.
    pub slowest: Vec<&'l Call>,
    /// Calls that a compiler cache ran, by its path.
    pub caches: BTreeMap<Text, Cached>,
}

/// A part of a build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many calls.
    pub calls: usize,
    /// Their time, nanoseconds.
    pub time: u64,
    /// Their CPU time, microseconds.
    pub cpu: u64,
}

impl Share {
    fn take(&mut self, call: &Call) {
        self.calls += 1;
        if let Some(end) = &call.end {
            self.time += end.duration;
            self.cpu += end.user + end.system;
        }
    }
}

/// Calls that a compiler cache ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cached {
    /// How many.
    pub calls: usize,
    /// Those that were done in a tenth of a second, with less than 20 ms of CPU time: what a cache needs that has the
    /// result, and less than most compiles do. (Where a server compiles, only the time tells.) A hint, and no more.
    pub quick: usize,
    /// CPU time of them all, microseconds.
    pub cpu: u64,
}

/// Below these a call by a cache is counted as quick: CPU time in microseconds, time in nanoseconds.
const QUICK: (u64, u64) = (20_000, 100_000_000);

/// How many of the slowest are told.
const SLOWEST: usize = 10;

impl Log {
    /// Sums over all calls.
    #[must_use]
    pub fn stats(&self) -> Stats<'_> {
        let nested = self.nested();
        let outer: Vec<&Call> = self.calls.iter().filter(|call| !nested.contains(call.id.as_str())).collect();
        let mut stats = Stats { counts: self.counts(), ..Stats::default() };
        for call in &outer {
            stats.all.take(call);
            if call.probe.is_some() {
                stats.probes.take(call);
            } else {
                stats.kinds.entry(call.kind).or_default().take(call);
            }
            if let (Some(launcher), Some(end)) = (&call.launcher, &call.end) {
                let cached = stats.caches.entry(launcher.clone()).or_default();
                cached.calls += 1;
                cached.cpu += end.user + end.system;
                cached.quick += usize::from(end.user + end.system < QUICK.0 && end.duration < QUICK.1);
            }
        }
        let peak = |call: &&&Call| call.end.as_ref().map_or(0, |end| end.peak);
        stats.largest = outer.iter().max_by_key(peak).copied().filter(|call| peak(&call) > 0);
        let mut slowest = outer.clone();
        slowest.sort_by_key(|call| std::cmp::Reverse(call.end.as_ref().map_or(0, |end| end.duration)));
        slowest.truncate(SLOWEST);
        stats.slowest = slowest;
        stats.sweep(&outer);
        stats
    }
}

impl Stats<'_> {
    /// How many calls ran on the average while any did, in hundredths.
    #[must_use]
    pub fn parallel(&self) -> Option<u64> {
        let hundredfold = u128::from(self.all.time) * 100 + u128::from(self.busy) / 2;
        hundredfold.checked_div(u128::from(self.busy)).and_then(|mean| u64::try_from(mean).ok())
    }

    /// Goes over starts and ends in their order. A call that did not end is there for its start alone.
    fn sweep(&mut self, calls: &[&Call]) {
        let mut turns: Vec<(u64, i8)> = Vec::with_capacity(2 * calls.len());
        for call in calls {
            let duration = call.end.as_ref().map_or(0, |end| end.duration);
            turns.extend([(call.start, 1), (call.start.saturating_add(duration), -1)]);
        }
        // At one moment, who ends goes before who begins; but a call of no length begins before it ends.
        turns.sort_unstable();
        let Some((first, last)) = turns.first().zip(turns.last()) else { return };
        self.span = last.0 - first.0;
        let (mut running, mut before) = (0_isize, first.0);
        for (time, turn) in turns {
            if running > 0 {
                self.busy += time - before;
            }
            before = time;
            running += isize::from(turn);
            self.peak = self.peak.max(usize::try_from(running).unwrap_or(0));
        }
    }
}
