from __future__ import annotations

import pytest

from perfproof.instructions.bursts import without_bursts
from perfproof.model.instructions import CountPart, RequestCount, StartCount


def start(number: int, *values: float, arm: str = "baseline") -> StartCount:
    """Return a start in which stretches of ten requests took ``values`` (thousands a request)."""
    return StartCount(arm, number, (RequestCount.whole("list", [CountPart(10, value * 1e4) for value in values]),))


def figures(starts: list[StartCount]) -> list[float]:
    return [each.counts[0].per_request for each in starts]


def test_a_cache_that_expired_in_one_stretch_is_left_out_and_told():
    starts = [start(1, 100, 101, 900, 100, 99), start(2, 100, 100, 101, 99, 100)]
    kept, found = without_bursts(starts)
    assert figures(kept) == pytest.approx([100e3, 100e3])
    assert kept[0].counts[0].requests == 40
    burst = found["baseline", "list"]
    assert (burst.parts, burst.of) == (1, 10)
    assert str(burst) == "1 time in 10 stretches (8 M instructions each time)"


def test_what_comes_in_every_third_stretch_is_how_requests_are():
    starts = [start(1, 100, 100, 160, 100, 160), start(2, 160, 100, 100, 160, 100)]
    kept, found = without_bursts(starts)
    assert (kept, found) == (starts, {})


def test_stretches_that_scatter_by_themselves_keep_their_largest():
    starts = [start(1, 90, 100, 110, 95, 105), start(2, 93, 101, 118, 97, 104)]
    assert without_bursts(starts) == (starts, {})


def test_only_more_than_usual_is_ever_left_out():
    starts = [start(1, 100, 100, 20, 100, 100), start(2, 100, 100, 100, 100, 100)]
    assert without_bursts(starts) == (starts, {})


def test_each_arm_is_held_against_itself():
    starts = [start(1, 100, 100, 100, 100, 100), start(2, 100, 100, 100, 100, 100)]
    starts += [start(number, *[200.0] * 5, arm="candidate") for number in (1, 2)]
    assert without_bursts(starts) == (starts, {})


def test_runs_that_were_counted_in_one_piece_stay_as_they_are():
    starts = [StartCount("baseline", number, (RequestCount("list", 10, 1e6 * number),)) for number in range(1, 9)]
    assert without_bursts(starts) == (starts, {})


def test_a_start_is_never_left_without_a_figure():
    starts = [start(1, 500), *(start(number, 100) for number in range(2, 10))]
    kept, _ = without_bursts(starts)
    assert figures(kept)[0] == 500e3


def test_what_grows_with_what_was_sent_is_no_exception():
    """Kinto's `create`: each stretch meets more records than the one before, in every start."""
    starts = [start(number, 3825, 3830, 3844, 4006, 4178) for number in (1, 2, 3, 4)]
    assert without_bursts(starts) == (starts, {})


def test_what_is_an_exception_in_one_arm_and_usual_in_the_other_stays_in_both():
    rare = [start(1, 100, 100, 900, 100, 100), start(2, 100, 100, 100, 100, 100)]
    often = [start(number, 900, 100, 100, 900, 100, arm="candidate") for number in (1, 2)]
    assert without_bursts(rare)[1]
    assert without_bursts([*rare, *often]) == ([*rare, *often], {})
