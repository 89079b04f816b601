"""Reads a kept build for the comparisons, and runs the one tool that they need: strip."""

from __future__ import annotations

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
