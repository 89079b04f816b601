//! Documentation made from the code: the reference page, man pages, completions. They come from the one
//! definition that also parses the command line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::{Cli, out};
use crate::environment::{Role, VARIABLES};
use crate::error::{Exit, IoContext, Result};
use crate::wheel::manifest;

/// Arguments of `reference`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Write man pages to this folder
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
    /// Print completions for a shell
    #[arg(long, value_name = "SHELL")]
    completions: Option<clap_complete::Shell>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(folder) = &args.man {
        man(folder)?;
    } else if let Some(shell) = args.completions {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "crosswheel", &mut text);
        out::print(|to| to.write_all(&text))?;
    } else {
        out::print(|to| to.write_all(page().as_bytes()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn man(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).context("cannot make the folder", folder)?;
    clap_mangen::generate_to(Cli::command(), folder).context("cannot write man pages to", folder)
}

/// The exit codes, with what they mean.
const CODES: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Failed, "the work failed, or found faults"),
    (Exit::Usage, "wrong usage: arguments, or a file that you wrote"),
    (Exit::NotExecutable, "a command cannot be run, as a shell says it"),
    (Exit::NotFound, "a command was not found, as a shell says it"),
];

/// `docs/reference.md`.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# Reference\n\n<!-- Made by `make docs` from the code; not to be edited. -->\n\n## Commands\n",
    );
    let mut command = Cli::command();
    command.build();
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        section(&mut out, verb, "crosswheel");
    }
    out.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in CODES {
        let _ = writeln!(out, "| {} | {meaning} |", *code as u8);
    }
    out.push_str(
        "\n`run` passes the command's own status on. The shim ends as the tool ended; with 1 if it refuses a call or cannot \
         read its plan, with 126 if the real tool cannot be run and with 127 if it is gone.\n",
    );
    out.push_str("\n## Environment variables\n\n| name | | meaning |\n|---|---|---|\n");
    for variable in VARIABLES {
        let role = match variable.role {
            Role::Read => "read",
            Role::Set => "set",
            Role::Both => "read, set",
        };
        let _ = writeln!(out, "| `{}` | {role} | {} |", variable.name, variable.what);
    }
    let notes = "`wheel manifest` notes these, if they are set";
    let _ = write!(out, "\n{notes}:\n\n| name | set by |\n|---|---|\n");
    for name in manifest::environment::VARIABLES {
        let _ = writeln!(out, "| `{name}` | you |");
    }
    for (name, service) in manifest::ci::variables() {
        let _ = writeln!(out, "| `{name}` | {service} |");
    }
    out
}

fn section(out: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    let verbs: Vec<_> = command.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
    if verbs.is_empty() {
        let about =
            command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        let usage = command.clone().bin_name(&name).render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let _ = write!(
            out,
            "\n### `{name}`\n\n{about}.\n\n```\n{usage}\n```\n\n| argument | meaning |\n|---|---|\n"
        );
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "help") {
            let _ = writeln!(out, "| `{}` | {} |", spelling(arg), meaning(arg));
        }
    }
    for verb in verbs {
        section(out, verb, &name);
    }
}

/// How an argument is written.
fn spelling(arg: &Arg) -> String {
    let names: Vec<_> =
        arg.get_value_names().unwrap_or_default().iter().map(|name| format!("<{name}>")).collect();
    let value = if takes_value(arg) { names.join(" ") } else { String::new() };
    let more = if matches!(arg.get_action(), ArgAction::Append) && arg.is_positional() { "…" } else { "" };
    let flags: Vec<_> = arg
        .get_short()
        .map(|short| format!("-{short}"))
        .into_iter()
        .chain(arg.get_long().map(|long| format!("--{long}")))
        .collect();
    format!("{} {value}{more}", flags.join(", ")).trim().replace('|', "\\|")
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_value(arg) && !defaults.is_empty() {
        let _ = write!(text, " [default: {}]", defaults.join(", "));
    }
    let values: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if takes_value(arg) && !values.is_empty() {
        let _ = write!(text, " [{}]", values.join(", "));
    }
    text.replace('\n', " ").replace('|', "\\|")
}
