//! Arguments that `run` and `env` share: what a session is made for, and where.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::libraries::LibraryArgs;
use super::out;
use crate::build::cross::compiler::for_session;
use crate::build::cross::system;
use crate::build::{Event, Observer};
use crate::environment::{self, VARIABLES};
use crate::error::{Error, Result};
use crate::hex;
use crate::target::emulator::Emulator;
use crate::toolchain::Toolchains;
use crate::toolchain::discover::is_driver;
use crate::toolchain::path::without_shims;
use crate::toolchain::session::{Session, SessionOptions};
use crate::topology::{Family, Policy, Topology, Werror};

/// Where programs are looked for when the caller has no PATH at all.
pub(super) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a session is made for, and where.
#[derive(clap::Args)]
pub(super) struct SessionArgs {
    /// Family to build for, such as `host` or `x86-64-v3`
    #[arg(short, long, value_name = "FAMILY")]
    pub(super) family: String,
    /// Topology that knows the family [default: BUILD_TOPOLOGY.toml here or above, else the built-in one]
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// What becomes of -Werror: keep, drop, demote, or add=WARNING,… [default: as the topology says]
    #[arg(long, value_name = "POLICY", value_parser = WerrorChoice::parse)]
    werror: Option<WerrorChoice>,
    /// Folder for the shim folder, the plan and the record [default: .crosswheel/FAMILY]
    #[arg(long, visible_alias = "log", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The cross compiler of a family that names a C library: zig, or gcc, which is `<triplet>-gcc` on PATH [default: zig]
    #[arg(long, value_name = "NAME")]
    compiler: Option<String>,
    #[command(flatten)]
    libraries: LibraryArgs,
    /// Run programs of the target by this emulator; `run` tells the kernel so for its command alone
    #[arg(long, value_name = "EMULATOR")]
    run_tests_with: Option<RunTests>,
    /// Fetch no cross compiler and no library
    #[arg(long)]
    offline: bool,
    /// Keep no record
    #[arg(long)]
    no_log: bool,
}

/// Choices of `--run-tests-with`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RunTests {
    /// QEMU's user mode, with the C library of `crosswheel python add`
    Qemu,
}

/// What `--werror` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WerrorChoice {
    policy: Werror,
    /// For `add`: the warnings; `None` takes those of the topology.
    warnings: Option<Vec<String>>,
}

impl WerrorChoice {
    /// Reads it as it is typed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, list) = text.split_once('=').map_or((text, None), |(name, list)| (name, Some(list)));
        let policy = Werror::ALL.into_iter().find(|policy| policy.name() == name);
        let policy = policy.ok_or("it is one of keep, drop, demote, add=WARNING,…")?;
        let warnings = list.map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>());
        match &warnings {
            Some(_) if policy != Werror::Add => Err(format!("`{name}` takes no list of warnings")),
            Some(list) => match list.iter().find(|warning| !is_warning(warning)) {
                Some(wrong) => Err(format!("`{wrong}` is no name of a warning, such as `return-type`")),
                None => Ok(Self { policy, warnings }),
            },
            None => Ok(Self { policy, warnings }),
        }
    }

    /// Changes what the topology says.
    pub(super) fn apply(&self, policy: &mut Policy) -> Result<()> {
        policy.werror = self.policy;
        if let Some(warnings) = &self.warnings {
            policy.werror_flags.clone_from(warnings);
        }
        if policy.werror == Werror::Add && policy.werror_flags.is_empty() {
            return Err(Error::usage("`--werror add` is given without warnings, and the topology has none")
                .hint("name them: `--werror add=return-type,format-security`"));
        }
        Ok(())
    }
}

/// A warning as it is spelled behind `-W`, without that.
fn is_warning(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-+=_".contains(&byte);
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && name.bytes().all(inner)
}

impl SessionArgs {
    /// The plan of a session for these arguments, without touching a session that a build may be at work in.
    /// It is made once and kept as long as nothing that goes into it has changed.
    pub(super) fn plan(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.dir {
            // The plan that a session had, whatever has changed since.
            return Ok(dir.join("plan"));
        }
        let kept = cache_folder().join("explain").join(self.fingerprint());
        let plan = kept.join("plan");
        if !plan.is_file() {
            self.create_in(&kept)?;
        }
        Ok(plan)
    }

    /// Names all that goes into a plan: our own version, the arguments, the topology, and the folders of PATH,
    /// which change when a compiler comes or goes.
    fn fingerprint(&self) -> String {
        let stamp = |path: &Path| {
            let time = std::fs::metadata(path).and_then(|data| data.modified()).ok();
            time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_nanos())
        };
        let mut hash = Sha256::new();
        let mut add = |text: &[u8]| {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        let program = std::env::current_exe().unwrap_or_default();
        add(&stamp(&program).to_le_bytes());
        add(self.family.as_bytes());
        add(format!("{:?}", self.werror).as_bytes());
        add(format!("{:?}", self.compiler).as_bytes());
        add(format!("{:?}", self.libraries.wanted()).as_bytes());
        let cwd = std::env::current_dir().unwrap_or_default();
        if let Some(topology) = self.topology.clone().or_else(|| Topology::locate(&cwd)) {
            add(cwd.join(&topology).as_os_str().as_bytes());
            add(&stamp(&topology).to_le_bytes());
        }
        for folder in std::env::split_paths(&path()) {
            add(folder.as_os_str().as_bytes());
            add(&stamp(&folder).to_le_bytes());
        }
        for (name, value) in
            std::env::vars_os().filter(|(name, _)| VARIABLES.iter().any(|one| name == one.name))
        {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        hex::digits(&hash.finalize()[..12])
    }

    /// Makes the session.
    pub(super) fn create(&self) -> Result<Session> {
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(".crosswheel").join(&self.family));
        self.create_in(&dir)
    }

    /// What runs programs of the target, if that was asked for and this machine does not do it by itself.
    pub(super) fn emulator(&self) -> Result<Option<Emulator>> {
        if self.run_tests_with.is_none() {
            return Ok(None);
        }
        let family = self.family(&working_folder()?)?;
        let machine = Toolchains::builtin()?.machine(&family.target)?;
        Emulator::find(&machine, &family, None)
    }

    fn family(&self, cwd: &Path) -> Result<Family> {
        let topology = match &self.topology {
            Some(file) if !file.is_file() => {
                return Err(Error::usage(format!("there is no topology {}", file.display())));
            }
            Some(file) => Topology::load(file)?,
            None => Topology::find(cwd)?,
        };
        topology.family(&self.family)
    }

    fn create_in(&self, dir: &Path) -> Result<Session> {
        let cwd = working_folder()?;
        let family = self.family(&cwd)?;
        let mut policy = family.policy.clone();
        if let Some(werror) = &self.werror {
            werror.apply(&mut policy)?;
        }
        let (mut path, toolchains, dir) = (path(), Toolchains::builtin()?, cwd.join(dir));
        let choice = (self.compiler.as_deref(), self.offline);
        let cross = family.is_cross().then(|| {
            let places = (without_shims(&path, &cwd), &*dir);
            for_session(&toolchains, &family, choice, (&places.0, places.1), &mut Steps)
        });
        let mut cross = cross.transpose()?;
        let wanted = self.libraries.wanted();
        if !wanted.is_empty() {
            let programs = system::for_session(
                &wanted,
                &family,
                cross.as_mut(),
                (&without_shims(&path, &cwd), &dir),
                self.offline,
                &mut Steps,
            )?;
            let rest = path;
            path = programs.into_os_string();
            path.push(":");
            path.push(rest);
        }
        Session::create(&SessionOptions {
            dir: &dir,
            toolchains: &toolchains,
            family: &family,
            policy: &policy,
            cross: cross.as_ref(),
            reproducible: None,
            path: &path,
            cwd: &cwd,
            variables: &|name| std::env::var_os(name),
            python: None,
            extra_tools: &[],
            record: !self.no_log,
        })
    }
}

fn working_folder() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|source| Error::failed(format!("the working folder is not to be had: {source}")))
}

/// What a command is told of an emulator by variables. CMake reads its own since 3.28.
pub(super) fn of_emulator(emulator: &Emulator) -> Settings {
    let words = emulator.command().join(OsStr::new(";"));
    let mut all = emulator.variables();
    all.push((environment::CMAKE_CROSSCOMPILING_EMULATOR.into(), Some(words)));
    all
}

/// Tells on stderr what takes its time.
struct Steps;

impl Observer for Steps {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Step(what) = event {
            anstream::eprintln!("crosswheel: {what}");
        }
    }
}

/// Where programs are looked for.
fn path() -> OsString {
    std::env::var_os(environment::PATH).unwrap_or_else(|| DEFAULT_PATH.into())
}

/// Our folder for what can be made again.
fn cache_folder() -> PathBuf {
    let base =
        std::env::var_os(environment::XDG_CACHE_HOME).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os(environment::HOME).map(|home| PathBuf::from(home).join(".cache"));
    base.or_else(home).unwrap_or_else(std::env::temp_dir).join("crosswheel")
}

/// Prints what the user should know about the tools that were found.
pub(super) fn remarks(session: &Session) {
    for remark in &session.remarks {
        out::warn(&format!("{} ({}): {}", remark.name, remark.path.display(), remark.what));
    }
    if !session.tools.iter().any(|tool| is_driver(tool.role)) {
        out::warn("no compiler was found on PATH: `crosswheel doctor` says how to get one");
    }
}

/// Prints what some tools cannot do, in the order of the sentences.
pub(super) fn shortfalls(sentences: &[String]) {
    let style = anstyle::Style::new().bold();
    for sentence in sentences {
        anstream::eprintln!("{style}note:{style:#} {sentence}");
    }
}

/// Variables as `env` and `run` hand them on.
pub(super) type Settings = Vec<(OsString, Option<OsString>)>;

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(policy: Werror, warnings: Option<&[&str]>) -> WerrorChoice {
        let warnings = warnings.map(|list| list.iter().map(|name| (*name).to_owned()).collect());
        WerrorChoice { policy, warnings }
    }

    #[test]
    fn werror_policies_are_read_as_they_are_spelled() {
        assert_eq!(WerrorChoice::parse("keep"), Ok(choice(Werror::Keep, None)));
        assert_eq!(WerrorChoice::parse("drop"), Ok(choice(Werror::Drop, None)));
        assert_eq!(WerrorChoice::parse("demote"), Ok(choice(Werror::Demote, None)));
        assert_eq!(WerrorChoice::parse("add"), Ok(choice(Werror::Add, None)));
        let two = choice(Werror::Add, Some(&["return-type", "format=2"]));
        assert_eq!(WerrorChoice::parse("add=return-type,format=2"), Ok(two));
        for wrong in ["", "add=", "add=a,,b", "add=-Wall", "keep=x", "none", "add=a b", "Keep"] {
            assert!(WerrorChoice::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_goes_before_the_topology() {
        let own = || Policy { werror: Werror::Add, werror_flags: vec!["own".into()], ..Policy::default() };
        let after = |choice: &WerrorChoice, mut policy: Policy| choice.apply(&mut policy).map(|()| policy);
        let dropped = after(&choice(Werror::Drop, None), own()).expect("a policy");
        assert_eq!(dropped.werror, Werror::Drop);
        let added = after(&choice(Werror::Add, Some(&["mine"])), own()).expect("a policy");
        assert_eq!(added.werror_flags, ["mine"]);
        let kept = after(&choice(Werror::Add, None), own()).expect("a policy");
        assert_eq!(kept.werror_flags, ["own"]);
        assert!(after(&choice(Werror::Add, None), Policy::default()).is_err(), "nothing to add");
    }
}
