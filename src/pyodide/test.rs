//! A wheel installed for Pyodide, with a `python` that runs it in node. Wheels are installed by the pip of this machine, as
//! for any other target; node sees the folder of the environment, the working folder and that of temporary files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Runtime;
use crate::build::interpreter::Interpreter;
use crate::build::process;
use crate::build::work::WorkArea;
use crate::elf;
use crate::error::{Error, IoContext, Result};
use crate::target::imports::modules;
use crate::target::install::{Options, Pip, pip};
use crate::target::test::Ready;
use crate::wasm;
use crate::wheel::{Package, WheelName};

const SCRIPT: &str = include_str!("scripts/python.mjs");

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The wheel.
    pub wheel: &'a Path,
    /// Others to install first.
    pub with: &'a [PathBuf],
    /// Take wheels for another Emscripten than the run-time's.
    pub allow_abi_mismatch: bool,
    /// How they are installed.
    pub options: &'a Options,
}

/// Installs a wheel, others that it needs, and what else it requires. `host` is the Python whose pip installs.
pub fn prepare(order: Order<'_>, runtime: &Runtime, host: &Interpreter, area: &WorkArea) -> Result<Ready> {
    let node = which::which("node").or_else(|_| which::which("nodejs")).map_err(|_| {
        Error::failed("there is no node on PATH, by which WebAssembly is run").hint("`apt install nodejs`")
    })?;
    let mut wheels = Vec::new();
    let mut platforms = runtime.release.takes();
    for path in order.with.iter().map(PathBuf::as_path).chain([order.wheel]) {
        platforms.extend(held(path, runtime, order.allow_abi_mismatch)?);
        wheels.push(std::path::absolute(path).context("resolving", path)?);
    }
    platforms.dedup();
    let root = area.environment();
    let site = root.join("site");
    let python = root.join("bin/python");
    for folder in [&site, &root.join("bin")] {
        fs::create_dir_all(folder).context("making", folder)?;
    }
    let version = runtime.release.python;
    let full_version = full_version(runtime)?;
    let tag = format!("cp{}{}", version.0, version.1);
    let markers = serde_json::json!({
        "implementation_name": "cpython",
        "implementation_version": full_version,
        "os_name": "posix",
        "platform_machine": "wasm32",
        "platform_python_implementation": "CPython",
        "platform_system": "Emscripten",
        "python_full_version": full_version,
        "python_version": version.to_string(),
        "sys_platform": "emscripten",
    });
    let target = Pip {
        name: "WebAssembly",
        python: &python,
        site: &site,
        version: &version.to_string(),
        abi: &tag,
        platforms: &platforms,
        markers: &markers,
    };
    pip(&wheels, &target, (host, area), order.options)?;
    check(&site)?;
    write_python(&python, &node, runtime, &site, area)?;
    let suffix = format!(".cpython-{}{}-wasm32-emscripten.so", version.0, version.1);
    let package = Package::open(order.wheel)?;
    let modules = modules(package.record.rows.iter().map(|row| row.path.as_str()), &suffix);
    let runner = format!("Pyodide {} in node {}", runtime.release.version, node_version(&node)?);
    Ok(Ready::new(python, full_version, runner, modules, root))
}

/// Whether the run-time takes a wheel; its own platform tag if it is let through in spite of that.
fn held(path: &Path, runtime: &Runtime, allow: bool) -> Result<Vec<String>> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = WheelName::parse(&file)
        .map_err(|what| Error::usage(format!("{}: is no name of a wheel: {what}", path.display())))?;
    let takes = runtime.release.takes();
    let platforms = &name.tags.platform;
    if platforms.iter().any(|tag| tag == "any" || takes.contains(tag)) {
        return Ok(Vec::new());
    }
    let for_wasm = platforms.iter().any(|tag| tag.ends_with("_wasm32"));
    if for_wasm && allow {
        return Ok(platforms.clone());
    }
    let release = &runtime.release;
    let what = format!(
        "{}: is for {}, and Pyodide {} takes {}",
        path.display(),
        platforms.join(", "),
        release.version,
        takes.join(", ")
    );
    Err(Error::failed(what).hint(if for_wasm {
        format!("build it with Emscripten {}; --allow-abi-mismatch tries it all the same", release.emscripten)
    } else {
        "build it for a family of WebAssembly: `--family wasm32-emscripten`".to_owned()
    }))
}

/// The whole version of a release's Python, from its list of packages.
fn full_version(runtime: &Runtime) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Lock {
        info: Info,
    }
    #[derive(serde::Deserialize)]
    struct Info {
        python: String,
    }
    let path = runtime.folder.join("pyodide-lock.json");
    let bytes = fs::read(&path).context("reading", &path)?;
    let lock: Lock = serde_json::from_slice(&bytes)
        .map_err(|error| Error::failed(format!("{}: {error}", path.display())))?;
    Ok(lock.info.python)
}

/// Holds what was installed against what Pyodide loads.
fn check(site: &Path) -> Result<()> {
    let mut folders = vec![site.to_owned()];
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(&here).context("reading", &here)? {
            let entry = entry.context("reading", &here)?;
            let (kind, path) = (entry.file_type().context("looking at", entry.path())?, entry.path());
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(site).unwrap_or(&path).display();
            if let Some(machine) = elf::machine_of_file(&path).context("reading", &path)? {
                return Err(Error::failed(format!(
                    "{name} is an ELF file for {}, and the target is WebAssembly",
                    elf::name(machine)
                ))
                .hint("the build took a compiler or a file of another machine: `crosswheel log ls` shows which call made it"));
            }
            let library = path.extension() == Some(OsStr::new("so"));
            if library && wasm::kind_of_file(&path).context("reading", &path)? != Some(wasm::Kind::Side) {
                return Err(Error::failed(format!("{name} is no side module, which alone Pyodide loads"))
                    .hint(
                        "it was not linked with -sSIDE_MODULE; `crosswheel audit` tells which call made it",
                    ));
            }
        }
    }
    Ok(())
}

/// Writes the `python` of the environment.
fn write_python(python: &Path, node: &Path, runtime: &Runtime, site: &Path, area: &WorkArea) -> Result<()> {
    let script = area.script("python.mjs", SCRIPT)?;
    let mut text = b"#!/bin/sh\nexec".to_vec();
    for word in [node, &script, &runtime.folder, site] {
        let quoted = shlex::bytes::try_quote(word.as_os_str().as_encoded_bytes())
            .map_err(|error| Error::failed(format!("{}: {error}", word.display())))?;
        text.push(b' ');
        text.extend_from_slice(&quoted);
    }
    text.extend_from_slice(b" \"$@\"\n");
    fs::write(python, text).context("writing", python)?;
    fs::set_permissions(python, fs::Permissions::from_mode(0o755)).context("writing", python)?;
    for name in ["python3".to_owned(), format!("python{}", runtime.release.python)] {
        let link = python.with_file_name(name);
        std::os::unix::fs::symlink("python", &link).context("linking", &link)?;
    }
    Ok(())
}

fn node_version(node: &Path) -> Result<String> {
    let said = process::answer(Command::new(node).arg("--version"))?
        .map_err(|said| Error::failed(format!("{} does not run: {}", node.display(), said.trim_end())))?;
    Ok(String::from_utf8_lossy(&said).trim().trim_start_matches('v').to_owned())
}

/// Refuses a command that node cannot run: it has only Pyodide's Python.
pub fn check_command(command: &[std::ffi::OsString]) -> Result<()> {
    let Some(first) = command.first() else { return Ok(()) };
    let name = Path::new(first).file_name().unwrap_or_default().to_string_lossy();
    let version = name.strip_prefix("python").unwrap_or("x");
    if first.to_string_lossy() == name && version.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Ok(());
    }
    Err(Error::usage(format!("{}: WebAssembly runs no program but `python`", first.to_string_lossy()))
        .hint("`-- python -c CODE`, `-- python -m MODULE` or `-- python FILE`, with arguments"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_python_is_run() {
        let command = |text: &str| text.split(' ').map(Into::into).collect::<Vec<_>>();
        for good in ["python -c pass", "python3 x.py", "python3.11 -m pytest"] {
            assert!(check_command(&command(good)).is_ok(), "{good}");
        }
        for wrong in ["pytest", "/usr/bin/python3 -c pass", "pythonic", "sh -c python"] {
            assert!(check_command(&command(wrong)).is_err(), "{wrong}");
        }
    }
}
