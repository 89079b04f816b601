"""Tests of fetch.py: pages of indexes, names of sdists, unpacking."""

import io
import tarfile
import tempfile
import unittest
from pathlib import Path

import fetch


class Index(unittest.TestCase):
    def test_links_of_an_html_page_are_absolute_and_without_digest(self):
        page = b'<a href="../../p/a-1.tar.gz#sha256=00">a</a> <a href="https://h/b.whl">b</a><a name="x">c</a>'
        found = fetch.links(page, "text/html; charset=UTF-8", "https://index/simple/a/")
        self.assertEqual(found, ["https://index/p/a-1.tar.gz", "https://h/b.whl"])

    def test_links_of_a_json_page_are_read_the_same(self):
        page = b'{"files": [{"filename": "a-1.tar.gz", "url": "a-1.tar.gz"}]}'
        found = fetch.links(page, "application/vnd.pypi.simple.v1+json", "https://index/simple/a/")
        self.assertEqual(found, ["https://index/simple/a/a-1.tar.gz"])

    def test_an_sdist_is_known_by_its_exact_version_however_its_name_is_spelled(self):
        self.assertTrue(fetch.is_sdist("Argon2.cffi_bindings-26.2.0.tar.gz", "argon2-cffi-bindings", "26.2.0"))
        self.assertFalse(fetch.is_sdist("numpy-2.4.60.tar.gz", "numpy", "2.4.6"))
        self.assertFalse(fetch.is_sdist("numpy-2.4.6.zip", "numpy", "2.4.6"))
        self.assertFalse(fetch.is_sdist("numpy-stubs-2.4.6.tar.gz", "numpy", "2.4.6"))


class Unpacking(unittest.TestCase):
    def test_a_folder_is_made_anew_from_the_one_top_folder(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with tarfile.open(folder / "a.tar.gz", "w:gz") as tar:
                entry = tarfile.TarInfo("a-1/x.c")
                entry.size = 2
                tar.addfile(entry, io.BytesIO(b"ok"))
            (folder / "src").mkdir()
            (folder / "src/stale.o").write_text("old")
            fetch.unpack(folder / "a.tar.gz", folder / "src")
            self.assertEqual([path.name for path in (folder / "src").iterdir()], ["x.c"])


if __name__ == "__main__":
    unittest.main()
