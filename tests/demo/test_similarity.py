from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perfproof.demo.similarity import nearest_fast, nearest_naive

texts = st.lists(st.lists(st.sampled_from(["a", "B", "b", "c", "d", "e", "f"]), max_size=6).map(" ".join), max_size=12)


@given(texts)
def test_both_ways_give_identical_numbers(page: list[str]) -> None:
    assert nearest_fast(page) == nearest_naive(page)


def test_the_most_alike_is_found_whatever_its_case_and_order() -> None:
    assert nearest_fast(["red fox", "blue whale", "FOX the red"]) == [(2, 2 / 3), None, (0, 2 / 3)]


def test_the_first_of_equals_wins() -> None:
    assert nearest_fast(["a", "a", "a"]) == [(1, 1.0), (0, 1.0), (0, 1.0)]
