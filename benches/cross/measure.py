#!/usr/bin/env python3
"""Measures what a cross build costs beside the native build of the same package, and beside an emulated one.

    measure.py [PACKAGE...] [--crosswheel PROGRAM] [--family F] [--rounds N] [--emulate PACKAGE] [--folder DIR]

CPU time, user and system, of all processes of a build, by wait4: steadier than wall time, and right where other work shares the
machine. One build after the other, in the same order each round; no compiler cache (ccache, sccache) is used, and what zig keeps of a
package is thrown away with the build. Everything is fetched, and the cross compilers are warm, before the first round: a build with
each compiler is made for that and not counted, unless --no-warm says that it has been done.

--emulate builds one of the packages a third way, with arm64's own compiler and Python, which QEMU runs: needs
`qemu-user-static`, `unshare` (util-linux) and Linux 6.7, whose binfmt_misc belongs to a namespace. The exit status is 0
iff every claim holds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import emulated

ROOT = Path(__file__).parent.parent.parent
LIMITS = {"gcc": 1.15, "zig": 1.5}  # times the native build


class Run:
    """CPU seconds and wall seconds of one command and all its children."""

    def __init__(self, command, log, **more):
        start = time.perf_counter()
        with open(log, "ab") as out:
            child = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out, **more)
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.perf_counter() - start
        self.cpu = used.ru_utime + used.ru_stime
        if child.returncode:
            sys.exit(f"error: {' '.join(map(str, command))}: exit status {child.returncode}; see {log}")


class Builds:
    """Builds of packages by crosswheel, all with the same settings."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        # Meson takes a compiler cache that it finds, unless the compiler is named; sccache works in a process of its own.
        own = {"CC": "gcc", "CXX": "g++", "CCACHE_DISABLE": "1", "TMPDIR": str(folder / "tmp")}
        self.environment = dict(os.environ, **own)
        (folder / "tmp").mkdir(exist_ok=True)

    def run(self, package, family, *more):
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        command = [self.options.crosswheel, "build", package, "--family", family, "--out", out, *more]
        return Run(command, self.folder / "build.log", env=self.environment)

    def subjects(self, package):
        family = self.options.family
        return {
            "native": lambda: self.run(package, "host"),
            "gcc": lambda: self.run(package, self.options.gcc_family or family, "--compiler", "gcc"),
            "zig": lambda: self.run(package, family, "--compiler", "zig"),
        }


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("packages", nargs="*", default=["contourpy", "numpy"], metavar="PACKAGE")
    parse.add_argument("--crosswheel", default=ROOT / "target/release/crosswheel", type=Path)
    parse.add_argument("--family", default="aarch64-linux-gnu.2.28")
    # Debian's compiler links for the glibc of its own release.
    parse.add_argument("--gcc-family", default="aarch64-linux-gnu.2.36")
    parse.add_argument("--rounds", type=int, default=1)
    parse.add_argument("--no-warm", action="store_true")
    parse.add_argument("--emulate", metavar="PACKAGE")
    parse.add_argument("--folder", type=Path)
    options = parse.parse_args()
    options.crosswheel = options.crosswheel.resolve()
    held = tempfile.TemporaryDirectory(prefix="bench-cross-")
    folder = options.folder or Path(held.name)
    folder.mkdir(parents=True, exist_ok=True)
    builds = Builds(options, folder.resolve())
    print(f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} CPUs, {options.rounds} rounds; load:", *os.getloadavg())
    print("| package | build | CPU, s | of native | wall, s | claim |\n|---|---|--:|--:|--:|---|", flush=True)
    missed = 0
    for package in [*options.packages, *([options.emulate] if options.emulate else [])]:
        if package == options.emulate and package in options.packages:
            continue
        subjects = builds.subjects(package)
        if not options.no_warm:
            for name in ("gcc", "zig"):
                subjects[name]()
        if package == options.emulate:
            subjects["emulated"] = emulated.prepare(package, builds, Run)
        runs = {name: [] for name in subjects}
        for _ in range(options.rounds):
            for name, subject in subjects.items():
                runs[name].append(subject())
        native = median(runs["native"], "cpu")
        for name in subjects:
            cpu, wall, limit = median(runs[name], "cpu"), median(runs[name], "wall"), LIMITS.get(name)
            holds = limit is None or cpu <= limit * native
            missed += not holds
            claim = f"{'holds' if holds else '**missed**'} (at most {limit})" if limit else ""
            print(f"| {package} | {name} | {cpu:.1f} | {cpu / native:.2f} | {wall:.0f} | {claim} |", flush=True)
    print("load at the end:", *os.getloadavg())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
