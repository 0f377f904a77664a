"""Whether queries can be counted and code be profiled: each arm is started once more, with the agent in it, and asked.

Apart from the plain start, so that what an injected agent does to a service is never blamed on the service.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfproof.core.numbers import count_of, listed
from perfproof.databases.agent import AgentSource
from perfproof.databases.sources import Sources, opened
from perfproof.doctor.context import Context
from perfproof.doctor.requests import modest, patience
from perfproof.doctor.results import CheckResult, NotChecked, joined, of_error, ok, problem, warning
from perfproof.doctor.start import begun, developing
from perfproof.errors import LoadError, PerfproofError, UnsendableError
from perfproof.load.load_client import LoadProcess
from perfproof.measure.arms import lives_on
from perfproof.model.profile import Engine
from perfproof.model.scenario import Arm, Scenario
from perfproof.queries.probe_plan import plan, worth_probing
from perfproof.service.programs import AUTO, fits
from perfproof.why.passes.profile import profiler_of
from perfproof.why.profiles.engine import Profiler, UnavailableError

IN_AGENT: tuple[Engine, ...] = ("agent", "pyinstrument")
_GRANT = "docs/queries.md says what to grant and set"
_DOUBT = "cannot be used"


@dataclass
class Seen:
    """What one arm showed: ``asked`` requests ran ``queries`` (None: nobody could count), and why not (``void``)."""

    asked: int = 0
    queries: int | None = None
    void: list[str] = field(default_factory=list)


class InstrumentationCheck:
    """Whether the databases, the agent and the profilers see what they are to see."""

    about = "queries"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Watch one arm after the other."""
        scenario = context.read()
        if not _engines(scenario) and not any(arm.service.database for arm in scenario.arms):
            return  # nothing would be put into the services
        ready = [(number, arm) for number, arm in enumerate(scenario.arms) if arm.name in context.ready]
        if not ready:
            raise NotChecked("no version of the service could be asked")
        context.load = LoadProcess.start(
            modest(scenario),
            log=context.private / "load.log",
            cpus=context.cpus.generator,
            folder=context.private,
            redactor=context.redactor,
        )
        by_arm, began = [], time.monotonic()
        for number, arm in ready:
            context.observer.phase(f"starting {arm.name} with the agent in it")
            try:
                by_arm.append((arm.name, _watch(context, context.load, number, arm)))
            except PerfproofError as error:
                fix = "the plain start worked: what is injected disturbs it; `why: off` and no `database:` leave it out"
                by_arm.append((arm.name, [of_error("agent", error, "warning", fix)]))
        if worth_probing(scenario, arms=len(scenario.arms))[0]:
            context.lead_seconds += time.monotonic() - began  # a probe starts every arm in just this way
        found = joined(by_arm)
        order = list(dict.fromkeys(finding.about for finding in found))
        yield from sorted(found, key=lambda finding: order.index(finding.about))


def _watch(context: Context, load: LoadProcess, number: int, arm: Arm) -> list[CheckResult]:
    """Start one arm with everything in it that a probe and a profile put there, ask it, and return what was seen."""
    scenario = context.read()
    folder = context.private / f"watch-{arm.name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    afresh = arm.service.command is not None and not lives_on(arm)
    with opened(arm, folder / "agent" if afresh else None) as found, ExitStack() as stack:
        sources = found
        if afresh and not arm.service.database:
            sources = Sources(agent=AgentSource(folder / "agent"))
            assert sources.agent is not None  # noqa: S101 - just made
            sources.agent.open()
            stack.callback(sources.close)
        agent = sources.agent
        profilers, lacking = _profilers(scenario, folder, arm, afresh=afresh)
        watched = sources.arm(arm)
        for profiler in profilers.values():
            stack.callback(profiler.close)
            service = watched.service
            watched = replace(watched, service=replace(service, environment=profiler.environment(service.environment)))
        running = begun(context, watched, "watched")
        stack.callback(running.stop)
        for profiler in profilers.values():  # first on the way out: no program may outlive what it looks at
            stack.callback(profiler.close)
        with patience(load):
            load.open(number, running.base_url)
            sources.settle()
            seen = _asked(scenario, load, number, sources)
        findings = _database(context, arm, sources, seen, agent)
        if agent is not None:
            findings += [developing(arm.name, mode) for mode in agent.debugging()]
            findings += _drivers(agent)
        findings += _profiled(scenario, profilers, lacking, agent, running.processes())
    return findings


def _asked(scenario: Scenario, load: LoadProcess, number: int, sources: Sources) -> Seen:
    """Send every request that reads and can be sent alone, and add up the queries it ran."""
    seen = Seen()
    if scenario.locustfile is not None:
        return seen
    for index, request in enumerate(scenario.requests):
        if not request.reads or request.flow:
            continue
        shot = plan(request, counted=False)[0]
        before = sources.snapshots()
        try:
            reply = load.probe(number, index, shot.values)
        except UnsendableError:
            continue
        count = sources.count(before, reply.trace)
        seen.asked += 1
        if count is None:
            continue
        total = count.total(prefer_agent=sources.prefer_agent)
        seen.void += [each.void for each in (*count.database, count.agent) if each is not None and each.void]
        if total is not None:
            seen.queries = (seen.queries or 0) + total
    return seen


def _database(context: Context, arm: Arm, sources: Sources, seen: Seen, agent: AgentSource | None) -> list[CheckResult]:
    """Return whether queries of an arm with a ``database:`` can be counted, and what is lacking."""
    if not arm.service.database:
        return []
    about = InstrumentationCheck.about
    problems = [context.redactor(each) for each in dict.fromkeys([*sources.problems, *sources.failures])]
    counting = [source.name for source in sources.databases]
    if agent is not None and (agent.saw_requests() or not sources.databases):
        counting.append(agent.name)
    if seen.asked and seen.queries is None:
        told = problems or list(dict.fromkeys(map(context.redactor, seen.void)))
        whole = CheckResult("problem", about, "queries cannot be counted, although `database:` is given", fix=_GRANT)
        return [_of_sentence("problem", each) for each in told] or [whole]
    better = [context.redactor(each) for each in sources.passed_over]
    lacking = [_of_sentence("warning", each) for each in dict.fromkeys([*better, *problems])]
    if not seen.asked:
        return [*lacking, ok(about, f"counted by {listed(counting)}; no request can be sent alone to try it")]
    if not seen.queries:
        what = f"none was seen in {count_of(seen.asked, 'request')}, by {listed(counting)}"
        fix = "let `database:` name what the service uses, and its driver be one that is known (docs/queries.md)"
        return [*lacking, warning(about, what, fix)]
    told_by = f"{seen.queries:,} in {count_of(seen.asked, 'request')}, counted by {listed(counting)}"
    return [*lacking, ok(about, told_by)]


def _of_sentence(state: str, text: str) -> CheckResult:
    """Return one of the sentences in which sources tell what they lack as a finding: what, and behind it the remedy."""
    make = problem if state == "problem" else warning
    what, *rest = text.splitlines()
    named = {line.strip().partition(": ")[0]: line.strip().partition(": ")[2] for line in rest}
    if named:
        return make(InstrumentationCheck.about, what, named.get("fix", _GRANT), named.get("why", ""))
    what, _, remedy = what.partition(": ")
    if what.endswith(_DOUBT):
        return make(InstrumentationCheck.about, what, _GRANT, remedy)
    return make(InstrumentationCheck.about, what, remedy or _GRANT)


def _drivers(agent: AgentSource) -> list[CheckResult]:
    found = agent.drivers()
    return [ok("drivers", ", ".join(found))] if found else []


def _profilers(
    scenario: Scenario, folder: Path, arm: Arm, *, afresh: bool
) -> tuple[dict[Engine, Profiler], dict[Engine, UnavailableError]]:
    """Return the profilers that work beside the agent, and what keeps others from being made."""
    made: dict[Engine, Profiler] = {}
    lacking: dict[Engine, UnavailableError] = {}
    for engine in _engines(scenario):
        if engine in IN_AGENT:
            continue
        try:
            made[engine] = profiler_of(engine, folder, scenario.explain.interval, arm, afresh=afresh)
        except UnavailableError as error:
            lacking[engine] = error
    return made, lacking


def _engines(scenario: Scenario) -> Sequence[Engine]:
    wanted = scenario.explain.profile
    return () if wanted == "off" else AUTO if wanted == "auto" else (wanted,)


def _profiled(
    scenario: Scenario,
    profilers: dict[Engine, Profiler],
    lacking: dict[Engine, UnavailableError],
    agent: AgentSource | None,
    pids: Sequence[int],
) -> list[CheckResult]:
    """Return which engine would take the profile of an arm: the first that works, as in a run."""
    about = "profile"
    if not (engines := _engines(scenario)):
        return []
    failed: list[tuple[Engine, UnavailableError]] = []
    for engine in engines:
        if scenario.explain.profile == "auto" and not fits(engine, pids):
            continue
        try:
            if engine in IN_AGENT:
                _seen_by(agent)
            elif engine in lacking:
                raise lacking[engine]
            else:
                with suppress(LoadError):
                    profilers[engine].ready(pids)
        except UnavailableError as error:
            failed.append((engine, error))
            continue
        return [ok(about, f"taken by {'the agent, request by request' if engine in IN_AGENT else engine}")]
    what = "none can be taken, so causes in the code stay unknown"
    why = "; ".join(f"{engine}: {error.what}" for engine, error in failed)
    fixes = [error.hint for _, error in failed if error.hint]
    return [warning(about, what, fixes[0] if fixes else "docs/profiles.md says what each profiler needs", why)]


def _seen_by(agent: AgentSource | None) -> None:
    """Raise UnavailableError where the agent would see no request."""
    if agent is None:
        raise UnavailableError("the service is not started afresh, so nothing can be put into it")
    if not agent.processes():
        raise UnavailableError("no process has loaded it: not Python, or started with -I, -E or -S")
    if not agent.saw_requests():
        raise UnavailableError("it saw no request: a server or framework that it does not know")
