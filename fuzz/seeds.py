"""Makes what the fuzz targets of wheels start from: `seeds.py CORPUS`. A folder each for `zip`, `wheel`, `wheel_record`,
`wheel_headers` and `wheel_name`: sound wheels of every form that the engine reads, and each way of being wrong that needs
more than one changed byte."""

import base64
import hashlib
import io
import os
import struct
import sys
import zipfile
from pathlib import Path

INFO = "demo-1.0.dist-info"
WHEEL = b"Wheel-Version: 1.0\nGenerator: seeds (1)\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n\n"
METADATA = (
    b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: folded\n  twice\nRequires-Dist: a.b[x,y] (>=1.0,<2); extra == 'z'\n"
    b"Requires-Dist: c @ https://example.org/c.whl ; os_name == 'nt'\nProvides-Extra: z\n\nBody\r\nof lines\n"
)
FILES = {
    "demo/__init__.py": b"name = 'demo'\n" * 9,
    'demo/a "b", c.bin': bytes(range(256)),
    "demo-1.0.data/scripts/run": b"#!python\n",
    f"{INFO}/WHEEL": WHEEL,
    f"{INFO}/METADATA": METADATA,
}


class Unseekable(io.RawIOBase):
    """What cannot go back, so that sizes go behind the data."""

    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, more):
        self.bytes += more
        return len(more)


def record(files):
    rows = []
    for name, content in files.items():
        if name.endswith(("/", ".jws")):
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        quoted = '"' + name.replace('"', '""') + '"' if set(name) & set(',"') else name
        rows.append(f"{quoted},sha256={digest},{len(content)}\n")
    return ("".join(rows) + f"{INFO}/RECORD,,\n").encode()


def wheel(files=FILES, method=zipfile.ZIP_DEFLATED, zip64=False, described=False, change=None, comment=b""):
    """A wheel. `change` is called with each ZipInfo."""
    to = Unseekable() if described else io.BytesIO()
    with zipfile.ZipFile(to, "w") as archive:
        archive.comment = comment
        for name, content in {**files, f"{INFO}/RECORD": record(files)}.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = method
            info.external_attr = (0o040755 if name.endswith("/") else 0o100644) << 16
            if change:
                change(info)
            with archive.open(info, "w", force_zip64=zip64) as out:
                out.write(content)
    return bytes(to.bytes if described else to.getvalue())


def ended_in_zip64(bytes_):
    """The same archive with the ZIP64 end records."""
    end = len(bytes_) - 22
    count, size, start = struct.unpack_from("<HII", bytes_, end + 10)
    wide = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    where = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    short = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes_[:end] + wide + where + short


def put(bytes_, at, new):
    at %= len(bytes_)
    return bytes_[:at] + new + bytes_[at + len(new) :]


def dated(info):
    info.extra = b"UT\x05\0\x01abcd"


def linked(info):
    info.external_attr = 0o120777 << 16


def archives():
    plain = wheel()
    sound = {
        "plain": plain,
        "stored": wheel(method=zipfile.ZIP_STORED),
        "zip64": wheel(zip64=True),
        "zip64-end": ended_in_zip64(plain),
        "descriptors": wheel(described=True),
        "descriptors-zip64": wheel(described=True, zip64=True),
        "extra": wheel(change=dated),
        "comment": wheel(comment=b"PK\x05\x06 and more"),
        "utf-8": wheel({**FILES, "demo/\u00fc.txt": b"u"}),
        "folder": wheel({**FILES, "demo/": b""}),
        "empty-file": wheel({**FILES, "demo/empty": b""}),
        "signed": wheel({**FILES, f"{INFO}/RECORD.jws": b"{}"}),
        "crlf": wheel({**FILES, f"{INFO}/WHEEL": WHEEL.replace(b"\n", b"\r\n")}),
    }
    central = plain.index(b"PK\x01\x02")
    wrong = {
        "empty": b"",
        "no-entries": b"PK\x05\x06" + bytes(18),
        "cut": plain[:-100],
        "trailing": plain + b"more",
        "leading": b"#!/bin/sh\n" + plain,
        "two-ends": put(plain, -2, struct.pack("<H", 22)) + b"PK\x05\x06" + bytes(18),
        "count": put(plain, -14, b"\x01\0\x01\0"),
        "zip64-missing": put(plain, -6, b"\xff\xff\xff\xff"),
        "linked": wheel(change=linked),
        "climbs": wheel({**FILES, "demo/../../x": b""}),
        "method": put(plain, central + 10, b"\x0c"),
        "encrypted": put(plain, central + 8, b"\x01"),
        "other-size": put(plain, central + 24, b"\xff\xff\0\0"),
        "other-crc": put(plain, central + 16, b"\0\0\0\0"),
        "overlap": put(plain, plain.index(b"PK\x01\x02", central + 1) + 42, struct.pack("<I", 0)),
        "damaged": put(plain, 30 + len("demo/__init__.py"), b"\x07"),
    }
    return {**sound, **{f"wrong-{name}": bytes_ for name, bytes_ in wrong.items()}}


def texts(*all_):
    return {str(number): text for number, text in enumerate(all_)}


def main(corpus):
    seeds = {
        "zip": archives(),
        "wheel": archives(),
        "wheel_record": texts(record(FILES), record(FILES).replace(b"\n", b"\r\n"), b'"a""b\r\nc",sha512=x,\n', b"a,md5=00,1"),
        "wheel_headers": texts(METADATA, WHEEL, METADATA.replace(b"\n", b"\r\n"), b"A: b\n\tc\n\n", b"a\n"),
        "wheel_name": texts(
            b"demo-1.0-py2.py3-none-any.whl",
            b"My_Demo.x-1!2.0rc1.post2.dev3+local.1-12ab-cp39.cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            b"a.b-c_d[x, y] ~= 1.0 ; python_version < '3.9'",
            b"a (>=1,!=2.*) ; extra == 'b'",
            b"+py2.py3",
        ),
    }
    for target, made in seeds.items():
        folder = Path(corpus, target)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            Path(folder, f"seed-{name}").write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "corpus"))
