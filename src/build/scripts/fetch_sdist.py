"""Fetches one source distribution with pip's own session and finder, and builds nothing.

pip has no command for this: `pip download --no-binary` runs the package's build backend for its metadata,
which takes minutes for some. Everything that finds and authenticates (configuration files, environment, indexes,
certificates, proxies, keyring, netrc) is pip's own.

usage: fetch_sdist.py REQUIREMENT FOLDER CACHE     (CACHE may be empty: no cache)

Prints one JSON object on stdout: {"path", "name", "version", "filename", "url", "sha256", "verified", "cached",
"yanked"}, or {"error", "message", ...} and exit status 3. pip's own messages go to stderr.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile

ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar")
OLDEST = (22, 3)


def say(answer):
    sys.__stdout__.write(json.dumps(answer) + "\n")
    sys.__stdout__.flush()


def fail(error, message, **more):
    say(dict(more, error=error, message=message))
    sys.exit(3)


def version_of(pip):
    numbers = []
    for part in pip.__version__.split(".")[:2]:
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def digest(path, name="sha256"):
    found = hashlib.new(name)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def hashes_of(link):
    """The hashes that the index names for a file; the way to ask moved between pip's versions."""
    known = dict(getattr(link, "_hashes", None) or {})
    if link.hash_name and link.hash:
        known.setdefault(link.hash_name, link.hash)
    return {name: value.lower() for name, value in known.items() if name in hashlib.algorithms_available}


def check(path, hashes, filename):
    """Holds a file against every hash that the index names."""
    for name in sorted(hashes):
        found = digest(path, name)
        if found != hashes[name]:
            fail(
                "hash",
                "%s from the index has %s %s, but the index says %s" % (filename, name, found, hashes[name]),
            )


def best(command, options, session, requirement):
    from pip._internal.cli.cmdoptions import make_target_python

    finder = command._build_package_finder(
        options=options, session=session, target_python=make_target_python(options)
    )
    found = finder.find_best_candidate(requirement.name, requirement.specifier).best_candidate
    return found, finder


def why_not(command, session, options, requirement, finder):
    """What there is in place of the source distribution that was asked for."""
    from pip._internal.models.format_control import FormatControl

    sources = sorted({str(c.version) for c in finder.find_all_candidates(requirement.name)})
    options.format_control = FormatControl(set(), set())
    found, wider = best(command, options, session, requirement)
    if found is not None:
        fail(
            "no-sdist",
            "%s %s has wheels on the index but no source distribution" % (requirement.name, found.version),
            sources=sources,
        )
    everything = wider.find_all_candidates(requirement.name)
    if not everything:
        fail("not-found", "no index that pip is configured for knows %s" % requirement.name)
    newest = sorted({c.version for c in everything})[-8:]
    fail(
        "no-version",
        "no version of %s fits %s for Python %d.%d"
        % (requirement.name, requirement.specifier or "it", sys.version_info[0], sys.version_info[1]),
        available=[str(version) for version in newest],
    )


def download(link, session, folder):
    """Brings the file, under a name that is not yet its own."""
    handle, part = tempfile.mkstemp(prefix=".sdist-", dir=folder)
    with os.fdopen(handle, "wb") as out:
        if link.is_file:
            with open(link.file_path, "rb") as file:
                shutil.copyfileobj(file, out)
        else:
            from pip._internal.network.utils import HEADERS, response_chunks

            answer = session.get(link.url_without_fragment, headers=HEADERS, stream=True)
            answer.raise_for_status()
            for chunk in response_chunks(answer):
                out.write(chunk)
    return part


def main(text, folder, cache):
    try:
        import pip
    except ImportError:
        fail("no-pip", "%s has no pip" % sys.executable)
    if version_of(pip) < OLDEST:
        fail("old-pip", "pip %s of %s is older than %d.%d" % ((pip.__version__, sys.executable) + OLDEST))
    try:
        from pip._internal.cli import cmdoptions
        from pip._internal.commands import create_command
        from pip._internal.utils.misc import redact_auth_from_url
        from pip._internal.utils.logging import setup_logging
        from pip._internal.utils.temp_dir import global_tempdir_manager, tempdir_registry
        from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    except ImportError as error:
        fail("new-pip", "pip %s of %s is not laid out as expected: %s" % (pip.__version__, sys.executable, error))
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        fail("requirement", "%s is not a requirement: %s" % (text, str(error).splitlines()[0]))

    command = create_command("download")
    with command.main_context(), global_tempdir_manager(), tempdir_registry():
        # `:all:` on the command line wins over whatever PIP_ONLY_BINARY or pip.conf say.
        options, _ = command.parse_args(["--no-binary", ":all:", "--no-deps", "--disable-pip-version-check"])
        # Messages belong on stderr: stdout is ours.
        sys.stdout = sys.stderr
        setup_logging(verbosity=0, no_color=True, user_log_file=None)
        # Release controls (`--pre`, `--all-releases` in configuration) are settled by a check since pip 26.
        settle = getattr(cmdoptions, "check_release_control_exclusive", None)
        if settle is not None:
            settle(options)
        session = command.get_default_session(options)
        session.auth.prompting = False
        found, finder = best(command, options, session, requirement)
        if found is None or not found.link.filename.endswith(ARCHIVES):
            why_not(command, session, options, requirement, finder)
        link = found.link
        filename = os.path.basename(link.filename)
        hashes = hashes_of(link)
        answer = {
            "name": requirement.name,
            "version": str(found.version),
            "filename": filename,
            "url": redact_auth_from_url(link.url_without_fragment),
            "verified": sorted(hashes),
            "yanked": link.yanked_reason,
            "cached": False,
        }
        path = os.path.join(folder, filename)
        named = hashes.get("sha256")
        kept = os.path.join(cache, named, filename) if cache and named else None
        if kept and os.path.isfile(kept) and digest(kept) == named:
            shutil.copyfile(kept, path)
            say(dict(answer, path=path, sha256=named, cached=True))
            return
        part = download(link, session, folder)
        check(part, hashes, filename)
        os.replace(part, path)
        if kept:
            store(path, kept)
        say(dict(answer, path=path, sha256=digest(path)))


def store(path, kept):
    """Puts a copy into the cache, whole or not at all; a cache that cannot be written is no failure."""
    try:
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".part-", dir=os.path.dirname(kept))
        os.close(handle)
        shutil.copyfile(path, part)
        os.chmod(part, 0o644)
        os.replace(part, kept)
    except OSError as error:
        sys.stderr.write("warning: not cached: %s\n" % error)


if __name__ == "__main__":
    # The folder of this file must not be where modules are looked for.
    if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    try:
        main(*sys.argv[1:4])
    except SystemExit:
        raise
    except BaseException as error:  # pip raises whatever its libraries raise; each is one line for the user.
        fail("failed", "%s: %s" % (type(error).__name__, error))
