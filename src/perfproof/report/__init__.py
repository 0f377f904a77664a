"""Draw a ``Result``: terminal, HTML, JSON, CSV, Parquet, Markdown. Nothing here computes beyond formatting."""

from perfproof.report.writers import write

__all__ = ["write"]
