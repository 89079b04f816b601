"""Names that pywasmcross would have a module export of these objects and archives: `count.py FILE…`."""

import sys

from pyodide_build.pywasmcross import calculate_exports

print(*sorted(set(calculate_exports(sys.argv[1:], True))))
