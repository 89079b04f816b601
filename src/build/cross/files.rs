//! What build systems are told of the target in files of their own: Meson's cross and native file, CMake's toolchain
//! file, configure's site file.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Role;

use super::super::backend::Backend;
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
    /// Where the target's libraries are.
    pub system: &'a Path,
    /// Where the files go.
    pub folder: &'a Path,
    /// What ends the name of an extension module.
    pub module_suffix: &'a str,
    /// The command that runs programs of the target here, if something does.
    pub runner: &'a [String],
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
}

impl Files {
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
        site: put("config.site", site(content))?,
    })
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
    text
}

fn cmake(content: &Content<'_>) -> String {
    let machine = &content.cross.machine;
    let emscripten = machine.system == "emscripten";
    let mut text = format!(
        "set(CMAKE_SYSTEM_NAME {})\nset(CMAKE_SYSTEM_PROCESSOR {})\nset(CMAKE_C_COMPILER cc)\nset(CMAKE_CXX_COMPILER c++)\n",
        if emscripten { "Emscripten" } else { "Linux" },
        machine.name
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
        text.push_str("set(CMAKE_Fortran_COMPILER gfortran)\n");
    }
    let (system, packages) = (quoted(content.system, '"'), quoted(content.packages, '"'));
    let _ = write!(
        text,
        "set(CMAKE_FIND_ROOT_PATH {system} {packages})\nset(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n"
    );
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

/// Read by every configure script at its start: it is told what `--host` would tell it.
fn site(content: &Content<'_>) -> String {
    format!(
        "# For {}.\nhost_alias=${{host_alias:-{}}}\nbuild_alias=${{build_alias:-{}-linux-gnu}}\ncross_compiling=yes\n",
        content.family.name,
        content.cross.machine.triplet,
        std::env::consts::ARCH
    )
}

/// A path in a string of Meson or CMake, which both escape by a backslash.
fn quoted(path: &Path, quote: char) -> String {
    let text = path.to_string_lossy().replace('\\', "\\\\").replace(quote, &format!("\\{quote}"));
    format!("{quote}{text}{quote}")
}
