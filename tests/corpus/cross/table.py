"""The results of a run: JSON for programs, a table for people."""

from __future__ import annotations

import json
from pathlib import Path

HEAD = ("run", "package", "result", "auditwheel", "build CPU s", "wall s", "call CPU s", "twice")


def row(result: dict) -> tuple[str, ...]:
    steps = result["steps"]

    def figure(step: str, what: str) -> str:
        return str(steps[step][what]) if step in steps else ""

    same = {True: "same", False: "DIFFERS", None: ""}[result.get("same_bytes")]
    return (
        result["run"],
        f"{result['package']} {result['version']}",
        "FAULT" if result["faults"] else "ok" if "call" in steps else "ok, not run",
        result.get("auditwheel") or "",
        figure("build", "cpu"),
        figure("build", "wall"),
        figure("call", "cpu"),
        same,
    )


def text(results: list[dict]) -> str:
    """A table, then the faults."""
    rows = [HEAD, *map(row, results)]
    widths = [max(len(one[column]) for one in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(one, widths)).rstrip() for one in rows]
    for result in results:
        lines += [f"\n{result['run']} {result['package']}: {fault}" for fault in result["faults"]]
    good = sum(not result["faults"] for result in results)
    lines.append(f"\n{good} of {len(results)} hold")
    return "\n".join(lines)


def write(results: list[dict], work: Path) -> None:
    (work / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (work / "results.txt").write_text(text(results) + "\n")
