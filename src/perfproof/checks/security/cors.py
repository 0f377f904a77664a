"""Whether pages of strangers may read with a user's credentials: what is answered to their ``Origin`` and preflight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perfproof.checks.security.asking import FOREIGN, Asking
from perfproof.checks.security.endpoints import Endpoint
from perfproof.http.plain_client import Answer

ANY = "lets any origin read with credentials"
_MOST = 12
"""Endpoints that are asked: CORS is set for a whole service, or for a few routers."""


def ask_cors(asking: Asking, endpoints: Sequence[Endpoint], facts: list[dict[str, Any]]) -> None:
    """Add what each endpoint tells the pages of strangers."""
    chosen = [each for each in endpoints if each.answers]
    chosen.sort(key=lambda each: not each.secured)  # what needs credentials first: it is worth more
    own = asking.arm.asker.client.base
    for each in chosen[:_MOST]:
        flaws: dict[str, None] = {}
        for origin, told in (
            (FOREIGN, "any origin"),
            ("null", "the origin null"),
            (f"{own}.perfproof.invalid", "any origin that begins like its own"),
        ):
            answer = asking.send(each.name, each.target, {**each.headers, "Origin": origin})
            flaws |= dict.fromkeys(_flaws(answer, origin, told))
        headers = {
            "Origin": FOREIGN,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization",
        }
        answer = asking.send(each.name, each.target, headers, method="OPTIONS")
        flaws |= dict.fromkeys(_flaws(answer, FOREIGN, "any origin"))
        facts.append({"endpoint": each.name, "flaws": [ANY] if ANY in flaws else list(flaws)})


def _flaws(answer: Answer, origin: str, told: str) -> list[str]:
    """Return what is wrong with an answer to ``origin``: only what goes with credentials is more than public."""
    allowed = answer.headers.get("access-control-allow-origin", "").strip()
    with_credentials = answer.headers.get("access-control-allow-credentials", "").strip().lower() == "true"
    if not with_credentials:
        return []
    if allowed == "*":
        return ["allows * with credentials, which browsers refuse"]
    return [f"lets {told} read with credentials"] if allowed == origin else []
