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
values = {}
for node in tree.body:
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "build_time_vars" and isinstance(node.value, ast.Dict):
        for name, value in zip(node.value.keys, node.value.values):
            # What is made when it is imported, such as a path below the installation, is no setting of the build.
            if isinstance(name, ast.Constant) and isinstance(value, (ast.Constant, ast.UnaryOp)):
                values[name.value] = ast.literal_eval(value)
if not values:
    sys.exit("build_time_vars is not there")
print(json.dumps({name: value for name, value in values.items() if isinstance(value, (int, str))}))
