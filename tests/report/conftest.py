"""Make ``builders`` importable by the tests of this room (import mode is importlib), and draw each chart once."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class Drawn:
    """The charts of pages, of which each is drawn once: nearly all pages of this room hold the same ones.

    What a chart looks like is told by its arguments alone, to which ``test_charts.py`` and ``drawn_anew`` hold it.
    """

    def __init__(self, charts: ModuleType) -> None:
        self._charts = charts
        self._kept: dict[Hashable, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._charts, name)

    def line_chart(self, kind: Any, curves: Sequence[Any], prefix: str, title: str, goals: Any = None) -> str:
        key = ("line", kind, tuple(curves), prefix, title, tuple(sorted((goals or {}).items())))
        if key not in self._kept:
            self._kept[key] = self._charts.line_chart(kind, curves, prefix, title, goals)
        return self._kept[key]

    def forest(self, shown: Sequence[Any], prefix: str, title: str) -> str:
        key = ("forest", tuple(shown), prefix, title)
        if key not in self._kept:
            self._kept[key] = self._charts.forest(shown, prefix, title)
        return self._kept[key]


@pytest.fixture(scope="session", autouse=True)
def _drawn_once() -> Iterator[None]:
    """Of the session, so that pages made for a whole module are made of these drawings, too."""
    from perfproof.report.page import candidates, charts, html

    drawn = Drawn(charts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "charts", drawn)
        patch.setattr(candidates, "charts", drawn)
        yield


@pytest.fixture
def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every chart drawn for this test, as it is for users."""
    from perfproof.report.page import candidates, charts, html

    monkeypatch.setattr(html, "charts", charts)
    monkeypatch.setattr(candidates, "charts", charts)
