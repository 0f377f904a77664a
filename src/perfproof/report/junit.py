"""A gate as JUnit XML: a test case per check, its figures as properties, ``skipped`` where nothing is decided."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from perfproof.model import formatting
from perfproof.model.gate import GateResult, GateRow


def to_junit(gate: GateResult) -> str:
    """Return the gate as a JUnit document.

    Without checks (an invalid measurement, a run without baseline) the verdict itself is the only test case, so that
    a CI never shows an empty suite as a success nobody made.
    """
    result = gate.result
    suite = ElementTree.Element("testsuite", name=_safe(f"perfproof {result.scenario}"), time=f"{result.seconds:.3f}")
    if result.started_at:
        suite.set("timestamp", _safe(result.started_at))
    about = {
        "sentence": gate.sentence,
        "summary": gate.summary,
        "verdict": result.verdict.value,
        "exit_code": str(gate.exit_code),
        "rounds": f"{result.rounds} of {result.planned_rounds}",
        "runs": ", ".join(result.run_ids),
    }
    about |= {f"note {number}": note for number, note in enumerate(gate.notes, 1)}
    _properties(suite, about)
    if gate.exit_code >= 4 or not gate.rows:
        _verdict_case(suite, gate)
    else:
        for row in gate.rows:
            _case(suite, row, result.scenario)
    outcomes = Counter(child.tag for case in suite.iter("testcase") for child in case)
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(outcomes["failure"]))
    suite.set("errors", str(outcomes["error"]))
    suite.set("skipped", str(outcomes["skipped"]))
    ElementTree.SubElement(suite, "system-out").text = _safe(f"{gate.sentence} {gate.summary}", 20_000)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _verdict_case(suite: ElementTree.Element, gate: GateResult) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=_safe(gate.result.scenario), name="verdict", time="0")
    if gate.exit_code >= 4:
        ElementTree.SubElement(case, "error", message=_safe(gate.sentence), type="invalid").text = _safe(gate.summary)
    else:
        ElementTree.SubElement(case, "skipped", message=_safe(" ".join([gate.sentence, *gate.notes])))


def _case(suite: ElementTree.Element, row: GateRow, scenario: str) -> None:
    title = row.claim or f"{formatting.title(row.metric)} of {row.request}: {row.kind}"
    title = f"{row.arm}: {title}" if row.arm else title
    case = ElementTree.SubElement(suite, "testcase", classname=_safe(scenario), name=_safe(title, 300), time="0")
    _properties(case, _figures(row))
    if row.outcome == "failed":
        ElementTree.SubElement(case, "failure", message=_safe(row.reason), type=row.kind).text = _safe(row.reason)
    elif row.outcome == "skipped":
        ElementTree.SubElement(case, "skipped", message=_safe(row.reason))
    elif row.outcome == "warned":
        ElementTree.SubElement(case, "system-out").text = _safe(f"warning: {row.reason}")


def _figures(row: GateRow) -> dict[str, str]:
    """Return the figures of a check as they are, for programs."""
    found: dict[str, object] = {"metric": row.metric, "request": row.request, "kind": row.kind}
    found |= {"arm": row.arm} if row.arm else {}
    if row.comparison is not None:
        of = row.comparison
        found |= {"verdict": of.verdict.value, "unit": of.unit, "baseline": of.baseline, "candidate": of.candidate}
        found |= {"change": of.change, "ci_low": of.ci_low, "ci_high": of.ci_high, "confidence": of.confidence}
        found |= {"rounds": of.rounds, "goal": of.goal and of.goal.improve}
    if row.budget is not None:
        found |= {"unit": row.budget.unit, "value": row.budget.value, "limit": row.budget.limit}
    return {name: str(value) for name, value in found.items() if value is not None}


def _properties(parent: ElementTree.Element, values: dict[str, str]) -> None:
    holder = ElementTree.SubElement(parent, "properties")
    for key, value in values.items():
        ElementTree.SubElement(holder, "property", name=key, value=_safe(value, 20_000))


def _safe(text: str, limit: int = 2000) -> str:
    """Return text without what XML 1.0 forbids; markup in it is escaped when the document is written."""
    return formatting.plain(text, limit).replace("￾", "�").replace("￿", "�")
