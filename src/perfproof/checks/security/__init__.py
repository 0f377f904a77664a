"""Security under test: what a service on this machine gives away or lets through, told by harmless asking.

It is no penetration test. ``endpoints`` says what is asked and what may be put into it, ``asking`` sends and lets
``watching`` look at every answer (headers, cookies, leaks, secrets). ``cors``, ``access``, ``inputs`` (with ``pages``
for what comes back in HTML and ``injection`` for what reaches SQL), ``forgery``, ``limits`` and ``tls`` each bring up
one thing; ``judge`` compares. Probes hold no tautology, no second statement and no delay: one that got through would
read what it may read anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from perfproof.checks.arm import CheckedArm, OverError
from perfproof.checks.protocol import OwnMetrics, Setting
from perfproof.checks.security.access import ask_access
from perfproof.checks.security.asking import Asking
from perfproof.checks.security.cors import ask_cors
from perfproof.checks.security.endpoints import ask_endpoints
from perfproof.checks.security.forgery import ask_forged
from perfproof.checks.security.inputs import ask_inputs
from perfproof.checks.security.judge import compare
from perfproof.checks.security.limits import ask_limits
from perfproof.checks.security.tls import look_at_tls
from perfproof.checks.security.written import ask_bodies
from perfproof.model.checks import Compared, Facts

_HEADERS = Setting("headers", "names", {}, "The headers that stand in place of those that let the requests in")


class Security(OwnMetrics):
    """See the package."""

    name = "security"
    title = "security"
    version = 1
    settings = (
        Setting(
            "inputs",
            "whole",
            500,
            "Most inputs (parameters of query and path, fields of bodies) that are tried. Default: 500",
        ),
        Setting(
            "bodies",
            "flag",
            False,
            "Also try fields of bodies that write: each is right but for a field, so rows are made, and the reset puts"
            " the data back. Needs writes",
        ),
        Setting("secured", "texts", [], "What lets nobody in without credentials, beside what the document says so of"),
        Setting(
            "second",
            "keys",
            None,
            "A second user, who must not get at what is the first one's: headers, and own",
            inner=(_HEADERS, Setting("own", "texts", [], "Operations or requests that answer with what is one user's")),
        ),
        Setting("read_only", "keys", None, "A key that must not write: headers. Needs writes", inner=(_HEADERS,)),
        Setting(
            "rate_limit",
            "keys",
            None,
            "Names of requests that have to be limited; off unless named",
            inner=(
                Setting("request", "texts", [], "Names of the requests that are sent until one is refused"),
                Setting(
                    "most", "whole", 200, "Requests after which no limit is taken to be there. Default: 200", low=2
                ),
                Setting("window", "whole", 60, "Most seconds that are waited to be let in again. Default: 60", low=1),
            ),
            short="request",
        ),
        Setting("ignore", "texts", [], "Operations or requests that are not asked, e.g. GET /export"),
    )

    def observe(self, arm: CheckedArm) -> Facts:
        """Return what every endpoint gave away or let through; it stops where its requests or seconds are used up."""
        asking = Asking(arm)
        facts: dict[str, Any] = {
            "tls": look_at_tls(arm),
            "cors": [],
            "inputs": [],
            "untried": 0,
            "access": [],
            "forged": [],
            "unforged": "",
            "limits": [],
            "cookie": any(name.lower() == "cookie" for name in arm.headers),
            "writes": arm.writes,
        }
        with suppress(OverError):  # what was seen so far stands, and the arm's facts say that it ended early
            endpoints = ask_endpoints(asking)
            ask_cors(asking, endpoints, facts["cors"])
            ask_access(asking, endpoints, facts["access"])
            facts["untried"] = ask_inputs(asking, endpoints, facts["inputs"])
            left = int(arm.settings.get("inputs") or 0) - len(facts["inputs"]) + 1  # the path that nobody has is none
            facts["untried"] += ask_bodies(asking, left, facts["inputs"])
            facts["unforged"] = ask_forged(asking, facts["forged"])
            ask_limits(asking, facts["limits"])
        if asking.refused > sum(each.get("refusals", 0) for each in facts["limits"]):
            arm.left_out.append(
                "the service limits rates: what it answered with 429 says nothing else (give the arm a higher limit)"
            )
        return {**facts, **asking.watched.facts()}

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
        """Return what is open, and what is mended or new."""
        return compare(before, after, settings)


CHECK = Security()
