//! What build systems are told of the target in files of their own: Meson's cross and native file, CMake's toolchain
//! file, configure's site file, and what stands in for running a test of automake's.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Role;

use super::super::backend::Backend;
use super::runs::Runs;
use super::site;
use super::system::View;
use crate::environment as vars;
use crate::error::{IoContext, Result};
use crate::toolchain::cross::Cross;
use crate::topology::Family;

/// What the files say.
pub struct Content<'a> {
    /// The family.
    pub family: &'a Family,
    /// Tools and machine.
    pub cross: &'a Cross,
    /// The Python that runs the build.
    pub python: &'a Path,
    /// Where its packages are, some of which bring headers and files for CMake.
    pub packages: &'a Path,
    /// Headers of the target's Python.
    pub headers: &'a Path,
    /// Where the target's libraries are; empty if there are none.
    pub system: &'a Path,
    /// The folders in it, if there are any.
    pub view: Option<&'a View>,
    /// Folders in which the package builds what it brings itself.
    pub own: [&'a Path; 2],
    /// Where the names of tools will be.
    pub tools: &'a Path,
    /// Where the files go.
    pub folder: &'a Path,
    /// What ends the name of an extension module.
    pub module_suffix: &'a str,
    /// How programs of the target run.
    pub runs: &'a Runs,
    /// The command that runs programs of the target here, if something does.
    pub runner: &'a [OsString],
    /// Modules for CMake that come with the compiler.
    pub modules: Option<&'a Path>,
}

/// The files.
#[derive(Clone, Debug)]
pub struct Files {
    /// Meson's, for the target.
    pub meson: PathBuf,
    /// Meson's, for this machine.
    pub meson_native: PathBuf,
    /// CMake's.
    pub cmake: PathBuf,
    /// Configure's.
    pub site: PathBuf,
    /// Skips a test of automake's.
    pub skip: PathBuf,
}

impl Files {
    /// The variable by which autotools' own tests of what they built, as packages run them by `make check`, are skipped: they
    /// would fail, unless it was `asked` to run them and the kernel can. make knows no name with a space.
    #[must_use]
    pub fn skipping(&self, runs: &Runs, asked: bool) -> Option<(OsString, Option<OsString>)> {
        let run = asked && (runs.namespace.is_some() || runs.emulator.is_none());
        if run || self.skip.as_os_str().as_encoded_bytes().iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        let mut flags = std::env::var_os(vars::MAKEFLAGS).unwrap_or_default();
        flags.push(" LOG_COMPILER=");
        flags.push(&self.skip);
        Some((vars::MAKEFLAGS.into(), Some(flags)))
    }

    /// Settings by which a backend hands them to its build system; those that read a variable need none.
    #[must_use]
    pub fn settings(&self, backend: &Backend) -> Vec<(String, String)> {
        if backend.object.split(':').next() != Some("mesonpy") {
            return Vec::new();
        }
        let setting =
            |option: &str, file: &Path| ("setup-args".to_owned(), format!("--{option}={}", file.display()));
        vec![setting("cross-file", &self.meson), setting("native-file", &self.meson_native)]
    }
}

/// Writes them.
pub fn write(content: &Content<'_>) -> Result<Files> {
    let put = |name: &str, text: String| {
        let path = content.folder.join(name);
        fs::write(&path, text).context("writing", &path)?;
        Ok(path)
    };
    if content.cross.machine.system == "emscripten" {
        let folder = content.folder.join("Platform");
        fs::create_dir(&folder).context("making", &folder)?;
        put("Platform/Emscripten.cmake", PLATFORM.to_owned())?;
    }
    Ok(Files {
        meson: put("meson-cross.ini", meson(content))?,
        meson_native: put("meson-native.ini", MESON_NATIVE.to_owned())?,
        cmake: put("toolchain.cmake", cmake(content))?,
        site: put(
            "config.site",
            site::text(&content.family.name, content.cross, content.runs.namespace.is_some()),
        )?,
        skip: skip(put("skip-test", SKIP.to_owned())?)?,
    })
}

/// What automake runs a test by. 77 is the exit status by which a test says that it was skipped.
const SKIP: &str = "#!/bin/sh\necho \"crosswheel: $1 is for another machine and was not run\"\nexit 77\n";

fn skip(file: PathBuf) -> Result<PathBuf> {
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).context("making executable", &file)?;
    Ok(file)
}

const MESON_NATIVE: &str = "[binaries]\nc = 'build-cc'\ncpp = 'build-c++'\n";

/// What CMake is to know of a system that it has no file for before 4.2: as on other Unixes, but for the names of programs.
/// Emscripten's own file says that there are no shared libraries, which is not so for side modules.
const PLATFORM: &str = "\
set(EMSCRIPTEN 1)
set(UNIX 1)
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS TRUE)
set(CMAKE_EXECUTABLE_SUFFIX .js)
set(CMAKE_STATIC_LIBRARY_PREFIX lib)
set(CMAKE_STATIC_LIBRARY_SUFFIX .a)
set(CMAKE_SHARED_LIBRARY_PREFIX lib)
set(CMAKE_SHARED_LIBRARY_SUFFIX .so)
set(CMAKE_SHARED_MODULE_PREFIX lib)
set(CMAKE_SHARED_MODULE_SUFFIX .so)
set(CMAKE_FIND_LIBRARY_PREFIXES lib)
set(CMAKE_FIND_LIBRARY_SUFFIXES .so .a)
set(CMAKE_DL_LIBS)
foreach(lang C CXX)
  set(CMAKE_${lang}_COMPILE_OPTIONS_PIC -fPIC)
  set(CMAKE_SHARED_LIBRARY_${lang}_FLAGS -fPIC)
  set(CMAKE_SHARED_LIBRARY_CREATE_${lang}_FLAGS -shared)
  set(CMAKE_SHARED_MODULE_${lang}_FLAGS -fPIC)
  set(CMAKE_SHARED_MODULE_CREATE_${lang}_FLAGS -shared)
endforeach()
";

/// Binaries by the names that Meson has for them.
const MESON_TOOLS: [(&str, Role, &str); 6] = [
    ("ar", Role::Ar, "ar"),
    ("c", Role::Cc, "cc"),
    ("cpp", Role::Cxx, "c++"),
    ("fortran", Role::Fortran, "gfortran"),
    ("nm", Role::Nm, "nm"),
    ("strip", Role::Strip, "strip"),
];

fn meson(content: &Content<'_>) -> String {
    let machine = &content.cross.machine;
    let mut text = String::from("[binaries]\n");
    for (name, role, tool) in MESON_TOOLS {
        if content.cross.command(role).is_some() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} = '{tool}'");
        }
    }
    if !content.runner.is_empty() {
        let words: Vec<String> = content.runner.iter().map(|word| quoted(Path::new(word), '\'')).collect();
        let _ = writeln!(text, "exe_wrapper = [{}]", words.join(", "));
    }
    let python = quoted(content.python, '\'');
    let _ = write!(
        text,
        "pkg-config = 'pkg-config'\npython = {python}\n\n[host_machine]\nsystem = '{}'\ncpu_family = '{}'\ncpu = '{}'\n\
         endian = '{}'\n\n[properties]\nneeds_exe_wrapper = true\nlongdouble_format = '{}'\n",
        machine.system,
        machine.meson.0,
        machine.meson.1,
        if machine.abi.big_endian { "big" } else { "little" },
        machine.longdouble,
    );
    if let Some(view) = content.view {
        let folders: Vec<String> = view.pkg_config.iter().map(|folder| quoted(folder, '\'')).collect();
        let _ = writeln!(text, "pkg_config_libdir = [{}]", folders.join(", "));
    }
    text
}

fn cmake(content: &Content<'_>) -> String {
    let machine = &content.cross.machine;
    let emscripten = machine.system == "emscripten";
    // By their paths: CMake looks for a name in CMAKE_PREFIX_PATH first, and would find this machine's there.
    let tool = |name: &str| quoted(&content.tools.join(name), '"');
    let mut text = format!(
        "set(CMAKE_SYSTEM_NAME {})\nset(CMAKE_SYSTEM_PROCESSOR {})\nset(CMAKE_C_COMPILER {})\nset(CMAKE_CXX_COMPILER {})\n",
        if emscripten { "Emscripten" } else { "Linux" },
        machine.name,
        tool("cc"),
        tool("c++")
    );
    if emscripten {
        // Ours before Emscripten's: these know that a program's strings are not in the file that CMake looks into, for
        // which reason CMake itself finds out no sizes.
        let folders = [Some(content.folder), content.modules].into_iter().flatten();
        let folders = folders.map(|folder| quoted(folder, '"')).collect::<Vec<_>>().join(" ");
        let pointer = machine.abi.pointer;
        let _ = write!(
            text,
            "set(CMAKE_SYSTEM_VERSION 1)\nset(EMSCRIPTEN 1)\nlist(PREPEND CMAKE_MODULE_PATH {folders})\n\
             set(CMAKE_SIZEOF_VOID_P {pointer})\n"
        );
        for language in ["C", "CXX"] {
            let _ = write!(
                text,
                "set(CMAKE_{language}_SIZEOF_DATA_PTR {pointer})\nset(CMAKE_{language}_BYTE_ORDER LITTLE_ENDIAN)\n"
            );
        }
    }
    if !content.runner.is_empty() {
        let words: Vec<String> = content.runner.iter().map(|word| quoted(Path::new(word), '"')).collect();
        let _ = writeln!(text, "set(CMAKE_CROSSCOMPILING_EMULATOR {})", words.join(" "));
    }
    if content.cross.command(Role::Fortran).is_some() {
        let _ = writeln!(text, "set(CMAKE_Fortran_COMPILER {})", tool("gfortran"));
    }
    let roots = [content.system, content.packages, content.own[0], content.own[1]];
    let roots = roots.map(|root| quoted(root, '"')).join(" ");
    let _ = write!(text, "set(CMAKE_FIND_ROOT_PATH {roots})\nset(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n");
    if content.view.is_some() {
        // Debian's folder for libraries of a machine, which CMake learns of only from some compilers.
        let _ = writeln!(text, "set(CMAKE_LIBRARY_ARCHITECTURE {})", machine.multiarch);
    }
    for what in ["LIBRARY", "INCLUDE", "PACKAGE"] {
        let _ = writeln!(text, "set(CMAKE_FIND_ROOT_PATH_MODE_{what} ONLY)");
    }
    // FindPython and FindPythonLibs would ask the Python that runs, and look for its library.
    let (python, headers) = (quoted(content.python, '"'), quoted(content.headers, '"'));
    for find in ["Python", "Python3"] {
        let _ = write!(
            text,
            "set({find}_EXECUTABLE {python} CACHE FILEPATH \"\")\nset({find}_INCLUDE_DIR {headers} CACHE PATH \"\")\n"
        );
    }
    let _ = write!(
        text,
        "set(PYTHON_INCLUDE_DIR {headers} CACHE PATH \"\")\nset(PYTHON_MODULE_EXTENSION \"{}\" CACHE STRING \"\")\n",
        content.module_suffix
    );
    text
}

/// A path in a string of Meson or CMake, which both escape by a backslash.
fn quoted(path: &Path, quote: char) -> String {
    let text = path.to_string_lossy().replace('\\', "\\\\").replace(quote, &format!("\\{quote}"));
    format!("{quote}{text}{quote}")
}
