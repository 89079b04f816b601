//! `crosswheel log why`: where a file or a flag came from.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::audit::{self, Evidence};
use crate::capture::glob::Glob;
use crate::capture::why::{Makers, Origin, Told, near_outputs};
use crate::capture::{Call, Filter, Log, Text, place};
use crate::cli::out::{self, BOLD, DIM, Json};
use crate::error::{Error, Result};

mod flag;

/// Arguments of `log why`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A file that the build made, by name, path, pattern or name in the wheel; or a flag such as `-O2`, `-march=` for
    /// all of them, `-Wno-*`, `-I` for all its values
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
    let is_flag = args.what.as_bytes().starts_with(b"-");
    let log = super::open(args.log.as_ref()).map_err(|error| match &args.log {
        // `why -D NDEBUG`: the value is taken for the log.
        Some(log) if is_flag && !log.exists() => {
            let (flag, value) = (args.what.to_string_lossy(), log.display());
            error.hint(format!(
                "an option and its value are one argument here: `{flag}{value}` or `'{flag} {value}'`"
            ))
        }
        _ => error,
    })?;
    if is_flag { flag::run(args, &log) } else { of_file(args, &log) }
}

/// A file that was asked for, the call that made it, and by what that is known if not by its name.
type Answer<'l> = (Text, &'l Call, Option<Evidence>);

fn of_file(args: &Args, log: &Log) -> Result<ExitCode> {
    let makers = Makers::of(log);
    let found = answers(args, log, &makers)?;
    if args.json {
        let mut json = Json::new();
        json.open('{');
        json.each("files", &found, |json, (path, call, known)| {
            origin(json, &makers.tree(path.clone(), call), *known);
        });
        json.close('}');
        let text = json.done();
        out::print(|to| to.write_all(&text))?;
        return Ok(ExitCode::SUCCESS);
    }
    let most = if args.all { usize::MAX } else { SOME };
    let tree = Tree { id: log.short_id() };
    out::print(|to| {
        if let Some(root) = makers.root() {
            writeln!(to, "{DIM}in {}{DIM:#}", Text::from(root.as_os_str().as_bytes()).quoted())?;
        }
        let mut told = Told::new(most);
        for (path, call, known) in found.iter().take(most) {
            let origin = makers.next_tree(path.clone(), call, &mut told);
            tree.line(to, "", &origin, *known)?;
            tree.below(to, "", &origin)?;
        }
        rest(to, "", found.len(), most)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Which call made what was asked for: by the content of the file, if it is there; by its name in the record; by the content
/// of a member of the wheels that were built.
fn answers<'l>(args: &Args, log: &'l Log, makers: &Makers<'l>) -> Result<Vec<Answer<'l>>> {
    let path = Path::new(&args.what);
    let named = || makers.find(args.what.as_bytes()).into_iter().map(|(path, call)| (path, call, None));
    if path.is_file()
        && let Some((call, evidence)) = audit::maker(log, path)?
    {
        return Ok(vec![(Text::from(args.what.as_bytes()), call, Some(evidence))]);
    }
    let found: Vec<Answer<'_>> = named().collect();
    if !found.is_empty() {
        let linked = |(_, call, _): &Answer<'_>| call.end.as_ref().is_some_and(|end| !end.made.is_empty());
        if path.is_file() && found.iter().all(linked) {
            out::warn(&format!(
                "{}: no recorded call made this file as it is; told is what made one of its name",
                path.display()
            ));
        }
        return Ok(found);
    }
    let mut found = Vec::new();
    let glob = Glob::new(args.what.as_bytes());
    for wheel in place::wheels(&log.path) {
        let members = audit::members(log, &wheel, &glob)?;
        found.extend(members.into_iter().filter_map(|(member, made)| {
            made.map(|(call, evidence)| (Text::from(&*member), call, Some(evidence)))
        }));
    }
    if found.is_empty() { Err(nobody(args, log, makers)) } else { Ok(found) }
}

/// Nothing made what was asked for.
fn nobody(args: &Args, log: &Log, makers: &Makers<'_>) -> Error {
    let what = args.what.to_string_lossy();
    let message = format!("no call that is in {} made `{what}`", log.path.display());
    if let Some(call) = makers.unfinished(args.what.as_bytes()) {
        let short: String = call.id.chars().take(log.short_id()).collect();
        let result = call.result();
        return Error::failed(format!("{message}: call {short} was to make it: {result}"))
            .hint(format!("`crosswheel log show {short}` shows that call"));
    }
    let reads =
        Filter { source: Some(Glob::new(args.what.as_bytes())), probe: Some(false), ..Filter::default() };
    if !log.select(&reads).is_empty() {
        let list = log.command(&format!("ls --source {}", Text::from(args.what.as_bytes()).quoted()));
        return Error::failed(message)
            .hint(format!("it is a source, or made past the shim: {list} shows the calls that read it"));
    }
    let near = near_outputs(log, &what);
    let hint = "it may have come with the source, been copied or renamed by the build, or made past the shim; a file that is \
         there is known by its content: name it by its path";
    let hint = if near.is_empty() { hint.to_owned() } else { format!("{near} Or {hint}") };
    Error::failed(message).hint(hint)
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
}

impl Tree {
    /// A file, and the call that made it.
    fn line(
        &self,
        to: &mut dyn Write,
        front: &str,
        origin: &Origin<'_>,
        known: Option<Evidence>,
    ) -> io::Result<()> {
        write!(to, "{front}{BOLD}{}{BOLD:#}", origin.shown.quoted())?;
        if let Some(call) = origin.call {
            let short: String = call.id.chars().take(self.id).collect();
            let edits = match call.edits.iter().filter(|edit| !edit.note).count() {
                0 => String::new(),
                edits => format!(", {}", out::counted(edits, "edit")),
            };
            let arrow = if origin.by_name { "← made elsewhere?" } else { "←" };
            write!(to, "  {DIM}{arrow}{DIM:#} {short} {} by {}{edits}", call.kind.name(), call.tool)?;
            if let Some(known) = known {
                write!(to, " {DIM}(by its {}){DIM:#}", known.name())?;
            }
            if origin.told {
                write!(to, " {DIM}(above){DIM:#}")?;
            } else if origin.cut {
                write!(to, " {DIM}(and so on){DIM:#}")?;
            } else if Self::plain(&origin.inputs) {
                let named: Vec<String> = origin.inputs.iter().map(|input| input.shown.quoted()).collect();
                write!(to, " {DIM}of{DIM:#} {}", named.join(" "))?;
            }
        }
        writeln!(to)
    }

    /// A few sources stand in the line of what was made of them.
    fn plain(inputs: &[Origin<'_>]) -> bool {
        (1..=3).contains(&inputs.len()) && inputs.iter().all(|input| input.call.is_none())
    }

    fn below(&self, to: &mut dyn Write, front: &str, origin: &Origin<'_>) -> io::Result<()> {
        let inputs = &origin.inputs;
        if Self::plain(inputs) {
            return Ok(());
        }
        for (at, input) in inputs.iter().enumerate() {
            let last = at + 1 == inputs.len() && origin.more == 0;
            let branch = if last { "└─ " } else { "├─ " };
            self.line(to, &format!("{front}{branch}"), input, None)?;
            let deeper = if last { "   " } else { "│  " };
            self.below(to, &format!("{front}{deeper}"), input)?;
        }
        rest(to, &format!("{front}└─ "), inputs.len() + origin.more, inputs.len())
    }
}

fn origin(json: &mut Json, one: &Origin<'_>, known: Option<Evidence>) {
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
        if let Some(known) = known {
            json.name("known_by", known.name());
        }
    }
    for (key, _) in [("told", one.told), ("cut", one.cut)].into_iter().filter(|(_, set)| *set) {
        json.key(key);
        json.value("true");
    }
    if one.call.is_some() && !one.told && !one.cut {
        json.each("inputs", &one.inputs, |json, input| origin(json, input, None));
    }
    json.close('}');
}
