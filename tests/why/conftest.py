"""What looks for causes needs a load process, and each would take a second to import what it needs."""

from __future__ import annotations

import pytest

import warm


@pytest.fixture(autouse=True)
def warm_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork load processes from one that has everything imported."""
    warm.lend_load_processes(monkeypatch.setattr)
