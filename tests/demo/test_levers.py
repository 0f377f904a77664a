from __future__ import annotations

import pytest

from perfproof.demo.levers import NAMES, Levers, Settings, from_environment
from perfproof.errors import UsageError


def test_without_any_variable_everything_is_fast() -> None:
    assert from_environment({}) == Settings(levers=Levers.all(True))


@pytest.mark.parametrize(("text", "fast"), [("slow", False), ("fast", True), ("0", False), ("1", True)])
def test_all_sets_every_lever_at_once(text: str, fast: bool) -> None:
    assert from_environment({"ALL": text}).levers == Levers.all(fast)


@pytest.mark.parametrize("name", NAMES)
def test_a_lever_set_by_its_own_name_wins_over_all(name: str) -> None:
    levers = from_environment({"ALL": "slow", name.upper(): "fast"}).levers
    assert [other for other in NAMES if getattr(levers, other)] == [name]


def test_numbers_and_texts_are_taken_over() -> None:
    given = {"EXTRA_WORK": "0.05", "EXTRA_MS": "2", "CACHE_SECONDS": "7", "DATABASE_URL": "u", "DEMO_SECRET": "s"}
    settings = from_environment(given)
    assert (settings.extra_work, settings.extra_ms, settings.cache_seconds) == (0.05, 2.0, 7.0)
    assert (settings.database_url, settings.secret) == ("u", "s")


@pytest.mark.parametrize(
    ("name", "text"), [("EAGER", "quick"), ("ALL", ""), ("EXTRA_WORK", "-1"), ("EXTRA_WORK", "nan"), ("EXTRA_MS", "x")]
)
def test_a_value_that_means_nothing_is_refused_with_its_name(name: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_environment({name: text})
    assert name in str(caught.value)
    assert repr(text) in str(caught.value)
