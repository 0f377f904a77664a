"""How long a run takes and what it can see, told before it begins.

Best from an earlier run of the same scenario here, part by part: rounds, causes and counts may be asked for otherwise
this time. Where there is none, from what parts usually take; how long the service takes to start is not known then,
which is said, and the run says better as soon as it has seen a round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfproof.core.numbers import count_of, digits
from perfproof.errors import PerfproofError
from perfproof.evidence.reader import read_info
from perfproof.judge.run_plan import RunPlan, plan
from perfproof.model.recording import RunInfo
from perfproof.model.rules import Rules, Spread
from perfproof.model.scenario import Scenario
from perfproof.queries.probe_plan import MORE_VARIANTS, UNCOUNTED_REPEATS, worth_probing
from perfproof.queries.probe_plan import plan as shots
from perfproof.rounds import pace
from perfproof.rounds.warmup import most_warmup
from perfproof.stats.alpha_spending import planned_looks

OUTSIDE = 2.0
"""Seconds of a command before it measures and after: to start itself, to judge, to write reports."""
START = 1.5
"""Seconds a service takes to start, where nothing is known of it."""
_LOADER = 1.0
"""Seconds until the load process is up."""
_SEALING = 0.2
_FIRST = 1.5
"""Seconds more of the first round, in which every request is tried and all files are cold."""
_STEADY = 0.5
"""Seconds for which a warm-up goes on beyond its least time, until it is steady."""
_LEVERS = 2.5
"""Seconds of watching an arm's levers, beside its start."""
_PROFILING = 3.5
"""Seconds that warming up and profilers take, to attach and to tell, beside the profiles."""
_COUNTED_START = 6.0
"""Seconds of counting instructions of both arms, for each start."""
_PER_PROBE = 0.04
_CHECKED = 3.0
"""Seconds of one check of one arm."""
_RESTARTED = 2.5
"""Seconds of one restart beside its load: to try requests, to warm up, to end the load."""
_EARLIER = 30
"""So many of the last runs are looked at for one of the same scenario."""
_ALIKE = ("warmup", "blocks", "block", "pairing", "pairs")
"""What of ``rounds:`` decides how long one of them takes."""


@dataclass(frozen=True)
class Seen:
    """What was just seen of a service: the seconds until it was up (0: it was already), and those of each answer."""

    start: float
    answers: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """Return what an estimate rests on."""
        started = f"started in {self.start:.1f} s and " if self.start else ""
        return f", as it just {started}answered within {digits(1000 * max(self.answers))} ms"


@dataclass(frozen=True)
class Estimate:
    """``seconds`` of the whole command if no look ends it early, and ``earliest`` if the first one does.

    ``start`` are the seconds of a start that this rests on, and how many ``starts`` there are; ``known`` says that an
    earlier run showed them, ``seen`` what was seen of the service otherwise. ``given`` says that the time was asked
    for, ``longer`` that even the fewest rounds take longer. ``planned`` tells what can be seen.
    """

    seconds: float
    earliest: float
    start: float
    starts: int
    known: bool
    given: bool
    planned: RunPlan
    longer: bool = False
    seen: Seen | None = None

    @property
    def sentences(self) -> tuple[str, str]:
        """Return how long it takes, and what it sees."""
        sees = f"sees p50 changes from {self.planned.sentence.partition('changes from ')[2]}"
        if "changes from" not in self.planned.sentence:
            sees = "too few rounds for an interval: plan at least 4"
        given = self.seen.sentence if self.seen else f" if it starts in {self.start:g} s and answers within 50 ms"
        if self.given:
            rounds, condition = count_of(self.planned.rounds, "round"), "" if self.known else given
            if self.longer:
                why = f"longer than asked for, but fewer than {rounds} say nothing"
                return f"takes about {spelled(self.seconds)}{condition}: {why}", sees
            return (
                f"takes {spelled(self.seconds)} at most: about {rounds}{condition}, and the causes within a fifth",
                sees,
            )
        early = f" ({spelled(self.earliest)} if the first look settles it)" if self.earliest < self.seconds else ""
        if self.known:
            return f"takes about {spelled(self.seconds)}, as before{early}", sees
        more = f"; each second more to start adds {self.starts} s" if self.starts and not self.seen else ""
        return f"takes about {spelled(self.seconds)}{early}{given}{more}", sees


def spelled(seconds: float) -> str:
    """Return seconds as ``45 s``, ``1 min 35 s`` (to 5 s) or ``12 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(5 * round(seconds / 5), 60)
    return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{round(seconds / 60)} min"


def estimate(
    scenario: Scenario,
    kind: str,
    earlier: RunInfo | None = None,
    spreads: Sequence[Spread] = (),
    slowness: float = 1.0,
    seen: Seen | None = None,
) -> Estimate | None:
    """Return the estimate; None where no end can be foreseen: a search for the capacity, users of a Locust file.

    ``slowness`` is how much longer than its CPU time something takes here now, since others use the cores as well.
    Where no earlier run shows it, ``seen`` says how the service starts and answers.
    """
    if kind not in ("ab", "run", "noise") or scenario.locustfile is not None:
        return None
    arms = 2 if kind == "noise" else len(scenario.arms) if kind == "ab" else 1
    took = earlier.took if earlier is not None else {}
    seen = None if took else seen
    start = took.get("start", seen.start if seen else START)
    afresh = all(arm.service.command is not None and arm.service.restart == "always" for arm in scenario.arms)
    start = start if afresh else 0.0
    answers = seen.answers if seen else ()
    outside = took.get("outside", OUTSIDE * slowness)
    before = took.get("before", _LOADER * slowness)
    probe = took.get("probe", _probe(scenario, kind, start, answers))
    causes, passes = _causes(scenario, kind, arms, start)
    causes = took["causes"] if causes and took.get("causes") else causes
    counted = scenario.count.by != "off" and kind in ("ab", "run")
    count = took.get("count", scenario.count.fewest * (_COUNTED_START + 2 * start)) if counted else 0.0
    checked = took.get("checks", _checks(scenario, arms, start)) if kind in ("ab", "run") else 0.0
    checked = checked if scenario.checks.wanted else 0.0
    beside = outside + before + probe + count + checked
    rounds = scenario.rounds
    left = None if rounds.time is None else 0.8 * rounds.time - beside
    design, each = _round(scenario, arms, start, slowness, answers, left)
    first = _FIRST * slowness
    if earlier is not None and _alike(earlier.settings, scenario) and "round" in took:
        first, each = 0.0, took["round"]
    rules = Rules(planned_rounds=rounds.count, early_stop=rounds.early_stop and kind == "ab")
    budget = None if left is None else max(each, left)
    planned = plan(rules, each, budget, spreads, in_pairs=design is None or design.pairs)
    looks = planned_looks(planned.rounds, planned.rules.early_stop)
    without_causes = beside + first + planned.rounds * each
    seconds, earliest = without_causes + causes, beside + first + causes + looks[0] * each
    # The fewest rounds that say anything are measured even where there is no time for them; causes are not looked for.
    longer = rounds.time is not None and without_causes > rounds.time
    if rounds.time is not None:
        seconds, earliest = (without_causes, without_causes) if longer else (rounds.time, min(rounds.time, earliest))
    starts = (planned.rounds + (arms if probe else 0) + passes) if afresh else 0
    return Estimate(
        seconds, earliest, start, starts, bool(took), rounds.time is not None, planned, longer=longer, seen=seen
    )


def earlier_run(results: Path, scenario_hash: str, kind: str) -> RunInfo | None:
    """Return the newest complete run of the same scenario in ``results`` that says how long its parts took."""
    for folder in _newest(results):
        try:
            info = read_info(folder)
        except PerfproofError:
            continue
        if (info.scenario_hash, info.kind, info.status) == (scenario_hash, kind, "complete") and info.took:
            return info
    return None


def _newest(results: Path) -> Iterator[Path]:
    if results.is_dir():
        folders = sorted((each for each in results.iterdir() if (each / "run.json").is_file()), reverse=True)
        yield from folders[:_EARLIER]


def _alike(settings: Mapping[str, Any], scenario: Scenario) -> bool:
    before = settings.get("rounds", {})
    return isinstance(before, dict) and all(before.get(key) == getattr(scenario.rounds, key) for key in _ALIKE)


def _round(
    scenario: Scenario,
    arms: int,
    start: float,
    slowness: float,
    answers: Sequence[float],
    left: float | None,
) -> tuple[pace.Design | None, float]:
    """Return how the arms take turns, as far as it is known, and the seconds of a round.

    ``answers`` are the seconds of each request where they are known, ``left`` those there are for all rounds.
    """
    rounds = scenario.rounds
    metrics = {goal.metric for goal in scenario.goals} | {budget.metric for budget in scenario.budgets}
    design = pace.choose(
        scenario.load,
        rounds,
        arms=arms,
        locust=False,
        under_load=any(name.startswith(("latency_under_load", "throughput")) for name in metrics),
    )
    overhead = start + pace.STOPPING + _SEALING + (_STEADY * slowness if rounds.warmup is None else 0.0)
    if design is None or design.pairs:
        warmup = pace.for_arms(pace.WARMUP, arms) if rounds.warmup is None else rounds.warmup
        one_pass, slowest = arms * sum(answers), arms * max(answers, default=0.0)
        measuring = rounds.pairs or pace.round_seconds(overhead + warmup, one_pass, slowest, left, arms)
        return design, overhead + warmup + measuring
    blocks = rounds.block_count * rounds.block_seconds
    shortest = max(rounds.block_warmup, 0.3)
    return design, overhead + arms * (blocks + min(most_warmup(rounds), 1.5 * shortest))


def _probe(scenario: Scenario, kind: str, start: float, answers: Sequence[float] = ()) -> float:
    worthwhile, _ = worth_probing(scenario, arms=len(scenario.arms))
    if kind == "noise" or not worthwhile:
        return 0.0
    counted = any(arm.service.database for arm in scenario.arms)
    sent = 0
    for request in scenario.requests:
        sent += sum(shot.repeats for shot in shots(request, counted=counted)) + MORE_VARIANTS * UNCOUNTED_REPEATS
    each = max(_PER_PROBE, sum(answers) / len(answers)) if answers else _PER_PROBE
    return len(scenario.arms) * (start + pace.STOPPING + each * sent)


def _checks(scenario: Scenario, arms: int, start: float) -> float:
    """Return the seconds of checks that were never made here; what commands of a build take is not known."""
    seconds = 0.0
    for name, settings in scenario.checks.wanted.items():
        if name == "rollout":
            each = sum(float(str(settings.get(key) or 0)) for key in ("before", "after")) + 2 * start + _RESTARTED
            seconds += arms * (start + float(str(settings.get("times") or 1)) * each)
        else:
            seconds += arms * _CHECKED
    return seconds + (arms * (start + pace.STOPPING) if scenario.checks.wanted else 0.0)


def _causes(scenario: Scenario, kind: str, arms: int, start: float) -> tuple[float, int]:
    """Return the seconds that looking for causes takes, and the starts one after the other in it."""
    explain = scenario.explain
    if kind == "noise":
        return 0.0, 0
    seconds, starts = 0.0, 0
    if explain.levers:
        seconds, starts = arms * _LEVERS, arms
    if explain.profile != "off":
        seconds, starts = seconds + arms * explain.seconds + _PROFILING, starts + 1
    return seconds + starts * (start + pace.STOPPING), starts
