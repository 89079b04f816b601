//! `crosswheel log ls`: one line a call.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crosswheel_shim::plan::Kind;

use super::out::{self, BOLD, DIM};
use crate::capture::follow::{Follower, Worker};
use crate::capture::glob::Glob;
use crate::capture::{Call, Filter, Log, Text};
use crate::error::Result;

/// Arguments of `log ls`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Args {
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// Only calls of this kind; may be given more than once
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Vec<Kind>,
    /// Only calls that failed
    #[arg(long)]
    failed: bool,
    /// Only calls that have not ended: they run, or were killed with the build
    #[arg(long, conflicts_with = "failed")]
    in_flight: bool,
    /// Only probes
    #[arg(long, conflicts_with = "no_probe")]
    probe: bool,
    /// No probes
    #[arg(long)]
    no_probe: bool,
    /// Only calls with an output that matches: `*.so`, `build/*.o`, `/w/**`
    #[arg(long, value_name = "GLOB")]
    output: Option<OsString>,
    /// Only calls with an input that matches
    #[arg(long, value_name = "GLOB")]
    source: Option<OsString>,
    /// Only calls in which this rule changed or noted something
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only the N slowest, the slowest first
    #[arg(long, value_name = "N")]
    slowest: Option<usize>,
    /// Show calls as they begin and end, until the build ends
    #[arg(long, conflicts_with = "slowest")]
    follow: bool,
    /// One JSON object a line: `begin` and `end` as the record holds them
    #[arg(long)]
    json: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

impl Args {
    fn filter(&self) -> Filter {
        let glob = |pattern: &Option<OsString>| pattern.as_ref().map(|text| Glob::new(text.as_bytes()));
        Filter {
            kinds: self.kind.clone(),
            failed: self.failed,
            in_flight: self.in_flight,
            probe: if self.probe { Some(true) } else { self.no_probe.then_some(false) },
            output: glob(&self.output),
            source: glob(&self.source),
            rule: self.rule.clone(),
            slowest: self.slowest,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    if args.follow {
        return follow(args);
    }
    let log = super::open(args.log.as_ref())?;
    let calls = log.select(&args.filter());
    if args.json {
        let lines = calls.iter().map(|call| super::json(&log, call)).collect::<Result<Vec<_>>>()?;
        out::print(|to| lines.iter().try_for_each(|line| to.write_all(line)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let id = log.short_id();
    let room = out::columns().map_or(usize::MAX, |columns| columns.saturating_sub(id + 42).max(24));
    let row = |call: &&Call| what(&log, call, room.saturating_sub(probe(call).len()));
    let rows = calls.iter().map(row).collect::<Result<Vec<_>>>()?;
    out::print(|to| table(to, id, &calls, &rows))?;
    if out::columns().is_some() {
        anstream::eprintln!("{DIM}{}{DIM:#}", summary(&log, calls.len()));
    }
    Ok(ExitCode::SUCCESS)
}

/// How often a record is looked at.
const PACE: Duration = Duration::from_millis(100);

/// Calls as they begin and end. One that has done both since the last look is shown once.
fn follow(args: &Args) -> Result<ExitCode> {
    let mut follower = Follower::open(&super::path(args.log.as_ref())?)?;
    let filter = args.filter();
    // Ids are not known yet, so they are shown in full.
    let id = 12;
    let room = out::columns().map_or(usize::MAX, |columns| columns.saturating_sub(id + 42).max(24));
    let mut first = !args.json;
    loop {
        let worker = follower.worker();
        let mut fresh = follower.look()?;
        let mut shown = HashSet::new();
        fresh.reverse();
        fresh.retain(|place| shown.insert(*place));
        fresh.reverse();
        let log = follower.log();
        let calls: Vec<&Call> =
            fresh.iter().map(|place| &log.calls[*place]).filter(|call| filter.passes(call)).collect();
        let going = if args.json {
            let lines = calls.iter().map(|call| super::json(log, call)).collect::<Result<Vec<_>>>()?;
            out::print_on(|to| lines.iter().try_for_each(|line| to.write_all(line)))?
        } else {
            let row = |call: &&Call| what(log, call, room.saturating_sub(probe(call).len()));
            let rows = calls.iter().map(row).collect::<Result<Vec<_>>>()?;
            out::print_on(|to| {
                if std::mem::take(&mut first) {
                    heading(to, id)?;
                }
                self::rows(to, id, &calls, &rows)
            })?
        };
        match worker {
            _ if !going => return Ok(ExitCode::SUCCESS),
            Worker::There => std::thread::sleep(PACE),
            Worker::Gone => break,
            Worker::Never => {
                anstream::eprintln!(
                    "{DIM}nobody is at work in this session: it has ended, or `crosswheel env` set it up{DIM:#}"
                );
                break;
            }
        }
    }
    if follower.is_cut() {
        let path = follower.log().path.display();
        out::warn(&format!(
            "{path}: the file was cut while it was read: begin again to see what is in it now"
        ));
    }
    for loss in follower.damage().sentences() {
        out::warn(&format!("{}: {loss}", follower.log().path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(to: &mut dyn Write, id: usize, calls: &[&Call], rows: &[String]) -> std::io::Result<()> {
    heading(to, id)?;
    self::rows(to, id, calls, rows)
}

fn heading(to: &mut dyn Write, id: usize) -> std::io::Result<()> {
    writeln!(
        to,
        "{BOLD}{:id$}  {:10}  {:9}  {:>8}  {:>5}  CALL{BOLD:#}",
        "ID", "KIND", "RESULT", "TIME", "EDITS"
    )
}

fn rows(to: &mut dyn Write, id: usize, calls: &[&Call], rows: &[String]) -> std::io::Result<()> {
    for (call, row) in calls.iter().zip(rows) {
        let (result, style) = super::outcome(call);
        let time = call.end.as_ref().map_or(String::new(), |end| out::time(end.duration));
        let edits = match call.edits.iter().filter(|edit| !edit.note).count() {
            0 => String::new(),
            edits => edits.to_string(),
        };
        let probe = probe(call);
        let short: String = call.id.chars().take(id).collect();
        let kind = call.kind.name();
        writeln!(
            to,
            "{short:id$}  {kind:10}  {style}{result:9}{style:#}  {time:>8}  {edits:>5}  {row}{DIM}{probe}{DIM:#}"
        )?;
    }
    Ok(())
}

/// The row by which it was known as a probe.
fn probe(call: &Call) -> String {
    call.probe.as_ref().map(|probe| format!(" ({probe})")).unwrap_or_default()
}

/// What a call did: its tool, what went in and what came out. A call without files is told by its
/// arguments.
fn what(log: &Log, call: &Call, room: usize) -> Result<String> {
    let mut row = format!("{}:", call.tool);
    if call.inputs.is_empty() && call.outputs.is_empty() {
        let detail = log.detail(call)?;
        for arg in detail.argv.iter().skip(1).take(12) {
            row = row + " " + &arg.quoted();
        }
        if detail.argv.len() > 13 {
            row += " …";
        }
        return Ok(cut(&row, room));
    }
    let full = row.clone() + &went(call, Text::quoted);
    if full.chars().count() <= room {
        return Ok(full);
    }
    // Where there is little room, names without their folders say the most.
    Ok(cut(&(row + &went(call, |file| name(file).quoted())), room))
}

/// What went in and what came out.
fn went(call: &Call, shown: fn(&Text) -> String) -> String {
    let mut out = files(&call.inputs, shown);
    if !call.outputs.is_empty() {
        out = out + " →" + &files(&call.outputs, shown);
    }
    out
}

/// A path without its folders.
fn name(path: &Text) -> Text {
    Text::from(path.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default())
}

/// A few files by name, the others by number.
fn files(files: &[Text], shown: fn(&Text) -> String) -> String {
    let named = if files.len() > 3 { 2 } else { files.len() };
    let mut out = String::new();
    for file in &files[..named] {
        out = out + " " + &shown(file);
    }
    if named < files.len() {
        out = format!("{out} +{}", files.len() - named);
    }
    out
}

/// At most `room` characters: the middle goes, so that the tool and the output stay to be seen.
fn cut(row: &str, room: usize) -> String {
    let length = row.chars().count();
    if length <= room || room < 5 {
        return row.to_owned();
    }
    let front = room / 3;
    let back = room - front - 1;
    row.chars().take(front).chain(['…']).chain(row.chars().skip(length - back)).collect()
}

/// The whole session in one line.
fn summary(log: &Log, shown: usize) -> String {
    let counts = log.counts();
    let mut parts = vec![
        format!("{} of {}", out::count(shown as u64), out::counted(counts.calls, "call")),
        out::counted(counts.probes, "probe"),
        out::counted(counts.edits.values().sum(), "edit"),
        format!("{} failed", counts.failed),
    ];
    if counts.demoted_calls > 0 {
        parts.push(format!("{} demoted", counts.demoted_calls));
    }
    if counts.in_flight > 0 {
        parts.push(format!("{} in flight", counts.in_flight));
    }
    format!("{}: {} for {}", log.path.display(), parts.join(", "), log.session.family)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_long_row_loses_its_middle() {
        assert_eq!(super::cut("cc: a.c → a.o", 20), "cc: a.c → a.o");
        assert_eq!(super::cut("cc: some/long/folder/a.c → build/a.o", 20), "cc: so…c → build/a.o");
    }
}
