"""What is built: the packages of packages.toml, each with a Python, and the builds that are made of each."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEBIAN_PYTHON = "/usr/bin/python3"
# Three warnings that real packages run into, in C and in C++, one of them known to C alone.
ADDED = "add=implicit-function-declaration,return-type,unused-variable"

WHEEL, EDITABLE = "build_wheel", "build_editable"


@dataclass(frozen=True)
class Differs:
    """An answer that is to differ between families, and the argument for it."""

    answer: str  # a regular expression for all of a difference's text
    why: str


@dataclass(frozen=True)
class Package:
    """One package, exactly."""

    name: str
    version: str
    sha256: str
    exercises: str
    backend: str
    requires: tuple[str, ...]
    apt: tuple[str, ...] = ()
    debian: bool = False
    long: bool = field(default=False, repr=False)
    differs: tuple[Differs, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Case:
    """A package, a Python that builds it, and the folder where all of its builds happen."""

    package: Package
    python: str
    folder: Path = field(compare=False)

    @property
    def label(self) -> str:
        return self.folder.name


@dataclass(frozen=True)
class Build:
    """One build of a case: plain, or in a session of crosswheel."""

    name: str
    options: tuple[str, ...] = ()
    shim: bool = True
    trace: bool = False
    configure: bool = field(default=False, repr=False)

    def hook(self, package: Package) -> str:
        """What the package's backend is asked for (PEP 517, PEP 660).

        An editable wheel by Meson holds no product, so that a dry run of ninja is enough for it.
        """
        return EDITABLE if self.configure and package.long else WHEEL


# The first two say what is reproducible at all; the second is made only where it matters. Traced builds can be held
# against what the kernel saw. Where only answers of configure steps count, a long build ends after these.
BUILDS = {
    build.name: build
    for build in (
        Build("plain-1", shim=False),
        Build("plain-2", shim=False),
        Build("host", ("--family", "host"), trace=True),
        Build("add", ("--family", "host", "--werror", ADDED), configure=True),
        Build("drop", ("--family", "host", "--werror", "drop"), configure=True),
        Build("v3", ("--family", "x86-64-v3"), trace=True),
    )
}

# The builds that each check looks at.
CHECKS = {
    "transparency": ("plain-1", "host"),
    "policy": ("host", "add", "drop"),
    "level": ("host", "v3"),
}


def packages() -> list[Package]:
    """All packages, in the order of the file."""
    with open(HERE / "packages.toml", "rb") as file:
        table = tomllib.load(file)
    return [package(name, row) for name, row in table.items()]


def package(name: str, row: dict) -> Package:
    """A package by its row of the file."""
    differs = tuple(Differs(**one) for one in row.pop("differs", ()))
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Package(name, differs=differs, **lists)


def cases(work: Path, wanted: list[str] | None) -> list[Case]:
    """The cases of the wanted packages; `name@here` and `name@debian` ask for the one Python alone."""
    every = {}
    for package in packages():
        every[f"{package.name}@here"] = Case(package, sys.executable, work / package.name)
        if package.debian:
            every[f"{package.name}@debian"] = Case(package, DEBIAN_PYTHON, work / f"{package.name}@debian")
    if wanted is None:
        return list(every.values())
    unknown = set(wanted) - set(every) - {case.package.name for case in every.values()}
    if unknown:
        raise LookupError(f"no such package in packages.toml: {', '.join(sorted(unknown))}")
    return [case for name, case in every.items() if name in wanted or case.package.name in wanted]


def builds(checks: list[str]) -> list[Build]:
    """The builds that some checks need, each once, in the order of the table."""
    names = {name for check in checks for name in CHECKS[check]}
    return [build for name, build in BUILDS.items() if name in names]
