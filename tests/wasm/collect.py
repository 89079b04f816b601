"""Makes lines of calls.jsonl from records of builds: `collect.py NAME=RECORD… > calls.jsonl`.

Of calls that differ in nothing but names one is kept. Folders of the machine that built are replaced by neutral ones, and
names of compilers by those that pywasmcross answers to.
"""

import json
import os
import re
import sys

NAMES = {"gcc-ar": "ar", "ld.lld": "lld", "llvm-strip": "strip", "clang": "cc", "clang++": "c++"}
KNOWN = {"ar", "c++", "cc", "g++", "gcc", "gfortran", "ld", "lld", "ranlib", "strip"}
FOLDERS = [
    (re.compile(r"/tmp/xw-\w+/src/[^/]+"), "/pkg/src"),
    (re.compile(r"/tmp/xw-\w+/env"), "/pkg/env"),
    (re.compile(r"/tmp/xw-\w+/to"), "/pkg/target"),
    (re.compile(r"/tmp/xw-\w+"), "/pkg"),
    (re.compile(r"/tmp/(pip|build|tmp)[^/ ]*"), "/tmp/tmpdir"),
    (re.compile(r"/root/\.pyenv/versions/[^/]+"), "/opt/python"),
    (re.compile(r"\.mesonpy-\w+"), ".mesonpy-build"),
    (re.compile(r"TryCompile-\w+"), "TryCompile-abc123"),
    (re.compile(r"cmTC_\w+"), "cmTC_01234"),
    (re.compile(r"meson-private/tmp\w+"), "meson-private/tmpabc"),
    (re.compile(r"(aarch64|armv7l|riscv64|s390x)-linux-gnu"), "x86_64-linux-gnu"),
    (re.compile(r"linux[-_](aarch64|armv7l|riscv64|s390x)"), "linux-x86_64"),
]
# Of one package at most so many.
MOST = 90


def neutral(text):
    for pattern, instead in FOLDERS:
        text = pattern.sub(instead, text)
    return text


def shape(argv):
    """What is left of a call when its names are taken out."""
    out = []
    for word in argv:
        if word.startswith(("-I", "-L", "-isystem")):
            word = re.match(r"-[a-zA-Z]+", word[:8]).group() + ("/" if word[2:3] == "/" else "")
        elif word.startswith(("-D", "-U", "-MT")):
            word = word[:2]
        elif not word.startswith("-"):
            word = os.path.splitext(word)[1]
        if not out or out[-1] != word:
            out.append(word)
    return tuple(out)


def main():
    for argument in sys.argv[1:]:
        package, record = argument.split("=", 1)
        seen, kept = set(), 0
        for line in open(record, errors="replace"):
            try:
                call = json.loads(line)
            except ValueError:
                continue
            argv = call.get("argv", [])
            if call.get("ev") != "begin" or not argv or not all(isinstance(word, str) for word in argv):
                continue
            name = os.path.basename(argv[0])
            name = NAMES.get(name, re.sub(r"^.*-linux-gnu-|-\d+$", "", name))
            # What a response file says stands in no argument.
            if name not in KNOWN or any(word.startswith("@") for word in argv):
                continue
            argv = [name, *map(neutral, argv[1:])]
            if shape(argv) in seen or kept == MOST:
                continue
            seen.add(shape(argv))
            kept += 1
            print(json.dumps({"of": package, "cwd": neutral(call["cwd"]), "argv": argv}))


main()
