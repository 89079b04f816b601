"""Installs what the builds need: Debian's packages, and an environment of Python for each case.

Build requirements are installed natively, once, before any build; the builds themselves run without isolation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cases import Case

COMMON = ("strace", "binutils", "pkg-config")


def apt(cases: list[Case]) -> None:
    """Installs the Debian packages that are missing."""
    wanted = set(COMMON).union(*(case.package.apt for case in cases))
    wanted |= {"python3-dev", "python3-venv"} if any("@" in case.label for case in cases) else set()
    missing = sorted(name for name in wanted if not installed(name))
    if not missing:
        return
    print("installing:", *missing, flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    install = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    subprocess.run([*install, "update", "-qq"], check=True)
    subprocess.run([*install, "install", "-y", "-qq", "--no-install-recommends", *missing],
                   check=True, stdout=subprocess.DEVNULL)


def installed(name: str) -> bool:
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", name], capture_output=True, text=True, check=False)
    return asked.stdout.endswith("ok installed")


def environment(case: Case) -> Path:
    """The case's environment with its build requirements; made once. Returns its folder of programs."""
    venv = case.folder / "venv"
    done = case.folder / "venv.requires"
    wanted = "\n".join((case.python, *case.package.requires))
    if not done.exists() or done.read_text() != wanted:
        # Our own pip installs into it, which spares the installation of another one.
        subprocess.run([case.python, "-m", "venv", "--clear", "--without-pip", venv], check=True)
        subprocess.run([sys.executable, "-m", "pip", "--python", venv / "bin/python", "install", "--quiet",
                        "--no-warn-script-location", *case.package.requires], check=True)
        done.write_text(wanted)
    return venv / "bin"
