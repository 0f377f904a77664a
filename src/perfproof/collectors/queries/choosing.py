"""Which sources count for a service, and why those: the best that works for each database, and the agent for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfproof.collectors.queries.agent_source import AgentSource
from perfproof.collectors.queries.mysql_log import MysqlLog
from perfproof.collectors.queries.mysql_schema import MysqlSchema
from perfproof.collectors.queries.postgres_log import PostgresLog
from perfproof.collectors.queries.postgres_statements import PostgresStatements
from perfproof.collectors.queries.source import FAILURES, AnySource
from perfproof.collectors.queries.urls import Address, parse


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
