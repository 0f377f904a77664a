"""What builds the documentation, importable: it lies in ``docs/tools``."""

from __future__ import annotations

import sys

from documentation.pages import ROOT

sys.path.insert(0, str(ROOT / "docs" / "tools"))

import reference

__all__ = ["reference"]
