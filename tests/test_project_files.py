"""What contributors and reporters read is true: commands, files and names in it exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = ["CONTRIBUTING.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md", "docs/library.md", "docs/install.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page):
    file = ROOT / page
    for link in re.findall(r"\]\(([^)#]+)", file.read_text()):
        if "://" not in link:
            assert (file.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page):
    for name in re.findall(r"`([\w./-]+\.(?:py|md|json|txt|toml))`", (ROOT / page).read_text()):
        homes = (
            ROOT,
            ROOT / "src" / "perfproof",
            ROOT / "src" / "perfproof" / "why" / "levers",
            ROOT / "src" / "perfproof" / "why",
        )
        assert any((home / name).exists() for home in homes) or name in _EXAMPLES, name


_EXAMPLES = {"report.html", "perfproof.toml", "shop.yaml", "latency.png", "errors.py", "report.md"}


def test_every_make_target_that_is_named_is_there():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for command in re.findall(r"`make ([\w ]+?)`", (ROOT / page).read_text()):
            assert set(command.split()) <= targets, f"{page}: make {command}"


def test_contributors_are_told_the_layers_that_are_checked():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    checked = [sorted(re.findall(r"perfproof\.(\w+)", layer)) for layer in contracts[0]["layers"]]
    text = (ROOT / "CONTRIBUTING.md").read_text()
    told = re.search(r"```\n(pytest_plugin.+?)```", text, re.DOTALL)
    assert told is not None
    lines = [re.match(r"\w+(?:, \w+)*", line) for line in told[1].splitlines()]
    assert [sorted(line[0].split(", ")) for line in lines if line] == checked


def test_code_that_contributors_are_pointed_to_has_these_names():
    from perfproof.databases import source, sources
    from perfproof.model.why import Lever
    from perfproof.report.writers import WRITERS
    from perfproof.testing import ReportFormatContract
    from perfproof.why import causes

    assert sources._candidates
    assert source.QuerySource
    assert Lever
    assert WRITERS
    assert ReportFormatContract
    assert "perfproof.why.levers" in Path(causes.__file__).read_text()


@pytest.mark.parametrize("form", ["bug.yml", "feature.yml"])
def test_issue_forms_are_what_the_host_reads(form):
    """The keys of GitHub's form schema: a form with a mistake is not shown at all."""
    read = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / form).read_text())
    assert {"name", "description", "body"} <= set(read) <= {"name", "description", "labels", "body", "title"}
    kinds = {"markdown": {"value"}, "textarea": {"label", "description", "render", "placeholder"}}
    ids = [each["id"] for each in read["body"] if "id" in each]
    assert len(ids) == len(set(ids)) > 0
    for each in read["body"]:
        assert set(each["attributes"]) <= kinds[each["type"]]
        assert set(each) <= {"type", "id", "attributes", "validations"}
