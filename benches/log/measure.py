#!/usr/bin/env python3
"""Asks questions of the record of a large build, and fails if one takes too long or too much memory."""

import os
import subprocess
import sys
import tempfile
import time

import generate

COMPILES = 20_000
ROUNDS = 7
LONGEST = 0.200  # seconds
LARGEST = 100  # MB
QUESTIONS = [
    ["ls", "--failed"],
    ["why", "-O3"],
    ["why", "-march=x86-64-v3"],
    ["why", "-march="],
    ["why", "-no-such-flag"],
    ["why", "_core/_big.so"],
    ["why", "src_some_folder_unit_777.c.o"],
    ["why", "no_such_file.o"],
    ["stats"],
]
HELD = ("ls", "why")


def ask(command):
    """Wall time, CPU time and peak memory of one question."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit status {child.returncode}")
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def main(program):
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, "record.jsonl")
        generate.main(record, COMPILES)
        size = os.path.getsize(record) / 1e6
        print(f"{COMPILES:,} compiles, {size:.0f} MB, {os.cpu_count()} processors; the median of {ROUNDS}\n")
        print("| question | wall, ms | CPU, ms | memory, MB |\n|---|--:|--:|--:|")
        for question in QUESTIONS:
            seen = [ask([program, "log", *question, record]) for _ in range(ROUNDS)]
            took, cpu, memory = (sorted(one)[ROUNDS // 2] for one in zip(*seen))
            late = question[0] in HELD and (took > LONGEST or memory > LARGEST)
            missed |= late
            mark = " **missed**" if late else ""
            print(f"| `{' '.join(question)}` | {took * 1e3:.0f} | {cpu * 1e3:.0f} | {memory:.0f}{mark} |")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "target/release/crosswheel"))
