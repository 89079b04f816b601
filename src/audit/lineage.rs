//! What a linked file is made of: from a link back over archives, partial links and copies to the compiles, and to
//! whatever no recorded call made.
//!
//! An input is known by its path, and by its time of change, which must lie within the call that is said to have made
//! it. One that was renamed or linked under another name is known by its time alone; one that was copied (`make
//! install`) by its name and its size. What cannot be told apart from a file that came ready-made is said to be one.
//! While the build's folder is there, the content of the files decides what these leave open.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{Kind, Role};

use super::files::{self, Outputs};
use super::memory::Memory;
use super::walk::Walk;
use crate::capture::{Call, Detail, Log, Outcome, Stamp, Text};

/// How far a file's time may lie outside of the call that wrote it, nanoseconds: file systems take their time from
/// a clock that ticks 100 to 1,000 times a second.
const TICK: u64 = 20_000_000;
const SECOND: u64 = 1_000_000_000;

/// So many files must have a time that does not fit before the clock is doubted.
const MOST_CHANGED: usize = 4;

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
    Foreign(&'l str),
    /// Perhaps a copy of what this call made, which is known by its name alone.
    Named(PathBuf, &'l Call),
    /// It is not what this call made: it was changed or replaced by the time of the link.
    Changed(PathBuf, &'l Call),
}

/// Folders whose files are not the package's own.
const DEPENDENCIES: &[&str] = &["/usr/", "/lib/", "/lib64/", "/opt/"];
/// Folders of installed packages, anywhere in a path.
const INSTALLED: &[&str] = &["/site-packages/", "/dist-packages/"];

/// Extensions of files that a linker takes code from.
const OBJECTS: &[&str] = &["o", "obj", "os", "lo", "a", "lib", "rlib"];

/// Which call made which file.
pub(crate) struct Lineage<'l> {
    pub(super) log: &'l Log,
    /// Calls that made a file at this path, by their start. By the bytes of resolved paths, here and below: a path's own hash
    /// takes three times as long.
    makers: HashMap<OsString, Vec<&'l Call>>,
    /// The same calls, for files that were renamed.
    all: Vec<&'l Call>,
    /// Paths that links and archives took in.
    taken: HashSet<OsString>,
    /// Where a file with this stamp was taken in under a path that a call made.
    stamps: HashMap<Stamp, PathBuf>,
    /// Calls by the names of the files that they made, folders left out.
    names: HashMap<Vec<u8>, Vec<&'l Call>>,
    /// How large files were when they were taken in, by their path.
    sizes: HashMap<OsString, HashSet<u64>>,
    /// Archives that were unpacked, by the folder into which.
    /// Names of compilers. A call of one whose kind is not known is of a compiler that the shim cannot read.
    pub(super) compilers: HashSet<&'l str>,
    pub(super) unpacked: HashMap<PathBuf, Vec<&'l Call>>,
    /// Archivers that were given a script on stdin, which the record does not hold.
    pub(super) scripted: Vec<&'l Call>,
    /// Folders in which the build compiled.
    own: HashSet<PathBuf>,
    /// What is still there, looked for when it is asked for.
    outputs: OnceCell<Outputs<'l>>,
    /// What an earlier audit knew of inputs.
    known: HashMap<(PathBuf, Stamp), Found<'l>>,
    memory: Memory,
    /// What this one learns.
    learned: RefCell<Memory>,
    /// Whether the times of files can be held against those of calls.
    pub(super) clock: bool,
}

/// A file as a call took it in.
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) seen: Option<Stamp>,
}

/// Where a file came from that is not at the place where it was made.
#[derive(Clone, Default)]
pub(super) struct Found<'l> {
    pub(super) calls: Vec<&'l Call>,
    /// What no call made.
    pub(super) strange: Vec<PathBuf>,
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
            scripted: Vec::new(),
            own: HashSet::new(),
            outputs: OnceCell::new(),
            known: HashMap::new(),
            memory: Memory::of(log),
            learned: RefCell::default(),
            clock: true,
        };
        let archivers = named(log, |role| role == Role::Ar);
        for call in log.calls.iter().filter(|call| call.outcome() == Outcome::Succeeded) {
            if call.makes() && call.probe.is_none() {
                lineage.own.extend(call.cwd.as_ref().map(|folder| folder.path().to_owned()));
            }
            if call.kind == Kind::Query && archivers.contains(call.tool.as_str()) && is_scripted(log, call) {
                lineage.scripted.push(call);
                continue;
            }
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
                    lineage.makers.entry(path.into_os_string()).or_default().push(call);
                }
                for made in call.end.iter().flat_map(|end| &end.made) {
                    lineage
                        .sizes
                        .entry(call.resolve(&made.path).into_os_string())
                        .or_default()
                        .insert(made.size);
                }
            }
        }
        let ids: HashMap<&str, &Call> = log.calls.iter().map(|call| (call.id.as_str(), call)).collect();
        for known in lineage.memory.inputs() {
            let calls = known.calls.iter().filter_map(|id| ids.get(id.as_str()).copied()).collect();
            let strange = known.strange.iter().map(PathBuf::from).collect();
            lineage.known.insert(known.input(), Found { calls, strange });
        }
        let (mut fitting, mut others) = (0, 0);
        let takers = log.calls.iter().filter(|call| matches!(call.kind, Kind::Link | Kind::Archive));
        for call in takers.filter(|call| call.probe.is_none()) {
            let Ok(detail) = log.detail(call) else { continue };
            for input in inputs(call, &detail) {
                if let (Some(seen), true) = (input.seen, lineage.makers.contains_key(input.path.as_os_str()))
                {
                    lineage.stamps.insert(seen, input.path.clone());
                    lineage.sizes.entry(input.path.clone().into_os_string()).or_default().insert(seen.0);
                    match lineage.maker(&input, call.start) {
                        Ok(_) => fitting += 1,
                        Err(Some(_)) => others += 1,
                        Err(None) => {}
                    }
                }
                lineage.taken.insert(input.path.into_os_string());
            }
        }
        // Where most files do not fit, their times are those of another machine's clock (a network file system).
        lineage.clock = others < MOST_CHANGED || others < fitting;
        lineage
    }

    /// What was learned from files that may be gone later on.
    pub(super) fn learned(self) -> Memory {
        self.learned.into_inner()
    }

    /// What is known of an input by its content, from an earlier audit.
    pub(super) fn known(&self, input: &Input) -> Option<Found<'l>> {
        self.known.get(&(input.path.clone(), input.seen?)).cloned()
    }

    /// Keeps what the content of an input told.
    pub(super) fn learn(&self, input: &Input, found: &Found<'l>) {
        let Some(seen) = input.seen.filter(|seen| files::stamp(&input.path) == Some(*seen)) else { return };
        let calls = found.calls.iter().map(|call| call.id.clone()).collect();
        self.learned.borrow_mut().input(&input.path, seen, calls, &found.strange);
    }

    /// The parts of what a call linked, each once.
    pub(super) fn parts(&self, link: &'l Call) -> Vec<Part<'l>> {
        Walk::new(self).parts(link)
    }

    /// The last call that made a file at this path ahead of `before`, if its time is the file's.
    pub(super) fn maker(&self, input: &Input, before: u64) -> Result<&'l Call, Option<&'l Call>> {
        let makers = self.makers.get(input.path.as_os_str()).map_or(&[][..], Vec::as_slice);
        let earlier = || makers.iter().rev().copied().filter(|call| call.start < before);
        let Some(seen) = input.seen.filter(|_| self.clock) else { return earlier().next().ok_or(None) };
        earlier().find(|call| wrote(call, seen)).ok_or_else(|| earlier().next())
    }

    /// The call that made this very content, under whatever name; known while both files are there.
    pub(super) fn content(&self, bytes: &[u8]) -> Option<&'l Call> {
        self.outputs.get_or_init(|| Outputs::new(self.log)).maker(bytes)
    }

    /// The call that made an object of a wheel, while it is there, or as an earlier audit knew.
    pub(super) fn object(&self, bytes: &[u8]) -> Option<&'l Call> {
        let digest = crate::hex::digits(&crosswheel_shim::elf::sha256(bytes));
        let known = self.memory.object(&digest);
        let by_id = |id: &str| self.log.calls.iter().find(|call| call.id == id);
        let call = known.and_then(by_id).or_else(|| self.content(bytes))?;
        self.learned.borrow_mut().made_object(digest, &call.id);
        Some(call)
    }

    /// What was tools' input that the record says no times of, such as `strip`'s: the last of this place, else of this
    /// name, that may be it.
    pub(super) fn processed(&self, input: &Input, by: &Call) -> Option<&'l Call> {
        let here = self.makers.get(input.path.as_os_str()).into_iter().flatten();
        let elsewhere = self.names.get(&file_name(&input.path)).into_iter().flatten();
        let may = |call: &&&Call| call.start < by.start && !has_other_id(call, by);
        here.rev().find(may).or_else(|| elsewhere.rev().find(may)).copied()
    }

    /// Earlier calls that made the same file.
    pub(super) fn ahead(&self, call: &Call) -> Vec<&'l Call> {
        let makers =
            call.outputs.iter().filter_map(|output| self.makers.get(call.resolve(output).as_os_str()));
        makers.flatten().copied().filter(|earlier| earlier.start < call.start).collect()
    }

    /// Assembly that a compiler wrote during the build, and none that is recorded.
    pub(super) fn is_strange_assembly(&self, path: &Path) -> bool {
        let new = || files::stamp(path).is_some_and(|seen| seen.1 >= self.log.session.start);
        let strange = self.memory.is_strange_assembly(path)
            || (!self.makers.contains_key(path.as_os_str()) && new() && files::is_compiled_assembly(path));
        if strange {
            self.learned.borrow_mut().strange_assembly(path);
        }
        strange
    }

    /// The call that made a file of which this one may be a copy, and whether that is known by more than its name.
    pub(super) fn copied(&self, input: &Input, before: u64) -> Option<(&'l Call, bool)> {
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
            let named: Vec<PathBuf> = outputs.filter(|path| file_name(path) == name).collect();
            let content: Vec<_> = named.iter().map(|path| same(input, path, call)).collect();
            if content.contains(&Some(true)) {
                return Some((call, true));
            }
            if content.contains(&Some(false)) {
                continue;
            }
            let mut sizes = named.iter().filter_map(|path| self.sizes.get(path.as_os_str()));
            if sizes.any(|sizes| sizes.contains(&seen.0)) {
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
        self.makers.get(path.as_os_str()).is_some_and(|makers| makers.iter().any(|maker| maker.id == call.id))
    }

    /// The call that made a file which has another name by now.
    pub(super) fn renamed(&self, input: &Input, before: u64) -> Option<&'l Call> {
        let seen = input.seen?;
        if let Some(path) = self.stamps.get(&seen).filter(|path| **path != input.path) {
            let twin = Input { path: path.clone(), seen: Some(seen) };
            if let Ok(call) = self.maker(&twin, before) {
                return Some(call);
            }
        }
        let free =
            |call: &&Call| call.outputs.iter().all(|out| !self.taken.contains(call.resolve(out).as_os_str()));
        let candidates = self.all.iter().copied().filter(|call| call.start < before && wrote(call, seen));
        // A file that is still there under its own name, with other content, was not renamed.
        let other = |call: &&Call| {
            call.outputs.iter().any(|out| same(input, &call.resolve(out), call) == Some(false))
        };
        let candidates = candidates.filter(|call| free(call) && !other(call));
        candidates.min_by_key(|call| end(call).abs_diff(seen.1))
    }

    /// Whether a path leads to what came with a dependency or the system.
    pub(super) fn is_elsewhere(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        let sysroot = self.log.session.sysroot.path();
        // A build may happen below /opt or /usr/src.
        let own = || path.ancestors().skip(1).any(|folder| self.own.contains(folder));
        INSTALLED.iter().any(|folder| text.contains(folder))
            || (!sysroot.as_os_str().is_empty() && path.starts_with(sysroot))
            || (DEPENDENCIES.iter().any(|folder| text.starts_with(folder)) && !own())
    }
}

/// Whether an input is what a call made at `path`; `None` if one of the two is not what it was any more.
fn same(input: &Input, path: &Path, call: &Call) -> Option<bool> {
    let taken = files::unchanged(&input.path, input.seen?)?;
    let made = files::stamp(path).filter(|made| wrote(call, *made))?;
    Some(files::same(&taken, &files::unchanged(path, made)?))
}

/// Whether what a tool made has another build-id than what a call linked, and so is not of it.
fn has_other_id(call: &Call, tool: &Call) -> bool {
    let ids = |call: &Call| -> Vec<String> {
        call.end.iter().flat_map(|end| &end.made).filter_map(|made| made.build_id.clone()).collect()
    };
    let (linked, made) = (ids(call), ids(tool));
    !linked.is_empty() && !made.is_empty() && !made.iter().any(|id| linked.contains(id))
}

/// Whether an archiver reads what to do from stdin.
fn is_scripted(log: &Log, call: &Call) -> bool {
    log.detail(call).is_ok_and(|detail| detail.argv.iter().skip(1).any(|arg| arg.bytes() == b"-M"))
}

/// Whether an archiver gave the files that it unpacked the dates in the archive.
pub(super) fn keeps_dates(log: &Log, call: &Call) -> bool {
    let letters = |detail: &Detail| detail.argv.get(1).is_some_and(|arg| arg.bytes().contains(&b'o'));
    log.detail(call).is_ok_and(|detail| letters(&detail))
}

/// Whether a file of this stamp can have been written by a call.
pub(super) fn wrote(call: &Call, seen: Stamp) -> bool {
    // Some file systems keep whole seconds.
    let early = if seen.1.is_multiple_of(SECOND) { SECOND } else { TICK };
    (call.start.saturating_sub(early)..=end(call).saturating_add(TICK)).contains(&seen.1)
}

fn end(call: &Call) -> u64 {
    call.start.saturating_add(call.end.as_ref().map_or(0, |end| end.duration))
}

/// What a call took in: the files that it names, and the libraries that it found.
pub(super) fn inputs(call: &Call, detail: &Detail) -> Vec<Input> {
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

fn file_name(path: &Path) -> Vec<u8> {
    path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default()
}

pub(super) fn is_object(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|e| OBJECTS.contains(&e))
}

/// The level that a compile was run for, by its last `-march=`; `marches` are the names with their levels.
pub(super) fn compiled_for(detail: &Detail, marches: &BTreeMap<String, u8>) -> Option<u8> {
    let march = detail.ran().iter().rev().find_map(|arg| arg.bytes().strip_prefix(b"-march="))?;
    marches.get(std::str::from_utf8(march).ok()?).copied()
}
