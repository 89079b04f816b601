//! Compiles that failed although the backend is content: an extension that was optional, a fall-back to pure Python.
//! What is missing from such a wheel shows only when somebody imports it.

use std::fs;
use std::path::Path;

use super::report::Fault;
use crate::capture::{Call, Log, Outcome};

/// Every piece of work that failed and was not made good. `built` is the source tree, `output` what the backend and
/// the compilers said.
#[must_use]
pub fn compiles(record: &Log, built: &Path, output: &Path) -> Vec<Fault> {
    let failed = record.failed_work();
    if failed.is_empty() {
        return Vec::new();
    }
    let said = fs::read(output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let log = output.parent().unwrap_or(output).display();
    let fault = |call: &Call| Fault {
        message: told(call, built, &said),
        hint: Some(format!(
            "the backend went on without it; `crosswheel log show {} {log}` shows the call, \
             --allow-failed-compiles lets it pass",
            call.id
        )),
    };
    failed.into_iter().map(fault).collect()
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
        Outcome::NotStarted => "could not be started".to_owned(),
        Outcome::Exit(status) => format!("failed with exit status {status}"),
        Outcome::Succeeded | Outcome::InFlight => "did not end".to_owned(),
    };
    let error = first_error(call, said).map_or_else(String::new, |line| format!(": {line}"));
    format!("the {} of {what} by {} {how} (call {}){error}", call.kind.name(), call.tool, call.id)
}

/// The first line of the output that reports an error in one of the inputs. The record does not hold what compilers
/// print, so it is known only where a line names the file.
fn first_error<'a>(call: &Call, said: &'a str) -> Option<&'a str> {
    let names: Vec<String> = call
        .inputs
        .iter()
        .filter_map(|input| input.path().file_name())
        .map(|name| format!("{}:", name.to_string_lossy()))
        .collect();
    said.lines()
        .find(|line| line.contains("error:") && names.iter().any(|name| line.contains(name.as_str())))
        .map(str::trim)
}
