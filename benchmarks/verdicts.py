"""How often verdicts are right: simulated runs with known truth through the real rules, against the figures to reach.

Three levels. *Recorded*: rounds of real services beside planted neighbours (recordings/rounds.json, made by pairing.py)
are drawn with replacement, whole rounds at a time, the arms swapped by chance, shifted to a known truth, and judged as
runs of 60 to 150 s.
*Rounds*: thousands of runs made of block pairs (autocorrelated noise, drift, bursts, start luck) enter at the series,
so intervals, looks, Holm and the conclusion are the real ones. *Samples*: fewer runs made of single requests go through
``analyse`` and ``look`` whole. Made noise is as measured services had it in blocks: the standard deviation of one
round's p50 difference is 1.5-2.6 %, of one pair of blocks 4-8 %, of one round's p95 5-9 %.

    python benchmarks/verdicts.py [recorded | made] [--quick] [--seed N]

Prints a table and exits 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import signal, special

from perfproof.judge import analyse, look, spreads
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Recording
from perfproof.model.result import Comparison, Verdict
from perfproof.model.rules import Rules, Spread
from perfproof.model.scenario import Goal
from perfproof.stats import alpha_spending
from perfproof.stats.failures import Failures
from perfproof.stats.intervals import Prior, one_sample
from perfproof.stats.series import Series
from perfproof.verdict.claims import correct
from perfproof.verdict.conclude import conclude, decided
from perfproof.verdict.error_rows import error_rows
from perfproof.verdict.rows import Row, Terms, ratio_row, spread_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from recording_builders import make_recording

RECORDINGS = Path(__file__).parent / "recordings" / "rounds.json"
SECONDS_PER_ROUND = 11.6
"""A measured round: two starts, warm-up, eight pairs of half-second blocks (139 s for 12 rounds)."""
NAMES = ("login", "list", "show", "search")
PAIRS = 8
QUALITY = (0.9, 1.5)
"""Machines differ in noise; every simulated run draws its own level."""
_CLEAN = {ALL: Failures(4800, 0, {}, ())}


def rounds_within(seconds: float) -> int:
    """Return the rounds that fit into a time budget."""
    return int(seconds / SECONDS_PER_ROUND)


# ---------------------------------------------------------------------------------------------- rounds


def blocks_noise(rng: np.random.Generator, rounds: int) -> np.ndarray:
    """Return the machine's level in every block by (round, pair, position): AR(1), a drift and bursts."""
    count = rounds * PAIRS * 2
    memory = 0.6
    level = signal.lfilter([np.sqrt(1 - memory**2)], [1, -memory], rng.normal(0, 1, count + 50))[50:] * 0.035
    drift = 0.10 * np.sin(np.linspace(0, rng.uniform(1, 4) * np.pi, count) + rng.uniform(0, 6))
    bursts = signal.lfilter([1.0], [1, -0.5], (rng.random(count) < 0.02) * rng.uniform(0.05, 0.2, count))
    return (level + drift + bursts).reshape(rounds, PAIRS, 2)


def differences(rng: np.random.Generator, noise: np.ndarray, quality: float, start: float, own: float) -> np.ndarray:
    """Return candidate minus baseline per round: block pairs in random order, plus what each start brought along."""
    rounds = len(noise)
    order = rng.integers(0, 2, (rounds, PAIRS))
    pair = np.where(order == 0, noise[..., 1] - noise[..., 0], noise[..., 0] - noise[..., 1])
    pair = pair + rng.normal(0, own * np.sqrt(2), pair.shape)
    return quality * (pair.mean(axis=1) + rng.normal(0, start * np.sqrt(2), rounds))


def simulated(
    rng: np.random.Generator, rounds: int, effect: dict[str, float], quality: float | None = None
) -> list[Series]:
    """Return every gated series of one run; ``effect`` maps a metric to its true change."""
    noise, quality = blocks_noise(rng, rounds), quality or rng.uniform(*QUALITY)
    start = rng.normal(0, 0.011 * np.sqrt(2), rounds) * quality
    found: list[Series] = []

    def add(metric: str, request: str, values: np.ndarray) -> None:
        log = np.log1p(effect.get(metric, 0.0))
        found.append(Series(METRICS[metric], request, (np.zeros(rounds), values + log)))

    names = [differences(rng, noise, quality, 0.006, 0.03) + start for _ in NAMES]
    add("latency_p50", ALL, np.mean(names, axis=0))
    for name, values in zip(NAMES, names, strict=True):
        add("latency_p50", name, values)
    tail = 0.05 + 0.04 * (quality - QUALITY[0]) / (QUALITY[1] - QUALITY[0])
    add("latency_p95", ALL, rng.normal(0, np.sqrt(max(0.0, tail**2 - 0.02**2)), rounds) + np.mean(names, axis=0))
    add("cpu_per_request", ALL, differences(rng, noise * 0.3, quality, 0.006, 0.01))
    add("memory_peak", ALL, rng.normal(0, 0.004, rounds))
    return found


def cut(series: Series, rounds: int) -> Series:
    """Return the first rounds of a series."""
    errors = None if series.errors is None else series.errors[:rounds]
    return replace(series, sides=tuple(side[:rounds] for side in series.sides), errors=errors)


def judged(series: Sequence[Series], rules: Rules, known: tuple[Spread, ...] = ()) -> tuple[list[Row], Verdict, int]:
    """Look where looks are planned and return rows, verdict and rounds of the look that ended the run."""
    rows: list[Row] = []
    for rounds in alpha_spending.planned_looks(rules.planned_rounds, rules.early_stop):
        confidence = alpha_spending.confidence(rounds, rules.planned_rounds, rules.early_stop)
        terms = Terms(rules, confidence, spreads=known, seconds_per_round=SECONDS_PER_ROUND)
        rows = [ratio_row(cut(each, rounds), terms) for each in series]
        rows = correct([*rows, *error_rows(_CLEAN, _CLEAN, terms, rounds)], terms)
        if decided([row.comparison for row in rows]):
            break
    return rows, conclude([row.comparison for row in rows], (), valid=True)[0], rounds


def found(rows: Sequence[Row], metric: str, request: str = ALL) -> Row:
    """Return one row."""
    return next(r for r in rows if r.comparison.metric == metric and r.comparison.request == request)


def above_zero(rows: Sequence[Row], metric: str) -> bool:
    """Tell whether a rise was seen: the interval that was judged lies above zero."""
    low = found(rows, metric).comparison.ci_low
    return low is not None and low > 0


# ---------------------------------------------------------------------------------------------- recorded


@dataclass(frozen=True)
class Recorded:
    """Rounds of one real service beside one neighbour: ``changes[series][round]`` (ln), both arms one program."""

    place: str
    pairs: bool
    seconds: float
    series: tuple[tuple[str, str], ...]
    changes: np.ndarray
    errors: np.ndarray
    """As ``changes``: how sure a round is by its own pairs; NaN where nothing is known of it."""

    def run(self, rng: np.random.Generator, seconds: float, rules: Rules, **effect: float) -> tuple[list[Row], Verdict]:
        """Return the rows and the verdict of one run of ``seconds`` drawn from the rounds; ``effect`` by metric."""
        rounds = max(2, int((seconds * ROUNDS_SHARE - ROUNDLESS_SECONDS) / self.seconds))
        drawn = rng.integers(0, self.changes.shape[1], rounds)
        swapped = rng.choice((-1.0, 1.0), rounds)  # both arms are one program: which is called the candidate is chance
        series = [
            Series(
                METRICS[metric],
                request,
                (np.zeros(rounds), values + np.log1p(effect.get(metric, effect.get("all", 0.0)))),
                errors=errors,
                in_pairs=self.pairs,
            )
            for (metric, request), values, errors in zip(
                self.series, self.changes[:, drawn] * swapped, self.errors[:, drawn], strict=True
            )
        ]
        rows, verdict, _ = judged(series, replace(rules, planned_rounds=rounds))
        return rows, verdict


RISES = (("+5 % 60 s", 60, 0.05), ("+3 % 120 s", 120, 0.03), ("+2 % 150 s", 150, 0.02))
AIMS = {
    "+5 % 60 s": ("recorded pairs: +5 % p50 seen in 60 s", 0.9, 1),
    "+3 % 120 s": ("recorded pairs: +3 % p50 seen in 120 s", 0.9, 1),
    "+2 % 150 s": ("recorded pairs: +2 % p50 seen in 150 s", 0.8, 1),
    "-25 % met": ('recorded pairs: -25 % called "20 % met" in 60 s', 0.95, 1),
    "-10 % met": ('recorded pairs: -10 % called "20 % met" in 60 s', 0, 0.005),
    "moved": ("recorded pairs: identical arms called regressed or improved", 0, 0.01),
    "any row": ("recorded pairs: any row of identical arms called so", 0, 0.05),
}
"""By the head of its column: what a bar counts, and the range its share must lie in."""
ROUNDS_SHARE, ROUNDLESS_SECONDS = 0.8, 3.0
"""What of a command's time its rounds get (docs/statistics.md), and what it takes to start."""


def recordings(path: Path) -> list[Recorded]:
    """Read recorded rounds of identical arms.

    They are not centred on their mean: one round far out would move all others away from zero, and runs drawn without
    it would see a change. Recordings of arms that differ (``slower``) are for bias, not for this, and are left out.
    """
    found = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        if entry["service"] == "slower" or entry["rounds"] < 6:
            continue
        kept = {name: values for name, values in entry["changes"].items() if len(values) == entry["rounds"]}
        values = np.array(list(kept.values()))
        count = values.shape[1]
        names = tuple((name.split(" ", 1)[0], name.split(" ", 1)[1]) for name in kept)
        own = entry.get("errors", {})
        errors = np.array([own.get(name, [None] * count) for name in kept], dtype=np.float64)
        place = f"{entry['service']}/{entry['noise']}"
        found.append(Recorded(place, entry["design"] == "pairs", entry["seconds_per_round"], names, values, errors))
    return found


def recorded_level(rng: np.random.Generator, runs: int, path: Path) -> list[Bar]:
    """Print what every recording can see, and return the bars over those of paired rounds."""
    moved = (Verdict.REGRESSED, Verdict.IMPROVED)
    every = recordings(path)
    heads = (
        "p50 ±",
        "CPU ±",
        "p95 ±",
        "+5 % 60 s",
        "+3 % 120 s",
        "+2 % 150 s",
        "-25 % met",
        "-10 % met",
        "moved",
        "any row",
    )
    print(f"{'recorded':<20} {'design':<6} " + " ".join(f"{head:>10}" for head in heads))
    shares: dict[str, list[int]] = {head: [] for head in heads}
    plain = Rules(early_stop=False)
    goal = Rules(goals=(Goal("latency_p50", 0.2, requests=(ALL,)),))
    for each in every:
        half: dict[str, list[float]] = {}
        hits = dict.fromkeys(heads, 0)
        for _ in range(runs):
            rows, verdict = each.run(rng, 60, plain)
            for metric, head in zip(("latency_p50", "cpu_per_request", "latency_p95"), heads, strict=False):
                row = found(rows, metric) if (metric, ALL) in each.series else None
                if row is not None and row.comparison.ci_high is not None:
                    half.setdefault(head, []).append(row.comparison.ci_high - row.comparison.change)
            hits["moved"] += verdict in moved
            hits["any row"] += any(row.comparison.verdict in moved for row in rows)
            for head, seconds, change in (
                ("+5 % 60 s", 60, 0.05),
                ("+3 % 120 s", 120, 0.03),
                ("+2 % 150 s", 150, 0.02),
            ):
                rules = replace(plain, margin=0.02) if change < 0.03 else plain
                hits[head] += above_zero(each.run(rng, seconds, rules, all=change)[0], "latency_p50")
            for head, change in (("-25 % met", -0.25), ("-10 % met", -0.10)):
                rows, _ = each.run(rng, 60, goal, all=change)
                hits[head] += found(rows, "latency_p50").comparison.verdict is Verdict.MET
        cells = [f"{np.median(half[head]):.2%}" if half.get(head) else "-" for head in heads[:3]]
        cells += [f"{hits[head] / runs:.1%}" for head in heads[3:]]
        print(f"{each.place:<20} {'pairs' if each.pairs else 'blocks':<6} " + " ".join(f"{cell:>10}" for cell in cells))
        if each.pairs:
            for head in heads[3:]:
                shares[head].append(hits[head])
    tries = runs * len(shares["moved"])
    bars = [Bar(name, sum(shares[head]), tries, low, high) for head, (name, low, high) in AIMS.items()]
    for bar in bars:
        print(bar.line())
    return bars


# ---------------------------------------------------------------------------------------------- samples


def sampled(rng: np.random.Generator, effect: float, rounds: int, rules: Rules) -> Recording:
    """Return a recording of single requests, as noisy as the rounds above."""
    return make_recording(
        effect=effect,
        rounds=rounds,
        requests=("list", "show"),
        weights=(3, 1),
        base_ms=(8.0, 20.0),
        rate=200.0,
        tail=0.01,
        variants=((1.0, 2.2), (1.0,)),
        start_sd=float(rng.uniform(0.005, 0.010)),
        block_sd=0.025,
        drift=0.1,
        bursts=0.001,
        correlation=0.6,
        rules=rules,
        seed=int(rng.integers(2**31)),
    )


def looked(recording: Recording) -> tuple[Recording, int]:
    """Return the recording cut where ``look`` stops it."""
    for rounds in alpha_spending.planned_looks(recording.info.rules.planned_rounds):
        so_far = Recording(recording.info, recording.rounds[:rounds])
        if look(so_far).stop:
            return so_far, rounds
    return recording, len(recording.rounds)


# ---------------------------------------------------------------------------------------------- table


@dataclass(frozen=True)
class Bar:
    """One figure to reach: how often something happened in ``tries`` and the range it must lie in."""

    name: str
    hits: int
    tries: int
    low: float
    high: float
    lenient: bool = False

    @property
    def share(self) -> float:
        """Return the share of hits."""
        return self.hits / self.tries

    @property
    def interval(self) -> tuple[float, float]:
        """Return the exact 95 % interval of the share."""
        low = special.betaincinv(self.hits, self.tries - self.hits + 1, 0.025) if self.hits else 0.0
        high = special.betaincinv(self.hits + 1, self.tries - self.hits, 0.975) if self.hits < self.tries else 1.0
        return float(low), float(high)

    @property
    def holds(self) -> bool:
        """Tell whether the bar is reached; a lenient one (few tries) whether it may be."""
        low, high = self.interval if self.lenient else (self.share, self.share)
        return low <= self.high and high >= self.low

    def line(self) -> str:
        """Return the row of the table with the 95 % interval of the share."""
        low, high = self.interval
        aim = f"{self.low:.0%}-{self.high:.0%}"
        aim = f">= {self.low:.1%}" if self.high >= 1 else f"<= {self.high:.1%}" if self.low <= 0 else aim
        result = "holds" if self.holds else "MISSED"
        return f"{self.name:<66} {aim:>9} {self.share:>8.2%} [{low:6.2%}, {high:6.2%}] of {self.tries:<5} {result}"


def tally(name: str, tries: int, low: float, high: float, trial: Callable[[], bool]) -> Bar:
    """Run one kind of trial and print its bar; with fewer than 200 tries only a clear miss counts."""
    bar = Bar(name, sum(trial() for _ in range(tries)), tries, low, high, tries < 200)
    print(bar.line(), flush=True)
    return bar


def calibration(rng: np.random.Generator) -> None:
    """Print the noise that is simulated, to be held against the measured ranges."""
    sds: dict[str, list[float]] = {}
    for _ in range(200):
        for series in simulated(rng, 12, {}):
            if series.request == ALL:
                sds.setdefault(series.metric.name, []).append(float(series.differences().std(ddof=1)))
    pair = [quality_pairs(rng) for _ in range(100)]
    plain = Rules(early_stop=False)
    for _ in range(10):
        for spread in spreads(sampled(rng, 0.0, 12, plain)):
            if spread.request == ALL and spread.metric in ("latency_p50", "latency_p95"):
                sds.setdefault(f"{spread.metric}, of samples", []).append(spread.sd)
    print("simulated noise: standard deviation per round (median, 5th-95th percentile):")
    for metric, values in [*sds.items(), ("one pair of blocks, p50", pair)]:
        low, middle, high = np.percentile(values, [5, 50, 95])
        print(f"  {metric:<26} {middle:6.2%}  {low:6.2%}-{high:6.2%}")


def quality_pairs(rng: np.random.Generator) -> float:
    """Return the standard deviation of one pair's difference of one request name in one simulated run."""
    noise, quality = blocks_noise(rng, 12), rng.uniform(*QUALITY)
    pair = noise[..., 1] - noise[..., 0] + rng.normal(0, 0.03 * np.sqrt(2), noise.shape[:2])
    return float(quality * pair.std())


def rounds_level(rng: np.random.Generator, runs: int) -> list[Bar]:
    """Return the bars of simulated rounds."""
    bars = []
    plan75, plan120, plan150 = (Rules(planned_rounds=rounds_within(s)) for s in (75, 120, 150))
    goal = replace(plan120, goals=(Goal("latency_p50", 0.2),))

    def run(rules: Rules, spread: bool = False, **effect: float) -> tuple[list[Row], Verdict, int]:
        quality = rng.uniform(*QUALITY)
        noise = simulated(rng, 12, {}, quality) if spread else []
        known = tuple(found for each in noise if (found := spread_of(each)) is not None)
        return judged(simulated(rng, rules.planned_rounds, effect, quality), rules, known)

    def bar(name: str, low: float, high: float, trial: Callable[[], bool], tries: int = runs) -> None:
        bars.append(tally(name, tries, low, high, trial))

    bar(
        "identical arms called regressed, whole gate (12 rounds)",
        0,
        0.01,
        lambda: run(plan150)[1] is Verdict.REGRESSED,
        runs * 3,
    )
    bar(
        "identical arms called regressed, whole gate (6 rounds)",
        0,
        0.01,
        lambda: run(plan75)[1] is Verdict.REGRESSED,
        runs,
    )
    bar(
        "identical arms called equivalent, p50 within 150 s",
        0.90,
        1,
        lambda: found(run(plan150)[0], "latency_p50").comparison.verdict is Verdict.EQUIVALENT,
    )
    bar(
        "identical arms called regressed, whole gate, with a stored spread",
        0,
        0.01,
        lambda: run(plan150, True)[1] is Verdict.REGRESSED,
    )
    # Within the usual margin of 5 % a rise of 3 % may end a run as equivalent: who wants to see it says so.
    fine = replace(plan150, margin=0.02)
    for change, rules, seconds in ((0.05, plan75, 75), (0.03, fine, 150)):
        for metric, short in (("latency_p50", "p50"), ("cpu_per_request", "CPU per request")):
            for spread in (False, True):
                bar(
                    f"{change:+.0%} {short} seen within {seconds} s{', stored spread' if spread else ''}",
                    0.95,
                    1,
                    lambda m=metric, c=change, r=rules, s=spread: above_zero(run(r, s, **{m: c})[0], m),
                )
    # p95 carries the goal here: without one a run may end as soon as p50 and CPU are decided.
    tail = replace(plan150, goals=(Goal("latency_p95", 0.2, requests=(ALL,)),))
    for change, least in ((0.05, 0.85), (0.10, 0.95)):
        for spread in (False, True):
            bar(
                f"{change:+.0%} p95 seen within 150 s{', stored spread' if spread else ''}",
                least,
                1,
                lambda c=change, s=spread: above_zero(run(tail, s, latency_p95=c, latency_p50=c)[0], "latency_p95"),
            )
    bar(
        'true -10 % called "20 % met" (any of 4 names)',
        0,
        0.005,
        lambda: any(r.comparison.verdict is Verdict.MET for r in run(goal, latency_p50=-0.10)[0]),
    )
    bar(
        'true -25 % called "20 % met" within 120 s (all of 4 names)',
        0.95,
        1,
        lambda: run(goal, latency_p50=-0.25)[1] is Verdict.MET,
    )
    for change in (0.0, 0.05, -0.05, 0.10, -0.10, -0.25):
        truth = float(np.log1p(change))

        def covered(c: float = change, t: float = truth, prior: bool = False) -> bool:
            values = simulated(rng, 12, {"latency_p50": c})[0].differences()
            known = simulated(rng, 12, {})[0].differences() if prior else values
            interval = one_sample(values, 0.95, Prior(float(known.std(ddof=1)), 11) if prior else None)
            return interval.low is not None and interval.high is not None and interval.low <= t <= interval.high

        bar(f"coverage of 95 % intervals at {change:+.0%}", 0.93, 0.97, covered, runs)
        if change in (0.0, -0.25):
            bar(f"coverage at {change:+.0%} with a stored spread", 0.93, 0.97, lambda f=covered: f(prior=True), runs)
    return bars


def samples_level(rng: np.random.Generator, runs: int) -> list[Bar]:
    """Return the bars of simulated requests through ``analyse`` and ``look``."""
    plan, short = Rules(planned_rounds=12), Rules(planned_rounds=6)
    goal = Rules(planned_rounds=10, goals=(Goal("latency_p50", 0.2),))
    tail = replace(plan, goals=(Goal("latency_p95", 0.2, requests=(ALL,)),))

    def row_of(recording: Recording, metric: str) -> Comparison:
        return next(r for r in analyse(recording).comparisons if r.metric == metric and r.request == ALL)

    def seen(recording: Recording, metric: str) -> bool:
        low = row_of(recording, metric).ci_low
        return low is not None and low > 0

    return [
        tally(
            "samples: identical arms called regressed, whole gate",
            runs * 2,
            0,
            0.01,
            lambda: analyse(looked(sampled(rng, 0.0, 12, plan))[0]).verdict is Verdict.REGRESSED,
        ),
        tally(
            "samples: identical arms called equivalent (p50)",
            runs,
            0.90,
            1,
            lambda: row_of(looked(sampled(rng, 0.0, 12, plan))[0], "latency_p50").verdict is Verdict.EQUIVALENT,
        ),
        tally(
            "samples: +5 % p50 seen in 6 rounds",
            runs,
            0.95,
            1,
            lambda: seen(looked(sampled(rng, 0.05, 6, short))[0], "latency_p50"),
        ),
        tally(
            "samples: +5 % p95 seen in 12 rounds (p95 carries the goal)",
            runs,
            0.85,
            1,
            lambda: seen(looked(sampled(rng, 0.05, 12, tail))[0], "latency_p95"),
        ),
        tally(
            'samples: true -25 % called "20 % met" in 10 rounds',
            runs,
            0.95,
            1,
            lambda: analyse(looked(sampled(rng, -0.25, 10, goal))[0]).verdict is Verdict.MET,
        ),
    ]


def main() -> int:
    """Run both levels; return 1 when a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("which", nargs="?", choices=["recorded", "made"], help="one level alone")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the runs, for a smoke test")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    began = time.monotonic()
    bars: list[Bar] = []
    if options.which != "made":
        bars += recorded_level(rng, 20 if options.quick else 500, RECORDINGS)
    if options.which != "recorded":
        calibration(rng)
        print(f"{'figure':<66} {'to reach':>9} {'came out':>8}")
        bars += rounds_level(rng, 100 if options.quick else 1000)
        bars += samples_level(rng, 8 if options.quick else 60)
    missed = [bar for bar in bars if not bar.holds]
    print(
        f"{len(bars) - len(missed)} of {len(bars)} figures reached, seed {options.seed}, "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
