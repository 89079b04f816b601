"""Runs pip as if it were on another machine: markers of requirements (`platform_machine == "aarch64"`) are read with the
values of that machine, which `pip install --platform` does not do: it reads them with those of the Python it runs in.

usage: pip_for_target.py MARKERS PYTHON ARGUMENTS...

MARKERS is a JSON object of what differs. PYTHON is what scripts are to begin with (`#!PYTHON`).
"""

import json
import sys

markers, sys.executable = json.loads(sys.argv[1]), sys.argv[2]

try:
    import pip._vendor.packaging.markers as module
    from pip._internal.cli.main import main

    here = module.default_environment()
except (ImportError, AttributeError) as error:
    sys.exit("crosswheel: this pip is not known: %s" % error)


def default_environment():
    return dict(here, **markers)


module.default_environment = default_environment
sys.exit(main(sys.argv[3:]))
