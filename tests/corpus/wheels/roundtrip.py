"""Holds one real wheel: `verify` accepts it, and `retag` there and back is one normalising pass that changes nothing but what
it must. Returns what is wrong, as a list of texts."""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

# A tag that no wheel has, and a build number.
THERE = ["--python", "+py20", "--build", "9999"]
# Larger ones are not unpacked by tools that take minutes for it.
UNPACKED = 100_000_000


def run(*command) -> str | None:
    """What a command said, if it failed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace")
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()[-600:]


def build_of(wheel: Path) -> str:
    parts = wheel.stem.split("-")
    return parts[2] if len(parts) == 6 else ""


def retag(crosswheel: Path, wheel: Path, out: Path, *edits: str) -> Path:
    if failed := run(crosswheel, "wheel", "retag", "--no-sync", "--out", out, *edits, wheel):
        raise LookupError(f"retag {' '.join(edits)}: {failed}")
    [made] = out.iterdir()
    return made


def entries(wheel: Path) -> dict[str, tuple]:
    """Of each entry but those of dist-info that change: its header fields and its compressed bytes."""
    found = {}
    with zipfile.ZipFile(wheel) as archive, open(wheel, "rb") as file:
        for one in archive.infolist():
            file.seek(one.header_offset)
            head = file.read(30)
            name, extra = struct.unpack_from("<HH", head, 26)
            file.seek(name + extra, 1)
            digest = file.read(one.compress_size)
            # Bit 3 says that sizes stand behind the data; sizes of 4 GiB have an extra field of their own.
            found[one.filename] = (
                one.date_time, one.compress_type, one.flag_bits & ~8, one.external_attr, one.CRC, one.comment,
                one.create_system, one.file_size, hash(digest), len(digest),
            )  # fmt: skip
    return found


def is_changed(name: str) -> bool:
    return name.count("/") == 1 and name.endswith((".dist-info/WHEEL", ".dist-info/RECORD"))


def kept(old: Path, new: Path) -> list[str]:
    before, after = entries(old), entries(new)
    wrong = []
    for name, fields in before.items():
        if is_changed(name) or name.endswith((".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")):
            continue
        if after.get(name) != fields:
            wrong.append(f"{name} is not what it was")
    more = [name for name in after if name not in before]
    return (wrong + [f"{name} is new" for name in more])[:5]


def runs_here(wheel: Path) -> bool:
    """Whether pip would install it on this machine."""
    if importlib.util.find_spec("packaging") is None:
        return False
    from packaging.tags import sys_tags
    from packaging.utils import parse_wheel_filename

    return bool(parse_wheel_filename(wheel.name)[3] & set(sys_tags()))


def readers(wheel: Path, tools: Path, work: Path) -> list[str]:
    """What other tools say to a wheel."""
    python = tools / "python"
    asked = {
        "unzip": ["unzip", "-tqq", wheel],
        "twine check": [tools / "twine", "check", wheel],
    }
    if wheel.stat().st_size < UNPACKED:
        asked["wheel unpack"] = [tools / "wheel", "unpack", "--dest", work / "unpacked", wheel]
        asked["installer"] = [python, "-m", "installer", "--destdir", work / "installed", "--no-compile-bytecode", wheel]
        if runs_here(wheel):
            target = ["--target", work / "target", "--no-deps", wheel]
            asked["pip"] = [python, "-m", "pip", "install", "-q", "--no-index", "--ignore-requires-python", *target]
            asked["uv"] = [tools / "uv", "pip", "install", "-q", "--offline", "--no-cache", "--python", python, *target]
    wrong = []
    for name, command in asked.items():
        if failed := run(*command):
            wrong.append(f"{name}: {failed}")
        for made in ("unpacked", "installed", "target"):
            shutil.rmtree(work / made, ignore_errors=True)
    return wrong


def check(crosswheel: Path, wheel: Path, tools: Path, work: Path, quick: bool = False) -> list[str]:
    """All that is wrong. `work` is an empty folder; `quick` asks no other tools."""
    wrong = []
    if failed := run(crosswheel, "wheel", "verify", wheel):
        wrong.append(f"verify: {failed}")
    try:
        normal = retag(crosswheel, wheel, work / "normal")
        there = retag(crosswheel, normal, work / "there", *THERE)
        again = retag(crosswheel, normal, work / "again", *THERE)
        back = retag(crosswheel, there, work / "back", "--python", "-py20", "--build", build_of(wheel))
        if run("cmp", normal, back):
            wrong.append("there and back is not the normal form")
        if normal.name != back.name:
            wrong.append(f"there and back has the name {back.name}, not {normal.name}")
        if run("cmp", there, again):
            wrong.append("two runs differ")
        wrong += kept(wheel, there)
        if not wrong and (failed := run(crosswheel, "wheel", "verify", there)):
            wrong.append(f"verify of the new wheel: {failed}")
        if not quick:
            wrong += readers(there, tools, work)
    except LookupError as failed:
        wrong.append(str(failed))
    finally:
        for made in ("normal", "there", "again", "back"):
            shutil.rmtree(work / made, ignore_errors=True)
    return wrong


if __name__ == "__main__":
    sys.exit("it is used by run.py")
