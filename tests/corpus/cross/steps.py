"""One package for one machine: built, held against other tools, and called where it is meant to run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import oracle
from matrix import HERE, Package, Run

PATCHES = HERE.parent.parent.parent / "patches"
# An hour for numpy on a machine that does other things, too; what runs under an emulator is small.
BUILD_SECONDS, TEST_SECONDS = 3600, 600
SHOWN = 600  # characters of another program's words in a fault

# What the second of two builds has that the first has not: another day, folder, home, zone and rights of files.
ANOTHER_DAY = ("faketime", "-f", "+2d")


@dataclass
class Setting:
    """What all cases share."""

    crosswheel: Path
    tools: Path
    work: Path
    pythons: dict[str, Path]
    twice: bool
    offline: bool


@dataclass
class Case:
    """A package and a run, with the wheels of the run that are there already."""

    run: Run
    package: Package
    wheels: dict[str, Path]
    setting: Setting
    result: dict = field(default_factory=lambda: {"faults": [], "steps": {}})

    @property
    def folder(self) -> Path:
        return self.setting.work / self.run.name / self.package.name

    def fault(self, text: str) -> None:
        self.result["faults"].append(text)

    def step(self, name: str, command: list, limit: int, *, cwd: Path, **more: str) -> tuple[int, str]:
        """Runs a command with its time taken, CPU seconds with those of all its children; status and output."""
        log = self.folder / f"{name}.log"
        # Builds are not to depend on who cleans the system's folder of temporary files.
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        begin = time.monotonic()
        with open(log, "wb") as errors, open(self.folder / f"{name}.out", "w+b") as out:
            # timeout(1) ends its whole group, and its own CPU time is nothing.
            child = subprocess.Popen(
                ["timeout", "--kill-after=10", str(limit), *map(str, command)],
                cwd=cwd, env={**os.environ, "TMPDIR": str(temporary), **more}, stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            text = out.read().decode(errors="replace")
        cpu = usage.ru_utime + usage.ru_stime
        self.result["steps"][name] = {"wall": round(time.monotonic() - begin, 1), "cpu": round(cpu, 1)}
        return child.returncode, text

    def failed(self, name: str, status: int) -> None:
        """A fault with the last words of a step."""
        said = (self.folder / f"{name}.log").read_text(errors="replace").strip() or (
            (self.folder / f"{name}.out").read_text(errors="replace").strip()
        )
        self.fault(f"{name}: exit status {status}: {said[-SHOWN:]}")


def check(case: Case) -> dict:
    """Does all steps of a case, until one leaves nothing to go on with."""
    shutil.rmtree(case.folder, ignore_errors=True)
    case.folder.mkdir(parents=True)
    if (wheel := build(case, "build", case.folder / "dist", case.folder)) is None:
        return case.result
    case.result |= {"wheel": str(wheel), "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    judge(case, wheel)
    if case.run.debian:
        call(case, wheel)
    if case.setting.twice:
        again(case, wheel)
    return case.result


def build(case: Case, name: str, out: Path, cwd: Path, before: tuple[str, ...] = (), **more: str) -> Path | None:
    """`crosswheel build`; the wheel, if there is one without a fault."""
    package, run, setting = case.package, case.run, case.setting
    command = [*before, setting.crosswheel, "build", f"{package.name}=={package.version}", "--json", "--out", out]
    command += ["--family", run.family, "--compiler", run.compiler, "--python", setting.pythons[run.python]]
    command += [word for one in package.settings for word in ("--config-setting", one)]
    if package.libraries and run.debian:
        command += ["--libraries", ",".join(package.libraries), "--debian", run.debian]
    command += ["--patches", PATCHES] + ["--offline"] * setting.offline
    status, text = case.step(name, command, BUILD_SECONDS, cwd=cwd, **more)
    if status:
        case.failed(name, status)
        return None
    report = json.loads(text)
    [family] = report["families"]
    if report["sha256"] != package.sha256:
        case.fault(f"{name}: the sdist has the digest {report['sha256']}")
    case.result["warnings"] = family["warnings"]
    return Path(family["wheel"]["path"])


def judge(case: Case, wheel: Path) -> None:
    """Tag, machine and rules, by our own verbs and by others."""
    tag = wheel.stem.rsplit("-", 1)[1]
    if tag != case.run.tag:
        case.fault(f"its tag is {tag}, and {case.run.tag} was asked for")
    if not wheel.name.split("-")[2] == f"cp{case.run.python.replace('.', '')}":
        case.result["stable_abi"] = wheel.name.split("-")[3]
    for fault in oracle.wrong_machines(wheel, case.run.machine):
        case.fault(fault)
    status, text = case.step("verify", [case.setting.crosswheel, "wheel", "verify", "--json", wheel], 60, cwd=case.folder)
    if status:
        case.fault(f"verify: {text[-SHOWN:]}")
    told = oracle.auditwheel(case.setting.tools, wheel)
    case.result["auditwheel"] = told.get("overall_tag", told.get("error"))
    if why := oracle.disagrees(told, tag):
        case.fault(why)


def call(case: Case, wheel: Path) -> None:
    """Imports all modules on the target, then calls the function."""
    package, run = case.package, case.run
    command = [case.setting.crosswheel, "test", wheel, "--family", run.family, "--debian", run.debian]
    command += [word for name in package.companions if name in case.wheels for word in ("--with", case.wheels[name])]
    case.result["companions"] = {name: "ours" if name in case.wheels else "of the index" for name in package.companions}
    imports = [word for name in package.imports for word in ("--import", name)]
    status, _ = case.step("import", [*command, *imports], TEST_SECONDS, cwd=case.folder)
    if status:
        case.failed("import", status)
        return
    status, text = case.step("call", [*command, "--", "python", "-c", package.call], TEST_SECONDS, cwd=case.folder)
    if status:
        case.failed("call", status)
    elif text.strip() != package.prints.strip():
        case.fault(f"call: it printed {text.strip()!r}, and {package.prints.strip()!r} is right")


def again(case: Case, first: Path) -> None:
    """The same wheel on another day, in another folder, with another home: the same bytes."""
    folder = case.folder / "again" / "a-folder-with-a-longer-name"
    caches = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    configuration = os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    other = {"HOME": "home", "TMPDIR": "temporary"}
    for name in other.values():
        (folder / name).mkdir(parents=True)
    second = build(
        case, "again", folder / "wheels", folder, ("env", "--chdir", folder, "sh", "-c", 'umask 077; exec "$@"', "sh", *ANOTHER_DAY),
        XDG_CACHE_HOME=caches, XDG_CONFIG_HOME=configuration, TZ="Pacific/Auckland", LC_ALL="C", NO_FAKE_STAT="1",
        **{variable: str(folder / name) for variable, name in other.items()},
    )
    if second is None:
        return
    same = first.read_bytes() == second.read_bytes()
    case.result["same_bytes"] = same
    if not same:
        diff = [case.setting.crosswheel, "wheel", "diff", first, second]
        told = subprocess.run(diff, capture_output=True, text=True, check=False).stdout
        case.fault(f"again: other bytes: {told[:SHOWN]}")
