//! A `pyconfig.h` for the target: that of the build Python with every line changed that depends on the machine.
//!
//! Both are Linux, so what the C library has is taken to be the same. What C is on the target is a table
//! ([`crate::toolchain::cross::Abi`]), and [`super::assumptions`] has the target's compiler assert each line of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::pyodide::Config;
use crate::toolchain::cross::{Abi, Machine};

/// A macro of `pyconfig.h` with its value on a machine; `None` leaves it undefined.
pub type Macro = (&'static str, Option<u32>);

/// Every macro that depends on the machine.
#[must_use]
pub fn macros(machine: &Machine) -> Vec<Macro> {
    let Abi { pointer, big_endian, long_double, va_list_is_array, time_t, max_align, unsigned_wchar, .. } =
        machine.abi;
    let flag = |is: bool| is.then_some(1);
    let only = |names: &[&str]| flag(names.contains(&machine.name.as_str()));
    let mut all: Vec<Macro> = sizes(machine).into_iter().map(|(name, _, size)| (name, Some(size))).collect();
    all.extend([
        ("ALIGNOF_LONG", Some(pointer)),
        ("ALIGNOF_MAX_ALIGN_T", Some(max_align)),
        ("ALIGNOF_SIZE_T", Some(pointer)),
        ("DOUBLE_IS_ARM_MIXED_ENDIAN_IEEE754", None),
        ("DOUBLE_IS_BIG_ENDIAN_IEEE754", flag(big_endian)),
        ("DOUBLE_IS_LITTLE_ENDIAN_IEEE754", flag(!big_endian)),
        ("FLOAT_WORDS_BIGENDIAN", flag(big_endian)),
        // A header that no C library has by itself, and that Python.h asks for until 3.8.
        ("HAVE_CRYPT_H", None),
        ("HAVE_GCC_ASM_FOR_MC68881", None),
        ("HAVE_GCC_ASM_FOR_X64", only(&["x86_64"])),
        ("HAVE_GCC_ASM_FOR_X87", only(&["i686", "x86_64"])),
        // One for all, and one for those that 3.13 has beside it.
        ("HAVE_GCC_UINT128_T", flag(pointer == 8)),
        ("HAVE___UINT128_T", flag(pointer == 8)),
        ("HAVE_LARGEFILE_SUPPORT", flag(pointer == 4)),
        ("HAVE_USABLE_WCHAR_T", flag(unsigned_wchar)),
        ("PY_HAVE_PERF_TRAMPOLINE", only(&["aarch64", "x86_64"])),
        // What Python's developers promise of this machine is no matter of C.
        ("PY_SUPPORT_TIER", Some(0)),
        ("SIZEOF_LONG_DOUBLE", Some(long_double)),
        ("SIZEOF_TIME_T", Some(time_t)),
        ("VA_LIST_IS_ARRAY", flag(va_list_is_array)),
        ("WORDS_BIGENDIAN", flag(big_endian)),
        ("X87_DOUBLE_ROUNDING", only(&["i686"])),
        ("_FILE_OFFSET_BITS", Some(64)),
        ("_Py_HACL_CAN_COMPILE_VEC128", only(&["i686", "x86_64"])),
        ("_Py_HACL_CAN_COMPILE_VEC256", only(&["i686", "x86_64"])),
    ]);
    all
}

/// Sizes of types: macro, type, bytes.
#[must_use]
pub fn sizes(machine: &Machine) -> Vec<(&'static str, &'static str, u32)> {
    let Abi { pointer, long_double, time_t, .. } = machine.abi;
    vec![
        ("SIZEOF_DOUBLE", "double", 8),
        ("SIZEOF_FLOAT", "float", 4),
        ("SIZEOF_FPOS_T", "fpos_t", 16),
        ("SIZEOF_INT", "int", 4),
        ("SIZEOF_LONG", "long", pointer),
        ("SIZEOF_LONG_DOUBLE", "long double", long_double),
        ("SIZEOF_LONG_LONG", "long long", 8),
        ("SIZEOF_OFF_T", "off_t", 8),
        ("SIZEOF_PID_T", "pid_t", 4),
        ("SIZEOF_PTHREAD_KEY_T", "pthread_key_t", 4),
        ("SIZEOF_PTHREAD_T", "pthread_t", pointer),
        ("SIZEOF_SHORT", "short", 2),
        ("SIZEOF_SIZE_T", "size_t", pointer),
        ("SIZEOF_TIME_T", "time_t", time_t),
        ("SIZEOF_UINTPTR_T", "uintptr_t", pointer),
        ("SIZEOF_VOID_P", "void *", pointer),
        ("SIZEOF_WCHAR_T", "wchar_t", 4),
        ("SIZEOF__BOOL", "_Bool", 1),
    ]
}

/// Macros that every `pyconfig.h` has, whatever the version, and that this one lacks.
#[must_use]
pub fn missing(text: &str) -> Vec<&'static str> {
    const ALWAYS: [&str; 5] =
        ["SIZEOF_LONG", "SIZEOF_SIZE_T", "SIZEOF_VOID_P", "SIZEOF_WCHAR_T", "WORDS_BIGENDIAN"];
    let there = names(text);
    ALWAYS.into_iter().filter(|name| !there.contains(name)).collect()
}

/// Every macro that a `pyconfig.h` has heard of, defined or not.
#[must_use]
pub fn names(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(named).collect()
}

/// The text of the build Python's file with these macros in place of its own. A macro that it does not know stays
/// unknown: this version of Python does not ask for it.
#[must_use]
pub fn rewrite(text: &str, macros: &[Macro]) -> String {
    let wanted: BTreeMap<&str, Option<u32>> = macros.iter().copied().collect();
    each(text, |name, _| Some(wanted.get(name)?.map(|value| value.to_string())))
}

/// The text with the settings that a Python of the target was built with: these know better than any table what the
/// target has. Sizes stay those of the machine, which the compiler that is there will assert.
#[must_use]
pub fn adopt(text: &str, config: &Config, machine: &Machine) -> String {
    let sizes: BTreeSet<&str> = sizes(machine).into_iter().map(|(name, ..)| name).collect();
    each(text, |name, line| {
        if sizes.contains(name) {
            return None;
        }
        // Autoconf defines these to 0 or 1; others it leaves undefined.
        let zero = name.starts_with("HAVE_DECL_") || line.trim_end().ends_with(" 0");
        config.defined(name, zero)
    })
}

/// The text with each line that defines a macro, or leaves it undefined, as `meaning` has it: undefined for `Some(None)`,
/// as it is for `None`.
fn each(text: &str, meaning: impl Fn(&str, &str) -> Option<Option<String>>) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let rewritten = named(line).and_then(|name| Some((name, meaning(name, line)?)));
        match rewritten {
            Some((name, Some(value))) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "#define {name} {value}");
            }
            Some((name, None)) => {
                let _ = write!(out, "/* #undef {name} */");
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// The macro that a line defines or leaves undefined, in any of the ways of `config.h.in`.
fn named(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("/*").map_or(line, str::trim_start);
    let rest = line.strip_prefix('#')?.trim_start();
    let mut words = rest.split_whitespace();
    matches!(words.next(), Some("define" | "undef")).then(|| words.next())?
}

/// All macros of a `pyconfig.h` as `sysconfig` reads them: numbers and texts that are defined, and 0 for what is not.
#[must_use]
pub fn variables(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in text.lines() {
        let Some(name) = named(line) else { continue };
        // What is indented stands below a condition.
        let value = line.strip_prefix("#define").map(|rest| rest.trim_start()[name.len()..].trim());
        if value.is_none() && !line.starts_with("/* #undef") {
            continue;
        }
        all.entry(name.to_owned()).or_insert_with(|| value.unwrap_or("0").to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "/* The size of `long', as computed by sizeof. */\n#define SIZEOF_LONG 8\n\
                        #define VA_LIST_IS_ARRAY 1\n/* #undef X87_DOUBLE_ROUNDING */\n\
                        # ifndef WORDS_BIGENDIAN\n/* #  undef WORDS_BIGENDIAN */\n# endif\n\
                        #define HAVE_FORK 1\n#define PLATLIBDIR \"lib\"\n";

    #[test]
    fn only_lines_of_macros_that_are_asked_for_change() {
        let macros = [
            ("SIZEOF_LONG", Some(4)),
            ("VA_LIST_IS_ARRAY", None),
            ("WORDS_BIGENDIAN", Some(1)),
            ("NEW", Some(1)),
        ];
        let text = rewrite(TEXT, &macros);
        assert!(
            text.contains("#define SIZEOF_LONG 4\n/* #undef VA_LIST_IS_ARRAY */\n/* #undef X87_DOUBLE"),
            "{text}"
        );
        assert!(text.contains("# ifndef WORDS_BIGENDIAN\n#define WORDS_BIGENDIAN 1\n# endif\n"), "{text}");
        assert!(text.contains("#define HAVE_FORK 1\n") && !text.contains("NEW"), "{text}");
        assert_eq!(rewrite(&text, &macros), text);
    }

    #[test]
    fn settings_of_a_python_for_the_target_stand_but_for_sizes() {
        let toolchains = crate::toolchain::Toolchains::builtin().unwrap();
        let topology = crate::topology::Topology::builtin().unwrap();
        let machine = toolchains.machine(&topology.family("wasm32-emscripten").unwrap().target).unwrap();
        let values = [("SIZEOF_LONG", 99), ("HAVE_FORK", 0), ("VA_LIST_IS_ARRAY", 7), ("HAVE_DECL_X", 0)];
        let variables = values.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let text = adopt(&format!("{TEXT}#define HAVE_DECL_X 1\n"), &Config { variables }, &machine);
        assert!(text.contains("#define SIZEOF_LONG 8\n#define VA_LIST_IS_ARRAY 7\n"), "{text}");
        assert!(
            text.contains("/* #undef HAVE_FORK */\n#define PLATLIBDIR \"lib\"\n#define HAVE_DECL_X 0\n"),
            "{text}"
        );
    }

    #[test]
    fn variables_are_what_sysconfig_reads() {
        let all = variables(TEXT);
        assert_eq!(all["SIZEOF_LONG"], "8");
        assert!(!all.contains_key("WORDS_BIGENDIAN"), "it is below a condition");
        assert_eq!(all["PLATLIBDIR"], "\"lib\"");
        assert_eq!(all.len(), 5);
    }
}
