"""Reads what strace saw: every program that was started, with its arguments and how it ended.

The trace is of `strace --follow-forks --trace=execve`, one file for all processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

STRING = rb'"((?:[^"\\]|\\.)*)"(\.\.\.)?'
CALL = re.compile(rb"execve\(" + STRING + rb", \[(.*)\], ", re.DOTALL)
ENDED = re.compile(rb"\+\+\+ (?:exited with (\d+)|killed by (\w+))")
ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(.))", re.DOTALL)
LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}


@dataclass
class Started:
    """One program that the kernel started."""

    pid: int
    path: bytes
    argv: list[bytes]
    ended: int | str | None = None  # an exit status, or a signal's name


def unescape(text: bytes) -> bytes:
    """A string as strace writes it, without its quotes, as it was."""

    def one(match: re.Match[bytes]) -> bytes:
        octal, letter = match.groups()
        return bytes([int(octal, 8)]) if octal else LETTERS.get(letter, letter)

    return ESCAPE.sub(one, text)


def started(lines: Iterable[bytes]) -> list[Started]:
    """Every execve that succeeded, in the order in which they began."""
    found: list[Started] = []
    open_calls: dict[int, bytes] = {}
    alive: dict[int, list[Started]] = {}
    for line in lines:
        pid_text, _, rest = line.strip().partition(b" ")
        pid, rest = int(pid_text), rest.lstrip()
        if rest.startswith(b"execve("):
            if rest.endswith(b"<unfinished ...>"):
                open_calls[pid] = rest
                continue
        elif rest.startswith(b"<... execve resumed>"):
            rest = open_calls.pop(pid, b"") + rest
        elif ended := ENDED.search(rest):
            status, signal = ended.groups()
            for one in alive.pop(pid, []):
                one.ended = int(status) if status else signal.decode()
            continue
        if rest.rstrip().endswith(b"= 0") and (call := CALL.search(rest)):
            argv = [unescape(text) for text, _ in re.findall(STRING, call[3], re.DOTALL)]
            one = Started(pid, unescape(call[1]), argv)
            found.append(one)
            alive.setdefault(pid, []).append(one)
    return found
