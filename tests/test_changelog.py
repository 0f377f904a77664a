"""Every entry of the changelog is held by a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
HELD = Path(__file__).with_name("changelog.txt")


def entries() -> list[str]:
    """Return what the changelog says, each entry on one line."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return [" ".join(found.split()) for found in re.findall(r"^- (.+(?:\n  .+)*)", text, re.MULTILINE)]


def held() -> dict[str, list[str]]:
    """Return the tests by the beginning of the entry that they hold."""
    found: dict[str, list[str]] = {}
    beginning = ""
    for line in HELD.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            found[beginning].append(line.strip())
        else:
            beginning = line.strip()
            assert beginning not in found, f"{HELD.name} has two entries: {beginning}"
            found[beginning] = []
    return found


@cache
def names_of(file: str) -> frozenset[str]:
    """Return the names of the tests in a file; empty if there is none."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


def test_every_entry_of_the_changelog_is_held_by_tests() -> None:
    known = held()
    unheld = []
    for entry in entries():
        beginnings = [each for each in known if entry.startswith(each)]
        assert len(beginnings) < 2, f"{beginnings} are the beginning of one entry"
        if not beginnings or not known[beginnings[0]]:
            unheld.append(entry)
    assert not unheld, "no test holds (name it in tests/changelog.txt):\n" + "\n".join(unheld)


def test_nothing_is_held_that_the_changelog_does_not_say() -> None:
    said = entries()
    assert [each for each in held() if not any(entry.startswith(each) for entry in said)] == []


def test_the_tests_that_hold_it_exist() -> None:
    missing = []
    for node in {node for nodes in held().values() for node in nodes}:
        file, _, name = node.partition("::")
        if not names_of(file) or (name and name not in names_of(file)):
            missing.append(node)
    assert not missing, "\n".join(sorted(missing))
