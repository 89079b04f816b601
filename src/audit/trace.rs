//! Which recorded call made a file: by build-id, which a linker writes and `strip`, `patchelf` and Meson's
//! change of the rpath leave; else by the digest of what the loader maps; else by all bytes. And if none
//! did: the likely way round the shim.

use std::collections::HashMap;

use crosswheel_shim::elf::{ET_REL, Facts, Machine, facts as elf_facts, load_digest, sha256};
use crosswheel_shim::plan::Kind;

use object::read::archive::ArchiveFile;

use super::expect::Expected;
use super::finding::{Code, Evidence};
use super::unseen::{self, by_unseen_driver};
use crate::capture::{Call, Log, Outcome, Text};
use crate::elf::Marks;

/// What the calls of a session made.
pub(super) struct Index<'l> {
    log: &'l Log,
    build_ids: HashMap<&'l str, &'l Call>,
    loads: HashMap<&'l str, &'l Call>,
    files: HashMap<&'l str, &'l Call>,
    /// Build-ids of what a compiler linked that nobody saw, and the call of our linker that tells of it.
    past: HashMap<&'l str, &'l Call>,
}

impl<'l> Index<'l> {
    pub(super) fn new(log: &'l Log) -> Self {
        let mut index = Self {
            log,
            build_ids: HashMap::new(),
            loads: HashMap::new(),
            files: HashMap::new(),
            past: HashMap::new(),
        };
        for call in log.calls.iter().filter(|call| call.outcome() == Outcome::Succeeded) {
            if call.end.iter().any(|end| !end.made.is_empty()) && by_unseen_driver(log, call) {
                let made = call.end.iter().flat_map(|end| &end.made);
                index.past.extend(made.filter_map(|made| Some((made.build_id.as_deref()?, call))));
                continue;
            }
            for made in call.end.iter().flat_map(|end| &end.made) {
                if let Some(id) = made.build_id.as_ref().filter(|_| call.kind == Kind::Link) {
                    index.build_ids.insert(id, call);
                }
                if let Some(load) = made.load.as_ref().filter(|_| call.kind == Kind::Link) {
                    index.loads.insert(load, call);
                }
                index.files.insert(&made.sha256, call);
            }
        }
        // Where a file was stripped or copied afterwards, its link tells what is in it. Of what nobody linked, the tool
        // that came last does.
        for call in
            log.calls.iter().filter(|call| call.kind != Kind::Link && call.outcome() == Outcome::Succeeded)
        {
            for made in call.end.iter().flat_map(|end| &end.made) {
                if let Some(id) = made.build_id.as_deref().filter(|id| !index.past.contains_key(id)) {
                    let known = index.build_ids.entry(id).or_insert(call);
                    *known = if known.kind == Kind::Link { *known } else { call };
                }
                if let Some(load) = made.load.as_deref() {
                    let known = index.loads.entry(load).or_insert(call);
                    *known = if known.kind == Kind::Link { *known } else { call };
                }
            }
        }
        index
    }

    /// The call that made a file, and by what that is known.
    pub(super) fn trace(&self, bytes: &[u8], facts: &Facts<'_>) -> Option<(&'l Call, Evidence)> {
        let by_id = facts.build_id.and_then(|id| self.build_ids.get(&*crate::hex::digits(id)));
        if let Some(call) = by_id.filter(|call| !self.names_its_id(call)) {
            return Some((call, Evidence::BuildId));
        }
        // Digests cost a pass over the file each: only where they are needed.
        if let Some(call) = load_digest(bytes).and_then(|load| self.loads.get(&*crate::hex::digits(&load))) {
            return Some((call, Evidence::Load));
        }
        self.whole(bytes)
    }

    /// Whether a link was told its build-id, which then says nothing of what is in the file.
    fn names_its_id(&self, call: &Call) -> bool {
        let told = |arg: &Text| {
            arg.bytes().windows(13).any(|window| window == b"--build-id=0x" || window == b"--build-id=0X")
        };
        self.log.detail(call).is_ok_and(|detail| detail.ran().iter().any(told))
    }

    /// The call that made a file of these very bytes.
    pub(super) fn whole(&self, bytes: &[u8]) -> Option<(&'l Call, Evidence)> {
        self.files.get(&*crate::hex::digits(&sha256(bytes))).map(|call| (*call, Evidence::Sha256))
    }

    /// What to say of a static library that no call made as it is.
    pub(super) fn untraced_archive(&self, member: &str) -> (String, String) {
        let name = member.rsplit('/').next().unwrap_or(member);
        match self.maker(name) {
            Some(call) => (
                format!("is not what call {} made under this name", call.id),
                "it was changed afterwards by a tool outside of the shim, or an older one was packed from a build folder \
                 that was used again"
                    .to_owned(),
            ),
            None => (
                "was not made by a recorded call".to_owned(),
                "it came ready-made with the source or from a dependency; take it out, or have it built".to_owned(),
            ),
        }
    }

    /// Compiles and links that are no probes, whether they went well or not.
    pub(super) fn works(&self) -> usize {
        let work = |call: &&Call| call.probe.is_none() && call.parent.is_none() && call.makes();
        self.log.calls.iter().filter(work).count()
    }

    /// What to say of a file that no call made: code, what is wrong, the likely way and the mend.
    pub(super) fn untraced(
        &self,
        member: &str,
        facts: &Facts<'_>,
        marks: &Marks,
        expected: &Expected,
    ) -> (Code, String, String) {
        let name = member.rsplit('/').next().unwrap_or(member);
        if facts.e_type == ET_REL {
            return match self.maker(name) {
                Some(call) => (
                    Code::UntracedObject,
                    format!("is an object, known by its name alone: call {} made one of it", call.id),
                    "the record does not hold what is in objects; audit it while the build's folder is still there"
                        .to_owned(),
                ),
                None => (
                    Code::Untraced,
                    "is an object, and no recorded call made one of its name".to_owned(),
                    self.likely(member, name, facts, marks, expected),
                ),
            };
        }
        if let Some(call) = facts.build_id.and_then(|id| self.past.get(&*crate::hex::digits(id))) {
            let what =
                format!("was made by a compiler that went past the shim (call {} is its linker)", call.id);
            return (Code::Untraced, what, unseen::HINT.to_owned());
        }
        let what = "was not made by a recorded call".to_owned();
        (Code::Untraced, what, self.likely(member, name, facts, marks, expected))
    }

    fn likely(
        &self,
        member: &str,
        name: &str,
        facts: &Facts<'_>,
        marks: &Marks,
        expected: &Expected,
    ) -> String {
        if marks.go {
            return "Go's own linker made it, which calls no compiler; it cannot go through the shim".into();
        }
        if marks.rust() {
            return "rustc made it and linked it past the shim: let cargo link with the `cc` of the shim folder \
                    (CARGO_TARGET_<TRIPLE>_LINKER=cc)"
                .into();
        }
        if expected.machine.is_some_and(|machine| machine != facts.machine) {
            return "it is for another machine, so it came ready-made with the source or from a dependency; \
                    take it out, or have it built"
                .into();
        }
        if member.split_once('/').is_some_and(|(folder, _)| folder.strip_suffix(".libs").is_some()) {
            return "a repair tool copied it from the system (auditwheel's `.libs`); audit the wheel before it is \
                    repaired, or build that library too"
                .into();
        }
        self.origin(name)
    }

    /// Where a file of this name may have come from, if its content tells nothing.
    pub(super) fn origin(&self, name: &str) -> String {
        if let Some(call) = self.maker(name) {
            return format!(
                "call {} made a file of this name, and this is not it: it was changed afterwards by a tool outside \
                 of the shim, an older one was packed from a build folder that was used again, or the record is that \
                 of another build",
                call.id
            );
        }
        let links = self.log.calls.iter().any(|call| call.kind == Kind::Link && call.probe.is_none());
        if links {
            format!(
                "it came ready-made with the source, or one part of the build calls a compiler by its absolute path \
                 (a cached CMAKE_C_COMPILER, a path in a setup.cfg); {} shows what went through the shim",
                self.log.command("ls --kind link")
            )
        } else {
            "no link went through the shim at all: the build calls a compiler by its absolute path (CC and LDSHARED \
             of Python's sysconfig, a cached CMAKE_C_COMPILER); set CC and CXX to names, or begin with an empty \
             build folder"
                .into()
        }
    }

    /// The last call with an output of this file name that is no probe.
    fn maker(&self, name: &str) -> Option<&'l Call> {
        let named = |output: &Text| file_name(output) == name.as_bytes();
        self.log.calls.iter().rev().find(|call| call.probe.is_none() && call.outputs.iter().any(named))
    }
}

/// A path without its folders.
fn file_name(path: &Text) -> &[u8] {
    path.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The ELF objects of a static library, with what runs each.
pub(super) fn objects(bytes: &[u8]) -> Result<Vec<(String, Machine)>, String> {
    let archive = ArchiveFile::parse(bytes).map_err(|error| error.to_string())?;
    let mut objects = Vec::new();
    for member in archive.members() {
        let member = member.map_err(|error| error.to_string())?;
        let content = member.data(bytes).map_err(|error| error.to_string())?;
        if let Some(facts) = elf_facts(content) {
            objects.push((String::from_utf8_lossy(member.name()).into_owned(), facts.machine));
        }
    }
    Ok(objects)
}
