"""Fixtures every room may use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds nothing; shared helpers are plain modules here

from hypothesis import settings

from browsing import browser, page
from postgres import postgresql

settings.register_profile("perfproof", deadline=None)  # a busy machine is not a failing test
settings.load_profile("perfproof")

__all__ = ["browser", "page", "postgresql"]
