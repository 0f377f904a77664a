"""The contract: whether a service answers as its document says, and what a new version breaks for its clients.

``answers`` asks every operation that reads and validates what comes, ``digest`` keeps of a document what clients rest
on and finds what breaks between two, ``deprecation`` reads the headers of RFC 9745 and RFC 8594, ``lists`` walks pages,
``batches`` holds batches against single requests, ``judging`` compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from perfproof.checks.arm import CheckedArm, OverError
from perfproof.checks.contract.answers import ask_operations
from perfproof.checks.contract.batches import ask_batches
from perfproof.checks.contract.digest import digest_of
from perfproof.checks.contract.judge import compare
from perfproof.checks.contract.lists import ask_lists
from perfproof.checks.protocol import OwnMetrics, Setting
from perfproof.checks.right_requests import Rightly
from perfproof.model.checks import Compared, Facts


class Contract(OwnMetrics):
    """See the package."""

    name = "contract"
    title = "contract"
    version = 1
    settings = (
        Setting("most_rows", "whole", 100, "Most rows of a list that is asked for no size. Default: 100", low=1),
        Setting("unpaged", "whole", 20, "Rows from which a list has to page. Default: 20", low=1),
        Setting("batch", "names", {}, "Names of batch requests, each with that of the single request it stands for"),
        Setting("ignore", "texts", [], "Operations that are not asked, e.g. GET /export"),
    )

    def observe(self, arm: CheckedArm) -> Facts:
        """Return what operations, lists and batches were answered with, and what the document promises."""
        rightly = Rightly(arm)
        facts: dict[str, Any] = {
            "document": arm.document is not None,
            "undocumented": arm.undocumented,
            "digest": digest_of(rightly.operations, rightly.prefix) if rightly.operations is not None else {},
            "version": _version(arm),
            "version_header": "",
            "operations": [],
            "extra": [],
            "deprecations": [],
            "lists": [],
            "batches": [],
        }
        with suppress(OverError):  # what was seen so far stands
            ask_batches(arm, facts["batches"])
            ask_operations(arm, rightly, facts)
            ask_lists(arm, rightly, facts["lists"])
        return facts

    def compare(self, before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:  # noqa: ARG002 - all are the asking's
        """Return what fits, what is missing, what breaks, and what is wrong."""
        return compare(before, after)


def _version(arm: CheckedArm) -> str:
    """Return the version that the document gives itself."""
    info = arm.document.data.get("info") if arm.document is not None else None
    return str(info.get("version") or "") if isinstance(info, dict) else ""


CHECK = Contract()
