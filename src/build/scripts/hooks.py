"""Runs one hook of a PEP 517 build backend in this very process.

usage: hooks.py REQUEST ANSWER

REQUEST is a JSON file: {"backend": "module:object", "backend_path": [...] or null, "hook": name,
"arguments": [...], "default": ..., "umask": number or null}. ANSWER gets {"value": ...} once the hook has returned,
or {"unavailable": message} if the backend itself cannot be imported. A hook that raises leaves its traceback on
stderr, no answer and exit status 1. The working folder is the source tree, as PEP 517 asks.
"""

import json
import os
import sys


def import_backend(spec, folders):
    if folders:
        sys.path[:0] = [os.path.abspath(folder) for folder in folders]
    name, _, attributes = spec.partition(":")
    __import__(name)
    backend = sys.modules[name]
    if folders:
        where = os.path.realpath(getattr(backend, "__file__", None) or "")
        roots = [os.path.join(os.path.realpath(folder), "") for folder in folders]
        if not any(where.startswith(root) for root in roots):
            raise ImportError("%s was not loaded from backend-path but from %s" % (name, where))
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def main(request_file, answer_file):
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)

    def answer(content):
        part = answer_file + ".part"
        with open(part, "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(part, answer_file)

    if request.get("umask") is not None:
        os.umask(request["umask"])
    try:
        backend = import_backend(request["backend"], request.get("backend_path"))
    except (ImportError, AttributeError) as error:
        import traceback

        traceback.print_exc()
        answer({"unavailable": "%s: %s" % (type(error).__name__, error)})
        return 1
    hook = getattr(backend, request["hook"], None)
    if hook is None:
        if "default" not in request:
            answer({"unavailable": "%s has no hook %s" % (request["backend"], request["hook"])})
            return 1
        answer({"value": request["default"]})
        return 0
    answer({"value": hook(*request["arguments"])})
    return 0


if __name__ == "__main__":
    # PEP 517: the source tree is not importable unless backend-path says so, and neither are we.
    if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    sys.exit(main(sys.argv[1], sys.argv[2]))
