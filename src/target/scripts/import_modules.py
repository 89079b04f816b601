"""Imports modules one after the other and says how each went.

usage: import_modules.py REPORT MODULE...

REPORT gets a line of JSON before each import, {"begin": MODULE}, so that a crash has a name, and one after it:
{"module", "seconds", "error"}; `error` is null if all is well. Exit status 1 if one failed.
"""

import importlib
import json
import sys
import time



def told(what):
    text = "%s: %s" % (type(what).__name__, what)
    # Where WebAssembly refuses to link a module, Python only says that there is no such function in it.
    if sys.platform == "emscripten" and isinstance(what, ImportError) and "export function" in text:
        try:
            __import__("ctypes").CDLL(what.path)
        except Exception as cause:
            text += ": %s" % str(cause).splitlines()[-1]
    return text


failed = False
with open(sys.argv[1], "w") as report:
    for name in sys.argv[2:]:
        print(json.dumps({"begin": name}), file=report, flush=True)
        start, error = time.perf_counter(), None
        try:
            importlib.import_module(name)
        except BaseException as what:
            error, failed = told(what), True
        seconds = round(time.perf_counter() - start, 3)
        print(json.dumps({"module": name, "seconds": seconds, "error": error}), file=report, flush=True)
sys.exit(failed)
