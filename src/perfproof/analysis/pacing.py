"""How the arms take turns and how long for: chosen from what is asked and from what the first requests took. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

from perfproof.model.scenario import Load, Rounds

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


def uneven(weights: Sequence[float], found: Sequence[int]) -> bool:
    """Tell whether ``counts`` left the proportions of the traffic."""
    rates = [count / weight for count, weight in zip(found, weights, strict=True) if weight > 0]
    return bool(rates) and max(rates) > 1.5 * min(rates)


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
    of each. Four rounds if they fit, else as few as two.
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
    return max(one_pass, min(wanted, left / 2 - overhead))


def rounds_in(left: float, seconds_per_round: float) -> int:
    """Return how many more rounds fit into ``left`` seconds."""
    return max(0, floor(left / seconds_per_round + 1e-9)) if seconds_per_round > 0 else 0


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
