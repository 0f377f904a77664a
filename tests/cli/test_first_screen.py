"""A promise, measured on a real service, and what the report and the slide say of it first."""

from __future__ import annotations

import html
import re
import shutil
import subprocess

import pytest

from browsing import wanted

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

PROMISE = (
    "why: off",
    "why: off\ngoals: {latency_p50: {improve: 20%, stretch: 30%}}\nbudgets: {error_rate: 1%}",
)


def first_screen(page: str) -> str:
    """Return the text of the first screen."""
    section = page[page.index('<section class="first') : page.index('id="figures"')]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", section)).replace("\N{NO-BREAK SPACE}", " ").split())


def test_a_promise_is_measured_and_answered_on_the_first_screen_and_the_slide(bench):
    ran = bench.run(
        "ab",
        str(bench.scenario(PROMISE)),
        "--json",
        "out.json",
        "-o",
        "page.html",
        "-o",
        "slide.pdf",
        "-o",
        "slide.png",
    )
    assert ran.code in (0, 1, 3), ran.err + ran.out  # a busy machine may leave it open
    result = bench.json("out.json")
    (goal,) = [row for row in result["comparisons"] if row["role"] == "goal"]
    said = first_screen((bench.folder / "page.html").read_text())
    assert "Promised 20–30 % shorter response times, " in said or "Goal met (promised 20–30 %" in said
    word = {"met": "goal met", "improved": "goal not shown yet", "inconclusive": "not decided"}
    if result["verdict"] in word:
        assert word[result["verdict"]] in said
    if goal["verdict"] == "met":
        least = int(-goal["ci_high"] * 100)
        assert f"(sure: at least {least}" in said or least >= 29
    assert "promised: 20–30 % shorter" in said
    assert "Peak memory" in said
    assert "Database queries — not counted" in said
    # The scenario gives 80 requests a second: a day is 6,912,000 of them, and its waiting is what was measured.
    assert "A day at 80 requests a second:" in said
    traffic = result["traffic"]
    assert traffic["requests"] == 80 * 86_400
    waiting = next(each for each in traffic["savings"] if each["what"] == "waiting")
    mean = {level["arm"]: level["value"] for level in result["levels"]
            if (level["metric"], level["request"]) == ("latency_mean", "all")}  # fmt: skip
    assert waiting["saved"] == pytest.approx((mean["baseline"] - mean["candidate"]) * traffic["requests"], rel=0.01)
    assert "How sure?" in said
    assert "uvicorn" not in said
    assert (bench.folder / "slide.png").read_bytes().startswith(b"\x89PNG")
    reader = shutil.which("pdftotext") or wanted("pdftotext")
    slide = subprocess.run(
        [reader, "-layout", bench.folder / "slide.pdf", "-"], capture_output=True, text=True, check=True
    )
    text = " ".join(slide.stdout.split())
    assert "promised: 20–30 % shorter" in text
    assert "A day at 80 requests a second:" in text
    assert not bench.leftovers()
