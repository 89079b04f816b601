"""Runs a package's own backend: one hook of PEP 517 in this process, without isolation and without pip.

It is run by the Python of the package's own environment, in the unpacked sdist:
`python backend.py OUT SETTINGS-AS-JSON HOOK`.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import tomllib


def main() -> None:
    out, settings, hook = sys.argv[1], json.loads(sys.argv[2]), (sys.argv[3:] or ["build_wheel"])[0]
    with open("pyproject.toml", "rb") as file:
        table = tomllib.load(file).get("build-system", {})
    # PEP 517: a backend of the project's own is looked for in the project, and nothing else of it is importable.
    sys.path[:0] = [os.path.abspath(folder) for folder in table.get("backend-path", [])]
    name, _, attributes = table.get("build-backend", "setuptools.build_meta:__legacy__").partition(":")
    backend = importlib.import_module(name)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    sys.argv[1:] = []
    try:
        print("made:", getattr(backend, hook)(out, settings or None))
    finally:
        stop_server()


def stop_server() -> None:
    """Meson takes an sccache that it finds, whose server would outlive the build and serve objects to the next."""
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["SCCACHE_SERVER_PORT"]))).close()
    except OSError:
        return  # none was started
    subprocess.run(["sccache", "--stop-server"], check=False, capture_output=True)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    main()
