//! The command line: one file a verb. Verbs print; the library decides.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::capture::Text;
use crate::error::{Error, Exit};

mod audit;
mod build;
mod debian;
mod doctor;
mod env;
mod explain;
mod libraries;
mod log;
mod manifest;
mod out;
mod python;
pub mod reference;
mod run;
mod session;
mod sysroot;
mod test;
mod wheel;

/// Builds Python wheels for families of machines, and shows what every compile did.
#[derive(Parser)]
#[command(name = "crosswheel", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build wheels of a package, one for each family
    Build(build::Args),
    /// Run any command with the shim first on PATH
    Run(run::Args),
    /// Print settings that put the shim first on PATH
    Env(env::Args),
    /// Show what would happen to one call of a compiler, and why, without running it
    Explain(explain::Args),
    /// Look at the record of a build
    Log(log::Args),
    /// Hold wheels against the record of their build
    Audit(audit::Args),
    /// Show what is in wheels, give them other tags or metadata, and verify them
    Wheel(wheel::Args),
    /// Hold manifests of wheels against the wheels
    Manifest(manifest::Args),
    /// Test a wheel with a Python of its machine: import it, or run a command
    Test(Box<test::Args>),
    /// Pythons of other machines, to build for and to test with
    Python(python::Args),
    /// Libraries of other machines, for a build to link
    Sysroot(sysroot::Args),
    /// Look for compilers, Pythons and caches, and say what is missing
    Doctor(doctor::Args),
    /// Print the reference page, man pages or completions
    #[command(hide = true)]
    Reference(reference::Args),
}

/// Parses the arguments, runs the verb, prints a failure.
#[must_use]
pub fn main() -> ExitCode {
    crate::process::expect_children();
    let verb = Cli::parse().verb;
    let done = match verb {
        Verb::Build(args) => build::run(args),
        Verb::Run(args) => run::run(args),
        Verb::Env(args) => env::run(args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Log(args) => log::run(args),
        Verb::Audit(args) => audit::run(args),
        Verb::Wheel(args) => wheel::run(args),
        Verb::Manifest(args) => manifest::run(&args),
        Verb::Test(args) => test::run(&args),
        Verb::Python(args) => python::run(args),
        Verb::Sysroot(args) => sysroot::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Reference(args) => reference::run(&args),
    };
    done.unwrap_or_else(|error| report(&error))
}

/// Prints a failure as every verb does.
fn report(error: &Error) -> ExitCode {
    anstream::eprintln!("{}error:{:#} {}", RED, RED, error.message);
    if let Some(hint) = &error.hint {
        anstream::eprintln!(" {}hint:{:#} {hint}", CYAN, CYAN);
    }
    exit(error.exit)
}

/// An argument as a shell would read it.
fn quote(word: &[u8]) -> String {
    Text::from(word).quoted()
}

/// The exit code of the process.
fn exit(code: Exit) -> ExitCode {
    ExitCode::from(code as u8)
}

const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const CYAN: anstyle::Style = anstyle::AnsiColor::Cyan.on_default().bold();
