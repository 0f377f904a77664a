"""What an arm can be sent, ready to be drawn from: a message for each fixed variant, a draft for all that varies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from types import MappingProxyType

from perfproof.core.placeholders import BUILT_INS, literal, placeholders, random_range
from perfproof.errors import LoadError, UnsendableError
from perfproof.graphql.documents import QUERY
from perfproof.http.body import Files
from perfproof.http.cookies import Jar
from perfproof.http.exchange import Message, Place, handling_of, message_of, stream_message
from perfproof.http.feeds import FeedRow, Supply, Turns
from perfproof.http.flow import Flow, FlowStep
from perfproof.http.message import outgoing
from perfproof.http.template import combinations, variant_count
from perfproof.http.variables import Draw
from perfproof.model.scenario import JsonValue, Request

MOST_BYTES = 512 * 1024 * 1024
"""Most bytes of messages prepared beforehand for one arm."""

Entry = tuple[FlowStep, ...]
"""One request, or the steps of a flow: what the traffic is mixed of."""

WARM_FROM = 1_000_000_000
"""Where ``{sequence}`` begins in the warm-up, so that it never meets what the blocks send."""


def entries(requests: Sequence[Request]) -> tuple[Entry, ...]:
    """Return what the traffic is mixed of: each request without a flow, and each flow's neighbouring steps together."""
    numbered = [FlowStep(request, number) for number, request in enumerate(requests)]
    found: list[Entry] = []
    for flow, group in groupby(numbered, key=lambda step: step.request.flow):
        steps = tuple(group)
        found += [steps] if flow else [(step,) for step in steps]
    return tuple(found)


def texts(value: object) -> Iterator[str]:
    """Yield every text within a request, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            if name not in ("name", "values", "flow"):
                yield from texts(getattr(value, name))


def drawn_names(entry: Entry) -> set[str]:
    """Return the placeholders of an entry that are drawn for each sending: built-ins and feed columns."""
    found = {name for step in entry for text in texts(step.request) for name in placeholders(text)}
    own = {name for step in entry for name in (*step.request.values, *step.request.capture)}
    return {name for name in found - own if name in BUILT_INS or "." in name or random_range(name)}


@dataclass(frozen=True)
class RequestTemplate:
    """A variant of an entry that is filled for each sending."""

    entry: Entry
    variant: int
    fixed: Mapping[str, JsonValue]
    feeds: tuple[str, ...]


class RequestSource:
    """The entries of an arm, in order, every variant of each; drawn by flat index as the schedule deals them.

    LoadError when a request cannot be sent. ``unfed`` counts, by feed, what was not sent because its rows had ended;
    ``problem`` is why dealing ended early: it happens within the event loop, where nobody would hear an error.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        place: Place,
        captured: Mapping[str, JsonValue],
        jar: Jar,
        files: Files,
        supplies: Mapping[str, Supply],
        turns: Turns,
        arm: int,
        hide: Callable[[str], str],
    ) -> None:
        self.unfed: dict[str, int] = {}
        self.problem: LoadError | None = None
        self._requests, self._captured = requests, captured
        self._place, self._jar, self._files = place, jar, files
        self._supplies, self._turns, self._arm, self._hide = supplies, turns, arm, hide
        self._items: list[Message | RequestTemplate] = []
        self._places: dict[int, int] = {}
        size = 0
        for entry in entries(requests):
            self._places[entry[0].number] = len(self._items)
            first = entry[0].request
            drawn = {name for name in drawn_names(entry) if name not in captured}
            feeds = tuple(sorted({name.partition(".")[0] for name in drawn if "." in name} & supplies.keys()))
            for variant, choice in enumerate(combinations(first)):
                fixed = {**captured, **choice}
                if drawn or first.flow:
                    self._items.append(RequestTemplate(entry, variant, fixed, feeds))
                else:
                    message = self._message(entry[0], variant, fixed)
                    self._items.append(message)
                    size += message.size
            if size > MOST_BYTES:
                raise LoadError("the requests do not fit into memory", why=f"at most {MOST_BYTES >> 20} MiB in all")
        self.longest_ns = int(longest(requests) * 1e9)
        self._fixed = all(isinstance(item, Message) for item in self._items)

    def deal(
        self, order: Iterator[int], seed: int, pair: int, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Message | Flow]:
        """Yield what is to be sent for each index of ``order``; ends when nothing is left that could be sent.

        ``share`` (k, n) makes this worker k of n, each of which goes at its own pace: of all that is drawn it takes
        every n-th, from the k-th on, so that no two workers take the same row and none is passed over.
        """
        if self._fixed:
            return map(self._items.__getitem__, order)  # type: ignore[arg-type] # all are messages
        return self._until_problem(each() for each in self._drawn(order, seed, pair, share))

    def deal_part(
        self, order: Iterator[int], seed: int, pair: int, share: tuple[int, int], count: int
    ) -> Iterator[Message | Flow]:
        """Yield every n-th of the first ``count`` that ``deal`` would yield to a worker alone, from the k-th on.

        To be iterated to its end, also past the last one that is sent: all workers have then come equally far.
        """
        first, step = share
        if self._fixed:
            return islice(self.deal(order, seed, pair), first, count, step)
        drawn = islice(self._drawn(order, seed, pair), count)
        return self._until_problem(each() for place, each in enumerate(drawn) if place % step == first)

    def alone(
        self,
        number: int,
        values: Mapping[str, JsonValue],
        headers: Mapping[str, str],
        share: tuple[int, int] = (0, 1),
    ) -> Message:
        """Return request ``number`` with ``values`` filled in, as a single message.

        A GraphQL document among ``values`` (``QUERY``) is sent in place of the request's own.
        ``headers`` (small names) are sent as they are, in place of the request's own of the same name.
        """
        first, step = share
        counters = self._turns.begin(self._arm, -1)
        rows = {}
        for name, supply in self._supplies.items():
            row = supply.row(counters.get(name, 0) * step + first, 0, warming=True)
            rows[name] = supply.rows[0] if row is None else row
            counters[name] = counters.get(name, 0) + 1
        counters["#"] = drawn = counters.get("#", 0) + 1
        variables = Draw({**self._captured, **values}, 0, WARM_FROM + (drawn - 1) * step + first + 1, rows)
        return self._message(FlowStep(asked_for(self._requests[number], values), number), 0, variables, headers)

    def flows(
        self, number: int, variants: Sequence[int], seed: int, pair: int, share: tuple[int, int] = (0, 1)
    ) -> list[Flow]:
        """Return users about to walk the flow that begins with request ``number``, one for each of ``variants``.

        Fewer where a feed has ended; each has variables and cookies of its own, as ``deal`` would give it.
        """
        order = (self._places[number] + variant for variant in variants)
        made = (each() for each in self._drawn(order, seed, pair, share))
        return [each for each in made if isinstance(each, Flow)]

    def first(self, index: int, seed: int = 0) -> Message | Flow:
        """Return one item as it would be sent first, counting nothing: for showing it."""
        item = self._items[index]
        return item if isinstance(item, Message) else self._filled(item, Draw(dict(item.fixed), seed, 1, {}))

    def _until_problem(self, dealt: Iterator[Message | Flow]) -> Iterator[Message | Flow]:
        try:
            yield from dealt
        except LoadError as error:
            self.problem = error

    def _drawn(
        self, order: Iterator[int], seed: int, pair: int, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Callable[[], Message | Flow]]:
        """Yield how to make what is to be sent for each index: what others send is drawn as well, and never made."""
        first, step = share
        counters = self._turns.begin(self._arm, pair)
        ended: set[int] = set()
        for index in order:
            item = self._items[index]
            if isinstance(item, Message):
                yield partial(_itself, item)
                continue
            rows: dict[str, FeedRow] = {}
            for name in item.feeds:
                row = self._supplies[name].row(counters.get(name, 0) * step + first, seed, warming=pair < 0)
                if row is None:
                    self.unfed[name] = self.unfed.get(name, 0) + 1
                    break
                rows[name] = row
            else:
                for name in item.feeds:
                    counters[name] = counters.get(name, 0) + 1
                counters["#"] = counters.get("#", 0) + 1
                number = (WARM_FROM if pair < 0 else 0) + (counters["#"] - 1) * step + first + 1
                if pair >= 0:
                    self._turns.reach(counters)
                yield partial(self._filled, item, Draw(dict(item.fixed), seed, number, rows))
                continue
            ended.add(index)
            if len(ended) == len(self._items):
                return

    def _filled(self, draft: RequestTemplate, variables: Draw) -> Message | Flow:
        if draft.entry[0].request.flow:
            jar = self._jar.copy()
            return Flow(draft.entry, draft.variant, variables, self._place, self._files, jar)
        return self._message(draft.entry[0], draft.variant, variables)

    def _message(
        self,
        step: FlowStep,
        variant: int,
        variables: Mapping[str, JsonValue],
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Message:
        request, target = step.request, self._place.target
        try:
            out = outgoing(request, variables, target.prefix, files=self._files, jar=self._jar)
            out.headers.update(headers)
            if request.stream is not None:
                return stream_message(request, variables, out, target.authority, number=step.number, variant=variant)
            handling = handling_of(request, variables, self._place, out, number=step.number, shared=self._jar)
            return message_of(request, out, target.authority, number=step.number, variant=variant, handling=handling)
        except ValueError as error:
            raise UnsendableError(f"request {request.name!r} cannot be sent", why=self._hide(str(error))) from error


def asked_for(request: Request, values: Mapping[str, JsonValue]) -> Request:
    """Return the request with the GraphQL document that ``values`` hold (``QUERY``) in place of its own, if they do."""
    if QUERY not in values or not isinstance(request.json, dict):
        return request
    return replace(request, json={**request.json, "query": literal(str(values[QUERY]))})


def longest(requests: Sequence[Request]) -> float:
    """Return the longest that one of the entries may take, in seconds."""
    return max(map(_longest, entries(requests)), default=0.0)


def _longest(entry: Entry) -> float:
    seconds = 0.0
    for step in entry:
        tries, pause = (step.request.repeat.at_most, step.request.repeat.every) if step.request.repeat else (1, 0.0)
        seconds += tries * step.request.timeout + (tries - 1) * pause + step.request.think_time
    return seconds


def weights(requests: Sequence[Request]) -> tuple[list[float], list[int]]:
    """Return the weight and the number of variants of each entry, as the schedule wants them."""
    firsts = [entry[0].request for entry in entries(requests)]
    return [request.weight for request in firsts], [variant_count(request) for request in firsts]


def variants_of(requests: Sequence[Request]) -> list[int]:
    """Return the number of variants of each request; the steps of a flow have those of its first."""
    return [variant_count(entry[0].request) for entry in entries(requests) for _ in entry]


def _itself(message: Message) -> Message | Flow:
    return message
