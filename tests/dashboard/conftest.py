"""A store with a history, and a dashboard over it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from boards import EVIL, Board

from filled import fill
from perfproof.store.repository import Store
from serving import served


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('store')}/perfproof.db"
    new_database: Callable[[], str] = request.getfixturevalue("postgresql")
    return new_database()


@pytest.fixture(scope="module")
def board(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """One dashboard for all tests of a module: they add directories and names, each to runs of its own."""
    results = tmp_path_factory.mktemp("results")
    with Store.open(url, results=results) as store:
        infos = fill(store, results, runs=40, step=28, machine=36)
        infos += fill(store, results, runs=2, scenario=EVIL, names=(EVIL,), seed=2)
        with served(store) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield Board(address, store, results, infos, client)
