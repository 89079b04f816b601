"""Makes one build of a case, and keeps what the checks look at.

Every build of a case happens in the same folder, which is made anew, with the same environment, so that nothing but
the shim can make a difference. What is kept of a build, in `<case>/kept/<build>/`:

    result.json     the command's exit status, its time, and what the build was made of
    build.log       what it printed
    tree/           objects, archives, libraries and the answers of configure, by their place in the build
    record.jsonl    the record of the shim
    strace.txt      what the kernel saw
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import zipfile
from pathlib import Path

import fetch
import prepare
import tree
from cases import HERE, WHEEL, Build, Case

# A build that hangs is a failure, but numpy under a tracer may take its time.
PATIENCE_SECONDS = 3600
TOO_LONG = 124  # the exit status of such a build, as timeout(1) has it


def settings(case: Case, build: Build, jobs: int) -> dict[str, object]:
    """PEP 517 settings by which the backend's intermediate files stay; those of setuptools stay in the source."""
    folder = str(case.folder / "build")
    match case.package.backend:
        case "setuptools":
            return {}
        case "scikit-build":
            return {"build-dir": folder}
        case "meson":
            dry = build.hook(case.package) != WHEEL
            return {"build-dir": folder, "compile-args": ["-n"] if dry else [f"-j{jobs}"]}
        case other:
            raise LookupError(f"packages.toml: {case.package.name}: no backend is called `{other}`")


def variables(case: Case, programs: Path, jobs: int) -> dict[str, str]:
    """The environment of every build of a case; nothing of the caller's but how to reach the system."""
    return {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(case.folder / "home"),
        "TMPDIR": str(case.folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "MAKEFLAGS": f"-j{jobs}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs),
        "MAX_CONCURRENCY": str(jobs),
        "SCCACHE_SERVER_PORT": str(free_port()),  # a server of this build's own
    }


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def key(case: Case, build: Build, crosswheel: Path | None) -> str:
    """What a build was made of; a kept build with the same key need not be made again."""
    shim = hashlib.sha256(crosswheel.read_bytes()).hexdigest() if build.shim and crosswheel else ""
    part = (build.hook(case.package),) if build.hook(case.package) != WHEEL else ()
    return repr((case.package, case.python, build, shim, *part))


def make(case: Case, build: Build, crosswheel: Path | None, jobs: int) -> dict[str, object]:
    """Makes a build unless it is kept already, and returns its result."""
    kept = case.folder / "kept" / build.name
    wanted = key(case, build, crosswheel)
    try:
        result = json.loads((kept / "result.json").read_text())
        if result["key"] == wanted and result["exit"] != TOO_LONG:
            return result
    except (OSError, ValueError, KeyError):
        pass  # not made yet, or made in part

    case.folder.mkdir(parents=True, exist_ok=True)
    programs = prepare.environment(case)
    archive = fetch.sdist(case.package.name, case.package.version, case.package.sha256, case.folder.parent / "sdist")
    source = case.folder / "src"
    for name in ("build", "home", "tmp", "out", "session"):
        shutil.rmtree(case.folder / name, ignore_errors=True)
        if name in ("home", "tmp", "out"):
            (case.folder / name).mkdir()
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    fetch.unpack(archive, source)
    before = tree.stamps(source)

    command = command_of(case, build, programs, crosswheel, kept, jobs)
    start = time.monotonic()
    with open(kept / "build.log", "wb") as log:
        exit_status = run(command, source, variables(case, programs, jobs), log)
    seconds = time.monotonic() - start

    for wheel in sorted((case.folder / "out").glob("*.whl")):
        with zipfile.ZipFile(wheel) as file:
            file.extractall(case.folder / "out" / "wheel")
        wheel.unlink()
    roots = {"src": source, "build": case.folder / "build", "wheel": case.folder / "out" / "wheel"}
    tree.keep(roots, before, kept / "tree")
    if build.shim:
        shutil.move(case.folder / "session" / "record.jsonl", kept / "record.jsonl")
    result = {"key": wanted, "exit": exit_status, "seconds": round(seconds, 1)}
    (kept / "result.json").write_text(json.dumps(result, indent=1))
    return result


def command_of(case: Case, build: Build, programs: Path, crosswheel: Path | None, kept: Path, jobs: int) -> list[str]:
    """The command line of a build."""
    command = [str(programs / "python"), str(HERE / "backend.py"), str(case.folder / "out"),
               json.dumps(settings(case, build, jobs)), build.hook(case.package)]
    if build.shim:
        if crosswheel is None:
            raise LookupError(f"the build `{build.name}` needs --crosswheel")
        session = str(case.folder / "session")
        command = [str(crosswheel.resolve()), "run", *build.options, "--dir", session, "--", *command]
    if build.trace:
        # Long enough for the longest argument that Linux takes, so that no argument is cut.
        command = ["strace", "--follow-forks", "--seccomp-bpf", "--quiet=attach,personality", "--signal=none",
                   "--trace=execve", "--string-limit=200000", f"--output={kept / 'strace.txt'}", *command]
    return command


def run(command: list[str], folder: Path, environment: dict[str, str], log) -> int:
    """Runs a command; its exit status, or TOO_LONG."""
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                          stderr=subprocess.STDOUT, start_new_session=True) as process:
        try:
            return process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return TOO_LONG
