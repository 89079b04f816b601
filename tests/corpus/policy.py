"""Holds `crosswheel wheel retag --platform auto` and the rules of `wheel verify` against auditwheel, on real wheels.

    python tests/corpus/policy.py --crosswheel target/debug/crosswheel --tools target/wheel-tools/bin [--cache DIR] WHEEL...

One line for each wheel: its tag, auditwheel's, ours, and the findings of `verify` by code. The exit status is 1 if a tag
differs and the difference is not in `ARGUED`.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

# Wheels whose tags differ, by the first part of their names, and why ours is right.
ARGUED = {
    "greenlet-3.2.5-cp312-cp312-musllinux_1_1": "no file tells how new its musl is: what the wheel says stands",
    "pyzmq-26.4.0-cp312-cp312-musllinux_1_1": "likewise",
}


def oracle(wheel, tools, cache):
    """What auditwheel says: its tag, or `any` for a wheel without machine code."""
    kept = cache / f"{wheel.name}.json" if cache else None
    if kept and kept.exists() and kept.stat().st_size:
        text = kept.read_text()
    else:
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        out = subprocess.run(
            [tools / "auditwheel", "show", "--json", wheel], env=environment, capture_output=True, text=True, check=False
        )
        text = out.stdout or json.dumps({"error": out.stderr.strip().splitlines()[-1:]})
        if kept:
            kept.write_text(text)
    told = json.loads(text)
    return "any" if "error" in told or told.get("pure") else told["overall_tag"]


def run(crosswheel, *arguments):
    out = subprocess.run([crosswheel, "wheel", *arguments], capture_output=True, text=True, check=False)
    return json.loads(out.stdout) if out.stdout else {"refused": out.stderr.strip()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--crosswheel", type=pathlib.Path, required=True)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path)
    parser.add_argument("--verify", action="store_true", help="list what `verify` finds, too")
    parser.add_argument("wheels", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    differ = 0
    for wheel in arguments.wheels:
        theirs = oracle(wheel, arguments.tools.absolute(), arguments.cache)
        retag = ["retag", "--platform", "auto", "--dry-run", "--json", "--out", "/nonexistent", wheel]
        report = run(arguments.crosswheel, *retag)
        if "retag --fix" in report.get("refused", ""):
            report = run(arguments.crosswheel, *retag, "--fix")
        if "refused" in report:
            ours, why = "refused", report["refused"]
        else:
            platform = report["wheels"][0]["platform"]
            ours, verdict = platform["tags"][0], platform["verdict"]
            why = "" if verdict is None else "; ".join(f"{one['path']} {one['need']}" for one in verdict["reasons"][:2])
        argued = next((text for name, text in ARGUED.items() if wheel.name.startswith(name)), None)
        mark = "same" if ours == theirs else "argued" if argued else "DIFFERS"
        differ += mark == "DIFFERS"
        print(f"{mark:8}{wheel.name}\n        auditwheel {theirs}, ours {ours}", flush=True)
        if mark != "same":
            print(f"        {argued or why}")
        if arguments.verify:
            report = run(arguments.crosswheel, "verify", "--json", wheel)
            findings = [one for one in report["wheels"][0]["findings"] if one["code"].startswith("policy-")]
            for (severity, code), count in collections.Counter((f["severity"], f["code"]) for f in findings).items():
                example = next(f for f in findings if f["code"] == code)
                print(f"        {severity} {code} x{count}: {example['member']} {example['what']}"[:300])
    print(f"{len(arguments.wheels)} wheels, {differ} differ")
    return differ > 0


if __name__ == "__main__":
    sys.exit(main())
