"""Runs of several candidates on the dashboard: rows say whose they are, and trends follow a version by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx

from judge.several_builders import make_several
from perfproof.evidence.directory import RunDirectory
from perfproof.judge import analyse
from perfproof.store.repository import Store
from serving import served


def test_a_run_names_its_candidates_and_its_trends_have_a_choice_of_versions(tmp_path: Path) -> None:
    recording = make_several((-0.3, 0.2), rounds=4)
    with Store.open(f"sqlite:///{tmp_path}/perfproof.db", results=tmp_path) as store:
        for number in (1, 2):
            info = replace(recording.info, id=f"20261123-06150{number}-projects-000{number}", status="complete")
            store.add_run(info, RunDirectory.create(tmp_path, info, "name: projects\n").path)
            store.save_result(info.id, analyse(replace(recording, info=info)))
        rows = store.comparisons(info.id)
        assert {row.arm for row in rows} == {"fix-a", "fix-b"}
        assert rows == list(analyse(replace(recording, info=info)).comparisons)
        assert store.history("projects", metric="latency_p50", request="all") == {}
        ((_, points),) = store.history("projects", metric="latency_p50", request="all", arm="fix-b").items()
        assert len(points) == 2
        assert store.arms("projects") == ["fix-a", "fix-b", "main"]
        with served(store) as address, httpx.Client(base_url=address, timeout=30) as client:
            page = client.get(f"/runs/{info.id}").text
            assert "fix-a: all requests" in page
            assert "fix-b: all requests" in page
            assert "Best by p50 latency: fix-a" in page
            trends = client.get("/trends?scenario=projects").text
            assert '<option value="fix-a" selected>' in trends
            other = client.get("/trends?scenario=projects&arm=main").text
            assert '<option value="main" selected>' in other
            for each in (trends, other):
                assert "Nothing was recorded" not in each
            refused = client.get(f"/compare?baseline={info.id}&candidate={info.id}")
            assert refused.status_code == 400
