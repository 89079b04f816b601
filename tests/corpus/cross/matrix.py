"""What is built: the packages of packages.toml for the machines of runs.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Package:
    """One package, exactly, and a function of it."""

    name: str
    version: str
    sha256: str
    exercises: str
    call: str
    prints: str
    companions: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Run:
    """A machine with a C library, a compiler, and a Python."""

    name: str
    family: str
    compiler: str
    python: str
    packages: tuple[str, ...]
    debian: str | None = None

    @property
    def machine(self) -> str:
        """As platform tags name it."""
        return self.family.partition("-linux-")[0]

    @property
    def musl(self) -> bool:
        return "-linux-musl" in self.family

    @property
    def tag(self) -> str:
        """The platform tag that wheels of this family have."""
        major, minor = self.family.split(".")[-2:]
        major = major.rpartition("-")[2]
        return f"{'musllinux' if self.musl else 'manylinux'}_{major}_{minor}_{self.machine}"


def load(text: str) -> dict[str, Package]:
    """Packages by name. A setting without its reason is a fault of the file."""
    found = {}
    for name, row in tomllib.loads(text).items():
        lists = {"companions": "with", "imports": "imports", "settings": "settings", "libraries": "libraries"}
        values = {key: tuple(row.pop(theirs, ())) for key, theirs in lists.items()}
        package = Package(name, **row, **values)
        if package.settings and not package.why:
            raise LookupError(f"packages.toml: {name} has settings without a `why`")
        found[name] = package
    return found


def load_runs(text: str, packages: dict[str, Package]) -> dict[str, Run]:
    """Runs by name."""
    found = {}
    for name, row in tomllib.loads(text).items():
        wanted = row.pop("packages")
        wanted = tuple(packages if wanted == "all" else wanted)
        if unknown := set(wanted) - set(packages):
            raise LookupError(f"runs.toml: {name}: no such package: {', '.join(sorted(unknown))}")
        found[name] = Run(name, packages=in_order(wanted, packages), **row)
    return found


def in_order(names: tuple[str, ...], packages: dict[str, Package]) -> tuple[str, ...]:
    """Names with each behind those that it needs where it runs."""
    ordered: list[str] = []

    def put(name: str) -> None:
        if name not in ordered:
            for other in packages[name].companions:
                if other in names:
                    put(other)
            ordered.append(name)

    for name in names:
        put(name)
    return tuple(ordered)


def chosen(runs: str | None, packages: str | None) -> list[tuple[Run, Package]]:
    """The cases that are asked for, by commas; all of them without."""
    every = load((HERE / "packages.toml").read_text())
    known = load_runs((HERE / "runs.toml").read_text(), every)
    wanted_runs = runs.split(",") if runs else list(known)
    wanted = packages.split(",") if packages else list(every)
    for what, names, among in (("run", wanted_runs, known), ("package", wanted, every)):
        if unknown := [name for name in names if name not in among]:
            raise LookupError(f"no such {what}: {', '.join(unknown)}; there are: {', '.join(among)}")
    return [(known[run], every[name]) for run in wanted_runs for name in known[run].packages if name in wanted]
