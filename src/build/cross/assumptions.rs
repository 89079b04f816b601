//! What the headers, made or given, say of C on the target, asserted with the target's own compiler before anything is built with
//! them. A wrong line of a table fails here and names itself, and not as a crash on a machine that nobody has at hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crosswheel_shim::plan::Role;

use super::super::process;
use super::compiler::Own;
use super::header::{names, sizes};
use crate::error::{Error, IoContext, Result};
use crate::toolchain::cross::Machine;

/// A C file that compiles only where all of it holds, by a machine's row and the text of a `pyconfig.h`.
#[must_use]
pub fn source(machine: &Machine, config_header: &str) -> String {
    let mut text = String::from(
        "#include <Python.h>\n#include <float.h>\n#include <pthread.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n\
         #include <stdio.h>\n#include <sys/types.h>\n#include <time.h>\n\
         #define HOLDS(what) _Static_assert(what, \"crosswheel: \" #what)\n",
    );
    for (name, of, size) in sizes(machine) {
        // Writing to a string cannot fail.
        let _ =
            write!(text, "HOLDS(sizeof({of}) == {size});\n#ifdef {name}\nHOLDS({name} == {size});\n#endif\n");
    }
    if let Some(digits) = machine.long_double_digits() {
        let _ = writeln!(text, "HOLDS(LDBL_MANT_DIG == {digits});");
    }
    let abi = machine.abi;
    let order = if abi.big_endian { "__ORDER_BIG_ENDIAN__" } else { "__ORDER_LITTLE_ENDIAN__" };
    let decays = if abi.va_list_is_array { "!=" } else { "==" };
    let _ = write!(
        text,
        "HOLDS(__BYTE_ORDER__ == {order});\n\
         HOLDS(_Alignof(long) == {pointer});\nHOLDS(_Alignof(size_t) == {pointer});\n\
         HOLDS(_Alignof(max_align_t) <= {align});\nHOLDS(sizeof(Py_ssize_t) == {pointer});\n\
         HOLDS({sign}((wchar_t)-1 > 0));\n\
         /* An array that is a parameter is a pointer. */\n\
         struct both {{ va_list as_member; }};\n\
         void crosswheel_check(va_list as_parameter);\n\
         void crosswheel_check(va_list as_parameter) {{\n\
         \x20   HOLDS(sizeof(as_parameter) {decays} sizeof(struct both));\n    (void)as_parameter;\n}}\n",
        pointer = abi.pointer,
        align = abi.max_align,
        sign = if abi.unsigned_wchar { "" } else { "!" },
    );
    for (name, holds) in MACROS {
        let _ = write!(text, "#ifdef {name}\nHOLDS({holds});\n#endif\n");
    }
    // A macro that this version of Python has not heard of says nothing.
    let known = names(config_header);
    for (name, holds) in FLAGS.into_iter().filter(|(name, _)| known.contains(name)) {
        let _ = write!(text, "#if defined({name}) != ({holds})\n#error \"crosswheel: {name}\"\n#endif\n");
    }
    text
}

/// Macros of `pyconfig.h` with what must hold where they are defined.
const MACROS: [(&str, &str); 7] = [
    ("ALIGNOF_LONG", "_Alignof(long) == ALIGNOF_LONG"),
    ("ALIGNOF_MAX_ALIGN_T", "_Alignof(max_align_t) <= ALIGNOF_MAX_ALIGN_T"),
    ("ALIGNOF_SIZE_T", "_Alignof(size_t) == ALIGNOF_SIZE_T"),
    ("DOUBLE_IS_ARM_MIXED_ENDIAN_IEEE754", "0"),
    ("HAVE_GCC_UINT128_T", "sizeof(__uint128_t) == 16"),
    ("HAVE___UINT128_T", "sizeof(__uint128_t) == 16"),
    ("HAVE_USABLE_WCHAR_T", "(wchar_t)-1 > 0"),
];

/// Macros of `pyconfig.h` that are defined if, and only if, this holds.
const FLAGS: [(&str, &str); 5] = [
    ("DOUBLE_IS_BIG_ENDIAN_IEEE754", "__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__"),
    ("DOUBLE_IS_LITTLE_ENDIAN_IEEE754", "__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__"),
    ("HAVE_GCC_ASM_FOR_X64", "defined(__x86_64__)"),
    ("HAVE_GCC_ASM_FOR_X87", "defined(__x86_64__) || defined(__i386__)"),
    ("WORDS_BIGENDIAN", "__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__"),
];

/// Compiles the assertions; `given` says where headers are from that were not made.
pub fn check(own: &Own<'_>, headers: &Path, given: Option<&Path>, folder: &Path) -> Result<()> {
    let config_header = headers.join("pyconfig.h");
    let text = fs::read_to_string(&config_header).context("reading", &config_header)?;
    let file = folder.join("assumptions.c");
    fs::write(&file, source(&own.cross.machine, &text)).context("writing", &file)?;
    let mut command = own.command(Role::Cc)?;
    command
        .args(["-std=gnu11", "-w", "-c", "-o"])
        .arg(folder.join("assumptions.o"))
        .arg("-I")
        .arg(headers)
        .arg(&file);
    if let Err(said) = process::answer(&mut command)? {
        let false_one = said.lines().find(|line| line.contains("crosswheel: "));
        let first = said.lines().find(|line| line.contains("error")).unwrap_or("it says nothing");
        let what = match false_one.and_then(|line| line.split_once("crosswheel: ")) {
            Some((_, what)) => format!("this does not hold: {}", what.trim_end_matches(['"', '\''])),
            None => first.to_owned(),
        };
        let (machine, compiler) = (&own.cross.machine.name, &own.cross.compiler);
        let whose = match given {
            Some(prefix) => format!("the headers of the Python in {}", prefix.display()),
            None => format!("the headers made for {machine}"),
        };
        return Err(Error::failed(format!("{whose} do not fit the compiler {compiler}: {what}")).hint(
            format!(
                "[machine.{machine}] of wrappers/toolchains/machines.toml says what is assumed of the machine"
            ),
        ));
    }
    Ok(())
}
