"""What a CI is shown of a gate with a check of each outcome, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.builders import a_result, a_row, every_outcome
from golden_files import agreed
from perfproof.analysis.policy import judge
from perfproof.model.policy import Policy
from perfproof.model.result import Verdict
from perfproof.reports.gate_markdown import to_gate_markdown
from perfproof.reports.github import annotation_lines, to_comment
from perfproof.reports.gitlab import to_load_performance
from perfproof.reports.junit import to_junit
from perfproof.reports.openmetrics import to_openmetrics

GOLDEN = Path(__file__).parent / "golden"
GATES = {
    "gate": every_outcome(),
    "invalid": judge(a_result(a_row(), verdict=Verdict.INVALID, exit_code=4, sentence="Invalid: it died."), Policy()),
    "alone": judge(a_result(kind="run"), Policy(), notes=("No baseline `main` yet.",)),
}
FORMATS = {
    "md": to_gate_markdown,
    "comment.md": to_comment,
    "annotations.txt": lambda gate: "\n".join(annotation_lines(gate)) + "\n",
    "gitlab.json": to_load_performance,
    "junit.xml": to_junit,
    "metrics.txt": to_openmetrics,
}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", GATES)
def test_a_ci_shows_what_was_agreed_on(name, ending):
    agreed(FORMATS[ending](GATES[name]), GOLDEN / f"{name}.{ending}")
