"""Says what `packaging`, `wheel` and `csv` make of names, versions, RECORDs and requirements: a JSON value a line, both
ways. What they refuse is `null`."""

import csv
import io
import json
import sys

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from wheel.wheelfile import WHEEL_INFO_RE


def file(text):
    try:
        name, version, build, tags = parse_wheel_filename(text)
    except (InvalidWheelFilename, ValueError):
        return None
    build = f"{build[0]}{build[1]}" if build else None  # `01` is 1 there
    return {"name": name, "build": build, "tags": sorted(map(str, tags))}


def regex(text):
    """What the expression of `wheel` makes of it, which every release of it reads names with."""
    found = WHEEL_INFO_RE.match(text)
    return found and [found[part] for part in ("name", "ver", "build", "pyver", "abi", "plat")]


def tag(text):
    try:
        return sorted(map(str, parse_tag(text)))
    except ValueError:
        return None


def version(texts):
    """-1, 0 or 1: how two versions are ordered; else which of them are versions."""
    read = []
    for text in texts:
        try:
            read.append(Version(text))
        except InvalidVersion:
            read.append(None)
    if None in read:
        return [one is not None for one in read]
    one, other = read
    return (one > other) - (one < other)


def requirement(text):
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return None


def record(text):
    """The rows. `strict` refuses quotes that are never closed, or inside of a field, where others read on by guess."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None


def written(rows):
    """The text of rows, as `wheel pack` writes it."""
    out = io.StringIO()
    csv.writer(out, delimiter=",", quotechar='"', lineterminator="\n").writerows(rows)
    return out.getvalue()


KINDS = {one.__name__: one for one in (file, regex, tag, version, requirement, record, written)}

if __name__ == "__main__":
    for line in sys.stdin:
        kind, case = json.loads(line)
        print(json.dumps(KINDS[kind](case)))
