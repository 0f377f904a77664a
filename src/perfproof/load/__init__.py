"""Load: schedule (when), connection (do), recorder (what happened), and the load process that hosts Locust.

``handle`` and ``plan`` are the parent's side and import neither gevent nor Locust; ``process`` is the child.
"""
