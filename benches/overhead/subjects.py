"""Sets up what is measured: each wrapper in front of one and the same real compiler.

What is not there is not an error: it is named, with the reason, and left out of the table.
"""

import json
import os
import shutil
import subprocess
import sys

from held import HERE, Held, NotHeld, package, stand_still
from measure import Subject


# The plain call of the family x86-64-v3.
LEVEL = "plain, x86-64-v3"


class Absent(Exception):
    """Why a subject is not measured."""


class Bench:
    """One real compiler, and everything that can stand in front of it."""

    def __init__(self, folder, real, crosswheel, options):
        self.folder, self.real, self.crosswheel, self.options = folder, real, crosswheel, options
        self.held = []
        # The compiler first, under its usual name, for those that look along PATH.
        self.bin = os.path.join(folder, "bin")
        os.makedirs(self.bin)
        os.symlink(real, os.path.join(self.bin, "gcc"))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("SPACK_", "CCACHE_", "CROSSWHEEL"))}
        self.env["PATH"] = self.bin + ":" + self.env["PATH"]

    def close(self):
        for held in self.held:
            held.release()

    def subjects(self, args, whole):
        """All that are there, and why the others are not. `whole`: the compiler really compiles."""
        makers = [self.plain, self.plain_level, self.exec_musl, self.spawn_musl, self.exec_glibc]
        makers += [self.shims, self.shim_in_build, self.spack, self.pywasmcross, self.bear]
        if whole:
            makers.append(self.ccache)
        found, absent = [], []
        for maker in makers:
            try:
                found.extend(maker(args))
            except (Absent, NotHeld) as why:
                absent.append((maker.__name__.replace("_", " "), str(why)))
        return found, absent

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def hold(self, name, command, env=None):
        held = Held(self.path(name), command, env or self.env)
        self.held.append(held)
        return held

    # Subjects. Each gives a list.

    def plain(self, args):
        return [Subject("plain", [self.real, *args], self.env)]

    def plain_level(self, args):
        # A level costs the compiler time of its own, which is not the shim's.
        return [Subject(LEVEL, [self.real, "-march=x86-64-v3", *args], self.env)]

    def exec_musl(self, args):
        program = compile_c("exec.c", self.path("exec-musl"), {"REAL": self.real}, musl=True)
        return [Subject("exec, static musl C", [program, *args], self.env)]

    def spawn_musl(self, args):
        program = compile_c("spawn.c", self.path("spawn-musl"), {"REAL": self.real}, musl=True)
        return [Subject("spawn and wait, static musl C", [program, *args], self.env)]

    def exec_glibc(self, args):
        program = compile_c("exec.c", self.path("exec-glibc"), {"REAL": self.real}, musl=False)
        return [Subject("exec, static glibc C", [program, *args], self.env)]

    def shims(self, args):
        if not os.path.exists(self.crosswheel):
            raise Absent(f"{self.crosswheel} is not there: make build")
        still = stand_still(sys.executable)
        found = []
        for name, family, more in [
            ("crosswheel, host", "host", []),
            ("crosswheel, x86-64-v3", "x86-64-v3", []),
            ("crosswheel, host, no record", "host", ["--no-log"]),
        ]:
            folder = name.replace(", ", "-").replace(" ", "-")

            def run(held, folder=folder, family=family, more=more):
                options = ["--family", family, "--dir", self.path(folder, "session"), *more, "--quiet"]
                return [self.crosswheel, "run", *options, "--", *still(held)]

            found.append(self.shim(name, self.hold(folder, run), args))
        return found

    def shim_in_build(self, args):
        def build(held):
            source = package(self.path("crosswheel-build", "source"), held)
            options = ["--family", "x86-64-v3", "--out", self.path("crosswheel-build", "out"), "--no-isolation"]
            return [self.crosswheel, "build", source, *options, "--python", sys.executable]

        held = self.hold("crosswheel-build", build)
        return [self.shim("crosswheel, x86-64-v3, reproducible", held, args)]

    def shim(self, name, held, args):
        shim = shutil.which("gcc", path=held.env["PATH"])
        plan = os.path.join(os.path.dirname(os.path.dirname(shim)), "plan")
        if not os.path.isfile(plan):
            raise Absent(f"{shim} is no shim")
        return Subject(name, [shim, *args], held.env, LEVEL if "x86-64-v3" in name else "plain")

    def spack(self, args):
        script = self.options.spack
        if not script:
            raise Absent("no script: SPACK_CC_SCRIPT names Spack's compiler wrapper")
        folder = self.path("spack", "bin")
        os.makedirs(folder)
        wrapper = os.path.join(folder, "gcc")
        shutil.copy(script, wrapper)
        os.chmod(wrapper, 0o755)
        # As in the build of a package without dependencies: the least work that the wrapper can have.
        settings = {
            "SPACK_CC": self.real,
            "SPACK_CC_LINKER_ARG": "-Wl,",
            "SPACK_CC_RPATH_ARG": "-Wl,-rpath,",
            "SPACK_COMPILER_WRAPPER_PATH": folder,
            "SPACK_DEBUG_LOG_DIR": self.path("spack"),
            "SPACK_DEBUG_LOG_ID": "tiny",
            "SPACK_DTAGS_TO_ADD": "--enable-new-dtags",
            "SPACK_DTAGS_TO_STRIP": "--disable-new-dtags",
            "SPACK_ENV_PATH": folder,
            "SPACK_MANAGED_DIRS": "/opt/spack/*",
            "SPACK_SHORT_SPEC": "tiny@1.0%gcc arch=linux-debian12-x86_64",
            "SPACK_SYSTEM_DIRS": "/usr/*|/lib/*",
            "SPACK_TARGET_ARGS_CC": "-march=x86-64-v3 -mtune=generic",
        }
        return [Subject("Spack's shell wrapper", [wrapper, *args], {**self.env, **settings})]

    def pywasmcross(self, args):
        python = self.options.pyodide_python
        if not python:
            raise Absent("PYODIDE_PYTHON names a Python that has pyodide-build")
        folder, scripts = self.path("pywasmcross", "symlinks"), self.path("pywasmcross", "scripts")
        os.makedirs(folder)
        os.makedirs(scripts)
        # GCC refuses one of the warnings that the wrapper asks emcc for.
        dropped = {"REAL": self.real, "DROP": "-Werror=mismatched-parameter-types"}
        compile_c("exec.c", os.path.join(scripts, "emcc"), dropped, musl=True)
        path = os.path.dirname(python) + ":" + self.env["PATH"]
        settings = subprocess.run(
            [python, os.path.join(HERE, "pywasmcross_settings.py"), folder, path], capture_output=True, text=True
        )
        if settings.returncode != 0:
            raise Absent(f"pyodide-build is not as expected: {settings.stderr.strip().splitlines()[-1]}")
        more = {"PATH": folder + ":" + path, "BUILD_ENV_SCRIPTS_DIR": scripts, **json.loads(settings.stdout)}
        return [Subject("pywasmcross", [os.path.join(folder, "gcc"), *args], {**self.env, **more})]

    def bear(self, args):
        bear = needs("bear")
        still = stand_still(sys.executable)
        found = []
        for name, mode in [("Bear, wrapper", "--force-wrapper"), ("Bear, preload", "--force-preload")]:
            folder = name.replace(", ", "-").lower()
            held = self.hold(folder, lambda held, mode=mode: [bear, mode, "--", *still(held)])
            if mode == "--force-wrapper":
                wrapper = shutil.which("gcc", path=held.env["PATH"])
                argv, plain = [wrapper, *args], "plain"
            else:
                # The library sees the exec of a program that has it: /usr/bin/env stands for make.
                argv, plain = ["/usr/bin/env", self.real, *args], "env"
                found.append(Subject("env", argv, self.env))
            servers = [held.process.pid, *held.parents]
            found.append(Subject(name, argv, held.env, plain, servers))
        return found

    def ccache(self, args):
        ccache = needs("ccache")
        env = {**self.env, "CCACHE_DIR": self.path("ccache")}
        return [
            Subject("ccache, direct hit", [ccache, self.real, *args], env),
            Subject("ccache, miss", [ccache, self.real, *args], {**env, "CCACHE_RECACHE": "1"}),
        ]


def needs(program):
    found = shutil.which(program)
    if not found:
        raise Absent(f"{program} is not installed")
    return os.path.realpath(found)


def compile_c(source, program, definitions, musl):
    """A static C program; gives its path."""
    compiler = shutil.which("musl-gcc" if musl else "gcc")
    if not compiler:
        raise Absent("musl-gcc is not installed (apt: musl-tools)")
    defined = [f'-D{name}="{value}"' for name, value in definitions.items()]
    subprocess.run([compiler, "-static", "-O2", "-s", *defined, os.path.join(HERE, source), "-o", program], check=True)
    return program
