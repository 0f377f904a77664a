"""All claims on one slide: in columns, none lost, the refuted first, and cut only where nothing else helps."""

from __future__ import annotations

import pytest

from perfproof.report.proofs import ProofLine
from perfproof.report.slide.claim_columns import laid_out

LONG = (
    "Every list of projects and of records answers within a fifth of the time that it took before, whoever asks for it"
)
STATES = {"proven": ("✓", "good"), "refuted": ("✗", "bad"), "open": ("?", "warn")}


def measure(text, size, weight):
    return len(text) * size * (0.0088 if weight == "bold" else 0.008)


def line(number, state="proven", text="Lists answer faster"):
    sign, tone = STATES[state]
    why = "nothing measured it" if state == "open" else ""
    told = ("25.3 → 11.4 ms", "−55.0 %", "[−57.0, −53.0]")
    return ProofLine(sign, tone, state, f"{text} {number}", "p50", "20 %", *told, "timed rounds", "rows", why)


def mixed(count, text="Lists answer faster"):
    return [line(n, ("refuted" if n % 9 == 4 else "open" if n % 11 == 7 else "proven"), text) for n in range(count)]


def shown(layout):
    return [entry for column in layout.columns for entry in column]


@pytest.mark.parametrize("text", ["Lists answer faster", LONG])
@pytest.mark.parametrize("count", [1, 3, 12, 31, 60])
def test_all_claims_are_on_the_slide_however_many_and_the_refuted_first(count, text):
    layout = laid_out(mixed(count, text), 12.4, 4.5, measure)
    found = shown(layout)
    assert (len(found), layout.left_out) == (count, 0)
    assert len({entry.line.claim for entry in found}) == count
    order = ["refuted", "open", "proven"]
    assert [order.index(entry.line.state) for entry in found] == sorted(
        order.index(entry.line.state) for entry in found
    )
    assert layout.size >= 7.5
    for column in layout.columns:
        assert sum(entry.lines for entry in column) * layout.leading <= 4.5 + 1e-6


def test_a_few_are_large_in_one_column_with_all_their_figures_and_many_take_more():
    few = laid_out([line(n) for n in range(3)], 12.4, 4.5, measure)
    assert (few.size, len(few.columns)) == (12.0, 1)
    assert shown(few)[0].told == "25.3 → 11.4 ms, −55.0 % [−57.0, −53.0]"
    assert not any(entry.heading for entry in shown(few)), "where all are proven the headline says so"
    many = laid_out(mixed(31), 12.4, 4.5, measure)
    assert len(many.columns) > 1
    assert many.size >= 10
    headings = [entry.heading for entry in shown(many) if entry.heading]
    assert [each.split()[0] for each in headings] == ["Refuted", "Open", "Proven"]
    assert any(entry.below == "nothing measured it" for entry in shown(many))


def test_long_sentences_are_wrapped_and_not_cut_where_there_is_room():
    assert not any(
        "…" in part for entry in shown(laid_out(mixed(12, LONG), 12.4, 4.5, measure)) for part in entry.claim
    )
    cut = [entry for entry in shown(laid_out(mixed(60, LONG), 12.4, 4.5, measure)) if "…" in "".join(entry.claim)]
    assert cut
    assert all(entry.claim[-1].endswith("…") for entry in cut)


def test_what_has_no_room_at_all_is_counted_and_is_proven():
    layout = laid_out(mixed(200), 12.4, 4.5, measure)
    assert len(shown(layout)) + layout.left_out == 200
    assert layout.left_out > 0
    refuted = sum(each.state == "refuted" for each in mixed(200))
    assert sum(entry.line.state == "refuted" for entry in shown(layout)) == refuted
