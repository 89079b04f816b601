//! What a linked file is made of: from a link back over archives, partial links and copies to the compiles, and to
//! whatever no recorded call made.
//!
//! An input is known by its path, and by its time of change, which must lie within the call that is said to have made
//! it. One that was renamed or linked under another name is known by its time alone; one that was copied (`make
//! install`) by its name and its size. What cannot be told apart from a file that came ready-made is said to be one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{Kind, Role};

use super::unseen::by_unseen_driver;
use crate::capture::{Call, Detail, Log, Outcome, Stamp, Text};

/// How far a file's time may lie outside of the call that wrote it, nanoseconds: file systems take their time from
/// a clock that ticks 100 to 1,000 times a second.
const TICK: u64 = 20_000_000;

/// One part of a linked file.
#[derive(Clone, Debug)]
pub(super) enum Part<'l> {
    /// A call that compiled it.
    Compiled(&'l Call),
    /// A compiler that nobody saw made it; the call is its assembler or linker.
    Unseen(PathBuf, &'l Call),
    /// Nobody made it: it came ready-made, and was taken in by this call.
    ReadyMade(PathBuf, &'l Call),
    /// It came ready-made with a dependency or the system.
    Dependency(PathBuf),
    /// A compiler made it that makes its own objects, or that the shim cannot read.
    Foreign(PathBuf, &'l str),
    /// Perhaps a copy of what this call made, which is known by its name alone.
    Named(PathBuf, &'l Call),
    /// It is not what this call made: it was changed or replaced by the time of the link.
    Changed(PathBuf, &'l Call),
}

/// Compilers that call no C compiler for their objects, and how their files are known.
const FOREIGN: &[(&str, &[&str])] =
    &[("rustc", &[".rcgu.o", ".rlib", ".rmeta", "/symbols.o"]), ("go", &["/go.o"])];

/// Folders whose files are not the package's own.
const DEPENDENCIES: &[&str] = &["/usr/", "/lib/", "/lib64/", "/opt/"];
/// Folders of installed packages, anywhere in a path.
const INSTALLED: &[&str] = &["/site-packages/", "/dist-packages/"];

/// Extensions of files that a linker takes code from.
const OBJECTS: &[&str] = &["o", "obj", "os", "lo", "a", "lib", "rlib"];

/// Which call made which file.
pub(crate) struct Lineage<'l> {
    log: &'l Log,
    /// Calls that made a file at this path, by their start.
    makers: HashMap<PathBuf, Vec<&'l Call>>,
    /// The same calls, for files that were renamed.
    all: Vec<&'l Call>,
    /// Paths that links and archives took in.
    taken: HashSet<PathBuf>,
    /// Where a file with this stamp was taken in under a path that a call made.
    stamps: HashMap<Stamp, PathBuf>,
    /// Calls by the names of the files that they made, folders left out.
    names: HashMap<Vec<u8>, Vec<&'l Call>>,
    /// How large files were when they were taken in, by their path.
    sizes: HashMap<PathBuf, HashSet<u64>>,
    /// Archives that were unpacked, by the folder into which.
    unpacked: HashMap<PathBuf, Vec<&'l Call>>,
    /// Names of compilers. A call of one whose kind is not known is of a compiler that the shim cannot read.
    compilers: HashSet<&'l str>,
}

/// A file as a call took it in.
struct Input {
    path: PathBuf,
    seen: Option<Stamp>,
}

impl<'l> Lineage<'l> {
    pub(crate) fn new(log: &'l Log) -> Self {
        let mut lineage = Self {
            log,
            makers: HashMap::new(),
            all: Vec::new(),
            taken: HashSet::new(),
            stamps: HashMap::new(),
            names: HashMap::new(),
            sizes: HashMap::new(),
            unpacked: HashMap::new(),
            compilers: named(log, |role| matches!(role, Role::Cc | Role::Cxx | Role::Fortran | Role::Hip)),
        };
        let archivers = named(log, |role| role == Role::Ar);
        for call in log.calls.iter().filter(|call| call.outcome() == Outcome::Succeeded) {
            if call.kind == Kind::Other && archivers.contains(call.tool.as_str()) {
                let folder = call.resolve(&Text::from("."));
                lineage.unpacked.entry(folder).or_default().push(call);
                continue;
            }
            if matches!(call.kind, Kind::Compile | Kind::Assemble | Kind::Archive | Kind::Link | Kind::Other)
                && !call.outputs.is_empty()
            {
                lineage.all.push(call);
                for output in &call.outputs {
                    let path = call.resolve(output);
                    if call.probe.is_none() {
                        lineage.names.entry(file_name(&path)).or_default().push(call);
                    }
                    lineage.makers.entry(path).or_default().push(call);
                }
                for made in call.end.iter().flat_map(|end| &end.made) {
                    lineage.sizes.entry(call.resolve(&made.path)).or_default().insert(made.size);
                }
            }
        }
        let takers = log.calls.iter().filter(|call| matches!(call.kind, Kind::Link | Kind::Archive));
        for call in takers.filter(|call| call.probe.is_none()) {
            let Ok(detail) = log.detail(call) else { continue };
            for input in inputs(call, &detail) {
                if let (Some(seen), true) = (input.seen, lineage.makers.contains_key(&input.path)) {
                    lineage.stamps.insert(seen, input.path.clone());
                    lineage.sizes.entry(input.path.clone()).or_default().insert(seen.0);
                }
                lineage.taken.insert(input.path);
            }
        }
        lineage
    }

    /// The parts of what a call linked, each once.
    pub(super) fn parts(&self, link: &'l Call) -> Vec<Part<'l>> {
        let mut walk = Walk { lineage: self, seen: HashSet::new(), parts: Vec::new() };
        walk.call(link);
        walk.parts
    }

    /// The last call that made a file at this path ahead of `before`, if its time is the file's.
    fn maker(&self, input: &Input, before: u64) -> Result<&'l Call, Option<&'l Call>> {
        let makers = self.makers.get(&input.path).map_or(&[][..], Vec::as_slice);
        let earlier = || makers.iter().rev().copied().filter(|call| call.start < before);
        let Some(seen) = input.seen else { return earlier().next().ok_or(None) };
        earlier().find(|call| wrote(call, seen)).ok_or_else(|| earlier().next())
    }

    /// The call that made a file of which this one may be a copy, and whether it had the same size.
    fn copied(&self, input: &Input, before: u64) -> Option<(&'l Call, bool)> {
        let seen = input.seen?;
        // A copy is younger than what it is a copy of.
        let earlier = |call: &&Call| {
            call.start < before && call.start <= seen.1.saturating_add(TICK) && !self.makes(call, &input.path)
        };
        let name = file_name(&input.path);
        let makers = self.names.get(&name)?.iter().rev().copied().filter(earlier);
        let mut sized = None;
        for call in makers {
            let outputs = call.outputs.iter().map(|output| call.resolve(output));
            let mut same =
                outputs.filter(|path| file_name(path) == name).filter_map(|path| self.sizes.get(&path));
            if same.any(|sizes| sizes.contains(&seen.0)) {
                return Some((call, true));
            }
            sized.get_or_insert((call, false));
        }
        sized
    }

    /// The call that made a file which has another name by now, or that unpacked it from an archive.
    pub(crate) fn elsewhere(&self, path: PathBuf, seen: Option<Stamp>, user: &Call) -> Option<&'l Call> {
        if !is_object(&path) {
            return None;
        }
        let unpacked = path.parent().and_then(|folder| self.unpacked.get(folder));
        let unpacked = unpacked.and_then(|calls| calls.iter().rev().find(|call| call.start < user.start));
        unpacked.copied().or_else(|| self.renamed(&Input { path, seen }, user.start))
    }

    fn makes(&self, call: &Call, path: &Path) -> bool {
        self.makers.get(path).is_some_and(|makers| makers.iter().any(|maker| maker.id == call.id))
    }

    /// The call that made a file which has another name by now.
    fn renamed(&self, input: &Input, before: u64) -> Option<&'l Call> {
        let seen = input.seen?;
        if let Some(path) = self.stamps.get(&seen).filter(|path| **path != input.path) {
            let twin = Input { path: path.clone(), seen: Some(seen) };
            if let Ok(call) = self.maker(&twin, before) {
                return Some(call);
            }
        }
        let free = |call: &&Call| call.outputs.iter().all(|out| !self.taken.contains(&call.resolve(out)));
        let candidates = self.all.iter().copied().filter(|call| call.start < before && wrote(call, seen));
        candidates.filter(free).min_by_key(|call| end(call).abs_diff(seen.1))
    }
}

/// Whether a file of this stamp can have been written by a call.
fn wrote(call: &Call, seen: Stamp) -> bool {
    (call.start.saturating_sub(TICK)..=end(call).saturating_add(TICK)).contains(&seen.1)
}

fn end(call: &Call) -> u64 {
    call.start.saturating_add(call.end.as_ref().map_or(0, |end| end.duration))
}

/// What a call took in: the files that it names, and the libraries that it found.
fn inputs(call: &Call, detail: &Detail) -> Vec<Input> {
    let named = call
        .inputs
        .iter()
        .enumerate()
        .map(|(at, input)| Input { path: call.resolve(input), seen: detail.seen.get(at).copied().flatten() });
    let found = detail
        .libs
        .iter()
        .map(|library| Input { path: call.resolve(&library.path), seen: Some(library.seen) });
    named.chain(found).collect()
}

/// Names of the tools that have such a role.
fn named(log: &Log, is: impl Fn(Role) -> bool) -> HashSet<&str> {
    let tools = log.session.tools.iter().filter(|tool| tool.role.is_some_and(&is));
    tools.map(|tool| tool.name.as_str()).collect()
}

/// Follows a link back.
struct Walk<'w, 'l> {
    lineage: &'w Lineage<'l>,
    seen: HashSet<&'l str>,
    parts: Vec<Part<'l>>,
}

impl<'l> Walk<'_, 'l> {
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
            let made = call.outputs.first().map_or_else(PathBuf::new, |output| call.resolve(output));
            return self.parts.push(Part::Foreign(made, &call.tool));
        }
        if matches!(call.kind, Kind::Compile | Kind::Assemble) || !detail.lang.is_empty() {
            self.parts.push(Part::Compiled(call));
        }
        if matches!(call.kind, Kind::Link | Kind::Archive | Kind::Other) {
            for input in inputs(call, &detail) {
                self.input(&input, call);
            }
        }
        // An archive grows call by call.
        if call.kind == Kind::Archive {
            for output in &call.outputs {
                let makers = self.lineage.makers.get(&call.resolve(output));
                for earlier in makers.into_iter().flatten().filter(|earlier| earlier.start < call.start) {
                    self.call(earlier);
                }
            }
        }
    }

    fn input(&mut self, input: &Input, taker: &'l Call) {
        let path = &input.path;
        match self.lineage.maker(input, taker.start) {
            Ok(maker) => return self.call(maker),
            Err(Some(maker)) if is_object(path) => {
                self.parts.push(Part::Changed(path.clone(), maker));
                return self.call(maker);
            }
            Err(_) => {}
        }
        // Neither sources nor scripts; a shared library stays outside of what is linked to it.
        if !is_object(path) {
            return;
        }
        let text = path.to_string_lossy();
        if let Some((compiler, _)) =
            FOREIGN.iter().find(|(_, ends)| ends.iter().any(|end| text.ends_with(end)))
        {
            return self.parts.push(Part::Foreign(path.clone(), compiler));
        }
        let from = path.parent().and_then(|folder| self.lineage.unpacked.get(folder));
        let unpacked: Vec<&'l Call> =
            from.into_iter().flatten().copied().filter(|call| call.start < taker.start).collect();
        if !unpacked.is_empty() {
            return unpacked.into_iter().for_each(|call| self.call(call));
        }
        let copied = self.lineage.copied(input, taker.start);
        let renamed = || self.lineage.renamed(input, taker.start);
        if let Some(maker) = copied.filter(|(_, sized)| *sized).map(|(call, _)| call).or_else(renamed) {
            return self.call(maker);
        }
        if let Some((maker, _)) = copied {
            self.parts.push(Part::Named(path.clone(), maker));
            return self.call(maker);
        }
        let elsewhere = DEPENDENCIES.iter().any(|folder| text.starts_with(folder))
            || INSTALLED.iter().any(|folder| text.contains(folder));
        let sysroot = self.lineage.log.session.sysroot.path();
        let elsewhere = elsewhere || (!sysroot.as_os_str().is_empty() && path.starts_with(sysroot));
        self.parts.push(if elsewhere {
            Part::Dependency(path.clone())
        } else {
            Part::ReadyMade(path.clone(), taker)
        });
    }
}

fn file_name(path: &Path) -> Vec<u8> {
    path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default()
}

fn is_object(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|e| OBJECTS.contains(&e))
}

/// The level that a compile was run for, by its last `-march=`; `marches` are the names with their levels.
pub(super) fn compiled_for(detail: &Detail, marches: &BTreeMap<String, u8>) -> Option<u8> {
    let march = detail.ran().iter().rev().find_map(|arg| arg.bytes().strip_prefix(b"-march="))?;
    marches.get(std::str::from_utf8(march).ok()?).copied()
}
