"""What a probe phase observed: requests sent one at a time, each with its statements, rows and bytes.

``queries.probe`` records it, ``evidence`` keeps it as ``probe.json``, ``queries`` concludes from it. No
literal of a statement and no body is ever part of it: bodies are compared while they are in memory, and only hashes and
the paths that differ stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from perfproof.model.queries import StatementCount
from perfproof.model.scenario import ResponsePolicy


@dataclass(frozen=True)
class RepeatedCount:
    """One statement over the repeats of one probe.

    ``count`` is that of the repeat with the fewest calls; ``most`` is the largest number of calls. They differ when the
    service does not run the same statements each time.
    """

    count: StatementCount
    most: int

    @property
    def application(self) -> bool:
        """Tell whether the application sent it as a query: neither nested nor transaction control nor session."""
        return self.count.statement.kind == "query" and not self.count.nested


@dataclass(frozen=True)
class Answer:
    """What a probed request was answered, as far as it is kept.

    ``wire`` and ``size`` are bytes of the body before and after decoding, ``digest`` a hash of the decoded body,
    ``rows`` the number of rows in it (None: not known) and ``rows_at`` the path they were found at.
    """

    status: int
    wire: int
    size: int
    digest: str
    rows: int | None = None
    rows_at: str | None = None


@dataclass(frozen=True)
class ProbedSize:
    """One request at one size (None: it has no ``scale``), over its repeats.

    ``statements`` are None when no source could count; ``db_ns`` is the time in the database of each repeat. ``source``
    names where the counts came from, ``disagreement`` is what a second source counted otherwise, in words. ``added``
    marks a size that perfproof probed beside those of the scenario, ``own`` one that the load asks for. ``strays`` is
    how many queries may be the request's beside those counted: they ran in a thread that belongs to none. ``took_ns``
    is how long each repeat took, with all that counting costs.
    """

    size: int | None
    repeats: int
    answer: Answer
    statements: tuple[RepeatedCount, ...] | None = None
    db_ns: tuple[int, ...] = ()
    source: str = ""
    disagreement: str | None = None
    doubts: tuple[str, ...] = ()
    added: bool = False
    own: bool = False
    strays: int = 0
    took_ns: tuple[int, ...] = ()

    @property
    def queries(self) -> tuple[int, int] | None:
        """Return the fewest and the most queries of the application, or None when they were not counted."""
        if self.statements is None:
            return None
        mine = [each for each in self.statements if each.application]
        return sum(each.count.calls for each in mine), sum(each.most for each in mine)

    @property
    def rows_fetched(self) -> int | None:
        """Return the rows that the application's queries returned or changed; None if a source cannot know."""
        if self.statements is None:
            return None
        rows = [each.count.rows for each in self.statements if each.application]
        known = [each for each in rows if each is not None]
        return sum(known) if len(known) == len(rows) else None


@dataclass(frozen=True)
class ProbedField:
    """What one field of a GraphQL query costs: how often each statement runs no more when the query asks without it.

    ``path`` are the response keys that lead to it, joined by dots; what the fields below it cost is not in it.
    ``parents`` is how many objects the answer holds that have the field.
    """

    path: str
    parents: int
    statements: Mapping[str, int]


@dataclass(frozen=True)
class ProbedRequest:
    """One request at its sizes, in rising order; ``by`` says what a size is. ``skipped`` says why it was not probed.

    ``fields`` are those of a GraphQL query that cost statements, at its largest size; ``fields_untold`` says why they
    are not known, or not all. ``empty`` says that it is answered with status 200 and nothing else.
    """

    request: str
    sizes: tuple[ProbedSize, ...] = ()
    by: Literal["parameter", "reseed", "depth", "none"] = "none"
    skipped: str | None = None
    fields: tuple[ProbedField, ...] = ()
    fields_untold: str = ""
    empty: bool = False


@dataclass(frozen=True)
class ProbedArm:
    """What was probed of one arm.

    ``sources`` are plain sentences on where statements were counted and why there, ``problems`` what could not be used
    and what to grant or set, ``limits`` what the sources cannot see. ``background`` are statements that ran while no
    request was sent, ``debugging`` modes for developing that the service said it runs in.
    """

    arm: str
    requests: tuple[ProbedRequest, ...]
    sources: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    background: tuple[StatementCount, ...] = ()
    debugging: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One request that the arms answer differently.

    ``what`` differs first: the status, the kind of content, JSON by meaning, or other bytes. ``paths`` are the first
    differing JSON paths, each with both values where they are harmless (numbers, booleans, null), else their kinds; the
    last ``doubtful`` of them look like an identifier, a time or a random value. ``arm`` names the version that answers
    otherwise than the first, where there are more than two.
    """

    request: str
    size: int | None
    what: Literal["status", "content type", "json", "text", "bytes"]
    paths: tuple[str, ...] = ()
    more: int = 0
    doubtful: int = 0
    arm: str = ""


@dataclass(frozen=True)
class Probing:
    """The whole probe phase of a run. ``volatile`` are paths that differ between repeats on one arm, by request."""

    arms: tuple[ProbedArm, ...]
    differences: tuple[Difference, ...] = ()
    compared: int = 0
    policy: ResponsePolicy = "warn"
    volatile: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def counted(self) -> bool:
        """Tell whether statements were counted anywhere."""
        sizes = (size for arm in self.arms for request in arm.requests for size in request.sizes)
        return any(size.statements is not None for size in sizes)
