"""Whether the set-up works, and every request is answered as expected."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from perfproof.core.numbers import count_of, listed
from perfproof.doctor.context import Context
from perfproof.doctor.results import LOG_LINES, CheckResult, NotChecked, joined, of_error, ok
from perfproof.errors import LoadError, PerfproofError
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import WrongAnswer
from perfproof.model.scenario import Scenario
from perfproof.rounds.run_context import describe_wrong_answer

ANSWERS_WITHIN = 60.0
"""Seconds in which everything must have been asked once; what hangs then is given up."""
FEW = 4
"""Users and connections that are enough to ask everything once; a check needs no more open files than that."""
TOLD = 4
"""Requests that are told one by one; of more, only the names."""


def modest(scenario: Scenario) -> Scenario:
    """Return the scenario with a load of one process and few users: requests are asked one at a time."""
    load = scenario.load
    few = replace(
        load, users=min(load.users, FEW), connections=min(load.connections, FEW), workers=1, listen="", token_file=""
    )
    return replace(scenario, load=few)


class SetUp:
    """Whether the load process starts, may reach the services, and gets through the set-up steps."""

    about = "set-up"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Send the steps to each arm that is up."""
        running, scenario = context.running(), context.read()
        began = time.monotonic()
        context.load = LoadProcess.start(
            modest(scenario),
            log=context.private / "load.log",
            cpus=context.cpus.generator,
            folder=context.private,
            redactor=context.redactor,
        )
        context.lead_seconds += time.monotonic() - began
        failed = []
        for number, arm in enumerate(scenario.arms):
            if arm.name not in running:
                continue
            try:
                with patience(context.load):
                    context.load.open(number, running[arm.name].base_url)
                context.ready.add(arm.name)
            except PerfproofError as error:
                log = running[arm.name].log_tail(LOG_LINES)
                failed.append((arm.name, [replace(of_error(self.about, error, fix=_FIX), log=log)]))
        yield from joined(failed, everywhere=len(running), always=": ")
        if context.ready and scenario.setup:
            steps = ", ".join(dict.fromkeys(step.name for step in scenario.setup))
            word = "is" if len(scenario.setup) == 1 else "are"
            where = "" if not failed else f" on {' and '.join(sorted(context.ready))}"
            yield ok(self.about, f"{count_of(len(scenario.setup), 'step')} ({steps}) {word} answered{where}")


_FIX = "correct the step under `setup:`, or read the service's log"


class RequestsCheck:
    """Whether every request is answered as the scenario expects."""

    about = "requests"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Send each once to every arm that is up, as a measurement does before its first round."""
        scenario, running = context.read(), context.running()
        if scenario.locustfile is not None:
            raise NotChecked(f"those of {scenario.locustfile.file.name} come up as it runs")
        if not context.ready:
            raise NotChecked("the set-up does not work")
        load, wrong, began = context.asking(), [], time.monotonic()
        for number, arm in enumerate(scenario.arms):
            if arm.name not in context.ready:
                continue
            context.observer.phase(f"asking {arm.name} everything once")
            service = running[arm.name]
            try:
                with patience(load):
                    answers = load.try_out(number)
            except LoadError as error:
                wrong.append((arm.name, [replace(of_error(self.about, error), log=service.log_tail(LOG_LINES))]))
                continue
            log = service.log_tail(LOG_LINES) if answers else ()
            findings = unanswered(scenario, answers, log)
            if died := service.check():
                findings = [CheckResult("problem", self.about, died, fix="the end of its log says more", log=log)]
            wrong.append((arm.name, findings))
        context.pass_seconds = time.monotonic() - began
        context.sound = not any(findings for _, findings in wrong)
        yield from joined([each for each in wrong if each[1]], everywhere=len(wrong), always=" ")
        if context.sound:
            count = len(scenario.requests)
            whom = " and ".join(sorted(context.ready))
            told = f"all {count} are" if count > 1 else "it is"
            yield ok(self.about, f"{told} answered as expected by {whom}")


def unanswered(scenario: Scenario, answers: Sequence[WrongAnswer], log: tuple[str, ...]) -> list[CheckResult]:
    """Return what is said of requests that were not answered as expected; ``log`` goes with the first of them. Pure."""
    found = []
    for number, each in enumerate(answers[:TOLD]):
        request = scenario.requests[each.request]
        what = describe_wrong_answer(request, each.outcome, each.status)
        found.append(
            CheckResult("problem", RequestsCheck.about, what, each.problem, _advice(each), log if number == 0 else ())
        )
    rest = [scenario.requests[each.request].name for each in answers[TOLD:]]
    if rest:
        fix = "mend those above first"
        found.append(
            CheckResult(
                "problem", RequestsCheck.about, f"did not answer these as expected either: {listed(rest, 6)}", fix=fix
            )
        )
    return found


def _advice(answer: WrongAnswer) -> str:
    """Return what to do about a request that was not answered as expected."""
    if answer.outcome == "bad_status":
        if answer.status in (401, 403):
            return "let the request carry what the set-up captures (its `headers:`), or let the user have the right"
        if answer.status in (404, 405):
            return "correct its method, path or `values:`; is the data there that `prepare:` makes?"
        if 300 <= answer.status < 400:
            return "write the path it leads to, or `follow_redirects: true`"
        if answer.status >= 500:
            return "the service failed inside: read its log"
        return "correct its headers or body, or the status it is to `expect:`"
    if answer.outcome == "timeout":
        return "read the service's log; a longer `timeout:` of the request waits longer"
    return "correct what it is to `expect:`, or read the service's log"


@contextmanager
def patience(load: LoadProcess, seconds: float = ANSWERS_WITHIN) -> Iterator[None]:
    """Give up what is being asked after ``seconds``, for good; LoadError then says so."""
    given_up = threading.Event()

    def give_up() -> None:
        given_up.set()
        load.abort()

    timer = threading.Timer(seconds, give_up)
    timer.start()
    try:
        yield
        if given_up.is_set():
            raise _impatient(seconds)
    except LoadError as error:
        if given_up.is_set():
            raise _impatient(seconds) from error
        raise
    finally:
        timer.cancel()


def _impatient(seconds: float) -> LoadError:
    return LoadError(
        f"did not answer everything within {seconds:.0f} s",
        hint="ask fewer or quicker requests, or give slow ones a shorter `timeout:` to see which they are",
    )
