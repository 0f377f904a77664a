"""A look at noise that is over sooner: it asks for tenths of a second where it takes two seconds in each round.

Everything else of it is as ever: starts, warm-up, pairs over sockets, what it comes to.
"""

from __future__ import annotations


def short_looks(bench):
    """Have every command of this bench look so; return the bench."""
    bench.environ["PERFPROOF_TEST_ENGINE"] = __name__
    return bench


def take_its_place() -> None:
    """See ``warm``: this is what its process does first."""
    from perfproof.doctor import noise

    noise.PAIRS = 0.5
