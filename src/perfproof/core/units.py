"""Quantities as people write them: ``500ms``, ``1m30s``, ``100/s``, ``20%``, ``200MiB``; and back.

A unit is demanded wherever a bare number could mean two things (seconds or milliseconds, 0.2 or 20 %); only 0 goes
without. Guessing was rejected: a scenario that silently measures at the wrong rate is worse than one more message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["Mistake", "parse_count", "parse_duration", "parse_rate", "parse_ratio", "parse_size", "shown"]

NUMBER = r"\d+(?:\.\d+)?|\.\d+"
DURATIONS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
RATES = {"/s": 1.0, "/min": 60.0, "/h": 3600.0}
"""Unit -> seconds, so that the number is divided by it: 90/min is exactly 1.5/s."""
SIZES = {"B": 1, "kB": 1000, "KB": 1000, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
COUNTS = {"": 1, "k": 1000, "M": 10**6, "G": 10**9}

_PART = re.compile(rf"({NUMBER})\s*([^\d\s.+-]+)\s*")
_ONE = re.compile(rf"({NUMBER})\s*(\S*)")
_ZERO = re.compile(r"0+(\.0+)?")


class Mistake(ValueError):  # noqa: N818 - the user's mistake, told in plain words
    """A value that cannot stand: ``reason`` and ``fix`` in plain words, without the place (see ``Problem``)."""

    def __init__(self, reason: str, fix: str | None = None) -> None:
        super().__init__(f"{reason}; {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix


def parse_duration(text: str) -> float:
    """Return seconds: ``500ms``, ``2s``, ``1.5m``, ``2min``, ``1h``, ``250us``, or parts as in ``1m30s``."""
    text = text.strip()
    if _ZERO.fullmatch(text):
        return 0.0
    parts = list(_PART.finditer(text))
    if parts and "".join(part.group(0) for part in parts) == text:
        scales = [DURATIONS.get(part.group(2)) for part in parts]
        if all(scales):
            return _finite(sum(float(part.group(1)) * (scale or 0) for part, scale in zip(parts, scales, strict=True)))
    raise _refusal(text, "duration", "s")


def parse_rate(text: str) -> float:
    """Return how many per second: ``100/s``, ``90/min``, ``1000/h``."""
    number, unit = _number_and_unit(text)
    if number is None or unit not in RATES:
        raise _refusal(text, "rate", "/s")
    return _finite(number / RATES[unit])


def parse_ratio(text: str) -> float:
    """Return a fraction of 1: ``20%`` is 0.2."""
    number, unit = _number_and_unit(text)
    if number is not None and unit == "%":
        return _finite(number / 100)
    if _ZERO.fullmatch(text.strip()):
        return 0.0
    if number is not None and not unit and number < 1:
        raise Mistake(f"`{text.strip()}` has no unit", f"write {number * 100:g}%")
    raise _refusal(text, "share", "%")


def parse_size(text: str) -> float:
    """Return bytes: ``200MiB`` (powers of 1024) or ``200MB`` (powers of 1000); units B, kB, MB, GB, KiB, MiB, GiB."""
    number, unit = _number_and_unit(text)
    if number is not None and unit in SIZES:
        return _finite(number * SIZES[unit])
    if _ZERO.fullmatch(text.strip()):
        return 0.0
    raise _refusal(text, "size", "MiB")


def parse_count(text: str) -> float:
    """Return a large number of things: ``2500000``, ``2500k``, ``2.5M``, ``1G`` (powers of 1000)."""
    number, unit = _number_and_unit(text)
    if number is not None and unit in COUNTS:
        return _finite(number * COUNTS[unit])
    raise Mistake(f"`{text.strip()}` is not a count", "write it like 2500000, 2500k or 2.5M")


def shown(value: float, kind: str) -> str:
    """Return a quantity in its base unit, as it may be written in a file: the inverse of the parsers.

    ``kind`` is ``duration``, ``rate``, ``ratio`` or ``size``.
    """
    number, unit = {
        "duration": (value, "s"),
        "rate": (value, "/s"),
        "ratio": (value * 100, "%"),
        "size": (value, "B"),
    }[kind]
    text = f"{number:.12f}".rstrip("0").rstrip(".")
    return f"{text}{unit}"


def _number_and_unit(text: str) -> tuple[float | None, str]:
    match = _ONE.fullmatch(text.strip())
    return (float(match.group(1)), match.group(2)) if match else (None, "")


def _finite(value: float) -> float:
    if value > 1e18:
        raise Mistake("the number is too large")
    return value


KINDS: Mapping[str, tuple[Mapping[str, float], str]] = {
    "duration": (DURATIONS, "500ms, 2s or 2m"),
    "rate": (RATES, "100/s"),
    "share": ({"%": 0.01}, "20%"),
    "size": (SIZES, "200MiB"),
}


def _refusal(text: str, kind: str, usual: str) -> Mistake:
    """Say what is wrong with ``text``: no unit, the unit of something else, or nothing that can be read."""
    text = text.strip()
    number, unit = _number_and_unit(text)
    units, example = KINDS[kind]
    if number is None and (signed := _number_and_unit(text[1:].strip()))[0] is not None and text[0] in "-+\u2212":
        what = text[1:].strip() if signed[1] in units else example
        direction = ": which way it shall go follows from the metric" if kind == "share" else ""
        return Mistake(f"`{text}` has a sign", f"write {what}, without it{direction}")
    if number is None or number < 0:
        return Mistake(f"`{text}` is not a {kind}", f"write it like {example}")
    if not unit and number == 0:
        return Mistake(f"`{text}` is out of range", f"write it like {example}")
    if not unit:
        also = f" or {text}ms" if kind == "duration" else ""
        return Mistake(f"`{text}` has no unit", f"write {text}{usual}{also}")
    for other, (foreign, _) in KINDS.items():
        if unit in foreign:
            return Mistake(f"`{text}` is a {other}, not a {kind}", f"write it like {example}")
    for known in units:
        if known.lower() == unit.lower():
            return Mistake(f"`{unit}` is not a unit here", f"write {text.removesuffix(unit)}{known}")
    return Mistake(f"`{unit}` is not a unit of a {kind}", f"write it like {example}; units: {', '.join(units)}")
