"""Draw a ``Result``: terminal, HTML, JSON, CSV, Parquet, Markdown. Nothing here computes beyond formatting."""

from perfproof.reports.writing import write

__all__ = ["write"]
