//! Holds wheels against the record of their build. Every ELF file and side module of WebAssembly in a wheel must have been made by a call
//! that went through the shim, and be for the machine that was asked for; nothing may name the shim
//! folder, which is gone when the wheel is used. The audit reads; it mends nothing, and what it cannot
//! decide it says instead of passing it.
//!
//! | module | subject |
//! |---|---|
//! | [`finding`] | what can be found, and how grave it is |
//! | [`expect`] | what a wheel of a family must be |
//! | [`content`] | the same asked of one file, or of some members of a wheel |
//! | [`trace`] | which call made a file, and why none did |
//! | [`lineage`] | which call made the input of another |
//! | [`walk`] | what a linked file is made of, back to its compiles |
//! | [`parts`] | what to say of these parts |
//! | [`files`] | what still lies in the build's folder |
//! | [`memory`] | what the build's own audit learned from it |
//! | [`unseen`] | compilers that went past the shim |
//! | [`member`] | the bytes of a wheel's members |

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crosswheel_shim::elf::{self as shim_elf, Machine, WASM32};

use crate::capture::{Call, Log, Text};
use crate::elf::{self, Marks};
use crate::error::{Error, IoContext, Result};
use crate::toolchain::Toolchains;
use crate::wasm;

mod content;
pub mod expect;
mod files;
pub mod finding;
pub(crate) mod lineage;
mod member;
pub mod memory;
mod parts;
mod trace;
mod unseen;
mod walk;

pub use content::{Made, maker, members};
pub use expect::Expected;
pub use finding::{Checked, Code, Evidence, Finding, Report, Severity};

use lineage::{Lineage, Part};
use member::{Binary, Needle, Scan};
use parts::Parts;
use trace::Index;

/// Audits wheels that were made in the session of `log`.
///
/// Fails only if a file is no wheel at all; all else is in the report.
pub fn audit(wheels: &[PathBuf], log: &Log, expected: &Expected) -> Result<Report> {
    let index = Index::new(log);
    let lineage = Lineage::new(log);
    let needle = Needle::new(log.session.bin.bytes());
    let marches = match expected.level {
        Some(_) => Toolchains::builtin()?.marches().into_iter().collect(),
        None => BTreeMap::new(),
    };
    let parts = Parts { log, expected, marches: &marches };
    let mut report = Report { wheels: wheels.len(), records: vec![log.path.clone()], ..Report::default() };
    let mut past = BTreeSet::new();
    for wheel in wheels {
        Wheel {
            path: wheel,
            log,
            expected,
            index: &index,
            lineage: &lineage,
            parts: &parts,
            needle: needle.as_ref(),
            past: &mut past,
            report: &mut report,
        }
        .audit()?;
    }
    elsewhere(log, &past, &mut report);
    if !lineage.clock {
        let what = "times of files do not fit those of the calls that made them: parts are known by their place alone";
        let hint = "the build's folder lies on a file system with another clock; put TMPDIR on a local one";
        report.findings.push(Finding::new(Code::ForeignClock, &log.path, None, what, hint));
    }
    report.learned = lineage.learned();
    if log.damage.any() {
        let what = format!("the record is damaged: {}", log.damage.sentences().join("; "));
        let hint = "what was made by a call that was lost cannot be traced; build again to be sure";
        report.findings.push(Finding::new(Code::DamagedRecord, &log.path, None, what, hint));
    }
    report.findings.sort_by(|a, b| {
        (a.severity, &a.wheel, &a.member, a.code).cmp(&(b.severity, &b.wheel, &b.member, b.code))
    });
    Ok(report)
}

/// Tells of compilers that went past the shim for something that is in none of the wheels, such as a generator that
/// is built for this machine on purpose.
fn elsewhere(log: &Log, past: &BTreeSet<PathBuf>, report: &mut Report) {
    if !report.passed() {
        return;
    }
    let unseen = log.calls.iter().filter(|call| call.probe.is_none() && unseen::by_unseen_driver(log, call));
    let made: BTreeSet<PathBuf> =
        unseen.flat_map(|call| call.outputs.iter().map(|output| call.resolve(output))).collect();
    let others: Vec<&PathBuf> = made.difference(past).collect();
    let Some(first) = others.first() else { return };
    let what = format!(
        "{} file{} made by a compiler that went past the shim ({}{}); none was traced into the wheel",
        others.len(),
        if others.len() == 1 { " was" } else { "s were" },
        first.file_name().unwrap_or_default().to_string_lossy(),
        if others.len() == 1 { "" } else { ", …" }
    );
    report.findings.push(Finding::new(Code::PastShimElsewhere, &log.path, None, what, unseen::HINT));
}

/// One wheel under audit.
struct Wheel<'a, 'l> {
    path: &'a Path,
    log: &'l Log,
    expected: &'a Expected,
    index: &'a Index<'l>,
    lineage: &'a Lineage<'l>,
    parts: &'a Parts<'a>,
    needle: Option<&'a Needle>,
    /// What compilers made that went past the shim, as far as it is in a wheel.
    past: &'a mut BTreeSet<PathBuf>,
    report: &'a mut Report,
}

impl<'l> Wheel<'_, 'l> {
    fn audit(&mut self) -> Result<()> {
        if self.path.is_dir() {
            if self.folder(self.path)? == 0 {
                let hint =
                    "name the wheel, the folder that holds it, or one in which it was unpacked or installed";
                self.find(
                    Code::NoElf,
                    None,
                    "holds no compiled file: nothing was held against the record",
                    hint,
                );
            }
            return Ok(());
        }
        let file = File::open(self.path).context("cannot open", self.path)?;
        let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| {
            Error::failed(format!("{}: is no wheel: {error}", self.path.display()))
                .hint("a wheel is a zip file whose name ends in .whl; a folder may be audited, too")
        })?;
        let mut binaries = 0;
        for place in 0..archive.len() {
            let mut entry = match archive.by_index(place) {
                Ok(entry) if entry.is_dir() => continue,
                Ok(entry) => entry,
                Err(error) => {
                    self.unreadable(None, &format!("entry {place}: {error}"));
                    continue;
                }
            };
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            binaries += usize::from(self.member(&name, &mut entry));
        }
        self.tag(binaries);
        Ok(())
    }

    /// A folder in the place of a wheel: what is installed, or what a build made. How many files hold machine code.
    fn folder(&mut self, folder: &Path) -> Result<usize> {
        let mut binaries = 0;
        let mut entries = std::fs::read_dir(folder)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .context("cannot list", folder)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().context("cannot look at", &path)?;
            if kind.is_dir() {
                binaries += self.folder(&path)?;
            } else if kind.is_file() || (kind.is_symlink() && self.leads_out(&path)) {
                let name = path.strip_prefix(self.path).unwrap_or(&path).to_string_lossy().into_owned();
                let mut file = File::open(&path).context("cannot open", &path)?;
                binaries += usize::from(self.member(&name, &mut file));
            }
        }
        Ok(binaries)
    }

    /// Whether a link leads to a file that is not in the folder, and so is not looked at elsewhere.
    fn leads_out(&self, link: &Path) -> bool {
        let whole = |path: &Path| path.canonicalize().ok();
        let inside = || whole(link).zip(whole(self.path)).is_some_and(|(to, home)| to.starts_with(home));
        link.is_file() && !inside()
    }

    /// Audits one member; whether it holds machine code.
    fn member(&mut self, name: &str, from: &mut impl Read) -> bool {
        match member::scan(from, self.needle) {
            Err(error) => {
                self.unreadable(Some(name), &error.to_string());
                false
            }
            Ok(scan) => {
                self.leak(name, &scan);
                match &scan.binary {
                    Some(Binary::Wasm(bytes)) => return self.wasm(name, bytes),
                    Some(Binary::Elf(bytes)) => self.elf(name, bytes),
                    Some(Binary::Archive(bytes)) => self.archive(name, bytes),
                    None => {}
                }
                scan.binary.is_some()
            }
        }
    }

    fn find(&mut self, code: Code, member: Option<&str>, what: impl Into<String>, hint: impl Into<String>) {
        self.report.findings.push(Finding::new(code, self.path, member, what, hint));
    }

    fn unreadable(&mut self, member: Option<&str>, why: &str) {
        self.find(Code::Unreadable, member, format!("cannot be read: {why}"), "make the wheel again");
    }

    fn leak(&mut self, member: &str, scan: &Scan) {
        let Some(place) = &scan.leak else { return };
        let what = format!("holds the path of the shim folder, {}, {place}", self.log.session.bin.lossy());
        // Meson looks a compiler cache up by itself and names it by its path, and some packages write down how they
        // were built. Such a text changes nothing of what runs; a path in code may be looked up.
        let code = if scan.binary.is_some() { Code::ShimPathLeak } else { Code::ShimPathInText };
        self.find(
            code,
            Some(member),
            what,
            "the build writes down which compiler it used; let it write the name (`cc`) or take the note out",
        );
    }

    fn elf(&mut self, member: &str, bytes: &[u8]) {
        let Some(facts) = shim_elf::facts(bytes) else {
            return self.find(
                Code::Unreadable,
                Some(member),
                "begins like an ELF file and is none",
                "see how it comes into the wheel; it may be cut short",
            );
        };
        let marks = Marks::of(bytes);
        let object = || {
            let call = (facts.e_type == shim_elf::ET_REL).then(|| self.lineage.object(bytes)).flatten();
            call.map(|call| (call, Evidence::Content))
        };
        let traced = self.index.trace(bytes, &facts).or_else(object);
        self.checked(member, elf::name(facts.machine), marks.isa, traced);
        self.machine(member, "", facts.machine);
        self.rpath(member, bytes, traced.map(|(call, _)| call));
        if traced.is_none() {
            let (code, what, hint) = self.index.untraced(member, &facts, &marks, self.expected);
            self.find(code, Some(member), what, hint);
        } else if facts.e_type != shim_elf::ET_REL {
            self.level(member, marks.isa, marks.rust());
        }
    }

    /// WebAssembly; whether it is code of the wheel and not a file that the package only carries.
    fn wasm(&mut self, member: &str, bytes: &[u8]) -> bool {
        let library = Path::new(member).extension().is_some_and(|ending| ending == "so");
        let kind = wasm::kind(bytes);
        let asked = self.expected.machine == Some(WASM32);
        if !library && (!asked || kind != Some(wasm::Kind::Side)) {
            return false;
        }
        let Some(kind) = kind else {
            let hint = "see how it comes into the wheel; it may be cut short";
            self.find(Code::Unreadable, Some(member), "begins like WebAssembly and is none", hint);
            return true;
        };
        let traced = self.index.whole(bytes);
        self.checked(member, elf::name(WASM32), None, traced);
        self.machine(member, "", WASM32);
        if asked && kind != wasm::Kind::Side {
            let what =
                "is no side module (it does not begin with the section dylink.0), so no Python can load it";
            let hint = format!("link it with -sSIDE_MODULE; {}", self.calls_of(member));
            self.find(Code::NoSideModule, Some(member), what, hint);
        }
        if traced.is_none() {
            let hint = self.index.origin(member.rsplit('/').next().unwrap_or(member));
            self.find(Code::Untraced, Some(member), "was not made by a recorded call", hint);
        }
        true
    }

    /// A static library: each object in it is for the machine, and a recorded call made it as it is.
    fn archive(&mut self, member: &str, bytes: &[u8]) {
        let objects = match trace::objects(bytes) {
            Ok(objects) => objects,
            Err(why) => return self.unreadable(Some(member), &why),
        };
        let machines: BTreeSet<_> = objects.iter().map(|(_, machine)| *machine).collect();
        let named: Vec<String> = machines.iter().map(|machine| elf::name(*machine)).collect();
        let traced = self.index.whole(bytes);
        self.checked(member, named.join(", "), None, traced);
        for machine in machines {
            if let Some((object, _)) = objects.iter().find(|(_, of)| *of == machine) {
                self.machine(member, object, machine);
            }
        }
        if traced.is_none() {
            let (what, hint) = self.index.untraced_archive(member);
            self.find(Code::Untraced, Some(member), what, hint);
        }
    }

    /// Notes that a file was looked at, and what it is made of.
    fn checked(
        &mut self,
        member: &str,
        machine: String,
        isa: Option<u8>,
        traced: Option<(&'l Call, Evidence)>,
    ) {
        self.report.checked.push(Checked {
            wheel: self.path.to_owned(),
            member: member.to_owned(),
            machine,
            isa,
            call: traced.map(|(call, _)| call.id.clone()),
            evidence: traced.map(|(_, evidence)| evidence),
            compiles: 0,
        });
        if let Some((call, _)) = traced {
            self.made_of(member, call);
        }
    }

    /// The machine that a file, or an object in it, is for.
    fn machine(&mut self, member: &str, object: &str, machine: Machine) {
        let Some(asked) = self.expected.machine.filter(|asked| *asked != machine) else { return };
        let of = if object.is_empty() { String::new() } else { format!("holds {object}, which ") };
        let what = format!("{of}is for {}, and {} was asked for", elf::name(machine), elf::name(asked));
        self.find(
            Code::WrongMachine,
            Some(member),
            what,
            format!("if it came with the source, take it out; if it was built, {}", self.calls_of(member)),
        );
    }

    /// Folders in which the loader looks for libraries. Elsewhere only those beside the file itself mean anything.
    fn rpath(&mut self, member: &str, bytes: &[u8], call: Option<&Call>) {
        let Some(dynamic) = elf::Dynamic::read(bytes).filter(|_| self.expected.elsewhere) else { return };
        for (name, folders) in [("RPATH", dynamic.rpath), ("RUNPATH", dynamic.runpath)] {
            let beside = |folder: &&String| folder.starts_with("$ORIGIN") || folder.starts_with("${ORIGIN}");
            let others: Vec<&str> = folders.iter().filter(|one| !beside(one)).map(String::as_str).collect();
            if others.is_empty() {
                continue;
            }
            self.find(
                Code::HostRpath,
                Some(member),
                format!("has the loader look in {}, a folder of the machine that built it ({name})", others.join(":")),
                format!(
                    "a `-rpath` or `-R` of its link{} put it there, from the package's build (runtime_library_dirs, \
                     link_args, INSTALL_RPATH) or from your LDFLAGS; take it out, or let it be $ORIGIN",
                    call.map_or_else(String::new, |call| {
                        format!(" ({})", self.log.command(&format!("show {}", call.id)))
                    })
                ),
            );
        }
    }

    /// What it was linked from.
    fn made_of(&mut self, member: &str, call: &'l Call) {
        let parts = self.lineage.parts(call);
        self.past.extend(parts.iter().filter_map(|part| match part {
            Part::Unseen(path, _) => Some(path.clone()),
            _ => None,
        }));
        let (compiles, said) = self.parts.judge(&parts);
        if let Some(checked) = self.report.checked.last_mut() {
            checked.compiles = compiles;
        }
        for (code, what, hint) in said {
            self.find(code, Some(member), what, hint);
        }
    }

    /// Where the calls that made a file are told.
    fn calls_of(&self, member: &str) -> String {
        let why = format!("why {}", Text::from(member.as_bytes()).quoted());
        format!("{} tells which calls made it", self.log.command(&why))
    }

    /// The level that the loader insists on, against that of the family.
    fn level(&mut self, member: &str, isa: Option<u8>, rust: bool) {
        let Some(level) = self.expected.level.filter(|level| *level > 1) else { return };
        let isa = isa.unwrap_or(1);
        if isa > level {
            self.find(
                Code::HigherLevel,
                Some(member),
                format!("asks the loader for x86-64-v{isa}, and the family is x86-64-v{level}"),
                format!(
                    "an object or the build's own flags carry a marker (`-mneeded`, `-z x86-64-v…`); {}",
                    self.calls_of(member)
                ),
            );
        } else if isa < level {
            self.find(
                Code::NoMarker,
                Some(member),
                format!("does not ask the loader for x86-64-v{level}: an older processor meets it as an illegal instruction"),
                if rust {
                    "rustc links by its own lld, which does not know this marker: RUSTFLAGS=-Clinker-features=-lld lets GNU ld do it"
                        .to_owned()
                } else {
                    format!("another linker than GNU ld may have linked it; {}", self.calls_of(member))
                },
            );
        }
    }

    /// What the wheel's name promises, against what is in it.
    fn tag(&mut self, elves: usize) {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let Some(platforms) = expect::platforms(&name) else { return };
        let pure = platforms.iter().all(|platform| *platform == "any");
        let works = self.index.works();
        let failed = self.log.failed_work().len();
        if !pure && elves == 0 {
            let failures = match failed {
                0 => "none failed in the record".to_owned(),
                n => format!("{n} failed in the record"),
            };
            let what = format!(
                "is tagged {} and holds no compiled file; of the compiles, {failures}",
                platforms.join(".")
            );
            self.find(
                Code::NoElf,
                None,
                what,
                format!("{} shows what went wrong", self.log.command("ls --failed --no-probe")),
            );
        }
        if pure && works > 0 {
            let what = format!(
                "is tagged any, and its build made {works} calls to compile and link ({failed} failed)"
            );
            let hint = format!(
                "the package may have fallen back to pure Python; {} shows the calls",
                self.log.command("ls --no-probe")
            );
            self.find(Code::PureAfterCompiles, None, what, hint);
        }
        let wrong = self.expected.machine.and_then(|machine| {
            platforms
                .iter()
                .find(|platform| expect::of_platform(platform).is_some_and(|tagged| tagged != machine))
        });
        if let (Some(platform), Some(machine)) = (wrong, self.expected.machine) {
            let what = format!("is tagged {platform}, and {} was asked for", elf::name(machine));
            let hint =
                "the backend tagged it for the machine that built it; _PYTHON_HOST_PLATFORM was not heeded";
            self.find(Code::WrongTag, None, what, hint);
        }
    }
}
