//! Every environment variable that crosswheel reads or sets, in one table; the reference is made from it. Those that
//! a manifest only notes are in [`crate::wheel::manifest`].

use std::path::PathBuf;

use crate::error::{Error, Result};

/// One variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who reads it, or that we set it.
    pub role: Role,
    /// What it does, in a sentence.
    pub what: &'static str,
}

/// Whether a variable is read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read by `crosswheel`.
    Read,
    /// Set for the build.
    Set,
    /// Read, and set for the build.
    Both,
}

/// Declares the table and a constant for each name, so that a name is spelled once.
macro_rules! variables {
    ($($id:ident: $role:ident, $what:literal;)+) => {
        $(
            #[doc = $what]
            #[allow(non_upper_case_globals, reason = "CMake writes a language as it likes")]
            pub const $id: &str = stringify!($id);
        )+

        /// The table.
        pub const VARIABLES: &[Variable] =
            &[$(Variable { name: $id, role: Role::$role, what: $what },)+];
    };
}

variables! {
    AR: Both, "The archiver: a path in it is replaced by a name in the shim folder.";
    AS: Both, "The assembler, likewise.";
    CARGO_BUILD_TARGET: Set, "In a cross build: the target as rustc names it. With it go CARGO_TARGET_*_LINKER, and CC_*, CXX_* and AR_* with that name.";
    CC: Both, "The C compiler, with a launcher and flags if need be: a path in it is replaced by a name in the shim folder.";
    CC_FOR_BUILD: Set, "In a cross build: this machine's own C compiler, for what a build makes to run itself.";
    CI: Read, "Set to anything: no live line, which would fill a log.";
    CMAKE_CROSSCOMPILING_EMULATOR: Set, "By `run` and `env` with --run-tests-with: by what CMake runs programs of the target.";
    CMAKE_CXX_COMPILER_LAUNCHER: Both, "CMake's launcher for C++: a path in it is replaced by a name in the shim folder.";
    CMAKE_C_COMPILER_LAUNCHER: Both, "CMake's launcher for C, likewise.";
    CMAKE_Fortran_COMPILER_LAUNCHER: Both, "CMake's launcher for Fortran, likewise.";
    CMAKE_TOOLCHAIN_FILE: Set, "In a cross build: CMake's description of the target.";
    CONFIG_SITE: Set, "In a cross build: what configure scripts are told of the target.";
    CPATH: Set, "Taken out in a cross build: it names headers of this machine.";
    CPLUS_INCLUDE_PATH: Set, "Likewise.";
    CPP: Both, "The C preprocessor: a path in it is replaced by a name in the shim folder.";
    CROSSWHEEL_DEBIAN_MIRROR: Read, "Where packages of Debian come from, if --mirror does not say: http, https or file.";
    CROSSWHEEL_PARENT: Set, "For the tool that a call runs, if the call is recorded: its id, so that calls of the shim which the tool makes are known to be inside of it.";
    CXX: Both, "The C++ compiler, likewise.";
    CXX_FOR_BUILD: Set, "In a cross build: this machine's own C++ compiler, likewise.";
    C_INCLUDE_PATH: Set, "Taken out in a cross build: it names headers of this machine.";
    F77: Both, "The Fortran compiler of old build systems, likewise.";
    F90: Both, "The Fortran compiler of old build systems, likewise.";
    FC: Both, "The Fortran compiler, likewise.";
    GITHUB_ENV: Read, "File to which `env --shell github` appends variables.";
    GITHUB_PATH: Read, "File to which `env --shell github` appends the shim folder.";
    HIPCC: Both, "The HIP compiler: a path in it is replaced by a name in the shim folder.";
    HOME: Read, "Where `.cache/crosswheel` is, if XDG_CACHE_HOME does not say.";
    HOST_CC: Set, "In a cross build: this machine's own C compiler, for Rust's build scripts.";
    HOST_CXX: Set, "Likewise, for C++.";
    LD: Both, "The linker, likewise.";
    LDCXXSHARED: Both, "The command by which setuptools links C++ extensions, likewise; also set where Python's own names a path.";
    LDSHARED: Both, "The command by which setuptools links extensions, likewise; also set where Python's own names a path.";
    LD_LIBRARY_PATH: Set, "Taken out for a test of a wheel: what it names is of this machine.";
    LD_PRELOAD: Set, "Taken out, likewise.";
    LIBRARY_PATH: Set, "Taken out in a cross build: it names libraries of this machine.";
    MAKEFLAGS: Both, "In a cross build, also: automake's LOG_COMPILER, so that `make check` skips tests that would run on the target.";
    NM: Both, "The symbol lister: a path in it is replaced by a name in the shim folder.";
    NO_COLOR: Read, "Set to anything: no colours on the terminal.";
    OBJCOPY: Both, "The object copier: a path in it is replaced by a name in the shim folder.";
    PATH: Both, "Where tools are found. The shim folder goes first; those of other sessions are taken out.";
    PIP_USER: Set, "To 0 while build dependencies are installed: an isolated environment has no user's folder.";
    PKG_CONFIG: Set, "In a cross build: the name of pkg-config, which is then found on PATH.";
    PKG_CONFIG_LIBDIR: Set, "In a cross build: where the target's libraries describe themselves, so that those of this machine are not found.";
    PKG_CONFIG_PATH: Set, "Taken out in a cross build.";
    PKG_CONFIG_SYSROOT_DIR: Set, "Taken out in a cross build.";
    PYO3_CROSS_LIB_DIR: Set, "In a cross build: the folder of the target's sysconfig data, for extension modules in Rust.";
    PYODIDE: Set, "To 1 in a build for WebAssembly: packages ask for it.";
    PYTHONHASHSEED: Set, "To 0 in a reproducible build, so that sets have the same order twice.";
    PYTHONHOME: Set, "Taken out in an isolated build, and for a test of a wheel.";
    PYTHONPATH: Both, "Taken out in an isolated build, and for a test of a wheel: what it names is not isolated. In a cross build, the folder of the target's sysconfig data goes in front.";
    QEMU_LD_PREFIX: Set, "With --run-tests-with qemu: where programs of the target find their libraries.";
    RANLIB: Both, "The archive indexer: a path in it is replaced by a name in the shim folder.";
    SOURCE_DATE_EPOCH: Both, "The time that goes into products, so that two builds give the same bytes.";
    STRIP: Both, "The symbol remover: a path in it is replaced by a name in the shim folder.";
    TERM: Read, "`dumb`: no live line.";
    TMPDIR: Both, "Folder of temporary files, by which probes are known. The work area of `build` is made in it, and the build's own lies in the work area.";
    TZ: Set, "UTC, so that times of files look the same everywhere.";
    VIRTUAL_ENV: Set, "The isolated environment of a build, or of a test of a wheel.";
    XDG_CACHE_HOME: Read, "Where `crosswheel` keeps what can be made again: sdists, compilers, plans for `explain`, target Pythons and sysroots.";
    _PYTHON_HOST_PLATFORM: Set, "In a cross build: the target's platform, which ends up in the wheel's tag.";
    _PYTHON_SYSCONFIGDATA_NAME: Set, "In a cross build: the module with the target's sysconfig data.";
}

/// The time that goes into products, if the caller says one: seconds since 1970.
pub fn source_date_epoch() -> Result<Option<u64>> {
    let Some(text) = std::env::var_os(SOURCE_DATE_EPOCH).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.to_str().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        Error::usage(format!("SOURCE_DATE_EPOCH is `{}`, which is no number of seconds", text.display()))
            .hint("`git log -1 --format=%ct` gives that of a commit")
    })
}

/// A folder of our cache: `$XDG_CACHE_HOME/crosswheel/NAME`, or the same under `~/.cache`; `None` if there is no place
/// for caches.
#[must_use]
pub fn cache(name: &str) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    std::env::var_os(XDG_CACHE_HOME)
        .map(PathBuf::from)
        .filter(absolute)
        .or_else(|| std::env::home_dir().filter(absolute).map(|home| home.join(".cache")))
        .map(|base| base.join("crosswheel").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_every_variable_once() {
        assert!(VARIABLES.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn every_variable_that_is_led_through_the_shim_is_in_the_table() {
        for (name, _) in crate::toolchain::redirect::COMMANDS {
            assert!(VARIABLES.iter().any(|one| one.name == *name && one.role == Role::Both), "{name}");
        }
    }
}
