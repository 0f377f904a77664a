"""Reading a service's own metrics around stretches: what a scrape adds, what goes back, and what is too slow."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perfproof.model.recording import Block
from perfproof.model.scenario import Arm, Collect, Service
from perfproof.rounds import collecting
from perfproof.rounds.collecting import Collector, address_of
from perfproof.telemetry.prometheus import ScrapeError, parse
from recording_builders import calm_block

JOBS, LEVEL, WAIT = "prometheus:jobs_total", "prometheus:level", "prometheus:wait_seconds"


USUAL = Collect("/metrics", (JOBS, LEVEL, WAIT))


def service(collect: Collect | None = USUAL):
    return SimpleNamespace(arm=Arm("candidate", Service(command="x", collect=collect)), port=8000, more=(8001,),
                           base_url="http://127.0.0.1:8000/v2")  # fmt: skip


def block(sent: int = 10) -> Block:
    return calm_block(0, 3, 0, 10**9, sent, sent, None)


def text(jobs: float, level: float = 1.0, waited: tuple[float, int] = (0.0, 0)) -> str:
    return (
        f"# TYPE jobs_total counter\njobs_total {jobs}\n# TYPE level gauge\nlevel {level}\n"
        f"# TYPE wait_seconds summary\nwait_seconds_sum {waited[0]}\nwait_seconds_count {waited[1]}\n"
    )


@pytest.fixture
def scraped(monkeypatch):
    """Have each scrape find the next of some pages; returns what takes them."""
    pages: list[str] = []

    def scrape(_address):
        found = pages.pop(0)
        if found.startswith("!"):
            raise ScrapeError(found[1:])
        return parse(found)

    monkeypatch.setattr(collecting, "scrape", scrape)
    return pages


def test_what_a_scrape_itself_adds_is_taken_off(scraped):
    # Every scrape is counted as a job; once something else came between, which is not the scrape's.
    scraped += [text(1), text(2), text(5), text(6), text(7, 2.0, (1.0, 4)), text(28, 4.0, (3.0, 14))]
    collector = Collector.of([service()])
    assert collector.prepare() == []
    collector.before(0)
    collector.after([block()])
    found = {each.metric: each for each in collector.collected}
    assert (found[JOBS].kind, found[JOBS].rise, found[JOBS].sent) == ("counter", 20.0, 10)
    assert (found[WAIT].kind, found[WAIT].rise, found[WAIT].count) == ("mean", 2.0, 10.0)
    assert (found[LEVEL].kind, found[LEVEL].rise, found[LEVEL].last, found[LEVEL].most) == ("gauge", 3.0, 4.0, 4.0)
    assert not scraped


def test_a_counter_that_goes_back_is_open(scraped):
    scraped += [text(9), text(3), text(9), text(3)]
    (told,) = Collector.of([service(Collect("/metrics", (JOBS,)))]).prepare()
    assert "several processes answer" in told
    scraped += [text(1), text(1), text(1), text(1), text(5), text(2)]
    collector = Collector.of([service(Collect("/metrics", (JOBS,)))])
    assert collector.prepare() == []
    collector.before(0)
    collector.after([block()])
    assert (collector.collected[-1].kind, "went back" in collector.collected[-1].problem) == ("none", True)


def test_an_arm_that_tells_nothing_is_not_asked_again(scraped):
    scraped += ["!GET /metrics was answered with status 404: write its path"]
    collector = Collector.of([service()])
    assert len(collector.prepare()) == 3
    collector.before(0)
    collector.after([block()])
    assert not scraped
    assert {each.kind for each in collector.collected} == {"none"}


def test_metrics_that_take_long_are_not_read_at_every_stretch(scraped, monkeypatch):
    monkeypatch.setattr(collecting, "_LONGEST", -1.0)
    scraped += [text(1)]
    told = Collector.of([service()]).prepare()
    assert all("too long at every stretch" in each for each in told)
    assert not scraped


def test_a_version_that_does_not_say_where_is_told(scraped):
    scraped += [text(1)] * 4
    told = Collector.of([service(), service(None)]).prepare()
    assert len(told) == 3
    assert "add collect.prometheus" in told[0]


def test_an_address_is_a_path_of_the_origin_or_another_port():
    assert address_of(service(), "/metrics") == "http://127.0.0.1:8000/metrics"
    assert address_of(service(), "http://127.0.0.1:{port2}/m") == "http://127.0.0.1:8001/m"


def test_nothing_wanted_is_nothing_asked(scraped):
    collector = Collector.of([service(None)])
    assert collector.prepare() == []
    collector.before(0)
    collector.after([block()])
    assert collector.collected == []
