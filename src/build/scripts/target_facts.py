"""Says what a Python for another machine can be made of, as one JSON object on stdout.

Without an argument: the headers of this Python, its pyconfig.h, and those variables of sysconfig that do not depend on the
machine. With the path of the module that another Python's sysconfig reads: the variables in it. It is read and not run.
"""

import ast
import json
import os
import sys
import sysconfig

# What does not depend on the machine, or is turned into what the target has by the caller.
KEPT = (
    "ABIFLAGS",
    "ABI_THREAD",
    "BASECFLAGS",
    "CCSHARED",
    "CFLAGS",
    "EXE",
    "LDVERSION",
    "LIBM",
    "LIBS",
    "MACHDEP",
    "OPT",
    "PY_CFLAGS",
    "Py_DEBUG",
    "Py_GIL_DISABLED",
    "SHLIB_SUFFIX",
    "SYSLIBS",
    "VERSION",
)


def config_header():
    """The text of pyconfig.h, nothing if it is not there. Debian's own only includes the one of the machine."""
    path = sysconfig.get_config_h_filename()
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if "SIZEOF_LONG" not in text:
        folder = os.path.dirname(path)
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        path = os.path.join(os.path.dirname(folder), multiarch, os.path.basename(folder), "pyconfig.h")
        with open(path, encoding="utf-8") as file:
            text = file.read()
    return text


def plain(values):
    """Those variables that are texts or numbers."""
    return {name: value for name, value in values.items() if isinstance(value, (int, str))}


def kept(values):
    """Those variables that another machine may be told."""
    return plain({name: values[name] for name in KEPT if name in values})


def own():
    """What this Python says."""
    values = sysconfig.get_config_vars()
    include = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    libraries = [values.get("LIBDIR"), values.get("LIBPL"), os.path.join(sys.base_prefix, "lib")]
    return {
        "config_header": config_header(),
        "headers": sorted({os.path.abspath(path) for path in include if path}),
        "libraries": sorted({os.path.abspath(path) for path in libraries if path}),
        "variables": kept(values),
        "soabi": values.get("SOABI") or "",
        "multiarch": values.get("MULTIARCH") or "",
        "abiflags": getattr(sys, "abiflags", ""),
        "packages": sysconfig.get_path("purelib"),
    }


def given(path):
    """What the module of another Python says."""
    with open(path, encoding="utf-8") as file:
        module = ast.parse(file.read(), path)
    for statement in module.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "build_time_vars":
            values = ast.literal_eval(statement.value)
            return {"all": plain(values), "kept": kept(values)}
    raise ValueError("it sets no build_time_vars")


if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]
print(json.dumps(given(sys.argv[1]) if sys.argv[1:] else own()))
