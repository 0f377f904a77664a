"""How long a run takes and what it sees, told before it begins."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.core.codec import encode
from perfproof.evidence.formats import FORMAT
from perfproof.measure.estimate import OUTSIDE, Estimate, Seen, earlier_run, estimate, spelled
from perfproof.model.recording import Environment, RunInfo
from perfproof.model.rules import Spread
from perfproof.model.scenario import Scenario
from perfproof.scenario.reader import read_text

TEXT = """\
name: shop
service: {command: "serve {port}"}
arms: {baseline: {environment: {A: "1"}}, candidate: {}}
requests: [{get: /items}]
rounds: {count: 10}
"""


def scenario(*more: str, text: str = TEXT) -> Scenario:
    return read_text(text + "".join(f"{line}\n" for line in more), Path("shop.yaml"), {})


def found(wanted: Scenario, kind: str = "ab", **given: object) -> Estimate:
    made = estimate(wanted, kind, **given)  # type: ignore[arg-type]
    assert made is not None
    return made


def run_of(wanted: Scenario, **took: float) -> RunInfo:
    return RunInfo(
        id="20261101-000000-shop-0001",
        kind="ab",
        label=None,
        scenario_name="shop",
        scenario_hash=wanted.hash,
        arms=("baseline", "candidate"),
        arm_details=({}, {}),
        requests=("GET /items",),
        variants=(("",),),
        settings={"rounds": encode(wanted.rounds)},
        environment=Environment({}, "e"),
        started_at="2026-11-01T00:00:00+00:00",
        status="complete",
        took=took,
    )


def test_a_service_that_starts_slower_takes_as_much_longer_as_is_said() -> None:
    wanted = scenario("why: off", "responses: off")
    usual = found(wanted)
    slow = found(wanted, earlier=run_of(wanted, start=usual.start + 2))
    measuring = slow.seconds - usual.seconds - 2 * usual.starts
    assert usual.starts == 10
    assert 0 <= measuring <= 10 * 2, "rounds get longer where a start is dear, and no more than that"


def test_parts_of_an_earlier_run_are_taken_as_they_were() -> None:
    wanted = scenario("responses: off")
    before = run_of(wanted, before=3.0, start=1.0, probe=0.0, round=4.0, causes=20.0)
    assert found(wanted, earlier=before).seconds == pytest.approx(OUTSIDE + 3 + 10 * 4 + 20)
    assert found(wanted, earlier=before).known
    other = scenario("responses: off", text=TEXT.replace("10", "20"))
    assert found(other, earlier=before).seconds == pytest.approx(OUTSIDE + 3 + 20 * 4 + 20)
    quiet = scenario("responses: off", "why: off")
    assert found(quiet, earlier=before).seconds == pytest.approx(OUTSIDE + 3 + 10 * 4)
    longer = scenario("responses: off", text=TEXT.replace("count: 10", "count: 10, pairs: 9s"))
    assert found(longer, earlier=before).seconds > OUTSIDE + 3 + 10 * 10 + 20


def test_the_first_look_may_end_it_and_without_early_stop_none_does() -> None:
    wanted = scenario("responses: off", "why: off")
    assert found(wanted).earliest < 0.7 * found(wanted).seconds
    unwavering = replace(wanted, rounds=replace(wanted.rounds, early_stop=False))
    assert found(unwavering).earliest == found(unwavering).seconds


def test_a_time_that_was_asked_for_is_what_it_takes_at_most() -> None:
    wanted = scenario(text=TEXT.replace("count: 10", "time: 3m"))
    assert found(wanted).seconds == 180
    said = found(wanted).sentences[0]
    assert said.startswith("takes 3 min at most: about ")
    assert "rounds if it starts in 1.5 s and answers within 50 ms, and the causes within a fifth" in said


def test_the_fewest_rounds_are_foretold_where_they_take_longer_than_was_asked_for() -> None:
    short = found(scenario(text=TEXT.replace("count: 10", "time: 30s")), seen=Seen(15.0, (0.01,)))
    assert short.planned.rounds == 2
    assert 45 < short.seconds < 90
    assert short.sentences[0] == (
        f"takes about {spelled(short.seconds)}, as it just started in 15.0 s and answered within 10 ms: longer than"
        " asked for, but fewer than 2 rounds say nothing"
    )


def test_what_was_seen_of_the_service_decides_where_no_run_was_before() -> None:
    wanted = scenario("why: off", "responses: off")
    usual, slow = found(wanted), found(wanted, seen=Seen(1.5, (0.01, 1.2)))
    assert found(wanted, seen=Seen(usual.start, (0.01,))).seconds == pytest.approx(usual.seconds)
    assert slow.seconds > usual.seconds + 10 * 12, "a dozen pairs of the slowest request in each of ten rounds"
    assert slow.sentences[0].endswith("settles it), as it just started in 1.5 s and answered within 1,200 ms")
    before = run_of(wanted, start=3.0, round=4.0)
    assert found(wanted, earlier=before, seen=Seen(9.0, (9.0,))) == found(wanted, earlier=before), "a run knows better"


def test_what_a_noise_run_has_shown_decides_what_can_be_seen() -> None:
    calm = found(scenario(), spreads=[Spread("latency_p50", "all", 0.002, 8)]).planned.smallest_effect
    wild = found(scenario(), spreads=[Spread("latency_p50", "all", 0.2, 8)]).planned.smallest_effect
    assert calm < 0.01 < 0.1 < wild
    assert "sees p50 changes from " in found(scenario()).sentences[1]


def test_an_end_that_cannot_be_foreseen_is_not_told() -> None:
    assert estimate(scenario(), "capacity") is None
    assert estimate(scenario(), "count") is None


def test_the_newest_complete_run_of_the_same_scenario_is_the_one_that_tells(tmp_path: Path) -> None:
    wanted = scenario()
    for number, info in enumerate(
        (
            run_of(wanted, round=1.0),
            run_of(wanted, round=2.0),
            replace(run_of(wanted, round=3.0), status="interrupted"),
            replace(run_of(wanted, round=4.0), scenario_hash="another"),
            run_of(wanted),
        )
    ):
        folder = tmp_path / f"2026110{number}-000000-shop-0001"
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps({"format": FORMAT, **encode(info)}))
    read = earlier_run(tmp_path, wanted.hash, "ab")
    assert read is not None
    assert read.took == {"round": 2.0}
    assert earlier_run(tmp_path / "nowhere", wanted.hash, "ab") is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(44.6, "45 s"), (60, "1 min"), (95, "1 min 35 s"), (118.9, "2 min"), (754, "13 min")]
)
def test_seconds_are_told_no_coarser_than_they_are_known(seconds: float, text: str) -> None:
    assert spelled(seconds) == text
