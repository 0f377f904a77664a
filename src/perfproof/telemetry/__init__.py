"""What a service tells of itself: its own metrics, its traces, its log. Read here, judged elsewhere.

``prometheus`` reads metrics, ``otlp_metrics`` and ``metric_feed`` those that are pushed, ``otlp`` and ``receiver``
traces, ``log_lines`` structured logs.
"""
