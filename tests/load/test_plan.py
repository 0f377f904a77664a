from __future__ import annotations

import json
from types import MappingProxyType

from perfproof.load.plan import LoadPlan, decode, encode
from perfproof.model.scenario import Expect, Load, Request


def test_a_plan_comes_out_of_the_socket_as_it_went_in():
    request = Request(
        "r", "POST", "/{x}", MappingProxyType({"A": "b"}), {"k": [1, None, True]}, None,
        MappingProxyType({"x": (1, "two", 2.5, True)}), 2.5, Expect((200, 404)), 3.0, MappingProxyType({"t": "$.t"}),
    )  # fmt: skip
    plan = LoadPlan(
        (request,), (Request("s", "GET", "/"),), Load(model="closed", users=3), ("h",), frozenset({"x"}), 2, (0,)
    )
    assert decode(json.loads(json.dumps(encode(plan)))) == plan


def test_a_plan_does_not_show_its_secrets():
    request = Request("r", "GET", "/", {"A": "hunter2"}, body="hunter2")
    assert "hunter2" not in repr(LoadPlan((request,), (), Load(), secrets=frozenset({"hunter2"})))
