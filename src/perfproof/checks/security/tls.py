"""What a service that speaks TLS agrees to: the version it takes of its own accord, and old ones that it should not."""

from __future__ import annotations

import socket
import ssl
import warnings
from typing import Any
from urllib.parse import urlsplit

from perfproof.checks.arm import CheckedArm

_WITHIN = 5.0
_OLD = (("TLS 1.0", ssl.TLSVersion.TLSv1), ("TLS 1.1", ssl.TLSVersion.TLSv1_1))


def look_at_tls(arm: CheckedArm) -> dict[str, Any] | None:
    """Return version and cipher that are agreed on, and old versions that are taken; None of plain HTTP."""
    parts = urlsplit(arm.asker.client.base)
    if parts.scheme != "https":
        return None
    host, port = parts.hostname or "127.0.0.1", parts.port or 443
    found: dict[str, Any] = {"version": "", "cipher": "", "old": [], "trusted": False}
    usual = _handshake(host, port, _lenient())
    if usual is not None:
        found |= {"version": usual[0], "cipher": usual[1]}
    found["trusted"] = _handshake(host, port, ssl.create_default_context()) is not None
    for name, version in _OLD:
        context = _lenient()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # asking for old versions is the very point
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        if _handshake(host, port, context) is not None:
            found["old"].append(name)
    return found


def _lenient() -> ssl.SSLContext:
    """Return a context that looks at no certificate: here only what is spoken matters."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _handshake(host: str, port: int, context: ssl.SSLContext) -> tuple[str, str] | None:
    try:
        with (
            socket.create_connection((host, port), _WITHIN) as raw,
            context.wrap_socket(raw, server_hostname=host) as secured,
        ):
            cipher = secured.cipher()
            return secured.version() or "", cipher[0] if cipher else ""
    except (OSError, ssl.SSLError):
        return None
