"""Warming up in pairs: how many requests a stretch has, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from perfproof.load.plan import BlockReport, PairsReport, PairStretch
from perfproof.model.scenario import Request, Rounds, Scenario
from perfproof.rounds.pace import Pace
from perfproof.rounds.paired import warm_pairs


@dataclass
class Held:
    """Answers the first request at once and every other one after ``later`` seconds, by its own clock."""

    later: float
    clock: float = 0.0
    stretches: list[PairStretch] = field(default_factory=list)

    def pairs(self, stretch: PairStretch) -> PairsReport:
        took = self.later if self.stretches else 0.001
        self.stretches.append(stretch)
        pairs = sum(stretch.counts)
        began, self.clock = self.clock, self.clock + pairs * len(stretch.arms) * took
        report = BlockReport(
            started_ns=int(began * 1e9), ended_ns=int(self.clock * 1e9), intended=pairs, sent=pairs, completed=pairs,
            failed=0, dropped=0, late=0, generator_cpu_ns=0, lag_max_ns=0, steal_ns=0,
        )  # fmt: skip
        times = ((int(took * 1e9),),) * len(stretch.arms)
        return PairsReport(pairs, (report,) * len(stretch.arms), times, (0,) * len(stretch.arms))


def test_a_first_response_that_comes_sooner_than_all_others_does_not_make_one_stretch_the_whole_warm_up() -> None:
    rounds = Rounds(warmup=0.2, warmup_requests=5)
    scenario = Scenario(name="held", file=None, arms=(), requests=(Request("rows", "GET", "/rows"),), rounds=rounds)  # type: ignore[arg-type]
    load = Held(0.043)
    service = SimpleNamespace(port=0, processes=lambda: ())
    tree = SimpleNamespace(cpu_by_pid=dict)
    run: Any = SimpleNamespace(load=load, scenario=scenario, pace=Pace(scenario, 2))
    progress: Any = SimpleNamespace(services=[service] * 2, trees=[tree] * 2, warmth={})
    warm_pairs(run, 1, progress)
    assert [warmth.steady for warmth in progress.warmth.values()] == [True, True]
    assert load.clock < 2.0
    assert sum(load.stretches[1].counts) <= 6
