"""Tables and claims, as Markdown."""

import os
import platform
import re
from dataclasses import dataclass

from measure import median, p10, p90

# The claims, in microseconds where they are times.
OVER_EXEC = 200
SHARE_OF_SPACK = 1 / 5
SHARE_OF_PYWASMCROSS = 1 / 50
INSTRUCTIONS = 150_000
# A build of numpy: calls of the compiler, seconds of CPU, and the share that may be the shim's.
NUMPY_CALLS, NUMPY_SECONDS, NUMPY_SHARE = 448, 520, 0.001

FLOOR = "exec, static musl C"


@dataclass
class Table:
    """The figures of one real compiler and one set of arguments."""

    title: str
    subjects: list
    absent: list
    figures: dict
    load: tuple

    def has(self, name):
        return name in self.figures

    def added(self, name, statistic=median, kind="cpu"):
        """What a subject adds to its plain call, microseconds."""
        plain = next(s.plain for s in self.subjects if s.name == name)
        mine, base = getattr(self.figures[name], kind), getattr(self.figures[plain], kind)
        return statistic(mine) - statistic(base)

    def shims(self):
        return [s.name for s in self.subjects if s.name.startswith("crosswheel")]

    def markdown(self):
        lines = [
            f"\n### {self.title}\n",
            "| | CPU median | p10 | min | added, median | added, p10 | times exec | wall added |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        floor = self.added(FLOOR) if self.has(FLOOR) else None
        for subject in self.subjects:
            cpu = self.figures[subject.name].cpu
            cells = [f"{median(cpu):,.0f}", f"{p10(cpu):,.0f}", f"{min(cpu):,.0f}"]
            if subject.name in ("plain", "env"):
                cells += ["", "", "", ""]
            else:
                added = self.added(subject.name)
                times = f"{added / floor:.1f}" if floor else ""
                wall = self.added(subject.name, kind="wall")
                cells += [f"{added:,.0f}", f"{self.added(subject.name, p10):,.0f}", times, f"{wall:,.0f}"]
            lines.append(f"| {subject.name} | " + " | ".join(cells) + " |")
        plain = self.figures["plain"].cpu
        spread = p90(plain) - p10(plain)
        lines.append(
            f"\nLoad {self.load[0]:.1f} before, {self.load[1]:.1f} after; plain: p90 − p10 = {spread:,.0f} µs."
        )
        lines += [f"Not measured: {name} ({why})." for name, why in self.absent]
        return "\n".join(lines)


def machine(rounds):
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    name = model.group(1) if model else platform.machine()
    return f"{rounds} rounds; {name}, {os.cpu_count()} CPUs, Linux {platform.release()}. All times in µs."


def claims(tables, counts):
    """Claim by claim, what was measured; and whether all hold. What was not measured holds nothing up."""
    lines = ["\n### Claims\n", "| claim | worst case | measured | |", "|---|---|--:|---|"]
    held = True

    def row(claim, case, measured, holds):
        nonlocal held
        held &= holds
        lines.append(f"| {claim} | {case} | {measured} | {'holds' if holds else '**does not hold**'} |")

    def worst(value):
        """The recording shim and the table in which a figure is highest."""
        cases = []
        for table in tables:
            for name in table.shims():
                figure = value(table, name) if "no record" not in name else None
                if figure is not None:
                    cases.append((figure, f"{name}; {table.title}"))
        return max(cases, default=None)

    def share(of):
        def value(table, name):
            return table.added(name) / table.added(of) if table.has(of) else None

        return value

    over = worst(lambda table, name: table.added(name) - table.added(FLOOR) if table.has(FLOOR) else None)
    if over:
        row(f"at most {OVER_EXEC} µs over the static musl exec", over[1], f"{over[0]:,.0f} µs", over[0] <= OVER_EXEC)
    for other, limit, words in [
        ("Spack's shell wrapper", SHARE_OF_SPACK, "a fifth of Spack's shell wrapper"),
        ("pywasmcross", SHARE_OF_PYWASMCROSS, "a fiftieth of pywasmcross"),
    ]:
        found = worst(share(other))
        if found:
            row(f"at most {words}", found[1], f"1/{1 / found[0]:.1f}", found[0] <= limit)
        else:
            lines.append(f"| at most {words} | | | not measured |")
    for name, count in counts.items():
        if count is None:
            lines.append(f"| under {INSTRUCTIONS:,} instructions | {name} | | not measured |")
        else:
            row(f"under {INSTRUCTIONS:,} instructions", name, f"{count:,}", count < INSTRUCTIONS)
    cost = worst(lambda table, name: table.added(name))
    if cost:
        part = NUMPY_CALLS * cost[0] / 1e6 / NUMPY_SECONDS
        claim = f"under {NUMPY_SHARE:.1%} of numpy's build ({NUMPY_CALLS} calls, {NUMPY_SECONDS} CPU s)"
        row(claim, cost[1], f"{part:.3%}", part < NUMPY_SHARE)
    return "\n".join(lines), held
