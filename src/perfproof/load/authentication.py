"""Two ends that share a token know each other, and every message between them proves where it comes from.

Each end challenges the other with a random number and answers with an HMAC-SHA256 of both numbers under the token
(a mutual challenge-response after ISO/IEC 9798-4); messages then carry an HMAC under a key of this connection and a
counter, so they cannot be forged, repeated, reordered or sent back. They are not encrypted: between machines, use a
network that nobody else hears, or a tunnel.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

SHORTEST_TOKEN = 16


class AuthenticationError(Exception):
    """A message that does not prove where it comes from."""


class Authentication:
    """One end of a conversation; ``role`` is ``master`` or ``worker``, and the other end has the other one."""

    def __init__(self, token: str, role: str) -> None:
        self._token = token.encode()
        self._role = role
        self._other = "worker" if role == "master" else "master"
        self._theirs = b""
        self._key = b""
        self._sent = 0
        self._received = 0
        self.challenge = secrets.token_bytes(32)

    def answer(self, challenge: bytes) -> bytes:
        """Return the proof for the other end's challenge, which also makes the key of this connection."""
        if len(challenge) != 32 or challenge == self.challenge:
            raise AuthenticationError("not a challenge")
        self._theirs = challenge
        self._key = self._sign(self._token, b"key", *sorted((self.challenge, challenge)))
        return self._sign(self._token, self._role.encode(), challenge, self.challenge)

    def check(self, proof: bytes) -> None:
        """Raise DistrustError unless ``proof`` shows that the other end knows the token."""
        expected = self._sign(self._token, self._other.encode(), self.challenge, self._theirs)
        if not self._theirs or not hmac.compare_digest(proof, expected):
            raise AuthenticationError("the token is not the same on both sides")

    def wrap(self, data: bytes) -> dict[str, Any]:
        """Return a message that the other end accepts once, as its next."""
        self._sent += 1
        return {"data": data, "mac": self._mac(self._role, self._sent, data)}

    def unwrap(self, message: Mapping[str, Any]) -> bytes:
        """Return what the other end has wrapped; DistrustError if it was not the other end, or not its next."""
        data, mac = message.get("data"), message.get("mac")
        if not isinstance(data, bytes) or not isinstance(mac, bytes) or not self._key:
            raise AuthenticationError("not a message")
        if not hmac.compare_digest(mac, self._mac(self._other, self._received + 1, data)):
            raise AuthenticationError("a message was forged, lost or repeated")
        self._received += 1
        return data

    def _mac(self, sender: str, number: int, data: bytes) -> bytes:
        return self._sign(self._key, sender.encode(), number.to_bytes(8, "big"), data)

    @staticmethod
    def _sign(key: bytes, *parts: bytes) -> bytes:
        # Lengths go in, so that no two lists of parts read the same.
        joined = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(key, joined, hashlib.sha256)
