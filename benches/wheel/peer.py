"""Inflates and hashes all entries of a wheel, as fast as public libraries can from Python: `peer.py HOW WHEEL`.

HOW is `zlib`, `isal` (Intel's ISA-L), `zlib-ng` or `libdeflate`. One process a core, the largest entries first; the file is
mapped, small entries are inflated at once, and hashing is OpenSSL's. What is left out is checked by none: no CRC,
no RECORD, no headers. libdeflate inflates whole entries only, and so needs memory for the largest ones.
"""

import hashlib
import mmap
import multiprocessing
import os
import struct
import sys
import zipfile

PIECE = 1 << 17
LARGE = 1 << 20
ONE_BY_ONE = 64
AT_ONCE = 32


def streamed(module):
    """Inflates with a module of zlib's interface."""

    def inflate(data, size, take):
        if size <= LARGE:
            take(module.decompress(data, -15, max(size, 1)))
            return
        state = module.decompressobj(-15)
        for at in range(0, len(data), PIECE):
            take(state.decompress(data[at : at + PIECE]))
        take(state.flush())

    return inflate


def inflater(how):
    if how == "libdeflate":
        import deflate

        return lambda data, size, take: take(deflate.deflate_decompress(data, size))
    if how == "isal":
        from isal import isal_zlib as module
    elif how == "zlib-ng":
        from zlib_ng import zlib_ng as module
    else:
        import zlib as module
    return streamed(module)


def work(how, path, order, turn):
    """Takes entries in turn until there are none."""
    inflate = inflater(how)
    with open(path, "rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        while True:
            with turn.get_lock():
                start = turn.value
                turn.value += 1 if start < ONE_BY_ONE else AT_ONCE
                end = turn.value
            if start >= len(order):
                return
            for offset, compressed, size, method in order[start:end]:
                name, extra = struct.unpack_from("<HH", mapped, offset + 26)
                data = mapped[offset + 30 + name + extra :][:compressed]
                digest = hashlib.sha256()
                if method == zipfile.ZIP_STORED:
                    digest.update(data)
                else:
                    inflate(data, size, digest.update)
                digest.digest()


def main(how, path):
    with zipfile.ZipFile(path) as wheel:
        entries = sorted(wheel.infolist(), key=lambda entry: -entry.file_size)
    order = [(one.header_offset, one.compress_size, one.file_size, one.compress_type) for one in entries]
    fork = multiprocessing.get_context("fork")
    turn = fork.Value("q", 0)
    others = [fork.Process(target=work, args=(how, path, order, turn)) for _ in range(os.cpu_count() - 1)]
    for other in others:
        other.start()
    work(how, path, order, turn)
    for other in others:
        other.join()
        if other.exitcode:
            sys.exit("error: a process failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
