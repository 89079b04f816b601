//! Cross compilers: what a family that names a C library is built by. From the toolchain files, the family and a choice
//! come a command for each role, and from these the names in the shim folder: the usual ones, which now mean the
//! target's tools, and `build-cc` and `build-c++`, which mean this machine's.
//!
//! A tool of this machine must never work on the target's files in silence. A name that is on `PATH`, and for which
//! there is no tool of the target, is answered by one that says so and fails.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{Dialect, Kind, Role};

use super::Toolchains;
use super::ask::Manner;
use super::discover;
use super::file::{ByLibc, CompilerRow, VaList};
use super::path::find;
use crate::error::{Error, Result};
use crate::source::near::suggest;
use crate::topology::{EmscriptenVersion, Family, Target, Unwinding};

mod answers;

/// What builds a family of Linux for which nothing else is asked.
pub const DEFAULT_COMPILER: &str = "zig";

/// Names for this machine's own compilers, and what on `PATH` stands behind each.
pub const BUILD_COMPILERS: [(&str, Role, [&str; 2]); 2] =
    [("build-c++", Role::Cxx, ["c++", "g++"]), ("build-cc", Role::Cc, ["cc", "gcc"])];

/// A machine with its C library, as the files describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// As in platform tags: `aarch64`.
    pub name: String,
    /// Prefix of GNU cross tools.
    pub triplet: String,
    /// In file names of extension modules.
    pub multiarch: String,
    /// Its system as Meson and `sys.platform` call it: `linux`, `emscripten`.
    pub system: String,
    /// `cpu_family` and `cpu` of Meson.
    pub meson: (String, String),
    /// Its `long double` as numpy's build calls it.
    pub longdouble: String,
    /// As rustc names it with this C library.
    pub rust: String,
    /// The program of QEMU's user mode, without `-static`, if there is one.
    pub qemu: Option<String>,
    /// The dynamic loader, seen from `/`, if it is known.
    pub loader: Option<String>,
    /// What C is on it.
    pub abi: Abi,
}

/// A machine as Debian knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebianMachine<'a> {
    /// As in platform tags: `aarch64`.
    pub name: &'a str,
    /// Debian's name of the architecture: `arm64`.
    pub debian: &'a str,
    /// Debian's multiarch triplet.
    pub triplet: &'a str,
    /// The program of QEMU's user mode.
    pub qemu: &'a str,
    /// The dynamic loader of glibc, seen from `/`.
    pub loader: &'a str,
}

/// Sizes in bytes, and other facts of C on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abi {
    /// Of pointers, `long` and `size_t`.
    pub pointer: u32,
    /// Most significant byte first.
    pub big_endian: bool,
    /// Size of `long double`.
    pub long_double: u32,
    /// Alignment of `max_align_t`, at the most.
    pub max_align: u32,
    /// Whether `va_list` is an array.
    pub va_list_is_array: bool,
    /// Whether `wchar_t` has no sign.
    pub unsigned_wchar: bool,
    /// Size of `time_t`.
    pub time_t: u32,
    /// What it was in older compilers.
    pub old_time_t: Option<u32>,
}

impl Machine {
    /// Bits in the mantissa of `long double`, by the name of its format; `None` if the name is not one.
    #[must_use]
    pub fn long_double_digits(&self) -> Option<u32> {
        const FORMATS: [(&str, u32); 4] =
            [("IBM_DOUBLE_DOUBLE_", 106), ("IEEE_DOUBLE_", 53), ("IEEE_QUAD_", 113), ("INTEL_EXTENDED_", 64)];
        FORMATS.iter().find(|(head, _)| self.longdouble.starts_with(head)).map(|(_, digits)| *digits)
    }
}

/// A package of PyPI that holds a compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// `name==version`.
    pub requirement: String,
    /// Its program, below the folder that it is installed in.
    pub program: PathBuf,
    /// What is fetched.
    pub megabytes: u32,
}

impl Package {
    /// Name of the folder that it is kept in.
    #[must_use]
    pub fn folder(&self) -> String {
        self.requirement.replace("==", "-")
    }
}

/// What stands for each role.
#[derive(Clone, Debug)]
pub struct Cross {
    /// The choice: `zig`.
    pub compiler: String,
    /// The machine.
    pub machine: Machine,
    /// Whether it links for the C library that the family names.
    pub pins_libc: bool,
    /// Ahead of the arguments of every compile and link.
    pub target: Vec<String>,
    /// In its place where only something is asked.
    pub asks: Vec<String>,
    /// What the rules of this compiler put into every link.
    pub links: Vec<String>,
    /// Variable with the folder of its own cache, and the one for what belongs to a build.
    pub caches: (Option<String>, Option<String>),
    /// Variables that it reads, with their values.
    pub variables: Vec<(OsString, OsString)>,
    /// Folder of the target's headers and libraries that a build sees, if there are any.
    pub sysroot: Option<PathBuf>,
    /// Whether static libraries of it are preferred.
    pub static_libraries: bool,
    /// Variable that names the Python that its drivers run on.
    pub python: Option<String>,
    /// Its version of Emscripten, once it was asked.
    pub emscripten: Option<EmscriptenVersion>,
    /// How exceptions go through what it makes.
    pub unwinding: Unwinding,
    /// What rules are filled in with, by placeholder.
    pub fills: BTreeMap<&'static str, Vec<Vec<u8>>>,
    dialect: Dialect,
    commands: BTreeMap<Role, (PathBuf, Vec<String>)>,
    /// Names of its own, with their roles.
    names: BTreeMap<String, Role>,
    lacks: BTreeMap<Role, String>,
    why: String,
}

impl Toolchains {
    /// Names of the cross compilers that there are.
    pub fn cross_compilers(&self) -> impl Iterator<Item = &str> {
        self.compilers.keys().map(String::as_str)
    }

    /// What builds a family for which nothing else is asked.
    #[must_use]
    pub fn default_compiler(&self, family: &Family) -> &str {
        let own = |(name, row): (_, &CompilerRow)| (row.os == family.target.os).then_some(name);
        let plain = self.compilers.get(DEFAULT_COMPILER).is_some_and(|row| row.os == family.target.os);
        let other = || self.compilers.iter().find_map(|(name, row)| own((name.as_str(), row)));
        if plain { DEFAULT_COMPILER } else { other().unwrap_or(DEFAULT_COMPILER) }
    }

    /// The package that a cross compiler comes in, if it does.
    pub fn cross_package(&self, compiler: &str) -> Result<Option<Package>> {
        let row = self.cross_compiler(compiler)?;
        Ok(row.package.clone().zip(row.program.as_ref()).map(|(requirement, program)| Package {
            requirement,
            program: program.into(),
            megabytes: row.megabytes.unwrap_or_default(),
        }))
    }

    /// What the injections for a compiler put into its links.
    fn link_flags(&self, compiler: &str, machine: &str) -> Vec<String> {
        let of_it = self.injections.iter().filter(|row| {
            row.when.compiler.as_deref() == Some(compiler)
                && row.when.machine.as_deref().is_none_or(|asked| asked == machine)
                && row.kinds.0.has(Kind::Link)
        });
        of_it.flat_map(|row| row.flags.iter().map(|flag| flag.get_ref().clone())).collect()
    }

    /// Refuses a compiler that is for another system than a family, which can be told before it is fetched.
    pub fn check_compiler(&self, compiler: &str, family: &Family) -> Result<()> {
        let row = self.cross_compiler(compiler)?;
        if row.os != family.target.os {
            return Err(Error::usage(format!(
                "{compiler} does not build for the target `{}`",
                family.target.name
            ))
            .hint(format!("leave --compiler out, for {}", self.default_compiler(family))));
        }
        Ok(())
    }

    fn cross_compiler(&self, name: &str) -> Result<&CompilerRow> {
        self.compilers.get(name).ok_or_else(|| {
            Error::usage(format!("unknown cross compiler `{name}`"))
                .hint(suggest(name, self.cross_compilers()))
        })
    }

    /// Machines of which Debian has packages, by name.
    pub fn debian_machines(&self) -> impl Iterator<Item = DebianMachine<'_>> {
        self.machine_rows.iter().filter_map(|(name, row)| {
            Some(DebianMachine {
                name,
                debian: row.debian.as_deref()?,
                triplet: row.multiarch.get("gnu")?,
                qemu: row.qemu.as_deref()?,
                loader: row.loader.get("gnu")?,
            })
        })
    }

    /// What is known of a target's machine.
    pub fn machine(&self, target: &Target) -> Result<Machine> {
        let unknown = || {
            Error::usage(format!("nothing is known of the machine of target `{}`", target.name))
                .hint(suggest(&target.machine, self.machine_rows.keys().map(String::as_str)))
        };
        let row = self.machine_rows.get(&target.machine).ok_or_else(unknown)?;
        let named = |table: &BTreeMap<String, String>| table.get(&target.libc).cloned().ok_or_else(unknown);
        let size = |bytes: &ByLibc<u32>| bytes.get(&target.libc).copied().ok_or_else(unknown);
        let pointer = row.abi.bits / 8;
        Ok(Machine {
            name: target.machine.clone(),
            triplet: named(&row.triplet)?,
            multiarch: named(&row.multiarch)?,
            system: row.meson.system.clone(),
            meson: (row.meson.cpu_family.clone(), row.meson.cpu.clone()),
            longdouble: row.longdouble.get(&target.libc).cloned().ok_or_else(unknown)?,
            rust: named(&row.rust)?,
            qemu: row.qemu.clone(),
            loader: row.loader.get(&target.libc).cloned(),
            abi: Abi {
                pointer,
                big_endian: row.abi.big_endian,
                long_double: size(&row.abi.long_double)?,
                max_align: row.abi.max_align,
                unsigned_wchar: row.abi.unsigned_wchar,
                va_list_is_array: row.abi.va_list == VaList::Array,
                old_time_t: row.abi.old_time_t,
                time_t: row.abi.time_t.as_ref().map_or(Ok(pointer), size)?,
            },
        })
    }
}

impl Cross {
    /// Finds the commands of a compiler for a family: on `PATH`, or in the `package` that was fetched.
    pub fn resolve(
        toolchains: &Toolchains,
        family: &Family,
        compiler: &str,
        package: Option<&Path>,
        (path, cwd): (&OsStr, &Path),
    ) -> Result<Self> {
        toolchains.check_compiler(compiler, family)?;
        let row = toolchains.cross_compiler(compiler)?;
        let machine = toolchains.machine(&family.target)?;
        let version = family.libc_version.map(|version| version.to_string()).unwrap_or_default();
        let plain = row.machine.get(&machine.name).and_then(|by| by.get(&family.target.libc)).cloned();
        if plain.is_none() && !row.machine.is_empty() {
            return Err(Error::usage(format!(
                "{compiler} does not build for the target `{}`",
                family.target.name
            ))
            .hint("choose another with --compiler"));
        }
        if let Some(level) = family.level.filter(|_| plain.is_some()) {
            return Err(Error::usage(format!(
                "{compiler} does not mark what it links with the level {level}"
            ))
            .hint("build this family with `--compiler gcc`"));
        }
        let plain = plain.unwrap_or_default();
        let pinned = if family.target.libc == "gnu" { format!("{plain}.{version}") } else { plain.clone() };
        let program = package.map(|folder| folder.join(row.program.as_deref().unwrap_or_default()));
        let fill = |text: &String| {
            let program = program.as_ref().map(|program| program.to_string_lossy().into_owned());
            text.replace("{program}", &program.unwrap_or_default())
                .replace("{triplet}", &machine.triplet)
                .replace("{zig}", &pinned)
                .replace("{zig_plain}", &plain)
                .replace("{libc_version}", &version)
        };
        let mut commands = BTreeMap::new();
        for (role, choices) in &row.tools {
            let found = choices.iter().find_map(|words| {
                let (name, lead) = words.split_first()?;
                let name = fill(name);
                let program = if name.contains('/') { Some(name.into()) } else { find(&name, path, cwd) };
                Some((program?, lead.iter().map(&fill).collect()))
            });
            commands.extend(found.map(|found| (role.0, found)));
        }
        let why = fill(&row.why);
        let abi = row.abi.get(&machine.name).and_then(|by| by.get(&family.target.libc));
        let lacks = row.lacks.iter().map(|(role, mend)| (role.0, fill(mend))).collect();
        if !commands.contains_key(&Role::Cc) {
            return Err(Error::failed(format!(
                "no C compiler of {compiler} for {} is on PATH",
                machine.triplet
            ))
            .hint(format!("{why}; or choose another with --compiler")));
        }
        Ok(Self {
            compiler: compiler.to_owned(),
            pins_libc: row.pins_libc,
            target: row.target.iter().chain(abi.into_iter().flatten()).map(&fill).collect(),
            asks: row.asks.iter().map(&fill).collect(),
            links: toolchains.link_flags(compiler, &machine.name),
            caches: (row.cache.clone(), row.local_cache.clone()),
            variables: Vec::new(),
            python: row.python.clone(),
            emscripten: None,
            unwinding: family.abi.as_ref().map(|abi| abi.unwinding).unwrap_or_default(),
            sysroot: None,
            static_libraries: false,
            fills: BTreeMap::from([
                ("build_triplet", vec![build_triplet().into_bytes()]),
                ("target_triples", triples(&machine)),
                ("multiarch", vec![machine.multiarch.clone().into_bytes()]),
            ]),
            dialect: row.dialect.0,
            machine,
            commands,
            names: row.names.iter().map(|(name, role)| (name.clone(), role.0)).collect(),
            lacks,
            why,
        })
    }

    /// Asks Emscripten for its version.
    pub fn ask_emscripten(&self, manner: Manner<'_>) -> Result<EmscriptenVersion> {
        let text = self.say("--version", manner)?;
        let version =
            discover::version_in(&text).map(|(major, minor, patch)| EmscriptenVersion(major, minor, patch));
        version.filter(|_| text.contains("Emscripten")).ok_or_else(|| {
            let first = text.lines().next().unwrap_or_default();
            Error::failed(format!("{} says `{first}`, and is not Emscripten", self.compiler)).hint(&*self.why)
        })
    }

    /// The command for a role: a program and its first arguments.
    #[must_use]
    pub fn command(&self, role: Role) -> Option<(&Path, &[String])> {
        self.commands.get(&role).map(|(program, lead)| (program.as_path(), lead.as_slice()))
    }

    /// What to do about a role for which there is no command; `None` if there is one, or nothing is known.
    #[must_use]
    pub fn mend(&self, role: Role) -> Option<&str> {
        self.lacks.get(&role).filter(|_| !self.commands.contains_key(&role)).map(String::as_str)
    }

    /// Adds what a placeholder of rules stands for.
    pub fn fill(&mut self, placeholder: &'static str, paths: &[PathBuf]) {
        let bytes = paths.iter().map(|path| path.as_os_str().as_bytes().to_vec());
        self.fills.entry(placeholder).or_default().extend(bytes);
    }
}

/// Names by which a build may tell a compiler the target that it has already.
fn triples(machine: &Machine) -> Vec<Vec<u8>> {
    [&machine.triplet, &machine.multiarch, &machine.rust]
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect()
}

/// This machine's triplet, by which Debian names folders of its libraries.
fn build_triplet() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}
