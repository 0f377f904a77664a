"""Content encodings are undone exactly, and never without bound."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.http.decode import DECODED_LIMIT, DecodingError, decode


def zstd(body: bytes) -> bytes:
    return pyarrow.compress(body, codec="zstd", asbytes=True)


ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd,
}


@given(st.binary(max_size=5000), st.sampled_from(sorted(ENCODERS)), st.sampled_from(sorted(ENCODERS)))
def test_what_was_encoded_is_decoded_in_the_reverse_order(body, first, second):
    assert decode(ENCODERS[second](ENCODERS[first](body)), f"{first}, {second.upper()}") == body


def test_deflate_without_a_header_is_understood():
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decode(stream.compress(b"hello") + stream.flush(), "deflate") == b"hello"


def test_members_and_frames_one_after_another_are_one_body():
    assert decode(gzip.compress(b"a") + gzip.compress(b"b"), "gzip") == b"ab"
    assert decode(zstd(b"a") + zstd(b"b"), "zstd") == b"ab"


def test_no_encoding_changes_nothing():
    assert decode(b"x", "") == decode(b"x", "identity") == b"x"


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_body_that_was_cut_is_not_taken_for_whole(name):
    body = ENCODERS[name](bytes(range(256)) * 40)
    for length in (1, len(body) // 2, len(body) - 1):
        with pytest.raises(DecodingError):
            decode(body[:length], name)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_noise_is_not_a_body(name):
    with pytest.raises(DecodingError, match=name):
        decode(b"\x93this is not compressed at all, is it?", name)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_bomb_is_stopped(name):
    with pytest.raises(DecodingError, match="larger than 64 MiB"):
        decode(ENCODERS[name](bytes(DECODED_LIMIT + 1_000_000)), name)


def test_an_unknown_encoding_is_named():
    with pytest.raises(DecodingError, match="'rot13' is not known; known: br, deflate"):
        decode(b"", "rot13")
