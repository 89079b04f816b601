//! `crosswheel log why FLAG`: where a flag came from, or went.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use super::{Args, SOME, rest};
use crate::capture::asked::Asked;
use crate::capture::flag::{Flag, Sample, flag, near_flags};
use crate::capture::{Call, Log, Text};
use crate::cli::out::{self, BOLD, DIM, GREEN, Json, RED, YELLOW};
use crate::error::{Error, Result};

pub(super) fn run(args: &Args, log: &Log) -> Result<ExitCode> {
    let named = args.what.as_bytes();
    let Some(found) = flag(log, &Asked::new(named)?)? else {
        let what = args.what.to_string_lossy();
        let message =
            format!("no call that is in {} was given `{what}`, and no rule put it in", log.path.display());
        let near = near_flags(log, &what)?;
        let near =
            if near.is_empty() { "`-march=` or `-W*` finds all that begin so".to_owned() } else { near };
        return Err(Error::failed(message).hint(near));
    };
    if args.json {
        let text = json(&Text::from(named), &found);
        out::print(|to| to.write_all(&text))?;
    } else {
        out::print(|to| text(to, log, &Text::from(named), &found, args.all))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(to: &mut dyn Write, log: &Log, asked: &Text, found: &Flag, all: bool) -> io::Result<()> {
    let digits = log.short_id();
    let calls = |sample: &Sample| out::counted(sample.count, "call");
    writeln!(
        to,
        "{BOLD}{}{BOLD:#}  received in {}, run in {}",
        shown(asked),
        calls(&found.received),
        calls(&found.ran)
    )?;
    // The one that was asked for is told already.
    let plain = found.spellings.len() == 1 && found.spellings.contains_key(asked);
    let mut spellings: Vec<_> = found.spellings.iter().filter(|_| !plain).collect();
    spellings.sort_by_key(|(_, (received, put_in))| std::cmp::Reverse(received + put_in));
    let most = if all { usize::MAX } else { SOME };
    for (text, (received, put_in)) in spellings.iter().take(most) {
        let times = |number: &usize| out::counted(*number, "time");
        writeln!(
            to,
            "    {}  {DIM}received {}, put in {}{DIM:#}",
            shown(text),
            times(received),
            times(put_in)
        )?;
    }
    rest(to, "    ", spellings.len(), most)?;
    if found.received.count > 0 {
        writeln!(to, "\n{BOLD}received{BOLD:#} from the build")?;
        for (name, sample) in &found.variables {
            let ids: Vec<&str> = sample.ids.iter().map(|id| id.get(..digits).unwrap_or(id)).collect();
            writeln!(to, "    {name} of the environment holds it {DIM}({}){DIM:#}", ids.join(", "))?;
        }
        samples(to, log, &found.received)?;
    }
    if found.second_try.count > 0 {
        writeln!(
            to,
            "\n{YELLOW}left out{YELLOW:#} of the second try of {}, which failed by it and went well without",
            calls(&found.second_try)
        )?;
        samples(to, log, &found.second_try)?;
    }
    for (rules, what, style) in [
        (&found.added, "put in", GREEN),
        (&found.removed, "taken out", RED),
        (&found.noted, "left as it is", YELLOW),
    ] {
        for ((rule, why), sample) in rules {
            writeln!(to, "\n{style}{what}{style:#} by {BOLD}{rule}{BOLD:#} in {}: {why}", calls(sample))?;
            samples(to, log, sample)?;
        }
    }
    Ok(())
}

/// An argument, or an option and its value.
fn shown(text: &Text) -> String {
    text.bytes()
        .splitn(2, |byte| *byte == b' ')
        .map(|word| Text::from(word).quoted())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first calls, a line each.
fn samples(to: &mut dyn Write, log: &Log, sample: &Sample) -> io::Result<()> {
    let digits = log.short_id();
    for id in &sample.ids {
        let Some(call) = log.calls.iter().find(|call| call.id == *id) else { continue };
        let short: String = id.chars().take(digits).collect();
        writeln!(to, "    {short}  {}", told(call))?;
    }
    if sample.count > sample.ids.len() && !sample.ids.is_empty() {
        writeln!(to, "    {DIM}and {} more{DIM:#}", out::count((sample.count - sample.ids.len()) as u64))?;
    }
    Ok(())
}

/// A call in a few words.
fn told(call: &Call) -> String {
    let first = |files: &[Text]| match files {
        [] => String::new(),
        [one] => format!(" {}", one.quoted()),
        [one, rest @ ..] => format!(" {} +{}", one.quoted(), rest.len()),
    };
    let outputs =
        if call.outputs.is_empty() { String::new() } else { format!(" →{}", first(&call.outputs)) };
    let probe = call.probe.as_ref().map(|probe| format!(" ({probe})")).unwrap_or_default();
    format!("{} by {}:{}{outputs}{probe}", call.kind.name(), call.tool, first(&call.inputs))
}

fn json(asked: &Text, found: &Flag) -> Vec<u8> {
    let mut json = Json::new();
    json.open('{');
    json.text("flag", asked);
    for (key, one) in [("received", &found.received), ("ran", &found.ran), ("second_try", &found.second_try)]
    {
        json.key(key);
        sample(&mut json, one);
    }
    for (key, rules) in [("added", &found.added), ("removed", &found.removed), ("noted", &found.noted)] {
        each_rule(&mut json, key, rules);
    }
    json.each("variables", &found.variables, |json, (name, one)| {
        json.open('{');
        json.name("name", name);
        json.key("calls");
        sample(json, one);
        json.close('}');
    });
    json.each("spellings", &found.spellings, |json, (text, (received, put_in))| {
        json.open('{');
        json.text("arg", text);
        json.number("received", received);
        json.number("put_in", put_in);
        json.close('}');
    });
    json.close('}');
    json.done()
}

fn each_rule(json: &mut Json, key: &str, rules: &BTreeMap<(String, String), Sample>) {
    json.each(key, rules, |json, ((rule, why), one)| {
        json.open('{');
        json.name("rule", rule);
        json.name("why", why);
        json.key("calls");
        sample(json, one);
        json.close('}');
    });
}

fn sample(json: &mut Json, one: &Sample) {
    json.open('{');
    json.number("count", one.count);
    json.each("first", &one.ids, |json, id| json.value(&Text::from(id.as_str()).json()));
    json.close('}');
}
