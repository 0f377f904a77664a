"""Files of older and newer formats."""

from pathlib import Path

import pytest

from perfproof.errors import EvidenceError
from perfproof.evidence.formats import FORMAT, upgraded

FILE = Path("results/x/run.json")


def test_a_newer_format_is_refused_with_the_version_that_reads_it() -> None:
    with pytest.raises(EvidenceError, match=f"of format {FORMAT + 1}") as caught:
        upgraded({"format": FORMAT + 1, "written_by": "7.4.0"}, FILE)
    assert caught.value.where == str(FILE)
    assert caught.value.hint == "upgrade perfproof to 7.4.0 or newer"


def test_an_older_format_is_brought_up_step_by_step() -> None:
    upgrades = {
        1: lambda document: {"request_names": document["requests"]},
        2: lambda document: {"names": document["request_names"]},
    }
    assert upgraded({"format": 1, "requests": ["a"]}, FILE, upgrades=upgrades, current=3) == {"names": ["a"]}


@pytest.mark.parametrize("document", [[], "x", {}, {"format": "1"}, {"format": None}, {"format": 0}, {"format": True}])
def test_a_file_without_a_format_is_damaged(document: object) -> None:
    with pytest.raises(EvidenceError, match=r"run\.json is damaged"):
        upgraded(document, FILE)
