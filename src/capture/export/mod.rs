//! The record in formats that other tools read. Each is made from the record alone, and says nothing that is
//! not in it.
//!
//! | module | subject |
//! |---|---|
//! | [`compile_commands`] | the compilation database of clangd, clang-tidy and their like |
//! | [`trace`] | a trace for Perfetto and Chrome |
//! | [`html`] | one page for people |
//! | [`sarif`] | compiler warnings for code scanners |

pub mod compile_commands;
pub mod html;
pub mod sarif;
pub mod trace;

use std::collections::BTreeSet;

use super::{Log, grammar};

/// The compilers that were called, with their versions.
fn compilers(log: &Log) -> BTreeSet<String> {
    let called: BTreeSet<&str> = log.calls.iter().map(|call| call.tool.as_str()).collect();
    let tools = log.session.tools.iter().filter(|tool| called.contains(tool.name.as_str()));
    let drivers = tools.filter(|tool| grammar::driver(&log.session, &tool.name).is_some());
    drivers.filter_map(|tool| Some(format!("{} {}", tool.dialect, tool.version.as_ref()?))).collect()
}
