//! `crosswheel log show`: one call in full.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use crate::capture::diff::{self, Change, Step};
use crate::capture::{Call, Detail, Disposition, End, Log, Made, Text};
use crate::elf;
use crate::error::Result;

/// Arguments of `log show`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The call's id, or as much of it as is needed to tell it from the others
    #[arg(value_parser = super::id)]
    id: String,
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// One JSON object: `begin` and `end` as the record holds them
    #[arg(long)]
    json: bool,
}

/// Lines of arguments are filled to this width where stdout is no terminal.
const WIDTH: usize = 100;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let log = super::open(args.log.as_ref())?;
    let call = log.find(&args.id)?;
    if args.json {
        let json = super::json(&log, call)?;
        out::print(|to| to.write_all(&json))?;
    } else {
        let detail = log.detail(call)?;
        out::print(|to| show(to, &log, call, &detail))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(to: &mut dyn Write, log: &Log, call: &Call, detail: &Detail) -> io::Result<()> {
    heading(to, call)?;
    facts(to, log, call, detail)?;
    arguments(to, detail)?;
    reasons(to, detail)?;
    if !detail.env.is_empty() {
        title(to, "environment")?;
        for (name, value) in &detail.env {
            writeln!(to, "    {name}={}", value.quoted())?;
        }
    }
    if let Some(end) = &call.end {
        second_try(to, end)?;
        made(to, &end.made)?;
    }
    Ok(())
}

fn heading(to: &mut dyn Write, call: &Call) -> io::Result<()> {
    let (result, style) = super::outcome(call);
    let what = match call.disposition {
        Disposition::Passed => ", passed as it was",
        Disposition::Rewritten => ", rewritten",
        Disposition::Refused => "",
    };
    let time = call.end.as_ref().map_or(String::new(), |end| format!(" in {}", out::time(end.duration)));
    let kind = call.kind.name();
    writeln!(to, "{BOLD}{}{BOLD:#}  {BOLD}{kind}{BOLD:#}{what}, {style}{result}{style:#}{time}", call.id)
}

fn facts(to: &mut dyn Write, log: &Log, call: &Call, detail: &Detail) -> io::Result<()> {
    let mut fact = |name: &str, value: &str| writeln!(to, "  {DIM}{name:9}{DIM:#} {value}");
    if let Some(error) = detail.error.as_ref().or(call.end.as_ref().and_then(|end| end.error.as_ref())) {
        fact("error", &error.lossy())?;
    }
    let via = detail.via.as_ref().map(|via| format!("{via} ")).unwrap_or_default();
    let launcher = detail.launcher.as_ref().map(|path| format!("{} ", path.quoted())).unwrap_or_default();
    fact("tool", &format!("{via}{} → {launcher}{}", call.tool, detail.real.quoted()))?;
    let machine = log.session.tools.iter().find(|tool| tool.name == call.tool);
    if let Some(machine) = machine.and_then(|tool| tool.machine.as_deref()) {
        fact("target", &format!("{machine}, for {}", log.session.family))?;
    }
    let since = out::time(call.start.saturating_sub(log.session.start));
    fact("start", &format!("{since} into the session, process {} of {}", detail.pid, detail.ppid))?;
    if let Some(probe) = &call.probe {
        fact("probe", probe)?;
    }
    match &call.cwd {
        Some(cwd) => fact("folder", &cwd.quoted())?,
        None => fact("folder", "(deleted)")?,
    }
    if !call.inputs.is_empty() {
        let lang =
            if detail.lang.is_empty() { String::new() } else { format!(" ({})", detail.lang.join(", ")) };
        fact("inputs", &(several(&call.inputs) + &lang))?;
    }
    if !call.outputs.is_empty() {
        fact("outputs", &several(&call.outputs))?;
    }
    if let Some(dep) = &detail.dep {
        fact("depfile", &dep.quoted())?;
    }
    if let Some(parent) = &call.parent {
        let of = log
            .calls
            .iter()
            .find(|other| other.id == *parent)
            .map_or("not in the record", |other| &other.tool);
        fact("inside of", &format!("{parent} ({of})"))?;
    }
    if let Some(end) = call.end.as_ref().filter(|end| end.error.is_none()) {
        let [user, system] = [end.user, end.system].map(|micros| out::time(micros.saturating_mul(1000)));
        fact("cpu", &format!("{user} user, {system} system; {} KiB at most", out::count(end.peak)))?;
    }
    Ok(())
}

fn several(files: &[Text]) -> String {
    files.iter().map(Text::quoted).collect::<Vec<_>>().join(" ")
}

fn title(to: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(to, "\n{BOLD}{text}{BOLD:#}")
}

/// The arguments: those kept in filled lines, each change on a line of its own with the number of its
/// edit.
fn arguments(to: &mut dyn Write, detail: &Detail) -> io::Result<()> {
    let steps = diff::steps(detail);
    let changed = steps.iter().any(|step| step.change != Change::Kept);
    title(to, if changed { "arguments  (- taken out, + put in)" } else { "arguments" })?;
    if let Some(columns) = out::columns().filter(|columns| changed && *columns >= SIDES) {
        // Signs are there beside the colours, which not everyone sees.
        sides(to, &steps, columns)?;
        return response_files(to, detail);
    }
    let width = out::columns().unwrap_or(WIDTH).clamp(60, 120);
    let alike = |a: &Step<'_>, b: &Step<'_>| (a.change, a.edit) == (b.change, b.edit);
    for run in steps.chunk_by(alike) {
        let args = run.iter().map(|step| step.arg.quoted());
        let (sign, style) = match run[0].change {
            Change::Kept => ("    ", anstyle::Style::new()),
            Change::Removed => ("  - ", RED),
            Change::Added => ("  + ", GREEN),
        };
        let lines = fill(args, width - 12);
        for (at, line) in lines.iter().enumerate() {
            let number = match run[0].edit {
                Some(edit) if at + 1 == lines.len() => format!("  {DIM}[{}]{DIM:#}", edit + 1),
                _ => String::new(),
            };
            writeln!(to, "{style}{sign}{line}{style:#}{number}")?;
        }
    }
    response_files(to, detail)
}

/// From this width on, before and after stand side by side.
const SIDES: usize = 140;

/// Arguments as received on the left and as run on the right. What an edit put in the place of something stands beside it.
fn sides(to: &mut dyn Write, steps: &[Step<'_>], columns: usize) -> io::Result<()> {
    let width = (columns - 16) / 2;
    writeln!(to, "    {DIM}{:width$}    run{DIM:#}", "received")?;
    let alike = |a: &Step<'_>, b: &Step<'_>| (a.change, a.edit) == (b.change, b.edit);
    let mut runs = steps.chunk_by(alike).peekable();
    while let Some(run) = runs.next() {
        let lines = |run: &[Step<'_>]| fill(run.iter().map(|step| step.arg.quoted()), width);
        let (left, right) = match run[0].change {
            Change::Kept => (lines(run), lines(run)),
            Change::Added => (Vec::new(), lines(run)),
            Change::Removed => {
                let place =
                    |next: &&[Step<'_>]| next[0].change == Change::Added && next[0].edit == run[0].edit;
                (lines(run), runs.next_if(place).map(lines).unwrap_or_default())
            }
        };
        let (red, green, minus, plus) = match run[0].change {
            Change::Kept => (anstyle::Style::new(), anstyle::Style::new(), " ", " "),
            _ => (RED, GREEN, "-", "+"),
        };
        let number = run[0].edit.map(|edit| format!("  {DIM}[{}]{DIM:#}", edit + 1)).unwrap_or_default();
        let rows = left.len().max(right.len());
        for at in 0..rows {
            let [before, after] = [&left, &right].map(|side| side.get(at).map_or("", String::as_str));
            let room = " ".repeat(width.saturating_sub(before.chars().count()));
            let number = if at + 1 == rows { number.as_str() } else { "" };
            let sign = |text: &str, sign| if text.is_empty() { " " } else { sign };
            let (minus, plus) = (sign(before, minus), sign(after, plus));
            writeln!(to, "  {red}{minus} {before}{red:#}{room}  {green}{plus} {after}{green:#}{number}")?;
        }
    }
    Ok(())
}

fn response_files(to: &mut dyn Write, detail: &Detail) -> io::Result<()> {
    if detail.expanded.is_some() {
        let files: Vec<String> =
            detail.argv.iter().filter(|arg| arg.bytes().starts_with(b"@")).map(Text::quoted).collect();
        writeln!(to, "    {DIM}as received: response files {}, shown read in{DIM:#}", files.join(" "))?;
    }
    Ok(())
}

/// Words in lines of at most so many columns, if they are not longer themselves. An option that takes its
/// value from the next word is not known here, so words stand as they come.
fn fill(words: impl Iterator<Item = String>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Edits and notes, each with its rule and its reason.
fn reasons(to: &mut dyn Write, detail: &Detail) -> io::Result<()> {
    let numbered: Vec<_> = detail.edits.iter().enumerate().map(|(at, edit)| (at + 1, edit)).collect();
    let (notes, edits): (Vec<_>, Vec<_>) = numbered.into_iter().partition(|(_, edit)| edit.is_note());
    if !edits.is_empty() {
        title(to, "edits")?;
    }
    for (number, edit) in edits {
        writeln!(to, "  {DIM}[{number}]{DIM:#} {BOLD}{}{BOLD:#}: {}", edit.rule, edit.why)?;
        if !edit.before.is_empty() {
            writeln!(to, "      {RED}- {}{RED:#}", several(&edit.before))?;
        }
        if !edit.after.is_empty() {
            writeln!(to, "      {GREEN}+ {}{GREEN:#}", several(&edit.after))?;
        }
    }
    if !notes.is_empty() {
        title(to, "notes")?;
    }
    for (_, note) in notes {
        writeln!(to, "  {BOLD}{}{BOLD:#}: {}", note.rule, note.why)?;
        writeln!(to, "      {}", several(&note.before))?;
    }
    Ok(())
}

fn second_try(to: &mut dyn Write, end: &End) -> io::Result<()> {
    let Some(retry) = &end.retry else { return Ok(()) };
    title(to, "second try without -Werror")?;
    match retry.exit {
        Some(0) => writeln!(to, "    it went well; these were let through:")?,
        Some(exit) => writeln!(to, "    it failed too, with exit status {exit}; the first try stands")?,
        None => writeln!(to, "    it was killed; the first try stands")?,
    }
    for line in &retry.demoted {
        let plain: String = line.lossy().chars().filter(|c| !c.is_control()).collect();
        writeln!(to, "    {YELLOW}{plain}{YELLOW:#}")?;
    }
    Ok(())
}

fn made(to: &mut dyn Write, files: &[Made]) -> io::Result<()> {
    if !files.is_empty() {
        title(to, "made")?;
    }
    for file in files {
        let machine = file.machine.map_or("unknown machine".to_owned(), elf::name);
        writeln!(to, "    {}  {DIM}{machine}, {} bytes{DIM:#}", file.path.quoted(), out::count(file.size))?;
        let mut digest = |name: &str, value: &str| writeln!(to, "      {DIM}{name:9}{DIM:#} {value}");
        digest("build-id", file.build_id.as_deref().unwrap_or("none"))?;
        digest("sha256", &file.sha256)?;
        if let Some(load) = &file.load {
            digest("load", load)?;
        }
    }
    Ok(())
}
