"""Which files of a build are looked at, and their copies.

A file counts if the build made or changed it, and if it is an object, an archive or a library by its first bytes, or
holds an answer of a configure step by its name.
"""

from __future__ import annotations

import fnmatch
import shutil
from pathlib import Path

ELF, ARCHIVE, THIN_ARCHIVE = b"\x7fELF", b"!<arch>\n", b"!<thin>\n"

# Answers of configure steps, by their place below the build's folders.
CONFIGURE = (
    "*.h", "*.hpp", "*.hxx", "*.inc",       # made headers, config.h first of all
    "*config.log", "*config.cache", "*config.status",  # autoconf
    "*CMakeCache.txt", "*CMakeFiles/*/CMake*Compiler.cmake", "*CMakeFiles/*/CMakeSystem.cmake",  # CMake
    "*meson-info/intro-*.json", "*meson-logs/meson-log.txt",  # Meson
    "*build.ninja",
)  # fmt: skip


def is_binary(first: bytes) -> bool:
    """Whether a file that starts with these bytes is an object, an archive or a library."""
    return first.startswith((ELF, ARCHIVE, THIN_ARCHIVE))


def is_configure(place: str) -> bool:
    """Whether a file in this place holds answers of a configure step."""
    return any(fnmatch.fnmatchcase(place, pattern) for pattern in CONFIGURE)


def files(root: Path) -> list[Path]:
    """Every regular file below a folder, sorted; links are somebody else's file."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, by its place."""
    found = {}
    for path in files(root):
        stat = path.stat()
        found[str(path.relative_to(root))] = (stat.st_size, stat.st_mtime_ns)
    return found


def keep(roots: dict[str, Path], before: dict[str, tuple[int, int]], to: Path) -> None:
    """Copies what counts to `to/<root's name>/<place>`; `before` has the stamps of the root `src`."""
    shipped = {(Path(place).name, size) for place, (size, _) in before.items()}
    for name, root in roots.items():
        for path in files(root):
            place = str(path.relative_to(root))
            stat = path.stat()
            if name == "src" and before.get(place) == (stat.st_size, stat.st_mtime_ns):
                continue
            with open(path, "rb") as file:
                wanted = is_binary(file.read(8))
            # A header in the wheel is a product, and a copy of one that the sdist brought says nothing.
            found = name != "wheel" and is_configure(place) and (path.name, stat.st_size) not in shipped
            if wanted or found:
                (to / name / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to / name / place)
