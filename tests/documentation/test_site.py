"""The documentation as a site: it builds without a warning, is whole, and asks for nothing from anywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from browsing import Page, browser, page  # noqa: F401 - fixtures
from documentation.pages import ROOT
from documentation.tools import reference


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


def listed() -> list[str]:
    """Return the pages that the site's menu names."""

    class Loader(yaml.SafeLoader):
        """Tags of MkDocs mean nothing here."""

    def inner(part: object) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [deeper for each in (part.values() if isinstance(part, dict) else part) for deeper in inner(each)]

    return inner(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"])


def test_every_page_is_in_the_menu_and_every_page_of_the_menu_is_there(site):
    ours = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} | set(reference.pages())
    assert set(listed()) == ours
    for name in ours:
        assert (site / name).with_suffix(".html").is_file(), name


def test_programs_that_build_it_are_no_part_of_it(site):
    assert not (site / "tools").exists()
    assert not list(site.rglob("*.py"))


def test_nothing_is_fetched_from_anywhere(site):
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = file.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe|source)[^>]+src=[\"']?(?:https?:)?//[^\s\"'>]+", text)
        fetched += re.findall(r"<link[^>]+href=[\"']?(?:https?:)?//[^\s\"'>]+[^>]*>", text)
        fetched += re.findall(r"(?:@import\s+|url\()[\"']?(?:https?:)?//[^\s\"')]+", text)
        assert fetched == [], file


def test_files_of_the_repository_that_texts_link_to_are_shown(site):
    assert "perfproof.demo" in (site / "files/scenarios/flow.yaml.html").read_text(encoding="utf-8")
    assert 'href="files/scenarios/flow.yaml.html"' in (site / "flows.html").read_text(encoding="utf-8")


def test_the_search_knows_every_page(site):
    text = (site / "search/search_index.json").read_text(encoding="utf-8")
    assert (site / "search/search_index.js").is_file(), "what a page that is read from a folder can load"
    entries = {each["location"].partition("#")[0] for each in json.loads(text)["docs"]}
    assert {name.removesuffix(".md") + ".html" for name in listed()} <= entries


@pytest.mark.browser
def test_it_is_read_and_searched_from_a_folder_without_a_server(site, page: Page):  # noqa: F811
    page.size(1280, 800)
    page.open((site / "index.html").as_uri())
    assert page.run("document.querySelector('h1').innerText").startswith("perfproof")
    page.run("const box = document.querySelector('.md-search__input'); box.focus(); box.value = 'interrupted';"
             "box.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true})); 0")  # fmt: skip
    deadline = time.monotonic() + 20
    while not (found := page.run("document.querySelectorAll('.md-search-result__link').length")):
        assert time.monotonic() < deadline, page.complaints
        time.sleep(0.2)
    assert found > 1
    assert [each for each in page.requests if not each.startswith(("file:", "blob:"))] == []


@pytest.mark.browser
@pytest.mark.parametrize(
    "name", ["index", "tutorial", "howto/github", "reference/keys", "reference/commands", "statistics"]
)
def test_no_page_is_wider_than_a_telephone(site, page: Page, name):  # noqa: F811
    page.size(390, 844)
    page.open((site / f"{name}.html").as_uri())
    assert page.run("document.documentElement.scrollWidth") <= 390
