"""What the facts of two arms show of their webhooks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any, Literal

from perfproof.checks.sides import both
from perfproof.checks.webhooks.pauses import ENOUGH, alike
from perfproof.core.numbers import count_of, digits
from perfproof.model.checks import Compared, Facts
from perfproof.model.result import Finding

_WORDS = {"missing": "have no signature", "wrong": "have a wrong signature", "stale": "are signed for another time"}


def compare(before: Facts | None, after: Facts) -> Compared:
    """Return the measures and findings of two arms, or of one."""
    sides = [before, after]
    whole = after["why"] or "it was never sent"
    measures = (
        both("webhook_delivered", sides, _delivered, whole),
        both("webhook_latency", sides, _latency, after["why"] or "nothing was delivered", shown=True),
        both("webhook_duplicates", sides, _duplicates, whole),
        both("webhook_signed", sides, _signed, after["why"] or after["unsigned_why"]),
        both("webhook_retried", sides, _retried, after["why"] or _why_retries(after)),
    )
    findings = [] if before is None else _findings(before, "baseline", after)
    findings += _findings(after, "candidate" if before is not None else "", None)
    return Compared(measures, tuple(findings))


def _delivered(facts: Facts) -> float | None:
    causes = facts["causes"]
    return sum(each["delivered"] for each in causes) / (len(causes) * facts["events"]) if causes else None


def _latency(facts: Facts) -> float | None:
    known = [each["latency_ms"] for each in facts["causes"] if each["latency_ms"] is not None]
    return float(median(known)) if known else None


def _duplicates(facts: Facts) -> float | None:
    if not facts["causes"]:
        return None
    after = sum(each["after_success"] for each in facts["failures"])
    return float(sum(each["duplicates"] for each in facts["causes"]) + after)


def _signed(facts: Facts) -> float | None:
    found: Mapping[str, int] = facts["signed"]
    return found.get("right", 0) / sum(found.values()) if found else None


def _known_failures(facts: Facts) -> list[Mapping[str, Any]]:
    """Return the failed deliveries that say something: the service has noticed that they failed."""
    return [each for each in facts["failures"] if each["delivered"] and not each["patient"]]


def _retried(facts: Facts) -> float | None:
    known = _known_failures(facts)
    return sum(each["tries"] > 1 for each in known) / len(known) if known else None


def _why_retries(facts: Facts) -> str:
    if not facts["failures"]:
        return "no delivery was failed: `retries: false`, nothing was delivered, or the time was used up"
    return "it waited for the held answer: raise `hold` above the time after which the service gives up"


def _findings(facts: Facts, arm: str, after: Facts | None) -> list[Finding]:
    """Return what is wrong on one arm; of the baseline, what the candidate has mended is good news."""
    left = {kind for kind, _ in _wrong(after)} if after is not None else set()
    where = f" on {arm}" if arm else ""
    told = []
    for kind, text in _wrong(facts):
        severity: Literal["info", "warning"] = "info" if after is not None and kind not in left else "warning"
        mended = "; mended on candidate" if severity == "info" else ""
        told.append(
            Finding(kind, facts["request"] or "all", severity, f"webhooks{where}: {text}{mended}", {"arm": arm})
        )
    return told


def _wrong(facts: Facts) -> list[tuple[str, str]]:
    """Return each kind of flaw, and what it is."""
    causes, found = facts["causes"], []
    lost = sum(each["lost"] for each in causes)
    if lost:
        of = f"{lost} of {count_of(len(causes), 'time')}"
        found.append(("webhook_lost", f"{of} an event was not delivered within {facts['within']} s"))
    again = sum(each["duplicates"] for each in causes)
    if again:
        what = count_of(again, "delivery", "deliveries")
        found.append(("webhook_duplicate", f"{what} too many, though the first was answered with 200"))
    after = sum(each["after_success"] for each in facts["failures"])
    if after:
        what = count_of(after, "delivery", "deliveries")
        found.append(("webhook_duplicate", f"{what} more came after a retry had been answered with 200"))
    total = sum(facts["signed"].values())
    for how, words in _WORDS.items():
        if facts["signed"].get(how):
            kind = "webhook_unsigned" if how == "missing" else "webhook_wrong_signature"
            found.append((kind, f"{facts['signed'][how]} of {count_of(total, 'delivery', 'deliveries')} {words}"))
    for each in _known_failures(facts):
        how = "answered with 500" if each["how"] == "500" else "not answered in time"
        if each["tries"] < 2:
            text = f"a delivery that was {how} was not tried again within {each['waited']:.0f} s"
            found.append(("webhook_not_retried", text))
        elif len(each["pauses"]) >= ENOUGH and alike(each["pauses"]):
            pauses = ", then ".join(f"{digits(pause)} s" for pause in each["pauses"])
            text = f"retries do not back off ({pauses}): a receiver that is down is pressed without end"
            found.append(("webhook_no_back_off", text))
    if any(each["inline"] for each in facts["failures"]):
        text = "the request that causes it waits for the receiver's answer: a slow receiver makes the service slow"
        found.append(("webhook_inline", text))
    return found
