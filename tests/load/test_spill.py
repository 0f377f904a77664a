from __future__ import annotations

import os
import time

from perfproof.load.spill import Spill


def test_a_chunk_leaves_memory_and_is_read_back_as_it_was(tmp_path):
    spill = Spill(tmp_path)
    chunks = [os.urandom(300_000) for _ in range(5)]
    pieces = [spill.put(bytearray(chunk)) for chunk in chunks]
    deadline = time.monotonic() + 10
    while any(piece.data is not None for piece in pieces) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(piece.data is None for piece in pieces)
    assert [spill.get(piece) for piece in pieces] == chunks


def test_nothing_can_be_left_behind(tmp_path):
    Spill(tmp_path).put(bytearray(1000))
    assert list(tmp_path.iterdir()) == []


def test_what_was_forgotten_cannot_mix_with_what_comes_after(tmp_path):
    spill = Spill(tmp_path)
    for _ in range(20):
        spill.put(bytearray(os.urandom(100_000)))
    spill.clear()
    pieces = [spill.put(bytearray([number]) * 50_000) for number in range(20)]
    spill_again = [bytes(spill.get(piece)) for piece in pieces]
    assert spill_again == [bytes([number]) * 50_000 for number in range(20)]


def test_a_disk_that_refuses_leaves_the_samples_in_memory(tmp_path):
    spill = Spill(tmp_path / "missing")
    piece = spill.put(bytearray(b"sample"))
    spill.clear()
    assert spill.get(piece) == b"sample"
