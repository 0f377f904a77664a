"""The sources of one arm while it is probed: chosen, opened before the service starts, read around each request.

A source that fails is given a few seconds to come back (a database that restarts, a connection that was ended); then it
is dropped with a sentence that says what to grant or set, and the others go on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from perfproof.databases.agent import AgentSource, Offsets
from perfproof.databases.merge import Observed
from perfproof.databases.mysql_log import MysqlLog
from perfproof.databases.mysql_schema import MysqlSchema
from perfproof.databases.postgres_log import PostgresLog
from perfproof.databases.postgres_statements import PostgresStatements
from perfproof.databases.source import FAILURES, AnySource, SourceLostError
from perfproof.databases.urls import Address, parse
from perfproof.errors import PerfproofError
from perfproof.model.queries import StatementCount
from perfproof.model.scenario import Arm

IDLE_SECONDS = 1.0
"""How long the databases are watched while no request is sent."""
RECOVERY_S = 5.0
"""How long a source that was lost may take to count again."""
MOST_RECOVERIES = 3


@dataclass
class Sources:
    """What counts for one arm. ``agent`` is None where it is not injected; ``reasons``, ``problems`` are sentences.

    ``passed_over`` are the problems of better sources than those taken.
    """

    databases: list[AnySource] = field(default_factory=list)
    agent: AgentSource | None = None
    reasons: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    prefer_agent: bool = False
    passed_over: tuple[str, ...] = ()
    _recoveries: int = 0

    @property
    def any(self) -> bool:
        """Tell whether anything can count."""
        return bool(self.databases) or self.agent is not None

    @property
    def limits(self) -> tuple[str, ...]:
        """Return what the sources cannot see."""
        every = [*self.databases, *([self.agent] if self.agent else [])]
        return tuple(dict.fromkeys(limit for source in every for limit in source.limits))

    def arm(self, arm: Arm) -> Arm:
        """Return the arm to start: with the agent in its environment, if there is one."""
        if self.agent is None:
            return arm
        service = arm.service
        inherited = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        return replace(
            arm, service=replace(service, environment=self.agent.environment(inherited | dict(service.environment)))
        )

    def snapshots(self) -> list[tuple[AnySource, Any]]:
        """Return the state of every source at a quiet moment."""
        found = []
        for source in self._all():
            state = self._try(source, source.snapshot)
            if state is None and source in self._all():  # it came back, and no request was sent meanwhile
                state = self._try(source, source.snapshot)
            if state is not None:
                found.append((source, state))
        return found

    def count(self, snapshots: list[tuple[AnySource, Any]], trace: str | None) -> Observed | None:
        """Return what ran since the snapshots; with a ``trace``, the agent counts that request alone.

        None if a source was lost meanwhile, which leaves no count of this request that others can be held against.
        """
        counts = [(source, self._try(source, partial(source.count_since, state, trace))) for source, state in snapshots]
        if any(count is None for _, count in counts):
            return None
        databases = tuple(count for source, count in counts if source is not self.agent)
        return Observed(databases, next((count for source, count in counts if source is self.agent), None))

    def settle(self) -> None:
        """After the first requests: leave out an agent that nobody has loaded where a database counts without it."""
        if self.agent is None or not self.databases or self.agent.processes():
            return
        name = self.agent.name
        told = f"{name}: not loaded, since it is not Python or is started with -I, -E or -S; so no calling lines"
        self.reasons = tuple(told if each.startswith(name) else each for each in self.reasons)
        self.agent = None

    @property
    def failures(self) -> tuple[str, ...]:
        """Return where the agent has failed in the service."""
        return self.agent.failures() if self.agent is not None else ()

    @property
    def debugging(self) -> tuple[str, ...]:
        """Return which modes for developing the service runs in, as far as the agent sees."""
        return self.agent.debugging() if self.agent is not None else ()

    def background(self) -> tuple[tuple[StatementCount, ...], frozenset[str]]:
        """Return the queries that databases see while no request is sent, and fingerprints that the agent then sees."""
        agent = self.agent if self.agent is not None and self.agent.strays(Offsets({})) else None
        if not self.databases and agent is None:
            return (), frozenset()
        before = [each for each in self.snapshots() if each[0] is not self.agent]
        start = agent.snapshot() if agent is not None else Offsets({})
        time.sleep(IDLE_SECONDS)
        strays = frozenset(agent.strays(start)) if agent is not None else frozenset()
        seen = self.count(before, None)
        statements = (seen.by_database if seen else None) or {}
        return tuple(each for each in statements.values() if each.statement.kind == "query" and not each.nested), strays

    def databases_now(self) -> list[tuple[AnySource, Any]]:
        """Return the state of the databases alone, before the service has come to them."""
        states = [(source, self._try(source, source.snapshot)) for source in list(self.databases)]
        return [(source, state) for source, state in states if state is not None]

    def unused(self, before: list[tuple[AnySource, Any]]) -> tuple[str, ...]:
        """Return the names of all databases if none of them has seen a statement since then; none where one may have.

        What the service does as it starts counts too, so one that answers from a cache alone is not among them.
        """
        here = [(source, state) for source, state in before if source in self.databases]
        seen = self.count(here, None) if here and len(here) == len(before) else None
        if seen is None or seen.by_database is None or seen.by_database:
            return ()
        return tuple(source.name for source, _ in here)

    def close(self) -> None:
        """Close every source; what they changed is restored."""
        for source in self._all():
            with suppress(*FAILURES):
                source.close()

    def _all(self) -> list[AnySource]:
        return [*self.databases, *([self.agent] if self.agent else [])]

    def _try(self, source: AnySource, action: Callable[[], Any]) -> Any:
        """Return what the action returns; None if it failed, and then the source has come back or was dropped."""
        try:
            return action()
        except FAILURES as error:
            told = one_line(error)
            if isinstance(error, SourceLostError) and self._recovered(source):
                self.problems.append(f"{told}. It counts again; the probe that it missed was repeated")
                return None
            self.problems.append(f"{told}. What came after was counted without it")
            if source is self.agent:
                self.agent = None
            else:
                self.databases.remove(source)
            with suppress(*FAILURES):
                source.close()
            return None

    def _recovered(self, source: AnySource) -> bool:
        """Wait until the source can be opened again: a server that has restarted has forgotten what was switched on."""
        self._recoveries += 1
        deadline = time.monotonic() + RECOVERY_S
        while self._recoveries <= MOST_RECOVERIES:
            try:
                source.open()
            except FAILURES:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.2)
            else:
                return True
        return False


@contextmanager
def opened(arm: Arm, agent_directory: Path | None) -> Iterator[Sources]:
    """Lend the sources of an arm, ready to count; ``agent_directory`` is None where nothing can be injected."""
    if not arm.service.database:
        yield Sources()
        return
    chosen = choose(arm.service.database, ServiceFacts(agent_directory=agent_directory))
    sources = Sources(reasons=chosen.reasons, problems=list(chosen.problems), passed_over=chosen.passed_over)
    sources.prefer_agent = any(url.partition(":")[0].startswith("sqlite") for url in arm.service.database)
    for source in chosen.sources:
        try:
            source.open()
        except FAILURES as error:
            sources.problems.append(one_line(error))
            continue
        if isinstance(source, AgentSource):
            sources.agent = source
        else:
            sources.databases.append(source)
    try:
        yield sources
    finally:
        sources.close()


def one_line(error: Exception) -> str:
    """Return an error as one sentence: what, why and what to do."""
    if isinstance(error, PerfproofError):
        return ": ".join(dict.fromkeys(part for part in (error.what, error.why, error.hint) if part))
    return str(error)


@dataclass(frozen=True)
class ServiceFacts:
    """What is known of the service.

    ``agent_directory`` is a private folder for the agent, None if perfproof does not start the service (then nothing
    can be injected). ``python`` tells whether the service is Python; None if unknown: the agent then tries, and says
    in the count if no process loaded it. ``role`` is the service's database role where the address names another one;
    ``log_file`` a PostgreSQL server log that can be read here.
    """

    agent_directory: Path | None = None
    python: bool | None = None
    role: str | None = None
    log_file: Path | None = None


@dataclass(frozen=True)
class Choice:
    """The sources to use, in plain sentences why, and what could not be used and what to grant or set.

    ``passed_over`` is what kept a better source than the one taken from being used.
    """

    sources: tuple[AnySource, ...]
    reasons: tuple[str, ...]
    problems: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


def choose(urls: Sequence[str], facts: ServiceFacts) -> Choice:
    """Return the sources for the databases at ``urls``; raise UsageError for an address that cannot be read.

    The first database source of each address whose ``check`` finds nothing is taken. Nothing is opened or changed yet.
    """
    sources: list[AnySource] = []
    reasons: list[str] = []
    problems: list[str] = []
    passed_over: list[str] = []
    for address in (parse(url) for url in urls):
        if address.system != "sqlite":
            passed_over += _choose_for(address, facts, sources, reasons, problems)
    lite = any(parse(url).system == "sqlite" for url in urls)
    if facts.agent_directory is not None and facts.python is not False:
        sources.append(AgentSource(facts.agent_directory))
        reasons.append(f"{AgentSource.name}: " + ("the only view of SQLite" if lite else "calling lines, cross-check"))
    elif lite:
        problems.append(
            "queries on SQLite can only be counted inside a Python service that perfproof starts itself: give"
            " service.command instead of service.url"
        )
    return Choice(tuple(sources), tuple(reasons), tuple(problems), tuple(passed_over))


def _choose_for(
    address: Address, facts: ServiceFacts, sources: list[AnySource], reasons: list[str], problems: list[str]
) -> list[str]:
    """Take the first source that works, or tell the problems of all; return what kept better ones from being taken."""
    rejected: list[str] = []
    for make in _candidates(address, facts):
        source = make()
        try:
            found = source.check()
        except FAILURES as error:
            found = [f"{source.name} of {address} cannot be used: {str(error).splitlines()[0]}"]
        if not found:
            sources.append(source)
            reasons.append(f"{source.name} for {address}" + (f", since {rejected[0]}" if rejected else ""))
            return rejected
        source.close()
        rejected.extend(problem for problem in found if problem not in rejected)
    problems.extend(rejected)
    return []


def _candidates(address: Address, facts: ServiceFacts) -> list[Callable[[], AnySource]]:
    if address.system == "postgresql":
        return [
            lambda: PostgresStatements(address, facts.role),
            lambda: PostgresLog(address, facts.role, facts.log_file),
        ]
    return [lambda: MysqlSchema(address, facts.role), lambda: MysqlLog(address, facts.role)]
