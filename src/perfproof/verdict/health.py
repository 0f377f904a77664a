"""May this measurement carry a verdict at all? Reasons why not, and doubts that weaken it without voiding it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfproof.core.numbers import count_of, in_unit, percent, upper_first
from perfproof.model.metrics import ALL
from perfproof.model.recording import Block, Outcome, Round
from perfproof.model.rules import Rules
from perfproof.stats.columns import MS, Side, complete
from perfproof.stats.failures import Failures, commonest
from perfproof.stats.generator import LAG_DOUBT_MS, LATE_DOUBT, MOST_SICK, WAITED_DOUBT, GeneratorState, generator_state
from perfproof.verdict.held import held_responses
from perfproof.verdict.troubles import weigh, wrong_answer

DROPPED = 0.001
STEAL_DOUBT = 0.02
FEWEST_TO_JUDGE = 8
"""Answers of a warm-up below which it cannot be told whether they had stopped getting faster: two in each of four
stretches."""
UNSTEADY_INVALID = 0.5
"""Share of starts of an arm that never became steady."""


@dataclass(frozen=True)
class Health:
    """``reasons`` void the measurement, worst first; ``warnings`` weaken it. Both are whole sentences.

    ``only_timed`` says that all of the reasons are about the load, so that only what was timed is void.
    """

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    only_timed: bool = False


def examine(sides: Sequence[Side], failures: Sequence[dict[str, Failures]], rules: Rules) -> Health:
    """Return everything that speaks against the measurement of these sides."""
    reasons, warnings = deaths(sides), []
    if not all(side.rounds for side in sides):
        reasons.append(_unfinished(sides, told=bool(reasons)))
    reasons += _errors(sides, failures, rules)
    voiding, doubts = weigh(sides, rules)
    reasons += voiding
    warnings += doubts
    blocks = [block for side in sides for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    held = {at: told for at, side in enumerate(sides) if (told := held_responses(side))}
    timed: list[str] = []
    if blocks:
        advice = relief(sides[-1])
        judged = (
            _generator(sides, advice),
            _dropped(blocks),
            _left_out(blocks),
            closing(blocks),
            steadiness(sides, held),
        )
        for findings, more in judged:
            timed += findings
            warnings += more
        warnings += _stolen(blocks)
    warnings += _cold(sides)
    warnings += waiting(sides)
    warnings += held.values()
    only_timed = bool(timed) and not reasons
    return Health(tuple(dict.fromkeys([*reasons, *timed])), tuple(dict.fromkeys(warnings)), only_timed)


def _unfinished(sides: Sequence[Side], *, told: bool) -> str:
    """Return that no round was completed and, unless it is ``told`` already, what ended the last one."""
    problems = [r.problem for side in sides if not side.rounds for r in side.recording.rounds if r.problem]
    if told or not problems:
        return "no round was completed."
    return f"no round was completed: {in_one_line(problems[-1])}.".replace("..", ".")


def in_one_line(problem: str) -> str:
    """Return what an error said, and why, without what to do and the lines of a log."""
    what, *rest = problem.splitlines() or [""]
    why = next((line.strip().removeprefix("why: ") for line in rest if line.strip().startswith("why: ")), "")
    return f"{what}: {why}" if why else what


def doubts(sides: Sequence[Side]) -> list[str]:
    """Return what weakens a search for the capacity: of load that is meant to be too much, only the surroundings."""
    blocks = [block for side in sides for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    unsteady, doubtful = steadiness(sides)
    found = [upper_first(text) for text in unsteady] + doubtful
    return list(dict.fromkeys([*found, *(_stolen(blocks) if blocks else []), *_cold(sides)]))


def _stolen(blocks: Sequence[Block]) -> list[str]:
    """Return a warning where the host took CPU away."""
    steal = sum(b.steal_ns for b in blocks) / max(1, sum(b.ended_ns - b.started_ns for b in blocks))
    share = percent(steal, signed=False)
    return [f"The host took {share} of a core away from this virtual machine (steal)."] if steal > STEAL_DOUBT else []


def _cold(sides: Sequence[Side]) -> list[str]:
    """Return a warning where worker processes had served nothing before they were measured."""
    cold = sum(arm.cold_processes for side in sides for r in side.rounds for arm in r.arms if arm.arm == side.arm)
    who = count_of(cold, "worker process", "worker processes")
    return [f"{who} served nothing in the warm-up and may have been cold when measured."] if cold else []


def deaths(sides: Sequence[Side]) -> list[str]:
    """Return a sentence per service that died, complete round or not."""
    return [
        f"the service of {side.name} died in round {a_round.number}: {arm.died.rstrip('.')}."
        for side in sides
        for a_round in side.recording.rounds
        for arm in a_round.arms
        if arm.arm == side.arm and arm.died
    ]


def _errors(sides: Sequence[Side], failures: Sequence[dict[str, Failures]], rules: Rules) -> list[str]:
    """Return a sentence per arm with too many failed requests; those that could not be sent are told apart."""
    found = []
    for side, table in zip(sides, failures, strict=True):
        total = table[ALL]
        if total.sent and total.rate_of_sent > rules.max_error_rate:
            share = (
                "every request" if total.failed == total.sent else f"{percent(total.rate, signed=False)} of requests"
            )
            most = commonest([total])
            if most == "unexpected" and (came := wrong_answer(side)):
                most = f"an unexpected answer: {came.rstrip('.')}"
            allowed = percent(rules.max_error_rate, signed=False)
            found.append(f"{share} to {side.name} failed, mostly with {most} (at most {allowed} may).")
    return found


def generator_facts(side: Side) -> str:
    """Return how the load generator fared while it loaded this side, in a few words; empty if it never did."""
    blocks = [block for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    if not blocks:
        return ""
    how = generator_state(blocks)
    busy, waited, late = (percent(share, signed=False) for share in (how.busy, how.waited, how.late))
    queue = [b.run_queue for b in blocks if b.run_queue]
    told = f", {np.mean(queue):.1f} programs ready to run" if queue else ""
    return (
        f"{busy} of a core, {waited} waiting for it, {late} sent late, longest stall of a typical block "
        f"{how.lag_ms:.1f} ms{told}"
    )


def relief(side: Side) -> str:
    """Return what would relieve the generator, going by what was already tried."""
    load = side.recording.info.settings.get("load")
    closed = isinstance(load, Mapping) and load.get("model") == "closed"
    if side.recording.info.settings.get("locustfile"):
        return f"use fewer users or a longer wait_time, or {reinforcement(side)}"
    return f"{'use fewer users or a think time' if closed else 'lower the rate'}, or {reinforcement(side)}"


def reinforcement(side: Side) -> str:
    """Return what would let the generator send more, going by what was already tried."""
    info = side.recording.info
    load = info.settings.get("load")
    load = load if isinstance(load, Mapping) else {}
    workers = load.get("workers", 1)
    cores = info.environment.facts.get("cores", "1")
    if info.settings.get("locustfile"):
        return "take FastHttpUser, which needs less CPU than HttpUser"
    if load.get("listen"):
        return "let more machines join"
    if isinstance(workers, int) and cores.isdigit() and workers < int(cores) - 1:
        return f"share the load with `workers: {workers + 1}`"
    return "take machines of their own for the load (`listen`)"


def _generator(sides: Sequence[Side], advice: str) -> tuple[list[str], list[str]]:
    """Judge the generator: its CPU, its lateness and its stalls, over all rounds and then in each."""
    rounds = list({(s.recording.info.id, r.number): r for s in sides for r in complete(s.recording)}.values())
    sick = [r for r in rounds if generator_state(r.blocks).trouble]
    used = [block for side in sides for r in side.rounds for block in r.blocks if block.arm == side.arm]
    how = generator_state(used)
    if how.trouble or len(sick) > MOST_SICK * len(rounds):
        worst = how if how.trouble else generator_state([block for r in sick for block in r.blocks])
        where = "" if len(sick) == len(rounds) else f" in {len(sick)} of {len(rounds)} rounds" if sick else ""
        return [f"{_trouble(worst)}{where}: {_cure(worst, advice)}."], []
    warnings = []
    if sick:
        what = _trouble(generator_state([block for r in sick for block in r.blocks]))
        warnings.append(f"{count_of(len(sick), 'round')} of {len(rounds)} left out, for {what}.")
    if how.late > LATE_DOUBT:
        warnings.append(
            f"{percent(how.late, signed=False)} of requests were sent more than 1 ms late by the load generator."
        )
    if how.waited > WAITED_DOUBT:
        warnings.append(
            f"Other programs kept the load generator waiting for {percent(how.waited, signed=False)} of the time: "
            "stop them, or keep them off its core."
        )
    if how.lag_ms > LAG_DOUBT_MS:
        warnings.append(f"The load generator stalled for {how.lag_ms:.0f} ms in a typical block.")
    return [], warnings


def _trouble(how: GeneratorState) -> str:
    """Return what was wrong with the generator, in words."""
    if how.trouble == "late":
        return f"the load generator sent {percent(how.late, signed=False)} of requests more than 1 ms late"
    if how.trouble == "stalled":
        return f"the load generator stalled for {how.lag_ms:.0f} ms in a typical block"
    waiting = f" and waited for it {percent(how.waited, signed=False)} of the time" if how.waited > WAITED_DOUBT else ""
    return f"the load generator was saturated (it used {percent(how.busy, signed=False)} of a core{waiting})"


def _cure(how: GeneratorState, advice: str) -> str:
    """Return what to do about it: where other programs had its core, they come first."""
    others = "stop the other programs on its core"
    if how.trouble == "stalled" and how.waited <= WAITED_DOUBT:
        return "something stopped it; measure again on a machine with less to do"
    return f"{others}, or {advice}" if how.waited > WAITED_DOUBT else advice


def _dropped(blocks: Sequence[Block]) -> tuple[list[str], list[str]]:
    """Judge the requests that were never sent."""
    dropped, intended = sum(b.dropped for b in blocks), max(1, sum(b.intended for b in blocks))
    share = dropped / intended
    if share > DROPPED:
        return [
            f"{percent(share, signed=False)} of requests could not be sent: the service cannot keep up, lower the rate."
        ], []
    return [], ([f"{count_of(dropped, 'request')} could not be sent."] if dropped else [])


def _left_out(blocks: Sequence[Block]) -> tuple[list[str], list[str]]:
    """Tell of requests that the scenario means and that were never due: a feed had ended, or a flow had failed."""
    unfed, not_started = sum(b.unfed for b in blocks), sum(b.not_started for b in blocks)
    warnings = []
    if unfed:
        warnings.append(f"{count_of(unfed, 'request')} were left out: the rows of a feed had ended. Give it more rows.")
    if not_started:
        warnings.append(
            f"{count_of(not_started, 'step')} of flows were not started, for a step before them had failed."
        )
    return [], warnings


def steadiness(sides: Sequence[Side], jittery: Container[int] = ()) -> tuple[list[str], list[str]]:
    """Judge whether warm-up ended in a steady state.

    It voids nothing for the sides (by place) that are ``jittery``: responses that are held back come at once after a
    pause, and no warm-up ends that.
    """
    reasons, warnings = [], []
    for at, side in enumerate(sides):
        starts = [arm for r in side.rounds for arm in r.arms if arm.arm == side.arm]
        sparse = [arm for arm in starts if not arm.steady and arm.warmup_requests < FEWEST_TO_JUDGE]
        unsteady = sum(not arm.steady for arm in starts) - len(sparse)
        if sparse:
            few, seconds = sparse[0].warmup_requests, sparse[0].warmup_seconds
            warnings.append(
                f"{side.name} got {count_of(few, 'request')} in {seconds:.0f} s of warm-up, too few to tell whether it"
                " was steady: lengthen `rounds: {warmup: ...}`, or shorten the pauses of its users."
            )
        if starts and unsteady / len(starts) > UNSTEADY_INVALID and at not in jittery:
            reasons.append(
                f"{side.name} was not steady after warm-up in {unsteady} of {len(starts)} rounds: warm up longer."
            )
        elif unsteady:
            warnings.append(f"{side.name} was not steady after warm-up in {unsteady} of {len(starts)} rounds.")
    return reasons, warnings


FAR_LONGER = 4.0
"""How many times as long as alone a request must take under load for that to be told,"""
AT_LEAST_MS = 20.0
"""and how much longer."""

_REASONS = (
    "Usual reasons: fewer workers or threads than requests at a time (gunicorn's sync and gthread workers have as many "
    "as they are given), servers that hold a thread for each open connection, a database pool that is too small, a "
    "lock, or a rate near what the service can carry."
)


def waiting(sides: Sequence[Side]) -> list[str]:
    """Return a sentence for each side whose requests took far longer under load than one at a time."""
    told = []
    for side in sides:
        alone = [took for r in side.rounds if (took := _alone(r, side.arm))]
        loaded = [took for r in side.rounds if (took := _median(r, side.arm, paired=False))]
        if not alone or not loaded:
            continue
        before, now = float(np.median(alone)) / MS, float(np.median(loaded)) / MS
        if now > FAR_LONGER * before and now - before > AT_LEAST_MS:
            told.append(
                f"Requests to {side.name} wait: {in_unit(now, 'ms')} under load (median) and {in_unit(before, 'ms')} "
                f"one at a time. {_REASONS}"
            )
    return told


def _alone(a_round: Round, arm: int) -> float:
    """Return the median service time of requests sent one at a time (ns): in pairs, or after the warm-up; 0: none."""
    after_warm_up = next((each.alone_ns for each in a_round.arms if each.arm == arm), 0)
    return _median(a_round, arm, paired=True) or float(after_warm_up)


def _median(a_round: Round, arm: int, *, paired: bool) -> float:
    """Return the median service time (ns) of requests that were answered, or waited for in vain; 0: there are none."""
    samples = a_round.samples if a_round.service is None else a_round.service
    pairs = [block.pair for block in a_round.blocks if block.arm == arm and block.paired is paired]
    chosen = (samples["arm"] == arm) & np.isin(samples["pair"], pairs)
    chosen &= np.isin(samples["outcome"], (Outcome.OK, Outcome.TIMEOUT))
    if not chosen.any():
        return 0.0
    took: npt.NDArray[np.int64] = (samples["done_ns"] - samples["sent_ns"])[chosen]
    if samples.counts is None:
        return float(np.median(took))
    order = np.argsort(took, kind="stable")
    reached = np.cumsum(samples.counts[chosen][order])
    return float(took[order][np.searchsorted(reached, reached[-1] / 2)])


MOST_LOST = 0.05
"""Share of requests that may be left out because they met a closing connection; more void the measurement."""


def connection_facts(side: Side) -> str:
    """Return how many connections this side's requests opened and what each cost; empty where nobody counted."""
    blocks = [block for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    opened, sent = sum(b.opened for b in blocks), sum(b.sent for b in blocks)
    if not opened:
        return ""
    each = in_unit(sum(b.connecting_ns for b in blocks) / opened / 1e6, "ms")
    return f"{opened:,} opened for {count_of(sent, 'request')}, {each} each, which is part of their latency"


def closing(blocks: Sequence[Block]) -> tuple[list[str], list[str]]:
    """Judge the requests that met a connection which the service was closing: reasons that void, and warnings."""
    resent, lost = sum(b.resent for b in blocks), sum(b.lost for b in blocks)
    sent = sum(b.sent for b in blocks) + lost
    cure = "Give the service a longer keep-alive timeout."
    if lost > MOST_LOST * sent:
        share = percent(lost / sent, signed=False)
        return [f"{share} of requests met a connection that the service closed unanswered. {cure}"], []
    warnings = []
    if resent:
        warnings.append(
            f"{count_of(resent, 'request')} met a connection that the service was closing and were sent again on a new "
            f"one; their time is not used. {cure}"
        )
    if lost:
        warnings.append(
            f"{count_of(lost, 'request')} met a connection that the service was closing and were left out: what may "
            f"change something is not sent twice. {cure}"
        )
    return [], warnings
