"""From series to rows: estimate, interval, role, verdict, levels, and what to do about a row that is not decided."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import expm1, hypot, isfinite, log, log1p, sqrt

import numpy as np

from perfproof.core.numbers import count_of, duration, percent
from perfproof.model.metrics import ALL, Metric
from perfproof.model.result import Comparison, Estimate, Level, Role, Verdict
from perfproof.model.rules import DayToDay, Rules, Spread
from perfproof.model.scenario import Goal
from perfproof.stats import alpha_spending, growth
from perfproof.stats.intervals import (
    SD_FLOOR,
    STARTS,
    STARTS_DF,
    Interval,
    Prior,
    geometric,
    half_width,
    one_sample,
    pooled_sd,
    prior_of_starts,
    smallest_effect,
    two_samples,
)
from perfproof.stats.series import Series
from perfproof.verdict.exact import exact_row
from perfproof.verdict.rule import judge

_GATES = ("latency_p50", "cpu_per_request", "memory_peak", "error_rate")
_P95_GATE = 0.10
_MOST_ROUNDS = 200
_ABSURD = log(1000.0)
_GROWTH_FLOOR = 1024.0


@dataclass(frozen=True)
class Terms:
    """On what terms rows are judged: the rules, how sure one must be, and whether rounds are paired."""

    rules: Rules
    confidence: float
    paired: bool = True
    spreads: tuple[Spread, ...] = ()
    seconds_per_round: float = 0.0
    days: tuple[DayToDay, ...] = ()

    def prior(self, metric: str, request: str) -> Prior | None:
        """Return what a noise run knew of this row; without restarts or pairing it does not apply."""
        if not (self.paired and self.rules.restarts):
            return None
        found = (s for s in self.spreads if s.metric == metric and s.request == request)
        return next((Prior(s.sd, s.rounds - 1) for s in found), None)

    def day(self, metric: str, request: str) -> DayToDay | None:
        """Return what is known of how runs of one version differ in this row from day to day."""
        return next((each for each in self.days if (each.metric, each.request) == (metric, request)), None)


@dataclass(frozen=True)
class Row:
    """A comparison with the interval behind it, on the scale it was computed on."""

    comparison: Comparison
    interval: Interval
    p_worse: float
    p_better: float = 1.0


def goal_of(rules: Rules, metric: Metric, request: str) -> Goal | None:
    """Return the goal of a row: for the named requests, or for each request name when none is named."""
    for goal in rules.goals:
        if goal.metric != metric.name:
            continue
        everywhere = request == ALL if not metric.per_request else request != ALL
        if request in goal.requests or (not goal.requests and everywhere):
            return goal
    return None


def role_of(terms: Terms, metric: Metric, request: str) -> Role:
    """Return the role of a row; never from this run's own data, or the quietest rows would pick themselves as gates."""
    if goal_of(terms.rules, metric, request):
        return "goal"
    if metric.name == "latency_p95":
        prior = terms.prior(metric.name, request)
        seen = (
            expm1(
                smallest_effect(prior.sd, terms.rules.planned_rounds, 1 - alpha_spending.ALPHA / terms.rules.candidates)
            )
            if prior
            else None
        )
        return "gate" if request == ALL or (seen is not None and seen < _P95_GATE) else "shown"
    if metric.name == "error_rate":
        return "gate" if request == ALL else "shown"
    return "gate" if metric.name in _GATES else "shown"


def estimate(series: Series, terms: Terms, floor: float | None = None) -> Interval:
    """Return candidate minus baseline (of logarithms, where the series has them) with the interval to judge.

    ``floor`` is the least deviation that is believed, where it is not the usual one.
    """
    prior = terms.prior(series.metric.name, series.request)
    if prior is None and series.in_pairs and terms.paired and terms.rules.restarts:
        prior = prior_of_starts(series.metric.name, series.errors)
    if floor is None:
        floor = SD_FLOOR if series.logs else _GROWTH_FLOOR
    if terms.paired:
        return one_sample(series.differences(), terms.confidence, prior if series.logs else None, floor)
    day = terms.day(series.metric.name, series.request) if series.logs else None
    return two_samples(series.known(0), series.known(1), terms.confidence, floor, day)


def ends(interval: Interval) -> tuple[float | None, float | None]:
    """Return an interval of logarithms as changes; none where it spans more than a factor of a thousand each way."""
    if interval.low is None or interval.high is None or interval.high - interval.value > _ABSURD:
        return None, None
    return expm1(interval.low), expm1(interval.high)


def ratio_row(series: Series, terms: Terms) -> Row:
    """Return the row of a series of logarithms."""
    metric, interval = series.metric, estimate(series, terms)
    goal = goal_of(terms.rules, metric, series.request)
    notes: list[str] = []
    if interval.rounds == 0:
        return _thin_row(series, goal)
    change = expm1(interval.value)
    low, high = ends(interval)
    verdict = _verdict(interval, goal, terms.rules, metric)
    if terms.paired:
        both = np.isfinite(series.sides[0] + series.sides[1])
        sides = [side[both] for side in series.sides]
        changes = tuple(np.expm1(series.differences()).tolist())
    else:
        sides, changes = [series.known(0), series.known(1)], ()
    shown = series.pooled if series.mixed and series.pooled else (geometric(sides[0]), geometric(sides[1]))
    if series.thin is not None:
        notes.append(f"rests on only {count_of(series.thin, 'request')} of each arm per round")
    if interval.rounds == 1:
        notes.append("one round has no interval: measure at least 4")
    open_goal = goal is not None and verdict is Verdict.IMPROVED
    if (verdict is Verdict.INCONCLUSIVE or open_goal) and interval.rounds > 1:
        notes.append(settle(interval, goal, terms, metric))
    if verdict is Verdict.EQUIVALENT and low is not None and high is not None and (low > 0 or high < 0):
        side = "higher" if low > 0 else "lower"
        notes.append(f"{side} in these starts, but within the margin of {percent(terms.rules.margin, signed=False)}")
    stretch = None
    if goal is not None and goal.stretch is not None and low is not None and high is not None:
        stretch = high <= -goal.stretch if metric.better == "lower" else low >= goal.stretch
    comparison = Comparison(
        metric=metric.name,
        request=series.request,
        unit=metric.unit,
        baseline=shown[0],
        candidate=shown[1],
        change=change,
        ci_low=low,
        ci_high=high,
        confidence=interval.confidence if low is not None else None,
        verdict=verdict,
        role=role_of(terms, metric, series.request),
        rounds=interval.rounds,
        goal=goal,
        stretch_met=stretch,
        round_changes=changes,
        typical=series.mixed is not None or series.changes is not None,
        notes=tuple(notes),
    )
    rise, fall = interval.p_above(), interval.p_below()
    return Row(comparison, interval, *((rise, fall) if metric.better == "lower" else (fall, rise)))


def _verdict(interval: Interval, goal: Goal | None, rules: Rules, metric: Metric) -> Verdict:
    """Judge an interval of logarithms."""
    low, high = ends(interval)
    return judge(
        expm1(interval.value),
        low,
        high,
        goal=goal.improve if goal else None,
        margin=rules.margin,
        regression=rules.regression,
        better=metric.better,
    )


def _thin_row(series: Series, goal: Goal | None) -> Row:
    """Return the row of a tail with too few samples in each round: shown over the run, without an interval."""
    pooled = series.pooled or (float("nan"), float("nan"))
    known = len(pooled) == 2 and all(isfinite(value) and value > 0 for value in pooled)
    comparison = exact_row(
        series.metric,
        series.request,
        (pooled[0], pooled[1]) if known else (None, None),
        Verdict.INCONCLUSIVE,
        "goal" if goal else "shown",
        goal=goal,
        notes=("too few requests in a round for an interval: raise the rate, the blocks or their length",),
    )
    return Row(comparison, Interval(float("nan"), None, None, None, 0), 1.0)


def growth_row(series: Series, terms: Terms, steady: float | None) -> Row:
    """Return the row of memory growth, compared as an absolute difference (a ratio near zero means nothing)."""
    interval = estimate(series, terms)
    values = [series.known(0), series.known(1)]
    levels = [float(v.mean()) if len(v) else None for v in values]
    material = growth.material(steady or 0.0)
    verdict, notes = Verdict.INCONCLUSIVE, []
    if interval.low is not None and interval.high is not None:
        if interval.low > 0 and interval.value > material:
            verdict = Verdict.REGRESSED
        elif interval.high < 0 and interval.value < -material:
            verdict = Verdict.IMPROVED
        elif max(abs(interval.low), abs(interval.high)) < 10 * material:
            verdict = Verdict.EQUIVALENT
        ends = " to ".join(f"{end / 1024:+,.1f}".replace("-", "−") for end in (interval.low, interval.high))
        notes.append(f"differs by {ends} KiB per 1,000 requests (compared as a difference, not a ratio)")
    base = levels[0]
    ratio = base is not None and base > material
    comparison = Comparison(
        series.metric.name,
        series.request,
        series.metric.unit,
        baseline=levels[0],
        candidate=levels[1],
        change=interval.value / base if ratio and base and isfinite(interval.value) else None,
        ci_low=interval.low / base if ratio and base and interval.low is not None else None,
        ci_high=interval.high / base if ratio and base and interval.high is not None else None,
        confidence=interval.confidence,
        verdict=verdict,
        role="goal" if goal_of(terms.rules, series.metric, series.request) else "shown",
        rounds=interval.rounds,
        goal=goal_of(terms.rules, series.metric, series.request),
        notes=tuple(notes),
    )
    return Row(comparison, interval, interval.p_above(), interval.p_below())


def settle(interval: Interval, goal: Goal | None, terms: Terms, metric: Metric) -> str:
    """Say how many rounds would settle a row if its estimate and its spread stay as they are."""
    final = alpha_spending.confidence(1, 1, candidates=terms.rules.candidates)
    undecided = {Verdict.INCONCLUSIVE} | ({Verdict.IMPROVED} if goal else set())
    extra = max(0.0, interval.df - interval.rounds + 1) if terms.paired else 0.0

    def settled(rounds: int) -> bool:
        half = half_width(interval.sd, rounds, final, extra, interval.apart)
        guess = replace(interval, low=interval.value - half, high=interval.value + half)
        return _verdict(guess, goal, terms.rules, metric) not in undecided

    # What settles a row is where its whole interval lies, and intervals of more rounds lie within those of fewer.
    tried = range(interval.rounds + 1, _MOST_ROUNDS + 1)
    more = bisect_left(tried, True, key=settled) + 1
    if more <= len(tried):
        seconds = more * terms.seconds_per_round
        time = f" (about {duration(seconds)} of measuring)" if seconds > 0 else ""
        return f"about {count_of(more, 'more round')}{time} would settle it"
    if interval.apart > 0:
        apart = percent(expm1(interval.apart), signed=False)
        return (
            f"more rounds would not settle it: two runs of one version differ by about {apart} here; use `perfproof ab`"
        )
    what = "the goal" if goal else "zero or the margin"
    return f"even {_MOST_ROUNDS} rounds would not settle it: the true change seems to be close to {what}"


def more_rounds(note: str) -> int | None:
    """Return how many more rounds a note of ``settle`` asks for; None for any other note."""
    found = re.match(r"about ([\d,]+) more rounds?\b", note)
    return int(found[1].replace(",", "")) if found else None


def levels_of(series: Series, names: Sequence[str], confidence: float) -> list[Level]:
    """Return the metric of each arm on its own."""
    found = []
    for side, name in enumerate(names):
        values = series.known(side) if series.mixed is None else series.mixed[side][np.isfinite(series.mixed[side])]
        interval = one_sample(values, confidence, floor=SD_FLOOR if series.logs else _GROWTH_FLOOR)
        value, low, high = interval.value, interval.low, interval.high
        if series.logs:
            value = series.pooled[side] if series.mixed and series.pooled else float(np.exp(value))
            around = replace(interval, value=0.0, low=_less(low, interval.value), high=_less(high, interval.value))
            low, high = (None if end is None else value * (1 + end) for end in ends(around))
        if interval.rounds == 0:
            if series.pooled is None or not isfinite(series.pooled[side]):
                continue
            value, low, high = series.pooled[side], None, None
        measured = Estimate(float(value or 0.0), low, high, interval.confidence, interval.rounds)
        found.append(Level(series.metric.name, series.request, name, series.metric.unit, measured))
    return found


def _less(end: float | None, value: float) -> float | None:
    """Return ``end - value`` where there is an end."""
    return None if end is None else end - value


def smallest_change(sd: float, rounds: int, confidence: float) -> float:
    """Return the smallest change that ``rounds`` rounds see with 95 % power, e.g. 0.031."""
    return expm1(smallest_effect(sd, rounds, confidence))


def spread_of(series: Series) -> Spread | None:
    """Return the standard deviation of a round of a series of identical arms; None below two rounds."""
    values = series.differences()
    if len(values) < 2 or not series.logs:
        return None
    return Spread(series.metric.name, series.request, max(float(values.std(ddof=1)), log1p(SD_FLOOR)), len(values))


def planned_spread(series: Series, terms: Terms, *, restarts: bool) -> Spread | None:
    """Return the standard deviation of a round as verdicts take it, with what starts usually differ by; None: unknown.

    ``restarts`` says whether the rounds to come will be fresh starts, where those of the series may not have been. A
    single round shows no deviation, but how sharp its own figure is.
    """
    interval = estimate(series, terms)
    sd, name = interval.sd, series.metric.name
    usual = prior_of_starts(name, series.errors) if series.in_pairs and restarts else None
    if usual is not None and interval.rounds == 1:
        sd = usual.sd
    elif usual is not None and not terms.rules.restarts:
        within = Prior(sqrt(max(0.0, usual.sd**2 - STARTS[name] ** 2)), STARTS_DF)
        sd = hypot(STARTS[name], pooled_sd(sd, interval.rounds - 1, within)[0])
    return Spread(name, series.request, sd, interval.rounds) if isfinite(sd) else None
