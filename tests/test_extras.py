"""Fixes that say `pip install 'perfproof[...]'` name what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_extra_that_a_fix_or_a_document_names_exists():
    there = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {name for file in files for name in re.findall(r"perfproof\[(\w+)\]", file.read_text())}
    assert named
    assert named <= there
