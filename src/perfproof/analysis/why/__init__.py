"""From what the cause pass observed to the section "Why": profile differences, levers, and causes by weight."""

from __future__ import annotations

from perfproof.analysis.why.explaining import explain

__all__ = ["explain"]
