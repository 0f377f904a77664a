"""The error contract: whether every wrong request is answered in one shape, with the right status and plain words.

``wrong_requests`` makes harmless wrong requests, ``reading`` looks at an answer and keeps what it is like (never what
it says), ``judging`` compares. What clients live by is RFC 9457, the document's own error schema, or the shape that
most errors have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perfproof.checks.arm import CheckedArm
from perfproof.checks.error_contract.judge import compare
from perfproof.checks.error_contract.wrong_requests import observe
from perfproof.checks.protocol import OwnMetrics, Setting
from perfproof.model.checks import Compared, Facts


class ErrorContract(OwnMetrics):
    """See the package."""

    name = "error_contract"
    title = "error contract"
    version = 1
    settings = (
        Setting(
            "shape",
            "text",
            "auto",
            "What errors must look like: problem (RFC 9457), document (its schema), majority, or auto. Default: auto",
            choices=("auto", "problem", "document", "majority"),
        ),
        Setting(
            "correlation",
            "text",
            "",
            "Header that names the request in an error, e.g. X-Request-Id. Default: any usual",
        ),
        Setting("ignore", "texts", [], "Operations that are not asked, e.g. GET /export"),
    )

    def observe(self, arm: CheckedArm) -> Facts:
        """Return what every wrong request was answered with."""
        return observe(arm)

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
        """Return the shares of errors that are as they should be, and what is wrong with the others."""
        return compare(before, after, settings)


CHECK = ErrorContract()
