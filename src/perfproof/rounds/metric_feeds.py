"""Where versions push their own metrics to: a receiver for each that is to, for as long as a run lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from perfproof.model.scenario import Arm
from perfproof.telemetry.metric_feed import MetricFeed, feeding


@contextmanager
def feeds_of(arms: Sequence[Arm]) -> Iterator[dict[str, MetricFeed]]:
    """Lend a receiver for each arm that is started here and is to push, by name."""
    with ExitStack() as stack:
        yield {
            arm.name: stack.enter_context(feeding(arm.service.collect.otlp))
            for arm in arms
            if arm.service.collect is not None
            and arm.service.collect.otlp is not None
            and arm.service.command is not None
        }


def directed(arm: Arm, feed: MetricFeed | None) -> Arm:
    """Return the arm told in its environment to push to ``feed``, as often as it does anyway.

    So it is started for everything beside the rounds: what it pushes then is dropped, and nothing waits for a collector
    that is not there.
    """
    return arm if feed is None else _with(arm, feed.environment)


def pushing(arm: Arm, feed: MetricFeed | None) -> Arm:
    """Return the arm told to push to ``feed`` often: for what is measured."""
    return arm if feed is None else _with(arm, feed.often)


def _with(arm: Arm, environment: Mapping[str, str]) -> Arm:
    return replace(arm, service=replace(arm.service, environment={**arm.service.environment, **environment}))
