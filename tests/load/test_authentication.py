from __future__ import annotations

import pytest

from perfproof.load.authentication import Authentication, AuthenticationError

TOKEN = "a token of more than sixteen characters"


def acquainted() -> tuple[Authentication, Authentication]:
    master, worker = Authentication(TOKEN, "master"), Authentication(TOKEN, "worker")
    proof_of_master = master.answer(worker.challenge)
    proof_of_worker = worker.answer(master.challenge)
    worker.check(proof_of_master)
    master.check(proof_of_worker)
    return master, worker


def test_two_ends_with_the_same_token_understand_each_other():
    master, worker = acquainted()
    for text in (b"one", b"", b"two"):
        assert worker.unwrap(master.wrap(text)) == text
        assert master.unwrap(worker.wrap(text)) == text


def test_another_token_is_noticed_by_both_ends():
    master, worker = Authentication(TOKEN, "master"), Authentication(TOKEN + "!", "worker")
    proof_of_master = master.answer(worker.challenge)
    proof_of_worker = worker.answer(master.challenge)
    with pytest.raises(AuthenticationError, match="token"):
        worker.check(proof_of_master)
    with pytest.raises(AuthenticationError, match="token"):
        master.check(proof_of_worker)


def test_a_proof_sent_back_proves_nothing():
    one, other = Authentication(TOKEN, "master"), Authentication(TOKEN, "master")
    proof = other.answer(one.challenge)
    one.answer(other.challenge)
    with pytest.raises(AuthenticationError):
        one.check(proof)
    with pytest.raises(AuthenticationError):
        one.answer(one.challenge)


@pytest.mark.parametrize("change", ["data", "mac", "again", "skipped", "own", "nothing"])
def test_a_message_that_is_not_the_next_of_the_other_end_is_refused(change):
    master, worker = acquainted()
    message = master.wrap(b"send nothing")
    if change == "data":
        message = {**message, "data": b"send everything"}
    elif change == "mac":
        message = {**message, "mac": bytes(32)}
    elif change == "again":
        worker.unwrap(message)
    elif change == "skipped":
        message = master.wrap(b"the one after")
    elif change == "own":
        message = worker.wrap(b"send nothing")
    else:
        message = {}
    with pytest.raises(AuthenticationError):
        worker.unwrap(message)


def test_nothing_is_believed_before_the_ends_know_each_other():
    with pytest.raises(AuthenticationError):
        Authentication(TOKEN, "worker").unwrap({"data": b"x", "mac": bytes(32)})
