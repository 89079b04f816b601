"""Builds that are held open, so that calls in them can be measured from outside, in turn with all others."""

import json
import os
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 120

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "held"
version = "1"
"""

BACKEND = """\
from hold import hold


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    hold({environment!r}, {pipe!r})
    raise SystemExit("the measuring is over")
"""


class NotHeld(Exception):
    """The launcher ended before its build began."""


class Held:
    """A launcher whose build stands still, and the environment in that build."""

    def __init__(self, folder, command, env):
        """`command` makes the launcher's arguments from those of the program that stands still."""
        os.makedirs(folder)
        self.environment = os.path.join(folder, "environment.json")
        self.pipe = os.path.join(folder, "pipe")
        self.log = os.path.join(folder, "log")
        os.mkfifo(self.pipe)
        argv = command(self)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
            )
        self._wait(argv)
        with open(self.environment) as file:
            told = json.load(file)
        self.env, self.parents = told["env"], told["parents"]

    def _wait(self, argv):
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.environment):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                with open(self.log) as log:
                    said = log.read().strip().splitlines()[-1:] or ["it said nothing"]
                raise NotHeld(f"`{' '.join(argv[:2])} …` did not come to its build: {said[0]}")
            time.sleep(0.01)

    def release(self):
        """Lets the build end."""
        try:
            os.close(os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def stand_still(python):
    """The program that stands still, for a launcher that runs any command."""
    return lambda held: [python, os.path.join(HERE, "hold.py"), held.environment, held.pipe]


def package(folder, held):
    """A package whose build stands still, for a launcher that builds packages."""
    os.makedirs(folder)
    shutil.copy(os.path.join(HERE, "hold.py"), folder)
    backend = BACKEND.format(environment=held.environment, pipe=held.pipe)
    for name, text in [("pyproject.toml", PYPROJECT), ("backend.py", backend)]:
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    return folder
