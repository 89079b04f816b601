//! The names of the shim folder in a cross build, and what answers to each: a tool of the target, one of this machine, or one that
//! says that there is none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{Dialect, Role};

use super::{BUILD_COMPILERS, Cross};
use crate::elf;
use crate::error::{Error, Result};
use crate::toolchain::Toolchains;
use crate::toolchain::ask::{Manner, ask};
use crate::toolchain::discover::{self, Discovery, Found, Remark, is_driver};
use crate::toolchain::path::find;

/// Names of the shim folder that build systems and scripts take for granted.
const USUAL: [&str; 12] =
    ["ar", "as", "c++", "cc", "cpp", "g++", "gcc", "ld", "nm", "objcopy", "ranlib", "strip"];

impl Cross {
    /// All names that are answered, and what could not be used.
    pub(in crate::toolchain) fn discover(
        &self,
        toolchains: &Toolchains,
        manner: Manner<'_>,
    ) -> Result<Discovery> {
        let version = self.version(toolchains, manner)?;
        let on_path = discover::names_on_path(toolchains, manner);
        let usual =
            USUAL.iter().flat_map(|name| [(*name).to_owned(), format!("{}-{name}", self.machine.triplet)]);
        let names: BTreeSet<String> = usual.chain(on_path.keys().cloned()).collect();
        let mut found = Discovery::default();
        let own = self.names.iter();
        found.tools.extend(own.filter_map(|(name, role)| self.tool(name, *role, version)));
        for name in names {
            let Some(is) = toolchains.classify_name(&name) else { continue };
            let real = on_path.get(&name);
            let native = || real.map(|real| native(&name, is.role, real));
            // A name that is nowhere needs no answer.
            let tool =
                || self.tool(&name, is.role, version).or_else(|| real.map(|_| self.absent(&name, is.role)));
            found.tools.extend(match is.prefix.as_deref().map(elf::of_triple) {
                _ if is.role == Role::Launcher => native(),
                None => tool(),
                Some(machine) if machine == elf::of_triple(&self.machine.triplet) => tool(),
                // This machine's own compilers must not find our `ld`; one for a third machine is nobody's business here.
                Some(machine) if machine == elf::of_triple(std::env::consts::ARCH) => native(),
                Some(_) => None,
            });
        }
        for (name, role, behind) in BUILD_COMPILERS {
            let real = behind.iter().find_map(|name| find(name, manner.path, manner.cwd));
            match real {
                Some(real) => found.tools.push(native(name, role, &real)),
                None => found.remarks.push(Remark {
                    name: name.to_owned(),
                    path: PathBuf::new(),
                    what:
                        "this machine has no compiler of its own; a build that makes a tool for itself fails"
                            .into(),
                }),
            }
        }
        found.tools.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// What the C compiler says of itself; that it is what the files say it is.
    fn version(&self, toolchains: &Toolchains, manner: Manner<'_>) -> Result<discover::Version> {
        let Some((program, _)) = self.command(Role::Cc) else { return Ok((0, 0, 0)) };
        let text = self.say("--version", manner)?;
        if toolchains.recognise(&text) != Some(self.dialect) {
            let first = text.lines().next().unwrap_or_default();
            return Err(Error::failed(format!(
                "{} says `{first}`, and is not {}",
                program.display(),
                self.compiler
            )));
        }
        let machine = self.say("-dumpmachine", manner)?;
        if elf::of_triple(machine.trim()) != elf::of_triple(&self.machine.triplet) {
            return Err(Error::failed(format!(
                "{} makes code for {}, and the family is for {}",
                program.display(),
                machine.trim(),
                self.machine.name
            )));
        }
        if self.machine.system == "emscripten" {
            // What it calls its version is not that of its clang.
            return Ok(clang_version(&self.say("-E -dM -x c /dev/null", manner)?));
        }
        Ok(discover::version_in(&text).unwrap_or_default())
    }

    /// What the C compiler answers to a question of one or more words.
    pub(super) fn say(&self, question: &str, manner: Manner<'_>) -> Result<String> {
        let Some((program, lead)) = self.command(Role::Cc) else { return Ok(String::new()) };
        let words: Vec<&str> =
            lead.iter().chain(&self.asks).map(String::as_str).chain(question.split(' ')).collect();
        ask(program, &words, manner).map_err(|why| {
            Error::failed(format!("{}: asked for `{question}`, {why}", program.display())).hint(&*self.why)
        })
    }

    /// A name for a tool of the target, if it has one.
    fn tool(&self, name: &str, role: Role, version: discover::Version) -> Option<Found> {
        let (program, lead) = self.command(role)?;
        let driver = is_driver(role);
        let dialect = match role {
            _ if driver => self.dialect,
            Role::Ld => Dialect::Ld,
            Role::Ar => Dialect::Ar,
            Role::Strip | Role::Objcopy => Dialect::Objcopy,
            _ => Dialect::Plain,
        };
        Some(Found {
            name: name.to_owned(),
            real: program.to_owned(),
            lead: lead.to_vec(),
            asks: if driver { self.asks.clone() } else { Vec::new() },
            launcher: None,
            role,
            dialect,
            machine: if driver { self.machine.triplet.clone() } else { String::new() },
            version: driver.then_some(version),
            plain: false,
        })
    }

    /// A name for a tool that the target lacks: it says so.
    fn absent(&self, name: &str, role: Role) -> Found {
        let hint = self.mend(role).map_or_else(String::new, |mend| format!("\nhint: {mend}"));
        let told = format!(
            "crosswheel: {name}: there is none for {} with the compiler {}, and the one of this machine would do harm{hint}",
            self.machine.triplet, self.compiler
        );
        let script = format!("echo '{}' >&2\nexit 1", told.replace('\'', r"'\''"));
        Found { lead: vec!["-c".into(), script, name.to_owned()], ..native(name, role, Path::new("/bin/sh")) }
    }
}

/// A tool of this machine: recorded and left as it is.
fn native(name: &str, role: Role, real: &Path) -> Found {
    let dialect = match role {
        Role::Cc | Role::Cxx => Dialect::Gcc,
        _ => Dialect::Plain,
    };
    Found {
        name: name.to_owned(),
        real: real.to_owned(),
        lead: Vec::new(),
        asks: Vec::new(),
        launcher: None,
        role,
        dialect,
        machine: String::new(),
        version: None,
        plain: true,
    }
}

/// The version of clang that its own macros tell.
fn clang_version(macros: &str) -> discover::Version {
    let number = |name: &str| {
        let line = macros.lines().find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_default()
    };
    (number("__clang_major__ "), number("__clang_minor__ "), number("__clang_patchlevel__ "))
}
