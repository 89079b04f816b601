"""Holds builds against one another: what they made, what their configure steps found, what their probes answered.

Everything here is a pure function of what is given; `load.py` reads it from the kept builds. A finding is a line of
text that names what differs; an empty list is a pass.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from record import Call, Record
from strace import Started


@dataclass
class Products:
    """How the files of three builds compare: two plain ones, and one with the shim."""

    identical: list[str] = field(default_factory=list)
    identical_stripped: list[str] = field(default_factory=list)  # where only debug information differs anyhow
    not_reproducible: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def products(plain_1: Mapping[str, bytes], plain_2: Mapping[str, bytes], shim: Mapping[str, bytes],
             strip: Callable[[bytes], bytes]) -> Products:
    """Binaries by place. Wherever two plain builds agree, the third has to agree with them."""
    found = Products()
    for place in sorted({*plain_1, *plain_2, *shim}):
        one, two, three = plain_1.get(place), plain_2.get(place), shim.get(place)
        if one is None or two is None:
            if (one is None) == (two is None):
                found.faults.append(f"{place}: only the build with the shim made it")
            else:
                found.not_reproducible.append(place)
        elif three is None:
            found.faults.append(f"{place}: the build with the shim did not make it")
        elif one == two:
            (found.identical if three == one else found.faults).append(
                place if three == one else f"{place}: its bytes differ")
        elif strip(one) != strip(two):
            found.not_reproducible.append(place)
        elif strip(three) == strip(one):
            found.identical_stripped.append(place)
        else:
            found.faults.append(f"{place}: its bytes differ after strip -g and without the build-id")
    return found


# --- configure ---------------------------------------------------------------------------------------------------

CMAKE_ENTRY = re.compile(r"^[^#/\s][^:=]*:[A-Z]+=.*")
AUTOCONF_ANSWER = re.compile(r"^(configure:\d+: (checking|result:)|\w+_cv_\w+=|#define |(ac|am|lt)_\w+=)")
AUTOCONF_STATUS = re.compile(r"^[DS]\[\"")
# What Meson's log says in its own voice; the rest is the commands it ran and their output.
MESON_ANSWER = re.compile(
    r"^(\S+ compiler for the|\S+ linker for the|Checking|Compiler for|Configuring|Dependency|Did not find|"
    r"Fetching value|Generating|Has header|Header|Host machine|Library|Message|Program|Run-time dependency|Run-time|"
    r"Target machine|Test features|WARNING|Build machine|Found|Compiling)(?!\w).*"
)  # fmt: skip
# Names by chance: of Python, CMake, config.guess, and of Meson's dependencies without a name.
TEMPORARY = re.compile(
    r"\btmp[a-z0-9_]{8}\b|\bcmTC_[0-9a-f]{5}\b|\bTryCompile-\w{6}\b|\bcg\w{6}(?=/dummy\b)|\bdep\d{20,}\b"
)
TOOLS = (
    r"(?:[\w.]+-linux-gnu-)?(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+|cpp|gfortran|ar|nm|ranlib|ld|ld\.\w+|as|strip|"
    r"objcopy|objdump|readelf|ccache|sccache|distcc|gcc-ar|gcc-nm|gcc-ranlib|llvm-\w+|addr2line|dlltool)(?:-\d+)?"
)


def plain_text(text: str, bin_folder: str | None) -> str:
    """A text in which a tool is named the same with and without the shim, and a temporary name is always the same."""
    folders = "|".join(re.escape(folder) for folder in (bin_folder, "/usr/bin", "/bin") if folder)
    text = re.sub(rf"(?<![\w/.-])(?:{folders})/({TOOLS})(?![\w/+.-])", r"\1", text)
    return TEMPORARY.sub("*", text)


def answers(place: str, text: str) -> list[str]:
    """The lines of a file of a configure step that hold an answer."""
    name = place.rsplit("/", 1)[-1]
    if name.startswith("intro-"):
        return json.dumps(in_order(json.loads(text)), indent=0, sort_keys=True).splitlines()
    filters = {
        "CMakeCache.txt": CMAKE_ENTRY,
        "config.log": AUTOCONF_ANSWER,
        "config.status": AUTOCONF_STATUS,
        "meson-log.txt": MESON_ANSWER,
    }
    wanted = filters.get(name)
    lines = text.splitlines()
    return lines if wanted is None else [line for line in lines if wanted.match(line)]


def in_order(value: object) -> object:
    """Meson's introspection with its lists of named things by name: some of them come in the order of a set."""
    if isinstance(value, list):
        value = [in_order(one) for one in value]
        return sorted(value, key=lambda one: json.dumps(one, sort_keys=True)) if all(
            isinstance(one, dict) and "name" in one for one in value) else value
    return {key: in_order(one) for key, one in value.items()} if isinstance(value, dict) else value


@dataclass
class Configured:
    """How the configure steps of builds compare."""

    files: int = 0
    lines: int = 0
    unstable: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def configured(base: Mapping[str, list[str]], again: Mapping[str, list[str]] | None, other: Mapping[str, list[str]],
               complete: bool = True) -> Configured:
    """Answers by place: those of a build, of the same once more, and of the build in question.

    A place where the first two differ says nothing. A build that is not `complete` may lack files.
    """
    found = Configured()
    for place in sorted({*base, *other}):
        if again is not None and base.get(place) != again.get(place):
            found.unstable.append(place)
            continue
        found.files += 1
        found.lines += len(base.get(place, ()))
        if place not in other:
            if complete:
                found.faults.append(f"{place}: missing")
        elif place not in base:
            found.faults.append(f"{place}: made only here")
        else:
            found.faults += [f"{place}: {line}" for line in difference(base[place], other[place])]
    return found


def difference(before: list[str], after: list[str]) -> list[str]:
    """Lines that went and came, marked by `-` and `+`."""
    if before == after:
        return []
    changes = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in changes if not line.startswith(("---", "+++", "@@"))]


# --- calls -------------------------------------------------------------------------------------------------------


def probes(record: Record, spell: Callable[[str], str]) -> Counter[str]:
    """How often each probe was made and what it answered, by the arguments as they were received."""
    return Counter(f"{spell(' '.join(call.argv))} -> {call.ended}" for call in record.calls if call.probe is not None)


def work(record: Record, spell: Callable[[str], str]) -> Counter[str]:
    """How often each call that is no probe was asked for: what a build system made of the answers it got."""
    return Counter(spell(" ".join(call.argv)) for call in record.calls if call.probe is None)


def unknown_probes(record: Record, temporary: str) -> list[str]:
    """Calls that are neither probes nor queries and yet show themselves as such.

    They failed in a build that came to its end, or what they made was for the folder of temporary files.
    """
    def shows(call: Call) -> str | None:
        if call.probe is not None or call.begin["kind"] == "query":
            return None
        if call.ended != 0:
            return "failed"
        # What is stripped there is a wheel on its way: scikit-build-core lays it out in a temporary folder.
        thrown = call.begin["kind"] != "other" and any(out.startswith(temporary + "/") for out in call.begin.get("out", ()))
        return "is for a temporary file" if thrown else None

    return [f"{how}, and is not known as a probe: {' '.join(call.argv)} (in {call.begin.get('cwd')})"
            for call in record.calls if (how := shows(call))]


def changed(base: Counter[str], other: Counter[str], complete: bool = True) -> list[str]:
    """Calls that were answered differently, or made in one build alone. A build that stopped may lack some."""
    gone = base - other if complete else Counter()
    came = other - base
    return [f"- {text}" for text in sorted(gone.elements())] + [f"+ {text}" for text in sorted(came.elements())]


def argued(differences: list[str], arguments: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Differences for which there is an argument, with it, and those for which there is none.

    An argument is a regular expression for all of a difference's text, and the reason.
    """
    held, open_ones = [], []
    for one in differences:
        why = next((why for pattern, why in arguments if re.fullmatch(pattern, one, re.DOTALL)), None)
        if why is None:
            open_ones.append(one)
        else:
            held.append(f"{one} ({why})")
    return held, open_ones


# --- the record against the kernel -------------------------------------------------------------------------------


@dataclass
class Seen:
    """How the record compares with what the kernel saw."""

    calls: int = 0
    faults: list[str] = field(default_factory=list)


def seen(programs: list[Started], record: Record) -> Seen:
    """Every start of a name in the shim folder is in the record once, with its own arguments and end."""
    inside = record.bin.encode() + b"/"
    kernel = [(one.pid, *one.argv[1:], one.path[len(inside):], one.ended) for one in programs
              if one.path.startswith(inside)]
    ours = [(call.begin["pid"], *call.argv_bytes[1:], call.argv_bytes[0].rsplit(b"/", 1)[-1], call.ended)
            for call in record.calls]
    missing, extra = Counter(kernel) - Counter(ours), Counter(ours) - Counter(kernel)
    found = Seen(len(kernel), list(record.strays))
    found.faults += [f"the kernel saw what the record lacks: {one}" for one in missing.elements()]
    found.faults += [f"the record has what the kernel did not see: {one}" for one in extra.elements()]
    found.faults += [f"ended {len(call.ends)} times: {call.argv}" for call in record.calls if len(call.ends) != 1]
    return found
