"""What is said first, in every state: the words are kept in a golden file, and what must never be said is not."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import states

from perfproof.model.result import Comparability, Result, Verdict
from perfproof.report.page.first_screen import FirstScreen, first_screen

GOLDEN = Path(__file__).parent / "golden" / "first_screen.txt"


def told(first: FirstScreen) -> str:
    """Return everything on a first screen as lines."""
    lines = [f"{first.sign} {first.word.upper()} ({first.tone})", first.headline]
    lines += [f"  {line.sign or ' '} {f'{line.about}: ' if line.about else ''}{line.told}" for line in first.lines]
    if first.bars:
        lines.append(f"  [{first.bars.title}] {first.bars.band} +{first.bars.left_out}")
        lines += [
            f"    {bar.name} {bar.metric} | {bar.values} | {bar.sign} {bar.change} | {bar.word}"
            for bar in first.bars.bars
        ]
    lines += [f"  {tile.what}: {tile.figure}  {tile.sign} {tile.told}" for tile in first.tiles]
    if first.worth:
        lines.append(f"  {first.worth.over}: {', '.join(first.worth.told)}")
    lines.append(f"  How sure? {first.sureness.word}: {', '.join(first.sureness.numbers)}")
    if first.reasons:
        lines += [f"  Why: {', '.join(part for part in line if part)}" for line in first.reasons.lines]
        lines += [f"  Why: {first.reasons.sentence}"] * bool(first.reasons.sentence)
        lines += [f"  and {first.reasons.left_out} more"] * bool(first.reasons.left_out)
    return "\n".join(line.rstrip() for line in lines)


def test_the_words_of_every_state_are_these() -> None:
    parts = [f"== {name}\n{told(first_screen(make()))}\n" for name, make in states.STATES.items()]
    text = "\n".join(parts)
    if os.environ.get("PERFPROOF_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def headline(result: Result) -> str:
    return first_screen(result).headline


def test_the_goal_the_result_and_what_is_sure_are_one_sentence() -> None:
    assert headline(states.met()) == "Promised 20–30 % shorter response times, reached 63 % (sure: at least 55 %)."


def test_a_guard_that_broke_stands_beside_the_goal_that_was_met() -> None:
    first = first_screen(states.guarded())
    assert first.headline == (
        "Goal met (promised 20–30 % shorter response times, reached 40 %), but peak memory rose 21 % (guard): "
        "not passed."
    )
    assert (first.word, first.tone) == ("not passed", "bad")


def test_a_broken_budget_stands_beside_the_goal_that_was_met() -> None:
    assert "but slow responses (p95) of export records at 568 ms, over the budget of 200 ms" in headline(
        states.budget()
    )


def test_what_was_promised_is_named_although_nothing_can_be_said() -> None:
    invalid = replace(
        states.made([states.one(-0.4, 0.1, verdict=Verdict.INVALID)], Verdict.INVALID, "Invalid: 3 % failed."),
        exit_code=4,
    )
    first = first_screen(invalid)
    assert first.headline == (
        "Promised 20–30 % shorter response times; whether it was reached cannot be said: 3 % failed."
    )
    assert first.sureness.word == "Not at all"
    assert first.bars is None
    assert not first.tiles
    assert first.worth is None
    assert "40" not in told(first), "no figure of an invalid measurement is quoted"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (states.met, "Sure"),
        (states.guarded, "Sure"),
        (states.missed, "Sure"),
        (states.unmoved, "Sure"),
        (states.counted, "Exact"),
        (states.doubtful, "Likely"),
        (states.undecided, "Unsure"),
        (states.open_goal, "Unsure"),
        (builders.make_run, "Measured"),
        (builders.make_noise, "Measured"),
        (builders.make_invalid, "Not at all"),
        (builders.make_empty, "Not at all"),
    ],
)
def test_one_word_says_how_sure_it_is(make: object, word: str) -> None:
    assert first_screen(make()).sureness.word == word  # type: ignore[operator]


def test_the_numbers_behind_the_word_are_counted_not_claimed() -> None:
    row = states.one(-0.3, 0.05)
    changes = (-0.3, -0.31, 0.01, -0.29)
    result = states.made([replace(row, round_changes=changes)], Verdict.MET, "", rounds=4)
    assert first_screen(result).sureness.numbers == (
        "95 % confidence",
        "3 of 4 fresh starts of each version agree",
        "2,700 requests answered",
    )


def test_doubts_are_counted_with_answers_that_differ() -> None:
    result = replace(builders.make_result(), comparability=Comparability(builders.facts(), ("One.", "Two.")))
    assert "3 doubts" in first_screen(result).sureness.numbers


def test_what_is_lost_is_said_as_plainly_as_what_is_saved() -> None:
    worth = first_screen(states.dear()).worth
    assert worth is not None
    assert "14.4 h less waiting (13.2 to 15.6 h)" in worth.told
    assert "2.4 h more CPU time (2.2 to 2.6 h)" in worth.told
    assert "53.6 million more queries" in worth.told


def test_without_a_rate_no_day_is_spoken_of() -> None:
    worth = first_screen(states.met(traffic=states.traffic(None))).worth
    assert worth is not None
    assert worth.over == "A million requests"
    assert first_screen(states.met(traffic=None)).worth is None


def test_nothing_saved_for_sure_is_said_so() -> None:
    lost = states.traffic()
    unsure = replace(lost, savings=tuple(replace(each, sure=False) for each in lost.savings))
    worth = first_screen(states.met(traffic=unsure)).worth
    assert worth is not None
    assert worth.told == ("no saving and no cost was told apart from none",)


@pytest.mark.parametrize("name", states.STATES)
def test_the_laboratory_is_not_on_the_first_screen_and_it_stays_short(name: str) -> None:
    first = first_screen(states.STATES[name]())
    text = told(first)
    assert not re.search(r"\bCI\b|generator|kernel|seed|uvicorn|\bnan\b|None", text)
    assert len(first.headline) <= 260
    assert len(first.lines) <= 3
    assert not first.bars or 1 <= len(first.bars.bars) <= 5
    assert len(first.tiles) <= 3
