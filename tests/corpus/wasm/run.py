"""Builds real packages for WebAssembly by the emcc on PATH, twice and in folders of different names, and runs a function of each in
node.

    run.py --crosswheel PROGRAM [--packages A,B] [--work DIR] [--python PYTHON]

Exit status: 0 all is well, 1 something failed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

FAMILY = "wasm32-emscripten"


def built(crosswheel: Path, name: str, folder: Path, python: str) -> tuple[Path | None, float]:
    """The wheel, and the CPU seconds that it took."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    before = os.times()
    command = [crosswheel, "build", name, "--family", FAMILY, "--out", folder / "out", "--python", python]
    log = folder / "build.log"
    with log.open("w") as output:
        subprocess.run(command, stdout=output, stderr=output, env={**os.environ, "TMPDIR": str(temporary)})
    after = os.times()
    wheels = sorted((folder / "out" / FAMILY).glob("*.whl"))
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return (wheels[-1] if wheels else None), spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crosswheel", type=Path, required=True)
    parser.add_argument("--packages", help="names of packages.toml, by commas [default: all]")
    parser.add_argument("--work", type=Path, default=Path("target/corpus-wasm"))
    parser.add_argument("--python", default="python3", help="the Python that builds: there must be a Pyodide with it")
    asked = parser.parse_args()
    packages = tomllib.loads((Path(__file__).parent / "packages.toml").read_text())
    names = asked.packages.split(",") if asked.packages else list(packages)
    work, crosswheel = asked.work.resolve() / time.strftime("%Y%m%dT%H%M%S"), asked.crosswheel.resolve()
    failed = 0
    for name in names:
        (one, spent), (two, _) = (
            built(crosswheel, name, work / place / name, asked.python) for place in ("a", "another-folder")
        )
        if one is None or two is None:
            print(f"{name}: no wheel; see {work}/*/{name}/build.log", flush=True)
            failed += 1
            continue
        same = hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(two.read_bytes()).digest()
        words = [crosswheel, "test", one, "--family", FAMILY, "--allow-abi-mismatch"]
        imports = subprocess.run(words, capture_output=True, text=True)
        ran = subprocess.run([*words, "--", "python", "-c", packages[name]["code"]], capture_output=True, text=True)
        good = same and imports.returncode == 0 and ran.returncode == 0
        failed += not good
        print(
            f"{name}: {one.name}, {spent:.1f} s of CPU, "
            f"{'the same bytes twice' if same else 'OTHER BYTES THE SECOND TIME'}, "
            f"{'imported' if imports.returncode == 0 else 'NOT IMPORTED'}, {'ran' if ran.returncode == 0 else 'DID NOT RUN'}",
            flush=True,
        )
        if not good:
            print(imports.stdout + imports.stderr + ran.stdout + ran.stderr, flush=True)
    return 1 if failed else 0


sys.exit(main())
