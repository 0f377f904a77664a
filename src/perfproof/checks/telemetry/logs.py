"""What each request left in the service's log: counts of lines, never a word of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.telemetry.log_lines import MOST_BYTES, Line, read

_SECRET = ("authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token", "proxy-authorization")
_SHORTEST = 6
"""Characters that a secret has at least: a shorter one would be found in any log."""


@dataclass(frozen=True)
class Window:
    """A request: from which byte of the log on it was under way, the ids that name it, and where its facts go."""

    start: int
    ids: frozenset[str]
    facts: dict[str, Any]


def log_facts(arm: CheckedArm, windows: Sequence[Window]) -> dict[str, Any]:
    """Add to each request's facts what it left in the log; return the facts of the log as a whole.

    A line belongs to the request that it names; one that names none to the request under way when it was printed.
    """
    if arm.printed is None:
        return {"seen": False, "why": f"{arm.name} was not started here: write command: in place of url:", "leaks": []}
    began = windows[0].start
    content = arm.printed(began)
    if len(content) >= MOST_BYTES:
        arm.left_out.append(f"only the first {MOST_BYTES // 2**20} MiB of its log were read")
    ids = {each for window in windows for each in window.ids}
    of_id = {each: place for place, window in enumerate(windows) for each in window.ids}
    lines: list[list[tuple[Line, bool]]] = [[] for _ in windows]
    position, place = began, 0
    for raw in content.splitlines(keepends=True):
        while place + 1 < len(windows) and windows[place + 1].start <= position:
            place += 1
        position += len(raw)
        for line in read(raw, ids):
            named = {of_id[each] for each in line.names}
            owner = place if place in named or not named else min(named)
            lines[owner].append((line, bool(named)))
    for window, own in zip(windows, lines, strict=True):
        window.facts["log"] = _counts(own)
    lowered = content.lower()
    leaks = sorted({name for name, value in _secrets(arm) if value.lower().encode() in lowered})
    seen = any(own for window, own in zip(windows, lines, strict=True) if window.ids)
    why = "" if seen else "it printed nothing while it was asked: have it log to its standard output"
    return {"seen": seen, "why": why, "leaks": leaks}


def _counts(lines: Sequence[tuple[Line, bool]]) -> dict[str, int]:
    records = [(line, named) for line, named in lines if line.structured]
    told = [(line, named) for line, named in records if line.level != "debug"]
    own = [line for line, _ in records if not line.request]
    return {
        "lines": len(lines),
        "records": len(records),
        "levels": sum(bool(line.level) for line, _ in records),
        "told": len(told),
        "named": sum(named for _, named in told),
        "errors": sum(line.level == "error" for line in own),
        "warnings": sum(line.level == "warning" for line in own),
        "failed": sum(line.level == "error" and line.request for line, _ in records),
    }


def _secrets(arm: CheckedArm) -> list[tuple[str, str]]:
    """Return what lets requests in, by the header it stands in: none of it belongs in a log."""
    found = []
    for headers in (arm.headers, *(request.headers for request in arm.requests)):
        for name, value in headers.items():
            if name.lower() in _SECRET:
                parts = value.split(";") if name.lower() == "cookie" else [value]
                words = [part.strip().rpartition("=" if name.lower() == "cookie" else " ")[2] for part in parts]
                found += [(name.lower(), word) for word in words if len(word) >= _SHORTEST]
    return found
