"""Modules that are imported when something of theirs is first asked for."""

from __future__ import annotations

import importlib
from typing import Any


class Late:
    """A module whose import costs much: every worker imports every file of tests, and runs some of their tests.

    ``conftest.py`` has one worker run all tests of files that want the same one.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # pytest looks through what a module holds
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)

    @property
    def group(self) -> str:
        """Which files belong together: those that want anything of the same package."""
        return self._name.partition(".")[0]
