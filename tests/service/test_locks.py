"""Which files a process holds for itself alone, by the kernel's own list."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest

from arms import an_arm, mask
from perfproof.errors import ServiceError
from perfproof.service.lifecycle import start
from perfproof.service.locks import locked_files, tells_of_a_lock

LOCKING = Path(__file__).parent.parent / "services" / "locking.py"


@pytest.mark.parametrize("way", [fcntl.flock, fcntl.lockf])
def test_files_that_are_locked_for_one_alone_are_found_and_others_are_not(tmp_path, way):
    mine, shared, plain = (tmp_path / name for name in ("mine", "shared", "plain"))
    with mine.open("w") as first, shared.open("w+") as second, plain.open("w"):
        way(first, fcntl.LOCK_EX)
        way(second, fcntl.LOCK_SH)
        assert [path for path in locked_files([os.getpid()]) if path.parent == tmp_path] == [mine]
    assert not [path for path in locked_files([os.getpid()]) if path.parent == tmp_path]
    assert locked_files([2**22 + 1]) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Error opening database: resource temporarily unavailable (is another instance of Syncthing running?)", True),
        ("opening storage failed: lock DB directory: resource temporarily unavailable", True),
        ("IO error: lock data/LOCK: Resource temporarily unavailable", True),
        ('Database may be already in use: "/srv/shop.mv.db"', True),
        ("sqlite3.OperationalError: database is locked", True),
        ("blocked by the firewall; clock is 3 s late; unlocked", False),
        ("KeyError: 'DATABASE_URL'", False),
    ],
)
def test_what_services_say_of_locks_is_understood(line, told):
    assert tells_of_a_lock(["starting", line]) is told


@pytest.mark.server
def test_of_two_that_cannot_share_their_data_it_is_said_which_holds_what_and_what_to_do(logs, tmp_path):
    (tmp_path / "items.json").write_text("[]")
    command = f"{sys.executable} -S {LOCKING} --data={tmp_path} {{port}}"
    arms = [an_arm(command, name=name, health="/health") for name in ("baseline", "candidate")]
    with pytest.raises(ServiceError, match="did not start: exited with code 1") as refused:
        start(arms, logs=logs, redactor=mask, cpus=None)
    loser = refused.value.what.partition(" ")[0]
    (winner,) = {"baseline", "candidate"} - {loser}
    assert refused.value.why == f"all versions run at the same time, and {winner} holds {tmp_path}/store.lock"
    assert "{work}" in (refused.value.hint or "")
    assert refused.value.log_tail == ("cannot open the store: is another instance running?",)


@pytest.mark.server
def test_a_service_that_ends_for_another_reason_is_not_said_to_be_locked_out(logs):
    with pytest.raises(ServiceError) as refused:
        start([an_arm("echo the table is locked; exit 3", shell=True)], logs=logs, redactor=mask, cpus=None)
    assert (refused.value.why, refused.value.hint) == (None, "the last lines of its log say more")
