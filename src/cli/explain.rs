//! `crosswheel explain`: what would happen to one call of a compiler, and why, without running it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use crosswheel_shim::dispatch::{Target, dispatch};
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::plan::view::Probe;
use crosswheel_shim::plan::{Language, Plan};
use crosswheel_shim::probe::{Place, temp_folder};
use crosswheel_shim::rewrite::{Decision, Edit};
use crosswheel_shim::{record, run as shim};

use super::out::{BOLD, DIM, GREEN, RED, YELLOW};
use super::{CYAN, quote, session};
use crate::environment;
use crate::error::{Error, Exit, IoContext, Result};

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
        if args.json {
            explained.json(&words);
        } else {
            explained.text(&words);
        }
        let refused = decision.refusal.is_some();
        Ok(if refused { super::exit(Exit::Failed) } else { ExitCode::SUCCESS })
    })
}

/// No such name in the shim folder.
fn unknown(plan: Plan<'_>, name: &OsStr) -> Error {
    let names: Vec<_> =
        plan.tools().iter().map(|tool| String::from_utf8_lossy(tool.name()).into_owned()).collect();
    let mut error = Error::usage(format!("the shim does not answer to `{}` here", name.display()));
    error.exit = Exit::NotFound;
    if names.is_empty() {
        return error.hint("no compiler was found on PATH: `crosswheel doctor` says how to get one");
    }
    error.hint(format!("names that it answers to: {}", names.join(" ")))
}

struct Explained<'e, 'l> {
    target: &'e Target<'e, 'e>,
    call: &'e Invocation<'l>,
    probe: Option<Probe<'e>>,
    decision: &'e Decision<'e>,
}

impl Explained<'_, '_> {
    fn text(&self, words: &[&[u8]]) {
        println!("{BOLD}{}{BOLD:#}", line(words.iter().copied()));
        println!();
        let tool = self.target.tool;
        let machine = lossy(tool.machine());
        let kind = if machine.is_empty() {
            tool.dialect().name().to_owned()
        } else {
            format!("{}, {machine}", tool.dialect().name())
        };
        row("tool", &format!("{} ({kind})", lossy(tool.real())));
        if let Some(launcher) = self.target.launcher() {
            row("cache", &format!("{} runs it, so that its objects never cross families", lossy(launcher)));
        }
        let languages: Vec<_> = self.call.languages.iter().map(Language::name).collect();
        let languages =
            if languages.is_empty() { String::new() } else { format!(" of {}", languages.join(", ")) };
        row("kind", &format!("{}{languages}", self.call.kind.name()));
        if let Some(probe) = self.probe {
            row("probe", &format!("{}: {}", lossy(probe.name()), lossy(probe.why())));
        }
        let inputs: Vec<_> = self.call.inputs.iter().map(|at| self.call.input(*at)).collect();
        if !inputs.is_empty() {
            row("reads", &line(inputs));
        }
        if !self.call.outputs.is_empty() {
            row("writes", &line(self.call.outputs.iter().map(Vec::as_slice)));
        }
        println!();
        for edit in &self.decision.edits {
            show(edit);
        }
        if let Some(refusal) = &self.decision.refusal {
            println!("  {RED}refused{RED:#}  {}", line([&*refusal.arg]));
            println!("           {DIM}{}: {}{DIM:#}", lossy(refusal.rule), lossy(refusal.why));
            println!("           {CYAN}hint:{CYAN:#} {}", lossy(refusal.hint));
            return;
        }
        if self.decision.edits.is_empty() {
            println!("  Nothing is changed.");
        }
        println!();
        let head = self.target.head(self.call.only_asks()).chain(self.decision.args.iter().map(|arg| &**arg));
        println!("  {BOLD}runs{BOLD:#}     {}", line(head));
        if let Some(retry) = &self.decision.retry {
            let head = self.target.head(self.call.only_asks()).chain(retry.iter().map(|arg| &**arg));
            println!("  {BOLD}then{BOLD:#}     if that fails, once more, so that no warning is an error:");
            println!("           {}", line(head));
        }
    }

    fn json(&self, words: &[&[u8]]) {
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
        println!("{explained:#}");
    }
}

fn refusal_is_none(decision: &Decision<'_>) -> bool {
    decision.refusal.is_none()
}

/// One edit: what goes in red, what comes in green, what is only told in yellow, then why.
fn show(edit: &Edit<'_>) {
    if edit.before == edit.after {
        println!("  {YELLOW}  keeps{YELLOW:#}  {}", line(edit.before.iter().map(|arg| &**arg)));
    } else {
        for arg in &edit.before {
            println!("  {RED}      -{RED:#}  {RED}{}{RED:#}", line([&**arg]));
        }
        for arg in &edit.after {
            println!("  {GREEN}      +{GREEN:#}  {GREEN}{}{GREEN:#}", line([&**arg]));
        }
    }
    println!("           {DIM}{}: {}{DIM:#}", lossy(edit.rule), lossy(edit.why));
}

fn row(label: &str, text: &str) {
    println!("  {BOLD}{label:<LABEL$}{BOLD:#}{text}");
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Arguments as a shell would read them.
fn line<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}
