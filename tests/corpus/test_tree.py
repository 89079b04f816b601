"""Tests of tree.py: which files of a build are kept."""

import tempfile
import unittest
from pathlib import Path

import tree


class Keeping(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.folder / "src"
        self.source.mkdir()

    def kept(self, **made: bytes) -> list[str]:
        before = tree.stamps(self.source)
        for place, data in made.items():
            path = self.source / place.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        tree.keep({"src": self.source}, before, self.folder / "to")
        return [str(path.relative_to(self.folder / "to")) for path in tree.files(self.folder / "to")]

    def test_objects_are_known_by_their_bytes_and_answers_by_their_names(self):
        found = self.kept(a_dot_o=b"\x7fELF...", b_dot_o=b"text", config_dot_h=b"#define X", note_dot_txt=b"")
        self.assertEqual(found, ["src/a.o", "src/config.h"])

    def test_what_the_sdist_brought_is_not_kept(self):
        (self.source / "shipped.h").write_bytes(b"int x;")
        self.assertEqual(self.kept(lib__shipped_dot_h=b"int x;", made_dot_h=b"int y;"), ["src/made.h"])

    def test_what_the_build_changed_is_kept(self):
        (self.source / "config.h").write_bytes(b"#undef X")
        self.assertEqual(self.kept(config_dot_h=b"#define X 1"), ["src/config.h"])


if __name__ == "__main__":
    unittest.main()
