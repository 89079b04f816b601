"""Reads a kept build for the comparisons, and runs the tools that they need: strip and readelf."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import compare
import record
import strace
import tree
from cases import Build, Case


class Kept:
    """What is kept of a build."""

    def __init__(self, case: Case, build: Build) -> None:
        self.case = case
        self.folder = case.folder / "kept" / build.name
        self.bin = str(case.folder / "session" / "bin") if build.shim else None

    def spell(self, text: str) -> str:
        """A text, the same whether the shim was there or not."""
        return compare.plain_text(text, self.bin)

    def binaries(self) -> dict[str, bytes]:
        """Objects, archives and libraries, by place."""
        found = {}
        for place, path in self._files():
            data = path.read_bytes()
            if tree.is_binary(data[:8]):
                found[compare.TEMPORARY.sub("*", place)] = data
        return found

    def libraries(self) -> dict[str, Path]:
        """The libraries in the wheel, by place."""
        return {place: path for place, path in self._files() if re.match(r"wheel/.*\.so(\.|$)", place)}

    def answers(self) -> dict[str, list[str]]:
        """Answers of configure steps, by place."""
        found = {}
        for place, path in self._files():
            if not tree.is_configure(place) or tree.is_binary(path.read_bytes()[:8]):
                continue
            text = self.spell(path.read_text(errors="surrogateescape"))
            found[compare.TEMPORARY.sub("*", place)] = compare.answers(place, text)
        return found

    def record(self) -> record.Record:
        with open(self.folder / "record.jsonl", "rb") as file:
            return record.read(file)

    def programs(self) -> list[strace.Started]:
        with open(self.folder / "strace.txt", "rb") as file:
            return strace.started(file)

    def _files(self) -> list[tuple[str, Path]]:
        root = self.folder / "tree"
        return [(str(path.relative_to(root)), path) for path in tree.files(root)] if root.exists() else []


def strip(data: bytes) -> bytes:
    """A binary without debug information and without its build-id."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        subprocess.run(["strip", "--strip-debug", "--enable-deterministic-archives",
                        "--remove-section=.note.gnu.build-id", path], check=True, capture_output=True)
        return path.read_bytes()


def isa_needed(path: Path) -> str:
    """The CPU level without which the dynamic loader refuses a library, in the words of readelf."""
    notes = subprocess.run(["readelf", "--notes", "--wide", path], check=True, capture_output=True, text=True).stdout
    found = re.search(r"x86 ISA needed: (.*)", notes)
    return found[1].strip() if found else ""
