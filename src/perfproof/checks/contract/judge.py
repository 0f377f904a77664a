"""What the facts of two arms show of their contract. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal

from perfproof.checks.contract.digest import breaking
from perfproof.checks.sides import both
from perfproof.model.checks import Compared, Facts, Measure
from perfproof.model.result import Finding

_MOST_SHOWN = 12
_NAME_DOCUMENT = "name its OpenAPI document: `checks: {document: ...}`"


def compare(before: Facts | None, after: Facts) -> Compared:
    """Return the measures and findings of two arms, or of one."""
    sides = [before, after]
    measures = [
        both("contract", sides, _fitting, _why_operations(after)),
        both("missing_operations", sides, _missing, _why_operations(after)),
        both("undocumented_operations", sides, _extra, _why_operations(after)),
        both("deprecation_headers", sides, _deprecations, "no operation that was asked is deprecated in the document"),
        both("pagination", sides, _pagination, _why_lists(after)),
        both("batch_cost", sides, _batch_cost, _why_batches(after), shown=True),
        both("batch_queries", sides, _batch_queries, _why_queries(after), shown=True),
    ]
    changes, why = _changes(before, after)
    known = changes is not None
    now = float(len(changes)) if changes is not None else None
    measures.append(Measure("breaking_changes", now, 0.0 if known else None, why=why))
    findings = [] if before is None else _findings(before, "baseline", after)
    findings += _findings(after, "candidate" if before is not None else "", None)
    if changes and before is not None:
        findings.append(_told_changes(changes, before["version"], after["version"]))
    if after["version"] or after["version_header"]:
        findings.append(_told_version(after))
    return Compared(tuple(measures), tuple(findings))


def _fitting(facts: Facts) -> float | None:
    asked = facts["operations"]
    return sum(not _flaw(each) for each in asked) / len(asked) if asked else None


def _flaw(each: Mapping[str, Any]) -> bool:
    return bool(each["missing"] or each["wrong"] or each["problem"])


def _missing(facts: Facts) -> float | None:
    return float(sum(each["missing"] for each in facts["operations"])) if facts["operations"] else None


def _extra(facts: Facts) -> float | None:
    return float(len(facts["extra"])) if facts["document"] else None


def _deprecations(facts: Facts) -> float | None:
    known = [each for each in facts["deprecations"] if each["documented"]]
    return sum(bool(each["deprecation"]) and not each["flaw"] for each in known) / len(known) if known else None


def _pagination(facts: Facts) -> float | None:
    known = [each for each in facts["lists"] if not each["told"]]
    return sum(not each["flaws"] for each in known) / len(known) if known else None


def _batches(facts: Facts) -> list[Mapping[str, Any]]:
    return [each for each in facts["batches"] if not each["problem"]]


def _batch_cost(facts: Facts) -> float | None:
    shares = [_share(each) for each in _batches(facts)]
    return max(shares) if shares else None


def _share(each: Mapping[str, Any]) -> float:
    return float(median(each["batch_ms"]) / each["items"] / median(each["single_ms"]))


def _batch_queries(facts: Facts) -> float | None:
    known = [each["batch_queries"] / each["items"] for each in _batches(facts) if each["batch_queries"] is not None]
    return max(known) if known else None


def _why_operations(facts: Facts) -> str:
    if not facts["document"]:
        return f"{facts['undocumented'] or 'there is no document'}: {_NAME_DOCUMENT}"
    return "no operation could be asked: the document names none that reads, or none whose ids are known"


def _why_lists(facts: Facts) -> str:
    if facts["lists"]:
        return "every list is short enough not to page: seed more rows than `unpaged` (20)"
    return f"no list was found: {_NAME_DOCUMENT}, or add one to the requests"


def _why_batches(facts: Facts) -> str:
    problem = next((each["problem"] for each in facts["batches"] if each["problem"]), "")
    return problem or "no batch is named: `checks: {contract: {batch: {NAME OF BATCH: NAME OF SINGLE}}}`"


def _why_queries(facts: Facts) -> str:
    return (
        "nothing counts its queries: name the database in `service.database`"
        if _batches(facts)
        else _why_batches(facts)
    )


def _changes(before: Facts | None, after: Facts) -> tuple[list[tuple[str, str]] | None, str]:
    if before is None:
        return None, "there is one version: compare two (`perfproof checks` with two arms)"
    for side, name in ((before, "baseline"), (after, "candidate")):
        if not side["document"]:
            return None, f"{name}: {side['undocumented'] or 'there is no document'}: {_NAME_DOCUMENT}"
    return breaking(before["digest"], after["digest"]), ""


def _findings(facts: Facts, arm: str, after: Facts | None) -> list[Finding]:
    """Return what is wrong on one arm; of the baseline, what the candidate has mended is good news."""
    told = []
    for kind, what, wrong in _wrong(facts):
        left = next((len(each) for name, _, each in _wrong(after) if name == kind), 0) if after is not None else 0
        severity: Literal["info", "warning"] = "info" if after is not None and left < len(wrong) else "warning"
        where = f" on {arm}" if arm else ""
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        if after is not None:
            more += f"; on candidate {left or 'none'}"
        evidence = {"arm": arm, "all": wrong[:_MOST_SHOWN]}
        told.append(Finding(kind, "all", severity, f"{what}{where}: {wrong[0]}{more}", evidence))
    return told


def _wrong(facts: Facts) -> list[tuple[str, str, list[str]]]:
    """Return each kind of flaw with what it is called and where it is."""
    operations = facts["operations"]
    answers = [
        f"{each['operation']} answers with {each['problem'] or '; '.join(each['wrong'][:3])}"
        for each in operations
        if each["wrong"] or each["problem"]
    ]
    missing = [f"{each['operation']} (status {each['status']})" for each in operations if each["missing"]]
    silent = [
        f"{each['operation']} {each['flaw'] or 'says nothing of it in its headers'}"
        for each in facts["deprecations"]
        if each["documented"] and (each["flaw"] or not each["deprecation"])
    ]
    undeclared = [each["operation"] for each in facts["deprecations"] if not each["documented"]]
    lists = [f"{each['list']}: {'; '.join(each['flaws'])}" for each in facts["lists"] if each["flaws"]]
    dear = [
        f"{each['batch']} takes {_share(each):.2f} of {each['single']} per item"
        for each in _batches(facts)
        if _share(each) >= 1
    ]
    counted = [each for each in _batches(facts) if each["batch_queries"] is not None and each["single_queries"]]
    queries = [
        f"{each['batch']} runs {each['batch_queries']} queries for {each['items']} items"
        for each in counted
        if each["items"] > 1 and each["batch_queries"] >= each["items"] * each["single_queries"]
    ]
    found = [
        ("contract_broken", "answers are not as the document says", answers),
        ("operation_missing", "operations are documented but missing", missing),
        ("operation_undocumented", "operations are answered but undocumented", list(facts["extra"])),
        ("deprecation_untold", "deprecated operations do not say so as RFC 9745 has it", silent),
        ("deprecation_undocumented", "operations say that they are deprecated, and the document does not", undeclared),
        ("pagination", "lists do not page as they should", lists),
        ("batch_dear", "batches are no cheaper than single requests", dear),
        ("batch_queries", "batches query once for each item", queries),
    ]
    return [each for each in found if each[2]]


def _told_version(facts: Facts) -> Finding:
    by = f"the header {facts['version_header']}" if facts["version_header"] else "no header"
    text = f"the document is of version {facts['version'] or 'unknown'}, and {by} tells clients which version answers"
    return Finding("api_version", "all", "info", text, {"version": facts["version"], "header": facts["version_header"]})


def _told_changes(changes: Sequence[tuple[str, str]], before: str, after: str) -> Finding:
    lines = [f"{name} {text}" for name, text in changes]
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    text = f"the candidate breaks what clients of the baseline rest on: {lines[0]}{more}"
    if before and before.partition(".")[0] == after.partition(".")[0]:
        text += f"; its version goes from {before} to {after}, as if nothing broke"
    return Finding("breaking_change", "all", "warning", text, {"changes": lines[: _MOST_SHOWN * 2]})
