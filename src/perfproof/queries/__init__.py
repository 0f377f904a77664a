"""Queries per request: the probe pass, slopes, findings, exact rows, and their part of every report."""
