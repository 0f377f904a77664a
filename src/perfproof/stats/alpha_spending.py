"""When a run may stop early, and how sure one has to be at each look so that looking does not cheat."""

from __future__ import annotations

from math import ceil, sqrt

from perfproof.stats.distributions import normal_cdf, normal_quantile

ALPHA = 0.02
"""Two-sided error of the whole run, over all its looks."""

_SUREST = 1.0 - 1e-15
"""After two of some thirty planned rounds the boundary is so far out that a float cannot tell its confidence from 1,
for which no distribution has a quantile."""
_LOOKS = 3
"""Looks at a run, the last included. Their boundary falls from look to look: a constant one (Pocock 1977) ends large
effects sooner and asks more of the last look, where small ones are decided.
"""
_FEWEST_ROUNDS = 6
_OBRIEN_FLEMING = 2.35
"""Final boundary for three equally spaced looks at a two-sided 2 % (O'Brien & Fleming 1979; Jennison & Turnbull 2000,
section 2.4, computed for this error). ``tests/stats/test_alpha_spending.py`` checks it by integrating the
random walk."""


def planned_looks(planned_rounds: int, early_stop: bool = True) -> tuple[int, ...]:
    """Return the round counts at which a run may stop: a third, two thirds and all; all alone below six rounds."""
    if not early_stop or planned_rounds < _FEWEST_ROUNDS:
        return (planned_rounds,)
    return tuple(ceil(planned_rounds * look / _LOOKS) for look in range(1, _LOOKS + 1))


def boundary(rounds: int, planned_rounds: int, early_stop: bool = True, candidates: int = 1) -> float:
    """Return how many standard errors (normal scale) an effect must be from zero after ``rounds`` rounds.

    With looks the boundary is that of O'Brien and Fleming at the fraction of the information at hand, so a run that was
    interrupted between looks is judged by its own fraction; with a single look at the end it is the plain quantile,
    and a run cut short of a single look is judged by the same rising boundary, for it may have been cut on purpose.

    With several ``candidates`` each is allowed its part of the error (Bonferroni), so that all verdicts of a run are
    right together as often as the one of two versions is. Dunnett's boundary would be a little lower (2.55 instead of
    2.58 for two), but rests on equal spreads, which versions do not have.
    """
    fraction = min(1.0, rounds / planned_rounds) if planned_rounds > 0 else 1.0
    looks = len(planned_looks(planned_rounds, early_stop))
    final = _OBRIEN_FLEMING if looks > 1 else normal_quantile(1 - ALPHA / 2)
    if candidates > 1:
        # Looks add less to a smaller error, so a part of the last look's own error is never too much.
        final = -normal_quantile(normal_cdf(-final) / candidates)
    return final / sqrt(fraction) if fraction > 0 else float("inf")


def confidence(rounds: int, planned_rounds: int, early_stop: bool = True, candidates: int = 1) -> float:
    """Return the confidence of the interval that is judged after ``rounds`` rounds, e.g. 0.981 at the last look."""
    return min(_SUREST, 1.0 - 2.0 * normal_cdf(-boundary(rounds, planned_rounds, early_stop, candidates)))
