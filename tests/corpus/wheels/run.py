"""Holds `verify` and `retag` on real wheels.

    run.py --crosswheel PROGRAM [--folder DIR] [--no-fetch] [--quick] [--stored] [WHEEL...]

The wheels of wheels.txt are fetched into the folder by `pip download`, then every wheel that lies there, and every one that is
named, is checked. A wheel that is refused is right or wrong to be by refused.toml, which argues each. The wheels that large.py makes come last. Exit status: 0 all
hold, 1 one does not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import roundtrip

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent


def fetch(line: str, folder: Path) -> None:
    """Downloads a wheel, unless one of that line was downloaded before."""
    done = folder / ".fetched"
    seen = done.read_text().splitlines() if done.exists() else []
    if line in seen:
        return
    requirement, *options = line.split()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if subprocess.run([*pip, "--only-binary", ":all:", "--dest", folder, *options, requirement]).returncode == 0:
        done.write_text("\n".join([*seen, line]) + "\n")
    else:
        print(f"note: {line} cannot be had", file=sys.stderr)


def large(crosswheel: Path, tools: Path, folder: Path, stored: bool) -> int:
    """Checks the wheels that large.py makes; how many are at fault."""
    faulty = 0
    for kind in ["many", "huge"] + ["stored"] * stored:
        with tempfile.TemporaryDirectory(dir=folder) as work:
            subprocess.run([sys.executable, HERE / "large.py", kind, work], check=True, stdout=subprocess.DEVNULL)
            [wheel] = Path(work).glob("*.whl")
            wrong = roundtrip.check(crosswheel, wheel, tools, Path(work), quick=True)
            if failed := roundtrip.run("unzip", "-tqq", wheel):
                wrong.append(f"unzip: {failed}")
        faulty += bool(wrong)
        print(f"{'FAULT   ' if wrong else 'holds   '} {kind}: {'; '.join(wrong)}", flush=True)
    return faulty


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold wheel verify and wheel retag on real wheels.")
    parser.add_argument("wheels", nargs="*", type=Path, metavar="WHEEL")
    parser.add_argument("--crosswheel", type=Path, required=True, help="the program under test")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/corpus/wheels", help="where wheels lie")
    parser.add_argument("--tools", type=Path, default=ROOT / "target/wheel-tools/bin", help="from tests/setup.sh")
    parser.add_argument("--no-fetch", action="store_true", help="take only what lies there")
    parser.add_argument("--stored", action="store_true", help="also make a wheel that takes four gigabytes, five times")
    parser.add_argument("--quick", action="store_true", help="ask no other tools to read the new wheels")
    asked = parser.parse_args()
    if not asked.crosswheel.is_file() or not asked.tools.is_dir():
        parser.error("make build and tests/setup.sh come first")
    asked.folder.mkdir(parents=True, exist_ok=True)
    if not asked.no_fetch:
        lines = (HERE / "wheels.txt").read_text().splitlines()
        for line in (line for line in lines if line and not line.startswith("#")):
            fetch(line, asked.folder)
    refused = tomllib.loads((HERE / "refused.toml").read_text())
    wheels = sorted({*asked.folder.glob("*.whl"), *asked.wheels}, key=lambda wheel: wheel.name)
    faulty, argued = 0, 0
    for wheel in wheels:
        with tempfile.TemporaryDirectory(dir=asked.folder) as work:
            wrong = roundtrip.check(asked.crosswheel, wheel.resolve(), asked.tools, Path(work), asked.quick)
        reason = refused.get(wheel.name)
        if wrong and reason and f"[{reason['code']}]" in wrong[0]:
            argued += 1
            print(f"refused  {wheel.name}: {reason['why']}", flush=True)
        elif wrong or reason:
            faulty += 1
            print(f"FAULT    {wheel.name}: {'; '.join(wrong) or 'is no longer refused'}", flush=True)
        else:
            print(f"holds    {wheel.name}", flush=True)
    faulty += large(asked.crosswheel, asked.tools, asked.folder, asked.stored)
    print(f"{len(wheels)} wheels: {len(wheels) - faulty - argued} hold, {argued} are rightly refused, {faulty} faults")
    return int(faulty > 0 or not wheels)


if __name__ == "__main__":
    sys.exit(main())
