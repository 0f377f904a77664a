"""Every block of the documentation is run by a test, or holds nothing that does not exist."""

from __future__ import annotations

import ast
import configparser
import importlib
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlglot
import yaml
from jsonschema import Draft202012Validator

from documentation.commands import mistakes_in, mistakes_in_arguments, options
from documentation.pages import ROOT, Block, blocks
from perfproof.checks import registry
from perfproof.errors import ScenarioError
from perfproof.model.metrics import METRICS
from perfproof.report import plugins
from perfproof.scenario.reader import read_file
from perfproof.scenario.schema.scenario import json_schema

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)
RUN = {"docs/tutorial.md", *(f"docs/howto/{name}.md" for name in (
    "fastapi", "django", "node", "postgresql", "mariadb", "sqlite", "locust", "k6", "notebooks"))}  # fmt: skip
"""Pages that ``test_pages.py`` runs from top to bottom."""
BLOCKS = [block for page in PAGES for block in blocks(page)]
SCHEMA = json_schema()
WHOLE = {"name": "x", "service": {"command": "x"}, "requests": [{"get": "/"}]}


class OurYaml(yaml.SafeLoader):
    """YAML as scenarios are read: only `true` and `false` are booleans."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def of(*languages: str) -> list[Any]:
    return [pytest.param(block, id=block.place) for block in BLOCKS if block.language in languages]


def test_every_language_is_looked_at():
    """A block in a language that no test here knows would go unseen; `text` is what something printed."""
    seen = {"", "sh", "bash", "console", "yaml", "python", "py", "toml", "ini", "sql", "javascript", "text"}
    assert {block.language for block in BLOCKS} <= seen
    assert len(BLOCKS) > 60


def test_what_is_marked_to_be_run_stands_on_a_page_that_is_run():
    told = {
        "docs/first-verdict.md",
        "docs/init.md",
        "docs/kinto.md",
        "docs/howto/rust.md",
    }  # typed once, on services that tests do not have
    assert {block.page for block in BLOCKS if block.language == "sh"} <= RUN | told


@pytest.mark.parametrize("block", of("", "sh", "bash"))
def test_command_lines_name_commands_options_targets_and_files_that_exist(block: Block):
    if block.page == "CONTRIBUTING.md" and block.text.startswith("pytest_plugin"):
        return  # the layers: tests/test_project_files.py
    assert mistakes_in(block.text) == []


@pytest.mark.parametrize("block", of("console"))
def test_command_lines_of_transcripts_exist(block: Block):
    typed = re.findall(r"^\$ .*$", block.text, re.MULTILINE)
    assert typed
    assert mistakes_in("\n".join(typed)) == []


def test_a_command_that_does_not_exist_is_seen():
    assert mistakes_in("perfproof measure x.yaml")
    assert mistakes_in("perfproof ab x.yaml --fast")
    assert mistakes_in("perfproof check a b c")
    assert mistakes_in("make everything")
    assert mistakes_in("python benchmarks/nothing.py")
    assert mistakes_in("python benchmarks/kills.py --nothing")
    assert mistakes_in("pip install perfproof")
    assert mistakes_in("frobnicate")
    assert mistakes_in("perfproof ab x.yaml --time 60s -o a.html && perfproof last") == []


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_is_a_scenario_a_part_of_one_or_a_pipeline(block: Block, monkeypatch, tmp_path):
    read = yaml.load(block.text, OurYaml)
    if read is None:
        assert "$schema=scenario.schema.json" in block.text
    elif block.page.endswith(("github.md", "gitlab.md")):
        return  # tests/ci/test_examples.py
    else:
        assert mistakes_in_scenario(read) == [], block.text
        if {"name", "service"} <= set(read):
            for name in re.findall(r"\$\{(\w+)\}", block.text):
                monkeypatch.setenv(name, "postgresql://me@127.0.0.1/shop" if "DATABASE" in name else "s3cret-value")
            file = tmp_path / "scenario.yaml"
            file.write_text(re.sub(r"(directory: )\S+?(?=[},\s])", r"\1.", block.text), encoding="utf-8")
            if "locustfile" in read:
                (tmp_path / read["locustfile"]).write_text("from locust import HttpUser\n", encoding="utf-8")
            try:
                read_file(file, os.environ)
            except ScenarioError as error:
                pytest.fail(f"{block.place}: {error}")


def mistakes_in_scenario(part: dict[str, Any]) -> list[str]:
    """Return what the schema of scenario files says of a part of one."""
    whole = {key: value for key, value in WHOLE.items() if key != "requests" or "locustfile" not in part} | part
    if isinstance(part.get("service"), dict) and not {"command", "url"} & set(part["service"]):
        whole["service"] = WHOLE["service"] | part["service"]
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(whole)]


def test_a_key_that_does_not_exist_is_seen():
    assert mistakes_in_scenario({"load": {"speed": "5/s"}})
    assert mistakes_in_scenario({"load": {"rate": "5/s"}}) == []


@pytest.mark.parametrize("block", of("python", "py"))
def test_python_can_be_parsed_and_imports_what_we_have(block: Block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "perfproof":
            module = importlib.import_module(node.module)
            assert [each.name for each in node.names if not hasattr(module, each.name)] == [], block.place


@pytest.mark.parametrize("block", of("javascript"))
def test_javascript_stands_on_pages_that_are_run(block: Block):
    assert block.page in RUN
    assert block.title


@pytest.mark.parametrize("block", of("toml"))
def test_toml_is_a_policy_or_an_entry_point(block: Block, tmp_path):
    read = tomllib.loads(block.text)
    assert set(read) <= {"gate", "project"}
    if "gate" in read:
        assert mistakes_in_scenario(read) == []
    else:
        assert set(read["project"]["entry-points"]) <= {plugins.GROUP, registry.GROUP}


@pytest.mark.parametrize("block", of("ini"))
def test_settings_of_servers_can_be_read(block: Block):
    text = block.text if re.search(r"^\[", block.text, re.MULTILINE) else "[main]\n" + block.text
    parser = configparser.RawConfigParser(inline_comment_prefixes=("#",))
    parser.read_string(text)
    assert parser.sections()


@pytest.mark.parametrize("block", of("sql"))
def test_sql_can_be_parsed(block: Block):
    dialect = "mysql" if "performance_schema" in block.text else "postgres"
    assert sqlglot.parse(block.text, read=dialect)


def spans(page: Path) -> list[str]:
    """Return what stands between backticks in a page's sentences."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(each.split()) for each in re.findall(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)", text)]


SPANS = [(page, span) for page in PAGES for span in spans(page)]


def test_commands_within_sentences_exist():
    wrong = []
    for page, span in SPANS:
        if re.match(r"perfproof [a-z]", span) and "..." not in span:
            words = [re.sub(r"^\[|\]$", "", word) for word in span.split()[1:]]
            wrong += [f"{page.name}: `{span}`: {each}" for each in mistakes_in_arguments(words, whole=False)]
        elif re.match(r"(python benchmarks/|make [a-z])", span):
            wrong += [f"{page.name}: {each}" for each in mistakes_in(span)]
    assert wrong == []


OF_OTHERS = {
    "--setting",
    "--cpu-prof",
    "--separate-callers",
    "--reload",
    "--no-compile",
    "--cap-add",
    "--host",
    "--tags",
    "--csv",
    "--strict",
    "--require",
    "--home",
}
"""Options of other programs that sentences tell of."""


def test_options_within_sentences_exist():
    known = options() | OF_OTHERS
    named = {(page.name, each) for page, span in SPANS for each in re.findall(r"^--[a-z-]+", span)}
    assert len(named) > 20
    assert sorted(pair for pair in named if pair[1] not in known) == []


def test_keys_within_sentences_exist():
    """`rounds: {pairing: auto}` and its like."""
    keys, wrong, seen = set(SCHEMA["properties"]), [], 0
    deeper = {key for part in SCHEMA["$defs"].values() for key in part.get("properties", ())}
    for page, span in SPANS:
        if not re.match(r"[a-z_]+: ", span) or "..." in span:
            continue
        try:
            read = yaml.load(span, OurYaml)
        except yaml.YAMLError:
            continue
        if not isinstance(read, dict) or page.name == "k6.md":  # keys of k6 stand there beside ours
            continue
        seen += 1
        if set(read) <= keys and read != {"database": "sqlite"}:
            wrong += [f"{page.name}: `{span}`: {each}" for each in mistakes_in_scenario(read)]
        elif set(read) <= set(METRICS):  # a budget
            wrong += [f"{page.name}: `{span}`: {each}" for each in mistakes_in_scenario({"budgets": read})]
        elif not set(read) <= deeper:
            wrong.append(f"{page.name}: `{span}`")
    assert seen > 30
    assert wrong == []


def test_metrics_within_sentences_exist():
    """A name that begins as a metric does is one."""
    families = tuple({name.split("_")[0] + "_" for name in METRICS if "_" in name} - {"response_", "error_"})
    named = {
        (page.name, span) for page, span in SPANS if re.fullmatch(r"[a-z0-9_]+", span) and span.startswith(families)
    }
    others = {"queries_most", "cpu_s", "cpu_per_request_ms", "latency_ms", "memory_thrasher", "rows_fetched", "db_ms"}
    others |= {"in_place", "test_start", "test_stop", "sql_mode", "log_line_prefix", "log_statement"}
    assert sorted(each for each in named if each[1] not in METRICS and each[1] not in others) == []


def test_modules_and_files_within_sentences_exist():
    wrong = []
    for page, span in SPANS:
        if re.fullmatch(r"(?:src|docs|tests|benchmarks|scenarios|ci|requirements)/[\w./-]+", span):
            if not (ROOT / span).exists() and not span.startswith("ci/perfproof.yml"):
                wrong.append(f"{page.name}: {span}")
        elif re.fullmatch(r"perfproof(?:\.\w+)+", span) and not span.endswith((".yaml", ".toml", ".db")):
            module, _, name = span.rpartition(".")
            try:
                importlib.import_module(span)
            except ImportError:
                if span == plugins.GROUP:
                    continue
                if not hasattr(importlib.import_module(module), name):
                    wrong.append(f"{page.name}: {span}")
    assert wrong == []


def test_perfproof_is_installed_from_its_repository_wherever_it_is_told():
    places = [*PAGES, ROOT / "CHANGELOG.md", *(path for path in (ROOT / "ci").rglob("*") if path.is_file())]
    for path in places:
        for found in re.findall(r"(?:pip|pipx|uv tool) install\s[^\n`#]*", path.read_text(encoding="utf-8")):
            assert not re.search(r"\bperfproof(\[[\w,]+\])?(?!\S|\s*@)", found), f"{path}: {found}"


def test_the_rust_sources_are_what_the_page_points_to():
    page = (ROOT / "docs/howto/rust.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\((\.\./\.\./scenarios/[^)]+)\)", page):
        assert (ROOT / "docs/howto" / link).resolve().is_file()


def test_a_page_says_its_name_first():
    for page in PAGES:
        assert page.read_text(encoding="utf-8").lstrip().startswith("# "), page


def test_git_would_keep_every_page():
    ignored = subprocess.run(
        ["git", "check-ignore", *map(str, PAGES)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout == ""
