"""Says what this Python is and what it can do, as one JSON object on stdout."""

import importlib.util
import json
import os
import sys


def has(module):
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def pip_version():
    try:
        import pip

        return getattr(pip, "__version__", None)
    except ImportError:
        return None


if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]
print(
    json.dumps(
        {
            "executable": sys.executable,
            "version": list(sys.version_info[:3]),
            "implementation": sys.implementation.name,
            "prefix": sys.prefix,
            "pip": pip_version(),
            "venv": has("venv"),
            "virtualenv": has("virtualenv"),
        }
    )
)
