"""Levers at the response: kept answers and compressed ones."""

from __future__ import annotations

from statistics import median

from perfproof.core.held_responses import CURE
from perfproof.core.numbers import percent
from perfproof.model.levers import Encoding, HttpFacts
from perfproof.model.why import Mechanism
from perfproof.why import compare
from perfproof.why.candidate_cause import LATENCY, TIME, CandidateCause, Sides, in_words
from perfproof.why.function_times import kind_times

HIT_SHARE = 0.3
"""A change of the share of hits below this is luck of expiry."""
QUICKER = 5.0
"""How much quicker than the first answer the later ones must be to look like kept ones. It is never claimed for that: a
first request also pays for imports and connections, and beside a short handler those look the same."""
NOT_QUICKER = 2.5
NOT_MODIFIED = 304
_KEEPING = {"etag": "the ETag", "last-modified": "Last-Modified", "cache-control": "Cache-Control"}
TURNS = 3
"""Turns of CPU measurements that must all lie apart; four of each that do so by chance are one of 35."""
WORK_SHARE, WORK_MS = 0.2, 0.1
"""Two starts of the same program differ by less, alone and just after the start."""
FEW_HELD, MOST_HELD = 0.2, 0.5
"""Shares of responses held back; the first on a connection never is."""
SMALLER = 0.1
"""Bytes on the wire must differ by this share."""


def kept_responses(sides: Sides) -> CandidateCause | None:
    """Suspect a cache: one arm answers repeated requests without the work, by its headers or without any query.

    A 304 on If-None-Match is told but proves no hit: the load does not revalidate.
    """
    one, two = sides.http
    if one is None or two is None:
        return None
    shares = [_hits(facts) for facts in (one, two)]
    towards, doubt = 0, ""
    if abs(shares[1] - shares[0]) >= HIT_SHARE:
        towards = -1 if shares[1] > shares[0] else 1
    elif shares == [0.0, 0.0]:
        quicker = [_quicker(facts) for facts in (one, two)]
        if None not in quicker and not any(facts.warm_queries for facts in (one, two)):
            low, high = sorted(each or 0.0 for each in quicker)
            if high >= QUICKER and low < NOT_QUICKER:
                towards = -1 if (quicker[1] or 0.0) > (quicker[0] or 0.0) else 1
                doubt = "neither a header nor a count of queries says so, only that repeated requests are much quicker"
    if not towards:
        return None
    mechanisms = [Mechanism("answered from a cache", "ratio", *shares)]
    if one.warm_queries is not None and two.warm_queries is not None:
        mechanisms.append(Mechanism("queries when warm", "queries", float(one.warm_queries), float(two.warm_queries)))
    if one.warm_ns and two.warm_ns:
        mechanisms.append(Mechanism("answer when warm", "ms", median(one.warm_ns) / 1e6, median(two.warm_ns) / 1e6))
    if one.cold_ns and two.cold_ns:
        mechanisms.append(Mechanism("first answer", "ms", one.cold_ns / 1e6, two.cold_ns / 1e6))
    keeper = two if towards < 0 else one
    told = "answers may be kept" if doubt else "answers are kept" if towards < 0 else "answers are no longer kept"
    told += f" ({percent(max(shares), signed=False)} of repeated requests from a cache)" if max(shares) else ""
    return CandidateCause(
        "response cache",
        sides.request,
        towards,
        tuple(mechanisms),
        TIME,
        told,
        doubt=doubt,
        evidence={"headers": dict(keeper.headers), "revalidated": [one.revalidated, two.revalidated]},
    )


def revalidated(sides: Sides) -> CandidateCause | None:
    """Suspect revalidation: what clients may keep, or ask for again with a condition, came or went.

    It is told and never claimed: the load asks without any condition, so no figure of it can follow. Headers that come
    with a cache in front of the handler are told with that.
    """
    one, two = sides.http
    if one is None or two is None or kept_responses(sides) is not None:
        return None
    told = []
    answered = [facts.revalidated == NOT_MODIFIED for facts in (one, two)]
    towards = 0
    if answered[0] != answered[1]:
        towards = -1 if answered[1] else 1
        gone = "is answered with 304 now" if answered[1] else "is no longer answered with 304"
        told.append(f"a repeated request with the validator it was given {gone}")
    for name, label in _KEEPING.items():
        before, after = (facts.headers.get(name, "") for facts in (one, two))
        if bool(before) != bool(after) or (name == "cache-control" and before != after):
            towards = towards or (-1 if after and not _forbids(after) else 1)
            change = (
                f"{label} {before} became {after}" if before and after else f"{label} {'came' if after else 'went'}"
            )
            told.append(change)
    if not told:
        return None
    return CandidateCause(
        "revalidation",
        sides.request,
        towards,
        (Mechanism("304 when asked again", "ratio", float(answered[0]), float(answered[1])),),
        (),
        "; ".join(told),
        doubt="the load asks for everything anew, so its figures cannot show what clients gain or lose by it",
        evidence={"revalidated": [one.revalidated, two.revalidated]},
    )


def _forbids(cache_control: str) -> bool:
    return any(word in cache_control for word in ("no-store", "no-cache", "private", "max-age=0"))


def alone(sides: Sides) -> CandidateCause | None:
    """Suspect work: one request alone, with nothing else going on, takes another amount of CPU.

    It says where to look, not what it is: ``causes`` takes it back where another lever tells that.
    """
    one, two = sides.http
    if one is None or two is None or min(len(one.cpu_turns), len(two.cpu_turns)) < TURNS:
        return None
    before, after = median(one.cpu_turns) / 1e6, median(two.cpu_turns) / 1e6
    apart = max(one.cpu_turns) < min(two.cpu_turns) or max(two.cpu_turns) < min(one.cpu_turns)
    if not apart or abs(after - before) < max(WORK_MS, WORK_SHARE * max(before, after)):
        return None
    return CandidateCause(
        "work per request",
        sides.request,
        1 if after > before else -1,
        (Mechanism("CPU of one request alone", "ms", before, after),),
        TIME,
        f"sent alone, one request takes {after:.3g} ms of CPU instead of {before:.3g}",
        after - before,
    )


def held(sides: Sides) -> CandidateCause | None:
    """Suspect two packets: one arm writes head and body apart, and its kernel holds the second back."""
    one, two = sides.http
    if one is None or two is None:
        return None
    before, after = (len(facts.held_ns) / max(1, facts.asked) for facts in (one, two))
    if min(before, after) > FEW_HELD or max(before, after) < MOST_HELD:
        return None
    came = after > before
    facts = two if came else one
    times = f"{median(facts.held_ns) / 1e6:.0f} ms in {len(facts.held_ns)} of {facts.asked}"
    told = f"the end of its responses is {'' if came else 'no longer '}held back after the head ({times})"
    return CandidateCause(
        "held responses",
        sides.request,
        1 if came else -1,
        (Mechanism("responses held back", "ratio", before, after),),
        LATENCY,
        f"{told}: {CURE}" if came else told,
    )


def compressed(sides: Sides) -> CandidateCause | None:
    """Suspect compression: what is asked for in an encoding is given in it on one arm only.

    Bytes are the outcome. Compressing costs CPU: what it did to time and CPU is told beside, whichever way it went.
    """
    one, two = sides.http
    if one is None or two is None:
        return None
    found = _encodings(one, two)
    if found is None:
        return None
    before, after = found
    towards = -1 if after.wire < before.wire else 1
    shares = [each.wire / each.decoded for each in (before, after) if each.decoded]
    mechanisms = [Mechanism("bytes on the wire", "bytes", float(before.wire), float(after.wire))]
    if len(shares) == 2:
        mechanisms.append(Mechanism("bytes on the wire of those decoded", "ratio", shares[0], shares[1]))
    ms = None
    if sides.profile is not None:
        time = sides.profile.compare(
            kind_times(sides.profile.before, "compression"), kind_times(sides.profile.after, "compression")
        )
        if time.baseline or time.candidate:
            mechanisms.append(Mechanism("time in compression", "ms", time.baseline, time.candidate))
            ms = time.change if compare.changed([time], sides.profile.floor)[0] else None
    given = [each.given or "identity" for each in (before, after)]
    return CandidateCause(
        "compression",
        sides.request,
        towards,
        tuple(mechanisms),
        ("response_bytes",),
        f"asked for {before.asked}, answers come in {given[1]} instead of {given[0]}",
        ms,
        evidence={"asked": before.asked, "given": given},
    )


def _encodings(one: HttpFacts, two: HttpFacts) -> tuple[Encoding, Encoding] | None:
    """Return the asked encoding that the arms answer differently and that saves most."""
    after = {each.asked: each for each in two.encodings}
    pairs = [(each, after[each.asked]) for each in one.encodings if each.asked in after]
    moved = [
        (a, b)
        for a, b in pairs
        if (a.given or "identity") != (b.given or "identity") and abs(a.wire - b.wire) >= SMALLER * max(a.wire, b.wire)
    ]
    return max(moved, key=lambda pair: abs(pair[0].wire - pair[1].wire), default=None)


def _hits(facts: HttpFacts) -> float:
    """Return the share of repeated requests that came from a cache: by their headers, else by their queries."""
    if facts.asked and facts.hits:
        return facts.hits / facts.asked
    return 1.0 if facts.warm_queries == 0 and (facts.cold_queries or 0) > 0 else 0.0


def _quicker(facts: HttpFacts) -> float | None:
    """Return how many times quicker warm answers are than the cold one."""
    if not facts.cold_ns or not facts.warm_ns:
        return None
    return facts.cold_ns / max(1.0, median(facts.warm_ns))


def side_effects(sides: Sides) -> str:
    """Return what compression did to time and CPU, for its sentence; empty where nothing moved."""
    return in_words(sides.outcomes.moved(sides.request, TIME), 2)
