//! What the made headers say of C on the target, asserted with the target's own compiler before anything is built with
//! them. A wrong line of a table fails here and names itself, and not as a crash on a machine that nobody has at hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crosswheel_shim::plan::Role;

use super::super::process;
use super::compiler::Own;
use super::header::sizes;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::cross::Machine;

/// A C file that compiles only where all of it holds.
#[must_use]
pub fn source(machine: &Machine) -> String {
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
         HOLDS(_Alignof(max_align_t) <= {align});\nHOLDS((wchar_t)-1 != 0 && sizeof(Py_ssize_t) == {pointer});\n\
         /* An array that is a parameter is a pointer. */\n\
         struct both {{ va_list as_member; }};\n\
         void crosswheel_check(va_list as_parameter);\n\
         void crosswheel_check(va_list as_parameter) {{\n\
         \x20   HOLDS(sizeof(as_parameter) {decays} sizeof(struct both));\n    (void)as_parameter;\n}}\n",
        pointer = abi.pointer,
        align = abi.max_align,
    );
    text
}

/// Compiles the assertions.
pub fn check(own: &Own<'_>, headers: &Path, folder: &Path) -> Result<()> {
    let file = folder.join("assumptions.c");
    fs::write(&file, source(&own.cross.machine)).context("writing", &file)?;
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
        return Err(Error::failed(format!(
            "the headers made for {} do not fit its compiler {}: {what}",
            own.cross.machine.name, own.cross.compiler
        ))
        .hint(format!(
            "[machine.{}] of wrappers/toolchains/machines.toml says what is assumed",
            own.cross.machine.name
        )));
    }
    Ok(())
}
