"""Counting database statements exactly: one module per source, all with the protocol of ``source.py``.

``choose`` picks the sources for a service. Text -> shape is ``fingerprint.py``; what a source returns is
``model.queries``. See docs/queries.md for what is counted, from where, and what to grant.
"""
