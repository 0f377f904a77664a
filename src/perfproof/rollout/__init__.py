"""Rollout: what clients notice while a service is restarted or deployed under steady load.

``observing`` conducts it: it starts the arm, holds the load, has ``restarting`` replace the service and ``watching``
ask for health meanwhile. ``timeline`` reckons from samples and moments what happened, and ``judging``
compares two arms; both are pure. It is a check as all others are, so goals, budgets, reports and history come with it;
but it restarts the service, so it is made only where it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perfproof.checks.arm import CheckedArm, NotCheckedError
from perfproof.checks.protocol import OwnMetrics, Setting
from perfproof.model.checks import Compared, Facts
from perfproof.rollout.judging import compare

RESTARTS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "command")


class Rollout(OwnMetrics):
    """See the package."""

    name = "rollout"
    title = "rollout"
    version = 1
    settings = (
        Setting(
            "restart",
            "text",
            "SIGTERM",
            "How it is restarted: SIGTERM, SIGINT or SIGQUIT end the old and start the new; SIGHUP, SIGUSR1 and "
            "SIGUSR2 have the service replace its own processes; command runs the `command`. Default: SIGTERM",
            choices=RESTARTS,
        ),
        Setting(
            "order",
            "text",
            "stop_first",
            "Which comes first: stop_first ends the old before the new starts, start_first has both listen on the "
            "port for a while (SO_REUSEPORT). Default: stop_first",
            choices=("stop_first", "start_first"),
        ),
        Setting(
            "command",
            "text",
            "",
            "The command that deploys, in the service's directory; {pid} is the service's main process",
        ),
        Setting("times", "whole", 2, "How often it is restarted. Default: 2", low=1, high=50),
        Setting("rate", "whole", 0, "Requests per second. Default: load.rate, else 100", low=0, high=10_000),
        Setting("before", "whole", 2, "Seconds of load before each restart. Default: 2", low=1, high=600),
        Setting("after", "whole", 3, "Seconds of load after each restart. Default: 3", low=1, high=600),
        Setting("limit", "whole", 60, "Most seconds that one restart may take. Default: 60", low=1, high=600),
        Setting("slow", "whole", 1000, "Milliseconds from which an answer is slow. Default: 1000", low=1, high=600_000),
        Setting("patience", "whole", 10, "Seconds that clients wait for an answer. Default: 10", low=1, high=60),
        Setting("ready", "text", "", "The path that says whether it is ready for requests. Default: service.health"),
        Setting("alive", "text", "", "The path that says whether it is alive. Default: not asked"),
    )

    def observe(self, arm: CheckedArm) -> Facts:
        """Return what happened while the arm was restarted; it needs an arm that may be."""
        if arm.roll is None:
            raise NotCheckedError(
                f"{arm.name} was not started here, so it cannot be restarted",
                hint="write command: in place of url:, without `restart: never`",
            )
        return arm.roll()

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
        """Return what clients noticed, and what of it can be mended."""
        return compare(before, after, settings)


CHECK = Rollout()
