"""A promise, kept by what is measured, and what the report and the slide say of it first."""

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
    bench.without_load()
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
    assert ran.code == 0, ran.err + ran.out
    result = bench.json("out.json")
    (goal,) = [row for row in result["comparisons"] if row["role"] == "goal"]
    assert (result["verdict"], goal["verdict"]) == ("met", "met")
    said = first_screen((bench.folder / "page.html").read_text())
    assert "goal met Promised 20–30 % shorter response times, reached 59 %" in said
    assert f"(sure: at least {int(-goal['ci_high'] * 100)} %)" in said
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
    assert "tiny.py" not in said, "how it starts is no matter of the first screen"
    assert (bench.folder / "slide.png").read_bytes().startswith(b"\x89PNG")
    reader = shutil.which("pdftotext") or wanted("pdftotext")
    slide = subprocess.run(
        [reader, "-layout", bench.folder / "slide.pdf", "-"], capture_output=True, text=True, check=True
    )
    text = " ".join(slide.stdout.split())
    assert "promised: 20–30 % shorter" in text
    assert "A day at 80 requests a second:" in text
    assert not bench.leftovers()
