"""Webhooks: whether what a request causes is delivered, how soon, how often, signed, and again when it failed.

``asking`` sends the request that causes one and watches what comes to a receiver of ours, ``signing`` verifies
signatures, ``judge`` compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.checks.protocol import OwnMetrics, Setting
from perfproof.checks.webhooks.asking import watch
from perfproof.checks.webhooks.judge import compare
from perfproof.checks.webhooks.signing import SCHEMES
from perfproof.model.checks import Compared, Facts


class Webhooks(OwnMetrics):
    """See the package."""

    name = "webhooks"
    title = "webhooks"
    version = 1
    settings = (
        Setting("request", "text", None, "Name of the request that causes a webhook; it is sent as it is, and writes"),
        Setting("times", "whole", 5, "How often it is sent. Default: 5", low=1, high=100),
        Setting("events", "whole", 1, "Events that each is to cause. Default: 1", low=1, high=20),
        Setting("within", "whole", 5, "Seconds within which a delivery counts. Default: 5", low=1, high=120),
        Setting(
            "settle", "whole", 500, "Milliseconds that more is awaited after each. Default: 500", low=10, high=60_000
        ),
        Setting("retries", "flag", True, "Also fail deliveries, to see them retried. Default: true"),
        Setting("retry_within", "whole", 10, "Seconds that a retry is waited for. Default: 10", low=1, high=600),
        Setting("hold", "whole", 5, "Seconds that an answer is held back to time out; 0: not. Default: 5", high=120),
        Setting("id", "text", None, "Header, or $.path in the body, that names an event. Default: the usual ones"),
        Setting(
            "signature",
            "keys",
            None,
            "How deliveries are signed",
            inner=(
                Setting("header", "text", None, "The header with the signature. Default: that of the scheme"),
                Setting("scheme", "text", "hex", "How it is made, all by HMAC-SHA256. Default: hex", tuple(SCHEMES)),
                Setting("secret", "text", None, "The environment variable that holds the secret"),
            ),
            short="header",
        ),
    )

    def observe(self, arm: CheckedArm) -> Facts:
        """Return what came of each time that the request was sent."""
        return watch(arm)

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:  # noqa: ARG002 - the asking's
        """Return what was delivered, how soon, how often, signed and retried."""
        return compare(before, after)


CHECK = Webhooks()
