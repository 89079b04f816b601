"""What pywasmcross of pyodide-build makes of calls: a list of argument lists comes in as JSON, one of results goes out.

A result is a list of arguments, or for a call that it ends by itself `["exit 1"]`. The settings are those of no package:
Pyodide's own flags are given by its configuration, and would be told apart from ours only by their place.
"""

import json
import os
import sys

from pyodide_build import pywasmcross

ARGS = pywasmcross.CrossCompileArgs(exports=["PyInit_a"], abi="2024_0", target_install_dir="/target")


def result(call):
    made = pywasmcross.handle_command_generate_args(list(call), ARGS)
    if isinstance(made, pywasmcross.ExitCodeWithReason):
        return [f"exit {made.exitcode}"]
    for arg in made:
        if arg.startswith("-sEXPORTED_FUNCTIONS=@"):
            os.remove(arg.partition("@")[2])
    if made[0] == "emcmake":
        # Where the wrappers stand.
        made = [arg.partition("=")[0] + "=WRAPPER" if arg.startswith("-DCMAKE_") else arg for arg in made]
    return ["-sEXPORTED_FUNCTIONS=@FILE" if arg.startswith("-sEXPORTED_FUNCTIONS=@/") else arg for arg in made]


json.dump([result(call) for call in json.load(sys.stdin)], sys.stdout)
