"""Shows a Result: terminal, HTML, JSON, CSV, Parquet. ``charts`` is the only place that draws; nothing computes."""
