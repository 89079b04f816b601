//! `crosswheel log why`: where a file or a flag came from.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::glob::Glob;
use crate::capture::why::{Asked, Flag, Makers, Origin, Sample, flag, near_flags, near_outputs};
use crate::capture::{Call, Filter, Log, Text};
use crate::cli::out::{self, BOLD, DIM, GREEN, Json, RED, YELLOW};
use crate::error::{Error, Result};

/// Arguments of `log why`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A file that the build made, by name, path, pattern or name in the wheel; or a flag such as `-O2`, `-march=` for
    /// all of them, `-Wno-*`
    #[arg(allow_hyphen_values = true, value_name = "OUTPUT|FLAG")]
    what: OsString,
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// Show everything: all inputs, all files that match
    #[arg(long)]
    all: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// So many inputs of a call, and so many files, are shown unless all are asked for.
const SOME: usize = 12;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let log = super::open(args.log.as_ref())?;
    if args.what.as_bytes().starts_with(b"-") { of_flag(args, &log) } else { of_file(args, &log) }
}

fn of_file(args: &Args, log: &Log) -> Result<ExitCode> {
    let makers = Makers::of(log);
    let found = makers.find(args.what.as_bytes());
    if found.is_empty() {
        let what = args.what.to_string_lossy();
        let message = format!("no call that is in {} made `{what}`", log.path.display());
        return Err(Error::failed(message).hint(hint(log, &args.what)));
    }
    if args.json {
        let mut json = Json::new();
        json.open('{');
        json.each("files", &found, |json, (path, call)| origin(json, &makers.tree(path.clone(), call)));
        json.close('}');
        let text = json.done();
        out::print(|to| to.write_all(&text))?;
        return Ok(ExitCode::SUCCESS);
    }
    let most = if args.all { usize::MAX } else { SOME };
    let tree = Tree { id: log.short_id(), most };
    out::print(|to| {
        for (path, call) in found.iter().take(most) {
            let origin = makers.tree(path.clone(), call);
            tree.line(to, "", &origin)?;
            tree.below(to, "", &origin.inputs)?;
        }
        rest(to, "", found.len(), most)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What may be meant by a file that no call made: a source, or a file of a name like it.
fn hint(log: &Log, what: &OsStr) -> String {
    let reads = Filter { source: Some(Glob::new(what.as_bytes())), probe: Some(false), ..Filter::default() };
    let what = what.to_string_lossy();
    if !log.select(&reads).is_empty() {
        let list = format!("ls --source {}", Text::from(what.as_bytes()).quoted());
        return format!(
            "it is a source, or made past the shim: {} shows the calls that read it",
            log.command(&list)
        );
    }
    let near = near_outputs(log, &what);
    let may = "it may have come with the source, been copied or renamed by the build, or made past the shim";
    if near.is_empty() { may.to_owned() } else { format!("{near} Or {may}") }
}

fn rest(to: &mut dyn Write, front: &str, all: usize, most: usize) -> io::Result<()> {
    match all.saturating_sub(most) {
        0 => Ok(()),
        more => writeln!(to, "{front}{DIM}… {more} more; --all shows them{DIM:#}"),
    }
}

/// How a tree is drawn.
struct Tree {
    id: usize,
    most: usize,
}

impl Tree {
    /// A file, and the call that made it.
    fn line(&self, to: &mut dyn Write, front: &str, origin: &Origin<'_>) -> io::Result<()> {
        write!(to, "{front}{BOLD}{}{BOLD:#}", origin.named.quoted())?;
        if let Some(call) = origin.call {
            let short: String = call.id.chars().take(self.id).collect();
            let edits = match call.edits.iter().filter(|edit| !edit.note).count() {
                0 => String::new(),
                edits => format!(", {}", out::counted(edits, "edit")),
            };
            let arrow = if origin.by_name { "← made elsewhere?" } else { "←" };
            write!(to, "  {DIM}{arrow}{DIM:#} {short} {} by {}{edits}", call.kind.name(), call.tool)?;
            if origin.told {
                write!(to, " {DIM}(above){DIM:#}")?;
            } else if Self::plain(&origin.inputs) {
                let named: Vec<String> = origin.inputs.iter().map(|input| input.named.quoted()).collect();
                write!(to, " {DIM}of{DIM:#} {}", named.join(" "))?;
            }
        }
        writeln!(to)
    }

    /// A few sources stand in the line of what was made of them.
    fn plain(inputs: &[Origin<'_>]) -> bool {
        (1..=3).contains(&inputs.len()) && inputs.iter().all(|input| input.call.is_none())
    }

    fn below(&self, to: &mut dyn Write, front: &str, inputs: &[Origin<'_>]) -> io::Result<()> {
        if Self::plain(inputs) {
            return Ok(());
        }
        for (at, input) in inputs.iter().take(self.most).enumerate() {
            let last = at + 1 == inputs.len();
            let branch = if last { "└─ " } else { "├─ " };
            self.line(to, &format!("{front}{branch}"), input)?;
            let deeper = if last { "   " } else { "│  " };
            self.below(to, &format!("{front}{deeper}"), &input.inputs)?;
        }
        rest(to, &format!("{front}└─ "), inputs.len(), self.most)
    }
}

fn origin(json: &mut Json, one: &Origin<'_>) {
    json.open('{');
    json.text("file", &one.named);
    if let Some(call) = one.call {
        json.name("call", &call.id);
        json.name("kind", call.kind.name());
        json.name("tool", &call.tool);
        if one.by_name {
            json.key("by_name");
            json.value("true");
        }
    }
    if one.told {
        json.key("told");
        json.value("true");
    } else if one.call.is_some() {
        json.each("inputs", &one.inputs, origin);
    }
    json.close('}');
}

fn of_flag(args: &Args, log: &Log) -> Result<ExitCode> {
    let Some(found) = flag(log, &Asked::new(args.what.as_bytes()))? else {
        let what = args.what.to_string_lossy();
        let message =
            format!("no call that is in {} was given `{what}`, and no rule put it in", log.path.display());
        let near = near_flags(log, &what)?;
        let near =
            if near.is_empty() { "`-march=` or `-W*` finds all that begin so".to_owned() } else { near };
        return Err(Error::failed(message).hint(near));
    };
    if args.json {
        let text = flag_json(&Text::from(args.what.as_bytes()), &found);
        out::print(|to| to.write_all(&text))?;
    } else {
        out::print(|to| flag_text(to, log, &Text::from(args.what.as_bytes()), &found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn flag_text(to: &mut dyn Write, log: &Log, asked: &Text, found: &Flag) -> io::Result<()> {
    let calls = |sample: &Sample| out::counted(sample.count, "call");
    writeln!(
        to,
        "{BOLD}{}{BOLD:#}  received in {}, run in {}",
        asked.quoted(),
        calls(&found.received),
        calls(&found.ran)
    )?;
    for (text, (received, put_in)) in &found.spellings {
        let (received, put_in) = (out::count(*received as u64), out::count(*put_in as u64));
        writeln!(to, "    {}  {DIM}received {received} times, put in {put_in} times{DIM:#}", text.quoted())?;
    }
    if found.received.count > 0 {
        writeln!(to, "\n{BOLD}received{BOLD:#} from the build")?;
        for (name, sample) in &found.variables {
            writeln!(to, "    {name} of the environment holds it {DIM}({}){DIM:#}", sample.ids.join(", "))?;
        }
        samples(to, log, &found.received)?;
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

fn flag_json(asked: &Text, found: &Flag) -> Vec<u8> {
    let mut json = Json::new();
    json.open('{');
    json.text("flag", asked);
    for (key, one) in [("received", &found.received), ("ran", &found.ran)] {
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
