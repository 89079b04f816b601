//! A session: one folder with a shim folder, a plan and a record, made for one family.
//!
//! ```text
//! <dir>/bin/<name>     the shim, once for each name (hard links of one file)
//! <dir>/plan           what the shim is to do
//! <dir>/record.jsonl   what it did
//! <dir>/scratch/       files that the shim must write itself
//! ```
//!
//! A folder that is not a session's own is never written into, and nothing outside of `<dir>` is changed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crosswheel_shim::plan::{self, Role};
use sha2::{Digest, Sha256};

use super::Toolchains;
use super::ask::Manner;
use super::assemble::{Assembled, Order, Places, assemble};
use super::cross::{BUILD_COMPILERS, Cross};
use super::discover::{Discovery, Extra, Found, Remark, discover};
use super::header::Header;
use super::path::{find, is_executable, is_shim_folder, without_shims};
use super::profile::Reproducible;
use super::python::Python;
use super::redirect::{self, COMMANDS, Command, Place, Redirected, redirect};
use super::rust;
use super::shortfall::Shortfalls;
use crate::environment;
use crate::error::{Error, IoContext, Result};
use crate::lock::Lock;
use crate::topology::{Family, Policy};

/// The program that stands under every name; built by `build.rs`.
static SHIM: &[u8] = include_bytes!(env!("CROSSWHEEL_SHIM"));

/// How long a compiler may take to say what it is.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a session is made of. Nothing is read from the process: path, folder and variables are given.
#[derive(Clone, Copy)]
pub struct SessionOptions<'a> {
    /// The session's folder; made if it is not there.
    pub dir: &'a Path,
    /// Names, tables and rules.
    pub toolchains: &'a Toolchains,
    /// The family that is built for.
    pub family: &'a Family,
    /// Policies, those of the command line included.
    pub policy: &'a Policy,
    /// What builds for it, if that is a cross compiler.
    pub cross: Option<&'a Cross>,
    /// How builds are made to give the same bytes; `None` leaves that to the package.
    pub reproducible: Option<&'a Reproducible>,
    /// `PATH` of the build, in which its tools are looked for.
    pub path: &'a OsStr,
    /// Where relative entries of `path` start.
    pub cwd: &'a Path,
    /// The environment of the build: a variable's value by its name.
    pub variables: &'a dyn Fn(&str) -> Option<OsString>,
    /// The Python whose setuptools will run compilers, if there is one.
    pub python: Option<&'a Python>,
    /// More programs to answer for.
    pub extra_tools: &'a [Extra],
    /// Whether a record is kept.
    pub record: bool,
}

/// A session that is ready for a build.
#[derive(Debug)]
pub struct Session {
    /// Its folder, links followed.
    pub dir: PathBuf,
    /// The shim folder.
    pub bin: PathBuf,
    /// The plan.
    pub plan: PathBuf,
    /// The record, if one is kept.
    pub record: Option<PathBuf>,
    /// SHA-256 of the plan.
    pub digest: [u8; 32],
    /// The names that are answered.
    pub tools: Vec<Found>,
    /// What could not be used, or only in part.
    pub remarks: Vec<Remark>,
    /// What some tools cannot do for the family, which matters if they are called.
    pub shortfalls: Shortfalls,
    environment: BTreeMap<OsString, Option<OsString>>,
    /// Held as long as the session lives, so that two builds never share one record.
    _lock: Lock,
}

impl Session {
    /// Makes the folder ready.
    pub fn create(options: &SessionOptions<'_>) -> Result<Self> {
        let dir = prepare(options.dir)?;
        let lock = lock(&dir)?;
        let (bin, plan, scratch) = (dir.join("bin"), dir.join("plan"), dir.join("scratch"));
        let record = options.record.then(|| dir.join("record.jsonl"));
        own_or_empty(&bin)?;
        for folder in [&bin, &scratch] {
            fs::create_dir_all(folder).context("cannot make the folder", folder)?;
        }

        let places = Places { bin: &bin, record: record.as_deref(), scratch: &scratch };
        let Composed { path, led, discovery, shortfalls, bytes } = compose(options, places)?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();

        replace(&plan, &bytes)?;
        let names: Vec<&str> = discovery.tools.iter().map(|tool| tool.name.as_str()).collect();
        install(&dir, &bin, &digest, &names)?;
        if let Some(record) = &record {
            let header = Header {
                family: &options.family.name,
                werror: options.policy.werror.name(),
                plan: &crate::hex::digits(&digest),
                bin: &bin,
                sysroot: options.cross.and_then(|cross| cross.sysroot.as_deref()),
                tools: &discovery.tools,
            };
            header.start(record)?;
        }

        let mut environment = BTreeMap::new();
        environment.insert(environment::PATH.into(), Some(in_front(&bin, &path)));
        environment.extend(led.variables.into_iter().map(|(name, value)| (name.into(), Some(value))));
        environment.extend(options.cross.map(of_target).into_iter().flatten());
        let (tools, remarks) = (discovery.tools, discovery.remarks);
        Ok(Self { dir, bin, plan, record, digest, tools, remarks, shortfalls, environment, _lock: lock })
    }

    /// The variables of a build: set to a value, or taken away. By name.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, Option<OsString>)> {
        self.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The plan's digest in hexadecimal digits.
    #[must_use]
    pub fn digest_text(&self) -> String {
        crate::hex::digits(&self.digest)
    }
}

/// A plan, and what it was made of.
struct Composed {
    /// `PATH` without shim folders.
    path: OsString,
    led: Redirected,
    discovery: Discovery,
    shortfalls: Shortfalls,
    bytes: Vec<u8>,
}

/// Looks at the machine and makes the plan; writes nothing.
fn compose(options: &SessionOptions<'_>, places: Places<'_>) -> Result<Composed> {
    let path = without_shims(options.path, options.cwd);
    // In a cross build the target's tools stand under plain names, whatever the caller or Python call theirs.
    let commands = if options.cross.is_some() { Vec::new() } else { commands(options) };
    let led = redirect(&commands, &Here { options, path: &path });
    let extra: Vec<_> = led.extra.iter().chain(options.extra_tools).cloned().collect();
    one_program_a_name(&extra)?;
    let manner = Manner { path: &path, cwd: options.cwd, patience: PATIENCE };
    let mut discovery = match options.cross {
        Some(cross) => cross.discover(options.toolchains, manner)?,
        None => discover(options.toolchains, manner, &extra),
    };
    let order = Order {
        toolchains: options.toolchains,
        family: options.family,
        policy: options.policy,
        cross: options.cross,
        reproducible: options.reproducible,
        path: &path,
    };
    let Assembled { plan: mut data, unfit, shortfalls } = assemble(order, places, &discovery.tools)?;
    data.file_limit = data.record.is_some() && file_sizes_are_limited();
    discovery.remarks.extend(unfit);
    let bytes = plan::write(&data)
        .map_err(|source| Error::failed(format!("the plan cannot be written: {source}")))?;
    Ok(Composed { path, led, discovery, shortfalls, bytes })
}

/// Whether the caller limits the sizes of files (`ulimit -f`).
fn file_sizes_are_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid `rlimit` that lives through the call, which only writes to it.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    limit.rlim_cur != libc::RLIM_INFINITY
}

/// Variables by which build systems are told the tools of the target, and those of this machine for what they build for
/// themselves. Commands that the caller gave are for this machine.
fn of_target(cross: &Cross) -> Vec<(OsString, Option<OsString>)> {
    const TOOLS: [(&str, Role, &str); 8] = [
        ("AR", Role::Ar, "ar"),
        ("CC", Role::Cc, "cc"),
        ("CXX", Role::Cxx, "c++"),
        ("FC", Role::Fortran, "gfortran"),
        ("NM", Role::Nm, "nm"),
        ("OBJCOPY", Role::Objcopy, "objcopy"),
        ("RANLIB", Role::Ranlib, "ranlib"),
        ("STRIP", Role::Strip, "strip"),
    ];
    let mut all: Vec<_> = COMMANDS.iter().map(|(name, _)| ((*name).into(), None)).collect();
    all.extend(cross.variables.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
    let tools = TOOLS.iter().filter(|(_, role, _)| cross.command(*role).is_some());
    all.extend(tools.map(|(variable, _, name)| ((*variable).into(), Some((*name).into()))));
    for (variable, (name, ..)) in
        [environment::CXX_FOR_BUILD, environment::CC_FOR_BUILD].iter().zip(BUILD_COMPILERS)
    {
        all.push(((*variable).into(), Some(name.into())));
    }
    all.extend(rust::variables(&cross.machine));
    all
}

/// Makes the folder and follows its links: the shim finds it through `/proc/self/exe`, which has none.
fn prepare(dir: &Path) -> Result<PathBuf> {
    fs::create_dir_all(dir)
        .context("cannot make the folder", dir)
        .map_err(|error| error.hint("choose another folder with `--dir`"))?;
    let dir = dir.canonicalize().context("cannot find", dir)?;
    if dir.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b':' | b'\n')) {
        return Err(Error::usage(format!(
            "the folder {} cannot be on PATH: its name holds a colon or a newline",
            dir.display()
        ))
        .hint("choose another folder with `--dir`"));
    }
    Ok(dir)
}

/// One session at a time in a folder.
fn lock(dir: &Path) -> Result<Lock> {
    let path = dir.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).context("cannot open", &path)?;
    // Some network file systems cannot lock at all; a build is not to fail for that.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(Error::usage(format!("another session is at work in {}", dir.display()))
            .hint("wait for its end, or choose another folder with `--dir`"));
    }
    Ok(Lock::held(file))
}

/// Names of an earlier session are removed from `bin`, so it must not be a folder of the user's.
fn own_or_empty(bin: &Path) -> Result<()> {
    let foreign = fs::read_dir(bin).is_ok_and(|mut entries| entries.next().is_some()) && !is_shim_folder(bin);
    if foreign {
        return Err(Error::usage(format!("{} holds files that are not a session's", bin.display()))
            .hint("choose a folder of its own with `--dir`"));
    }
    Ok(())
}

/// The commands that a build would run by path: the caller's, and those of its Python.
fn commands(options: &SessionOptions<'_>) -> Vec<Command> {
    let callers = COMMANDS.iter().filter_map(|(variable, split)| {
        let value = (options.variables)(variable)?;
        Some(Command { variable, split: *split, value })
    });
    let pythons = options.python.map(|python| python.commands(options.variables)).unwrap_or_default();
    callers.chain(pythons).collect()
}

/// The machine as the rules for commands see it.
struct Here<'a> {
    options: &'a SessionOptions<'a>,
    path: &'a OsStr,
}

impl redirect::Machine for Here<'_> {
    fn tool(&self, file_name: &str) -> Option<Place> {
        let is = self.options.toolchains.classify_name(file_name)?;
        Some(if is.role == Role::Launcher { Place::Ahead } else { Place::Last })
    }

    fn on_path(&self, name: &str) -> Option<PathBuf> {
        find(name, self.path, self.options.cwd)
    }

    fn program(&self, path: &Path) -> Option<PathBuf> {
        let path = self.options.cwd.join(path);
        is_executable(&path).then(|| path.canonicalize().ok()).flatten()
    }

    fn in_shims(&self, path: &Path) -> bool {
        self.options.cwd.join(path).parent().is_some_and(is_shim_folder)
    }
}

fn one_program_a_name(extra: &[Extra]) -> Result<()> {
    let mut programs = BTreeMap::new();
    for one in extra {
        let other = programs.insert(&one.name, &one.program);
        if let Some(other) = other.filter(|other| **other != one.program) {
            return Err(Error::usage(format!(
                "the name `{}` is asked for twice: for {} and for {}",
                one.name,
                other.display(),
                one.program.display()
            )));
        }
    }
    Ok(())
}

/// Puts the shim under every name, and takes away the names of an earlier set-up.
///
/// The plan's digest is the last of the shim's bytes and makes its time of change: a compiler cache that is called
/// by its path knows a compiler by its size and time, or by its bytes, so it can never serve one plan's objects to
/// another.
fn install(dir: &Path, bin: &Path, digest: &[u8; 32], names: &[&str]) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir).context("cannot make a file in", dir)?;
    let path = file.path().to_path_buf();
    file.write_all(SHIM).and_then(|()| file.write_all(digest)).context("cannot write", &path)?;
    let rights = fs::Permissions::from_mode(0o755);
    file.as_file().set_permissions(rights).context("cannot make executable", &path)?;
    file.as_file().set_modified(time_of(digest)).context("cannot set the time of", &path)?;
    // Closed for writing before anything may run it.
    let shim = file.into_temp_path();
    for name in names {
        put(&shim, bin, name)?;
    }
    if let Some(name) = names.first()
        && !is_executable(&bin.join(name))
    {
        return Err(Error::failed(format!("programs in {} cannot be run", bin.display()))
            .hint("the file system may be mounted with `noexec`; choose another folder with `--dir`"));
    }
    for entry in fs::read_dir(bin).context("cannot read", bin)?.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| names.contains(&name)) {
            fs::remove_file(entry.path()).context("cannot remove", entry.path())?;
        }
    }
    Ok(())
}

/// A hard link, or a copy where the file system has none; either replaces what is there in one step, since a build
/// may be running it.
fn put(shim: &Path, bin: &Path, name: &str) -> Result<()> {
    let target = bin.join(name);
    let new = bin.join(format!(".{name}.new"));
    // Left by a set-up that was killed; usually there is none.
    let _ = fs::remove_file(&new);
    if fs::hard_link(shim, &new).is_err() {
        copy(shim, &new).context("cannot write", &new)?;
    }
    fs::rename(&new, &target).context("cannot write", &target)?;
    // Renaming one link of a file onto another does nothing, and leaves both.
    let _ = fs::remove_file(&new);
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

/// A time in the past (2001 to 2017), so that no rule of a Makefile finds a compiler newer than its product.
fn time_of(digest: &[u8; 32]) -> std::time::SystemTime {
    let word = |at: usize| u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
    UNIX_EPOCH + Duration::new(1_000_000_000 + u64::from(word(0) >> 3), word(4) % 1_000_000_000)
}

/// Writes a file that everyone may read, whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder).context("cannot make a file in", folder)?;
    file.write_all(bytes).context("cannot write", path)?;
    let rights = fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(rights).context("cannot set the rights of", path)?;
    file.as_file().sync_all().context("cannot write", path)?;
    file.persist(path).map_err(|failed| failed.error).context("cannot write", path)?;
    Ok(())
}

fn in_front(bin: &Path, path: &OsStr) -> OsString {
    let mut all = bin.as_os_str().to_owned();
    if !path.is_empty() {
        all.push(":");
        all.push(path);
    }
    all
}
