"""Downloads files. Nothing that comes is trusted here: the caller holds each against its digest.

usage: download.py LIST

LIST is a JSON file: [{"url", "path", "most"}, ...]; `most` is how many bytes are taken at the most. Each file is written
to `path`. Proxies are those of the environment (http_proxy, https_proxy, no_proxy), as urllib reads them.

A failure ends all: {"url", "message"} as JSON on stdout, and exit status 3.
"""

import concurrent.futures
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

AT_ONCE = 6
TRIES = 3
PATIENCE = 60
PIECE = 1 << 16


class Failed(Exception):
    pass


def once(url, path, most):
    request = urllib.request.Request(url, headers={"User-Agent": "crosswheel"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer, open(path, "wb") as out:
        length = answer.headers.get("Content-Length")
        there = 0
        while True:
            piece = answer.read(PIECE)
            if not piece:
                break
            there += len(piece)
            if there > most:
                raise Failed("it has more than %d bytes" % most)
            out.write(piece)
        if length is not None and length.isdigit() and there < int(length):
            raise OSError("it broke off after %d of %s bytes" % (there, length))


def download(item):
    parts = urllib.parse.urlsplit(item["url"])
    url = urllib.parse.urlunsplit(parts._replace(path=urllib.parse.quote(parts.path, safe="/%+~:@!$&'()*,;=")))
    for left in reversed(range(TRIES)):
        try:
            return once(url, item["path"], item["most"])
        except urllib.error.HTTPError as error:
            # What the server says for good is not asked again.
            if error.code < 500 or not left:
                raise Failed("HTTP %d %s" % (error.code, error.reason))
        except (OSError, ValueError) as error:
            if not left or isinstance(error, ValueError) or parts.scheme == "file":
                raise Failed(str(getattr(error, "reason", error)))
        time.sleep(TRIES - left)


def main():
    with open(sys.argv[1]) as file:
        items = json.load(file)
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    running = {pool.submit(download, item): item for item in items}
    for one in concurrent.futures.as_completed(running):
        try:
            one.result()
        except Failed as error:
            print(json.dumps({"url": running[one]["url"], "message": str(error)}), flush=True)
            pool.shutdown(wait=False, cancel_futures=True)
            sys.exit(3)


main()
