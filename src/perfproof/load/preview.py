"""The first requests as they would be sent, as text: on the parent's side, with nothing started and nothing sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from perfproof.core.redaction import MASK, Redactor, sounds_secret
from perfproof.http.body import read_files
from perfproof.http.cookies import Jar
from perfproof.http.feeds import FeedRow, Supply
from perfproof.http.message import Outgoing, outgoing
from perfproof.http.template import combinations
from perfproof.http.variables import Draw
from perfproof.load.request_source import drawn_names, entries, weights
from perfproof.load.schedule import sequence
from perfproof.model.scenario import JsonValue, Request, Scenario

BODY_SHOWN = 2000
"""Characters of a body that are shown."""

_QUOTED = re.compile(r"%7B(\w+(?:\.\w+)?)%7D")


@dataclass(frozen=True)
class PreviewedRequest:
    """One request as it would be sent: what it is called, what it belongs to, and its text with secrets masked."""

    name: str
    part: str
    text: str


class _Shown(Draw):
    """Variables of which those that only a response could tell stand for themselves: ``{token}``."""

    def __contains__(self, name: object) -> bool:
        return True

    def _draw(self, name: str) -> JsonValue:
        try:
            value = super()._draw(name)
        except KeyError:
            return "{" + name + "}"
        return MASK if sounds_secret(name.rpartition(".")[2]) else value


def preview_requests(
    scenario: Scenario, authority: str, prefix: str, *, seed: int, deck: int, count: int
) -> Iterator[PreviewedRequest]:
    """Yield the set-up steps and the first ``count`` requests of a block with ``seed``, dealt in decks of ``deck``.

    The steps of a flow count as one. LoadError when a file or feed cannot be read, ValueError when a request cannot be
    sent. Feed columns named like a secret are masked.
    """
    files = read_files((*scenario.setup, *scenario.requests))
    supplies = {feed.name: Supply(feed) for feed in scenario.feeds}
    redact = Redactor(scenario.secrets)

    def show(request: Request, variables: Mapping[str, JsonValue], part: str) -> PreviewedRequest:
        out = outgoing(request, variables, prefix, files=files, jar=Jar())
        return PreviewedRequest(request.name, part, redact(_QUOTED.sub(r"{\1}", _text(out, authority))))

    for number, first in enumerate(scenario.setup):
        yield show(first, _Shown(dict(combinations(first)[0]), 0, number + 1, {}), "set-up")
    mix = entries(scenario.requests)
    items = [(entry, choice) for entry in mix for choice in combinations(entry[0].request)]
    taken: dict[str, int] = {}
    drawn = 0
    for index in islice(sequence(*weights(scenario.requests), seed, deck), count):
        entry, choice = items[index]
        names = drawn_names(entry)
        drawn += bool(names)
        rows: dict[str, FeedRow] = {}
        for name in sorted({each.partition(".")[0] for each in names if "." in each} & supplies.keys()):
            row = supplies[name].row(taken.get(name, 0), seed, warming=False)
            taken[name] = taken.get(name, 0) + 1
            rows[name] = row if row is not None else {}
        variables = _Shown(dict(choice), seed, drawn, rows)
        for step in entry:
            yield show(step.request, variables, step.request.flow)


def _text(out: Outgoing, authority: str) -> str:
    data, _ = out.encode(authority)
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    lines = head.decode("utf-8").splitlines()
    # The id differs with every sending.
    lines = [re.sub(r"(?<=traceparent: 00-)0{32}", "{id}", line) for line in lines]
    return "\n".join([*lines, *([""] if body else []), *([_readable(body)] if body else [])])


def _readable(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(body):,} bytes that are not text)"
    with suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return text if len(text) <= BODY_SHOWN else f"{text[:BODY_SHOWN]} ... ({len(body):,} bytes)"
