"""What the pass asks of one arm, and the facts that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from perfproof.checks.arm import CheckedArm, OverError
from perfproof.checks.right_requests import Rightly, left_alone
from perfproof.checks.telemetry.asking import Asking, Target
from perfproof.checks.telemetry.logs import log_facts
from perfproof.checks.telemetry.own_metrics import metrics_facts
from perfproof.checks.telemetry.traces import trace_facts
from perfproof.documents.references import BrokenReferenceError

NOWHERE = "/perfproof-no-such-path"
UNKNOWN = 2_000_000_011
"""An id that no table of a service under test reaches."""
MOST_TARGETS = 25
_MOST_WRONG = 6


def observe(arm: CheckedArm) -> dict[str, Any]:
    """Return the facts of one arm; what could not be asked any more is told by what its client says."""
    asking, rightly = Asking(arm), Rightly(arm)
    metrics: dict[str, Any] = {"state": "unasked", "why": "no request was left to ask for them"}
    with suppress(OverError):
        targets = asking.aside(lambda: _right_targets(arm, rightly))
        wrong = asking.aside(lambda: list(_wrongs(arm, rightly))[:_MOST_WRONG])
        for target in targets:
            answer = asking.send(target)
            if 200 <= answer.status < 400:
                for _ in range(int(arm.settings.get("repeats") or 1) - 1):
                    asking.send(target)
                asking.count(target)
        for target in wrong:
            asking.send(target)
            asking.send(target)
        good = [each.target for each in asking.sent if each.target.right and 200 <= each.status < 300]
        metrics = metrics_facts(arm, asking, good[0] if good else None, next((w for w in wrong if w.unknown), None))
    if not asking.sent:
        raise OverError
    log = log_facts(arm, asking.windows)
    traces = trace_facts(arm, asking.sent)
    return {"requests": [each.facts for each in asking.sent], "log": log, "metrics": metrics, "traces": traces}


def _right_targets(arm: CheckedArm, rightly: Rightly) -> list[Target]:
    """Return right requests that read: those of the scenario, then what else the document names."""
    ignored = set(arm.settings.get("ignore") or ())
    found: dict[tuple[str, str], Target] = {}
    for request in arm.requests:
        if request.reads and request.name not in ignored and not left_alone(request.path):
            target = Target(request.name, request.method, request.target, request.headers, request.body)
            found.setdefault((request.method, request.target.partition("?")[0]), target)
    for operation in rightly.operations.found if rightly.operations is not None else ():
        skipped = operation.name in ignored or left_alone(operation.path) or rightly.barred(operation)
        if operation.method != "GET" or skipped or len(found) >= MOST_TARGETS:
            continue
        with suppress(BrokenReferenceError):
            path = rightly.target(operation)
            if path is not None and not rightly.guessed:
                target = Target(operation.name, "GET", path, rightly.headers(operation))
                found.setdefault(("GET", path.partition("?")[0]), target)
    return list(found.values())[:MOST_TARGETS]


def _wrongs(arm: CheckedArm, rightly: Rightly) -> Iterator[Target]:
    """Yield requests for what is not there: errors that do no harm."""
    yield Target("unknown path", "GET", rightly.prefix + NOWHERE, arm.headers, right=False)
    ignored = set(arm.settings.get("ignore") or ())
    for operation in rightly.operations.found if rightly.operations is not None else ():
        skipped = operation.name in ignored or left_alone(operation.path) or rightly.barred(operation)
        if operation.method != "GET" or skipped or not operation.path.endswith("}"):
            continue
        last = operation.path.rpartition("{")[2].rstrip("}")
        with suppress(BrokenReferenceError):
            path = rightly.target(operation, values={last: UNKNOWN})
            if path is not None:
                name = f"{operation.name} (unknown id)"
                yield Target(name, "GET", path, rightly.headers(operation), right=False, unknown=str(UNKNOWN))
