"""Undo the content encodings of a response body: gzip, deflate, br and zstd, never to more than a limit.

Only bodies that an expectation or a capture looks at are decoded, after the clock has stopped.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

DECODED_LIMIT = 64 * 1024 * 1024
"""Most bytes a body is decoded to: a few kB can stand for gigabytes."""


class DecodingError(ValueError):
    """A body is not what its Content-Encoding says, or too large once decoded."""


def decode(body: bytes, encodings: str) -> bytes:
    """Return ``body`` without its ``encodings`` (the value of Content-Encoding, applied in the order written)."""
    for name in reversed([part.strip().lower() for part in encodings.split(",")]):
        if name in ("", "identity"):
            continue
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise DecodingError(f"the content encoding {name!r} is not known; known: {', '.join(sorted(_DECODERS))}")
        try:
            body = decoder(body)
        except DecodingError:
            raise
        except Exception as error:  # every library has errors of its own, and each means the same here
            raise DecodingError(f"the body is not valid {name}: {error}") from error
    return body


def _inflate(body: bytes, window: int) -> bytes:
    decoded = bytearray()
    while body:  # a gzip body may have several members
        stream = zlib.decompressobj(window)
        decoded += stream.decompress(body, DECODED_LIMIT + 1 - len(decoded))
        if len(decoded) > DECODED_LIMIT:
            raise _too_large()
        if not stream.eof:
            raise DecodingError("the compressed body ends too early")
        body = stream.unused_data
    return bytes(decoded)


def _gzip(body: bytes) -> bytes:
    return _inflate(body, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes) -> bytes:
    """Undo ``deflate``: with zlib's header as the standard says, or without as some servers do."""
    try:
        return _inflate(body, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(body, -zlib.MAX_WBITS)


def _brotli(body: bytes) -> bytes:
    import brotli

    stream = brotli.Decompressor()
    decoded = bytearray(stream.process(body, output_buffer_limit=1 << 20))
    while not stream.is_finished():
        more = stream.process(b"", output_buffer_limit=1 << 20)
        decoded += more
        if len(decoded) > DECODED_LIMIT:
            raise _too_large()
        if not more and stream.can_accept_more_data():
            raise DecodingError("the compressed body ends too early")
    return bytes(decoded)


def _zstd(body: bytes) -> bytes:
    import pyarrow  # which is there for the samples; a library for zstd alone would be another 24 MB to install

    decoded = bytearray()
    with pyarrow.CompressedInputStream(pyarrow.BufferReader(body), "zstd") as stream:  # frame after frame
        while piece := stream.read(1 << 20):
            decoded += piece
            if len(decoded) > DECODED_LIMIT:
                raise _too_large()
    return bytes(decoded)


def _too_large() -> DecodingError:
    return DecodingError(f"the body is larger than {DECODED_LIMIT >> 20} MiB once decoded")


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
