"""Claims over runs: since when each is as it is, on pages and in a terminal of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from perfproof.model.history import ClaimedRun, tracks
from perfproof.model.revision import Revision
from perfproof.report.history import claims

SIGNS = {"p": "proven", "r": "refuted", "o": "open"}


def runs(*histories):
    """Return runs, oldest first, whose claims came to what each history says: one letter a run."""
    return [
        ClaimedRun(
            f"run-{at}",
            f"2026-11-{at + 1:02}T06:15:00+00:00",
            {f"claim {n}": SIGNS[each[at]] for n, each in enumerate(histories) if each[at] in SIGNS},
            Revision(f"{at}abcdef0123"),
        )
        for at in range(len(histories[0]))
    ]


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ("ppp", "always proven"),
        ("rpp", "proven since 2026-11-02 06:15 (1abcdef)"),
        ("prp", "proven since 2026-11-03 06:15 (2abcdef)"),
        ("p.r", "refuted since 2026-11-03 06:15 (2abcdef)"),
        ("r.p.p", "proven since 2026-11-03 06:15 (2abcdef)"),
        ("po.", "open, not claimed since 2026-11-02"),
        ("p", "proven"),
    ],
)
def test_a_claim_is_as_it_is_since_the_first_run_after_it_was_another(history, told):
    found = runs(history)
    (track,) = tracks(found)
    assert claims.since(track, found) == told


def test_claims_of_the_newest_run_come_first_and_those_that_were_given_up_stay():
    assert [track.claim for track in tracks(runs("p.", "rp"))] == ["claim 1", "claim 0"]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_terminal_shows_as_many_runs_as_it_has_room_for(width):
    text = io.StringIO()
    claims.render("shop", runs("pr" * 14, "rr" * 14), Console(file=text, width=width, no_color=True))
    assert max(map(len, text.getvalue().splitlines())) <= width
    assert "✗" in text.getvalue()


def test_a_page_holds_no_text_as_markup():
    found = [ClaimedRun("run", "2026-11-01T06:15:00+00:00", {"<script>alert(1)</script>": "proven"})]
    page = claims.to_html("<b>shop</b>", found)
    assert "<script>" not in page
    assert "<b>shop" not in page
