"""What is asked: the operations that read, the scenario's requests beside them, and what may be put into either."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from perfproof.checks.arm import KnownRequest
from perfproof.checks.right_requests import left_alone
from perfproof.checks.security.asking import PAGE, Asking
from perfproof.core.placeholders import PLACEHOLDER
from perfproof.documents.operations import Operation
from perfproof.documents.references import BrokenReferenceError
from perfproof.documents.rows import rows_of
from perfproof.documents.samples import given, kind_of
from perfproof.http.plain_client import Answer

NOWHERE = "/perfproof-no-such-path"
_BRACES = re.compile(r"\{([^{}]*)\}")
_SORTS = re.compile(r"^(sort|order)([_-]?by)?$|^by$", re.IGNORECASE)


@dataclass(frozen=True)
class Input:
    """A place for a value: of the query or the path. ``kind`` is its JSON type, "" if nothing says it.

    ``value`` is one that is known to be taken, "" if none is. ``fill`` returns the target with a text there.
    """

    name: str
    place: str
    kind: str
    value: str
    fill: Callable[[str], str | None] = field(repr=False, compare=False)

    @property
    def sorts(self) -> bool:
        """Tell whether it says by what rows are put in order."""
        return _SORTS.search(self.name) is not None


@dataclass(frozen=True)
class Endpoint:
    """Something that is read by GET, and what it answered to a right request.

    ``secured`` says that the document or the settings let nobody in without credentials, ``barred`` that the scenario
    has none for it.
    """

    name: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    answer: Answer = field(default_factory=Answer, repr=False)
    secured: bool = False
    barred: bool = False
    inputs: tuple[Input, ...] = ()
    operation: Operation | None = None

    @property
    def answers(self) -> bool:
        """Tell whether a right request of it is answered as one."""
        return 200 <= self.answer.status < 300


def ask_endpoints(asking: Asking) -> list[Endpoint]:
    """Ask every endpoint once, rightly, and a path that nobody has; return the endpoints with their answers."""
    found: list[Endpoint] = []
    wanted = set(asking.arm.settings.get("secured") or ())
    for each in _all(asking):
        answer = asking.send(each.name, each.target, each.headers, right=not each.barred)
        learned = tuple(replace(one, value=one.value or _learned(one, answer)) for one in each.inputs)
        found.append(replace(each, answer=answer, inputs=learned, secured=each.secured or each.name in wanted))
    for missing in sorted(wanted - {each.name for each in found}):
        asking.arm.left_out.append(
            f"`secured` names {missing}, which was not asked: no operation or request is so called"
        )
    prefix = asking.rightly.prefix
    asking.send("GET / as a page", f"{prefix}/", {**asking.arm.headers, "Accept": PAGE}, right=True)
    asking.send(f"GET {NOWHERE}", prefix + NOWHERE, asking.arm.headers, right=True)
    if asking.arm.document is None:
        asking.arm.left_out.append(f"endpoints come from the scenario alone, since {asking.arm.undocumented}")
    return found


def _all(asking: Asking) -> Iterator[Endpoint]:
    rightly = asking.rightly
    covered = []
    named = (asking.arm.settings.get("rate_limit") or {}).get("request") or ()
    # What is asked for its limit is left alone until then: it would have been refused by that time.
    limited = {each.target.partition("?")[0] for each in asking.arm.requests if each.name in named}
    for operation in rightly.operations.found if rightly.operations is not None else ():
        if operation.method != "GET" or operation.name in asking.ignored or left_alone(operation.path):
            continue
        covered.append(pattern_of(rightly.prefix + operation.path))
        if any(covered[-1].fullmatch(path) for path in limited):
            continue
        try:
            endpoint = _of_operation(asking, operation)
        except BrokenReferenceError as error:
            asking.arm.left_out.append(f"{operation.name} was left out: {error}")
            continue
        if endpoint is not None:
            yield endpoint
    for request in asking.arm.requests:
        if request.method != "GET" or not request.reads or request.name in asking.ignored or left_alone(request.path):
            continue
        path = request.target.partition("?")[0]
        if path not in limited and not any(pattern.fullmatch(path) for pattern in covered):
            yield _of_request(request)


def _of_operation(asking: Asking, operation: Operation) -> Endpoint | None:
    rightly = asking.rightly
    target = rightly.target(operation)
    if target is None:
        return None
    headers, barred = rightly.headers(operation), rightly.barred(operation)
    return Endpoint(
        operation.name,
        target,
        headers,
        secured=operation.secured,
        barred=barred,
        inputs=() if barred else tuple(_inputs(asking, operation, target)),
        operation=operation,
    )


def _inputs(asking: Asking, operation: Operation, target: str) -> Iterator[Input]:
    path, _, query = target.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    match = pattern_of(asking.rightly.prefix + operation.path).fullmatch(path)
    names = _BRACES.findall(operation.path)
    stands = dict(zip(names, match.groups(), strict=True)) if match is not None else {}
    for each in operation.parameters:
        if each.place not in ("path", "query"):
            continue
        if each.place == "path":
            value = unquote(stands.get(each.name, ""))
        else:
            known = given(each.part) + (given(each.schema) if each.schema is not None else [])
            value = asked.get(each.name) or (str(known[0]) if known and not isinstance(known[0], list | dict) else "")

        def fill(text: str, name: str = each.name) -> str | None:
            return asking.rightly.target(operation, values={name: text})

        yield Input(each.name, each.place, kind_of(each.schema), value, fill)


def _of_request(request: KnownRequest) -> Endpoint:
    path, _, query = request.target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    inputs = []
    for place, (name, value) in enumerate(pairs):

        def fill(text: str, place: int = place) -> str:
            told = [(key, text if at == place else old) for at, (key, old) in enumerate(pairs)]
            return f"{path}?" + "&".join(f"{quote(key, safe='[]$')}={quote(old, safe=':,@')}" for key, old in told)

        inputs.append(Input(name, "query", "", value, fill))
    for name in dict.fromkeys(match[2] for match in PLACEHOLDER.finditer(request.path) if match[2]):
        if name not in request.values:
            continue

        def fill_path(text: str, name: str = name) -> str:
            whole = {**request.values, name: text}
            filled = PLACEHOLDER.sub(
                lambda m: "{" + m[1] + "}" if m[2] is None else quote(str(whole.get(m[2], "")), safe=""), request.path
            )
            return f"{filled}?{query}" if query else filled

        inputs.append(Input(name, "path", "", str(request.values[name]), fill_path))
    return Endpoint(request.name, request.target, request.headers, inputs=tuple(inputs))


def pattern_of(path: str) -> re.Pattern[str]:
    """Return what matches the paths of a template: one group for each placeholder."""
    parts = _BRACES.split(path)
    return re.compile("".join(re.escape(part) if at % 2 == 0 else "([^/]+)" for at, part in enumerate(parts)))


def _learned(each: Input, answer: Answer) -> str:
    """Return a value of the first row that goes by the name of an input: what is there can be asked for."""
    rows = rows_of(answer.data) or []
    first: Any = next((row for row in rows if isinstance(row, dict)), {})
    if each.sorts:
        return next((str(key) for key in first), "")
    value = first.get(each.name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
