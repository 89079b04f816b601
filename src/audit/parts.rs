//! What to say of the parts of a linked file: one finding a kind, with the first few named.

use std::collections::BTreeMap;
use std::path::Path;

use crosswheel_shim::plan::{Kind, Language};

use super::expect::Expected;
use super::finding::Code;
use super::lineage::{Part, compiled_for};
use super::unseen;
use crate::capture::{Call, Log};

/// A finding in the making: code, what is wrong, what to do.
pub(super) type Said = (Code, String, String);

/// What a family asks of the parts of a file.
pub(super) struct Parts<'a> {
    pub(super) log: &'a Log,
    pub(super) expected: &'a Expected,
    /// Names behind `-march=` with their levels.
    pub(super) marches: &'a BTreeMap<String, u8>,
}

/// Languages whose compiles take a level.
const LEVELLED: &[Language] =
    &[Language::C, Language::Cxx, Language::ObjC, Language::ObjCxx, Language::Fortran];

impl Parts<'_> {
    /// How many compiles are behind the parts, and what is wrong with them.
    pub(super) fn judge(&self, parts: &[Part<'_>]) -> (usize, Vec<Said>) {
        let mut lists: BTreeMap<Code, Vec<String>> = BTreeMap::new();
        let mut compiles = 0;
        let mut foreign: BTreeMap<&str, usize> = BTreeMap::new();
        let level = self.expected.level.filter(|level| *level > 1);
        for part in parts {
            let (code, named) = match part {
                Part::Compiled(call) => {
                    compiles += 1;
                    match level.and_then(|level| self.lower(call, level)) {
                        Some(named) => (Code::LowerLevel, named),
                        None => continue,
                    }
                }
                Part::Unseen(path, call) => (Code::PastShim, format!("{} (call {})", name(path), call.id)),
                Part::ReadyMade(path, call) => {
                    (Code::ReadyMade, format!("{} (taken in by call {})", path.display(), call.id))
                }
                Part::Named(path, call) => {
                    (Code::UntracedObject, format!("{} (call {})", path.display(), call.id))
                }
                Part::Changed(path, call) => {
                    (Code::ChangedInput, format!("{} (call {})", path.display(), call.id))
                }
                // What a dependency brings is for every machine, and so at the level of the host.
                Part::Dependency(path) if level.is_some() => {
                    (Code::DependencyCode, path.display().to_string())
                }
                Part::Foreign(compiler) if level.is_some() => {
                    *foreign.entry(*compiler).or_default() += 1;
                    continue;
                }
                Part::Dependency(_) | Part::Foreign(..) => continue,
            };
            lists.entry(code).or_default().push(named);
        }
        for (compiler, count) in foreign {
            let files = if count == 1 { "file" } else { "files" };
            lists.entry(Code::ForeignCompiler).or_default().push(format!("{count} {files} of {compiler}"));
        }
        let said = lists.into_iter().map(|(code, named)| say(code, &named)).collect();
        (compiles, said)
    }

    /// A compile below the level, named.
    fn lower(&self, call: &Call, level: u8) -> Option<String> {
        let detail = self.log.detail(call).ok()?;
        let levelled = LEVELLED.iter().any(|language| detail.lang.iter().any(|name| name == language.name()));
        if !levelled || call.kind == Kind::Assemble {
            return None;
        }
        let compiled = compiled_for(&detail, self.marches);
        let source = call.inputs.first().map_or_else(String::new, |input| input.lossy().into_owned());
        match compiled {
            Some(compiled) if compiled >= level => None,
            Some(compiled) => Some(format!("{source} at x86-64-v{compiled} (call {})", call.id)),
            None => Some(format!("{source} at the compiler's own level (call {})", call.id)),
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The first few of a list, and how many more there are.
fn first(named: &[String]) -> String {
    let shown = named[..named.len().min(3)].join(", ");
    if named.len() > 3 { format!("{shown} and {} more", named.len() - 3) } else { shown }
}

fn say(code: Code, named: &[String]) -> Said {
    let list = first(named);
    let (what, hint) = match code {
        Code::PastShim => {
            (format!("holds what a compiler made that went past the shim: {list}"), unseen::HINT)
        }
        Code::ReadyMade => (
            format!("holds what no recorded call made: {list}"),
            "it lay ready-made in the source, or was compiled before the shim was set up, or by a compiler's absolute \
             path (behind a cache: `crosswheel log ls --rule unknown-compiler`); begin with an empty build folder, and \
             let the build compile it by name",
        ),
        Code::LowerLevel => (
            format!("holds code below the family's level: {list}"),
            "its compiler was not told the level; see `crosswheel log show` of the call, and what the build's summary says \
             its compiler does without",
        ),
        Code::DependencyCode => (
            format!("holds code of a dependency, which was not built for the family: {list}"),
            "it runs on every machine of the family, and no faster than elsewhere",
        ),
        Code::ForeignCompiler => (
            format!("holds code of a compiler that is not told the family's level: {list}"),
            "tell it yourself (RUSTFLAGS=-Ctarget-cpu=x86-64-v3 for rustc, GOAMD64=v3 for Go), or let gcc or clang build it",
        ),
        Code::UntracedObject => (
            format!("was linked from what is known by its name alone: {list}"),
            "it is a copy of what that call made, or came ready-made under the same name",
        ),
        _ => (
            format!("was linked from a file that was changed after its call: {list}"),
            "a tool outside of the shim changed or replaced it: compile it under a name that nothing else writes, and call \
             what changes it (objcopy, strip) by name",
        ),
    };
    (code, what, hint.to_owned())
}
