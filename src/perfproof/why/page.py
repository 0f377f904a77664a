"""The section "Why" of the page: causes, functions with their libraries folded, flame graphs; bounded in size."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from markupsafe import Markup

from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Result
from perfproof.model.why import Cause, ProfileDifference, Why
from perfproof.verdict import display_rows
from perfproof.why import flame_svg, report

MAX_PROFILES = 9
MAX_CAUSES = 4
MAX_UNCLAIMED = 30
MAX_NOTES = 20
MAX_ALLOCATIONS = 20
MAX_GONE = 5
FLAME_BYTES = 190_000
TABLE_BYTES = 110_000
"""Room for the graphs and for the tables of functions; what comes after it was used up is shown briefly or left out."""


def section(result: Result, anchors: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what the template shows, or None for a result without an answer."""
    found = result.why
    if found is None:
        return None
    one_arm = result.kind == "run"
    profiles, left_out = _profiles(result, found, one_arm)
    drawn = any(each["flames"] for each in profiles)
    return {
        "sentence": found.sentence,
        "one_arm": one_arm,
        "levers": _levers(found, anchors),
        "unclaimed": [each.sentence for each in found.unclaimed[:MAX_UNCLAIMED]],
        "unclaimed_left_out": max(0, len(found.unclaimed) - MAX_UNCLAIMED),
        "profiles": profiles,
        "profiles_left_out": left_out,
        "allocations": _allocations(found),
        "engines": report.engines(found),
        "notes": found.notes[:MAX_NOTES],
        "script": Markup(script()) if drawn else "",  # noqa: S704 - a file of this package
        "policy": policy() if drawn else "",
    }


@cache
def script() -> str:
    """Return the script that zooms and searches flame graphs; the page may run this one and no other."""
    return resources.files("perfproof.why").joinpath("templates/flame.js").read_text(encoding="utf-8")


@cache
def policy() -> str:
    """Return what a page's policy adds to allow exactly that script."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    return f"script-src 'sha256-{digest}'; "


def still(page: bytes) -> bytes:
    """Return a report without that script, for where none may run: there a browser would only complain of it."""
    return page.replace(f"<script>{script()}</script>".encode(), b"")


def _levers(found: Why, anchors: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a block for each lever, the weightiest first, with the requests on which it was pulled."""
    blocks = []
    for lever, mine in report.by_lever(found.causes):
        worse = sum(cause.ms_per_request or 0.0 for cause in mine) > 0
        impact = sum(cause.impact for cause in mine)
        verb = "saves" if impact > 0 else "costs"
        basis = f" of {mine[0].basis}" if len({cause.basis for cause in mine}) == 1 else ""
        worth = f"{verb} {formatting.value(abs(impact), 'ms')}{basis} in each second of traffic" if impact else ""
        blocks.append(
            {
                "lever": lever,
                "tone": "bad" if worse else "good",
                "sign": "▲" if worse else "▼",
                "worth": worth,
                "causes": [_cause(each, anchors) for each in mine[:MAX_CAUSES]],
                "left_out": max(0, len(mine) - MAX_CAUSES),
            }
        )
    return blocks


def _cause(cause: Cause, anchors: Mapping[str, str]) -> dict[str, Any]:
    return {
        "request": cause.request,
        "anchor": anchors.get(cause.request),
        "saved": report.saved(cause),
        "told": report.told(cause),
        "outcome": cause.outcome,
        "mechanisms": [
            (each.name, report.amount(each.baseline, each.unit), report.amount(each.candidate, each.unit))
            for each in cause.mechanisms
        ],
        "statement": str(cause.evidence.get("statement", "")),
        "caller": str(cause.evidence.get("caller", "")),
        "plans": _plans(cause),
    }


def _plans(cause: Cause) -> list[tuple[str, str]]:
    """Return both arms' plans of a statement as text; none for other levers."""
    if cause.lever != "index":
        return []
    sides = ("baseline", "candidate")
    return [(side, "\n".join(map(str, lines))) for side in sides if (lines := cause.evidence.get(side))]


def _profiles(result: Result, found: Why, one_arm: bool) -> tuple[list[dict[str, Any]], int]:
    """Return the profiles worth showing: all requests, then those whose causes or rows weigh most."""
    weight = display_rows.request_impact(result.comparisons)
    claimed = {cause.request: abs(cause.impact) for cause in reversed(found.causes)}
    ranked = sorted(
        found.profiles,
        key=lambda each: (each.request != ALL, -claimed.get(each.request, 0.0), -weight.get(each.request, 0.0)),
    )
    flame_room, table_room, shown = FLAME_BYTES, TABLE_BYTES, []
    for each in ranked[:MAX_PROFILES]:
        drawn = _flames(each, one_arm) if flame_room > 0 else []
        flame_room -= sum(len(flame["svg"]) for flame in drawn)
        functions, more = report.function_lines(each, report.MAX_FUNCTIONS if table_room > 0 else 5)
        table_room -= sum(500 + 240 * len(line.libraries) for line in functions)
        shown.append(
            {
                "request": each.request,
                "whole": _whole(each, one_arm),
                "what": "Instructions" if each.unit == "instructions" else "Time",
                "flames": drawn,
                "gone": _gone(each, one_arm),
                "functions": functions,
                "functions_left_out": more,
            }
        )
    return shown, max(0, len(ranked) - MAX_PROFILES)


def _whole(each: ProfileDifference, one_arm: bool) -> str:
    after = report.time(each.candidate, each.unit)
    told = after if one_arm else f"{report.time(each.baseline, each.unit)} → {after}"
    return f"{told} instructions" if each.unit == "instructions" else told


def _flames(each: ProfileDifference, one_arm: bool) -> list[dict[str, Any]]:
    if each.flame is None:
        return []
    name = report.request_name(each.request)
    after = flame_svg.flame_svg(
        each.flame, "candidate", f"Flame graph of {name}, candidate", one_arm=one_arm, unit=each.unit
    )
    what = "Instructions" if each.unit == "instructions" else "Time"
    drawn = [
        {"title": f"{what} of the candidate" if not one_arm else "Where the time goes", "svg": after, "open": True}
    ]
    if not one_arm:
        before = flame_svg.flame_svg(each.flame, "baseline", f"Flame graph of {name}, baseline", unit=each.unit)
        drawn.append({"title": f"The same, as wide as the baseline’s {what.lower()}", "svg": before, "open": False})
    return drawn


def _gone(each: ProfileDifference, one_arm: bool) -> list[str]:
    """Return what the candidate's graph cannot show: nodes that it does not have."""
    if each.flame is None or one_arm:
        return []
    found = report.gone(each.flame, flame_svg.STEPS[0] * max(each.baseline, each.candidate))
    return [f"{formatting.plain(node.name)} ({report.time(node.baseline, each.unit)})" for node in found[:MAX_GONE]]


def _allocations(found: Why) -> Sequence[dict[str, Any]]:
    return [
        {
            "line": each.line,
            "request": each.request,
            "own": each.own,
            "baseline": formatting.value(each.baseline, "bytes"),
            "candidate": formatting.value(each.candidate, "bytes"),
        }
        for each in found.allocations[:MAX_ALLOCATIONS]
    ]
