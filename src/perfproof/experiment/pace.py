"""The pace of a run: how the arms take turns and how long for, fixed in the first round and kept to the last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from perfproof.analysis import pacing
from perfproof.load.plan import PairsReport
from perfproof.model.scenario import Request, Scenario

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
    design: pacing.Design | None = None
    took: list[list[float]] = field(default_factory=list)
    counts: tuple[int, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        scenario = self.scenario
        metrics = {goal.metric for goal in scenario.goals} | {budget.metric for budget in scenario.budgets}
        # What only blocks can tell: what users wait, and how often they are served.
        self._under_load = any(name.startswith(("latency_under_load", "throughput")) for name in metrics)
        self._entries = entries(scenario.requests)
        self.design = self.design or pacing.choose(
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
            self.design = pacing.by_utilisation(load.rate, alone, under_load=self._under_load)
        share = pacing.SHARE_OF_PAIRS if self.design.blocks else 1.0
        left = None if self.deadline is None else self.deadline - time.monotonic() + after
        asked = self.scenario.rounds.pairs
        self.seconds = asked or pacing.round_seconds(overhead, sum(costs) / share, max(costs) / share, left, self.arms)
        self.counts = pacing.counts(weights, costs, self.seconds * (share if asked is None else 1.0))

    def blocks(self) -> tuple[int, float]:
        """Return the number of block pairs in a round and the seconds of a block."""
        known = [each for arm in self.took for each in arm if each > 0]
        typical = sorted(known)[len(known) // 2] if known else 0.0
        seconds = self.seconds * (1 - pacing.SHARE_OF_PAIRS) if self.seconds else max(2, self.arms) * 8 * 0.5
        return pacing.block_plan(
            self.scenario.load, self.scenario.rounds, typical, max(known, default=0.0), seconds, self.arms
        )
