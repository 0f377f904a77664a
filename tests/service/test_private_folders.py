"""What killed processes leave where temporary files are, and what the next one makes of it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing

import pytest

from perfproof.core.owner import Owner
from perfproof.service.private_folders import private_folder, tidy_up
from perfproof.service.snapshots import sqlite

MINE = Owner.mine()
DEAD = Owner(MINE.pid, MINE.started + 1, MINE.place)
ELSEWHERE = Owner(MINE.pid, MINE.started, "ffffff")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_folder_goes_when_it_is_given_back_and_only_its_user_can_read_it(temporary):
    with private_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "round-001").mkdir()
        assert list(tidy_up()) == []
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_told_and_nothing_else(temporary):
    for owner in (DEAD, MINE, ELSEWHERE):
        (temporary / f"perfproof-{owner}-abc").mkdir()
        (temporary / f"perfproof-{owner}-abc" / "service.log").write_text("token")
    (temporary / f"perfproof-{DEAD}-samples.parquet").write_text("rows")
    (temporary / f"perfproof-{DEAD}-link").symlink_to(temporary / f"perfproof-{MINE}-abc")
    (temporary / "perfproof-notes").mkdir()
    said = list(tidy_up())
    assert len(said) == 2
    assert "removed the unmasked logs" in said[0]
    left = {path.name for path in temporary.iterdir()}
    assert left == {f"perfproof-{owner}-abc" for owner in (MINE, ELSEWHERE)} | {
        "perfproof-notes",
        f"perfproof-{DEAD}-link",
    }
    assert (temporary / f"perfproof-{MINE}-abc" / "service.log").exists()


def test_a_folder_of_a_process_elsewhere_is_left_for_a_day(temporary):
    folder = temporary / f"perfproof-{ELSEWHERE}-abc"
    folder.mkdir()
    assert list(tidy_up()) == []
    past = time.time() - 90_000
    os.utime(folder, (past, past))
    assert len(list(tidy_up())) == 1
    assert not folder.exists()


def test_the_only_copy_of_a_database_is_never_removed(temporary, tmp_path):

    folder = temporary / f"perfproof-{DEAD}-abc"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "snapshot-0")) as copy:
        copy.execute("CREATE TABLE t AS SELECT 7 AS n")
        copy.commit()
    shop = tmp_path / "data" / "shop.db"
    (folder / "snapshots.json").write_text(json.dumps([sqlite.entry(shop, folder / "snapshot-0")]))
    (said,) = tidy_up()  # its folder is gone as well
    assert "the only copy of it cannot be put back" in said
    (kept,) = temporary.glob("*/snapshot-0")
    shop.parent.mkdir()
    kept.parent.rename(folder)  # the next command finds it, when this process is gone
    said = list(tidy_up())
    assert f"{shop} was gone: put back as `prepare` had left it" in said
    with closing(sqlite3.connect(shop)) as database:
        assert database.execute("SELECT n FROM t").fetchone() == (7,)
    assert list(temporary.iterdir()) == []
    shutil.rmtree(shop.parent)
