"""Holds the service's own metrics against what was sent: whether they are there, count, and stay few."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Container
from dataclasses import replace
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.checks.telemetry.asking import Asking, Target
from perfproof.telemetry.prometheus import HEADERS, Page, ScrapeError, page_of, scrape

USUAL = ("/metrics", "/actuator/prometheus", "/prometheus", "/q/metrics", "/api/metrics", "/metrics/prometheus")
TIMES = 7
"""How often a request is sent between two scrapes: a number that little else moves by."""
_ERRORS = 5
_STRANGERS = 6
_RAW = 3
_AFTERMATH = (0.1, 0.4, 1.0)
"""Seconds before each look whether requests have been counted: some services count after they have answered."""
_REQUESTS = re.compile(r"http|request|response|(^|_)(hits|calls|served)(_|$)", re.IGNORECASE)
_RUNTIME = re.compile(r"^(process|python|nodejs|go|jvm|ruby|dotnet|otel|promhttp)_", re.IGNORECASE)
_AMOUNT = re.compile(r"_(bytes|seconds|milliseconds|ms|size|created|sum|bucket|in_progress|active)(_total|_sum)?$")


def metrics_facts(arm: CheckedArm, asking: Asking, right: Target | None, wrong: Target | None) -> dict[str, Any]:
    """Return the facts of the metrics endpoint; ``right`` is a request that succeeds, ``wrong`` has an unknown id."""
    places = [str(arm.settings["metrics"])] if arm.settings.get("metrics") else [arm.metrics] if arm.metrics else []
    page, place, problems = None, "", dict[str, str]()
    for each in places or USUAL:
        try:
            page, place = _page(arm, asking, each), each
            break
        except ScrapeError as error:
            problems[each] = str(error)
    if page is None:
        named = [each for each, problem in problems.items() if "was answered with" not in problem]
        why = problems[named[0]] if named else problems[places[0]] if places else ""
        why = why or f"none of {', '.join(USUAL)} tells metrics: write the path into checks.telemetry.metrics"
        return {"state": "unreadable" if named else "missing", "why": why}
    facts: dict[str, Any] = {"state": "read", "why": "", "series": sum(len(each) for each in page.series.values())}
    if right is None:
        return facts | {"counts": None, "told": "no request was answered well, so nothing could be counted"}
    facts |= _counted(arm, asking, place, right)
    if wrong is not None and facts["counts"]:
        facts |= _errors(arm, asking, place, wrong, facts.pop("_exact"))
    facts.pop("_exact", None)
    return facts | _raw_paths(arm, asking, place, wrong)


def _page(arm: CheckedArm, asking: Asking, place: str) -> Page:
    if not place.startswith("/"):
        return asking.aside(lambda: scrape(place))
    answer = asking.aside(lambda: arm.asker.ask("GET", place, {**arm.headers, **HEADERS}))
    return page_of(answer, f"GET {place.partition('?')[0]}")


def _totals(page: Page) -> dict[str, float]:
    """Return what each counter stands at, over all of its series."""
    found: dict[str, float] = {}
    for name, series in page.series.items():
        root = next((name.removesuffix(end) for end in ("_count", "_total") if name.endswith(end)), name)
        kind = page.kinds.get(name) or page.kinds.get(root, "")
        if kind == "gauge" or not (kind in ("counter", "histogram", "summary") or name.endswith(("_total", "_count"))):
            continue
        if _REQUESTS.search(name) and not _RUNTIME.match(name) and not _AMOUNT.search(name):
            found[name] = sum(value for _, value in series)
    return found


def _difference(after: Page, before: Page) -> dict[str, float]:
    old = _totals(before)
    return {name: value - old.get(name, 0.0) for name, value in _totals(after).items()}


def _settled(arm: CheckedArm, asking: Asking, place: str) -> tuple[Page, dict[str, float]]:
    """Scrape until two scrapes in a row add the same: by then, what came before them has been counted.

    Return the last page, and by how much a scrape itself moves each counter.
    """
    page = _page(arm, asking, place)
    before, own = page, dict[str, float]()
    for number, pause in enumerate((0.0, *_AFTERMATH)):
        time.sleep(pause)
        page, before = _page(arm, asking, place), page
        last, own = own, _difference(page, before)
        if number and own == last:
            break
    return page, own


def _moved(
    arm: CheckedArm, asking: Asking, place: str, targets: list[Target], among: Container[str] | None = None
) -> dict[str, float]:
    """Return by how much each counter moved over some requests, less what scrapes themselves add.

    It is looked again while none of them (or of those in ``among``) has moved by as many.
    """
    before, own = _settled(arm, asking, place)
    moved = dict[str, float]()
    for target in targets:
        asking.send(target)
    for looks, pause in enumerate(_AFTERMATH, 1):
        time.sleep(pause)
        difference = _difference(_page(arm, asking, place), before)
        moved = {name: value - looks * own.get(name, 0.0) for name, value in difference.items()}
        if any(abs(moved[name] - len(targets)) < 0.5 for name in moved if among is None or name in among):
            break
    return moved


def _counted(arm: CheckedArm, asking: Asking, place: str, right: Target) -> dict[str, Any]:
    moved = _moved(arm, asking, place, [right] * TIMES)
    exact = [name for name, value in moved.items() if abs(value - TIMES) < 0.5]
    nearest = max(moved, key=lambda name: (moved[name] > 0, "request" in name, moved[name]), default="")
    return {
        "counts": bool(exact),
        "counter": exact[0] if exact else nearest,
        "moved": round(moved.get(nearest, 0.0), 3) if not exact else TIMES,
        "sent": TIMES,
        "counters": len(moved),
        "_exact": exact,
    }


def _errors(arm: CheckedArm, asking: Asking, place: str, wrong: Target, exact: list[str]) -> dict[str, Any]:
    moved = _moved(arm, asking, place, [wrong] * _ERRORS, exact)
    return {"errors_counted": any(abs(moved.get(name, 0.0) - _ERRORS) < 0.5 for name in exact), "errors_sent": _ERRORS}


def _raw_paths(arm: CheckedArm, asking: Asking, place: str, wrong: Target | None) -> dict[str, Any]:
    """Return whether paths as they were asked for became labels: then series grow with every id anyone asks for."""
    mark = secrets.token_hex(4)
    targets, marks = [], []
    for number in range(_STRANGERS):
        stranger = f"perfproof-{mark}-{number}"
        if wrong is not None:
            other = str(int(wrong.unknown) + int(mark, 16) % 10**6 + number)
            targets.append(replace(wrong, path=wrong.path.replace(wrong.unknown, other)))
            marks.append(other)
        elif asking.sent:
            first = asking.sent[0].target
            targets.append(
                replace(first, name="unknown path", path=f"/{stranger}", body=None, method="GET", right=False)
            )
            marks.append(stranger)
    for target in targets:
        asking.send(target)
    time.sleep(sum(_AFTERMATH[:2]))
    page = _page(arm, asking, place)
    grown: dict[str, set[str]] = {}
    for name, series in page.series.items():
        for labels, _ in series:
            for each in marks:
                if any(each in value for value in labels.values()):
                    grown.setdefault(name, set()).add(each)
    raw = [name for name, seen in grown.items() if len(seen) >= _RAW]
    return {"raw": sorted(raw, key=lambda name: ("bucket" in name, len(name)))[0] if raw else ""}
