"""Jobs started over the demo's API."""

from __future__ import annotations

from perfproof.demo.jobs import MOST, SECONDS, Jobs
from perfproof.demo.levers import Levers


def test_a_job_is_pending_for_a_moment_and_then_done():
    now = [100.0]
    jobs = Jobs(lambda: now[0])
    job = jobs.start(3)
    assert jobs.status(job) == "pending"
    now[0] += SECONDS
    assert jobs.status(job) == "done"
    assert jobs.find(job.id) == job
    assert jobs.find(job.id + 1) is None


def test_the_oldest_jobs_are_forgotten():
    jobs = Jobs()
    first = jobs.start(1)
    for _ in range(MOST):
        jobs.start(1)
    assert jobs.find(first.id) is None
    assert jobs.find(first.id + 1) is not None


def test_a_job_is_started_and_looked_at_over_http(client_with):
    client = client_with(Levers.all(True))
    assert client.send("POST", "/projects/3/jobs", json={}).status_code == 202
    started = client.send("POST", "/projects/3/jobs", json={})
    assert started.headers["location"] == f"/jobs/{started.json()['id']}"
    seen = client.get(started.headers["location"]).json()
    assert seen["project_id"] == 3
    assert seen["status"] in ("pending", "done")
    assert client.get("/jobs/99999").status_code == 404
    assert client.send("POST", "/projects/999/jobs", json={}).status_code == 404
