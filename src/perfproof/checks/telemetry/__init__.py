"""Telemetry: whether a service can be watched in production: its log, its own metrics, its traces.

``observing`` says what is asked, ``asking`` sends requests that can be told apart, ``logs`` reads what the service
printed, ``own_metrics`` holds its metrics against what was sent, ``traces`` looks at the spans that came, ``judge``
compares. Facts hold counts and times: no line of a log, no id, no attribute of a span.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.checks.protocol import Listener, OwnMetrics, Setting
from perfproof.checks.telemetry.judge import compare
from perfproof.checks.telemetry.observing import observe
from perfproof.model.checks import Compared, Facts
from perfproof.telemetry.receiver import receiving


class Telemetry(OwnMetrics):
    """See the package."""

    name = "telemetry"
    title = "telemetry"
    version = 1
    settings = (
        Setting(
            "metrics",
            "text",
            "",
            "Path where the service tells its metrics. Default: service.collect.prometheus, else the usual paths",
        ),
        Setting(
            "request_id",
            "text",
            "X-Request-Id",
            "Header by which a request is named, and that its log records have to hold. Default: X-Request-Id",
        ),
        Setting("repeats", "whole", 3, "How often each request is sent. Default: 3", low=1, high=20),
        Setting("wait", "whole", 7, "Longest wait for spans, in seconds. Default: 7", low=1, high=60),
        Setting("ignore", "texts", [], "Operations and requests that are not asked, e.g. GET /export"),
    )

    def listening(self) -> AbstractContextManager[Listener]:
        """Lend what takes the service's spans."""
        return receiving()

    def observe(self, arm: CheckedArm) -> Facts:
        """Return what requests left in log, metrics and traces."""
        return observe(arm)

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:  # noqa: ARG002 - all are the asking's
        """Return the shares of requests that can be followed, and what is wrong with the others."""
        return compare(before, after)


CHECK = Telemetry()
