"""What the facts of restarts show: measures to be judged, and findings with what to do about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import median
from typing import Any, Literal

from perfproof.model.checks import Compared, Facts, Measure
from perfproof.model.result import Finding

_PROPER = ("announced", "idle")
_IMPROPER = ("cut", "reset")
_KINDS = {
    "refused": "refused",
    "lost": "cut off",
    "wrong": "answered wrongly",
    "unanswered": "never answered",
    "unsent": "never sent, since all others waited",
}


def compare(before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
    """Return what clients noticed of the restarts: of one arm where ``before`` is None."""
    sides = [after] if before is None else [before, after]
    measures = [
        _count("failed_requests", sides, "failed", guards=True),
        _count("refused_requests", sides, "refused"),
        _count("lost_requests", sides, "lost"),
        _count("slow_requests", sides, "slow"),
        _share("in_flight_finished", sides, _finished, _why_none_under_way(after)),
        _share("keep_alive_closed", sides, _closed, _why_none_kept(after)),
        _health(sides, settings),
        _times("time_without_service", sides, "without_service_ms", "nothing was restarted"),
        _times("startup_time", sides, "startup_ms", "", first=True),
        _times("drain_time", sides, "drain_ms", "the service has no processes of its own that it replaced"),
        _times("rollout_time", sides, "took_ms", "nothing was restarted"),
        _times("warm_up_time", sides, "warm_ms", "too few requests were answered before or after the restart"),
    ]
    findings = []
    for facts, name in zip(sides[::-1], ("candidate", "baseline"), strict=False):
        findings += _found(facts, name if len(sides) == 2 else "")
    return Compared(tuple(measures), tuple(findings), tuple(_notes(sides)))


def _sum(facts: Facts, key: str) -> int:
    return sum(int(each[key] or 0) for each in facts["restarts"])


def _count(metric: str, sides: Sequence[Facts], key: str, *, guards: bool = False) -> Measure:
    """Return how many requests; two numbers that chance alone could make of one are told, and guard nothing."""
    counts = [_sum(facts, key) for facts in sides]
    chance = len(counts) == 2 and min(counts) > 0 and abs(counts[0] - counts[1]) <= 2 * sqrt(sum(counts))
    note = ("these two numbers do not differ by more than chance",) if chance else ()
    values = [_unless_failed(facts, float(count), 0) for facts, count in zip(sides, counts, strict=True)]
    return _measure(metric, values, why=_why_failed(sides), notes=note, shown=chance or not guards)


def _unless_failed(facts: Facts, value: float | None, best: float) -> float | None:
    """Return ``value``, or None where it is the best there is and a restart failed.

    A restart that did not take place costs nobody anything, so it must not keep a budget; what it did cost is a fault
    all the same.
    """
    return None if value == best and any(each["problem"] for each in facts["restarts"]) else value


def _why_failed(sides: Sequence[Facts]) -> str:
    """Return why a restart failed, of the last arm that has one; "" where all succeeded."""
    problems = [each["problem"] for facts in sides for each in facts["restarts"] if each["problem"]]
    return f"a restart failed: {problems[-1]}" if problems else ""


def _measure(metric: str, values: Sequence[float | None], **more: Any) -> Measure:
    return Measure(metric, values[-1], values[0] if len(values) == 2 else None, **more)


def _share(metric: str, sides: Sequence[Facts], parts: Any, why: str) -> Measure:
    values = []
    for facts in sides:
        good, total = parts(facts)
        values.append(_unless_failed(facts, good / total if total else None, 1))
    why = "" if values[-1] is not None and values[0] is not None else _why_failed(sides) or why
    return _measure(metric, values, why=why, shown=None in values)


def _finished(facts: Facts) -> tuple[int, int]:
    return _sum(facts, "finished"), _sum(facts, "under_way")


def _closed(facts: Facts) -> tuple[int, int]:
    ends = [each["ends"] for each in facts["restarts"]]
    good = sum(each.get(name, 0) for each in ends for name in _PROPER)
    return good, good + sum(each.get(name, 0) for each in ends for name in _IMPROPER)


def _why_none_under_way(facts: Facts) -> str:
    if any(each["under_way"] is None for each in facts["restarts"]):
        return "when a command tells the old service to go is not known from outside: see lost_requests"
    return "no request was under way when the service was told to go: raise checks.rollout.rate or add a slower request"


def _why_none_kept(facts: Facts) -> str:
    if not any(each["kept"] for each in facts["restarts"]):
        return "the service closes each connection after its answer, so none was kept"
    return "no kept connection was closed by the restart"


def _health(sides: Sequence[Facts], settings: Mapping[str, Any]) -> Measure:
    """Return how often health was not as it was told: ready while requests failed, or dead while it answered."""
    del settings
    counts = [_sum(facts, "ready_but_failed") + _sum(facts, "not_alive") for facts in sides]
    asked = all(_sum(facts, "asked_ready") for facts in sides)
    if not asked:
        return _measure("untrue_health", [None] * len(sides), why="health was never asked", shown=True)
    told = len(counts) == 2 and min(counts) > 0
    values = [_unless_failed(facts, float(count), 0) for facts, count in zip(sides, counts, strict=True)]
    return _measure("untrue_health", values, why=_why_failed(sides), shown=told)


def _times(metric: str, sides: Sequence[Facts], key: str, why: str, *, first: bool = False) -> Measure:
    """Return the median over restarts; with ``first`` the first start stands in where nothing else was started."""
    values: list[float | None] = []
    repeats: list[tuple[float, ...]] = []
    for facts in sides:
        found = [float(each[key]) for each in facts["restarts"] if each[key] is not None and not each["problem"]]
        if first and not found and not _why_failed([facts]):
            found = [float(facts["first_start_ms"])]
        values.append(median(found) if found else None)
        repeats.append(tuple(found))
    both = tuple(repeats) if len(sides) == 2 and all(len(each) > 1 and min(each) > 0 for each in repeats) else ()
    why = (_why_failed(sides) or why) if None in values else ""
    return _measure(metric, values, why=why, repeats=both, shown=True)


def _found(facts: Facts, arm: str) -> list[Finding]:
    """Return what is wrong with one arm, each with what to do."""
    where = f" ({arm})" if arm else ""
    restarts = facts["restarts"]
    level: Literal["warning", "info"] = "info" if arm == "baseline" else "warning"
    found: list[Finding] = []

    def add(kind: str, text: str, **evidence: Any) -> None:
        found.append(Finding(kind, "all", level, f"{text}{where}", {"arm": arm, **evidence}))

    for number, each in enumerate(restarts, 1):
        if each["problem"]:
            add("rollout_failed", f"restart {number} failed: {each['problem']}", restart=number)
    failed = _sum(facts, "failed")
    if failed:
        parts = {key: _sum(facts, key) for key in _KINDS}
        told = ", ".join(f"{count:,} {_KINDS[key]}" for key, count in parts.items() if count)
        statuses: dict[str, int] = {}
        for each in restarts:
            for status, count in each["statuses"].items():
                statuses[status] = statuses.get(status, 0) + count
        seen = f" (status {', '.join(statuses)})" if statuses else ""
        add(
            "rollout_failed_requests",
            f"{failed:,} of {_sum(facts, 'requests'):,} requests failed in {len(restarts)} restarts: {told}{seen}"
            f"; {_advice(facts, parts)}",
            **parts,
            statuses=statuses,
        )
    finished, under_way = _finished(facts)
    if under_way and finished < under_way:
        add(
            "rollout_in_flight_dropped",
            f"{under_way - finished:,} of {under_way:,} requests that were under way were not finished: at the signal, "
            "stop accepting, finish what is under way, then end",
            finished=finished,
            under_way=under_way,
        )
    good, total = _closed(facts)
    if total > good:
        ends = {name: sum(each["ends"].get(name, 0) for each in restarts) for name in (*_PROPER, *_IMPROPER)}
        add(
            "rollout_keep_alive",
            f"{total - good:,} of {total:,} kept connections ended without notice (cut under a request or reset): "
            "answer with `Connection: close` while ending, and close the others when they rest",
            **ends,
        )
    early = _sum(facts, "ready_but_failed")
    if early:
        add(
            "rollout_ready_untrue",
            f"{early:,} requests failed while health said ready: say ready only once requests can be answered",
            requests=early,
        )
    dead = _sum(facts, "not_alive")
    if dead:
        add(
            "rollout_alive_untrue",
            f"liveness failed {dead:,} times while the process answered: an orchestrator would kill it; "
            "readiness is what may fail then",
            answers=dead,
        )
    killed = sum(bool(each["killed"]) for each in restarts)
    if killed:
        add("rollout_killed", f"the old service did not end by itself {killed} times and was killed", times=killed)
    last = restarts[-1]
    if last["curve"]:
        curve = ", ".join(f"{at / 1000:g} s: {value:.3g}" for at, value, _ in last["curve"][:6])
        found.append(
            Finding(
                "rollout_warm_up",
                "all",
                "info",
                f"median latency in ms after the restart: {curve}; before: {last['usual_ms'] or 0:.3g}{where}",
                {"arm": arm, "windows": last["curve"], "before": last["usual_ms"]},
            )
        )
    return found


def _advice(facts: Facts, parts: Mapping[str, int]) -> str:
    """Return what to do about most of the failures."""
    worst = max(parts, key=lambda key: parts[key])
    if worst == "refused" and facts["restart"] in ("SIGTERM", "SIGINT", "SIGQUIT") and facts["order"] == "stop_first":
        return "nobody listens between the end and the start: start the new one first, or put a proxy before two"
    return {
        "refused": "keep the listening socket open while processes are replaced",
        "lost": "finish what is under way before ending",
        "wrong": "let the new one take requests only when it can answer them",
        "unanswered": "requests hang: let the proxy give up sooner, and try another",
        "unsent": "requests hang: let the proxy give up sooner, and try another",
    }[worst]


def _notes(sides: Sequence[Facts]) -> list[str]:
    found = []
    failed = sum(_sum(facts, "failed_before") for facts in sides)
    if failed:
        found.append(f"rollout: {failed:,} requests failed already before a restart: those are not counted.")
    raced = sum(_sum(facts, "raced") for facts in sides)
    if raced:
        found.append(
            f"rollout: {raced:,} requests met a kept connection in the moment it was closed; good clients send them "
            "again, so they are not counted as failed."
        )
    return found
