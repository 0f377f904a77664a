"""Runs the commands of every arm, both arms in turn, and keeps their figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from perfproof.checks.building.reading import Figure, figure, size_of, text_of
from perfproof.checks.building.tools import tool_for
from perfproof.checks.building.wanted import METRICS_OF_BUILD, UNITS, Kind, own_of
from perfproof.checks.files import ArmFiles
from perfproof.errors import PerfproofError
from perfproof.model.checks import Facts

_TAIL = 3


class _OpenError(Exception):
    """There is no figure; its text says why."""


@dataclass
class _Arm:
    """One arm, and what is known of it so far."""

    files: ArmFiles
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class _Limits:
    within: float
    until: float

    @property
    def left(self) -> float:
        return min(self.within, self.until - time.monotonic())


def observe(arms: Sequence[ArmFiles], settings: Mapping[str, Any]) -> list[Facts]:
    """Return the facts of every arm: of each metric its values, in ms, bytes or numbers, or its problem."""
    limits = _Limits(settings["within"], time.monotonic() + 60 * settings["minutes"])
    wanted = {name: own for name in METRICS_OF_BUILD if (own := own_of(settings, name)) is not None}
    sides = [_Arm(each) for each in arms]
    copied = not settings["in_place"] and any(own["run"] for own in wanted.values())
    for side in sides if copied else ():
        try:
            side.files.copy(settings["leave_out"])
        except PerfproofError as error:
            side.problem = error.sentence
    for name, own in wanted.items():
        if METRICS_OF_BUILD[name] == "time":
            _timed(name, own, sides, limits, settings["leave_out"] if copied else None)
        else:
            for side in sides:
                _kept(side, name, partial(_once, side, name, own, limits))
    return [{"metrics": side.metrics} for side in sides]


def _kept(side: _Arm, name: str, measure: Callable[[], Figure], *, counts: bool = True) -> bool:
    """Keep what ``measure`` returns beside what is there (if it ``counts``); tell whether it returned anything."""
    kept = side.metrics.setdefault(name, {"values": [], "seen": [], "problem": ""})
    if side.problem:
        kept["problem"] = side.problem
        return False
    try:
        found = measure()
    except _OpenError as error:
        kept["problem"] = str(error)
        return False
    except PerfproofError as error:
        kept["problem"] = error.sentence
        return False
    if counts:
        kept["values"].append(found.value)
        kept["seen"] = list(found.seen)
    return True


def _timed(
    name: str, own: Mapping[str, Any], sides: Sequence[_Arm], limits: _Limits, fresh: Sequence[str] | None
) -> None:
    """Run a command several times, the arms in turn and every other time the other way round.

    What warms up (caches of files and compilers) is run before and not counted. A failure ends it for both arms: half
    a comparison is none. When the time is used up, what was timed on both arms stands.
    """
    for turn in range(own["warmup"] + own["repeats"]):
        counts = turn >= own["warmup"]
        for side in sides if turn % 2 == 0 else sides[::-1]:
            if not _kept(side, name, partial(_once, side, name, own, limits, clean=True, fresh=fresh), counts=counts):
                least = min(len(each.metrics.get(name, {}).get("values", ())) for each in sides)
                if limits.left <= 0 and least:
                    for each in sides:
                        each.metrics[name]["values"] = each.metrics[name]["values"][:least]
                        each.metrics[name]["problem"] = ""
                        each.metrics[name]["cut"] = own["repeats"]
                return


def _once(
    side: _Arm,
    name: str,
    own: Mapping[str, Any],
    limits: _Limits,
    *,
    clean: bool = False,
    fresh: Sequence[str] | None = None,
) -> Figure:
    """Return the figure of one run of a command, or of files that are there."""
    kind = METRICS_OF_BUILD[name]
    files = side.files
    if not own["run"] and not own["file"]:
        return _by_tool(files, name, own, limits)
    if clean and own["clean"]:
        _run(files, own["clean"], (0,), limits, "clean")
    elif clean and fresh is not None:
        files.copy(fresh)
    output, seconds = "", 0.0
    if own["run"]:
        output, seconds = _run(files, own["run"], own["exits"], limits, "run")
    try:
        return _figure(kind, own, files, output, seconds)
    except (ValueError, OSError) as error:
        where = "the files" if own["file"] else "what it printed"
        told = str(error) if isinstance(error, ValueError) else f"it cannot be read: {error.strerror}"
        raise _OpenError(f"no figure was found in {where}: {told}") from None


def _figure(kind: Kind, own: Mapping[str, Any], files: ArmFiles, output: str, seconds: float) -> Figure:
    scale = UNITS[own["unit"]] if kind != "count" else 1
    if own["match"] or own["json_path"] or (kind != "time" and not own["file"]):
        text = text_of(files.directory, own["file"]) if own["file"] else output
        found = figure(text, own, files.find)
        if found.value < 0:
            raise ValueError(f"{found.value:g} is below 0")
        return Figure(found.value * scale, found.seen)
    if kind == "time":
        return Figure(seconds * 1e3)
    if kind == "size":
        return size_of(files.directory, own["file"])
    return figure(text_of(files.directory, own["file"]), own, files.find)


def _by_tool(files: ArmFiles, name: str, own: Mapping[str, Any], limits: _Limits) -> Figure:
    """Return the figure by a tool that is known for it, which reads the folder and writes nothing."""
    if "tool" not in own and "skip" not in own:
        raise _OpenError(f"nothing says how to measure it: set `checks: {{build: {{{name}: {{run: ...}}}}}}`")
    try:
        tool = tool_for(name, own, files.directory)
        if not tool.there(files):
            raise _OpenError(f"{tool.program} is not installed: {tool.install}")
        output, _ = _run(files, tool.line, tool.exits, limits, tool.program)
        return tool.read(output)
    except ValueError as error:
        raise _OpenError(str(error)) from None


def _run(files: ArmFiles, line: str, exits: Sequence[int], limits: _Limits, called: str) -> tuple[str, float]:
    if limits.left <= 0:
        raise _OpenError("the time was used up (more: `checks: {build: {minutes: ...}}`)")
    ran = files.execute(line, limits.left)
    if ran.problem:
        raise _OpenError(f"{called}: {ran.problem}")
    if ran.code not in exits:
        said = " / ".join(each.strip() for each in ran.output.strip().splitlines()[-_TAIL:])
        raise _OpenError(f"{called} exited with code {ran.code}{f' after saying: {said[:300]}' if said else ''}")
    return ran.output, ran.seconds
