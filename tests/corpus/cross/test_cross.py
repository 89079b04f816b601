"""Tests of the data and of what oracle.py concludes."""

import struct
import tempfile
import unittest
import zipfile
from pathlib import Path

import matrix
import oracle
import run
import table


def told(tag: str, symbols: str | None = None, libraries: tuple[str, ...] = ()) -> dict:
    """An answer of auditwheel."""
    return {
        "pure": False, "overall_tag": tag, "sym_tag": symbols or tag, "versioned_symbols": {},
        "external_libs": dict.fromkeys(libraries),
    }


def elf(bits: int, little: bool, machine: int) -> bytes:
    """The first bytes of a shared object."""
    head = b"\x7fELF" + bytes([bits // 32, 1 if little else 2, 1]) + bytes(9)
    return head + struct.pack("<HH" if little else ">HH", 3, machine) + bytes(40)


def wheel(folder: str, members: dict[str, bytes]) -> Path:
    path = Path(folder) / "x-1-cp311-cp311-manylinux_2_28_aarch64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


class Data(unittest.TestCase):
    def test_the_files_name_what_there_is(self):
        cases = matrix.chosen(None, None)
        self.assertGreaterEqual(len(cases), 50)
        for run, package in cases:
            self.assertIn(run.machine, oracle.ELF)
            self.assertRegex(package.sha256, "^[0-9a-f]{64}$")
            self.assertTrue(package.call.strip() and package.prints.strip(), package.name)
            compile(package.call, package.name, "exec")

    def test_tags_of_families(self):
        for family, tag in (
            ("aarch64-linux-gnu.2.28", "manylinux_2_28_aarch64"), ("x86_64-linux-musl.1.2", "musllinux_1_2_x86_64"),
            ("armv7l-linux-gnu.2.31", "manylinux_2_31_armv7l"),
        ):
            self.assertEqual(matrix.Run("x", family, "zig", "3.11", ()).tag, tag)

    def test_what_a_package_needs_comes_before_it(self):
        text = "version='1'\nsha256=''\nexercises=''\ncall=''\nprints=''\n"
        packages = matrix.load(f"[a]\n{text}with=['b', 'c']\n[b]\n{text}\n[c]\n{text}")
        self.assertEqual(matrix.in_order(("a", "b"), packages), ("b", "a"))
        with self.assertRaisesRegex(LookupError, "a has settings without"):
            matrix.load(f"[a]\n{text}settings=['x=y']\n")

    def test_what_there_is_not_is_named(self):
        with self.assertRaisesRegex(LookupError, "no such run: vax"):
            matrix.chosen("vax", None)
        with self.assertRaisesRegex(LookupError, "no such package: left-pad"):
            matrix.chosen(None, "left-pad")
        with self.assertRaisesRegex(LookupError, "no Python 2.0 with headers"):
            run.python("2.0", {})


class Conclusions(unittest.TestCase):
    def test_auditwheel_stands_behind_its_own_tag_and_later_ones(self):
        for tag in ("manylinux_2_17_aarch64", "manylinux_2_28_aarch64"):
            self.assertIsNone(oracle.disagrees(told(tag), "manylinux_2_28_aarch64"))

    def test_it_does_not_behind_others(self):
        for tag in ("manylinux_2_34_aarch64", "manylinux_2_28_armv7l", "linux_aarch64", "musllinux_1_2_aarch64"):
            self.assertIsNotNone(oracle.disagrees(told(tag), "manylinux_2_28_aarch64"), tag)
        self.assertIsNotNone(oracle.disagrees({"error": "not a platform wheel"}, "manylinux_2_28_aarch64"))

    def test_musl_by_its_own_name_is_no_other_library(self):
        ours = "musllinux_1_2_aarch64"
        self.assertIsNone(oracle.disagrees(told("linux_aarch64", ours, ("libc.so",)), ours))
        self.assertIsNotNone(oracle.disagrees(told("linux_aarch64", ours, ("libc.so", "libz.so.1")), ours))

    def test_files_for_other_machines_are_found(self):
        arm, intel, z = elf(64, True, 183), elf(64, True, 62), elf(64, False, 22)
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(oracle.wrong_machines(wheel(folder, {"a.so": arm, "b.py": b""}), "aarch64"), [])
            [wrong] = oracle.wrong_machines(wheel(folder, {"a.so": arm, "b.so": intel}), "aarch64")
            self.assertIn("b.so", wrong)
            self.assertEqual(oracle.wrong_machines(wheel(folder, {"a.so": z}), "s390x"), [])
            self.assertEqual(oracle.wrong_machines(wheel(folder, {"b.py": b""}), "s390x"), ["it holds no compiled file"])

    def test_the_table_counts_what_holds(self):
        one = {"run": "r", "package": "p", "version": "1", "steps": {}, "faults": []}
        text = table.text([one, one | {"faults": ["it fell"], "same_bytes": False}])
        self.assertIn("r p: it fell", text)
        self.assertIn("DIFFERS", text)
        self.assertTrue(text.endswith("1 of 2 hold"))


if __name__ == "__main__":
    unittest.main()
