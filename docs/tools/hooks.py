"""What the build of the site adds: reference pages from the code, and pages that show files of the repository.

The site is read without the repository beside it, so a link to ``../scenarios/demo.yaml`` leads to a page that shows
the file. Each such file is named in a text; nothing else of the repository gets into the site.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import reference

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_LANGUAGES = {
    ".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".ini": "ini", ".sql": "sql", ".rs": "rust",
    ".toml": "toml", ".js": "javascript",
}  # fmt: skip


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie in no file of ``docs/``."""
    made = dict(reference.pages())
    for source in list(files.documentation_pages()):
        made |= _shown(source.src_uri, (DOCS / source.src_uri).read_text(encoding="utf-8"))
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to files outside ``docs/`` to the pages that show them."""
    here = page.file.src_uri

    def lead(found: re.Match[str]) -> str:
        outside = _outside(here, found[2])
        if outside is None:
            return found[0]
        if (ROOT / outside).is_dir():
            return f"{found[1]} (`{outside}/` in the repository)"
        return f"[{found[1]}]({posixpath.relpath(_page(outside), posixpath.dirname(here) or '.')})"

    return _LINK.sub(lead, markdown)


def _outside(here: str, link: str) -> str | None:
    """Return the file of the repository, outside ``docs/``, that a link leads to."""
    path = link.partition("#")[0]
    if not path or "://" in path or path.startswith(("/", "mailto:")):
        return None
    whole = posixpath.normpath(posixpath.join("docs", posixpath.dirname(here), path))
    return None if whole.startswith(("docs/", "..")) or not (ROOT / whole).exists() else whole


def _page(outside: str) -> str:
    return f"files/{outside}.md"


def _shown(here: str, text: str) -> dict[str, str]:
    """Return pages for the files outside ``docs/`` that a text links to."""
    pages = {}
    for _, link in _LINK.findall(text):
        outside = _outside(here, link)
        if outside is not None and (ROOT / outside).is_file():
            pages[_page(outside)] = _as_page(outside)
    return pages


def _as_page(outside: str) -> str:
    text = (ROOT / outside).read_text(encoding="utf-8")
    language = _LANGUAGES.get(Path(outside).suffix, "text")
    return f"# {Path(outside).name}\n\n`{outside}` in the repository.\n\n````{language}\n{text.rstrip()}\n````\n"
