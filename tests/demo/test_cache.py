from __future__ import annotations

from perfproof.demo.cache import TimedCache


def test_a_value_is_made_once_until_it_is_too_old() -> None:
    now = 100.0
    made: list[float] = []
    cache: TimedCache[int] = TimedCache(30.0, clock=lambda: now)

    def make() -> int:
        made.append(now)
        return len(made)

    assert cache.get("a", make) == (1, 0.0)
    now = 129.0
    assert cache.get("a", make) == (1, 29.0)
    now = 130.0
    assert cache.get("a", make) == (2, 0.0)
    assert made == [100.0, 130.0]


def test_keys_do_not_share_values() -> None:
    cache: TimedCache[str] = TimedCache(30.0, clock=lambda: 0.0)
    assert cache.get("a", lambda: "x") == ("x", 0.0)
    assert cache.get("b", lambda: "y") == ("y", 0.0)
