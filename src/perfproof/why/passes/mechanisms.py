"""The mechanisms of the levers, watched on a start of each arm's own: headers, encodings, pools, plans, CPU by size.

First one request at a time, each for the first time since the start, then again; then a short stretch of load. The
agent that is in the services (Python ones) would lengthen what it watches: hence no start is shared with timed rounds.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from perfproof.agent import WANTS_VARIABLE
from perfproof.core.numbers import count_of
from perfproof.databases.agent import AgentSource, Offsets
from perfproof.databases.sources import Sources, one_line, opened
from perfproof.errors import PerfproofError, UnsendableError
from perfproof.model.levers import ArmLevers, HttpFacts, PoolFacts, QueryPlan
from perfproof.model.probe import Probing
from perfproof.model.scenario import Arm
from perfproof.rounds.single_start import Allowance, OutOfTimeError, PassContext, startable, started
from perfproof.service.processes import ProcessTree
from perfproof.why.observed.connections import ConnectionWatch, pool_facts, sqlite_files
from perfproof.why.observed.databases import explainers, views
from perfproof.why.observed.plans import plans_of, slowest
from perfproof.why.passes.http_facts import ProbeClient, after_writes, first_and_again, with_encodings, with_sizes

LOAD_SECONDS = 1.5
"""How long the arm is put under the scenario's load while connections are watched."""
_WHAT = "looking at headers, connections and plans"
CPU_SECONDS, MOST_PER_REQUEST = 2.0, 0.8
"""How long CPU is measured, of all requests of an arm and of one at most."""


def observe_levers(
    phase: PassContext, probing: Probing | None, allowance: Allowance | None = None
) -> tuple[ArmLevers, ...]:
    """Return what was observed of every arm; what could not be is told in its notes.

    Raises OutOfTimeError where there is not the time for every arm: one alone tells nothing.
    """
    allowed = allowance or Allowance.of(phase.scenario.explain, None, len(phase.scenario.arms))
    found = []
    for number in range(len(phase.scenario.arms)):
        with allowed.part(1 / (len(phase.scenario.arms) - number)) as part:
            found.append(_observed(phase, number, probing, part))
    return stale_statistics_note(tuple(found))


def stale_statistics_note(arms: tuple[ArmLevers, ...]) -> tuple[ArmLevers, ...]:
    """Return the arms with a note on each response that a write changed elsewhere and did not change here."""
    told = []
    for arm in arms:
        others = {facts.request for other in arms for facts in other.http if facts.after_write == "changed"}
        stale = [facts.request for facts in arm.http if facts.after_write == "same" and facts.request in others]
        notes = [f"{name}: stale: a write changed what the other version answers, and not this one" for name in stale]
        told.append(replace(arm, notes=(*arm.notes, *notes)))
    return tuple(told)


def _observed(phase: PassContext, number: int, probing: Probing | None, allowance: Allowance) -> ArmLevers:
    """Watch one arm; what ends it early does not keep the other from being watched."""
    watched = _Watched(phase, number, probing, allowance)
    try:
        return watched.observe()
    except OutOfTimeError:
        raise
    except PerfproofError as error:
        return watched.told(one_line(error))


class _Watched:
    """One arm being watched."""

    def __init__(self, phase: PassContext, number: int, probing: Probing | None, allowance: Allowance) -> None:
        self.phase, self.number, self.probing, self.allowance = phase, number, probing, allowance
        self.arm: Arm = phase.scenario.arms[number]
        self.notes: list[str] = []
        self.http: tuple[HttpFacts, ...] = ()
        self.pools: tuple[PoolFacts, ...] = ()
        self.plans: tuple[QueryPlan, ...] = ()

    def observe(self) -> ArmLevers:
        """Start the arm, watch it, stop it."""
        phase, arm = self.phase, self.arm
        logs = phase.private / f"levers-{arm.name}"
        logs.mkdir(mode=0o700, exist_ok=True)
        injectable = startable(phase, arm)
        with opened(arm, logs / "agent" if injectable else None) as sources, ExitStack() as stack:
            if injectable and sources.agent is None:
                sources.agent = self._agent(logs / "agent")
            phase.observer.phase(f"watching {arm.name}: starting")
            service = stack.enter_context(started(phase, _wanting(sources.arm(arm)), logs, self.allowance, _WHAT))
            phase.load.open(self.number, service.base_url)
            tree = ProcessTree(self.number, service.processes)
            self.http = self._http(sources, tree, afresh=injectable)
            self.pools = self._pools(sources)
            self.plans = self._plans(sources)
            return self.told(*sources.problems, *sources.failures)

    def told(self, *notes: str) -> ArmLevers:
        """Return what is known by now, with its notes."""
        every = dict.fromkeys(map(self.phase.redactor, [*self.notes, *notes]))
        return ArmLevers(self.arm.name, self.http, self.pools, self.plans, notes=tuple(every))

    def _agent(self, directory: Path) -> AgentSource | None:
        agent = AgentSource(directory)
        try:
            agent.open()
        except OSError as error:
            self.notes.append(f"the agent's directory cannot be used: {error.strerror}")
            return None
        return agent

    def _http(self, sources: Sources, tree: ProcessTree, *, afresh: bool) -> tuple[HttpFacts, ...]:
        """Ask every request that only reads, each for the first time before any is asked for something else."""
        phase = self.phase
        askers: list[ProbeClient] = []
        writers: list[ProbeClient] = []
        requests = max(len(phase.scenario.requests), 1)
        each = min(MOST_PER_REQUEST, CPU_SECONDS / requests)
        patience = self.allowance.left(keeping=LOAD_SECONDS) / requests
        for index, request in enumerate(phase.scenario.requests):
            one = ProbeClient(phase.load, self.number, index, request, tree, each, patience)
            if not request.reads and request.probe.writes and not (request.flow or request.stream):
                writers.append(one)
            elif not request.reads:
                self.notes.append(f"{request.name}: it writes, so its responses are not looked at")
            elif request.stream is not None:
                self.notes.append(f"{request.name}: it is a stream, whose headers tell nothing of its messages")
            elif request.flow:
                self.notes.append(f"{request.name}: it is a step of a flow and cannot be sent alone")
            else:
                askers.append(one)
        found: list[tuple[ProbeClient, HttpFacts]] = []
        for at, asker in enumerate(askers):
            if not self.allowance.left():
                late = count_of(len(askers) - at, "request")
                self.notes.append(f"no time was left for the headers of {late}: give the command more `--time`")
                break
            phase.observer.phase(f"watching {self.arm.name}: {asker.request.name}")
            try:
                found.append((asker, first_and_again(asker, sources, afresh=afresh)))
            except UnsendableError as error:
                self.notes.append(f"{error.what}: {error.why}")
        if found and not tree.cpu_by_pid():
            self.notes.append("the service runs on another machine, so its CPU per request is not known")
        every = [(self._deeper(each, facts), each) for each, facts in found]
        return after_writes(every, writers if self.allowance.left() else [])

    def _deeper(self, asker: ProbeClient, facts: HttpFacts) -> HttpFacts:
        """Return the facts with encodings, CPU and sizes, as they are where there is no time for that."""
        if not self.allowance.left():
            return facts
        facts = with_encodings(facts, asker)
        return with_sizes(facts, asker) if self.allowance.left() else facts

    def _pools(self, sources: Sources) -> tuple[PoolFacts, ...]:
        """Put the arm under load for a moment and return what became of its database connections."""
        if not self.allowance.left():
            self.notes.append("no time was left to watch database connections: give the command more `--time`")
            return ()
        self.phase.observer.phase(f"watching {self.arm.name}: connections under load")
        agent = sources.agent
        databases, problems = views(self.arm.service.database)
        self.notes += problems
        with ExitStack() as stack:
            for view in databases:
                stack.callback(view.close)
            watching = [ConnectionWatch(view) for view in databases]
            mark = agent.snapshot() if agent is not None else Offsets({})
            with ExitStack() as together:
                for each in watching:
                    together.enter_context(each)
                report = self.phase.load.warm(self.number, min(LOAD_SECONDS, max(0.3, self.allowance.left())))
            found = [each.facts(report.requests) for each in watching]
            if agent is not None:
                found.insert(0, pool_facts(agent.lines(mark), agent.lines(Offsets({})), report.requests))
        self.notes += [each.problem for each in watching if each.problem]
        return tuple(each for each in found if each is not None)

    def _plans(self, sources: Sources) -> tuple[QueryPlan, ...]:
        """Ask the databases how they run the statements that the probe found slowest."""
        wanted = slowest(self.probing, self.arm.name) if self.probing is not None else []
        if not wanted:
            return ()
        self.phase.observer.phase(f"watching {self.arm.name}: query plans")
        files = sqlite_files(sources.agent.lines(Offsets({}))) if sources.agent is not None else []
        asked = explainers(self.arm.service.database, files)
        try:
            plans, notes = plans_of(wanted, asked)
        finally:
            for each in asked:
                each.close()
        self.notes += notes
        return plans


def _wanting(arm: Arm) -> Arm:
    """Return the arm with an agent, if there is one, that watches connections as well as statements."""
    environment = arm.service.environment
    if WANTS_VARIABLE not in environment:
        return arm
    return replace(arm, service=replace(arm.service, environment={**environment, WANTS_VARIABLE: "queries,pool"}))
