//! What this machine has for building, and what it lacks: the facts behind `crosswheel doctor`.
//!
//! The facts come from use, not from names: a session is made in a folder of its own, its compilers compile, and
//! the Pythons on PATH are asked. Nothing outside of temporary folders is changed, and nothing is installed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::{Dialect, Role};
use serde::Serialize;

use super::ask::{Manner, ask};
use super::cpu::Cpu;
use super::discover::Found;
use super::path::{find, folders, is_executable, is_shim_folder};
use super::python::Python;
use super::session::{PATIENCE, Session};

/// Something that builds need: how it is recognised, what for, and the packages that bring it.
struct Need {
    what: &'static str,
    role: Option<Role>,
    /// Names of which one must be there.
    names: &'static [&'static str],
    why: &'static str,
    /// Whether `build --family host` cannot do without.
    required: bool,
    apt: &'static str,
    dnf: &'static str,
}

/// In the order in which one would install them.
const NEEDS: &[Need] = &[
    Need {
        what: "C compiler",
        role: Some(Role::Cc),
        names: &[],
        why: "compiles extensions",
        required: true,
        apt: "gcc libc6-dev",
        dnf: "gcc glibc-devel",
    },
    Need {
        what: "C++ compiler",
        role: Some(Role::Cxx),
        names: &[],
        why: "compiles C++ extensions",
        required: false,
        apt: "g++",
        dnf: "gcc-c++",
    },
    Need {
        what: "linker",
        role: Some(Role::Ld),
        names: &[],
        why: "links extensions",
        required: true,
        apt: "binutils",
        dnf: "binutils",
    },
    Need {
        what: "archiver",
        role: Some(Role::Ar),
        names: &[],
        why: "makes static libraries on the way",
        required: true,
        apt: "binutils",
        dnf: "binutils",
    },
    Need {
        what: "Fortran compiler",
        role: Some(Role::Fortran),
        names: &[],
        why: "scipy and its kin",
        required: false,
        apt: "gfortran",
        dnf: "gcc-gfortran",
    },
    Need {
        what: "make",
        role: None,
        names: &["make", "gmake"],
        why: "packages that bring a library with autotools",
        required: false,
        apt: "make",
        dnf: "make",
    },
    Need {
        what: "pkg-config",
        role: None,
        names: &["pkg-config", "pkgconf"],
        why: "finds libraries of the system",
        required: false,
        apt: "pkg-config",
        dnf: "pkgconf-pkg-config",
    },
];

/// Packages for a Python that can build extensions.
const PYTHON: (&str, &str) = ("python3-dev python3-venv python3-pip", "python3-devel python3-pip");

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// Whether `build --family host` has all that it needs.
    pub ready: bool,
    /// Compilers, by name.
    pub compilers: Vec<Compiler>,
    /// Linkers, archivers and the like: names.
    pub tools: Vec<String>,
    /// Compiler caches: name and path.
    pub caches: Vec<(String, PathBuf)>,
    /// Names that cannot be used, or only in part.
    pub remarks: Vec<String>,
    /// What is not there.
    pub missing: Vec<Missing>,
    /// Pythons; the one that `python3` starts is first.
    pub pythons: Vec<Snake>,
    /// Names of Pythons that do not run, and why.
    pub broken_pythons: Vec<(PathBuf, String)>,
    /// uv, if it is there.
    pub uv: Option<PathBuf>,
    /// The processor.
    pub cpu: Cpu,
    /// The folder in which sessions would be made.
    pub folder: Folder,
}

/// A compiler, and whether it compiles.
#[derive(Debug, Serialize)]
pub struct Compiler {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub real: PathBuf,
    /// The cache in front of it.
    pub launcher: Option<PathBuf>,
    /// `gcc`, `clang`, or `plain` for an unknown one.
    pub kind: &'static str,
    /// Its version.
    pub version: Option<String>,
    /// The machine that it makes code for.
    pub machine: String,
}

/// Something that is not there, or does not work.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What.
    pub what: String,
    /// What it is for, or what is wrong.
    pub why: String,
    /// Whether `build --family host` cannot do without.
    pub required: bool,
    /// A command that brings it, where this system's is known.
    pub get: Option<String>,
}

/// A Python, and how its compilers go through the shim.
#[derive(Debug, Serialize)]
pub struct Snake {
    /// What it says of itself.
    #[serde(flatten)]
    pub python: Python,
    /// Whether the C compiler that it names is one that the shim answers for, by name or led there.
    pub through_shim: bool,
}

/// The folder in which sessions would be made.
#[derive(Debug, Default, Serialize)]
pub struct Folder {
    /// Its path.
    pub path: PathBuf,
    /// Whether the shim is one file with many names there.
    pub hard_links: bool,
    /// Why no session can be made there.
    pub problem: Option<String>,
}

/// What a survey looks at.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// `PATH`.
    pub path: &'a OsStr,
    /// Where sessions would be made.
    pub cwd: &'a Path,
    /// Text of `/etc/os-release`.
    pub os_release: &'a str,
    /// Text of `/proc/cpuinfo`.
    pub cpuinfo: &'a str,
    /// Makes a session in a folder, for a Python if one is given.
    pub session: &'a dyn Fn(&Path, Option<&Python>) -> crate::error::Result<Session>,
}

/// Looks at everything.
#[must_use]
pub fn survey(ground: Ground<'_>) -> Survey {
    let manner = Manner { path: ground.path, cwd: ground.cwd, patience: PATIENCE };
    let mut folder = Folder { path: ground.cwd.to_path_buf(), ..Folder::default() };
    let home = tempfile::Builder::new()
        .prefix(".crosswheel-")
        .tempdir_in(ground.cwd)
        .map_err(|error| error.to_string());
    let session = home
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|home| (ground.session)(&home.path().join("session"), None).map_err(|error| error.message));
    let (mut missing, mut found) = (Vec::new(), &[][..]);
    let mut remarks = Vec::new();
    match &session {
        Ok(session) => {
            found = &session.tools;
            remarks = session
                .remarks
                .iter()
                .map(|one| format!("{} ({}): {}", one.name, one.path.display(), one.what))
                .collect();
            let links = found.first().and_then(|tool| fs::metadata(session.bin.join(&tool.name)).ok());
            folder.hard_links = links.is_some_and(|facts| facts.nlink() > 1) || found.len() < 2;
        }
        Err(problem) => folder.problem = Some(problem.clone()),
    }
    let manager = Manager::of(ground.os_release);
    missing.extend(lacking(found, manner, manager));
    if let (Ok(home), Ok(session)) = (&home, &session) {
        missing.extend(failing(home.path(), session, manner, manager));
    }
    let uv = find("uv", ground.path, ground.cwd);
    let (pythons, broken_pythons) = pythons(manner);
    missing.extend(python_lacks(&pythons, uv.is_some(), manager));
    let snakes = pythons.into_iter().enumerate().map(|(n, python)| {
        let through_shim = home.as_ref().is_ok_and(|home| {
            let dir = home.path().join(n.to_string());
            (ground.session)(&dir, Some(&python)).is_ok_and(|session| goes_through(&python, &session))
        });
        Snake { python, through_shim }
    });
    let snakes: Vec<_> = snakes.collect();
    Survey {
        ready: folder.problem.is_none() && !missing.iter().any(|one| one.required),
        compilers: found.iter().filter(|tool| is_compiler(tool.role)).map(compiler).collect(),
        tools: found
            .iter()
            .filter(|tool| !is_compiler(tool.role) && tool.role != Role::Launcher)
            .map(|tool| tool.name.clone())
            .collect(),
        caches: found
            .iter()
            .filter(|tool| tool.role == Role::Launcher)
            .map(|tool| (tool.name.clone(), tool.real.clone()))
            .collect(),
        remarks,
        missing,
        pythons: snakes,
        broken_pythons,
        uv,
        cpu: Cpu::read(ground.cpuinfo),
        folder,
    }
}

fn is_compiler(role: Role) -> bool {
    matches!(role, Role::Cc | Role::Cxx | Role::Fortran | Role::Cpp | Role::Hip)
}

fn compiler(tool: &Found) -> Compiler {
    Compiler {
        name: tool.name.clone(),
        real: tool.real.clone(),
        launcher: tool.launcher.clone(),
        kind: tool.dialect.name(),
        version: tool.version.map(|(major, minor, patch)| format!("{major}.{minor}.{patch}")),
        machine: tool.machine.clone(),
    }
}

/// The system's way to install packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Unknown,
}

impl Manager {
    /// By `ID` and `ID_LIKE` of os-release(5).
    fn of(os_release: &str) -> Self {
        let values = os_release
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(key, _)| ["ID", "ID_LIKE"].contains(key));
        let ids: BTreeSet<_> =
            values.flat_map(|(_, value)| value.trim_matches(['"', '\'']).split_whitespace()).collect();
        if ids.contains("debian") || ids.contains("ubuntu") {
            Self::Apt
        } else if ["fedora", "rhel", "centos"].iter().any(|id| ids.contains(id)) {
            Self::Dnf
        } else {
            Self::Unknown
        }
    }

    fn get(self, apt: &str, dnf: &str) -> Option<String> {
        match self {
            Self::Apt => Some(format!("apt install {apt}")),
            Self::Dnf => Some(format!("dnf install {dnf}")),
            Self::Unknown => None,
        }
    }
}

/// What is not there by name.
fn lacking(found: &[Found], manner: Manner<'_>, manager: Manager) -> Vec<Missing> {
    let there = |need: &Need| match need.role {
        Some(role) => found
            .iter()
            .any(|tool| tool.role == role && (!is_compiler(role) || tool.dialect != Dialect::Plain)),
        None => need.names.iter().any(|name| find(name, manner.path, manner.cwd).is_some()),
    };
    let missing = NEEDS.iter().filter(|need| !there(need)).map(|need| Missing {
        what: need.what.to_owned(),
        why: need.why.to_owned(),
        required: need.required,
        get: manager.get(need.apt, need.dnf),
    });
    missing.collect()
}

/// Compilers that are there and do not compile: their headers or libraries are missing.
fn failing(home: &Path, session: &Session, manner: Manner<'_>, manager: Manager) -> Vec<Missing> {
    let tries = [
        (
            "cc",
            "a.c",
            "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n",
            true,
            ("libc6-dev", "glibc-devel"),
        ),
        (
            "c++",
            "a.cpp",
            "#include <vector>\nint main() { return int(std::vector<int>().size()); }\n",
            false,
            ("g++", "gcc-c++"),
        ),
    ];
    let mut missing = Vec::new();
    for (name, source, text, required, (apt, dnf)) in tries {
        if !session.tools.iter().any(|tool| tool.name == name) {
            continue;
        }
        let (source, product) = (home.join(source), home.join("a.out"));
        let compiled = fs::write(&source, text).map_err(|error| error.to_string()).and_then(|()| {
            let (source, product) = (source.to_string_lossy(), product.to_string_lossy());
            // Through the shim, since that is how a build will do it.
            ask(&session.bin.join(name), &[&source, "-o", &product], Manner { cwd: home, ..manner })
        });
        if let Err(why) = compiled {
            missing.push(Missing {
                what: format!("a `{name}` that works"),
                why: format!("asked to compile and link a small program, {why}"),
                required,
                get: manager.get(apt, dnf),
            });
        }
    }
    missing
}

/// The Pythons on PATH, each once, the one of `python3` first; and the names that do not run.
fn pythons(manner: Manner<'_>) -> (Vec<Python>, Vec<(PathBuf, String)>) {
    let mut names = vec!["python3".to_owned(), "python".to_owned()];
    let mut versions = BTreeSet::new();
    for folder in folders(manner.path, manner.cwd).filter(|folder| !is_shim_folder(folder)) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let minors = entries
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("python3.")?.parse::<u32>().ok());
        versions.extend(minors);
    }
    names.extend(versions.into_iter().rev().map(|minor| format!("python3.{minor}")));
    let (mut pythons, mut broken) = (Vec::<Python>::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for name in names {
        let all = folders(manner.path, manner.cwd)
            .map(|folder| folder.join(&name))
            .filter(|path| is_executable(path));
        for path in all {
            if !path
                .canonicalize()
                .is_ok_and(|file| seen.insert((file, path.parent().map(Path::to_path_buf))))
            {
                continue;
            }
            match Python::ask(&path, manner) {
                Ok(python) if pythons.iter().any(|other| same(other, &python)) => {}
                Ok(python) => pythons.push(python),
                Err(error) => broken.push((path, error.message)),
            }
        }
    }
    (pythons, broken)
}

/// One installation, by whatever name it was started.
fn same(one: &Python, other: &Python) -> bool {
    let file = |python: &Python| Path::new(&python.executable).canonicalize().ok();
    one.prefix == other.prefix && file(one) == file(other)
}

/// What the first Python lacks to build a package; the others are there by choice.
fn python_lacks(pythons: &[Python], uv: bool, manager: Manager) -> Vec<Missing> {
    let get = manager.get(PYTHON.0, PYTHON.1);
    let lack = |what: &str, why: &str| Missing {
        what: what.into(),
        why: why.into(),
        required: true,
        get: get.clone(),
    };
    let Some(first) = pythons.first() else {
        return vec![lack("Python 3.8 or newer", "runs the package's own build system")];
    };
    let mut missing = Vec::new();
    if !first.headers {
        missing.push(lack("Python.h", &format!("the headers of {} for extensions", first.executable)));
    }
    if first.pip.is_none() && !uv {
        missing.push(lack("pip or uv", "installs what a package needs for its build"));
    }
    if !first.venv && !uv {
        missing.push(lack("venv or uv", "keeps what a package needs for its build apart"));
    }
    missing
}

/// Whether the compiler that setuptools would run under this Python is one that the shim answers for.
fn goes_through(python: &Python, session: &Session) -> bool {
    let environment = session.environment();
    let set: Option<&OsString> =
        environment.iter().find(|(name, _)| name == "CC").and_then(|(_, value)| value.as_ref());
    let configured = python.config.get("CC").map(OsString::from);
    let command = set.cloned().or(configured).unwrap_or_default();
    let command = command.to_string_lossy();
    let words = command.split_whitespace();
    // A launcher may come first.
    words.take(2).any(|word| session.tools.iter().any(|tool| tool.name == word && is_compiler(tool.role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_as_the_system_names_them() {
        for (text, command) in [
            ("ID=debian\n", Some("apt install x")),
            ("NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some("apt install x")),
            ("ID=fedora\n", Some("dnf install y")),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some("dnf install y")),
            ("ID=alpine\n", None),
            ("", None),
        ] {
            assert_eq!(Manager::of(text).get("x", "y").as_deref(), command, "{text}");
        }
    }

    #[test]
    fn a_python_that_cannot_build_is_said_to_lack_just_that() {
        let whole = Python { pip: Some("24.0".into()), venv: true, headers: true, ..Python::default() };
        let lacks = |python: &Python, uv| -> Vec<String> {
            python_lacks(std::slice::from_ref(python), uv, Manager::Apt)
                .into_iter()
                .map(|one| one.what)
                .collect()
        };
        assert_eq!(lacks(&whole, false), [""; 0]);
        assert_eq!(lacks(&Python { headers: false, ..whole.clone() }, true), ["Python.h"]);
        assert_eq!(lacks(&Python { pip: None, ..whole.clone() }, false), ["pip or uv"]);
        assert_eq!(lacks(&Python { pip: None, venv: false, ..whole }, true), [""; 0]);
        assert_eq!(python_lacks(&[], true, Manager::Apt)[0].what, "Python 3.8 or newer");
    }
}
