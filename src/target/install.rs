//! Installs wheels for another machine, by the pip of this one: told the tags that the target takes, and that nothing may
//! be built. Markers of requirements are read with the values of the target.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Machine;
use super::python::TargetPython;
use super::runner::Environment;
use crate::build::interpreter::Interpreter;
use crate::build::process;
use crate::build::work::WorkArea;
use crate::elf;
use crate::error::{Error, IoContext, Result};
use crate::wheel::WheelName;

const SCRIPT: &str = include_str!("scripts/pip_for_target.py");

/// What a target takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takes {
    /// The machine's name, as platform tags end.
    pub machine: String,
    /// Version of its glibc.
    pub glibc: (u32, u32),
    /// Version of its Python, such as `3.11`.
    pub python: String,
}

/// The old names of policies, by minor version of glibc (PEP 513, 571, 599).
const LEGACY: [(u32, &str); 3] = [(5, "manylinux1"), (12, "manylinux2010"), (17, "manylinux2014")];

impl Takes {
    /// Platform tags that it takes, the newest first (PEP 600).
    #[must_use]
    pub fn platforms(&self) -> Vec<String> {
        let (major, minor) = self.glibc;
        let mut tags = Vec::new();
        for minor in (5..=minor).rev() {
            tags.push(format!("manylinux_{major}_{minor}_{}", self.machine));
            let legacy = LEGACY.iter().find(|(of, _)| *of == minor);
            tags.extend(legacy.map(|(_, name)| format!("{name}_{}", self.machine)));
        }
        tags.push(format!("linux_{}", self.machine));
        tags
    }

    /// Whether it takes a wheel; if not, why.
    pub fn check(&self, wheel: &WheelName) -> Result<(), String> {
        let tags = &wheel.tags;
        let platforms = self.platforms();
        if !tags.platform.iter().any(|tag| tag == "any" || platforms.contains(tag)) {
            return Err(self.foreign(&tags.platform));
        }
        let number = |text: &str| text.parse::<u32>().ok();
        let minor = self.python.split_once('.').and_then(|(_, minor)| number(minor)).unwrap_or(0);
        let exact = format!("cp3{minor}");
        let python = |tag: &String| {
            let at_most =
                |head: &str| tag.strip_prefix(head).and_then(number).is_some_and(|version| version <= minor);
            let abi = |wanted: &str| tags.abi.iter().any(|abi| abi == wanted);
            // `py3`, `py38`, `cp38-abi3`, `cp311-cp311`, `cp311-none`.
            (abi("none") && (tag == "py3" || at_most("py3")))
                || (abi("abi3") && at_most("cp3"))
                || (*tag == exact && (abi(&exact) || abi("none")))
        };
        if tags.python.iter().any(python) {
            return Ok(());
        }
        let wants = format!("{}-{}", tags.python.join("."), tags.abi.join("."));
        Err(format!("it is for Pythons with the tag {wants}, and the target's is {}", self.python))
    }

    /// Why none of these platforms is taken.
    fn foreign(&self, platforms: &[String]) -> String {
        let ours = format!("_{}", self.machine);
        let Some(near) = platforms.iter().find(|tag| tag.ends_with(&ours)) else {
            return format!("it is for {}, and the target is {}", platforms.join(", "), self.machine);
        };
        let (major, minor) = self.glibc;
        let wants = near.trim_end_matches(&ours);
        match wants.strip_prefix("manylinux_") {
            Some(glibc) => {
                format!("it needs glibc {}, and the target has {major}.{minor}", glibc.replace('_', "."))
            }
            None => format!("it is for {wants}, and the target has glibc {major}.{minor}"),
        }
    }
}

/// Options by which pip takes wheels for a Python such as `3.11`, an ABI such as `cp311` and these platforms, and no others.
#[must_use]
pub fn pip_options(python: &str, abi: &str, platforms: &[String]) -> Vec<String> {
    let fixed = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python];
    let abis = [abi, "abi3", "none"].into_iter().flat_map(|abi| ["--abi", abi]);
    let platforms = platforms.iter().flat_map(|tag| ["--platform", tag]);
    fixed.into_iter().chain(abis).chain(platforms).map(str::to_owned).collect()
}

/// How wheels are installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What a wheel requires is left out.
    pub no_deps: bool,
    /// No index is asked.
    pub offline: bool,
}

/// Installs wheels, and what they require, into an environment.
pub fn install(
    wheels: &[PathBuf],
    environment: &Environment,
    (machine, python, takes): (&Machine, &TargetPython, &Takes),
    (host, area): (&Interpreter, &WorkArea),
    options: &Options,
) -> Result<()> {
    let tag = format!("cp{}", python.tag());
    let markers = serde_json::json!({
        "implementation_name": "cpython",
        "implementation_version": python.full_version,
        "os_name": "posix",
        "platform_machine": machine.name,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python.full_version,
        "python_version": python.version,
        "sys_platform": "linux",
    });
    let target = Pip {
        name: &machine.name,
        python: &environment.python,
        site: &environment.site,
        version: &python.version,
        abi: &tag,
        platforms: &takes.platforms(),
        markers: &markers,
    };
    pip(wheels, &target, (host, area), options)?;
    scripts(environment)
}

/// What pip is told of a target.
pub(crate) struct Pip<'a> {
    /// For people.
    pub name: &'a str,
    /// What scripts begin with.
    pub python: &'a Path,
    /// Where packages go.
    pub site: &'a Path,
    /// Version of its Python, such as `3.11`.
    pub version: &'a str,
    /// ABI tag of its own modules.
    pub abi: &'a str,
    /// Platform tags that it takes, the best first.
    pub platforms: &'a [String],
    /// Environment markers with their values.
    pub markers: &'a serde_json::Value,
}

/// Has the pip of `host` install wheels, and what they require, for a target.
pub(crate) fn pip(
    wheels: &[PathBuf],
    target: &Pip<'_>,
    (host, area): (&Interpreter, &WorkArea),
    options: &Options,
) -> Result<()> {
    if host.pip.is_none() {
        return Err(Error::failed(format!(
            "{} has no pip, by which wheels are installed",
            host.executable.display()
        ))
        .hint("`apt install python3-pip`, or choose another Python with --python"));
    }
    let script = area.script("pip_for_target.py", SCRIPT)?;
    let mut command = Command::new(&host.executable);
    // Isolated from the user's own modules; pip's settings are read as ever.
    command.arg("-s").arg(script).arg(target.markers.to_string()).arg(target.python);
    command.args(["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-warn-conflicts"]);
    command.arg("--no-compile").args(pip_options(target.version, target.abi, target.platforms));
    if options.no_deps {
        command.arg("--no-deps");
    }
    if options.offline {
        command.arg("--no-index");
    }
    command.arg("--target").arg(target.site).args(wheels);
    // `user = true` in pip.conf would contradict `--target`.
    command.env(crate::environment::PIP_USER, "0");
    process::answer(&mut command)?.map_err(|said| {
        Error::failed(format!("installing {} by pip failed:\n{}", names(wheels), said.trim_end())).hint(format!(
            "a requirement must have a wheel for {}, or be given with --with; --no-deps leaves requirements out",
            target.name
        ))
    })?;
    Ok(())
}

fn names(wheels: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    wheels.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// pip puts scripts into the target folder; they belong beside the Python.
fn scripts(environment: &Environment) -> Result<()> {
    let from = environment.site.join("bin");
    let Ok(entries) = std::fs::read_dir(&from) else { return Ok(()) };
    for entry in entries {
        let entry = entry.context("reading", &from)?;
        let to = environment.root.join("bin").join(entry.file_name());
        if !to.exists() {
            std::fs::rename(entry.path(), &to).context("moving to", &to)?;
        }
    }
    Ok(())
}

/// What ELF files of a wheel are for besides its processor: programs that it hands on to a device or to the kernel.
const DEVICES: [&str; 2] = ["amdgpu", "bpf"];

/// Holds every ELF file that was installed against the machine of the target.
pub fn check_machines(folder: &Path, machine: &Machine) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    let mut wrong: Vec<String> = Vec::new();
    while let Some(here) = folders.pop() {
        for entry in std::fs::read_dir(&here).context("reading", &here)? {
            let entry = entry.context("reading", &here)?;
            let (kind, path) = (entry.file_type().context("looking at", entry.path())?, entry.path());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && let Some(there) = elf::machine_of_file(&path).context("reading", &path)?
                && Some(there) != machine.elf()
                && !DEVICES.contains(&elf::name(there).as_str())
            {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                wrong.push(format!("{name} is for {}", elf::name(there)));
            }
        }
    }
    wrong.sort();
    match wrong.as_slice() {
        [] => Ok(()),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            Err(Error::failed(format!("{first}{more}, and the target is {}", machine.name))
                .hint("the build took a compiler or a file of another machine: `crosswheel log ls` shows which call made it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes() -> Takes {
        Takes { machine: "aarch64".into(), glibc: (2, 36), python: "3.11".into() }
    }

    #[test]
    fn platform_tags_go_from_the_newest_to_the_oldest_with_their_old_names() {
        let tags = takes().platforms();
        assert_eq!(tags.first().map(String::as_str), Some("manylinux_2_36_aarch64"));
        let at = |tag: &str| tags.iter().position(|one| one == tag).unwrap();
        assert_eq!(at("manylinux2014_aarch64"), at("manylinux_2_17_aarch64") + 1);
        assert_eq!(tags.last().map(String::as_str), Some("linux_aarch64"));
    }

    #[test]
    fn a_wheel_is_taken_or_it_is_said_why_not() {
        for tags in [
            "py3-none-any",
            "cp311-cp311-linux_aarch64",
            "cp38-abi3-manylinux2014_aarch64",
            "py2.py3-none-any",
            "py38-none-any",
            "cp311-none-any",
            "cp311-cp311-musllinux_1_2_aarch64.manylinux_2_28_aarch64",
        ] {
            assert_eq!(
                takes().check(&WheelName::parse(&format!("demo-1.0-{tags}.whl")).unwrap()),
                Ok(()),
                "{tags}"
            );
        }
        for (tags, why) in [
            ("cp311-cp311-linux_x86_64", "for linux_x86_64, and the target is aarch64"),
            ("cp311-cp311-manylinux_2_39_aarch64", "needs glibc 2.39, and the target has 2.36"),
            ("cp311-cp311-musllinux_1_2_aarch64", "is for musllinux_1_2, and the target has glibc 2.36"),
            ("cp313-cp313-linux_aarch64", "the tag cp313-cp313, and the target's is 3.11"),
            ("cp311-cp311t-linux_aarch64", "the tag cp311-cp311t"),
            ("cp312-abi3-linux_aarch64", "the tag cp312-abi3"),
            ("py2-none-any", "the tag py2-none"),
        ] {
            let told =
                takes().check(&WheelName::parse(&format!("demo-1.0-{tags}.whl")).unwrap()).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
