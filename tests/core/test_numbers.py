from __future__ import annotations

import pytest

from perfproof.core.numbers import count_of, digits, duration, in_unit, interval, listed, percent, sureness


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(-0.2413, "−24.1 %"), (0.05, "+5.0 %"), (0.0001, "0.0 %"), (-0.0001, "0.0 %"), (162.43, "+16,243 %")],
)
def test_changes_are_signed_with_a_real_minus(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_shares_are_not_signed() -> None:
    assert (percent(0.05, signed=False), percent(0.035, signed=False)) == ("5 %", "3.5 %")


def test_an_interval_names_its_unit_once() -> None:
    assert interval(-0.26, -0.221) == "[−26.0, −22.1]"


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.98, "98 %"), (0.9812, "98 %"), (0.996, "99.6 %"), (0.99995, "99.995 %")]
)
def test_a_confidence_has_as_many_digits_as_it_needs(confidence: float, text: str) -> None:
    assert sureness(confidence) == text


def test_figures_read_naturally() -> None:
    assert [in_unit(12.34, "ms"), in_unit(2**20 * 84, "bytes"), in_unit(0.0025, "ratio"), in_unit(250.4, "1/s")] == [
        "12.3 ms",
        "84.0 MiB",
        "0.25 %",
        "250 per second",
    ]
    assert [duration(45), duration(150), duration(7200)] == ["45 s", "2 min", "2.0 h"]
    assert [count_of(1, "round"), count_of(3, "process", "processes")] == ["1 round", "3 processes"]
    assert listed(["a", "b", "c", "d"]) == "a, b, c and 1 more"
    assert [listed(["a"]), listed(["a", "b"]), listed([])] == ["a", "a and b", ""]


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (99.7, 2, "100"),
        (103.4, 2, "103"),
        (12345.6, 2, "12,346"),
        (9.46, 2, "9.5"),
        (0.000012, 2, "0.000012"),
        (999.96, 3, "1,000"),
        (-130.2, 2, "-130"),
        (0, 2, "0"),
    ],
)
def test_digits_are_never_scientific(value: float, places: int, text: str) -> None:
    assert digits(value, places) == text


def test_rates_and_shares_of_any_size_are_never_scientific() -> None:
    assert [in_unit(12.0, "ratio"), in_unit(999.9, "queries"), in_unit(99.99, "ms")] == ["1,200 %", "999.9", "100 ms"]
