"""From what several sources counted in several repeats to one count a statement, as exact as they allow.

The database's own view is believed, since it misses nothing; the agent knows callers, parameters and which request a
statement belongs to. So it settles what the database cannot tell: statements of timers and pools that ran meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from perfproof.model.probe import ProbedSize, RepeatedCount
from perfproof.model.queries import ProbeCount, Statement, StatementCount

Key = tuple[str, bool]


@dataclass(frozen=True)
class Observed:
    """What was counted while one request was answered: by the databases together, and by the agent."""

    database: tuple[ProbeCount, ...] = ()
    agent: ProbeCount | None = None

    @property
    def by_database(self) -> dict[Key, StatementCount] | None:
        """Return the databases' statements; None if there is none or one of the counts is void."""
        if not self.database or any(count.void for count in self.database):
            return None
        return _by_key([each for count in self.database for each in count.statements])

    @property
    def by_agent(self) -> dict[Key, StatementCount] | None:
        """Return the agent's statements; None if there is no agent or it did not see the request."""
        return None if self.agent is None or self.agent.void else _by_key(self.agent.statements)

    def total(self, *, prefer_agent: bool) -> int | None:
        """Return the number of queries of the application, to see whether repeats agree."""
        first, second = self.by_database, self.by_agent
        found = second if first is None or (prefer_agent and second) else first
        return None if found is None else _queries(found)


@dataclass(frozen=True)
class Merged:
    """The statements of one probe, or None if nothing could count, and where they come from.

    ``strays`` is how many queries may be the request's beside those, ran in a thread that belongs to none.
    """

    statements: tuple[RepeatedCount, ...] | None
    source: str = ""
    disagreement: str | None = None
    doubts: tuple[str, ...] = ()
    db_ns: tuple[int, ...] = ()
    strays: int = 0


def merge(repeats: Sequence[Observed], background: Collection[str] = (), *, prefer_agent: bool = False) -> Merged:
    """Return one count a statement over the repeats of a probe.

    ``background`` are the fingerprints seen while no request was sent; ``prefer_agent`` is for services with a SQLite
    database, which only the agent sees.
    """
    databases = [as_sent(known, each.by_agent or {}) for each in repeats if (known := each.by_database) is not None]
    agents = [known for each in repeats if (known := each.by_agent) is not None]
    doubts = dict.fromkeys(doubt for each in repeats for doubt in _doubts(each))
    believe_agent = bool(agents) and (prefer_agent or not databases)
    sides = agents if believe_agent else databases
    if not sides:
        return Merged(None, doubts=tuple(doubts))
    judge = agents if not believe_agent and len(agents) == len(repeats) else []
    statements = []
    for key in dict.fromkeys(key for side in sides for key in side):
        found = _repeated(key, [side.get(key) for side in sides], judge, background)
        if found is not None:
            statements.append(_with_callers(found, agents))
    strays = _strays(repeats, background) if believe_agent else 0
    counts = [count for each in repeats for count in ([each.agent] if believe_agent else each.database) if count]
    times = [[each.agent] if believe_agent else each.database for each in repeats]
    return Merged(
        statements=tuple(sorted(statements, key=lambda each: (-each.count.calls, each.count.statement.text))),
        source=" and ".join(dict.fromkeys(count.source for count in counts)),
        disagreement=None if believe_agent else _disagreement(statements, agents),
        doubts=tuple(doubts),
        strays=strays,
        db_ns=tuple(_time(each) for each in times if each and all(c and c.time_ns is not None for c in each)),
    )


def twin(text: str) -> str:
    """Return a text in which an IN of one element is what PostgreSQL takes it for: a comparison."""
    return text.replace(" in (?)", " = ?")


def as_sent(database: dict[Key, StatementCount], agent: Mapping[Key, StatementCount]) -> dict[Key, StatementCount]:
    """Return the database's statements as the service wrote them.

    PostgreSQL counts ``x in ($1)`` and ``x = $1`` as one statement and shows whichever it met first, maybe long ago.
    """
    written = {twin(each.statement.text): each.statement for each in agent.values()}
    keys = {key for key, _ in agent}
    found: dict[Key, StatementCount] = {}
    for (key, nested), each in database.items():
        meant = None if nested or key in keys else written.get(twin(each.statement.text))
        renamed = each if meant is None else replace(each, statement=meant)
        place = (renamed.statement.key, nested)
        found[place] = _sum(found[place], renamed) if place in found else renamed
    return found


def one_name(sizes: Sequence[ProbedSize]) -> list[ProbedSize]:
    """Return the sizes with one name for statements that are one to PostgreSQL and never run at the same size.

    That is all that can be done where no agent tells what was written: an ``in (?)`` of one element at size 1.
    """
    by_twin: dict[str, dict[str, Statement]] = {}
    for size in sizes:
        for each in size.statements or ():
            statement = each.count.statement
            if not each.count.nested:
                by_twin.setdefault(twin(statement.text), {})[statement.key] = statement
    renamed: dict[str, Statement] = {}
    for found in by_twin.values():
        together = any(sum(e.count.statement.key in found for e in size.statements or ()) > 1 for size in sizes)
        if len(found) > 1 and not together:
            name = next(each for each in found.values() if " in (?)" in each.text)
            renamed.update(dict.fromkeys(found, name))
    if not renamed:
        return list(sizes)
    return [
        size
        if size.statements is None
        else replace(size, statements=tuple(_renamed(each, renamed) for each in size.statements))
        for size in sizes
    ]


def _renamed(each: RepeatedCount, names: Mapping[str, Statement]) -> RepeatedCount:
    name = None if each.count.nested else names.get(each.count.statement.key)
    return each if name is None else replace(each, count=replace(each.count, statement=name))


def _repeated(
    key: Key,
    seen: Sequence[StatementCount | None],
    agents: Sequence[Mapping[Key, StatementCount]],
    background: Collection[str],
) -> RepeatedCount | None:
    """Return one statement's count, or None if it is none of the request's."""
    calls = [each.calls if each else 0 for each in seen]
    low, high = min(calls), max(calls)
    fewest = min((each for each in seen if each), key=lambda each: each.calls)
    # What ran while nothing was asked, or not in every repeat, may be a timer's; the agent knows whose it was. Leaving
    # all of it out would lose a query of the request that a pool happens to send as well.
    doubtful = key[0] in background or low != high
    if doubtful and not key[1]:
        own = {agent[key].calls if key in agent else 0 for agent in agents}
        if len(own) == 1 and (any(agents) or key[0] in background):
            (low,) = own
            high = low
        elif key[0] in background:
            high = low
    if not high:
        return None
    share = low / fewest.calls if fewest.calls > low > 0 else 1.0
    rows = None if fewest.rows is None else round(fewest.rows * share)
    return RepeatedCount(replace(fewest, calls=low, rows=rows), high)


def _with_callers(found: RepeatedCount, agents: Sequence[Mapping[Key, StatementCount]]) -> RepeatedCount:
    key = (found.count.statement.key, False)
    known = next((agent[key] for agent in agents if key in agent), None)
    if known is None or found.count.nested:
        return found
    count = replace(found.count, callers=known.callers, libraries=known.libraries, repeated=known.repeated)
    return replace(found, count=count)


def _strays(repeats: Sequence[Observed], background: Collection[str]) -> int:
    """Return the fewest queries over the repeats that nobody knows the request of; a timer does not meet each one."""
    counts = [each.agent.strays if each.agent else {} for each in repeats]
    return min(sum(calls for key, calls in each.items() if key not in background) for each in counts)


def _disagreement(statements: Sequence[RepeatedCount], agents: Sequence[Mapping[Key, StatementCount]]) -> str | None:
    if not agents:
        return None
    mine = sum(each.count.calls for each in statements if each.application)
    theirs = min(_queries(agent) for agent in agents)
    most = sum(each.most for each in statements if each.application)
    return None if mine <= theirs <= most else f"agent {theirs}, database {mine}"


def _queries(counts: Mapping[Key, StatementCount]) -> int:
    return sum(each.calls for each in counts.values() if each.statement.kind == "query" and not each.nested)


def _by_key(statements: Sequence[StatementCount]) -> dict[Key, StatementCount]:
    found: dict[Key, StatementCount] = {}
    for each in statements:
        key = (each.statement.key, each.nested)
        found[key] = _sum(found[key], each) if key in found else each
    return found


def _sum(one: StatementCount, two: StatementCount) -> StatementCount:
    return replace(
        one,
        calls=one.calls + two.calls,
        rows=None if one.rows is None or two.rows is None else one.rows + two.rows,
        time_ns=None if one.time_ns is None or two.time_ns is None else one.time_ns + two.time_ns,
    )


def _time(counts: Sequence[ProbeCount | None]) -> int:
    return sum(count.time_ns or 0 for count in counts if count)


def _doubts(each: Observed) -> list[str]:
    found = [doubt for count in each.database for doubt in (*([count.void] if count.void else []), *count.doubts)]
    if each.agent is not None and not each.agent.void:
        found += each.agent.doubts
    if each.agent is not None and each.agent.void and not each.database:
        found.append(each.agent.void)
    return found
