#!/usr/bin/env python3
"""Measures `wheel retag` beside `cp`, and `wheel verify` beside the best that Python's libraries can do.

    measure.py WHEEL... [--crosswheel PROGRAM] [--rounds N] [--folder DIR] [--no-tags]

Subjects are run in turn, in an order drawn anew each round, with the wheel in the page cache and all that was written before
on the disk. The exit status is 0 iff every claim holds.
"""

import argparse
import concurrent.futures
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import same

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
COPY = 1.5  # times the copy of the file
VERIFY = 1.3  # times the best peer
MEMORY = 40  # MB, peak, for retag
PEERS = {"isal": "isal", "zlib-ng": "zlib-ng", "libdeflate": "deflate", "zlib": None}
PLATFORM = "linux_x86_64"


class Run:
    """Wall time and CPU time in seconds, and peak memory in MB, of one command."""

    def __init__(self, command, then=None):
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"error: {' '.join(map(str, command))}: exit status {child.returncode}")
        before = os.times()
        if then:
            then()
        after = os.times()
        self.wall = time.perf_counter() - start
        self.cpu = used.ru_utime + used.ru_stime + after.system - before.system
        self.memory = used.ru_maxrss * 1024 / 1e6


def fsync(path):
    """Waits until a file is on the disk."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def interleaved(subjects, rounds):
    """The runs of each subject: all of them once a round."""
    runs = {name: [] for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            runs[name].append(subjects[name]())
    return runs


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


class Report:
    """Lines of a table, and whether all claims hold."""

    def __init__(self):
        self.missed = 0

    def line(self, wheel, name, runs, base=None, limit=None, memory=None):
        """`base` are the runs that this one is held against."""
        wall, cpu, most = median(runs, "wall"), median(runs, "cpu"), max(run.memory for run in runs)
        verdict = ""
        ratios = ["", ""]
        if base:
            ratios = [f"{mine / median(base, what):.2f}" for mine, what in ((wall, "wall"), (cpu, "cpu"))]
        if limit:
            holds = wall <= limit * median(base, "wall") and most <= (memory or most)
            self.missed += not holds
            verdict = "holds" if holds else "**missed**"
            verdict += f" (at most {limit}" + (f", {memory} MB)" if memory else ")")
        cells = (wheel, name, f"{wall:.3f}", f"{cpu:.3f}", f"{most:.0f}", *ratios, verdict)
        print(f"| {' | '.join(cells)} |", flush=True)


HEAD = """| wheel | | wall, s | CPU, s | memory, MB | wall : | CPU : | claim |
|---|---|--:|--:|--:|--:|--:|---|"""


def retag(report, program, wheel, folder, rounds):
    """`retag` beside `cp`, on one file system."""
    out = folder / "out"
    copy = folder / "copy.whl"

    def fresh():
        shutil.rmtree(out, ignore_errors=True)
        copy.unlink(missing_ok=True)
        os.sync()

    def ours(*more):
        fresh()
        return Run([program, "wheel", "retag", "--platform", PLATFORM, "--out", out, *more, wheel])

    def cp(then=None):
        fresh()
        return Run(["cp", wheel, copy], then)

    runs = interleaved(
        {
            "cp": cp,
            "cp, fsync": lambda: cp(lambda: fsync(copy)),
            "retag --no-sync": lambda: ours("--no-sync"),
            "retag": ours,
        },
        rounds,
    )
    fresh()
    label = wheel.name.split("-")[0]
    report.line(label, "cp", runs["cp"])
    report.line(label, "retag --no-sync", runs["retag --no-sync"], runs["cp"], COPY, MEMORY)
    report.line(label, "cp, fsync", runs["cp, fsync"])
    report.line(label, "retag", runs["retag"], runs["cp, fsync"], COPY, MEMORY)


def tags(report, program, wheel, folder, tool):
    """`retag` beside `wheel tags`: the time of one run, and whether both did the same."""
    one, other = folder / "ours", folder / "theirs"
    other.mkdir()
    os.link(wheel, other / wheel.name) if same_device(wheel, other) else shutil.copy(wheel, other)
    Run([program, "wheel", "retag", "--platform", PLATFORM, "--out", one, wheel])
    theirs = Run([tool, "tags", "--platform-tag", PLATFORM, "--remove", other / wheel.name])
    label = wheel.name.split("-")[0]
    report.line(label, "wheel tags", [theirs])
    [mine], [made] = one.iterdir(), other.iterdir()
    # In a process of its own: what is started from here begins with the memory that this one has.
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        found = pool.submit(same.differences, mine, made).result()
    report.missed += bool(found)
    print(f"| {label} | same as wheel tags | | | | | | {'**differs**: ' + ', '.join(found) if found else 'holds'} |")
    shutil.rmtree(one)
    shutil.rmtree(other)


def same_device(one, other):
    return one.stat().st_dev == other.stat().st_dev


def peers():
    """A Python that has the libraries, and the peers that can be had."""
    venv = ROOT / "target/bench/inflate"
    python = venv / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    found = []
    for name, package in PEERS.items():
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
        if package and subprocess.run(command).returncode:
            print(f"{name} cannot be had; it is left out", file=sys.stderr)
        else:
            found.append(name)
    return python, found


def verify(report, program, wheel, rounds, python, names):
    """`verify` beside each peer; the claim is about the best of them."""
    subjects = {"verify": lambda: Run([program, "wheel", "verify", wheel])}
    for name in names:
        command = [python, HERE / "peer.py", name, wheel]
        subjects[name] = lambda command=command: Run(command)
    runs = interleaved(subjects, rounds)
    label = wheel.name.split("-")[0]
    ours = runs.pop("verify")
    best = min(runs, key=lambda name: median(runs[name], "wall"))
    for name, theirs in sorted(runs.items(), key=lambda one: median(one[1], "wall")):
        report.line(label, name, theirs)
    report.line(label, f"verify : {best}", ours, runs[best], VERIFY)


def main():
    parser = argparse.ArgumentParser(description="Measure wheel retag and wheel verify.")
    parser.add_argument("wheels", nargs="+", type=Path, metavar="WHEEL")
    parser.add_argument("--crosswheel", type=Path, default=ROOT / "target/release/crosswheel")
    parser.add_argument("--wheel", type=Path, default=ROOT / "target/wheel-tools/bin/wheel", help="Python's `wheel`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("target"), help="where to write [default: target]")
    parser.add_argument("--no-tags", action="store_true", help="leave `wheel tags` out, which takes a minute for torch")
    parser.add_argument("--no-verify", action="store_true")
    parser.add_argument("--no-retag", action="store_true")
    asked = parser.parse_args()
    for program in (asked.crosswheel, asked.wheel):
        if not program.exists():
            parser.error(f"{program} is not there: make build, tests/setup.sh")
    report = Report()
    python, names = (None, None) if asked.no_verify else peers()
    print(f"{os.cpu_count()} processors; medians of {asked.rounds}; load {os.getloadavg()[0]:.1f}\n\n{HEAD}")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for wheel in asked.wheels:
            wheel = wheel.resolve()
            Run(["cat", wheel])
            if not asked.no_retag:
                retag(report, asked.crosswheel, wheel, Path(folder), asked.rounds)
            if not asked.no_tags:
                tags(report, asked.crosswheel, wheel, Path(folder), asked.wheel)
            if not asked.no_verify:
                verify(report, asked.crosswheel, wheel, asked.rounds, python, names)
    print(f"\n{report.missed} claims missed" if report.missed else "\nall claims hold")
    return int(report.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
