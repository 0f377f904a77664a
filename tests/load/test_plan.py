from __future__ import annotations

import json
from types import MappingProxyType

from perfproof.load.mask import excerpt, mask
from perfproof.load.plan import Plan, decode, encode
from perfproof.model.scenario import Expect, Load, Request


def test_a_plan_comes_out_of_the_socket_as_it_went_in():
    request = Request(
        "r", "POST", "/{x}", MappingProxyType({"A": "b"}), {"k": [1, None, True]}, None,
        MappingProxyType({"x": (1, "two", 2.5, True)}), 2.5, Expect((200, 404)), 3.0, MappingProxyType({"t": "$.t"}),
    )  # fmt: skip
    plan = Plan(
        (request,), (Request("s", "GET", "/"),), Load(model="closed", users=3), ("h",), frozenset({"x"}), 2, (0,)
    )
    assert decode(json.loads(json.dumps(encode(plan)))) == plan


def test_a_plan_does_not_show_its_secrets():
    request = Request("r", "GET", "/", {"A": "hunter2"}, body="hunter2")
    assert "hunter2" not in repr(Plan((request,), (), Load(), secrets=frozenset({"hunter2"})))


def test_longer_secrets_are_masked_before_shorter_ones_that_they_contain():
    assert mask("abcdef abc", ["abc", "abcdef", ""]) == "*** ***"


def test_a_secret_across_the_end_of_an_excerpt_does_not_show_its_start():
    assert excerpt(b"x" * 195 + b"hunter2hunter2", ["hunter2hunter2"], 200) == "x" * 195 + "***"
    assert excerpt(b"a\r\n\tb" + b"c" * 300, [], 5) == "a bcc ..."
