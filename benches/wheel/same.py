"""What two retagged wheels have in common: the tags, METADATA, WHEEL and RECORD, as Python's own modules read them."""

import csv
import io
import zipfile


def file(wheel, name):
    """A file of dist-info."""
    [found] = [one for one in wheel.namelist() if one.endswith(f".dist-info/{name}") and one.count("/") == 1]
    return wheel.read(found)


def rows(record):
    """RECORD as a set of rows."""
    return {tuple(row) for row in csv.reader(io.StringIO(record.decode(), newline=""))}


def differences(ours, theirs):
    """In what two wheels differ that should have the same tags, by path."""
    found = []
    if ours.name.count("-") != theirs.name.count("-"):
        found.append("parts of the file name")
    for one, other in zip(ours.stem.split("-"), theirs.stem.split("-")):
        if set(one.split(".")) != set(other.split(".")):
            found.append(f"file name: {one}, {other}")
    with zipfile.ZipFile(ours) as one, zipfile.ZipFile(theirs) as other:
        for name in ("METADATA", "WHEEL"):
            if file(one, name) != file(other, name):
                found.append(name)
        mine, other_rows = rows(file(one, "RECORD")), rows(file(other, "RECORD"))
        if mine != other_rows:
            found.append(f"RECORD: {len(mine ^ other_rows)} rows")
        # Entries for folders are dropped there.
        names = [{name for name in wheel.namelist() if not name.endswith("/")} for wheel in (one, other)]
        if names[0] != names[1]:
            found.append(f"entries: {sorted(names[0] ^ names[1])[:3]}")
    return found
