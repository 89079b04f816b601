//! The way back from a linked file to its parts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;

use super::files::{self, Content};
use super::lineage::{Found, Input, Lineage, Part, inputs, is_object, keeps_dates, wrote};
use super::unseen::by_unseen_driver;
use crate::capture::Call;

/// Compilers that call no C compiler for their objects, and how their files are known.
const FOREIGN: &[(&str, &[&str])] =
    &[("rustc", &[".rcgu.o", ".rlib", ".rmeta", "/symbols.o"]), ("go", &["/go.o"])];

/// Follows a link back.
pub(super) struct Walk<'w, 'l> {
    lineage: &'w Lineage<'l>,
    seen: HashSet<&'l str>,
    parts: Vec<Part<'l>>,
}

impl<'w, 'l> Walk<'w, 'l> {
    pub(super) fn new(lineage: &'w Lineage<'l>) -> Self {
        Self { lineage, seen: HashSet::new(), parts: Vec::new() }
    }

    /// The parts of what a call made, each once.
    pub(super) fn parts(mut self, call: &'l Call) -> Vec<Part<'l>> {
        self.call(call);
        self.parts
    }

    fn call(&mut self, call: &'l Call) {
        if !self.seen.insert(&call.id) {
            return;
        }
        if by_unseen_driver(self.lineage.log, call) {
            let made = call.outputs.first().map_or_else(PathBuf::new, |output| call.resolve(output));
            return self.parts.push(Part::Unseen(made, call));
        }
        let Ok(detail) = self.lineage.log.detail(call) else { return };
        if call.kind == Kind::Other && self.lineage.compilers.contains(call.tool.as_str()) {
            return self.parts.push(Part::Foreign(&call.tool));
        }
        let mut sources = call.inputs.iter().map(|input| call.resolve(input));
        let assembly = |path: &PathBuf| call.kind == Kind::Assemble && self.lineage.is_strange_assembly(path);
        if let Some(source) = sources.find(assembly) {
            self.parts.push(Part::Unseen(source, call));
        } else if matches!(call.kind, Kind::Compile | Kind::Assemble) || !detail.lang.is_empty() {
            self.parts.push(Part::Compiled(call));
        }
        if matches!(call.kind, Kind::Link | Kind::Archive | Kind::Other) {
            for input in inputs(call, &detail) {
                self.input(&input, call);
            }
        }
        // An archive grows call by call.
        if call.kind == Kind::Archive {
            for earlier in self.lineage.ahead(call) {
                self.call(earlier);
            }
        }
    }

    fn input(&mut self, input: &Input, taker: &'l Call) {
        let lineage = self.lineage;
        let path = &input.path;
        // What `strip` and its like read is known by no time.
        let maker = match taker.kind {
            Kind::Other => lineage.processed(input, taker).ok_or(None),
            _ => lineage.maker(input, taker.start),
        };
        if let Ok(maker) = maker {
            return self.call(maker);
        }
        let foreign = foreign(path);
        if let Some(found) = lineage.known(input) {
            self.parts.extend(foreign.map(Part::Foreign));
            return self.found(found, taker);
        }
        if !takes_code(path, taker) {
            return;
        }
        if let Err(Some(maker)) = maker {
            self.parts.push(Part::Changed(path.clone(), maker));
            return self.call(maker);
        }
        let there = input.seen.and_then(|seen| files::unchanged(path, seen));
        if let Some(compiler) = foreign {
            self.parts.push(Part::Foreign(compiler));
            // A crate's C is a part of its library. What else is in there came with the toolchain or is rustc's own.
            let members = there.as_deref().and_then(files::members).unwrap_or_default();
            let found = Found { strange: Vec::new(), ..self.members(path, &members) };
            if !found.calls.is_empty() {
                lineage.learn(input, &found);
            }
            return self.found(found, taker);
        }
        let unpacked = self.unpacked(input, taker);
        if !unpacked.is_empty() {
            return unpacked.into_iter().for_each(|call| self.call(call));
        }
        let copied = lineage.copied(input, taker.start);
        let sure = copied.filter(|(_, sure)| *sure).map(|(call, _)| call);
        let by_content = || there.as_deref().and_then(|bytes| lineage.content(bytes));
        let maker = sure.or_else(|| lineage.renamed(input, taker.start)).or_else(by_content);
        let merged = || {
            let wrote = |call: &&Call| input.seen.is_some_and(|seen| wrote(call, seen));
            lineage.scripted.iter().copied().find(wrote)
        };
        let found = if let Some(maker) = maker {
            Found { calls: vec![maker], strange: Vec::new() }
        } else if let Some((maker, _)) = copied {
            self.parts.push(Part::Named(path.clone(), maker));
            return self.call(maker);
        } else if let Some(script) = merged() {
            let Some(members) = there.as_deref().and_then(files::members) else {
                return self.parts.push(Part::Named(path.clone(), script));
            };
            self.members(path, &members)
        } else if lineage.is_elsewhere(path) {
            return self.parts.push(Part::Dependency(path.clone()));
        } else {
            Found { calls: Vec::new(), strange: vec![path.clone()] }
        };
        lineage.learn(input, &found);
        self.found(found, taker);
    }

    fn found(&mut self, found: Found<'l>, taker: &'l Call) {
        self.parts.extend(found.strange.into_iter().map(|path| Part::ReadyMade(path, taker)));
        found.calls.into_iter().for_each(|call| self.call(call));
    }

    /// Calls that took apart the archive that an object came from.
    fn unpacked(&self, input: &Input, taker: &Call) -> Vec<&'l Call> {
        let from = input.path.parent().and_then(|folder| self.lineage.unpacked.get(folder));
        let at_that_time = |call: &&Call| {
            let then = input.seen.is_none_or(|seen| wrote(call, seen));
            call.start < taker.start && (then || keeps_dates(self.lineage.log, call))
        };
        from.into_iter().flatten().copied().filter(at_that_time).collect()
    }

    /// An archive that an archiver made by a script: its members tell what is in it.
    fn members(&self, archive: &Path, members: &[(Vec<u8>, &[u8])]) -> Found<'l> {
        let mut found = Found::default();
        for (name, bytes) in members {
            if let Some(maker) = self.lineage.content(bytes) {
                found.calls.push(maker);
            } else {
                let member = format!("{}({})", archive.display(), String::from_utf8_lossy(name));
                found.strange.push(member.into());
            }
        }
        found
    }
}

/// The compiler that makes files of this name by itself.
fn foreign(path: &Path) -> Option<&'static str> {
    let text = path.to_string_lossy();
    let known = |(_, ends): &&(&str, &[&str])| ends.iter().any(|end| text.ends_with(end));
    FOREIGN.iter().find(known).map(|(compiler, _)| *compiler)
}

/// Whether a call takes code from a file. A shared library stays outside of what is linked to it; sources and scripts
/// are no code.
fn takes_code(path: &Path, taker: &Call) -> bool {
    let linked = || matches!(taker.kind, Kind::Archive | Kind::Other);
    match files::content(path) {
        Some(Content::Object | Content::Archive) => true,
        Some(Content::Linked) => linked(),
        Some(Content::Other) | None => is_object(path) || (linked() && is_shared(path)),
    }
}

/// Whether a file's name is one of shared libraries: `x.so`, `libx.so.1.2`.
fn is_shared(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.")
}
