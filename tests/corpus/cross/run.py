"""Builds real packages for other machines, and runs them there.

    run.py --crosswheel PROGRAM [--runs A,B] [--packages A,B] [--work DIR] [--python 3.13=PATH]... [--twice] [--offline] [--again]

The cases are those of runs.toml and packages.toml. Each is built, held against its tag, auditwheel and the machine of its files,
imported and called under qemu. A case that held before is not done again if program and data are the same. Exit status: 0 all
hold, 1 one does not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import matrix
import steps
import table

ROOT = matrix.HERE.parent.parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build real packages for other machines, and run them there.")
    parser.add_argument("--crosswheel", type=Path, required=True, help="the program under test")
    parser.add_argument("--runs", help="names of runs.toml, by commas [default: all]")
    parser.add_argument("--packages", help="names of packages.toml, by commas [default: all]")
    parser.add_argument("--work", type=Path, default=ROOT / "target/corpus/cross", help="folder of builds and results")
    parser.add_argument("--tools", type=Path, default=ROOT / "target/wheel-tools/bin", help="from tests/setup.sh")
    parser.add_argument("--python", action="append", default=[], metavar="VERSION=PATH", help="a Python that builds")
    parser.add_argument("--setting", action="append", default=[], metavar="PACKAGE:KEY=VALUE", help="a setting that a package "
                        "needs on this machine alone, such as where a source that it downloads lies")
    parser.add_argument("--twice", action="store_true", help="build again on another day in another folder: the same bytes?")
    parser.add_argument("--offline", action="store_true", help="fetch nothing")
    parser.add_argument("--again", action="store_true", help="do what held before, too")
    return parser.parse_args()


def python(version: str, named: dict[str, str]) -> Path:
    """A Python of a version with its headers: the one that is named, or the first on PATH that answers."""
    ask = "import os, sys, sysconfig; print('%d.%d' % sys.version_info[:2], os.path.realpath(sys.executable)); " \
          "open(sysconfig.get_config_h_filename())"
    for name in [named[version]] if version in named else [f"python{version}", "python3"]:
        if (path := shutil.which(name)) is None:
            continue
        said = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False)
        if said.returncode == 0 and said.stdout.split()[0] == version:
            return Path(said.stdout.split()[1])
    raise LookupError(f"there is no Python {version} with headers on PATH: name one with --python {version}=PATH")


def need(cases: list, setting: steps.Setting) -> None:
    """What must be there before the first build: Pythons of the targets are fetched."""
    for run in {run.name: run for run, _ in cases}.values():
        if run.debian is None:
            continue
        have = json.loads(subprocess.check_output([setting.crosswheel, "python", "ls", "--json"]))
        if not any(one["sysroot"]["machine"] == run.machine and one["sysroot"]["suite"] == run.debian for one in have["pythons"]):
            subprocess.run([setting.crosswheel, "python", "add", run.machine, "--debian", run.debian], check=True)


def digest(setting: steps.Setting, case: steps.Case) -> str:
    """Of all that a result depends on; what pip fetches is not in it."""
    patches = [patch.read_bytes() for patch in sorted(steps.PATCHES.glob(f"{case.package.name}/*/*.patch"))]
    facts = [case.run, case.package, patches, setting.twice, hashlib.sha256(setting.crosswheel.read_bytes()).hexdigest()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def done(case: steps.Case, key: str) -> dict | None:
    """The result of a case that held before, if its wheel is still there."""
    file = case.folder / "result.json"
    if not file.is_file():
        return None
    result = json.loads(file.read_text())
    held = result.get("key") == key and not result["faults"] and Path(result["wheel"]).is_file()
    return result if held else None


def main() -> int:
    asked = arguments()
    try:
        cases = matrix.chosen(asked.runs, asked.packages)
        named = dict(one.split("=", 1) for one in asked.python)
        pythons = {version: python(version, named) for version in {run.python for run, _ in cases}}
        if not asked.crosswheel.is_file() or not (asked.tools / "auditwheel").is_file():
            raise LookupError("`make build` and tests/setup.sh come first")
        if asked.twice and not shutil.which(steps.ANOTHER_DAY[0]):
            raise LookupError("--twice needs faketime: apt install faketime")
    except (LookupError, ValueError) as wrong:
        print(f"error: {wrong.args[0]}", file=sys.stderr)
        return 2
    work = asked.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    setting = steps.Setting(asked.crosswheel.resolve(), asked.tools.absolute(), work, pythons, asked.twice, asked.offline)
    need(cases, setting)
    own: dict[str, tuple[str, ...]] = {}
    for name, _, one in (text.partition(":") for text in asked.setting):
        own[name] = (*own.get(name, ()), one)
    results: list[dict] = []
    wheels: dict[str, dict[str, Path]] = {}
    for run, package in cases:
        package = dataclasses.replace(package, settings=(*package.settings, *own.get(package.name, ())))
        ours = wheels.setdefault(run.name, {})
        case = steps.Case(run, package, ours, setting)
        key = digest(setting, case)
        result = None if asked.again else done(case, key)
        if result is None:
            facts = {"key": key, "run": run.name, "package": package.name, "version": package.version}
            result = facts | steps.check(case)
            (case.folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
        if not result["faults"]:
            ours[package.name] = Path(result["wheel"])
        results.append(result)
        table.write(results, work)
        print("  ".join(table.row(result)), flush=True)
        for fault in result["faults"]:
            print(f"    {fault}", flush=True)
    print(f"\n{table.text(results)}")
    return 1 if any(result["faults"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
