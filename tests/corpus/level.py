"""Whether every compile of a build for a CPU level has that level, by the record and by what the kernel saw.

The record tells what the shim handed on; the command lines of gcc's own compilers (cc1, cc1plus, f951), seen by the
tracer, tell what was compiled in the end, whatever way the call took.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from record import Call, Record
from strace import Started

LEVELS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")
# Named CPUs that packages compile single units for, and the level that each has (gcc's manual, "x86 Options").
CPUS = {
    "core2": 0, "nehalem": 1, "westmere": 1, "sandybridge": 1, "ivybridge": 1,
    "haswell": 2, "broadwell": 2, "skylake": 2, "znver1": 2, "znver2": 2, "znver3": 2, "alderlake": 2,
    "knl": 2, "skylake-avx512": 3, "cascadelake": 3, "cannonlake": 3, "icelake-client": 3, "icelake-server": 3,
    "cooperlake": 3, "tigerlake": 3, "sapphirerapids": 3, "znver4": 3,
}  # fmt: skip
# Options that switch on what no level up to v3 has.
ABOVE_V3 = re.compile(r"^-m(avx512\w*|avx5124\w+|amx\S*|gfni|vaes|vpclmulqdq|avxvnni|sha|aes|pclmul|rdseed|adx|clwb)$")
LANGUAGES = ("c", "c++", "fortran", "objective-c", "objective-c++")
COMPILERS = (b"cc1", b"cc1plus", b"f951")
MARCH = "-march="


@dataclass
class Leveled:
    """What was found of the level in a build."""

    compiles: int = 0
    probes: int = 0
    kernel: int = 0
    own_higher: list[str] = field(default_factory=list)
    native: list[str] = field(default_factory=list)
    other_calls: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def rank(march: str) -> int | None:
    """How high a -march is, as a place in LEVELS; None where the tables do not know it."""
    return LEVELS.index(march) if march in LEVELS else CPUS.get(march)


def marches(arguments: list[str]) -> list[str]:
    return [argument[len(MARCH):] for argument in arguments if argument.startswith(MARCH)]


def fault(arguments: list[str], level: str) -> str | None:
    """What is wrong with the level in these arguments of a compile."""
    found = marches(arguments)
    if not found:
        return "no -march"
    if len(found) > 1:
        return f"-march {len(found)} times: {' '.join(found)}"
    reached, floor = rank(found[0]), rank(level)
    if reached is None or floor is None or reached < floor:
        return f"-march={found[0]}"
    return None


def higher(arguments: list[str], level: str) -> str | None:
    """What of these arguments goes above the level, if anything."""
    above = [f"-march={march}" for march in marches(arguments) if march != level]
    above += [argument for argument in arguments if ABOVE_V3.match(argument)]
    return " ".join(above) or None


def is_compile(call: Call) -> bool:
    """Whether a call makes code out of sources of a language that has a level."""
    return call.begin["kind"] in ("compile", "link") and any(one in LANGUAGES for one in call.begin.get("lang", ()))


def leveled(record: Record, programs: list[Started], level: str) -> Leveled:
    """Holds a build against its level."""
    found = Leveled()
    for call in record.calls:
        if MARCH + "native" in call.expanded:
            edits = [edit["rule"] for edit in call.begin.get("edits", ())]
            found.native.append(f"{' '.join(call.begin.get('in', ()))}: {', '.join(edits) or 'no edit'}")
            if MARCH + "native" in call.run:
                found.faults.append(f"-march=native was run: {call.run}")
        if not is_compile(call):
            kind = call.begin["kind"]
            found.other_calls[kind] = found.other_calls.get(kind, 0) + 1
            continue
        found.compiles += call.probe is None
        found.probes += call.probe is not None
        if wrong := fault(call.run, level):
            found.faults.append(f"{wrong}: {' '.join(call.run)}")
        elif (above := higher(call.run, level)) and call.probe is None:
            found.own_higher.append(f"{' '.join(call.begin.get('in', ()))}: {above}")
    for one in programs:
        if one.path.rsplit(b"/", 1)[-1] not in COMPILERS or is_question(one.argv):
            continue
        found.kernel += 1
        if wrong := fault([argument.decode(errors="replace") for argument in one.argv], level):
            found.faults.append(f"the kernel saw {wrong}: {b' '.join(one.argv).decode(errors='replace')}")
    return found


def is_question(argv: list[bytes]) -> bool:
    """Whether a run of gcc's compiler is for preprocessing or for a list of its own settings alone."""
    return any(one in argv for one in (b"-E", b"-M", b"-MM")) or any(one.startswith(b"--help") for one in argv)
