"""What is said of a request that was not answered as the scenario expects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perfproof.errors import ServiceError
from perfproof.load.plan import WrongAnswer
from perfproof.model.scenario import Request, Scenario
from perfproof.service.lifecycle import RunningService


def raise_if_wrong(
    scenario: Scenario, service: RunningService, wrong: Sequence[WrongAnswer], redactor: Callable[[str], str]
) -> None:
    """Raise ServiceError for the first of the requests that failed, and name the others; none is none."""
    if not wrong:
        return
    first, others = wrong[0], [f"{scenario.requests[each.request].name!r}" for each in wrong[1:]]
    request = scenario.requests[first.request]
    more = f"; {', '.join(others)} failed too" if others else ""
    raise ServiceError(
        f"{service.arm.name} {told_answer(request, first.outcome, first.status)}",
        why=f"{redactor(first.problem)}{more}".removeprefix("; ") or None,
        hint="nothing was put under load: correct path, headers, body or `expect`, or read the service's log",
        log_tail=service.log_tail(),
    )


def told_answer(request: Request, outcome: str, status: int, where: str = "") -> str:
    """Return what came of a request and what was expected, to follow the name of an arm; ``where`` follows its own."""
    if outcome == "bad_status":
        expected = " or ".join(map(str, request.expect.status)) or "2xx"
        return f"answered {request.name!r}{where} with status {status}, not {expected}"
    if outcome == "unexpected":
        return f"did not answer {request.name!r}{where} as expected"
    return f"did not answer {request.name!r}{where} ({outcome.replace('_', ' ')})"
