"""The reference says what the code does: nothing is left out, and nothing stands there that is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from typer.main import get_command

from documentation.pages import ROOT
from documentation.tools import reference
from perfproof.cli.app import app
from perfproof.cli.gate import Format
from perfproof.errors import ExitCode
from perfproof.model.metrics import METRICS
from perfproof.report.writers import WRITERS
from perfproof.scenario.schema.scenario import json_schema

PAGES = {name.removeprefix("reference/").removesuffix(".md"): text for name, text in reference.pages().items()}


def sections(name: str) -> dict[str, str]:
    """Return the text below each heading of a page."""
    found = re.split(r"^## (.+)$", PAGES[name], flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def named(text: str) -> list[str]:
    """Return what the rows of a table begin with."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def test_every_key_of_every_part_of_a_scenario_is_told_once():
    schema, told = json_schema(), sections("keys")
    assert named(told["The file"]) == list(schema["properties"])
    for name, part in schema["$defs"].items():
        if "properties" in part:
            section = told[re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Spec")).lower()]
            assert named(section) == list(part["properties"]), name
            assert "Written at `" in section, name


@pytest.mark.parametrize("page", ["keys", "result-json"])
def test_every_row_says_what_a_value_is_and_what_it_means(page):
    rows = re.findall(r"^\| `.+\|$", PAGES[page], re.MULTILINE)
    assert len(rows) > 100
    for row in rows:
        _, name, kind, meaning, _ = re.split(r"(?<!\\)\|", row)
        assert kind.strip() not in ("", "anything"), row
        if page == "keys":
            assert meaning.strip(), name


def test_every_command_and_option_is_told():
    told = sections("commands")
    for name, command in get_command(app).commands.items():
        for names, each in ([(name, command)] if not hasattr(command, "commands") else
                            [(f"{name} {inner}", deeper) for inner, deeper in command.commands.items()]):  # fmt: skip
            text = told[names]
            options = [option for parameter in each.params for option in parameter.opts if option.startswith("-")]
            assert [option for option in options if f"`{option}" not in text and option not in ("--help", "-h")] == []


def test_every_exit_code_metric_and_format_is_told():
    assert named(PAGES["exit-codes"]) == [str(int(code)) for code in ExitCode]
    assert named(PAGES["metrics"]) == list(METRICS)
    assert named(PAGES["formats"]) == [*WRITERS, *(each.value for each in Format)]
    assert "`.speedscope.json`" in PAGES["formats"]


def test_every_field_of_the_result_is_told():
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))
    told = sections("result-json")
    assert named(told["The document"]) == list(schema["properties"])
    for name, part in schema["$defs"].items():
        if "properties" in part:
            assert named(told[name]) == list(part["properties"]), name


def test_no_markup_gets_lost_in_a_table():
    for name, text in PAGES.items():
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(widths) == 1, f"{name}: {table[:200]}"


def test_the_pages_can_be_written_to_a_folder(tmp_path):
    subprocess.run([sys.executable, ROOT / "docs/tools/reference.py", tmp_path], check=True, timeout=60)
    assert {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "reference").iterdir()} == PAGES
