"""Rows of feeds: read where they stand, in every order, by both arms alike."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.errors import LoadError
from perfproof.http.feeds import Rows, Supply, Turns, _shuffled
from perfproof.model.scenario import Feed

TEXT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x85\u2028\u2029") | st.just("\n"),
    max_size=12,
)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12))
def test_rows_are_read_as_the_csv_module_reads_them(tmp_path_factory, rows):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    file = tmp_path_factory.mktemp("feed") / "f.csv"
    file.write_bytes(text.getvalue().encode())
    read = Rows(file)
    assert [tuple(read[number].values()) for number in range(len(read))] == rows
    read.close()


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.none() | st.text(max_size=5)), min_size=1))
def test_json_lines_are_read_whatever_they_hold(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("feed") / "f.jsonl"
    file.write_text("\n\n".join(json.dumps(row) for row in rows))
    read = Rows(file)
    assert [read[number] for number in range(len(read))] == rows
    read.close()


@given(st.integers(1, 700), st.integers(0, 2**48), st.integers(0, 5))
def test_a_shuffled_deck_holds_every_row_once(total, seed, deck):
    assert sorted(_shuffled(deck * total + n, total, seed) for n in range(total)) == list(range(total))


def test_shuffled_decks_differ_by_seed_and_by_turn():
    decks = {tuple(_shuffled(deck * 50 + n, 50, seed) for n in range(50)) for deck in range(4) for seed in range(4)}
    assert len(decks) == 16
    assert tuple(range(50)) not in decks


def test_no_place_of_a_shuffled_deck_is_favoured():
    counts = [0] * 10
    for seed in range(4000):
        counts[_shuffled(0, 10, seed)] += 1
    # 400 are expected at each, with a standard deviation of 19.
    assert all(300 < count < 500 for count in counts)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("f.csv", "a,b\n", "has no rows"),
        ("f.jsonl", "", "has no rows"),
        ("f.jsonl", "[1]\n", "row 1 .* cannot be used[\\s\\S]*not a JSON object"),
        ("f.jsonl", "{\n", "row 1 .* cannot be used[\\s\\S]*not JSON"),
        ("f.csv", "a\n" + "x" * 1_100_000 + "\n", "more than 1 MiB"),
        ("f.jsonl", '{"a": "' + "x" * 1_100_000 + '"}\n', "a row of more than 1 MiB"),
        ("f.csv", "a,b\n1,2\n\n3\n", r"row 2 \(line 4\) of the feed .*[\s\S]*has 1 value, the header 2"),
        ("f.csv", 'a,b\n1,"2\n3,4\n', r"row 1 \(line 2\) of the feed .*[\s\S]*a quote that begins a value"),
        ("f.csv", 'a,b\n1,"2" x\n', r"row 1 \(line 2\) of the feed .*[\s\S]*a quote that begins a value"),
        ("f.csv", "a,a\n1,2\n", "two columns of the same name"),
    ],
    ids=["no rows", "empty", "a list", "no JSON", "a long value", "a long row", "short", "open", "shut", "twice"],
)
def test_a_feed_that_cannot_be_used_says_why(name, content, says, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(LoadError, match=says):
        Rows(tmp_path / name)[0]


def read(tmp_path, data):
    (tmp_path / "f.csv").write_bytes(data)
    rows = Rows(tmp_path / "f.csv")
    return [rows[number] for number in range(len(rows))]


def test_a_quote_within_a_plain_value_is_itself_and_swallows_no_row(tmp_path):
    rows = read(tmp_path, b'name,size\npipe,5"\ntube,3\nbox,4\nrod,7"\n')
    assert rows == [{"name": n, "size": s} for n, s in (("pipe", '5"'), ("tube", "3"), ("box", "4"), ("rod", '7"'))]


def test_an_empty_value_in_quotes_is_a_row_and_an_empty_line_is_none(tmp_path):
    assert read(tmp_path, b'n\n1\n\n""\n  \n2\n') == [{"n": "1"}, {"n": ""}, {"n": "2"}]


def test_names_of_columns_are_stripped_and_may_hold_a_hyphen(tmp_path):
    assert read(tmp_path, b"user-email, name\na@example.com, Ann\n") == [
        {"user-email": "a@example.com", "name": " Ann"}
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("name\nJosé\n".encode("latin-1"), r"row 1 \(line 2\)[\s\S]*not UTF-8: it holds the byte 0xe9[\s\S]*latin1"),
        ("name\nAnn\n".encode("utf-16"), "UTF-16, not UTF-8"),
    ],
    ids=["Latin-1", "UTF-16"],
)
def test_text_that_is_not_utf_8_is_refused_with_the_way_to_make_it_so(data, says, tmp_path):
    with pytest.raises(LoadError, match=says):
        read(tmp_path, data)


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path):
    (tmp_path / "f.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert Rows(tmp_path / "f.csv")[0] == {"a": "1", "b": "2"}


def test_a_quarter_of_a_million_rows_take_little_memory(tmp_path):
    import tracemalloc

    file = tmp_path / "f.csv"
    file.write_text("n,text\n" + "".join(f"{n},{'x' * 40}\n" for n in range(250_000)))
    tracemalloc.start()
    rows = Rows(file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000, "forty bytes a row"
    assert rows[249_999]["n"] == "249999"


def supply(tmp_path, order, rows=20):
    (tmp_path / "f.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(rows)))
    return Supply(Feed("f", tmp_path / "f.csv", order))


def test_the_warm_up_of_a_feed_used_once_has_rows_of_its_own(tmp_path):
    once = supply(tmp_path, "once")
    warm = [once.row(n, 0, warming=True) for n in range(6)]
    sent = [once.row(n, 0, warming=False) for n in range(16)]
    assert [row and row["n"] for row in warm] == ["15", "16", "17", "18", "19", None]
    assert [row and row["n"] for row in sent] == [str(n) for n in range(15)] + [None]


def test_both_arms_of_a_pair_begin_where_neither_has_been():
    turns = Turns()
    first = turns.begin(0, 0)
    turns.reach({**first, "f": 30})
    assert turns.begin(1, 0) == {}
    turns.reach({"f": 25})
    assert turns.begin(1, 1) == {"f": 30}
    turns.restart(afresh=False)
    assert turns.begin(0, 0) == {"f": 30}
    turns.restart(afresh=True)
    assert turns.begin(0, 0) == {}
