"""What others than crosswheel say of a wheel: the headers of its ELF files, and auditwheel."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import zipfile
from pathlib import Path

# bits, least significant byte first, e_machine (the psABI of each machine)
ELF = {
    "aarch64": (64, True, 183),
    "armv7l": (32, True, 40),
    "i686": (32, True, 3),
    "loongarch64": (64, True, 258),
    "ppc64le": (64, True, 21),
    "riscv64": (64, True, 243),
    "s390x": (64, False, 22),
    "x86_64": (64, True, 62),
}

# auditwheel puts Alpine's name of musl (`libc.musl-aarch64.so.1`) in place of `libc.so` in its list of libraries that may
# be needed. musl's own loader takes every name that begins with `libc.` for itself (ldso/dynlink.c, `reserved`), and
# `libc.so` is what a compiler that is not Alpine's writes.
MUSL = {"libc.so"}


def machine(head: bytes) -> tuple[int, bool, int] | None:
    """What the first bytes of a file say of its machine; `None` for a file that is not ELF."""
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    little = head[5] == 1
    return (64 if head[4] == 2 else 32, little, struct.unpack_from("<H" if little else ">H", head, 18)[0])


def elf_files(wheel: Path) -> dict[str, tuple[int, bool, int]]:
    """Machines of the ELF files in a wheel, by member."""
    with zipfile.ZipFile(wheel) as archive:
        found = {}
        for name in archive.namelist():
            with archive.open(name) as file:
                if known := machine(file.read(20)):
                    found[name] = known
    return found


def wrong_machines(wheel: Path, name: str) -> list[str]:
    """Faults: no ELF file at all, or one for another machine."""
    found = elf_files(wheel)
    if not found:
        return ["it holds no compiled file"]
    return [f"{member} is for {known}" for member, known in found.items() if known != ELF[name]]


def auditwheel(tools: Path, wheel: Path) -> dict:
    """What `auditwheel show` says; under `error` why it says nothing."""
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    # Without folders to look in: it would take libraries of this machine for those of the target.
    command = [tools / "auditwheel", "show", "--json", "--ldpaths", "", wheel]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return json.loads(out.stdout) if out.stdout else {"error": out.stderr.strip().rpartition("\n")[2]}


def version(tag: str) -> tuple[str, tuple[int, int], str] | None:
    """`manylinux_2_28_aarch64` in its parts."""
    parts = re.fullmatch(r"(manylinux|musllinux)_(\d+)_(\d+)_(\w+)", tag)
    return (parts[1], (int(parts[2]), int(parts[3])), parts[4]) if parts else None


def disagrees(told: dict, tag: str) -> str | None:
    """Why auditwheel does not stand behind a tag: it does if its own is this, or the same for an older C library."""
    if "error" in told or told.get("pure"):
        return f"auditwheel: {told.get('error', 'it is pure')}"
    theirs = told["overall_tag"]
    if tag.startswith("musllinux") and set(told["external_libs"]) <= MUSL:
        theirs = told["sym_tag"]
    ours, theirs_parts = version(tag), version(theirs)
    if ours and theirs_parts and (ours[0], ours[2]) == (theirs_parts[0], theirs_parts[2]) and theirs_parts[1] <= ours[1]:
        return None
    return f"auditwheel says {theirs}: {json.dumps({'libraries': told['external_libs'], 'symbols': told['versioned_symbols']})}"
