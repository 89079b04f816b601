//! `crosswheel explain`: what would happen to one call of a compiler, and why, without running it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use crosswheel_shim::dispatch::{Target, dispatch};
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::plan::view::Probe;
use crosswheel_shim::plan::{Language, Plan};
use crosswheel_shim::probe::{Place, temp_folder};
use crosswheel_shim::rewrite::{Decision, Edit};
use crosswheel_shim::{record, run as shim};

use super::out::{self, BOLD, DIM, GREEN, RED, YELLOW};
use super::{CYAN, quote, session};
use crate::environment;
use crate::error::{Error, Exit, IoContext, Result};
use crate::source::near;

/// Arguments of `explain`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    session: session::SessionArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The call: a name such as `cc`, then its arguments
    #[arg(last = true, required = true, value_name = "CALL")]
    call: Vec<OsString>,
}

/// How far the text of a rule's reason may run before it is wrapped by the terminal.
const LABEL: usize = 9;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let path = args.session.plan()?;
    let bytes = std::fs::read(&path).context("cannot read the plan", &path)?;
    let plan = Plan::open(&bytes).map_err(|damage| {
        Error::failed(format!("{} is {damage}", path.display())).hint("remove it, and run this again")
    })?;
    let words: Vec<&[u8]> = args.call.iter().map(|word| word.as_bytes()).collect();
    let name = Path::new(&args.call[0]).file_name().unwrap_or(&args.call[0]);
    let Some(target) = dispatch(plan, name.as_bytes(), &words[1..]) else {
        return Err(unknown(plan, name));
    };
    let cwd = std::env::current_dir().unwrap_or_default();
    let tmpdir = std::env::var_os(environment::TMPDIR);
    let temp = temp_folder(tmpdir.as_deref().map(OsStr::as_bytes));
    let place = Place { cwd: cwd.as_os_str().as_bytes(), temp: &temp };
    shim::explain(plan, &target, place, |call, probe, decision| {
        let explained = Explained { target: &target, call, probe, decision };
        out::print(|to| if args.json { explained.json(to, &words) } else { explained.text(to, &words) })?;
        let refused = decision.refusal.is_some();
        Ok(if refused { super::exit(Exit::Failed) } else { ExitCode::SUCCESS })
    })
}

/// No such name in the shim folder.
fn unknown(plan: Plan<'_>, name: &OsStr) -> Error {
    let names: Vec<_> =
        plan.tools().iter().filter_map(|tool| std::str::from_utf8(tool.name()).ok()).collect();
    let mut error = Error::usage(format!("the shim does not answer to `{}` here", name.display()));
    error.exit = Exit::NotFound;
    if names.is_empty() {
        return error.hint("no compiler was found on PATH: `crosswheel doctor` says how to get one");
    }
    let near = near::close(&name.to_string_lossy(), &names);
    let all = "`crosswheel doctor` lists the names that it answers to";
    error.hint(if near.is_empty() { all.to_owned() } else { format!("{near} {all}") })
}

struct Explained<'e, 'l> {
    target: &'e Target<'e, 'e>,
    call: &'e Invocation<'l>,
    probe: Option<Probe<'e>>,
    decision: &'e Decision<'e>,
}

impl Explained<'_, '_> {
    fn text(&self, to: &mut dyn Write, words: &[&[u8]]) -> io::Result<()> {
        writeln!(to, "{BOLD}{}{BOLD:#}", line(words.iter().copied()))?;
        writeln!(to)?;
        let tool = self.target.tool;
        let machine = lossy(tool.machine());
        let kind = if machine.is_empty() {
            tool.dialect().name().to_owned()
        } else {
            format!("{}, {machine}", tool.dialect().name())
        };
        row(to, "tool", &format!("{} ({kind})", lossy(tool.real())))?;
        if let Some(launcher) = self.target.launcher() {
            row(
                to,
                "cache",
                &format!("{} runs it, so that its objects never cross families", lossy(launcher)),
            )?;
        }
        let languages: Vec<_> = self.call.languages.iter().map(Language::name).collect();
        let languages =
            if languages.is_empty() { String::new() } else { format!(" of {}", languages.join(", ")) };
        row(to, "kind", &format!("{}{languages}", self.call.kind.name()))?;
        if let Some(probe) = self.probe {
            row(to, "probe", &format!("{}: {}", lossy(probe.name()), lossy(probe.why())))?;
        }
        let inputs: Vec<_> = self.call.inputs.iter().map(|at| self.call.input(*at)).collect();
        if !inputs.is_empty() {
            row(to, "reads", &line(inputs))?;
        }
        if !self.call.outputs.is_empty() {
            row(to, "writes", &line(self.call.outputs.iter().map(Vec::as_slice)))?;
        }
        writeln!(to)?;
        for edit in &self.decision.edits {
            show(to, edit)?;
        }
        if let Some(refusal) = &self.decision.refusal {
            writeln!(to, "  {RED}refused{RED:#}  {}", line([&*refusal.arg]))?;
            writeln!(to, "           {DIM}{}: {}{DIM:#}", lossy(refusal.rule), lossy(refusal.why))?;
            writeln!(to, "           {CYAN}hint:{CYAN:#} {}", lossy(refusal.hint))?;
            return Ok(());
        }
        if self.decision.edits.is_empty() {
            writeln!(to, "  Nothing is changed.")?;
        }
        writeln!(to)?;
        let head = self.target.head(self.call.only_asks()).chain(self.decision.args.iter().map(|arg| &**arg));
        writeln!(to, "  {BOLD}runs{BOLD:#}     {}", line(head))?;
        if let Some(retry) = &self.decision.retry {
            let head = self.target.head(self.call.only_asks()).chain(retry.iter().map(|arg| &**arg));
            writeln!(
                to,
                "  {BOLD}then{BOLD:#}     if that fails, once more, so that no warning is an error:"
            )?;
            writeln!(to, "           {}", line(head))?;
        }
        Ok(())
    }

    fn json(&self, to: &mut dyn Write, words: &[&[u8]]) -> io::Result<()> {
        let list = |items: Vec<&[u8]>| items.into_iter().map(lossy).collect::<Vec<_>>();
        let edits = self.decision.edits.iter().map(|edit| {
            serde_json::json!({
                "rule": lossy(edit.rule),
                "why": lossy(edit.why),
                "at": edit.at,
                "before": list(edit.before.iter().map(|arg| &**arg).collect()),
                "after": list(edit.after.iter().map(|arg| &**arg).collect()),
            })
        });
        let refusal = self.decision.refusal.as_ref().map(|refusal| {
            serde_json::json!({
                "rule": lossy(refusal.rule),
                "error": lossy(&record::refused(refusal)),
                "hint": lossy(refusal.hint),
            })
        });
        let run = self
            .target
            .head(self.call.only_asks())
            .chain(self.decision.args.iter().map(|arg| &**arg))
            .collect();
        let retry = |args: &Vec<_>| {
            list(
                self.target
                    .head(self.call.only_asks())
                    .chain(args.iter().map(|arg: &std::borrow::Cow<'_, [u8]>| &**arg))
                    .collect(),
            )
        };
        let explained = serde_json::json!({
            "argv": list(words.to_vec()),
            "real": lossy(self.target.tool.real()),
            "launcher": self.target.launcher().map(lossy),
            "kind": self.call.kind.name(),
            "lang": self.call.languages.iter().map(Language::name).collect::<Vec<_>>(),
            "probe": self.probe.map(|probe| lossy(probe.name())),
            "in": list(self.call.inputs.iter().map(|at| self.call.input(*at)).collect()),
            "out": list(self.call.outputs.iter().map(Vec::as_slice).collect()),
            "edits": edits.collect::<Vec<_>>(),
            "refused": refusal,
            "run": if refusal_is_none(self.decision) { list(run) } else { Vec::new() },
            "retry": self.decision.retry.as_ref().map(retry),
        });
        writeln!(to, "{explained:#}")
    }
}

fn refusal_is_none(decision: &Decision<'_>) -> bool {
    decision.refusal.is_none()
}

/// One edit: what goes in red, what comes in green, what is only told in yellow, then why.
fn show(to: &mut dyn Write, edit: &Edit<'_>) -> io::Result<()> {
    if edit.before == edit.after {
        writeln!(to, "  {YELLOW}  keeps{YELLOW:#}  {}", line(edit.before.iter().map(|arg| &**arg)))?;
    } else {
        for arg in &edit.before {
            writeln!(to, "  {RED}      -{RED:#}  {RED}{}{RED:#}", line([&**arg]))?;
        }
        for arg in &edit.after {
            writeln!(to, "  {GREEN}      +{GREEN:#}  {GREEN}{}{GREEN:#}", line([&**arg]))?;
        }
    }
    writeln!(to, "           {DIM}{}: {}{DIM:#}", lossy(edit.rule), lossy(edit.why))
}

fn row(to: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    writeln!(to, "  {BOLD}{label:<LABEL$}{BOLD:#}{text}")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Arguments as a shell would read them.
fn line<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}
