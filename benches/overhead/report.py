"""Tables and claims, as Markdown."""

import os
import platform
import random
import re
import statistics
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
    # Share of the rounds that began while nobody else ran.
    calm: float

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
            f"\nLoad {self.load[0]:.1f} before, {self.load[1]:.1f} after; {self.calm:.0%} of the rounds began while "
            f"nobody else ran; plain: p90 − p10 = {spread:,.0f} µs."
        )
        lines += [f"Not measured: {name} ({why})." for name, why in self.absent]
        return "\n".join(lines)


def machine(rounds):
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    name = model.group(1) if model else platform.machine()
    return f"{rounds} rounds; {name}, {os.cpu_count()} CPUs, Linux {platform.release()}. All times in µs."


def uncertain(first, second, times=200):
    """Standard error of the difference of two medians, by drawing the samples anew."""
    draw = random.Random(1)
    differences = [
        median(draw.choices(first, k=len(first))) - median(draw.choices(second, k=len(second))) for _ in range(times)
    ]
    return statistics.stdev(differences)


def worst(tables, value):
    """The recording shim and the table in which a figure is highest: the figure, the table, the name."""
    cases = []
    for table in tables:
        for name in table.shims():
            figure = value(table, name) if "no record" not in name else None
            if figure is not None:
                cases.append((figure, table, name))
    return max(cases, default=None, key=lambda case: case[0])


def over_exec(table, name):
    return table.added(name) - table.added(FLOOR) if table.has(FLOOR) else None


def share_of(other):
    return lambda table, name: table.added(name) / table.added(other) if table.has(other) else None


def claims(tables, counts):
    """Claim by claim, what was measured; and whether all hold. What was not measured is said, and holds nothing up."""
    lines = ["\n### Claims\n", "| claim | worst case | measured | |", "|---|---|--:|---|"]
    verdicts = []

    def row(claim, case, measured, holds):
        verdicts.append(holds)
        lines.append(f"| {claim} | {case} | {measured} | {'holds' if holds else '**does not hold**'} |")

    # Behind a real compiler the differences drown more easily, so it has rows of its own.
    for group in [tables[:2], tables[2:]]:
        found = worst(group, over_exec)
        if found:
            figure, table, name = found
            error = uncertain(table.figures[name].cpu, table.figures[FLOOR].cpu)
            claim = f"at most {OVER_EXEC} µs over the static musl exec"
            row(claim, f"{name}; {table.title}", f"{figure:,.0f} ± {error:,.0f} µs", figure <= OVER_EXEC)
    for other, limit, words in [
        ("Spack's shell wrapper", SHARE_OF_SPACK, "at most a fifth of Spack's shell wrapper"),
        ("pywasmcross", SHARE_OF_PYWASMCROSS, "at most a fiftieth of pywasmcross"),
    ]:
        for group in [tables[:2], tables[2:]]:
            found = worst(group, share_of(other))
            if found:
                figure, table, name = found
                row(words, f"{name}; {table.title}", f"1/{1 / figure:.1f}", figure <= limit)
        if not any(table.has(other) for table in tables):
            lines.append(f"| {words} | | | not measured |")
    for name, count in counts.items():
        claim = f"under {INSTRUCTIONS:,} instructions, 60 arguments"
        if count is None:
            lines.append(f"| {claim} | {name} | | not measured |")
        else:
            row(claim, name, f"{count:,}", count < INSTRUCTIONS)
    for group in [tables[:2], tables[2:]]:
        found = worst(group, lambda table, name: table.added(name))
        if found:
            figure, table, name = found
            part = NUMPY_CALLS * figure / 1e6 / NUMPY_SECONDS
            claim = f"under {NUMPY_SHARE:.1%} of numpy's build ({NUMPY_CALLS} calls, {NUMPY_SECONDS} CPU s)"
            row(claim, f"{name}; {table.title}", f"{part:.3%}", part < NUMPY_SHARE)
    return "\n".join(lines), all(verdicts)
