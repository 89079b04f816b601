//! What tests of builds for another machine share: a family that Debian's cross compiler builds for, and an extension module.

use super::{Home, Ran};

/// Debian's compiler links for the glibc of its own release.
pub(crate) const FAMILY: &str = "aarch64-linux-gnu.2.36";
/// The wheel of a tiny package for it.
pub(crate) const WHEEL: &str = "tiny-1.0-cp311-cp311-manylinux_2_36_aarch64.whl";

/// An extension module by hand, as setuptools would make it.
pub(crate) const EXTENSION: &str = r#"
import subprocess, sysconfig
def build():
    config = sysconfig.get_config_var
    flags = config("CC").split() + config("CFLAGS").split() + config("CCSHARED").split()
    include = "-I" + sysconfig.get_path("include")
    subprocess.check_call(flags + [include, "-c", "ext.c", "-o", "ext.o"])
    subprocess.check_call(config("LDSHARED").split() + ["ext.o", "-L/usr/lib", "-o", "ext.so"])
    with open("ext.so", "rb") as f:
        return {"tiny/ext" + config("EXT_SUFFIX"): f.read()}
"#;

/// The source of the module. What must be defined in `pyconfig.h` is asked for by a line of the test's own.
pub(crate) fn module(asks: &str) -> String {
    format!(
        "#include <Python.h>\n_Static_assert(sizeof(long) == SIZEOF_LONG, \"\");\n{asks}\n\
         static struct PyModuleDef def = {{ PyModuleDef_HEAD_INIT, \"ext\", 0, -1, 0, 0, 0, 0, 0 }};\n\
         PyMODINIT_FUNC PyInit_ext(void) {{ return PyModule_Create(&def); }}\n"
    )
}

/// Builds `./pkg` by Debian's cross compiler, with the packages of this Python.
pub(crate) fn build(home: &Home, family: &str, more: &[&str]) -> Ran {
    let mut args = vec!["./pkg", "--family", family, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    args.extend(more);
    home.build(&args)
}
