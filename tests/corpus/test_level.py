"""Tests of level.py: floors, higher units, doubled and missing levels."""

import unittest

import level
import record
import strace

V3 = "x86-64-v3"


def call(*run: str, argv: tuple[str, ...] | None = None, **fields) -> record.Call:
    begin = {"kind": "compile", "lang": ["c"], "in": ["x.c"], "argv": list(argv or run), "run": list(run), **fields}
    return record.Call(begin)


def leveled(calls, programs=()):
    return level.leveled(record.Record({"bin": "/s"}, list(calls), []), list(programs), V3)


class Levels(unittest.TestCase):
    def test_the_level_and_higher_ones_pass(self):
        for march in (V3, "x86-64-v4", "skylake-avx512", "haswell"):
            self.assertIsNone(level.fault(["cc", f"-march={march}"], V3), march)

    def test_lower_unknown_missing_and_doubled_ones_do_not(self):
        for arguments in (["-march=x86-64"], ["-march=nehalem"], ["-march=armv8-a"], [], ["-march=x86-64-v3"] * 2):
            self.assertIsNotNone(level.fault(["cc", *arguments], V3), arguments)

    def test_units_with_higher_instructions_are_listed(self):
        found = leveled([call("cc", f"-march={V3}", "-mavx512f"), call("cc", f"-march={V3}", "-mavx2")])
        self.assertEqual((found.own_higher, found.faults), (["x.c: -mavx512f"], []))

    def test_native_is_listed_with_the_rule_that_took_it_and_may_not_run(self):
        edits = [{"rule": "native-arch"}]
        good = leveled([call("cc", f"-march={V3}", argv=("cc", "-march=native"), edits=edits)])
        self.assertEqual((good.native, good.faults), (["x.c: native-arch"], []))
        self.assertTrue(leveled([call("cc", "-march=native")]).faults)

    def test_calls_without_a_source_have_no_level(self):
        found = leveled([call("cc", "a.o", kind="link", lang=[]), call("ar", "rc", kind="archive", lang=[])])
        self.assertEqual((found.compiles, found.other_calls, found.faults), (0, {"link": 1, "archive": 1}, []))

    def test_a_compile_that_the_kernel_saw_counts_though_the_record_is_silent(self):
        compiler = b"/usr/lib/gcc/cc1"
        self.assertTrue(leveled([], [strace.Started(1, compiler, [b"cc1", b"x.c"], 0)]).faults)
        self.assertFalse(leveled([], [strace.Started(1, compiler, [b"cc1", b"-march=x86-64-v3"], 0)]).faults)
        self.assertFalse(leveled([], [strace.Started(1, compiler, [b"cc1", b"-E", b"x.c"], 0)]).faults)


if __name__ == "__main__":
    unittest.main()
