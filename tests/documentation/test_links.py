"""Links of everything in Markdown lead somewhere, also where no site is built: in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from documentation.pages import ROOT
from documentation.tools import reference

TEXTS = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()
)  # fmt: skip
MADE = {ROOT / "docs" / name for name in reference.pages()}


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^ *(`{3,}).*?^ *\1", "", text, flags=re.MULTILINE | re.DOTALL))


def slug(heading: str) -> str:
    """Return the anchor that a heading has on the site and on GitHub alike."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def anchors(page: Path) -> set[str]:
    text = reference.pages()[str(page.relative_to(ROOT / "docs"))] if page in MADE else page.read_text(encoding="utf-8")
    return {slug(each) for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(text: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(text.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        page = (text.parent / path).resolve() if path else text
        assert page.exists() or page in MADE, f"{text.name}: {link}"
        if anchor and page.suffix == ".md":
            assert anchor in anchors(page), f"{text.name}: {link}"


def test_what_is_made_at_each_build_lies_nowhere():
    assert [path for path in MADE if path.exists()] == []


def test_pictures_can_be_seen_and_are_told_in_words():
    found = 0
    for text in TEXTS:
        for words, link in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", without_code(text.read_text(encoding="utf-8"))):
            found += 1
            assert len(words) > 20, f"{text.name}: {link}"
            with Image.open(text.parent / link) as picture:
                assert picture.width > 600
    assert found >= 5
