#!/usr/bin/env python3
"""Writes the record of a made-up build: so many compiles as numpy's, archives and links of them, a few failures."""

import json
import random
import sys

FLAGS = """-pipe -DSOME_NAME_OF_A_FEATURE_THAT_IS_ASKED_FOR=1 -DANOTHER_FEATURE_WITH_A_NAME=1 -DPACKAGE_VERSION_TEXT=2.4.0.dev0+git20260101 -D_FILE_OFFSET_BITS=64 -Wall -Winvalid-pch -std=c11 -O3 -g -fPIC -fvisibility=hidden
-fdiagnostics-color=never -fno-strict-aliasing -fno-strict-overflow -fwrapv -fstack-protector-strong -Wextra -Wformat
-Wsign-compare -Wno-unused-function -Wno-unused-parameter -Wlogical-op -Werror=format-security -msse3 -mavx2 -pthread
-DNDEBUG -DNPY_NO_DEPRECATED_API=0 -DNPY_INTERNAL_BUILD -DHAVE_NPY_CONFIG_H -D_LARGEFILE_SOURCE=1
-D_LARGEFILE64_SOURCE=1 -DMODULE_NAME=_tiny""".split()
FOLDERS = [f"-I../big/_core/src/part{n}" for n in range(12)] + ["-I/usr/include/python3.11", "-isystem", "/usr/include/x86_64-linux-gnu"]


def dump(fields):
    return json.dumps(fields, separators=(",", ":")) + "\n"


def main(path, compiles):
    random.seed(3)
    number = random.Random(5)
    clock = 1_795_000_000_000_000_000
    ids = lambda: f"{number.getrandbits(48):012x}"
    with open(path, "w") as out:
        out.write(dump({"ev": "session", "v": 1, "tool": "crosswheel 0.1.0", "family": "x86-64-v3", "werror": "keep",
                        "plan": "00" * 32, "bin": "/w/cw/bin", "t": clock, "tools": [
                            {"name": "gcc", "real": "/usr/bin/gcc", "role": "cc", "dialect": "gcc"},
                            {"name": "ar", "real": "/usr/bin/ar", "role": "ar", "dialect": "ar"}]}))

        def call(kind, tool, inputs, outputs, args, run, edits, exit=0, **more):
            nonlocal clock
            clock += random.randrange(1_000_000, 80_000_000)
            name = ids()
            fields = {"ev": "begin", "id": name, "t": clock, "pid": 100, "ppid": 99, "tool": tool, "real": f"/usr/bin/{tool}",
                      "cwd": "/w/build", "kind": kind, "in": inputs, "out": outputs, **more, "argv": [tool] + args}
            if run:
                fields["run"] = run
            fields |= {"edits": edits, "env": {"LANG": "C.UTF-8", "CFLAGS": "-O2 -g"}, "disp": "rewritten" if run else "passed"}
            out.write(dump(fields))
            length = random.randrange(50_000_000, 900_000_000)
            out.write(dump({"ev": "end", "id": name, "t": clock + length, "dur": length, "exit": exit, "user": 90_000,
                            "sys": 9_000, "rss": 60_000}))

        objects = []
        for n in range(compiles):
            base = f"big/_core/lib_part{n // 200}.a.p/src_some_folder_unit_{n}.c.o"
            source = f"../big/_core/src/part{n // 200}/some/folder/unit_{n}.c"
            tail = ["-MD", "-MQ", base, "-MF", base + ".d", "-o", base, "-c", source]
            args = FLAGS + FOLDERS + tail
            edits = [{"rule": "isa-level", "why": "everything in the wheel may use the family's level", "at": 0,
                      "before": [], "after": ["-march=x86-64-v3"]}]
            call("compile", "gcc", [source], [base], args, ["/usr/bin/gcc", "-march=x86-64-v3"] + args, edits,
                 exit=int(n % 4001 == 4000), lang=["c"], dep=base + ".d")
            objects.append(base)
            if n % 200 == 199:
                archive = f"big/_core/lib_part{n // 200}.a"
                call("archive", "ar", objects, [archive], ["csrDT", archive] + objects, None, [])
                objects = []
        archives = [f"big/_core/lib_part{n}.a" for n in range(compiles // 200)]
        call("link", "gcc", archives, ["big/_core/_big.so"], ["-shared", "-o", "big/_core/_big.so"] + archives, None, [])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20_000)
