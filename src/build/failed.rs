//! Compiles that failed although the backend is content: an extension that was optional, a fall-back to pure Python.
//! What is missing from such a wheel shows only when somebody imports it.

use std::path::Path;

use crosswheel_shim::plan::Kind;

use super::foreign::{self, Places};
use super::report::Fault;
use crate::audit::Expected;
use crate::capture::{Call, Log, Outcome};
use crate::elf;

/// Every piece of work that failed and was not made good. `said` is what the backend and the compilers
/// said.
#[must_use]
pub fn compiles(record: &Log, places: Places<'_>, said: &str) -> Vec<Fault> {
    let fault = |call: &Call| {
        let missing = extension(call, said)
            .map_or_else(String::new, |name| format!("the extension `{name}` is missing: "));
        let cause = cause(record, call, places, said);
        Fault {
            message: missing + &cause.message,
            hint: cause.hint.map(|hint| {
                format!("{hint}; the backend went on without it, and --allow-failed-compiles lets that pass")
            }),
        }
    };
    record.failed_work().into_iter().map(fault).collect()
}

/// Why a call failed, and what to do about that.
#[must_use]
pub fn cause(record: &Log, call: &Call, places: Places<'_>, said: &str) -> Fault {
    let mut message = told(call, places.built, said);
    let asked = Expected::of(&record.session).machine;
    if let Some((path, machine)) = asked.and_then(|asked| foreign::input(call, asked)) {
        let origin = foreign::origin(&path, record, places);
        let name = path.strip_prefix(places.built).unwrap_or(&path).display();
        let (machine, asked) = (elf::name(machine), asked.map(elf::name).unwrap_or_default());
        message =
            format!("{message}; {name} is for {machine}, and {asked} was asked for: it {}", origin.told());
        return Fault { message, hint: Some(origin.hint().to_owned()) };
    }
    let (show, rerun) =
        (record.command(&format!("show {}", call.id)), record.command(&format!("rerun {}", call.id)));
    let hint = format!("mend what the compiler says; {show} has the call, and {rerun} runs it again");
    Fault { message, hint: Some(hint) }
}

/// A target that rustc has no standard library for, in its own words: ``the `T` target may not be installed``.
#[must_use]
pub fn rust_target(said: &str) -> Option<Fault> {
    let line = said.lines().find(|line| line.contains("target may not be installed"))?;
    let target = line.split('`').nth(1)?;
    Some(Fault {
        message: format!("rustc has no standard library for {target}"),
        hint: Some(format!(
            "`rustup target add {target}`, or the package of your distribution that brings it"
        )),
    })
}

/// Source, call, how it ended, and the compiler's first error if it can be told.
fn told(call: &Call, built: &Path, said: &str) -> String {
    let inputs: Vec<String> = call
        .inputs
        .iter()
        .map(|input| {
            let path = call.resolve(input);
            path.strip_prefix(built).unwrap_or(&path).display().to_string()
        })
        .collect();
    let what = if inputs.len() > 3 {
        format!("{} and {} more", inputs[..2].join(", "), inputs.len() - 2)
    } else {
        inputs.join(", ")
    };
    let how = match call.outcome() {
        Outcome::Signal(signal) => format!("was killed by signal {signal}"),
        Outcome::Refused => "was refused".to_owned(),
        Outcome::NoStatus => "could not be started, or its end is unknown".to_owned(),
        Outcome::Exit(status) => format!("failed with exit status {status}"),
        Outcome::Succeeded | Outcome::InFlight => "did not end".to_owned(),
    };
    let error = first_error(call, said).map_or_else(String::new, |line| format!(": {line}"));
    format!("the {} of {what} by {} {how} (call {}){error}", call.kind.name(), call.tool, call.id)
}

/// The first line of the output that reports an error in one of the inputs, or, for a link, of the linker. The record
/// does not hold what compilers print, so it is known only where a line names the file.
fn first_error<'a>(call: &Call, said: &'a str) -> Option<&'a str> {
    let names: Vec<String> = call
        .inputs
        .iter()
        .filter_map(|input| input.path().file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let names_input = |line: &str| names.iter().any(|name| line.contains(name.as_str()));
    let mut lines = said.lines();
    let found = if call.kind == Kind::Link {
        let of_linker: Vec<&str> = lines.filter(|line| is_of_linker(line)).collect();
        of_linker.iter().find(|line| names_input(line)).or(of_linker.last()).copied()
    } else {
        let placed = |line: &str| names.iter().any(|name| line.contains(&format!("{name}:")));
        lines.find(|line| line.contains("error:") && placed(line))
    };
    found.map(str::trim)
}

/// Whether a line is an error of a linker: GNU's, LLVM's by itself, or LLVM's in zig.
fn is_of_linker(line: &str) -> bool {
    let starts = ["ld: ", "ld.lld: error: ", "lld: error: ", "ld.gold: ", "ld.bfd: "];
    let zig = ["incompatible", "undefined symbol", "unable to find", "unsupported linker arg"];
    !line.contains("warning:")
        && (starts.iter().any(|start| line.contains(start))
            || (line.starts_with("error: ") && zig.iter().any(|word| line.contains(word))))
}

/// The extension that a failed compile belonged to, as setuptools tells: `building 'a.b' extension`, and then the
/// command with the source in it. Other backends name none.
fn extension<'a>(call: &Call, said: &'a str) -> Option<&'a str> {
    let mut current = None;
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("building '").and_then(|rest| rest.strip_suffix("' extension"))
        {
            current = Some(name);
        } else if line.split_whitespace().any(|word| call.inputs.iter().any(|input| input.lossy() == word))
            && line.starts_with(call.tool.as_str())
            && current.is_some()
        {
            return current;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::rust_target;

    #[test]
    fn a_target_that_rustc_lacks_is_read_from_its_words() {
        let said = "error[E0463]: can't find crate for `core`\n  = note: the `s390x-unknown-linux-gnu` target may not be installed\n";
        let fault = rust_target(said).expect("a fault");
        assert_eq!(fault.message, "rustc has no standard library for s390x-unknown-linux-gnu");
        assert!(rust_target("error: could not compile `libc`").is_none());
    }
}
