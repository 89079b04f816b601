//! Compilers that went past the shim, known by what they called.
//!
//! A compiler that is run by its absolute path is not seen, and none of the family's flags reach it. But gcc looks for
//! its assembler and its linker on PATH, and finds the shim's, so such a file would pass the audit: the record holds
//! the link. The shim takes itself off PATH before it runs a compiler, so an assembler or linker that was called in a
//! compiler's way, and not from within a recorded call, was called by one that nobody saw.
//!
//! Whether that matters depends on where the result goes: into the wheel it is a fault, and elsewhere (a generator that
//! is built for this machine on purpose) worth knowing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Role;

use super::plural;
use super::report::Fault;
use crate::capture::{Call, Log, Text};

/// What to do about it.
const HINT: &str = "a part of the build names a compiler by its path (a cached CMAKE_C_COMPILER, a Makefile, a \
                    setup.cfg): let it name `cc`, or set CC and CXX to paths, which are led through the shim";

/// What went past the shim.
#[derive(Debug, Default)]
pub struct Past {
    /// What of it came into the wheel.
    pub faults: Vec<Fault>,
    /// The rest.
    pub warnings: Vec<String>,
}

/// Looks for it. `in_wheel` are the members of the wheel and the ids of the calls that made them.
#[must_use]
pub fn find(record: &Log, in_wheel: &[(String, String)]) -> Past {
    let roles: BTreeMap<&str, Role> =
        record.session.tools.iter().filter_map(|tool| Some((tool.name.as_str(), tool.role?))).collect();
    let members: BTreeMap<&str, &str> =
        in_wheel.iter().map(|(member, id)| (id.as_str(), member.as_str())).collect();
    let mut past = Past::default();
    // Files that come from such a call, and the object or library with which it began.
    let mut tainted: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut origins = BTreeSet::new();
    let mut in_wheel = BTreeSet::new();
    for call in &record.calls {
        let mut outputs: Vec<PathBuf> = call.outputs.iter().map(|output| call.resolve(output)).collect();
        let began = match unseen(record, call, roles.get(call.tool.as_str()).copied()) {
            Some(output) => {
                origins.insert(output.clone());
                outputs = vec![output.clone()];
                Some(output)
            }
            None => call.inputs.iter().find_map(|input| tainted.get(&call.resolve(input)).cloned()),
        };
        let Some(began) = began else {
            // Made anew, by a compiler that was seen.
            if call.kind != crosswheel_shim::plan::Kind::Archive {
                for output in &outputs {
                    tainted.remove(output);
                }
            }
            continue;
        };
        if let Some(member) = members.get(call.id.as_str()) {
            in_wheel.insert(began.clone());
            past.faults.push(Fault {
                message: format!(
                    "{member}: {} in it was made by a compiler that went past the shim (call {})",
                    name(&began),
                    call.id
                ),
                hint: Some(HINT.to_owned()),
            });
        }
        tainted.extend(outputs.into_iter().map(|output| (output, began.clone())));
    }
    let others: Vec<&PathBuf> = origins.difference(&in_wheel).collect();
    if let Some(first) = others.first().filter(|_| past.faults.is_empty()) {
        past.warnings.push(format!(
            "{} file{} made by a compiler that went past the shim ({}{}); none was traced into the wheel",
            others.len(),
            plural(others.len(), "s"),
            name(first),
            if others.len() == 1 { "" } else { ", …" }
        ));
    }
    past
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The output of an assembler or linker that a compiler called which the record does not hold.
fn unseen(record: &Log, call: &Call, role: Option<Role>) -> Option<PathBuf> {
    if call.parent.is_some() || !matches!(role, Some(Role::As | Role::Ld)) {
        return None;
    }
    let argv = record.detail(call).ok()?.argv;
    let named = argv.iter().position(|arg| arg.bytes() == b"-o").and_then(|at| argv.get(at + 1));
    let called = if role == Some(Role::As) { is_drivers_as(&argv) } else { is_drivers_ld(&argv) };
    called.then(|| call.resolve(named.unwrap_or(&Text::from("a.out"))))
}

/// gcc hands its assembler a temporary file `ccXXXXXX.s`, or with `-pipe` nothing to read but stdin.
fn is_drivers_as(argv: &[Text]) -> bool {
    let is_temporary = |arg: &Text| {
        let name = arg.path().file_name().map(std::ffi::OsStr::as_encoded_bytes);
        name.is_some_and(|name| name.len() == 10 && name.starts_with(b"cc") && name.ends_with(b".s"))
    };
    let mut rest = argv.iter().skip(1);
    let mut reads = false;
    while let Some(arg) = rest.next() {
        match arg.bytes() {
            b"-o" | b"-I" => drop(rest.next()),
            _ if is_temporary(arg) => return true,
            [b'-', _, ..] => {}
            b"-" => return true,
            _ => reads = true,
        }
    }
    !reads && argv.iter().any(|arg| arg.bytes() == b"-o")
}

/// gcc hands its linker the plug-in for LTO, and the files with which a program or library begins.
fn is_drivers_ld(argv: &[Text]) -> bool {
    argv.iter().any(|arg| {
        let bytes = arg.bytes();
        [&b"/liblto_plugin.so"[..], b"/crti.o", b"/crtbeginS.o"].iter().any(|end| bytes.ends_with(end))
    })
}
