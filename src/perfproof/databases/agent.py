"""What the injected agent saw: statements with the calling line and the request they belong to.

The agent writes one file of JSON lines per process into a private directory (``perfproof_agent/channel.py`` tells how).
Its texts come without literals; here they get the same fingerprints as those of the databases.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from perfproof.agent import injected
from perfproof.databases.fingerprint import Dialect, fingerprints
from perfproof.databases.idle import SETTLE_S, TIMEOUT_S
from perfproof.model.queries import ProbeCount, Statement, StatementCount

Line = dict[str, Any]


@dataclass(frozen=True)
class Offsets:
    """How much of each file was there."""

    sizes: Mapping[str, int]


class AgentSource:
    """A QuerySource over the agent's directory (made if missing, for this user alone).

    Start the service with ``environment(...)`` in place of its environment; start it without for timed rounds, so that
    nothing of the agent is in the process.
    """

    name = "agent in the service"
    limits = (
        "only what goes through sqlite3, aiosqlite, psycopg, psycopg2, asyncpg, PyMySQL or mysqlclient is seen",
        "FETCH on psycopg2's server-side cursors is not seen",
    )

    def __init__(self, directory: Path, timeout: float = TIMEOUT_S) -> None:
        self.directory = directory
        self._timeout = timeout
        self._last = Offsets({})

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the service's environment with the agent switched on."""
        return injected(environment, self.directory)

    def check(self) -> list[str]:
        """Return what keeps the directory from being used."""
        try:
            self.open()
        except OSError as error:
            return [f"the agent's directory {self.directory} cannot be used: {error.strerror}"]
        return []

    def open(self) -> None:
        """Make the directory."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    def close(self) -> None:
        """Remove what the agent wrote."""
        for file in self._files():
            file.unlink(missing_ok=True)

    def failures(self) -> tuple[str, ...]:
        """Return where the agent has failed since it was opened: most of that happens before any request."""
        return complaints(self.lines(Offsets({})))

    def debugging(self) -> tuple[str, ...]:
        """Return which modes for developing the service runs in."""
        return tuple(dict.fromkeys(str(line["what"]) for line in self.lines(Offsets({})) if line["k"] == "debug"))

    def drivers(self) -> tuple[str, ...]:
        """Return the database drivers that the service has imported and the agent watches, with their versions."""
        return tuple(dict.fromkeys(str(line["of"]) for line in self.lines(Offsets({})) if line["k"] == "driver"))

    def saw_requests(self) -> bool:
        """Tell whether the agent knows the service's server: it has seen a request begin."""
        return any(line["k"] == "b" for line in self.lines(Offsets({})))

    def strays(self, snapshot: Offsets) -> dict[str, int]:
        """Return the queries since ``snapshot`` that belong to no request, by fingerprint."""
        return _strays(self.lines(snapshot))

    def processes(self) -> int:
        """Return how many processes have loaded the agent so far."""
        return len(self._files())

    def quiesce(self) -> tuple[str, ...]:
        """Wait until every request that began since the last snapshot has ended inside the service."""
        return self._wait(self._last, None)[1]

    def snapshot(self) -> Offsets:
        """Return where the files end. Nothing has to be quiet: what a request runs carries its trace id."""
        self._last = Offsets(self._sizes())
        return self._last

    def count_since(self, snapshot: Offsets, trace: str | None = None) -> ProbeCount:
        """Return what the request ``trace`` ran; without a trace, what every request ran that is in the files since."""
        if not self._files():
            reason = (
                "no process of the service has loaded the agent, so only a PostgreSQL, MySQL or MariaDB database can"
                " count: it is not Python, or is started with -I, -E or -S"
            )
            return ProbeCount(self.name, (), void=reason)
        lines, doubts = self._wait(snapshot, trace)
        if trace is not None and not _began(lines, trace):
            reason = (
                "the agent did not see the request, since it does not know the server: run the service under uvicorn,"
                " hypercorn, gunicorn, waitress, werkzeug or wsgiref, or on Starlette, Flask, Django or aiohttp"
            )
            return ProbeCount(self.name, (), doubts=doubts, void=reason)
        return self._counted(lines, trace, doubts)

    def by_request(self, snapshot: Offsets) -> dict[str, ProbeCount]:
        """Return the counts of every finished request since ``snapshot`` by trace id, however many ran at once."""
        lines, doubts = self._wait(snapshot, None)
        ended = {str(line["r"]) for line in lines if line["k"] == "e" and line["r"]}
        return {trace: self._counted(lines, trace, doubts) for trace in ended}

    def _counted(self, lines: Iterable[Line], trace: str | None, doubts: tuple[str, ...]) -> ProbeCount:
        tallies: dict[Statement, _Tally] = defaultdict(_Tally)
        late = 0
        lines = list(lines)
        for line in lines:
            if line["k"] != "q" or (line["r"] != trace if trace is not None else line["r"] is None):
                continue
            if line.get("late"):
                late += int(line["m"])
                continue
            for statement in fingerprints(line["s"], cast("Dialect", line["d"])):
                tallies[statement].add(line)
        if late:
            doubts += (
                f"{late} statements came from the request after its end (a task or timer); they are not counted",
            )
        counts = tuple(tally.counted(statement) for statement, tally in tallies.items())
        strays = _strays(lines, trace) if trace is not None else {}
        return ProbeCount(self.name, counts, sum(count.failed or 0 for count in counts), doubts, strays=strays)

    def _wait(self, snapshot: Offsets, trace: str | None) -> tuple[list[Line], tuple[str, ...]]:
        """Return the lines since ``snapshot`` once the request has ended (without a trace: all that began)."""
        deadline = time.monotonic() + self._timeout
        lines = self.lines(snapshot)
        if trace is not None and not _began(lines, trace):  # it has answered, so its beginning would be there
            return lines, complaints(lines)
        while not _ended(lines, trace):
            if time.monotonic() > deadline:
                return lines, (*complaints(lines), "the request has not ended inside the service")
            time.sleep(SETTLE_S / 5)
            lines = self.lines(snapshot)
        return lines, complaints(lines)

    def lines(self, snapshot: Offsets) -> list[Line]:
        """Return every whole line that was written since ``snapshot``."""
        lines: list[Line] = []
        for file in self._files():
            with file.open("rb") as stream:
                stream.seek(snapshot.sizes.get(file.name, 0))
                data = stream.read()
            complete = data[: data.rfind(b"\n") + 1]
            lines.extend(json.loads(line) for line in complete.splitlines())
        return lines

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob("agent-*.jsonl"))

    def _sizes(self) -> dict[str, int]:
        return {file.name: file.stat().st_size for file in self._files()}


def _strays(lines: Iterable[Line], trace: str | None = None) -> dict[str, int]:
    """Return the queries that belong to no request, or to an earlier one than ``trace``, by fingerprint."""
    found: Counter[str] = Counter()
    for line in lines:
        if line["k"] == "q" and (line["r"] is None or (line.get("late") and line["r"] != trace)):
            for statement in fingerprints(line["s"], cast("Dialect", line["d"])):
                found[statement.key] += int(line["m"]) * (statement.kind == "query")
    return {key: calls for key, calls in found.items() if calls}


def _began(lines: list[Line], trace: str) -> bool:
    return any(line["k"] == "b" and line["r"] == trace for line in lines)


def _ended(lines: list[Line], trace: str | None) -> bool:
    # A trace may begin more than once: what a redirect leads to is sent with the same id.
    marks = [line["k"] for line in lines if line["k"] in "be" and (trace is None or line["r"] == trace)]
    return marks.count("b") == marks.count("e") and (trace is None or "e" in marks)


def complaints(lines: Iterable[Line]) -> tuple[str, ...]:
    """Return where the agent failed, each with the version that it was not made for and what is not seen for it."""
    return tuple(
        dict.fromkeys(
            f"the agent failed in {line['where']}{_told(line, ', ', 'of')}"
            f" ({line['error'] or 'changed library'}, line {line['line']}){_told(line, ': ', 'lost')}"
            for line in lines
            if line["k"] == "x"
        )
    )


def _told(line: Line, before: str, name: str) -> str:
    return f"{before}{line[name]}" if line.get(name) else ""


@dataclass
class _Tally:
    """One statement's lines, summed up."""

    calls: int = 0
    rows: int = 0
    ns: int = 0
    failed: int = 0
    values: Counter[str] = field(default_factory=Counter)
    callers: Counter[str] = field(default_factory=Counter)
    libraries: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, line: Line) -> None:
        times = int(line["m"])
        self.calls += times
        self.rows += line["n"] or 0
        self.ns += line["t"] or 0
        self.failed += bool(line["f"])
        if line["p"]:
            self.values[line["p"]] += 1
        if line["c"]:
            self.callers[line["c"]] += times
        self.libraries[tuple(line["l"])] += times

    def counted(self, statement: Statement) -> StatementCount:
        return StatementCount(
            statement,
            self.calls,
            rows=self.rows,
            time_ns=self.ns,
            callers=tuple(caller for caller, _ in self.callers.most_common()),
            libraries=self.libraries.most_common(1)[0][0],
            repeated=sum(times - 1 for times in self.values.values()),
            failed=self.failed,
        )
