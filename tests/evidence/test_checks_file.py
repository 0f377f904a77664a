"""What checks observed, as a run directory keeps it: read back as it was, and refused where it makes no sense."""

from __future__ import annotations

import gzip
import json

import pytest

from perfproof.errors import EvidenceError
from perfproof.evidence.reader import read
from perfproof.model.checks import ArmFacts, Checked, CheckFacts


@pytest.fixture
def run(directory, record):
    record(directory, 1, 100)
    return directory


def checked(*arms: str, version: int = 1, requests: int = 3) -> Checked:
    facts = tuple(ArmFacts(arm, {"cases": [{"status": 404}]}, requests, 0.5, left_out=("this",)) for arm in arms)
    return Checked((CheckFacts("error_contract", version, facts, {"shape": "auto"}),), 1.5)


def test_what_was_observed_is_read_back_as_it_was(run):
    arms = read(run.path).info.arms
    run.save_checked(checked(*arms))
    assert read(run.path).checked == checked(*arms)


def test_a_run_without_checks_has_none(run):
    assert read(run.path).checked is None


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda arms: checked("somebody else"), "speaks of arms that the run has not"),
        (lambda arms: checked(arms[0], arms[0]), "speaks of arms that the run has not"),
        (lambda arms: Checked(checked(*arms).checks * 2), "holds a check twice"),
        (lambda arms: checked(*arms, version=0), "a version or a count that cannot be"),
        (lambda arms: checked(*arms, requests=-1), "a version or a count that cannot be"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_door(run, made, why):
    run.save_checked(made(read(run.path).info.arms))
    with pytest.raises(EvidenceError) as error:
        read(run.path)
    assert why in str(error.value)
    assert "checks.json.gz" in str(error.value)


def test_a_newer_format_is_refused_with_the_version_that_reads_it(run):
    document = {"format": 99, "written_by": "9.9", "checks": []}
    (run.path / "checks.json.gz").write_bytes(gzip.compress(json.dumps(document).encode()))
    with pytest.raises(EvidenceError, match=r"9\.9"):
        read(run.path)
