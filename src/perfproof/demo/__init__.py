"""A small reconciliation API, each of whose slow ways can be switched to its fast way by the environment.

It is what ``make demo`` measures. It needs the ``demo`` extra (FastAPI, uvicorn, orjson); nothing outside this package
imports it. The pipeline of a request: ``app`` (routes) -> ``auth`` -> ``queries`` (rows to plain data, with
``similarity``) -> ``rendering`` (plain data to a response) -> ``work`` (the injected extra work, if any).
"""
