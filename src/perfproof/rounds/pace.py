"""How the arms take turns and how long for: chosen from what is asked and from what the first requests took. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil, floor, sqrt

from perfproof.load.plan import PairsReport
from perfproof.model.scenario import Load, Request, Rounds, Scenario

_GAP_SHARE, _GAP_LEAST, _GAP_MOST = 0.1, 0.0003, 0.02
"""What a service still does after it has answered runs in the next request's time, and that is mostly the other arm's:
so a tenth of a request's time passes before the next one, from 0.3 ms to 20 ms."""


def entries(requests: Sequence[Request]) -> list[list[int]]:
    """Return the requests (their places) of each entry of the traffic: one, or the neighbouring steps of a flow."""
    found: list[list[int]] = []
    for flow, group in groupby(enumerate(requests), key=lambda each: each[1].flow):
        places = [place for place, _ in group]
        found += [places] if flow else [[place] for place in places]
    return found


@dataclass
class Pace:
    """What is known of how long things take, and what follows from it.

    ``deadline`` (monotonic seconds) is when the rounds have to be over; None without a time budget. ``design`` is None
    until the first requests have shown how busy the service is. ``took`` are the seconds of each request, by arm.
    """

    scenario: Scenario
    arms: int
    deadline: float | None = None
    design: Design | None = None
    took: list[list[float]] = field(default_factory=list)
    counts: tuple[int, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        scenario = self.scenario
        metrics = {goal.metric for goal in scenario.goals} | {budget.metric for budget in scenario.budgets}
        # What only blocks can tell: what users wait, and how often they are served.
        self._under_load = any(name.startswith(("latency_under_load", "throughput")) for name in metrics)
        self._entries = entries(scenario.requests)
        self.design = self.design or choose(
            scenario.load,
            scenario.rounds,
            arms=self.arms,
            locust=scenario.locustfile is not None,
            under_load=self._under_load,
        )

    @property
    def in_pairs(self) -> bool:
        """Tell whether requests are paired, as far as is known: where it is open yet, the warm-up is."""
        return self.design is None or self.design.pairs

    @property
    def weights(self) -> list[float]:
        """Return the weight of each entry of the traffic."""
        return [self.scenario.requests[places[0]].weight for places in self._entries]

    @property
    def gap(self) -> float:
        """Return the seconds to wait after each response."""
        quick = min((each for arm in self.took for each in arm if each > 0), default=0.0)
        return min(_GAP_MOST, max(_GAP_LEAST, _GAP_SHARE * quick))

    def learn(self, report: PairsReport) -> None:
        """Take in how long requests took; of a request that nothing was completed of, what was known is kept."""
        before = self.took or [[0.0] * len(self.scenario.requests) for _ in report.took_ns]
        self.took = [
            [ns / 1e9 if ns else old for ns, old in zip(mine, known, strict=True)]
            for mine, known in zip(report.took_ns, before, strict=True)
        ]

    def slowest(self, arm: int) -> float:
        """Return the seconds that the slowest request of an arm takes when it is alone; 0 while that is not known."""
        return max(self.took[arm], default=0.0) if self.took else 0.0

    def costs(self) -> list[float]:
        """Return the seconds that a pair of each entry takes: the request to every arm, pauses and all."""
        requests = self.scenario.requests
        return [
            sum(arm[place] + self.gap + requests[place].think_time for arm in self.took for place in places)
            for places in self._entries
        ]

    def fix(self, overhead: float, after: float = 0.0) -> None:
        """Decide on the design, the seconds of measuring in a round and the pairs of each entry; once in a run.

        ``overhead`` are the seconds that a round takes beside measuring, ``after`` those that were used of this one.
        """
        if self.counts or self.seconds:
            return
        costs, load = self.costs(), self.scenario.load
        weights = self.weights
        if self.design is None:
            total = sum(weights) or 1.0
            alone = sum(w * cost for w, cost in zip(weights, costs, strict=True)) / total / max(1, self.arms)
            self.design = by_utilisation(load.rate, alone, under_load=self._under_load)
        share = SHARE_OF_PAIRS if self.design.blocks else 1.0
        left = None if self.deadline is None else self.deadline - time.monotonic() + after
        asked = self.scenario.rounds.pairs
        self.seconds = asked or round_seconds(overhead, sum(costs) / share, max(costs) / share, left, self.arms)
        self.counts = counts(weights, costs, self.seconds * (share if asked is None else 1.0))

    def blocks(self) -> tuple[int, float]:
        """Return the number of block pairs in a round and the seconds of a block."""
        known = [each for arm in self.took for each in arm if each > 0]
        typical = sorted(known)[len(known) // 2] if known else 0.0
        seconds = self.seconds * (1 - SHARE_OF_PAIRS) if self.seconds else max(2, self.arms) * 8 * 0.5
        return block_plan(
            self.scenario.load, self.scenario.rounds, typical, max(known, default=0.0), seconds, self.arms
        )


CALM = 0.3
"""Utilisation up to which requests hardly meet: what users wait is then what a request costs."""
SHARE_OF_PAIRS = 0.6
"""Share of a round's time that goes to pairs where blocks are measured as well."""
WARMUP = 0.8
"""Least seconds of warm-up by pairs, of both arms together: as they take turns, what is left of it is alike in both."""
LEAST_SECONDS = 2.0
"""Seconds of measuring in a round below which starting and stopping is most of what is done."""
MOST_SECONDS = 60.0
STRETCH = 0.6
"""Seconds of a stretch of pairs: memory is read in full between two of them, and each opens new connections."""
_ENOUGH_PAIRS = 12
"""Pairs of every request in a round from which on more of them add little beside what the start itself adds."""
_GOOD_ROUNDS = 4
_SHORT_BLOCK, _LONG_BLOCK = 0.1, 5.0
_REQUESTS_PER_BLOCK = 10
STOPPING = 0.3
"""Seconds that stopping and sealing take, before a round has shown it."""


@dataclass(frozen=True)
class Design:
    """How the arms take turns: in ``pairs``, in ``blocks`` or both, with the ``reason`` in a few words."""

    pairs: bool
    blocks: bool
    reason: str

    @property
    def sentence(self) -> str:
        """Return what is asked and why, in one line."""
        if self.pairs and self.blocks:
            how = "in pairs (what one request costs) and in blocks (what users wait under load)"
        elif self.pairs:
            how = "in pairs: the figures say what one request costs"
        else:
            how = "in blocks: the figures say what users wait under this load"
        return f"{how}; {self.reason}"


def possible(load: Load, *, locust: bool) -> str:
    """Return why requests cannot be paired under such a load; empty if they can."""
    if locust:
        return "the users of a Locust file send in an order of their own"
    if load.stages:
        return "the load follows stages"
    if load.workers > 1 or load.listen:
        return "several workers share the load"
    return "only histograms are kept (`samples: histogram`)" if load.samples == "histogram" else ""


def choose(load: Load, rounds: Rounds, *, arms: int, locust: bool, under_load: bool) -> Design | None:
    """Return the design as far as the scenario alone decides it; None where it depends on how busy the service is.

    ``under_load`` says that a goal or a budget is about latency under load.
    """
    hindrance = possible(load, locust=locust)
    if rounds.pairing == "block" or hindrance:
        return Design(False, True, hindrance or "the scenario asks for blocks")
    if rounds.pairing == "request":
        return Design(True, under_load, "the scenario asks for pairs" + (" and has goals under load" * under_load))
    if not load.given:
        return Design(True, under_load, "no load is asked for")
    if rounds.blocks is not None or rounds.block is not None:
        return Design(False, True, "the scenario says how long its blocks are")
    if arms < 2:
        return Design(False, True, "there is one version, and nothing to pair its requests with")
    if load.model == "closed":
        several = load.users > 1
        return Design(True, several or under_load, f"{load.users} users meet" if several else "there is one user")
    return None


def by_utilisation(rate: float, seconds_per_request: float, *, under_load: bool) -> Design:
    """Return the design for requests that come at ``rate`` and take so long when they are alone.

    One after the other they would keep one worker busy for ``rate * seconds``: of a service with several workers this
    says more than is true, which only means that blocks are measured as well.
    """
    busy = rate * seconds_per_request
    share = f"{100 * busy:.0f} %" if busy < 1 else f"{busy:.1f} times"
    if busy <= CALM:
        text = f"at {rate:,.4g}/s requests hardly meet (they keep the service busy for {share} of the time)"
        return Design(True, under_load, text)
    return Design(True, True, f"at {rate:,.4g}/s requests meet (one after another they take {share} of the time)")


def counts(weights: Sequence[float], seconds_each: Sequence[float], seconds: float) -> tuple[int, ...]:
    """Return how many pairs of each entry fit into ``seconds``, given what a pair of each takes; at least one of each.

    In proportion to the traffic where every entry gets enough that way. Where slow ones would eat up the time, by what
    is known best for the least time: for a mean of equally noisy figures the numbers go with 1 / sqrt(cost) (Neyman
    allocation with costs; Cochran, Sampling Techniques, 5.5).
    """
    total = sum(weights) or 1.0
    per_weight = sum(weight * each for weight, each in zip(weights, seconds_each, strict=True)) / total
    shares = [seconds / max(per_weight, 1e-9) * weight / total for weight in weights]
    wanted = [weight > 0 for weight in weights]
    if min((share for share, want in zip(shares, wanted, strict=True) if want), default=0.0) < _ENOUGH_PAIRS:
        scale = sum(sqrt(each) for each, want in zip(seconds_each, wanted, strict=True) if want)
        shares = [
            seconds / max(scale * sqrt(each), 1e-9) if want else 0.0
            for each, want in zip(seconds_each, wanted, strict=True)
        ]
    return tuple(max(1, floor(share)) if want else 0 for share, want in zip(shares, wanted, strict=True))


def stretches(found: Sequence[int], seconds: float) -> list[tuple[int, ...]]:
    """Return the counts of each stretch of a round, which together are ``found``; none is empty."""
    number = max(1, min(round(seconds / STRETCH), sum(found) // 2))
    parts = [tuple((k + 1) * n // number - k * n // number for n in found) for k in range(number)]
    return [part for part in parts if sum(part)]


def for_arms(seconds: float, arms: int) -> float:
    """Return seconds that are meant for two versions as they are for ``arms``: each is asked as often."""
    return seconds * max(2, arms) / 2


def round_seconds(overhead: float, one_pass: float, slowest: float, left: float | None, arms: int = 2) -> float:
    """Return the seconds of measuring to plan for each round.

    ``overhead`` is what a round takes beside (start, warm-up, stop), ``one_pass`` a pair of every entry, ``slowest`` a
    pair of the slowest, ``left`` the time left for all rounds. Starts are the unit and their own luck is the largest
    part, so many short rounds are best; but where a start is dear it is used longer, and a round must hold some pairs
    of each. Four rounds if they fit, else as few as two, even where their starts alone take longer than there is time:
    a start that was paid for is used for a second, or for half as long as it took.
    """
    least = for_arms(LEAST_SECONDS, arms)
    wanted = min(for_arms(MOST_SECONDS, arms), max(least, overhead / 2, _ENOUGH_PAIRS * slowest))
    if left is None:
        return max(wanted, one_pass)
    for rounds in (_GOOD_ROUNDS, 3, 2):
        room = left / rounds - overhead
        if room >= wanted:
            return max(wanted, one_pass)
        if room >= max(one_pass, min(wanted, least) / 2):
            return max(room, one_pass)
    return max(one_pass, min(wanted, max(left / 2 - overhead, min(least, overhead) / 2)))


def block_plan(
    load: Load, rounds: Rounds, typical: float, slowest: float, seconds: float, arms: int = 2
) -> tuple[int, float]:
    """Return the number of block pairs and their length for ``seconds`` of a round.

    About 100 ms: the noise of shared machines is slower than that, so that both blocks of a pair meet the same of it.
    A block lasts as long as ten requests need to come, and twice as long as a request may take.
    """
    if load.stages:
        return rounds.block_count if rounds.blocks else 1, sum(stage.seconds for stage in load.stages)
    length = rounds.block
    if length is None:
        pace = _REQUESTS_PER_BLOCK / load.rate if load.model == "open" and load.rate else _REQUESTS_PER_BLOCK * typical
        length = min(_LONG_BLOCK, max(_SHORT_BLOCK, pace, 2 * slowest))
    number = rounds.blocks if rounds.blocks is not None else max(1, ceil(seconds / (max(2, arms) * length)))
    return number, length
