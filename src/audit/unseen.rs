//! Compilers that went past the shim, known by what they called.
//!
//! A compiler that is run by its absolute path is not seen, and none of the family's flags reach it. But gcc looks for
//! its assembler and its linker on PATH, and finds the shim's, so the record holds the link. The shim takes itself off
//! PATH before it runs a compiler, so an assembler or linker that was called in a compiler's way, and not from within
//! a recorded call, was called by one that nobody saw.

use crosswheel_shim::plan::Role;

use crate::capture::{Call, Log, Text};

/// What to do about it.
pub(super) const HINT: &str = "a part of the build names a compiler by its path (CC of a setup.py or of sysconfig, a cached CMAKE_C_COMPILER, a Makefile, \
                               a setup.cfg): let it name `cc`, or set CC and CXX to paths, which are led through the shim";

/// Whether a call is one that a compiler made which the record does not hold.
pub(super) fn by_unseen_driver(log: &Log, call: &Call) -> bool {
    let role = log.session.tools.iter().find(|tool| tool.name == call.tool).and_then(|tool| tool.role);
    if call.parent.is_some() || !matches!(role, Some(Role::As | Role::Ld)) {
        return false;
    }
    let Ok(detail) = log.detail(call) else { return false };
    // gcc names itself to what it calls.
    detail.env.contains_key("COLLECT_GCC")
        || if role == Some(Role::As) { is_drivers_as(&detail.argv) } else { is_drivers_ld(&detail.argv) }
}

/// gcc hands its assembler a temporary file, `cc` and six letters with `.s`, or with `-pipe` nothing to read but stdin.
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
