"""Puts markers and quotes into every input: does a page take them as markup, does the database take them as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from perfproof.checks.page_text import PAGES
from perfproof.checks.security.asking import PAGE, Asking
from perfproof.checks.security.endpoints import NOWHERE, Endpoint, Input
from perfproof.checks.security.injection import Reply, examine
from perfproof.checks.security.leaks import leaked
from perfproof.checks.security.pages import MARKER, reflected
from perfproof.checks.security.signatures import signature_of
from perfproof.http.plain_client import Answer

_LATELY = 250.0
"""Milliseconds by which a probe has to be later than its likes, each time, before its time is told."""


def ask_inputs(asking: Asking, endpoints: Sequence[Endpoint], facts: list[dict[str, Any]]) -> int:
    """Add what each input showed, and the path as an input of its own; return how many were left out by `inputs`."""
    prefix = asking.rightly.prefix
    missing = partial(_path, prefix)
    facts.append(_marked(asking, f"GET {NOWHERE}", Input("the path", "path", "string", "", missing), {}))
    most = int(asking.arm.settings.get("inputs") or 0)
    known = [(endpoint, each) for endpoint in endpoints for each in endpoint.inputs]
    for endpoint, each in known[:most]:
        marked = _marked(asking, endpoint.name, each, endpoint.headers)
        facts.append({**marked, **_probed(asking, endpoint, each)})
    return max(0, len(known) - most)


def _path(prefix: str, text: str) -> str:
    return f"{prefix}{NOWHERE}-{quote(text, safe='')}"


def _marked(asking: Asking, name: str, each: Input, headers: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"endpoint": name, "input": each.name, "place": each.place, "page": False, "reflected": ""}
    target = each.fill(MARKER)
    if target is not None:
        answer = asking.send(name, target, {**headers, "Accept": PAGE})
        found |= {"page": answer.media in PAGES, "reflected": reflected(answer)}
    return found


def _probed(asking: Asking, endpoint: Endpoint, each: Input) -> dict[str, Any]:
    def send(text: str, headers: Mapping[str, str]) -> Answer | None:
        target = each.fill(text)
        return None if target is None else asking.send(endpoint.name, target, {**endpoint.headers, **headers})

    return probe(asking, each, send)


def probe(asking: Asking, each: Input, send: Callable[[str, Mapping[str, str]], Answer | None]) -> dict[str, Any]:
    """Return what an input shows of SQL. ``send`` sends it with a text and more headers; None: it cannot be filled."""
    texts: dict[str, str] = {}
    counted = []

    def ask(value: str) -> Reply:
        target = each.fill(value)
        if target is None:
            return Reply()
        answer, seen = asking.counted(lambda headers: send(value, headers) or Answer())
        counted.append(seen is not None)
        if seen is not None:
            texts.update((key, asking.arm.statement_text(key)) for key in seen)
        return _reply(answer, target, each.value, value, seen)

    number = each.kind in ("integer", "number") or (not each.kind and each.value.lstrip("-").isdigit())
    shown = examine(
        ask, each.value, texts, number=number, text=each.kind not in ("integer", "number"), sorts=each.sorts
    )
    return {
        "injection": shown.proofs,
        "lately": shown.lately_ms if shown.lately_ms >= _LATELY else 0.0,
        "counted": bool(counted) and all(counted),
        "compared": shown.compared,
    }


def _reply(answer: Answer, target: str, value: str, sent: str, seen: Mapping[str, int] | None) -> Reply:
    return Reply(
        status=answer.status,
        signature=signature_of(answer, sent, value),
        told_sql=answer.status >= 400 and "SQL" in leaked(answer, target),
        ms=answer.took * 1e3,
        statements=None if seen is None else frozenset(seen),
    )
