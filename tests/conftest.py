"""Fixtures every room may use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds nothing; shared helpers are plain modules here

from postgres import postgresql

__all__ = ["postgresql"]
