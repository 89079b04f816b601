//! What configure scripts are told: the file that each reads at its start (`CONFIG_SITE`). It says what `--host` would say, also
//! to a script that a package's build calls without it, and answers the questions for which a script of autoconf would run
//! what it has compiled.

use std::fmt::Write as _;

use crate::toolchain::cross::Cross;

/// What autoconf's own macros find out by running a program, and guess for the worst where they cannot: the variables
/// that its manual names under "Particular Functions". All of it is so on every Linux, with glibc and with musl.
const ANSWERS: [(&str, &str); 14] = [
    ("ac_cv_func_calloc_0_nonnull", "yes"),
    ("ac_cv_func_chown_works", "yes"),
    ("ac_cv_func_closedir_void", "no"),
    ("ac_cv_func_fork_works", "yes"),
    ("ac_cv_func_getgroups_works", "yes"),
    ("ac_cv_func_lstat_dereferences_slashed_symlink", "yes"),
    ("ac_cv_func_malloc_0_nonnull", "yes"),
    ("ac_cv_func_memcmp_working", "yes"),
    ("ac_cv_func_mmap_fixed_mapped", "yes"),
    ("ac_cv_func_realloc_0_nonnull", "yes"),
    ("ac_cv_func_stat_empty_string_bug", "no"),
    ("ac_cv_func_strcoll_works", "yes"),
    ("ac_cv_func_strnlen_working", "yes"),
    ("ac_cv_func_vfork_works", "yes"),
];

/// The file's text. A script that is called for a tool of this machine, by `CC=$CC_FOR_BUILD`, is told nothing.
/// Where programs of the target `run`, it tries them.
#[must_use]
pub fn text(family: &str, cross: &Cross, run: bool) -> String {
    let mut text = format!(
        "# For {family}.\ncase ${{CC-}} in\nbuild-cc | build-cc\\ * | */build-cc | */build-cc\\ *) ;;\n*)\n\
         host_alias=${{host_alias:-{}}}\nbuild_alias=${{build_alias:-{}-linux-gnu}}\ncross_compiling={}\n",
        cross.machine.triplet,
        std::env::consts::ARCH,
        if run { "maybe" } else { "yes" }
    );
    for (name, answer) in ANSWERS {
        // Writing to a string cannot fail. A package's own answer goes before.
        let _ = writeln!(text, "{name}=${{{name}-{answer}}}");
    }
    text.push_str(";;\nesac\n");
    text
}
