//! `crosswheel log diff`: two builds held against each other.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::compare::{Changed, Comparison, Words, compare};
use crate::capture::{Call, Log, Text};
use crate::cli::out::{self, BOLD, DIM, GREEN, Json, RED, YELLOW};
use crate::error::{Exit, Result};

/// Arguments of `log diff`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The first build: a record, the folder of a log, or the output folder of a build
    a: PathBuf,
    /// The second build
    b: PathBuf,
    /// Show every call, not only some of those that changed in the same way
    #[arg(long)]
    all: bool,
    /// Probes, too
    #[arg(long)]
    probes: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// So many calls that changed in the same way are shown unless all are asked for.
const SOME: usize = 5;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let (a, b) = (super::open(Some(&args.a))?, super::open(Some(&args.b))?);
    let found = compare(&a, &b, args.probes)?;
    if args.json {
        let text = json(&found);
        out::print(|to| to.write_all(&text))?;
    } else {
        out::print(|to| text(to, &a, &b, &found, args.all))?;
    }
    Ok(if found.is_same() { ExitCode::SUCCESS } else { crate::cli::exit(Exit::Failed) })
}

fn text(to: &mut dyn Write, a: &Log, b: &Log, found: &Comparison<'_>, all: bool) -> io::Result<()> {
    for (sign, log, root) in [('a', a, &found.roots[0]), ('b', b, &found.roots[1])] {
        writeln!(
            to,
            "{DIM}{sign}: {}, for {}, from {}{DIM:#}",
            log.path.display(),
            log.session.family,
            root.display()
        )?;
    }
    let (of_a, of_b) = (a.short_id(), b.short_id());
    for call in &found.vanished {
        writeln!(to, "{RED}- {}{RED:#}", told(found, 0, call, of_a))?;
    }
    for call in &found.appeared {
        writeln!(to, "{GREEN}+ {}{GREEN:#}", told(found, 1, call, of_b))?;
    }
    // Calls that changed in the same way stand together, in the order of the first of each.
    let mut ways: Vec<(&Changed<'_>, Vec<&Changed<'_>>)> = Vec::new();
    let mut places = HashMap::new();
    for changed in &found.changed {
        let place = *places.entry(way(changed)).or_insert_with(|| {
            ways.push((changed, Vec::new()));
            ways.len() - 1
        });
        ways[place].1.push(changed);
    }
    for (way, calls) in ways {
        for changed in calls.iter().take(if all { usize::MAX } else { SOME }) {
            let other: String = changed.after.id.chars().take(of_b).collect();
            writeln!(
                to,
                "{YELLOW}~ {}{YELLOW:#}  {DIM}({other}){DIM:#}",
                told(found, 0, changed.before, of_a)
            )?;
        }
        if !all && calls.len() > SOME {
            writeln!(to, "{YELLOW}~ {} more{YELLOW:#}  {DIM}--all shows them{DIM:#}", calls.len() - SOME)?;
        }
        change(to, way)?;
    }
    let numbers = [
        format!("{} the same", out::count(found.same as u64)),
        format!("{} changed", found.changed.len()),
        format!("{} vanished", found.vanished.len()),
        format!("{} appeared", found.appeared.len()),
    ];
    writeln!(to, "{BOLD}{}{BOLD:#}", numbers.join(", "))
}

/// What makes two changes alike.
fn way<'c>(changed: &'c Changed<'_>) -> (&'c Words, &'c Words, [String; 2], [&'c str; 2]) {
    let outcomes = [changed.before, changed.after].map(|call| super::outcome(call).0);
    let outcomes = if changed.outcome { outcomes } else { Default::default() };
    let tools: [&str; 2] = [&changed.before.tool, &changed.after.tool];
    (&changed.given, &changed.ran, outcomes, if tools[0] == tools[1] { Default::default() } else { tools })
}

fn change(to: &mut dyn Write, changed: &Changed<'_>) -> io::Result<()> {
    if changed.before.tool != changed.after.tool {
        writeln!(
            to,
            "    tool   {RED}- {}{RED:#} {GREEN}+ {}{GREEN:#}",
            changed.before.tool, changed.after.tool
        )?;
    }
    if changed.outcome {
        let [(before, red), (after, green)] = [changed.before, changed.after].map(super::outcome);
        writeln!(to, "    result {red}{before}{red:#} → {green}{after}{green:#}")?;
    }
    words(to, "given", &changed.given)?;
    if changed.ran != changed.given {
        words(to, "ran", &changed.ran)?;
    }
    Ok(())
}

fn words(to: &mut dyn Write, what: &str, words: &Words) -> io::Result<()> {
    let line = |words: &[Text]| words.iter().map(Text::quoted).collect::<Vec<_>>().join(" ");
    if !words.removed.is_empty() {
        writeln!(to, "    {what:6} {RED}- {}{RED:#}", line(&words.removed))?;
    }
    if !words.added.is_empty() {
        writeln!(to, "    {what:6} {GREEN}+ {}{GREEN:#}", line(&words.added))?;
    }
    Ok(())
}

/// A call in a line.
fn told(found: &Comparison<'_>, side: usize, call: &Call, id: usize) -> String {
    let short: String = call.id.chars().take(id).collect();
    let shown = |file: &Text| found.shown(side, call, file).quoted();
    let first = |files: &[Text]| match files {
        [] => String::new(),
        [one] => shown(one),
        [one, rest @ ..] => format!("{} +{}", shown(one), rest.len()),
    };
    let named = match (call.inputs.as_slice(), call.outputs.as_slice()) {
        (inputs, []) => first(inputs),
        (inputs, outputs) => format!("{} → {}", first(inputs), first(outputs)),
    };
    format!("{short} {} {}: {named}", call.kind.name(), call.tool)
}

fn json(found: &Comparison<'_>) -> Vec<u8> {
    let mut json = Json::new();
    json.open('{');
    json.number("same", found.same);
    json.each("roots", &found.roots, |json, root| {
        json.value(&Text::from(root.as_os_str().as_encoded_bytes()).json());
    });
    for (key, calls) in [("vanished", &found.vanished), ("appeared", &found.appeared)] {
        json.each(key, calls, |json, call| one(json, call));
    }
    json.each("changed", &found.changed, |json, changed| {
        json.open('{');
        json.key("a");
        one(json, changed.before);
        json.key("b");
        one(json, changed.after);
        for (key, words) in [("given", &changed.given), ("ran", &changed.ran)] {
            json.key(key);
            json.open('{');
            json.list("removed", &words.removed);
            json.list("added", &words.added);
            json.close('}');
        }
        json.close('}');
    });
    json.close('}');
    json.done()
}

fn one(json: &mut Json, call: &Call) {
    json.open('{');
    json.name("id", &call.id);
    json.name("kind", call.kind.name());
    json.name("tool", &call.tool);
    json.name("result", &super::outcome(call).0);
    json.list("in", &call.inputs);
    json.list("out", &call.outputs);
    json.close('}');
}
