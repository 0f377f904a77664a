"""What a source asks for, before anyone has been asked. All texts are written as a scenario writes them.

That means: ``{name}`` is a placeholder, ``{{name}}`` the text ``{name}``, ``${NAME}`` comes from the environment and
``$$`` is a dollar sign. ``templates.written`` makes such a text of a literal one.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from perfproof.model.scenario import SAFE_METHODS, JsonValue, Scalar


@dataclass(frozen=True)
class SourceContents:
    """A placeholder whose value only the service knows, such as an id: where responses may hold it.

    ``guess`` are values to try when no response has one.
    """

    name: str
    fields: tuple[str, ...] = ()
    guess: tuple[Scalar, ...] = ()


@dataclass(frozen=True)
class DraftRequest:
    """One request that could be measured. ``where`` says which place of the source it comes from.

    ``query`` and ``headers`` are templates; ``sought`` are placeholders of the path or query without a value yet.
    ``paging`` names the placeholder that says how many rows are wanted, ``most`` its largest value. ``statuses`` are
    those promised (none: any 2xx), ``media`` the promised media type ("" is any). ``resource`` is what it is about.
    """

    name: str
    method: str
    path: str
    where: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: JsonValue | None = field(default=None, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = field(default=None, repr=False)
    values: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    sought: tuple[SourceContents, ...] = ()
    paging: str = ""
    most: int | None = None
    statuses: tuple[int, ...] = ()
    media: str = ""
    secured: bool = False
    resource: str = ""
    safe: bool | None = None
    weight: int = 1

    @property
    def reads(self) -> bool:
        """Tell whether it changes nothing."""
        return self.safe if self.safe is not None else self.method in SAFE_METHODS

    @property
    def target(self) -> str:
        """Return path and query as a scenario writes them."""
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True)
class Login:
    """A request whose response lets others in.

    ``fields`` are those of its body, with None where the value is not known. ``form`` says how they are sent.
    ``captures`` maps a name to the JSON path of its value where the source tells; otherwise the response is searched.
    ``header`` is the header that carries ``{token}`` afterwards and its template; None for a cookie. ``page`` is where
    its form is shown ("" where it is sent at once), and ``drawn`` maps a name to the expression that finds it there.
    ``status`` is that of its answer.
    """

    path: str
    where: str
    fields: Mapping[str, str | None] = field(repr=False)
    form: bool = False
    captures: Mapping[str, str] = field(default_factory=dict)
    header: tuple[str, str] | None = ("Authorization", "Bearer {token}")
    method: str = "POST"
    page: str = ""
    drawn: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Entry:
    """How secured requests are let in: by a ``login``, by HTTP ``basic``, or by a ``key`` in a header or the query.

    ``scheme`` says in words what the source asks for.
    """

    scheme: str = ""
    logins: tuple[Login, ...] = ()
    basic: bool = False
    key_header: str = ""
    key_query: str = ""
    key_cookie: str = ""


@dataclass(frozen=True)
class Found:
    """What a source holds. ``prefix`` stands before every path; ``origin`` is where the source saw the service.

    ``explicit`` says that its requests were given one by one, so that they are sent whatever they do.
    """

    source: str
    title: str = ""
    asks: tuple[DraftRequest, ...] = ()
    prefix: str = ""
    origin: str = ""
    entry: Entry = Entry()
    health: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    locustfile: str = ""
    explicit: bool = False
    budgets: Mapping[str, str] = field(default_factory=dict)


def chosen(
    asks: Sequence[DraftRequest], *, only: Sequence[str] = (), writes: bool = False, reads: Sequence[str] = ()
) -> list[DraftRequest]:
    """Return the requests to try, the most wanted first.

    ``only`` are patterns (``*`` stands for anything) of a path, a name or ``GET /path``. Those that write are tried
    with ``writes`` alone, and last; those that delete only where a pattern names the method too. ``reads`` are patterns
    of those that change nothing, whatever their method.
    """
    asks = [replace(ask, safe=True) if any(_fits(ask, pattern) for pattern in reads) else ask for ask in asks]
    wanted = [ask for ask in asks if not only or any(_fits(ask, pattern) for pattern in only)]
    reading = [ask for ask in wanted if ask.reads]
    writing = [ask for ask in wanted if not ask.reads and writes and (ask.method != "DELETE" or _named(ask, only))]
    return [*_in_turns(reading), *_in_turns(writing)]


def _named(ask: DraftRequest, only: Iterable[str]) -> bool:
    return any(pattern.upper().startswith("DELETE ") and _fits(ask, pattern) for pattern in only)


def _fits(ask: DraftRequest, pattern: str) -> bool:
    path = re.sub(r"\{[^}]*\}", "{}", ask.path)
    pattern = re.sub(r"\{[^}]*\}", "{}", pattern)
    texts = (path, f"{ask.method} {path}", ask.name, path.lstrip("/"))
    return any(fnmatch.fnmatchcase(text.lower(), pattern.lower()) for text in texts)


def _in_turns(asks: Sequence[DraftRequest]) -> Iterator[DraftRequest]:
    """Yield one request about each thing in turn, those that list many rows first."""
    groups: dict[str, list[DraftRequest]] = {}
    for ask in asks:
        groups.setdefault(ask.resource, []).append(ask)
    for group in groups.values():
        group.sort(key=lambda ask: (not ask.paging, len(ask.sought), ask.path.count("/")))
    while groups:
        for resource in list(groups):
            yield groups[resource].pop(0)
            if not groups[resource]:
                del groups[resource]
