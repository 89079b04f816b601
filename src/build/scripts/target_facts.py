"""Says what a Python for another machine can be made of, as one JSON object on stdout: the headers of this Python, its
pyconfig.h, and those variables of sysconfig that do not depend on the machine.
"""

import json
import os
import sys
import sysconfig

# What does not depend on the machine, or is turned into what the target has by the caller.
KEPT = (
    "ABIFLAGS",
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
    """The text of pyconfig.h. Debian's own only includes the one of the machine."""
    path = sysconfig.get_config_h_filename()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if "SIZEOF_LONG" not in text:
        folder = os.path.dirname(path)
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        path = os.path.join(os.path.dirname(folder), multiarch, os.path.basename(folder), "pyconfig.h")
        with open(path, encoding="utf-8") as file:
            text = file.read()
    return text


if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]
values = sysconfig.get_config_vars()
include = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
libraries = [values.get("LIBDIR"), values.get("LIBPL"), os.path.join(sys.base_prefix, "lib")]
print(
    json.dumps(
        {
            "config_header": config_header(),
            "headers": sorted({os.path.abspath(path) for path in include if path and os.path.isdir(path)}),
            "libraries": sorted({os.path.abspath(path) for path in libraries if path}),
            "variables": {name: values[name] for name in KEPT if isinstance(values.get(name), (int, str))},
            "soabi": values.get("SOABI") or "",
            "multiarch": values.get("MULTIARCH") or "",
            "abiflags": getattr(sys, "abiflags", ""),
            "packages": sysconfig.get_path("purelib"),
        }
    )
)
