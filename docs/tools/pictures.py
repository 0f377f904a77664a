"""The pictures of the tutorial: it is run as it stands, at full length, and what comes out is photographed.

``python docs/tools/pictures.py`` writes ``docs/pictures/``. It needs Chromium, and two to three minutes of a machine
that does nothing else.
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browsing import Page, browsing  # noqa: E402
from documentation.pages import run_page  # noqa: E402

TUTORIAL = ROOT / "docs" / "tutorial.md"
FOLDER = ROOT / "docs" / "pictures"
COLUMNS = 100
_STYLE = (
    "body { margin: 0; background: #fff; display: inline-block } pre { margin: 0; padding: 18px 24px; font: 14px/1.4"
    " 'DejaVu Sans Mono', monospace; color: #1f2328 } .line { color: #57606a }"
)


def main() -> None:
    """Run the tutorial and write its pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, browsing() as browser:
        folder = Path(home) / "shop"
        folder.mkdir()
        page = browser.new_page()
        colours = {"FORCE_COLOR": "1", "NO_COLOR": "", "COLUMNS": str(COLUMNS)}
        for block, done in run_page(TUTORIAL, folder, colours, short=False):
            sys.stdout.write(f"### {block.place}\n{block.text}\n{done.stdout}{done.stderr}\n")
            sys.stdout.flush()
            command = block.text.strip()
            if command.startswith("perfproof doctor"):
                terminal(page, Path(home), command, done.stdout, "doctor.png")
            elif command.startswith("perfproof ab"):
                terminal(page, Path(home), command, done.stdout, "verdict.png")
        page.size(1280, 800)
        page.look()
        page.open((folder / "report.html").as_uri())
        keep(base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"]), "report.png")
        keep((folder / "slide.png").read_bytes(), "slide.png", width=1280)


def terminal(page: Page, home: Path, command: str, output: str, name: str) -> None:
    """Photograph what a command printed, with its colours."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(output), end="")
    html = console.export_html(inline_styles=True, code_format="{code}")
    file = home / "terminal.html"
    head = f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>'
    file.write_text(f'{head}<pre><span class="line">$ {command}</span>\n{html}</pre>', encoding="utf-8")
    page.size(1000, 200)
    page.look()
    page.open(file.as_uri())
    width, height = page.run("[document.body.scrollWidth, document.body.scrollHeight]")
    page.size(max(int(width), 880), int(height))
    keep(page.picture(), name)


def keep(png: bytes, name: str, *, width: int | None = None) -> None:
    """Write a picture with few colours, since it goes into the repository."""
    with Image.open(io.BytesIO(png)) as picture:
        shown = picture.convert("RGB")
        if width is not None and shown.width > width:
            shown = shown.resize((width, round(shown.height * width / shown.width)), Image.Resampling.LANCZOS)
        shown.quantize(128).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
