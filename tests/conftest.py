"""Fixtures every room may use, and which tests stay together when several workers share them."""

import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds nothing; shared helpers are plain modules here

import pytest
from hypothesis import settings

from browsing import browser, page
from late import Late
from postgres import postgresql

gc.disable()  # while everything is imported, which makes no garbage; see ``pytest_collection_finish``
settings.register_profile("perfproof", deadline=None)  # a busy machine is not a failing test
settings.load_profile("perfproof")

__all__ = ["browser", "page", "postgresql"]


_PAGES = "pages of reports"
"""The group of what asks a browser: one serves them all. Others that draw the same charts belong to it, too."""
_DEAR = {"mariadb", "counting_server"}
"""Fixtures of the session that take seconds to make: a module's tests that want one want the same."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their module, or a dear one, on one worker (``--dist loadgroup``), no others.

    Modules that share what is made once for a process say so by a group of their own.

    By module (``loadscope``) the longest one alone decided how long everything takes. Of the others those that may take
    longest come first, lest one worker is busy with them when all are done.
    """
    shown = {_file(item) for item in items if _group(item) == _PAGES}
    for item in items:
        group = _group(item)
        if group == _file(item) and group in shown:
            group = _PAGES  # what its file shares is shared with those of its tests that ask a browser
        if group and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        items.sort(key=_patience, reverse=True)


def _group(item: pytest.Item) -> str:
    """Return what a test shares with others; nothing: any worker may run it."""
    known = getattr(item, "_fixtureinfo", None)
    used = known.name2fixturedefs if known else {}
    if item.get_closest_marker("server") is None:  # those mostly wait, and wait for one another in a group
        if "browser" in used:
            return _PAGES
        names = vars(item.module) if isinstance(item, pytest.Function) else {}
        if "Late" in names:
            return next(each.group for each in names.values() if isinstance(each, Late))
    if any(each[-1].scope == "module" or each[-1].argname in _DEAR for each in used.values()):
        return _file(item)
    return ""


def _file(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


def _patience(item: pytest.Item) -> float:
    """Return the seconds after which a test is given up: files of long ones say more than the default."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker and marker.args else 0.0


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse versions of pytest and pytest-xdist of which one no longer hears of the other's groups.

    Nothing fails then, and everything takes twice as long: each worker makes what all of a module's tests share.

    What was imported for all tests stays: nobody needs to look through it for garbage again and again.
    """
    gc.enable()
    gc.freeze()
    if hasattr(session.config, "workerinput") and session.config.getvalue("loadgroup"):
        for item in session.items:
            if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
                raise pytest.UsageError("pytest-xdist keeps no group together with this pytest: see pyproject.toml")
