from __future__ import annotations

import unicodedata
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model import formatting
from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Goal

UNITS = sorted({metric.unit for metric in METRICS.values()})


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (-0.241, "−24.1 %"),
        (0.048, "+4.8 %"),
        (0.0, "0.0 %"),
        (-0.0004, "0.0 %"),
        (12.345, "+1,234 %"),
        (None, "—"),
        (float("nan"), "—"),
    ],
)
def test_a_change_carries_its_sign_unless_it_is_zero(fraction: float | None, text: str) -> None:
    assert formatting.change(fraction) == text


def test_an_interval_is_in_percent_without_repeating_the_unit() -> None:
    assert formatting.interval(-0.26, -0.221) == "[−26.0, −22.1]"
    assert formatting.interval(None, 0.1) == "—"
    assert formatting.interval(float("-inf"), 0.1) == "—"


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (12.3, "ms", "12.3 ms"),
        (0.84, "ms", "0.840 ms"),
        (0.043, "ms", "43.0 µs"),
        (999.6, "ms", "1.00 s"),
        (81 * 2**20, "bytes", "81 MiB"),
        (86_400_000, "bytes", "82.4 MiB"),
        (512, "bytes", "512 B"),
        (1023.9, "bytes", "1 KiB"),
        (21_400, "bytes/1000", "20.9 KiB/1k"),
        (-3 * 2**10, "bytes/1000", "−3 KiB/1k"),
        (98.44, "1/s", "98.4/s"),
        (0.0004, "ratio", "0.04 %"),
        (0.0, "ratio", "0 %"),
        (0.01, "ratio", "1 %"),
        (None, "ms", "—"),
    ],
)
def test_a_value_is_shown_in_the_unit_that_fits_its_size(number: float | None, unit: str, text: str) -> None:
    assert formatting.value(number, unit) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(UNITS))
def test_every_number_in_every_unit_gives_one_line_that_names_no_nan(number: float, unit: str) -> None:
    text = formatting.value(number, unit)
    assert text
    assert "\n" not in text
    assert "nan" not in text
    assert "inf" not in text


@given(st.floats(min_value=1e-3, max_value=1e5))
def test_a_time_is_never_off_by_more_than_half_a_percent(milliseconds: float) -> None:
    number, unit = formatting.value(milliseconds, "ms").replace(",", "").split()
    back = float(number) * {"µs": 1e-3, "ms": 1.0, "s": 1e3}[unit]
    assert back == pytest.approx(milliseconds, rel=0.0051)


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_plain_text_is_short_printable_and_encodable(text: str, limit: int) -> None:
    shown = formatting.plain(text, limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(letter) not in {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"} for letter in shown)
    ElementTree.fromstring(f"<a>{escape(shown)}</a>")
    shown.encode()


def test_plain_text_replaces_escape_sequences_and_direction_marks() -> None:
    assert formatting.plain("\x1b[31mred\u202e\udcff") == "�[31mred��"
    assert formatting.plain("x" * 10_000, 5) == "xxxx…"


def test_a_goal_is_named_with_its_stretch() -> None:
    assert formatting.goal(Goal("latency_p95", 0.2, 0.3)) == "20–30 %"
    assert formatting.goal(Goal("latency_p95", 0.2)) == "20 %"
    assert formatting.goal(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (59.7, "1 min 00 s"), (125, "2 min 05 s"), (3725, "1 h 02 min"), (None, "—")]
)
def test_a_duration_is_told_in_two_units_at_most(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


def test_a_number_keeps_its_unit_at_the_end_of_a_line() -> None:
    assert formatting.unbroken("fell by 4.2 % in 12 rounds [−1.0, +2.0]") == (
        "fell by 4.2\N{NO-BREAK SPACE}% in 12\N{NO-BREAK SPACE}rounds [−1.0,\N{NO-BREAK SPACE}+2.0]"
    )
