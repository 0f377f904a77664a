"""What the change means over the traffic of a day or a million requests."""

from __future__ import annotations

from dataclasses import dataclass

from perfproof.model import formatting
from perfproof.model.result import Result, Saving, Verdict

_MS = {"h": 3_600_000.0, "min": 60_000.0, "s": 1000.0}


@dataclass(frozen=True)
class Worth:
    """What the change means over the traffic that ``over`` names: a short text for each thing saved or spent."""

    over: str
    told: tuple[str, ...]


def worth_of(result: Result) -> Worth | None:
    """Return what the traffic of a day, or a million requests, takes less or more."""
    traffic = result.traffic
    if traffic is None or result.verdict is Verdict.INVALID:
        return None
    over = "A million requests" if traffic.rate is None else f"A day at {_rate(traffic.rate)}"
    told = [text for each in traffic.savings if (text := _saving(each))]
    return Worth(over, tuple(told or ["no saving and no cost was told apart from none"]))


def _rate(rate: float) -> str:
    number = formatting.count(round(rate)) if rate >= 99.5 or float(rate).is_integer() else f"{rate:.3g}"
    return f"{number} {'request' if number == '1' else 'requests'} a second"


def _saving(saving: Saving) -> str:
    """Return "9.4 h less waiting (8.8 to 10.1 h)"; empty where nothing is told apart from none."""
    if not saving.sure:
        return ""
    direction = "less" if saving.saved > 0 else "more"
    if saving.what == "queries":
        some = " (of the requests counted)" if saving.partial else ""
        return f"{_large(abs(saving.saved))} {'fewer' if saving.saved > 0 else 'more'} queries{some}"
    sizes = sorted(abs(each) for each in (saving.low, saving.high) if each is not None)
    unit = _unit(abs(saving.saved))
    amount = _in(abs(saving.saved), unit)
    around = f" ({_in(sizes[0], unit)} to {_in(sizes[1], unit)} {unit})" if len(sizes) == 2 else ""
    what = "waiting" if saving.what == "waiting" else "CPU time"
    return f"{amount} {unit} {direction} {what}{around}"


def _unit(ms: float) -> str:
    return next((name for name, size in _MS.items() if ms >= 0.95 * size), "s")


def _in(ms: float, unit: str) -> str:
    number = ms / _MS[unit]
    return f"{number:,.0f}" if number >= 99.5 else f"{number:.2g}" if number < 9.95 else f"{number:.3g}"


def _large(number: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if number >= 0.9995 * size:
            return f"{number / size:,.3g} {name}"
    return formatting.count(round(number))
