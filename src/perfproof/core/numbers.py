"""Figures as people read them: signed percentages with a real minus, durations, counts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import floor, log10


def percent(fraction: float, *, signed: bool = True) -> str:
    """Return ``-0.2413`` as ``−24.1 %``; unsigned whole numbers are short (``0.05`` is ``5 %``), thousands always."""
    value = fraction * 100
    if not signed:
        return f"{value:,.0f} %" if abs(value - round(value)) < 0.05 or value >= 1000 else f"{value:.1f} %"
    text = f"{value:+.1f}" if abs(value) < 1000 else f"{value:+,.0f}"
    return ("0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")) + " %"


def interval(low: float, high: float) -> str:
    """Return an interval of changes as ``[−26.0, −22.1]``."""
    return f"[{percent(low).removesuffix(' %')}, {percent(high).removesuffix(' %')}]"


def sureness(confidence: float) -> str:
    """Return a confidence with as many digits as it needs: ``98 %``, ``99.6 %``, ``99.995 %``; never 100."""
    doubt = (1 - confidence) * 100
    if doubt <= 0:
        return "100 %"
    digits = 0 if doubt >= 0.95 else -floor(log10(doubt))
    return f"{100 - doubt:.{digits}f} %"


def duration(seconds: float) -> str:
    """Return seconds as ``45 s``, ``2.5 min`` or ``1.2 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 more round`` or ``3 more rounds``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def in_unit(value: float, unit: str) -> str:
    """Return a level with its unit at about three digits: ``12.3 ms``, ``84.1 MiB``, ``0.25 %``."""
    if unit == "ratio":
        return f"{digits(value * 100, 3)} %"
    if unit.startswith("bytes"):
        rest = {"bytes/1000": " per 1,000 requests", "bytes/s": " per second"}.get(unit, "")
        return (f"{value / 2**20:,.1f} MiB" if abs(value) >= 2**20 else f"{value / 2**10:,.1f} KiB") + rest
    if unit in ("queries", "rows", "count", "number"):
        return digits(value, 4)
    if unit == "instructions":
        size, name = next((each for each in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(value) >= each[0]), (1.0, ""))
        return f"{digits(value / size, 3)}{f' {name}' if name else ''} instructions"
    return f"{digits(value, 3)} {'per second' if unit == '1/s' else unit}"


def digits(value: float, places: int = 2) -> str:
    """Return a number to so many significant digits, never in scientific form: ``103``, ``9.5``, ``0.00012``."""
    if abs(value) >= 10**places:
        return f"{value:,.0f}"
    return format(Decimal(f"{value:.{places}g}"), ",f")


def upper_first(text: str) -> str:
    """Return a text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def capitalised(text: str) -> str:
    """Return a text as a sentence begins; a name that a program gave (``db_pool_wait``) stays as it is written."""
    return text if "_" in text.partition(" ")[0] else upper_first(text)


def listed(items: Sequence[str], most: int = 3) -> str:
    """Return ``a, b and c``, cut to ``a, b, c and 4 more``."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
