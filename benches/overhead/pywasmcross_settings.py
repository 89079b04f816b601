"""Sets up pywasmcross as its own build does, run by a Python that has pyodide-build; prints the environment.

pyodide-build makes the folder of links itself. What it would take from Pyodide's cross-build environment (400 MB) is
left empty: flags, the target's headers. The wrapper's work on a call is the same, and a little less.
"""

import json
import sys
from pathlib import Path

from pyodide_build import pypabuild

folder, path = Path(sys.argv[1]), sys.argv[2]
env = pypabuild.make_command_wrapper_symlinks(folder)
args = {
    "pkgname": "tiny",
    "cflags": "",
    "cxxflags": "",
    "ldflags": "",
    "target_install_dir": "",
    "builddir": str(folder),
    "exports": "pyinit",
    "abi": "",
    "PYTHONPATH": [entry for entry in sys.path if entry] + [str(folder)],
    "orig__name__": pypabuild.__name__,
    "pythoninclude": "",
    "PATH": path,
}
# Versions before 0.26 know no `abi`, later ones no `builddir`.
from pyodide_build import pywasmcross  # noqa: E402

known = getattr(pywasmcross, "BuildArgs", None)
if known is not None:
    args = {name: value for name, value in args.items() if name != "abi"}
print(json.dumps({**env, "PYWASMCROSS_ARGS": json.dumps(args)}))
