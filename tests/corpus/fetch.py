"""Fetches an sdist as the index lists it, by name and exact version, and unpacks it.

Pip is not asked for the file: `pip download` runs a package's build system for its metadata, which takes minutes.
The index is the one that pip is configured for; its page may be JSON or HTML (PEP 691, PEP 503). Nothing is ever
taken whose digest is not the one that packages.toml pins.
"""

from __future__ import annotations

import hashlib
import html.parser
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
DEFAULT_INDEX = "https://pypi.org/simple"


class Links(html.parser.HTMLParser):
    """The links of an index page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def normal(name: str) -> str:
    """A project's name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_sdist(file_name: str, name: str, version: str) -> bool:
    """Whether a file is this version's sdist."""
    stem, found, rest = file_name.partition(f"-{version}.tar.gz")
    return bool(found) and not rest and normal(stem) == normal(name)


def links(page: bytes, content_type: str, base: str) -> list[str]:
    """Addresses on an index page, made absolute, without fragments."""
    if "json" in content_type:
        hrefs = [file["url"] for file in json.loads(page)["files"]]
    else:
        parser = Links()
        parser.feed(page.decode())
        hrefs = parser.found
    return [urllib.parse.urldefrag(urllib.parse.urljoin(base, href)).url for href in hrefs]


def pip_setting(name: str) -> str | None:
    """What pip is configured for; its environment and files are pip's own business."""
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "get", f"global.{name}"],
                           capture_output=True, text=True, check=False)
    return os.environ.get("PIP_" + name.upper().replace("-", "_")) or asked.stdout.strip() or None


def get(url: str, context: ssl.SSLContext) -> tuple[bytes, str, str]:
    """A page or file: its bytes, its type, and the address it really came from. Tried three times."""
    for rest in (2, 1, 0):
        try:
            request = urllib.request.Request(url, headers={"Accept": ACCEPT})
            with urllib.request.urlopen(request, context=context, timeout=120) as answer:
                return answer.read(), answer.headers.get("Content-Type", ""), answer.url
        except OSError:
            if not rest:
                raise
            time.sleep(3)
    raise AssertionError("unreachable")


def sdist(name: str, version: str, sha256: str, folder: Path) -> Path:
    """The sdist's file in `folder`, fetched unless it is there already."""
    kept = folder / f"{normal(name)}-{version}.tar.gz"
    if kept.exists() and hashlib.sha256(kept.read_bytes()).hexdigest() == sha256:
        return kept
    index = (pip_setting("index-url") or DEFAULT_INDEX).rstrip("/")
    context = ssl.create_default_context(cafile=pip_setting("cert"))
    page, content_type, base = get(f"{index}/{normal(name)}/", context)
    found = [url for url in links(page, content_type, base)
             if is_sdist(urllib.parse.unquote(url.rsplit("/", 1)[-1]), name, version)]
    if not found:
        raise LookupError(f"the index has no sdist of {name} {version}")
    data, _, _ = get(found[0], context)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the sdist of {name} {version} is not the one that is pinned")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
        part.write(data)
    os.rename(part.name, kept)
    return kept


def unpack(archive: Path, folder: Path) -> None:
    """Makes `folder` anew from the archive's one top folder."""
    shutil.rmtree(folder, ignore_errors=True)
    staging = folder.with_name(folder.name + ".unpacking")
    shutil.rmtree(staging, ignore_errors=True)
    with tarfile.open(archive) as tar:
        # Debian 12's Python 3.11.2 does not know the filter yet; the archives are pinned by their digests.
        tar.extractall(staging, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (top,) = staging.iterdir()
    top.rename(folder)
    staging.rmdir()
