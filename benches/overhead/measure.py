"""Runs commands in turn and adds up what each of them used.

CPU time is that of the whole tree of a command (`wait4`: the command and all that it waited for), user and system
together. The kernel counts it in nanoseconds and reports microseconds, so a call of 100 microseconds is seen.
"""

import glob
import os
import random
import statistics
import time
from dataclasses import dataclass, field


@dataclass
class Subject:
    """One way to call a compiler."""

    name: str
    argv: list[str]
    env: dict[str, str]
    # The subject without the wrapper: what is subtracted.
    plain: str = "plain"
    # Processes outside of the tree that work for it (a server); their time counts too.
    servers: list[int] = field(default_factory=list)


class Failed(Exception):
    """A subject that did not do its work."""


@dataclass
class Figures:
    """Microseconds of CPU and of wall time, one a round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def threads(pid):
    """CPU time of a process that is not our child, microseconds."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1000


def once(subject, output):
    """One call: CPU and wall time."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]
    before = sum(map(threads, subject.servers))
    start = time.perf_counter_ns()
    pid = os.posix_spawn(subject.argv[0], subject.argv, subject.env, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = (time.perf_counter_ns() - start) / 1000
    cpu = (usage.ru_utime + usage.ru_stime) * 1e6
    cpu += sum(map(threads, subject.servers)) - before
    if status != 0:
        raise Failed(f"{subject.name} ended with {os.waitstatus_to_exitcode(status)}: {' '.join(subject.argv)}")
    return cpu, wall


def others_run():
    """Whether a process other than this one wants a CPU just now."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].split("/")[0]) > 1


def calm(patience):
    """Waits until nobody else runs, at most so many seconds; whether it is so."""
    end = time.monotonic() + patience
    while True:
        if not any(others_run() or time.sleep(0.01) for _ in range(5)):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def interleaved(subjects, rounds, made=None, warm_up=5, patience=0):
    """Every subject once a round, each round in another order; and how many rounds began while nobody else ran.

    `made` is the file that every call must make.
    """
    calm_rounds = 0
    order = random.Random(1)
    figures = {subject.name: Figures() for subject in subjects}
    output = os.open("output.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    for number in range(-warm_up, rounds):
        turn = list(subjects)
        order.shuffle(turn)
        is_calm = calm(patience)
        calm_rounds += is_calm and number >= 0
        for subject in turn:
            if made and os.path.exists(made):
                os.unlink(made)
            cpu, wall = once(subject, output)
            if made and not os.path.exists(made):
                raise Failed(f"{subject.name} did not make {made}")
            if number >= 0:
                figures[subject.name].cpu.append(cpu)
                figures[subject.name].wall.append(wall)
    os.close(output)
    return figures, calm_rounds


def median(values):
    return statistics.median(values)


def p10(values):
    return statistics.quantiles(values, n=10, method="inclusive")[0]


def p90(values):
    return statistics.quantiles(values, n=10, method="inclusive")[-1]
