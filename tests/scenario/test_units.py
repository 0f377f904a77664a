"""Quantities: read, refused in plain words, and written back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.core.units import parse_duration, parse_rate, parse_ratio, parse_size, shown


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration, "500ms", 0.5),
        (parse_duration, " 2 s ", 2.0),
        (parse_duration, "1m30s", 90.0),
        (parse_duration, "1h 30min", 5400.0),
        (parse_duration, "250us", 0.00025),
        (parse_duration, "250µs", 0.00025),
        (parse_duration, "0", 0.0),
        (parse_duration, ".5s", 0.5),
        (parse_rate, "100/s", 100.0),
        (parse_rate, "90/min", 1.5),
        (parse_rate, "3600/h", 1.0),
        (parse_ratio, "20%", 0.2),
        (parse_ratio, "0.5 %", 0.005),
        (parse_ratio, "0", 0.0),
        (parse_size, "200MiB", 200 * 2**20),
        (parse_size, "1.5GB", 1.5e9),
        (parse_size, "10 kB", 10_000),
        (parse_size, "7B", 7),
    ],
)
def test_a_quantity_is_read_in_its_base_unit(parse: Callable[[str], float], text: str, value: float) -> None:
    assert parse(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_duration, "150", "`150` has no unit; write 150s or 150ms"),
        (parse_duration, "fast", "`fast` is not a duration; write it like 500ms, 2s or 2m"),
        (parse_duration, "-5s", "`-5s` has a sign; write 5s, without it"),
        (
            parse_duration,
            "1m30",
            "`m30` is not a unit of a duration; write it like 500ms, 2s or 2m; units: us, µs, ms, s, m, min, h",
        ),
        (parse_rate, "100", "`100` has no unit; write 100/s"),
        (parse_rate, "100/S", "`/S` is not a unit here; write 100/s"),
        (parse_ratio, "0.2", "`0.2` has no unit; write 20%"),
        (parse_ratio, "20", "`20` has no unit; write 20%"),
        (
            parse_size,
            "1 MiBs",
            "`MiBs` is not a unit of a size; write it like 200MiB; units: B, kB, KB, MB, GB, KiB, MiB, GiB",
        ),
        (parse_size, "5%", "`5%` is a share, not a size; write it like 200MiB"),
        (parse_size, "9" * 30 + "B", "the number is too large"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_plain_sentence(
    parse: Callable[[str], float], text: str, message: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared whole
        parse(text)
    assert str(caught.value) == message


PARSERS: dict[str, Callable[[str], float]] = {
    "duration": parse_duration,
    "rate": parse_rate,
    "ratio": parse_ratio,
    "size": parse_size,
}


@given(st.sampled_from(sorted(PARSERS)), st.floats(0, 1e6, allow_nan=False))
def test_a_quantity_survives_being_written_and_read(kind: str, value: float) -> None:
    assert PARSERS[kind](shown(value, kind)) == pytest.approx(value, rel=1e-9, abs=1e-11)


@given(st.sampled_from(sorted(PARSERS)), st.text(max_size=12).filter(lambda text: not any(map(str.isdigit, text))))
def test_any_text_without_a_number_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        PARSERS[kind](text)
