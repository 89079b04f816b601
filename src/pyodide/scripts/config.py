"""Prints the variables of sysconfig's data in a zipped standard library as one JSON object. The module is read, not run.

usage: config.py LIBRARY
"""

import ast
import fnmatch
import json
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as library:
    names = [name for name in library.namelist() if fnmatch.fnmatch(name, "_sysconfigdata_*.py")]
    if len(names) != 1:
        sys.exit("it holds %d modules of sysconfig data" % len(names))
    tree = ast.parse(library.read(names[0]))
for node in tree.body:
    if isinstance(node, ast.Assign) and node.targets[0].id == "build_time_vars":
        values = ast.literal_eval(node.value)
        break
else:
    sys.exit("build_time_vars is not there")
print(json.dumps({name: value for name, value in values.items() if isinstance(value, (int, str))}))
