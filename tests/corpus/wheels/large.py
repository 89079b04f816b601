"""Makes wheels at the limits of the format: `large.py many|huge|stored FOLDER` prints the path of the wheel.

`many` has 70,000 entries, which needs the ZIP64 end of the archive. `huge` has an entry of more than 4 GiB of zeros that is
deflated to some megabytes, `stored` one that is as large in the archive (a sparse file). All of them are sound.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
import zipfile
import zlib
from pathlib import Path

INFO = "demo-1.0.dist-info"
NAME = "demo-1.0-py3-none-any.whl"
WHEEL = b"Wheel-Version: 1.0\nGenerator: large (1)\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n"
MANY = 70_000
BLOCK = bytes(1 << 20)
BLOCKS = (1 << 12) + 3  # 4 GiB and 3 MiB


def row(name: str, digest: bytes, size: int) -> str:
    return f"{name},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{size}\n"


def close(archive: zipfile.ZipFile, rows: list[str]) -> None:
    """Adds dist-info."""
    for name, content in (("WHEEL", WHEEL), ("METADATA", METADATA)):
        archive.writestr(zipfile.ZipInfo(f"{INFO}/{name}"), content)
        rows.append(row(f"{INFO}/{name}", hashlib.sha256(content).digest(), len(content)))
    archive.writestr(zipfile.ZipInfo(f"{INFO}/RECORD"), "".join(rows) + f"{INFO}/RECORD,,\n")


def many(path: Path) -> None:
    rows = []
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(MANY):
            name, content = f"demo/{number:05}.txt", b"%d\n" % number
            archive.writestr(zipfile.ZipInfo(name), content)
            rows.append(row(name, hashlib.sha256(content).digest(), len(content)))
        close(archive, rows)


def sums() -> tuple[int, bytes]:
    crc, digest = 0, hashlib.sha256()
    for _ in range(BLOCKS):
        crc = zlib.crc32(BLOCK, crc)
        digest.update(BLOCK)
    return crc, digest.digest()


def header(name: str, method: int, crc: int, compressed: int, size: int) -> bytes:
    """A local header with both sizes in the ZIP64 field."""
    wide = struct.pack("<HHQQ", 1, 16, size, compressed)
    short = 0xFFFFFFFF
    return b"PK\x03\x04" + struct.pack(
        "<HHHHHIIIHH", 45, 0, method, 0, 33, crc, short, short, len(name), len(wide)
    ) + name.encode() + wide  # fmt: skip


def one_entry(path: Path, stored: bool) -> None:
    """The huge entry is written by hand, since zipfile would deflate four gigabytes; the others by zipfile."""
    name, size = "demo/zeros.bin", BLOCKS * len(BLOCK)
    crc, digest = sums()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush nothing refers back, so that a block may follow itself.
    block = squeeze.compress(BLOCK) + squeeze.flush(zlib.Z_FULL_FLUSH)
    end = squeeze.flush()
    compressed = size if stored else BLOCKS * len(block) + len(end)
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with open(path, "w+b") as file:
        file.write(header(name, method, crc, compressed, size))
        if stored:
            file.seek(size, 1)
        else:
            for _ in range(BLOCKS):
                file.write(block)
            file.write(end)
        with zipfile.ZipFile(file, "w") as archive:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.CRC = method, crc
            info.file_size, info.compress_size, info.header_offset = size, compressed, 0
            info.external_attr = 0o100644 << 16
            archive.filelist.append(info)
            archive.NameToInfo[name] = info
            archive.start_dir = file.tell()
            close(archive, [row(name, digest, size)])


def main(kind: str, folder: str) -> None:
    path = Path(folder, NAME)
    if kind == "many":
        many(path)
    else:
        one_entry(path, stored=kind == "stored")
    print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
