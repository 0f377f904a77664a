"""What the report says of the pairs themselves: how many there were, what was left out, and what being second costs."""

from __future__ import annotations

from math import expm1

import numpy as np

from perfproof.analysis.intervals import one_sample
from perfproof.analysis.pairs import Effects
from perfproof.analysis.words import percent
from perfproof.model.result import Fact

LEFT_OUT = 0.05
"""Share of pairs left out from which on the rest may be another kind of request than all."""
ORDER_SHOWN = 0.02
"""Cost of being second from which on a doubt is worth saying."""
_CONFIDENCE = 0.98


def pair_facts(matched: Effects) -> tuple[list[Fact], list[str]]:
    """Return the facts about the pairs of a run, and what they weaken."""
    total = matched.pairs + matched.left_out
    counted = f"{matched.pairs:,}" + (f" ({matched.left_out:,} left out)" if matched.left_out else "")
    facts, doubts = [Fact("pairs", counted, counted)], []
    if total and matched.left_out > LEFT_OUT * total:
        share = percent(matched.left_out / total, signed=False)
        doubts.append(f"{share} of pairs were left out: one of their two requests failed, or had to connect first.")
    known = matched.order[np.isfinite(matched.order)]
    order = one_sample(known, _CONFIDENCE)
    if order.low is None or order.high is None:
        return facts, doubts
    text = f"{percent(expm1(order.value))} [{percent(expm1(order.low))}, {percent(expm1(order.high))}]"
    facts.append(Fact("being second of a pair costs", text, text))
    if order.low > ORDER_SHOWN or order.high < -ORDER_SHOWN:
        much = f"{percent(abs(expm1(order.value)), signed=False)} {'slower' if order.value > 0 else 'faster'}"
        doubts.append(
            f"The second request of a pair is {much} than the first: "
            "the versions share something (a database, a cache, that of the processor). Each goes first half of the "
            "time, so neither gains."
        )
    return facts, doubts
