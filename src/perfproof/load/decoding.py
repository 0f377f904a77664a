"""Content encodings (RFC 9110, 8.4.1) undone, with a bound on what comes out."""

from __future__ import annotations

import zlib


def decoded(body: bytes, encoding: str, limit: int) -> tuple[bytes, str]:
    """Return the body without its content encodings, at most about ``limit`` bytes, and "" or why it stays as it is."""
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    for name in reversed(names):
        if name == "identity":
            continue
        try:
            body = _undo(name, body, limit)
        except Exception as error:  # noqa: BLE001 - each library has its own family of errors
            return body, f"the body cannot be decoded as {name}: {type(error).__name__}"
    return body, ""


def _undo(name: str, body: bytes, limit: int) -> bytes:
    if name in ("gzip", "x-gzip"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body, limit)
    if name == "deflate":
        try:
            return zlib.decompressobj().decompress(body, limit)
        except zlib.error:  # many servers send the bare stream
            return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(body, limit)
    if name == "br":
        import brotli

        whole: bytes = brotli.decompress(body)
        return whole[:limit]
    if name == "zstd":
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(body) as reader:
            return reader.read(limit)
    raise ValueError(name)
