"""Stands still inside of a build while its calls are measured from outside.

Run by whatever sets a build's environment up (a wrapper's own launcher, a build backend): writes that environment
to a file, and ends when the other end of a pipe is closed.
"""

import json
import os


def hold(environment, pipe):
    part = environment + ".part"
    with open(part, "w") as file:
        json.dump({"env": dict(os.environ), "parents": [os.getppid()]}, file)
    os.rename(part, environment)
    with open(pipe) as held:
        held.read()


if __name__ == "__main__":
    import sys

    hold(*sys.argv[1:])
