//! `crosswheel log stats`: where the time of a build went.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::stats::{Share, Stats};
use crate::capture::{Call, Log};
use crate::cli::out::{self, BOLD, DIM, Json};
use crate::error::Result;

/// Arguments of `log stats`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// One JSON object; times in nanoseconds, CPU times in microseconds
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let log = super::open(args.log.as_ref())?;
    let stats = log.stats();
    if args.json {
        let text = json(&log, &stats);
        out::print(|to| to.write_all(&text))?;
    } else {
        out::print(|to| text(to, &log, &stats))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn cpu(micros: u64) -> String {
    out::time(micros.saturating_mul(1000))
}

fn percent(part: u64, whole: u64) -> String {
    let share = (u128::from(part) * 100 + u128::from(whole) / 2).checked_div(u128::from(whole));
    share.map_or(String::new(), |share| format!("{share} %"))
}

fn text(to: &mut dyn Write, log: &Log, stats: &Stats<'_>) -> io::Result<()> {
    let counts = &stats.counts;
    writeln!(
        to,
        "{BOLD}{}{BOLD:#} for {}: {}, {} failed, {} in flight",
        log.path.display(),
        log.session.family,
        out::counted(counts.calls, "call"),
        counts.failed,
        counts.in_flight
    )?;
    let mut fact = |name: &str, value: String| writeln!(to, "  {DIM}{name:9}{DIM:#} {value}");
    let idle = stats.span - stats.busy;
    fact(
        "wall",
        format!(
            "{} from the first call to the last, no call ran in {} of it",
            out::time(stats.span),
            out::time(idle)
        ),
    )?;
    fact("cpu", format!("{} in the tools", cpu(stats.all.cpu)))?;
    if let Some(mean) = stats.parallel() {
        fact(
            "parallel",
            format!("{}.{:02} calls at once on the average, {} at most", mean / 100, mean % 100, stats.peak),
        )?;
    }
    if let Some((call, end)) = stats.largest.and_then(|call| Some((call, call.end.as_ref()?))) {
        fact(
            "memory",
            format!("{} KiB at most, by {} ({})", out::count(end.peak), what(call), short(log, call)),
        )?;
    }
    if counts.nested > 0 {
        fact(
            "nested",
            format!("{} inside of others, not counted below", out::counted(counts.nested, "call")),
        )?;
    }
    writeln!(to, "\n{BOLD}{:12}{:>8}{:>12}{:>12}{:>8}{BOLD:#}", "KIND", "CALLS", "TIME", "CPU", "SHARE")?;
    let mut row = |name: &str, share: &Share| {
        writeln!(
            to,
            "{name:12}{:>8}{:>12}{:>12}{:>8}",
            out::count(share.calls as u64),
            out::time(share.time),
            cpu(share.cpu),
            percent(share.cpu, stats.all.cpu)
        )
    };
    for (kind, share) in &stats.kinds {
        row(kind.name(), share)?;
    }
    row("(probes)", &stats.probes)?;
    for (title, rules) in [("EDITS BY RULE", &counts.edits), ("NOTES BY RULE", &counts.notes)] {
        if !rules.is_empty() {
            writeln!(to, "\n{BOLD}{title}{BOLD:#}")?;
        }
        for (rule, count) in rules {
            writeln!(to, "{:>8}  {rule}", out::count(*count as u64))?;
        }
    }
    if counts.demoted_calls > 0 {
        writeln!(to, "\n{} went well only without -Werror", out::counted(counts.demoted_calls, "call"))?;
    }
    for (path, cached) in &stats.caches {
        writeln!(
            to,
            "\n{BOLD}{}{BOLD:#} ran {} in {} of CPU time (without what a server of it did); {} took less than a tenth of a second\n  \
             {DIM}which of them it had in store is not in the record; `{} --show-stats` may tell{DIM:#}",
            path.quoted(),
            out::counted(cached.calls, "call"),
            cpu(cached.cpu),
            out::count(cached.quick as u64),
            path.path().file_name().unwrap_or_default().to_string_lossy()
        )?;
    }
    if !stats.slowest.is_empty() {
        writeln!(to, "\n{BOLD}SLOWEST{BOLD:#}")?;
    }
    for call in &stats.slowest {
        let Some(end) = &call.end else { continue };
        writeln!(
            to,
            "{:>10}  {}  {} {}",
            out::time(end.duration),
            short(log, call),
            call.kind.name(),
            what(call)
        )?;
    }
    Ok(())
}

fn short(log: &Log, call: &Call) -> String {
    call.id.chars().take(log.short_id()).collect()
}

/// What a call is known by: its output, or its first input.
fn what(call: &Call) -> String {
    let named = call.outputs.first().or(call.inputs.first());
    named.map_or_else(|| call.tool.clone(), |file| format!("{} {}", call.tool, file.quoted()))
}

fn json(log: &Log, stats: &Stats<'_>) -> Vec<u8> {
    let counts = &stats.counts;
    let mut json = Json::new();
    json.open('{');
    json.name("family", &log.session.family);
    for (key, number) in [
        ("calls", counts.calls),
        ("failed", counts.failed),
        ("failed_probes", counts.failed_probes),
        ("in_flight", counts.in_flight),
        ("nested", counts.nested),
        ("demoted", counts.demoted_calls),
        ("peak_parallel", stats.peak),
    ] {
        json.number(key, number);
    }
    for (key, number) in
        [("span", stats.span), ("busy", stats.busy), ("time", stats.all.time), ("cpu", stats.all.cpu)]
    {
        json.number(key, number);
    }
    if let Some(mean) = stats.parallel() {
        json.number("mean_parallel", format_args!("{}.{:02}", mean / 100, mean % 100));
    }
    if let Some((call, end)) = stats.largest.and_then(|call| Some((call, call.end.as_ref()?))) {
        json.number("peak_rss_kib", end.peak);
        json.name("peak_rss_call", &call.id);
    }
    json.key("kinds");
    json.open('{');
    let probes = [("probes", &stats.probes)];
    for (name, share) in stats.kinds.iter().map(|(kind, share)| (kind.name(), share)).chain(probes) {
        json.key(name);
        json.open('{');
        json.number("calls", share.calls);
        json.number("time", share.time);
        json.number("cpu", share.cpu);
        json.close('}');
    }
    json.close('}');
    for (key, rules) in [("edits", &counts.edits), ("notes", &counts.notes)] {
        json.key(key);
        json.open('{');
        for (rule, count) in rules {
            json.number(rule, count);
        }
        json.close('}');
    }
    json.each("caches", &stats.caches, |json, (path, cached)| {
        json.open('{');
        json.text("path", path);
        json.number("calls", cached.calls);
        json.number("cpu", cached.cpu);
        json.number("quick", cached.quick);
        json.close('}');
    });
    json.each("slowest", &stats.slowest, |json, call| {
        json.open('{');
        json.name("id", &call.id);
        json.number("time", call.end.as_ref().map_or(0, |end| end.duration));
        json.close('}');
    });
    json.close('}');
    json.done()
}
