"""An emulated build: arm64's own Python and compiler, run by QEMU's user mode, as one builds wheels without a cross compiler.

The system is made of Debian's packages by `crosswheel sysroot add`, in a cache of its own, and is read-only while it builds. The
emulator is registered with the kernel for a user namespace alone, so that programs that the compiler starts are run
by it, too; the machine that measures is not changed. What the build needs of Python is installed by this machine's pip
beforehand: it must be pure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Magic and mask of ELF for arm64, as QEMU's own script for binfmt_misc has them.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
PROGRAMS = ["g++", "gcc", "cpp", "g++-12", "gcc-12", "cpp-12", "binutils", "binutils-aarch64-linux-gnu", "dash", "ninja-build"]
# What builds of Python packages are made of; pure, all of it.
PURE = ["build", "setuptools", "wheel", "setuptools-scm", "cppy", "pybind11", "meson-python", "meson"]

# In the namespaces: the emulator, the system read-only, and the work folder at a path of its own.
INSIDE = r"""
set -e
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' ":crosswheel-bench:M::$MAGIC:$MASK:$QEMU:F" >/proc/sys/fs/binfmt_misc/register
mount --bind "$SYSTEM" "$SYSTEM"
mount -o remount,bind,ro "$SYSTEM"
mount -t tmpfs none "$SYSTEM/mnt"
for name in build proc dev; do mkdir "$SYSTEM/mnt/$name"; done
mount --bind "$WORK" "$SYSTEM/mnt/build"
mount --rbind /proc "$SYSTEM/proc"
mount --rbind /dev "$SYSTEM/dev"
export HOME=/mnt/build TMPDIR=/mnt/build/tmp PYTHONPATH=/mnt/build/pure PYTHONDONTWRITEBYTECODE=1 CC=gcc CXX=g++
export PATH=/mnt/build/pure/bin:/usr/bin:/usr/sbin
exec "$CHROOT" "$SYSTEM" /usr/bin/python3.11 -m build --wheel --no-isolation --skip-dependency-check \
    --outdir /mnt/build/wheels /mnt/build/source
"""


def prepare(package, builds, run):
    """All that is fetched beforehand; returns what builds once."""
    home = builds.folder / "emulated"
    work = home / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    environment = dict(os.environ, XDG_CACHE_HOME=str(home / "cache"))
    crosswheel = builds.options.crosswheel
    for command in (["python", "add", "aarch64"], ["sysroot", "add", "aarch64", *PROGRAMS]):
        subprocess.run([crosswheel, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", "--target", work / "pure", *PURE], check=True)
    for script in (work / "pure/bin").iterdir():
        text = script.read_bytes()
        if text.startswith(b"#!"):
            script.write_bytes(b"#!/usr/bin/python3.11\n" + text.split(b"\n", 1)[1])
    source = fetched(package, builds)
    system = (home / "cache/crosswheel/target/sysroots/aarch64-bookworm").resolve()
    for name in ("mnt", "proc", "dev", "tmp"):
        (system / name).mkdir(exist_ok=True)

    def build():
        for name in ("source", "tmp", "wheels"):
            shutil.rmtree(work / name, ignore_errors=True)
            (work / name).mkdir()
        subprocess.run(["tar", "--no-same-owner", "-xzf", source, "-C", work / "source", "--strip-components=1"], check=True)
        variables = {
            "MAGIC": MAGIC,
            "MASK": MASK,
            "QEMU": shutil.which("qemu-aarch64-static"),
            "SYSTEM": str(system),
            "WORK": str(work),
            "CHROOT": shutil.which("chroot"),
        }
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", INSIDE]
        done = run(command, builds.folder / "emulated.log", env=dict(os.environ, **variables))
        if not list((work / "wheels").glob("*aarch64.whl")):
            sys.exit(f"error: the emulated build of {package} made no wheel; see {builds.folder}/emulated.log")
        return done

    return build


def fetched(package, builds):
    """The source distribution that crosswheel keeps of the package."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crosswheel/sdists"
    name = package.split("==")[0].replace("-", "_").lower()
    found = [path for path in cache.glob(f"*/{name}-*.tar.gz")]
    if not found:
        sys.exit(f"error: no source of {package} is in {cache}: build it natively first")
    return max(found, key=lambda path: path.stat().st_mtime)
