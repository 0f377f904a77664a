"""What a trial of a service came to, and who asked: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perfproof.draft.wanted import DraftRequest, Login


@dataclass(frozen=True)
class Credentials:
    """Who logs in, as texts of a scenario: a password may be ``${PASSWORD}``. ``headers`` go with every request."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Tried:
    """A request that was answered as promised: the request as it will be written, and what came.

    ``sizes`` are those at which its queries can be counted; ``rows_at`` is where its rows are, None where there is only
    one list.
    """

    ask: DraftRequest
    status: int
    took: float
    size: int
    rows: int | None = None
    rows_at: str | None = None
    sizes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Trial:
    """What the service answered. ``login`` is the one that works, ``header`` what secured requests carry then."""

    health: str = ""
    prefix: str = ""
    login: Login | None = None
    header: tuple[str, str] | None = None
    tried: list[Tried] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
