//! A trace of a build in the format of Chrome's tracing, which Perfetto (ui.perfetto.dev) opens too: a lane for
//! each job that ran at the same time, a counter of running jobs, and inside of a compile what clang's
//! `-ftime-trace` says of it, where its file is still there.
//!
//! Format: "Trace Event Format" of the Chromium project. Times are microseconds since the session began.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::capture::lanes::{Lanes, Span};
use crate::capture::{Call, Detail, Log, Outcome, Text, diff};
use crate::error::Result;

/// All events are those of one process.
const PROCESS: u32 = 1;

/// The whole file.
pub fn render(log: &Log) -> Result<String> {
    let lanes = Lanes::of(log);
    let mut events = vec![meta("process_name", None, &format!("crosswheel, {}", log.session.family))];
    for lane in 0..lanes.count {
        events.push(meta("thread_name", Some(lane), &format!("job {}", lane + 1)));
        events.push(meta_number("thread_sort_index", lane));
    }
    let traces = TimeTraces::new(log);
    let mut order: Vec<usize> = (0..log.calls.len()).collect();
    // An event that holds others stands ahead of them.
    order.sort_by_key(|at| (lanes.spans[*at].start, std::cmp::Reverse(lanes.spans[*at].end)));
    for at in order {
        let (call, span) = (&log.calls[at], &lanes.spans[at]);
        let detail = log.detail(call)?;
        events.push(event(call, span, &detail));
        events.extend(traces.events(at, call, span, &detail, lanes.origin));
    }
    for (time, jobs) in lanes.running() {
        events.push(json!({
            "ph": "C", "pid": PROCESS, "name": "running jobs", "ts": time, "args": {"jobs": jobs},
        }));
    }
    let about = json!({"tool": log.session.tool, "family": log.session.family, "werror": log.session.werror});
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    Ok(format!(
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[\n{}\n]}}\n",
        lines.join(",\n")
    ))
}

fn meta(name: &str, lane: Option<usize>, value: &str) -> Value {
    json!({"ph": "M", "pid": PROCESS, "tid": lane.map_or(0, tid), "name": name, "args": {"name": value}})
}

fn meta_number(name: &str, lane: usize) -> Value {
    json!({"ph": "M", "pid": PROCESS, "tid": tid(lane), "name": name, "args": {"sort_index": lane}})
}

/// Lanes count from 0, and a thread 0 is not shown by its name.
fn tid(lane: usize) -> usize {
    lane + 1
}

/// A call.
fn event(call: &Call, span: &Span, detail: &Detail) -> Value {
    let file = |files: &[Text]| files.first().map(|file| name(&file.lossy()));
    let what = file(&call.outputs).or_else(|| file(&call.inputs)).unwrap_or_default();
    let label = format!("{} {what}", call.tool);
    let mut args = Map::new();
    args.insert("id".into(), json!(call.id));
    args.insert("kind".into(), json!(call.kind.name()));
    args.insert("outcome".into(), json!(call.result()));
    args.insert("edits".into(), json!(call.edits.iter().filter(|edit| !edit.note).count()));
    if let Some(probe) = &call.probe {
        args.insert("probe".into(), json!(probe));
    }
    for (key, files) in [("in", &call.inputs), ("out", &call.outputs)] {
        if !files.is_empty() {
            args.insert(key.into(), json!(line(files)));
        }
    }
    if let Some(cwd) = &call.cwd {
        args.insert("cwd".into(), json!(cwd.lossy()));
    }
    args.insert("command".into(), json!(line(&detail.argv)));
    if let Some(end) = &call.end {
        args.insert("user_ms".into(), json!(end.user / 1000));
        args.insert("system_ms".into(), json!(end.system / 1000));
        args.insert("peak_kib".into(), json!(end.peak));
    }
    let mut event = json!({
        "ph": "X", "pid": PROCESS, "tid": tid(span.lane), "ts": span.start, "dur": span.end - span.start,
        "name": label.trim_end(), "cat": call.kind.name(), "args": args,
    });
    // Names of colours that both viewers know.
    let colour = match call.outcome() {
        Outcome::Succeeded if call.probe.is_some() => Some("grey"),
        Outcome::Succeeded => None,
        Outcome::InFlight => Some("yellow"),
        _ if call.probe.is_some() => Some("grey"),
        _ => Some("terrible"),
    };
    if let Some(colour) = colour {
        event["cname"] = json!(colour);
    }
    event
}

fn line(words: &[Text]) -> String {
    words.iter().map(Text::quoted).collect::<Vec<_>>().join(" ")
}

fn name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Files of `-ftime-trace`.
struct TimeTraces {
    /// The last call that wrote each output: the file beside it is that one's.
    last: HashMap<PathBuf, usize>,
}

/// What clang writes.
#[derive(Deserialize)]
struct TimeTrace {
    #[serde(rename = "traceEvents")]
    events: Vec<Value>,
    /// Start of the compile, microseconds since 1970 (LLVM 11 and newer).
    #[serde(rename = "beginningOfTime")]
    beginning: Option<u64>,
}

/// How much earlier than its compile a file may seem: file systems keep coarse times.
const COARSE: u64 = 20_000;

impl TimeTraces {
    fn new(log: &Log) -> Self {
        let outputs = |(at, call): (usize, &'_ Call)| {
            call.outputs.iter().map(|output| (call.resolve(output), at)).collect::<Vec<_>>()
        };
        Self { last: log.calls.iter().enumerate().flat_map(outputs).collect() }
    }

    /// The events inside of a compile, in its lane. A file that cannot be read, or is not of this compile, gives
    /// none.
    fn events(&self, at: usize, call: &Call, span: &Span, detail: &Detail, origin: u64) -> Vec<Value> {
        let files = self.files(at, call, detail);
        inside(files.iter().filter_map(|file| read(file, call, span, origin)).flatten().collect(), span)
    }

    /// Where clang may have written what it says of this compile: a file for each source.
    fn files(&self, at: usize, call: &Call, detail: &Detail) -> BTreeSet<PathBuf> {
        // `-ftime-trace-granularity=` and its like alone write nothing.
        // What ran may name a response file; what was given has it read in.
        let option = diff::given(detail).iter().chain(diff::ran(detail)).rev().find_map(|arg| {
            let rest = arg.bytes().strip_prefix(b"-ftime-trace")?;
            (rest.is_empty() || rest.starts_with(b"=")).then_some(rest)
        });
        let Some(option) = option else { return BTreeSet::new() };
        // LLVM 16 and newer: a file, or a folder for files of the usual name.
        let named = option.strip_prefix(b"=").map(|named| call.resolve(&Text::from(named)));
        let outputs = call.outputs.iter().map(|output| call.resolve(output));
        let last = outputs.filter(|output| self.last.get(output) == Some(&at));
        let file = |output: PathBuf| {
            let beside = output.with_extension("json");
            match &named {
                Some(named) if named.is_dir() => Some(named.join(beside.file_name()?)),
                Some(named) => Some(named.clone()),
                None => Some(beside),
            }
        };
        last.filter_map(file).collect()
    }
}

/// An event of clang's: when it begins and ends in the session's time, its name, its arguments.
type Event = (u64, u64, String, Option<Value>);

/// The events of a file, clipped to the compile.
fn read(file: &Path, call: &Call, span: &Span, origin: u64) -> Option<Vec<Event>> {
    let changed = std::fs::metadata(file).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let start = call.start / 1000;
    if u64::try_from(changed.as_micros()).ok()?.saturating_add(COARSE) < start {
        return None;
    }
    let trace: TimeTrace = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let shift = match trace.beginning {
        Some(time) if time.saturating_add(COARSE) < start => return None,
        Some(time) => time.saturating_sub(origin / 1000).max(span.start),
        None => span.start,
    };
    let mut found = Vec::new();
    for event in trace.events {
        let number = |key: &str| event.get(key).and_then(Value::as_u64);
        let name = event.get("name").and_then(Value::as_str)?;
        // Sums over the whole compile are made up of the others, and lie over them.
        if event.get("ph").and_then(Value::as_str) != Some("X") || name.starts_with("Total ") {
            continue;
        }
        let begins = shift.saturating_add(number("ts")?);
        let ends = begins.saturating_add(number("dur").unwrap_or(0)).min(span.end);
        found.push((begins.min(span.end), ends, name.to_owned(), event.get("args").cloned()));
    }
    Some(found)
}

/// Puts events into the lane of their compile, so that they lie beside or inside of one another.
fn inside(mut found: Vec<Event>, span: &Span) -> Vec<Value> {
    found.sort_by_key(|(begins, ends, ..)| (*begins, std::cmp::Reverse(*ends)));
    // Rounded times may stick out of what holds them by a microsecond.
    let mut holds: Vec<u64> = vec![span.end];
    let events = found.into_iter().map(|(begins, mut ends, name, args)| {
        while holds.len() > 1 && holds.last().is_some_and(|end| *end <= begins) {
            holds.pop();
        }
        ends = holds.last().map_or(ends, |end| ends.min(*end));
        holds.push(ends);
        json!({
            "ph": "X", "pid": PROCESS, "tid": tid(span.lane), "ts": begins, "dur": ends - begins,
            "name": name, "cat": "time-trace", "args": args.unwrap_or_else(|| json!({})),
        })
    });
    events.collect()
}
