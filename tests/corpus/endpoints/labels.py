"""The truth about each endpoint: N+1 or not. ``True`` means that a statement's count grows with the rows returned.

The rule is that of docs/queries.md: at least one statement for every two further rows somewhere between the sizes.
"""

from __future__ import annotations

FASTAPI = {
    "/lazy-comments": True,
    "/lazy-author": True,
    "/few-parents": True,
    "/serializer": True,
    "/nested-lazy": True,
    "/deferred": True,
    "/refresh-each": True,
    "/expired-by-commit": True,
    "/count-each": True,
    "/authorise-each": True,
    "/authorise-and-drop": True,
    "/memo-of-parents": True,
    "/every-second": True,
    "/every-third": True,
    "/insert-each": True,
    "/preamble-and-lazy": True,
    "/two-at-once": True,
    "/wrapped": True,
    "/raw/loop": True,
    "/raw/loop-with-literals": True,
    "/raw/loop-with-comments": True,
    "/selectin": False,
    "/joined": False,
    "/join-explodes": False,
    "/subquery": False,
    "/preamble": False,
    "/authorise-once": False,
    "/chunks-of-ten": False,
    "/chunks-of-twenty-five": False,
    "/process-cache": False,
    "/same-row-again": False,
    "/total-and-page": False,
    "/grouped-counts": False,
    "/only-the-first": False,
    "/one-in-ten": False,
    "/written-at-once": False,
    "/wrapped-eager": False,
    "/raw/in-list": False,
    "/raw/join": False,
    "/raw/recursive": False,
    "/raw/correlated": False,
}
POSTGRES_ONLY = {
    "/raw/pipelined": True,
    "/raw/nested-function": False,
    "/asyncpg/loop": True,
    "/asyncpg/gather": True,
    "/asyncpg/prepared": True,
    "/asyncpg/any": False,
    "/asyncpg/late-commit": False,
}
FLASK = {"/loop": True, "/template": True, "/template-joined": False, "/any": False, "/cursor": False}
DJANGO = {
    "/fk": True,
    "/reverse": True,
    "/count": True,
    "/exists": True,
    "/only": True,
    "/prefetch-filtered": True,
    "/select-related": False,
    "/prefetch": False,
    "/annotated": False,
    "/in-bulk": False,
    "/values": False,
}
NODE = {"/loop": True, "/promise-all": True, "/transaction": True, "/any": False, "/preamble": False}
