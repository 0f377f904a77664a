"""From a probe phase to what the result says about it: rows, levels, findings, details, facts and doubts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from perfproof.core.numbers import count_of, listed
from perfproof.errors import ExitCode
from perfproof.http.response_diff import MAX_PATHS
from perfproof.model.metrics import ALL
from perfproof.model.probe import Difference, ProbedArm, Probing
from perfproof.model.result import Fact, Finding, ProbedAnswer, ProbeResult, QueryDetail
from perfproof.model.rules import Rules
from perfproof.queries import exact_rows
from perfproof.queries.findings import Proven, prove
from perfproof.queries.statements import detail
from perfproof.verdict.additions import Conclusion
from perfproof.verdict.budgets import check_budgets

COUNTED_BY = "queries counted by"
"""The fact that names the sources, there where any counted."""
_GRAVEST = ("status", "content type", "bytes", "text", "json")
_INDEX = re.compile(r"\[\d+\]")
_ORDER = {"error": 0, "warning": 1, "info": 2}


def conclude_queries(probing: Probing | None, rules: Rules) -> Conclusion:
    """Return the conclusion; an empty one for a run without a probe phase."""
    if probing is None or not probing.arms:
        return Conclusion()
    arms = probing.arms[:2]
    proven = {arm.arm: {each.request: prove(each, arm.arm) for each in arm.requests} for arm in arms}
    findings = [*_differences(probing), *_findings(arms, proven)]
    rows = exact_rows.compare(arms[0], arms[1], rules) if len(arms) == 2 else []
    return Conclusion(
        rows=tuple(rows),
        levels=tuple(level for arm in arms for level in exact_rows.levels(arm)),
        findings=tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity])),
        details=tuple(_details(arms, proven)) if probing.counted else (),
        facts=tuple(_facts(probing, arms)),
        warnings=(*_unlike(probing), *_warnings(arms)),
        reasons=_reasons(probing),
        uncounted=exact_rows.uncounted(arms[-1]),
    )


def across(baseline: Probing | None, candidate: Probing | None, labels: Sequence[str]) -> Probing | None:
    """Return the last arms of two recorded runs as one probe phase; None unless both were probed.

    Their responses were not held against each other: bodies are not kept.
    """
    if baseline is None or candidate is None or not baseline.arms or not candidate.arms:
        return None
    sides = (baseline.arms[-1], candidate.arms[-1])
    return Probing(tuple(replace(side, arm=label) for side, label in zip(sides, labels, strict=True)), policy="off")


def judge_probes(probing: Probing, rules: Rules, scenario: str, failures: Sequence[str] = ()) -> ProbeResult:
    """Return what probing alone shows: a broken budget, or a difference that the policy calls an error, fails.

    ``failures`` are requests that were answered wrongly, as sentences; what was not seen makes the result invalid.
    """
    found = conclude_queries(probing, rules)
    budgets = tuple(budget for budget in rules.budgets if budget.metric in exact_rows.NAMES)
    arm = probing.arms[-1]
    requests = [each.request for each in arm.requests]
    checks = check_budgets(replace(rules, budgets=budgets), found.levels, arm.arm, requests, found.uncounted)
    failed = any(check.broken for check in checks) or bool(found.reasons)
    unknown = any(check.open for check in checks)
    return ProbeResult(
        scenario=scenario,
        arms=tuple(each.arm for each in probing.arms),
        sources={each.arm: each.sources for each in probing.arms},
        queries=found.details,
        levels=found.levels,
        budgets=checks,
        findings=found.findings,
        warnings=(*failures, *found.warnings),
        exit_code=int(
            ExitCode.FAILED
            if failed
            else ExitCode.INVALID
            if failures
            else ExitCode.INCONCLUSIVE
            if unknown
            else ExitCode.PASSED
        ),
        answers=_answers(probing),
    )


def _answers(probing: Probing) -> tuple[ProbedAnswer, ...]:
    """Return what each arm answered to each request at each size, the arms of one request next to each other."""
    unlike = {each.request for each in probing.differences}
    unknown = {name for each in probing.volatile if (name := each.removesuffix(" (no JSON)")) != each}
    found = []
    for request in probing.arms[0].requests if probing.arms else ():
        for arm in probing.arms:
            one = next((each for each in arm.requests if each.request == request.request), None)
            for size in one.sizes if one is not None else ():
                compared = probing.compared > 0 and request.request not in unknown
                found.append(
                    ProbedAnswer(
                        request=request.request,
                        size=size.size,
                        arm=arm.arm,
                        status=size.answer.status,
                        bytes=size.answer.wire,
                        rows=size.answer.rows,
                        ms=median(size.took_ns) / 1e6 if size.took_ns else None,
                        alike=request.request not in unlike if compared else None,
                    )
                )
    return tuple(found)


def _findings(arms: tuple[ProbedArm, ...], proven: dict[str, dict[str, Proven]]) -> list[Finding]:
    """Return the findings of every arm; what only the baseline has is good news and no warning."""
    found = []
    for arm in arms:
        for each in proven[arm.arm].values():
            for finding in each.findings:
                fixed = len(arms) == 2 and arm is arms[0] and not _still_there(finding, proven[arms[1].arm])
                found.append(replace(finding, severity="info") if fixed else finding)
    return found


def _still_there(finding: Finding, candidate: dict[str, Proven]) -> bool:
    after = candidate.get(finding.request)
    key = finding.evidence.get("fingerprint")
    return after is not None and any(
        each.kind == finding.kind and each.evidence.get("fingerprint") == key for each in after.findings
    )


def _differences(probing: Probing) -> list[Finding]:
    """Return one finding for each request that the arms answer differently, and one for what no repeat agrees on."""
    found = []
    by_request: dict[str, list[Difference]] = {}
    for each in probing.differences:
        by_request.setdefault(each.request, []).append(each)
    for request, several in by_request.items():
        what = next((kind for kind in _GRAVEST if any(each.what == kind for each in several)), several[0].what)
        asked = [
            size.size for arm in probing.arms for one in arm.requests if one.request == request for size in one.sizes
        ]
        paths, more = _places(several, next(iter(asked), None))
        also = f" and {count_of(more, 'more place')}" if more else ""
        told = f"the arms answer differently: {what}, {', '.join(paths)}{also}"
        sizes = [each.size for each in several]
        evidence = {"what": what, "paths": paths, "more": more, "sizes": sizes}
        severity = "error" if probing.policy == "error" else "warning"
        found.append(Finding("response_changed", request, severity, told, evidence))  # type: ignore[arg-type]
    if probing.volatile:
        told = f"not compared, since it differs from one response to the next: {', '.join(probing.volatile[:5])}"
        found.append(Finding("volatile_response", ALL, "info", told, {"paths": list(probing.volatile)}))
    return found


def _places(several: Sequence[Difference], smallest: int | None) -> tuple[list[str], int]:
    """Return where the responses of one request differ at any size, and how many more places there are.

    What looks like an identifier, a time or a random value comes last. A place that the ``smallest`` size does not
    have is told with the size where it comes up.
    """
    firm: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    for each in several:
        for at, text in enumerate(each.paths):
            among = firm if at < len(each.paths) - each.doubtful else doubtful
            place = _INDEX.sub("[*]", text.partition(": ")[0]) if each.what == "json" else text
            late = each.size is not None and each.size != smallest
            among.setdefault(place, f"{text} (at size {each.size})" if late else text)
    texts = [*firm.values(), *(text for place, text in doubtful.items() if place not in firm)]
    shown = texts[:MAX_PATHS]
    return shown, len(texts) - len(shown) + max(each.more for each in several)


def _details(arms: tuple[ProbedArm, ...], proven: dict[str, dict[str, Proven]]) -> list[QueryDetail]:
    found = []
    for request in arms[0].requests:
        sides = {arm.arm: next((r for r in arm.requests if r.request == request.request), None) for arm in arms}
        known = {arm: side for arm, side in sides.items() if side is not None and side.sizes}
        if len(known) == len(arms):
            found.append(detail(known, {arm: proven[arm][request.request].slopes for arm in known}))
    return found


def _facts(probing: Probing, arms: tuple[ProbedArm, ...]) -> list[Fact]:
    first, last = arms[0], arms[-1]
    facts = []
    if first.sources or last.sources:
        facts.append(Fact(COUNTED_BY, *("; ".join(arm.sources) or "–" for arm in (first, last))))
    if probing.compared:
        same = probing.compared - len(probing.differences)
        facts.append(Fact("responses compared", *[f"{same} of {probing.compared} alike"] * 2))
    return facts


def _unlike(probing: Probing) -> list[str]:
    """Return that the arms answer differently as what weakens a claim; under ``error`` it is the reason for none."""
    if not probing.differences or probing.policy == "error":
        return []
    names = list(dict.fromkeys(each.request for each in probing.differences))
    share = f"{len(probing.differences)} of {count_of(probing.compared, 'compared response')} differently"
    return [f"The arms answer {share} ({listed(names)}): what answers otherwise may also do less."]


def _warnings(arms: tuple[ProbedArm, ...]) -> list[str]:
    warnings = []
    for problem in dict.fromkeys(each for arm in arms for each in arm.problems):
        whose = [arm.arm for arm in arms if problem in arm.problems]
        warnings.append(f"Queries on {listed(whose)}: {problem}")
    for arm in arms:
        warnings += [f"{arm.arm} runs in a mode for developing, not what users get: {what}" for what in arm.debugging]
        for each in arm.requests:
            if strays := max((size.strays for size in each.sizes), default=0):
                warnings.append(f"Queries of {each.request} on {arm.arm}: {exact_rows.at_least(strays)}.")
        warnings += [f"{each.request} was not probed: {each.skipped}" for each in arm.requests if each.skipped]
        if arm.background:
            ran = sum(each.calls for each in arm.background)
            warnings.append(
                f"{count_of(ran, 'query ran', 'queries ran')} in the background of {arm.arm} while no request was sent;"
                " they are not booked on requests."
            )
        for each in arm.requests:
            told = [size.disagreement for size in each.sizes if size.disagreement]
            if told:
                warnings.append(f"Two sources disagree on {each.request} ({arm.arm}): {told[0]}.")
    for request in dict.fromkeys(each.request for arm in arms for each in arm.requests if each.empty):
        whose = [arm.arm for arm in arms if any(each.request == request and each.empty for each in arm.requests)]
        warnings.append(
            f"{request} is answered with status 200 and an empty body by {listed(whose)}: is that its answer?"
        )
    return list(dict.fromkeys(warnings))


def _reasons(probing: Probing) -> tuple[str, ...]:
    if probing.policy != "error" or not probing.differences:
        return ()
    names = ", ".join(dict.fromkeys(each.request for each in probing.differences))
    return (f"the arms answer differently ({names}), so a gain would be none.",)
