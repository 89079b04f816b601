"""Reads the shim's record as docs/record.md describes it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

VERSION = 1


@dataclass
class Call:
    """One call of a name in the shim folder: its `begin` and, if it came, its `end`."""

    begin: dict[str, Any]
    ends: list[dict[str, Any]] = field(default_factory=list)

    @property
    def argv(self) -> list[str]:
        return self.begin["argv"]

    @property
    def expanded(self) -> list[str]:
        return self.begin.get("expanded", self.argv)

    @property
    def run(self) -> list[str]:
        """Arguments as run."""
        return self.begin.get("run", self.argv)

    @property
    def edits(self) -> list[dict[str, Any]]:
        """What was changed; an edit with equal sides is a note and no change."""
        return [edit for edit in self.begin.get("edits", ()) if edit["before"] != edit["after"]]

    @property
    def changed(self) -> bool:
        """Whether other arguments were run than were asked for, the spelling of response files aside."""
        return self.run[1:] not in (self.argv[1:], self.expanded[1:])

    @property
    def probe(self) -> str | None:
        return self.begin.get("probe")

    @property
    def ended(self) -> int | str | None:
        """An exit status, a signal's name, or None for a call that was in flight."""
        if not self.ends:
            return None
        number = self.ends[0].get("signal")
        return self.ends[0].get("exit") if number is None else signal.Signals(number).name

    @property
    def argv_bytes(self) -> list[bytes]:
        return [os.fsencode(argument) for argument in self.argv]


@dataclass
class Record:
    """A session's record."""

    session: dict[str, Any]
    calls: list[Call]
    strays: list[str]  # ends without a begin, and ids that began twice

    @property
    def bin(self) -> str:
        return self.session["bin"]


def read(lines: Iterable[bytes]) -> Record:
    """Reads a record; a torn line is an error here, since these sessions came to their end."""
    session: dict[str, Any] = {}
    calls: dict[str, Call] = {}
    strays: list[str] = []
    for line in lines:
        event = json.loads(line)
        match event["ev"]:
            case "session":
                session = event
                if event["v"] > VERSION:
                    raise ValueError(f"the record is of version {event['v']}")
            case "begin":
                if event["id"] in calls:
                    strays.append(f"began twice: {event['id']}")
                calls[event["id"]] = Call(event)
            case "end":
                if event["id"] in calls:
                    calls[event["id"]].ends.append(event)
                else:
                    strays.append(f"ended without a begin: {event['id']}")
    return Record(session, list(calls.values()), strays)
