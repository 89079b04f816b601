"""Builds the packages of the corpus with and without the shim, and holds the builds against one another.

    run.py --crosswheel PROGRAM [--packages A,B] [--checks transparency,policy,level] [--work DIR] [--jobs N]

`A@debian` is the package built by Debian's Python alone, `A@here` by the one that runs this. A build
that is kept in the work folder and was made by the same shim is not made again. Exit status: 0 all checks passed,
1 a check found a fault, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build
import cases
import check
import prepare
import report


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build real packages with and without the shim, and compare.")
    parser.add_argument("--crosswheel", type=Path, required=True, help="the program under test")
    parser.add_argument("--packages", help="names of packages.toml, by commas [default: all]")
    parser.add_argument("--checks", default=",".join(cases.CHECKS), help="which checks, by commas [default: all]")
    parser.add_argument("--work", type=Path, default=Path("target/corpus"), help="folder of the builds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases, and compiles of one, at a time")
    return parser.parse_args()


def one_case(case: cases.Case, checks: list[str], crosswheel: Path, jobs: int) -> dict[str, dict]:
    """Makes the builds of a case, and checks them."""
    made: dict[str, dict] = {}

    def make(one: cases.Build) -> None:
        made[one.name] = build.make(case, one, crosswheel, jobs)
        print(f"{case.label}: {one.name}: exit {made[one.name]['exit']}, {made[one.name]['seconds']} s", flush=True)

    for one in cases.builds(checks):
        make(one)
    found = {name: check.ALL[name](case, made) for name in checks}
    # A difference is the shim's only if plain builds do not differ there by themselves.
    if found.get("transparency", {}).get("faults"):
        make(cases.BUILDS["plain-2"])
        found["transparency"] = check.transparency(case, made)
    for name, one in found.items():
        print(f"{case.label}: {name}: {report.verdict(one)}", flush=True)
    return found


def main() -> int:
    asked = arguments()
    work = asked.work.resolve()
    checks = asked.checks.split(",")
    try:
        if unknown := set(checks) - set(cases.CHECKS):
            raise LookupError(f"no such check: {', '.join(sorted(unknown))}")
        if not asked.crosswheel.is_file():
            raise LookupError(f"{asked.crosswheel} is not there; `make build` makes it")
        wanted = cases.cases(work, asked.packages.split(",") if asked.packages else None)
    except LookupError as wrong:
        print(f"error: {wrong.args[0]}", file=sys.stderr)
        return 2
    work.mkdir(parents=True, exist_ok=True)
    prepare.apt(wanted)

    def work_on(case: cases.Case) -> dict[str, dict]:
        return one_case(case, checks, asked.crosswheel, asked.jobs)

    results: dict[str, dict[str, dict]] = {}
    with ThreadPoolExecutor(asked.jobs) as pool:
        for case, found in zip(wanted, pool.map(work_on, wanted)):
            results[case.label] = found
            report.write(results, work)
    print(report.write(results, work).read_text())
    return 1 if report.has_faults(results) else 0


if __name__ == "__main__":
    sys.exit(main())
