"""Headless Chromium, driven through chromedriver (W3C WebDriver) with nothing but the standard library."""

import base64
import contextlib
import json
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window."""

    def __init__(self, base, session):
        self.base = f"{base}/session/{session}"

    def _call(self, method, path, body=None):
        return call(method, self.base + path, body)

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def run(self, script, *args):
        """Runs the body of a function in the page and returns what it returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        found = self._call("POST", "/elements", {"using": "css selector", "value": css})
        assert found, f"nothing is {css}"
        return found[0][ELEMENT]

    def click(self, css):
        self._call("POST", f"/element/{self.find(css)}/click", {})

    def type(self, css, text):
        self._call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def text(self, css):
        return self._call("GET", f"/element/{self.find(css)}/text")

    def texts(self, css):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", css)

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._call("GET", "/screenshot")))

    def wait(self, script, *args, seconds=20):
        """Waits until a script returns something true, and returns that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script, *args)
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"it never came true: {script}")

    def size(self, width, height):
        """Shows the page as in a window of this size, whatever the least is that a window may have."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})

    def errors(self):
        """What the page's console complains of."""
        log = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


def call(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    # A proxy that is set for this machine is not for a program on it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.read().decode()[:600]}") from None


@contextlib.contextmanager
def browser(dark=False, size=(1440, 900)):
    with tempfile.TemporaryDirectory() as profile:
        driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            port = next(found[1] for line in driver.stdout if (found := re.search(r"started successfully on port (\d+)", line)))
            base = f"http://127.0.0.1:{port}"
            args = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
            if dark:
                args.append("--force-dark-mode")
            wanted = {"alwaysMatch": {
                "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"},
            }}
            session = call("POST", f"{base}/session", {"capabilities": wanted})["sessionId"]
            window = Browser(base, session)
            try:
                yield window
            finally:
                call("DELETE", window.base)
        finally:
            driver.terminate()
            driver.wait()
            driver.stdout.close()
