"""Measures what a call through crosswheel's shim costs, and what it costs through other wrappers.

Everything runs in one interleaved run on one machine (README.md beside this folder has the method). The report is
Markdown on stdout; progress goes to stderr. Exit status 1 if a claim does not hold.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile

import report
from instructions import instructions
from measure import interleaved
from subjects import Absent, Bench, HERE, compile_c

TINY = "int add(int a, int b) { return a + b; }\n"


def options():
    parser = argparse.ArgumentParser(prog="overhead", description=__doc__.splitlines()[0])
    here = os.path.dirname(os.path.dirname(HERE))
    parser.add_argument("--crosswheel", default=os.path.join(here, "target/release/crosswheel"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--patience", type=float, default=2, help="seconds a round waits for others to be done")
    cpus = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    parser.add_argument("--cpu", default=None, help=f"the CPU that all runs on ({cpus}), or `all` [default: the last]")
    parser.add_argument("--real", default="/usr/bin/gcc", help="the real compiler")
    parser.add_argument("--spack", default=os.environ.get("SPACK_CC_SCRIPT"), help="Spack's compiler wrapper script")
    parser.add_argument("--pyodide-python", default=os.environ.get("PYODIDE_PYTHON"))
    return parser.parse_args()


def pin(cpu):
    """Keeps the scheduler out: a child that it moves to another CPU is woken, and wakes, by way of the hypervisor."""
    cpus = os.sched_getaffinity(0)
    if cpu != "all":
        os.sched_setaffinity(0, {max(cpus) if cpu is None else int(cpu)})


def work_folder(parent):
    """Where the compiler is called."""
    folder = os.path.join(parent, "work")
    os.makedirs(os.path.join(folder, "tiny"))
    for name, text in [("tiny.c", TINY), ("tiny.h", "")]:
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    return folder


def main():
    asked = options()
    asked.crosswheel = os.path.abspath(asked.crosswheel)
    with open(os.path.join(HERE, "sixty-arguments.txt")) as file:
        sixty = file.read().split("\n")[:-1]
    # Builds are held open: they must be let go when the measuring is ended from outside, too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    pin(asked.cpu)
    root = tempfile.mkdtemp(prefix="overhead-")
    benches = []
    try:
        work = work_folder(root)
        musl = bool(shutil.which("musl-gcc"))
        noop = compile_c("noop.c", os.path.join(root, "noop"), {"REAL": asked.real}, musl)
        os.chdir(work)
        tables, counts = [], {}
        for title, real, args, made in [
            ("a compiler that does nothing, 2 arguments", noop, ["-c", "tiny.c"], None),
            ("a compiler that does nothing, 60 arguments", noop, sixty, None),
            (f"{asked.real}, 2 arguments", asked.real, ["-c", "tiny.c"], "tiny.o"),
            (f"{asked.real}, 60 arguments", asked.real, sixty, "tiny.o"),
        ]:
            bench = Bench(os.path.join(root, f"bench{len(benches)}"), real, asked.crosswheel, asked)
            benches.append(bench)
            subjects, absent = bench.subjects(args, made is not None)
            if args is sixty and made:
                # Without a record the shim becomes the compiler, and its own end is not seen.
                shims = [s for s in subjects if s.name.startswith("crosswheel") and "no record" not in s.name]
                counts = {s.name: instructions(s) for s in shims}

            print(f"{title}: {len(subjects)} ways, {asked.rounds} rounds", file=sys.stderr)
            load = os.getloadavg()[0]
            figures, calm = interleaved(subjects, asked.rounds, made, patience=asked.patience)
            loads = (load, os.getloadavg()[0])
            tables.append(report.Table(title, subjects, absent, figures, loads, calm / asked.rounds))
            bench.close()
        print(report.machine(asked.rounds))
        for table in tables:
            print(table.markdown())
        text, held = report.claims(tables, counts)
        print(text)
        return 0 if held else 1
    except Absent as why:
        print(f"error: {why}", file=sys.stderr)
        return 1
    finally:
        for bench in benches:
            bench.close()
        os.chdir("/")
        shutil.rmtree(root, ignore_errors=True)


sys.exit(main())
