"""Counts the instructions of a call: the wrapper's own, not those of what it starts."""

import os
import re
import shutil
import subprocess


def instructions(subject):
    """By callgrind; `None` if valgrind is not installed."""
    if not shutil.which("valgrind"):
        return None
    command = ["valgrind", "--tool=callgrind", "--trace-children=no", "--callgrind-out-file=/dev/null", *subject.argv]
    valgrind = subprocess.Popen(
        command, env=subject.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    _, said = valgrind.communicate()
    # The child counts by itself until it becomes the real tool.
    counts = re.findall(rf"^=={valgrind.pid}== Collected : (\d+)$", said, re.MULTILINE)
    if valgrind.returncode != 0 or not counts:
        raise SystemExit(f"error: {subject.name} under valgrind:\n{said}")
    return int(counts[-1])
