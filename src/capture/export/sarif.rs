//! Compiler warnings for code scanners and editors, in SARIF 2.1.0: each warning once, with the flag that asks
//! for it as the rule, and in its properties the calls that gave it and the policy that let it pass.
//!
//! Format: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;
use serde_json::{Value, json};

use super::compilers;
use crate::capture::warnings::{self, Warning};
use crate::capture::{Log, place};
use crate::error::Result;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Name of the folder that files are named from: the one that GitHub's scanners and most editors know.
const ROOT: &str = "%SRCROOT%";

/// The whole file.
pub fn render(log: &Log) -> Result<String> {
    let warnings = warnings::all(log)?;
    let rules: BTreeMap<&str, usize> = warnings.iter().map(rule).map(|rule| (rule, 0)).collect();
    let rules: BTreeMap<&str, usize> = rules.into_keys().enumerate().map(|(at, rule)| (rule, at)).collect();
    let described: Vec<Value> = rules.keys().map(|rule| described(rule)).collect();
    let root = root(log);
    let result = |warning| result(log, warning, &rules, root.as_deref());
    let results: Vec<Value> = warnings.iter().map(result).collect();
    let mut sarif = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "crosswheel",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": described,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "family": log.session.family,
                "policy": log.session.werror,
                "compilers": compilers(log),
            },
        }],
    });
    if let Some(root) = &root {
        // It ends in a slash, or its last folder would not count.
        let uri = format!("{}/", uri(root).trim_end_matches('/'));
        sarif["runs"][0]["originalUriBaseIds"] = json!({ROOT: {"uri": uri}});
    }
    Ok(format!("{sarif:#}\n"))
}

/// The folder of the source tree. A session of `run` stands in the folder that it was started in. Of other builds it is
/// the one that holds all sources, and the folders in which they were compiled; none if they have nothing in common.
fn root(log: &Log) -> Option<PathBuf> {
    let record = log.path.canonicalize().ok()?;
    let sessions = record.ancestors().find(|folder| folder.ends_with(place::SESSIONS));
    if let Some(folder) = sessions.and_then(Path::parent) {
        return Some(folder.to_owned());
    }
    let work = log.calls.iter().filter(|call| call.probe.is_none() && call.makes());
    let compiles = work.filter(|call| matches!(call.kind, Kind::Compile | Kind::Assemble));
    let folders = compiles.filter_map(|call| {
        let source = call.resolve(call.inputs.first()?).parent().map(Path::to_owned);
        Some([source, call.cwd.as_ref().map(|cwd| cwd.path().to_owned())])
    });
    let folders: BTreeSet<PathBuf> =
        folders.flatten().flatten().filter(|folder| folder.is_absolute()).collect();
    let common = |a: PathBuf, b: PathBuf| {
        a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    };
    folders.into_iter().reduce(common).filter(|root| root.parent().is_some())
}

/// Warnings without a flag, and errors, share a rule.
fn rule(warning: &Warning) -> &str {
    match &warning.flag {
        Some(flag) => flag,
        None if warning.error => "error",
        None => "warning",
    }
}

fn described(rule: &str) -> Value {
    let text = match rule {
        "error" => "an error of the compiler".to_owned(),
        "warning" => "a warning that the compiler has no flag for".to_owned(),
        flag => format!("a warning that the compiler gives by {flag}"),
    };
    json!({"id": rule, "shortDescription": {"text": text}})
}

fn result(log: &Log, warning: &Warning, rules: &BTreeMap<&str, usize>, root: Option<&Path>) -> Value {
    let rule = rule(warning);
    let calls: Vec<&str> = warning.calls.iter().map(|at| log.calls[*at].id.as_str()).collect();
    let mut result = json!({
        "ruleId": rule,
        "ruleIndex": rules.get(rule),
        "level": if warning.error { "error" } else { "warning" },
        "message": {"text": warning.message},
        "occurrenceCount": warning.seen,
        "properties": {
            "policy": log.session.werror,
            "passedBy": warning.passed.policy(),
            "why": warning.passed.why(),
            "calls": calls,
        },
    });
    if let Some(file) = &warning.file {
        let inside = root.and_then(|root| file.strip_prefix(root).ok());
        let artifact = match inside {
            Some(inside) => json!({"uri": uri(inside), "uriBaseId": ROOT}),
            None => json!({"uri": uri(file)}),
        };
        let mut location = json!({"artifactLocation": artifact});
        if let Some(line) = warning.line {
            location["region"] = json!({"startLine": line});
            if let Some(column) = warning.column {
                location["region"]["startColumn"] = json!(column);
            }
        }
        result["locations"] = json!([{"physicalLocation": location}]);
    }
    result
}

/// A path as a URI (RFC 8089), its bytes percent-encoded; one that is not from the root is relative.
fn uri(path: &Path) -> String {
    let mut out = String::new();
    if path.is_absolute() {
        out.push_str("file://");
    }
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(*byte));
            }
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Path, uri};

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(uri(Path::new("/w/a b/ü#.c")), "file:///w/a%20b/%C3%BC%23.c");
        assert_eq!(uri(Path::new("src/a.c")), "src/a.c");
    }
}
