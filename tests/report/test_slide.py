from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import builders
import pytest
import states
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from perfproof.model.result import Comparability, Fact
from perfproof.report.page.first_screen import first_screen
from perfproof.report.slide import text_fitting
from perfproof.report.slide.slide import to_slide

LONG = [f"GET /api/v2/organisations/{{organisation}}/projects/{{project}}/records?page={at}" for at in range(50)]
UNICODE = ["注文一覧を取得する" * 9, "Ελληνικά αίτημα", "запрос списка заказов", "طلبات العميل", "😀 emoji", "W" * 200]
KINDS: dict[str, Any] = {
    **states.STATES,
    "50 long names": lambda: builders.make_result(names=LONG, sentence="; ".join(LONG[:12]) + "."),
    "unicode": lambda: builders.make_result(names=UNICODE, sentence=" ".join(UNICODE)),
    "a run of 50": lambda: builders.make_run(levels=tuple(builders.levels(("main",), LONG))),
    "many doubts": lambda: builders.make_result(
        comparability=Comparability(tuple(Fact(f"f{n}", "a" * 99, "b" * 99) for n in range(40)), ("doubt " * 90,) * 30),
    ),
}


def text_of(pdf: bytes, folder: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    file = folder / "slide.pdf"
    file.write_bytes(pdf)
    return subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout


def placed(make: Any, *, drawn: bool = False) -> list[tuple[str, float, float, float, float]]:
    """Return every text of the slide with its box in pixels, as it is laid out for the file; ``drawn``: and draw it."""
    draw = FigureCanvasAgg.print_png
    found: list[tuple[str, float, float, float, float]] = []

    @functools.wraps(draw)  # whose parameters matplotlib looks at
    def keep(canvas: FigureCanvasAgg, *arguments: Any, **more: Any) -> None:
        if drawn:
            draw(canvas, *arguments, **more)
        else:
            with mock.patch.object(FigureCanvasAgg, "print_png", draw):  # which it takes its renderer from
                canvas.figure.draw_without_rendering()
        renderer = canvas.get_renderer()
        for text in canvas.figure.findobj(Text):
            if text.get_visible() and text.get_text().strip():
                box = text.get_window_extent(renderer)
                found.append((text.get_text(), box.x0, box.y0, box.x1, box.y1))

    with mock.patch.object(FigureCanvasAgg, "print_png", keep):
        to_slide(make(), "png")
    return found


def words_of(make: Any) -> str:
    """Return the words of the slide, a text of it on each line: those that its PDF has (the test of one says so)."""
    return "\n".join(" ".join(text.split()) for text, *_ in placed(make))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_reaches_over_the_edge_and_no_two_texts_overlap(kind: str) -> None:
    found = placed(KINDS[kind], drawn=kind in ("met", "unicode", "50 long names"))
    assert len(found) >= 4
    for text, left, low, right, high in found:
        assert min(left, low) >= 0, text
        assert right <= 1920, text
        assert high <= 1080, text
    for at, (text, left, low, right, high) in enumerate(found):
        for other, x0, y0, x1, y1 in found[at + 1 :]:
            wide, tall = min(right, x1) - max(left, x0), min(high, y1) - max(low, y0)
            assert wide <= 1 or tall <= 0.35 * min(high - low, y1 - y0), f"{text!r} lies over {other!r}"


def test_a_png_has_the_size_of_a_screen_and_no_date() -> None:
    with Image.open(io.BytesIO(to_slide(builders.make_result(), "png"))) as picture:
        assert picture.size == (1920, 1080)
        assert set(picture.info) <= {"dpi"}


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_the_same_result_gives_the_same_bytes(kind: Any) -> None:
    first, second = (to_slide(builders.make_result(), kind) for _ in range(2))
    assert first == second
    assert not re.search(rb"CreationDate|Producer|Creator", first)


def test_a_pdf_is_one_page_that_says_what_the_first_screen_says_with_the_causes(tmp_path: Path) -> None:
    result = states.price()
    pdf = to_slide(result, "pdf")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert b"/MediaBox [ 0 0 960 540 ]" in pdf
    text = " ".join(text_of(pdf, tmp_path).split())
    first = first_screen(result)
    assert first.worth is not None
    assert first.reasons is not None
    for shown in (
        first.headline,
        "GOAL MET",
        "promised: 20–30 % shorter",
        "queries of dashboard 28 → 29 (a price: 1 query more, at any size)",
        "✓ 63 % shorter",
        "16.6 → 4.2",
        "no difference",
        "A day at 50 requests a second:",
        first.worth.told[0],
        "How sure? Sure: 95 % confidence",
        "Fewer queries (21 → 5 per request, N+1 gone), saves 13.7 ms per request",
        result.run_ids[0],
    ):
        assert shown in text, shown
    assert "generator" not in text
    for shown in words_of(states.price).splitlines():
        assert shown in text, shown


def test_a_cause_that_is_not_shown_and_one_that_was_not_looked_for_are_told_apart() -> None:
    assert "no lever was pulled" in words_of(states.unmoved)
    assert "Why" not in words_of(states.undecided)


def test_what_has_no_room_is_counted() -> None:
    assert "and 55 more in the report" in words_of(states.many)


def test_long_names_that_differ_at_their_end_are_told_apart() -> None:
    words = words_of(states.many)
    for at in (3, 8, 13, 18, 23):
        assert re.search(rf"page={at}\b", words)


def test_a_broken_budget_and_a_single_run_have_their_figures(tmp_path: Path) -> None:
    text = text_of(to_slide(builders.make_run(), "pdf"), tmp_path)
    assert re.search(r"dashboard +95.9 ms", text)
    assert "2 of 2 budgets kept" in text
    assert "at 568 ms, over the budget of 200 ms" in " ".join(words_of(states.budget).split())


def test_letters_the_usual_font_lacks_are_looked_for_in_installed_ones() -> None:
    assert text_fitting.families_for("abc → ✓ −") == [text_fitting.USUAL]
    assert text_fitting.families_for("\N{GOTHIC LETTER AHSA}")[0] == text_fitting.USUAL


def test_words_that_are_too_long_are_broken_and_no_letter_is_lost() -> None:
    type_ = text_fitting.Type(Figure(figsize=(10, 5), dpi=144))
    text = "short " + "x" * 300 + " end"
    lines = type_.wrap(text, 2.0, 9)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(type_.width(line, 9) <= 2.0 for line in lines)
    assert type_.width(type_.cut(text, 1.0, 9), 9) <= 1.0
    assert type_.cut("short", 1.0, 9) == "short"
