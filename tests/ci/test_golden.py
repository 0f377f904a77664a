"""What a CI is shown of a gate with a check of each outcome, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.builders import a_result, a_row, every_outcome
from golden_files import agreed
from perfproof.model.policy import Policy
from perfproof.model.result import Verdict
from perfproof.report.ci.github import annotation_lines, to_comment
from perfproof.report.ci.gitlab import to_load_performance
from perfproof.report.ci.markdown import to_gate_markdown
from perfproof.report.ci.openmetrics import to_openmetrics
from perfproof.report.junit import to_junit
from perfproof.verdict.policy import judge

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
