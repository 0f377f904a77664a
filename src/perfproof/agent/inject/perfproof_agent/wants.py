"""What this process was asked to watch: statements cost time that a profile would show, and the other way round."""

from __future__ import annotations

import os

VARIABLE = "PERFPROOF_AGENT_WANTS"
WANTED = frozenset((os.environ.get(VARIABLE) or "queries").split(","))
"""Any of ``queries`` (the default), ``profile``, ``pool`` and ``memory``; requests are told apart for each of them."""
QUERIES = "queries" in WANTED
PROFILE = "profile" in WANTED
MEMORY = "memory" in WANTED
