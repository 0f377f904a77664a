"""What the wrong requests show: shares of errors that are as they should be, and findings about the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from perfproof.checks.error_contract.reader import IN_TEXT, LACKS
from perfproof.core.numbers import listed
from perfproof.model.checks import Compared, Facts, Measure
from perfproof.model.result import Finding

_NEARLY_ALL = 0.9
_MOST_SHOWN = 12
_NO_CODES = "the document lists no codes: give the error schema's `code` an enum of those that clients may meet"
_ALL = 99
_NOTHING = "no request that was wrong was answered with an error: name an OpenAPI document (`checks: {document: ...}`)"


@dataclass(frozen=True)
class Shape:
    """What every error of one arm has to look like; ``by`` says who says so."""

    by: str
    told: str
    fits: Callable[[Mapping[str, Any]], str]
    """Returns how a case differs; "" where it fits."""


@dataclass(frozen=True)
class Judged:
    """One arm: its errors, those with which nothing is wrong, and what is wrong with the others by aspect."""

    cases: Sequence[Mapping[str, Any]]
    shape: Shape
    wrong: Mapping[str, list[tuple[Mapping[str, Any], str]]]
    codes: Sequence[str]

    def share(self, *aspects: str) -> float | None:
        """Return the share of errors with which nothing is wrong in these aspects."""
        if not self.cases:
            return None
        bad = {id(case) for aspect in aspects for case, _ in self.wrong[aspect]}
        return 1 - len(bad) / len(self.cases)


def compare(before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
    """Return the measures and findings of two arms, or of one."""
    sides = [None if before is None else judge(before, settings), judge(after, settings)]
    base, last = sides[0], sides[1]
    assert last is not None  # noqa: S101 - the second side is always there
    aspects = {"error_contract": last_aspects(last), "error_shape": ("shape",), "error_status": ("status",)}
    aspects["error_messages"] = ("message",)
    measures = []
    for metric, which in aspects.items():
        values = [
            side.share(*(last_aspects(side) if metric == "error_contract" else which)) if side else None
            for side in sides
        ]
        measures.append(Measure(metric, values[1], values[0], why=_NOTHING, shown=metric != "error_contract"))
    values = [_codes(side) for side in sides]
    measures.append(Measure("error_codes", values[1], values[0], why=_NO_CODES, shown=True))
    values = [_correlated(side) for side in sides]
    measures.append(Measure("error_correlation", values[1], values[0], why=_NOTHING, shown=True))
    values = [_latency(side) for side in sides]
    measures.append(Measure("error_latency", values[1], values[0], why=_NOTHING, shown=True))
    findings = [] if base is None else _findings(base, "baseline", mended=last)
    findings += _findings(last, "candidate" if base is not None else "", mended=None)
    findings.append(_told_shape(base, last))
    return Compared(tuple(measures), tuple(findings))


def last_aspects(side: Judged) -> tuple[str, ...]:
    """Return what a whole error contract asks for: codes only where the document lists them."""
    return ("shape", "status", "message", *(("code",) if side.codes else ()))


def judge(facts: Facts, settings: Mapping[str, Any]) -> Judged:
    """Return what is wrong with every error of one arm."""
    cases = [case for case in facts["cases"] if case["counts"]]
    shape = _shape(cases, str(settings.get("shape") or "auto"))
    codes = [str(code) for code in facts["codes"]]
    wrong: dict[str, list[tuple[Mapping[str, Any], str]]] = {"shape": [], "status": [], "message": [], "code": []}
    for case in cases:
        if case.get("taken"):
            wrong["status"].append((case, f"is taken, with status {case['status']}"))
            continue
        if not case["status"]:
            wrong["status"].append((case, "is not answered"))
            continue
        if unlike := shape.fits(case):
            wrong["shape"].append((case, unlike))
        if not case["status_fits"]:
            wrong["status"].append((case, _of_status(case)))
        if case["flaws"]:
            verb = "has" if case["flaws"][0] in LACKS else "shows"
            wrong["message"].append((case, f"{verb} {listed(case['flaws'], _ALL)}"))
        if codes and case["code"] not in codes:
            wrong["code"].append(
                (case, "has a code that the document does not list" if case["code"] else "has no code")
            )
    return Judged(cases, shape, wrong, codes)


def _of_status(case: Mapping[str, Any]) -> str:
    status = case["status"]
    if status >= 500:
        return f"is answered with status {status}, as if the service were to blame"
    known = [key for key in case["documented"] if key != "default"]
    verb = "is" if len(known) == 1 else "are"
    return f"is answered with status {status}{f', where {listed(known, _ALL)} {verb} documented' if known else ''}"


def _shape(cases: Sequence[Mapping[str, Any]], wanted: str) -> Shape:
    errors = [case for case in cases if not case.get("taken") and case["status"]]
    if wanted == "auto":
        documented = sum(case["schema"] is not None for case in errors)
        problems = sum(case["media"] == "problem+json" for case in errors)
        wanted = "problem" if errors and problems > len(errors) / 2 else "majority"
        if wanted == "majority" and errors and documented > len(errors) / 2:
            wanted = "document"
    if wanted == "problem":
        return Shape(wanted, "a problem of RFC 9457", lambda case: "; ".join(case["problem"]))
    common = _majority(errors)
    if wanted == "document":

        def fits(case: Mapping[str, Any]) -> str:
            if case["schema"] is None:
                return common.fits(case)
            unfit = [text for text in case["schema"] if text != f"{case['code_at']}: enum"]  # which is told of codes
            return f"does not fit its schema ({'; '.join(unfit)})" if unfit else ""

        return Shape(wanted, f"what the document says, and where it says nothing, {common.told}", fits)
    return common


def _majority(errors: Sequence[Mapping[str, Any]]) -> Shape:
    """Return the shape that most errors have: media type, where its message is, and its code if nearly all have one."""
    counted = Counter((case["media"], case["message_at"]) for case in errors)
    if not counted:
        return Shape("majority", "nothing, since there was no error", lambda _: "")
    (media, message_at), _ = max(counted.items(), key=lambda pair: (pair[1], bool(pair[0][1]), pair[0]))
    mine = [case for case in errors if (case["media"], case["message_at"]) == (media, message_at)]
    codes = Counter(case["code_at"] for case in mine)
    code_at, often = codes.most_common(1)[0]
    code_at = code_at if often >= _NEARLY_ALL * len(mine) else ""
    told = f"{media} with its message at {message_at}" if message_at else f"{media} without a message"
    told = media if message_at == IN_TEXT else told
    told += f" and its code at {code_at}" if code_at else ""

    def fits(case: Mapping[str, Any]) -> str:
        if case["media"] != media:
            return f"is {case['media']}, and most are {media}"
        if case["message_at"] != message_at:
            where = f"at {case['message_at']}" if case["message_at"] else "nowhere"
            return f"has its message {where}, and most have it at {message_at}"
        if code_at and case["code_at"] != code_at:
            return f"has no code at {code_at}"
        return ""

    return Shape("majority", told, fits)


def _codes(side: Judged | None) -> float | None:
    return side.share("code") if side is not None and side.codes else None


def _correlated(side: Judged | None) -> float | None:
    errors = [case for case in side.cases if case["status"] >= 400] if side is not None else []
    return sum(bool(case["correlation"]) for case in errors) / len(errors) if errors else None


def _latency(side: Judged | None) -> float | None:
    times = [case["ms"] for case in side.cases if case["status"] >= 400] if side is not None else []
    return median(times) if times else None


_KINDS: Mapping[str, tuple[str, str]] = {
    "shape": ("error_shape", "not of one shape"),
    "status": ("error_status", "with the wrong status"),
    "message": ("error_message", "not fit to be read by people"),
    "code": ("error_code", "without a documented code"),
}


def _findings(side: Judged, arm: str, mended: Judged | None) -> list[Finding]:
    """Return one finding for each aspect in which errors are wrong; what the candidate has mended is good news."""
    found = []
    for aspect, (kind, told) in _KINDS.items():
        wrong = side.wrong[aspect]
        if not wrong:
            continue
        left = len(mended.wrong[aspect]) if mended is not None else len(wrong)
        severity = "info" if mended is not None and left < len(wrong) else "warning"
        case, first = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        where = f" of {arm}" if arm else ""
        which = f"{case['operation']} ({case['kind']}) {first}{more}"
        verb = "is" if len(wrong) == 1 else "are"
        text = f"{len(wrong)} of {len(side.cases)} errors{where} {verb} {told}: {which}"
        if mended is not None:
            text += f"; on candidate {left or 'none'}"
        evidence = {
            "arm": arm,
            "shape": side.shape.told if aspect == "shape" else None,
            "cases": [
                {"operation": each["operation"], "kind": each["kind"], "status": each["status"], "what": what}
                for each, what in wrong[:_MOST_SHOWN]
            ],
        }
        found.append(Finding(kind, "all", severity, text, {k: v for k, v in evidence.items() if v is not None}))  # type: ignore[arg-type]
    return found


def _told_shape(base: Judged | None, last: Judged) -> Finding:
    told = f"errors were held against this shape: {last.shape.told}"
    if base is not None and base.shape.told != last.shape.told:
        both = f"{base.shape.told} (baseline), {last.shape.told} (candidate)"
        told = f"errors were held against the shape of each arm: {both}"
    return Finding("error_shape_taken", "all", "info", told, {"by": last.shape.by})
