"""The report of a run: JSON for programs, a table and the faults for people."""

from __future__ import annotations

import json
from pathlib import Path

SHOWN = 12  # faults of one check that the text shows; the JSON has all


def verdict(found: dict) -> str:
    return "FAULT" if found["faults"] else "ok"


def text(results: dict[str, dict[str, dict]]) -> str:
    """The table, then what is to be said of single packages."""
    lines = [f"{'package':24} {'check':13} {'':5} figures"]
    for label, checks in results.items():
        for check, found in checks.items():
            figures = ", ".join(f"{count} {name}" for name, count in found["figures"].items())
            lines.append(f"{label:24} {check:13} {verdict(found):5} {figures}")
    for label, checks in results.items():
        for check, found in checks.items():
            for name, rows in found.items():
                if name == "figures" or not rows or isinstance(rows, dict):
                    continue  # in the table, or of use to programs alone
                lines += ["", f"{label}, {check}, {name}:"]
                lines += [f"  {row[:300]}" for row in rows[:SHOWN]]
                lines += [f"  and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return "\n".join(lines)


def write(results: dict[str, dict[str, dict]], folder: Path) -> Path:
    """Writes `report.json` and `report.txt`; returns the latter."""
    for name, content in (("report.json", json.dumps(results, indent=1)), ("report.txt", text(results) + "\n")):
        new = folder / (name + ".new")
        new.write_text(content, errors="surrogateescape")
        new.rename(folder / name)
    return folder / "report.txt"


def has_faults(results: dict[str, dict[str, dict]]) -> bool:
    return any(found["faults"] for checks in results.values() for found in checks.values())
