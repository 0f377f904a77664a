"""A service that lets one process at its data goes from init to a comparison, both versions at once."""

from __future__ import annotations

import shutil
import sys

import pytest
import yaml

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

SERVE = f"{sys.executable} -S locking.py"


@pytest.fixture
def store(bench):
    shutil.copy(bench.services / "locking.py", bench.folder)
    (bench.folder / "state").mkdir()
    (bench.folder / "state" / "items.json").write_text('[{"id": 1}, {"id": 2}]')
    return bench


def test_each_version_gets_a_copy_of_data_that_is_locked(store):
    made = store.run("init", "--command", f"{SERVE} --data=state {{port}}", "--get", "/items")
    assert made.code == 0, made.out + made.err
    assert "two cannot share its data: each start gets a copy of it" in made.err
    service = yaml.safe_load((store.folder / "perfproof.yaml").read_text())["service"]
    assert service["command"] == (
        f'rm -rf "{{work}}/state" && cp -a state "{{work}}/state" && exec {SERVE} --data={{work}}/state {{port}}'
    )
    ran = store.without_load().run("ab", "--rounds", "1", "--no-why")
    assert ran.code == 3, ran.out + ran.err
    assert "INCONCLUSIVE" in ran.out
    assert sorted(path.name for path in (store.folder / "state").iterdir()) == ["items.json", "store.lock"]
    assert not store.leftovers()


def test_data_that_no_option_names_is_told_of_and_the_scenario_is_written(store):
    program = (store.folder / "locking.py").read_text()
    (store.folder / "locking.py").write_text(program.replace('os.environ.get("DATA")', '"state"'))
    made = store.run("init", "--command", f"{SERVE} {{port}}", "--get", "/items")
    assert made.code == 0, made.out + made.err
    (note,) = [line for line in made.err.splitlines() if line.startswith("note: both versions run at the same time")]
    assert f"which holds {store.folder / 'state' / 'store.lock'} (cannot open the store: is another instance" in note
    ran = store.without_load().run("ab", "--rounds", "1", "--no-why")
    assert ran.code == 4, ran.out
    assert "did not start: exited with code 1" in ran.err
    assert "all versions run at the same time, and" in ran.err
    assert not store.leftovers()


def test_a_service_that_two_can_share_is_started_as_it_was_said(store):
    program = (store.folder / "locking.py").read_text()
    (store.folder / "locking.py").write_text(program.replace("sys.exit(", "print("))
    made = store.run("init", "--command", f"{SERVE} --data=state {{port}}", "--get", "/items")
    assert made.code == 0, made.out + made.err
    assert f"  command: {SERVE} --data=state {{port}}\n" in (store.folder / "perfproof.yaml").read_text()
    assert "note: both versions" not in made.err


def test_a_document_that_shows_more_to_who_is_logged_in_is_read_again(store):
    made = store.run("init", "--command", f"{SERVE} --data=state {{port}}", "--user", "ann:s3cret")
    assert made.code == 0, made.out + made.err
    assert "/docs/json: 1 request of Locking" in made.err
    assert "/docs/json: 3 requests for who is logged in" in made.err
    requests = yaml.safe_load((store.folder / "perfproof.yaml").read_text())["requests"]
    assert {each["get"] for each in requests} == {"/items", "/orders", "/customers"}


def test_builds_and_preparations_that_need_a_shell_make_a_scenario_that_can_be_run(store):
    where = ("-e", "DATA={work}/{arm}/data")
    made = store.run(
        "init", "--command", "./serve {port}", "--get", "/items", *where,
        "--build", f"printf '#!/bin/sh\\nexec {SERVE} $1' > serve && chmod +x serve",
        "--prepare", 'mkdir -p "$DATA" && cp state/items.json "$DATA"',
    )  # fmt: skip
    assert made.code == 0, made.out + made.err
    assert made.err.index("  build: printf") < made.err.index("  prepare: mkdir") < made.err.index("  up in")
    assert store.run("check").code == 0
    ran = store.without_load().run("ab", "--rounds", "1", "--no-why")
    assert ran.code == 3, ran.out + ran.err
    assert not store.leftovers()
