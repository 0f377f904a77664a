"""A headless Chromium, driven over a pipe by its DevTools protocol: no driver, no port, no library.

Scripts that a test runs in a page are not bound by the page's own policy, so axe can look at pages that allow none.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-site-isolation-trials",  # a process for all pages, not one for each and one in spare
    "--renderer-process-limit=1",
    "--js-flags=--single-threaded-gc --no-opt",  # on two cores that others want, too, a tenth less for what runs once
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE = 60.0
"""Seconds until an answer of the browser is given up."""


def wanted(what: str) -> Any:
    """Skip the test for want of something, or fail it where every test is asked for."""
    if os.environ.get("PERFPROOF_NO_SKIP") == "1":
        pytest.fail(f"{what} is not installed, but PERFPROOF_NO_SKIP=1 asks for every test")
    pytest.skip(f"{what} is not installed")


def axe() -> str:
    """Return the source of axe-core (without its licence), from the npm packages that NODE_PATH names."""
    for folder in os.environ.get("NODE_PATH", "").split(os.pathsep):
        file = Path(folder) / "axe-core" / "axe.min.js"
        if folder and file.is_file():
            return re.sub(r"\A/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(wanted("axe-core (npm)"))


@dataclass
class Page:
    """An open page: what it asked for, what it complained about, and the ways to look at it."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def open(self, address: str) -> None:
        self.browser.loaded.discard(self.session)
        self.call("Page.navigate", url=address)
        self.browser.wait(lambda: self.session in self.browser.loaded)

    def run(self, script: str) -> Any:
        """Return what a script (or the promise it makes) evaluates to, as JSON."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def look(self, *, dark: bool = False, media: str = "screen") -> None:
        """Show the page as to a reader who prefers dark, or as it would be printed."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self) -> bytes:
        """Return the whole page as PNG, also what lies below the window."""
        return self._drawn(captureBeyondViewport=True)

    def corner(self) -> bytes:
        """Return the first 8 by 8 pixels of the page as PNG: its ground."""
        return self._drawn(clip={"x": 0, "y": 0, "width": 8, "height": 8, "scale": 1})

    def _drawn(self, **part: Any) -> bytes:
        # Few look at the file, so it need not be small.
        answer = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True, **part)
        return base64.b64decode(answer["data"])

    def printed(self) -> bytes:
        """Return the page as PDF, as its style sheet wants it on paper."""
        self.look(media="print")
        answer = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True, displayHeaderFooter=False)
        return base64.b64decode(answer["data"])

    def close(self) -> None:
        """Leave what is open, forget what was heard and shown, and let another test have the page.

        Pages are not made for each test: a third of what short tests cost was a new one.
        """
        self.call("Emulation.clearDeviceMetricsOverride")
        self.call("Emulation.setEmulatedMedia", media="", features=[])
        self.open("about:blank")
        self.call("Page.resetNavigationHistory")
        for heard in (self.requests, self.complaints, self.dialogs):
            heard.clear()
        self.browser.spare.append(self)


class Browser:
    """Chromium with a profile of its own; every page is a session."""

    def __init__(self, command: str, profile: str) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        arguments = [command, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", shell, "chromium", *arguments],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = ours_out, ours_in
        self._numbers = itertools.count(1)
        self._rest: list[bytes] = []  # of a message of megabytes that came in pieces of a pipe's size
        self._answers: dict[int, dict[str, Any]] = {}
        self.pages: dict[str, Page] = {}
        self.spare: list[Page] = []
        self.loaded: set[str] = set()

    def new_page(self) -> Page:
        """Return a page without history or a size of its own."""
        if self.spare:
            return self.spare.pop()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        self.wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return dict(answer["result"])

    def wait(self, done: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "the browser does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser is gone"
            first, *more = data.split(b"\0")
            self._rest.append(first)
            for each in more:
                message, self._rest = b"".join(self._rest), [each]
                self._heard(json.loads(message))

    def _heard(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        page, said = self.pages.get(message.get("sessionId", "")), message.get("params", {})
        if page is None:
            return
        match message["method"]:
            case "Network.requestWillBeSent" if not said["request"]["url"].startswith("data:"):
                page.requests.append(said["request"]["url"])
            case "Page.loadEventFired":
                self.loaded.add(page.session)
            case "Page.javascriptDialogOpening":
                page.dialogs.append(said["message"])
                number = next(self._numbers)
                close = {"id": number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                os.write(self._out, json.dumps(close | {"sessionId": page.session}).encode() + b"\0")
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                page.complaints.append(json.dumps(said))
            case "Log.entryAdded":
                page.complaints.append(str(said["entry"]["text"]))

    def close(self) -> None:
        with suppress(AssertionError, OSError):
            self.call("Browser.close")
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.close(self._in)
            os.close(self._out)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Lend a browser; the test is skipped where there is none."""
    command = shutil.which("chromium") or wanted("chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(str(command), profile)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without history or a size of its own."""
    page = browser.new_page()
    yield page
    page.close()


@dataclass(frozen=True)
class Accessibility:
    """What axe found: the share of applicable rules that hold (0 to 100), and every breach in words."""

    score: float
    breaches: list[str]


_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that ask for colours."""
_LAID_OUT = """JSON.stringify([...document.querySelectorAll('*')].map(each => {
  const box = each.getBoundingClientRect();
  return [box.x, box.y, box.width, box.height, getComputedStyle(each).visibility];
}))"""
_INK = "getComputedStyle(document.body).color"


_FOLDED = "document.querySelectorAll('details:not([open]) > :not(summary)').forEach(each => each.remove()); 0"


def without_what_is_folded(page: Page) -> None:
    """Take out what nobody sees who opens nothing: axe goes through it again and again, and judges next to nothing."""
    page.run(_FOLDED)


def light_and_dark(page: Page, source: str) -> list[Accessibility]:
    """Have axe look at a page in light by every rule, and in dark by those on colours: nothing else is another."""
    page.look()
    light, ink, laid_out = accessibility(page, source), page.run(_INK), page.run(_LAID_OUT)
    page.look(dark=True)
    assert page.run(_INK) != ink, "dark is as light is"
    assert page.run(_LAID_OUT) == laid_out, "dark is another in more than colours"
    dark = accessibility(page, source, _COLOURS)
    page.look()
    return [light, dark]


def accessibility(page: Page, source: str, rules: Sequence[str] = ()) -> Accessibility:
    """Have axe look at a page as it is shown now, by some of its ``rules`` or by all."""
    if page.run("typeof axe") == "undefined":
        page.run(f"{source}; 0")
    # Of a rule that holds, one of its nodes is enough; a page has tens of thousands.
    only = f", runOnly: {json.dumps(list(rules))}" if rules else ""
    found = page.run(
        f"axe.run(document, {{resultTypes: ['violations']{only}}})"
        ".then(({violations, passes}) => ({violations, passes: passes.map(({id, nodes}) => [id, nodes.length])}))"
    )
    broken, held = found["violations"], [rule for rule, nodes in found["passes"] if nodes]
    assert len(held) > (0 if rules else 5), "axe saw nothing"
    breaches = [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['failureSummary']}"
        for rule in broken
        for node in rule["nodes"][:5]
    ]
    return Accessibility(100 * len(held) / (len(held) + len(broken)), breaches)
