"""Pages are compared without what changes with each answer: tokens, times, what is drawn anew."""

from __future__ import annotations

from perfproof.http.text_diff import TextsCompared, compare_texts

TOKENS = (
    "hQ3v+9/xPz81mmd0aWQ2b2==",
    "Zx81Kq0/aaTT+bbc99012w==",
    "pp00Qw7/abCD+xyz1234kk==",
    "mm11Qw7/abCD+xyz9876jj==",
)


def page(token: str = "", *, title: str = "Issues", rows: int = 5, took: str = "") -> bytes:
    lines = ["<html>", f'<meta name="csrf-token" content="{token}">', f"<h1>{title}</h1>"]
    lines += [f"<li>row {n}</li>" for n in range(rows)]
    return "\n".join([*lines, f"<p>{took}</p>", "</html>"]).encode()


def test_a_token_that_changes_with_each_answer_is_left_out_and_told() -> None:
    before, after = [page(token) for token in TOKENS[:2]], [page(token) for token in TOKENS[2:]]
    assert compare_texts(before, after) == TextsCompared("", "line 2")


def test_what_differs_beside_it_is_told_by_its_line() -> None:
    before, after = [page(token) for token in TOKENS[:2]], [page(token, title="Bugs") for token in TOKENS[2:]]
    assert compare_texts(before, after) == TextsCompared("line 3 of 10", "line 2")


def test_a_token_that_belongs_to_the_session_of_each_version_is_no_difference() -> None:
    assert compare_texts([page(TOKENS[0])] * 2, [page(TOKENS[1])] * 2) == TextsCompared("", "line 2")


def test_a_value_that_does_not_look_drawn_is_a_difference_though_its_line_speaks_of_tokens() -> None:
    assert compare_texts([page("none")] * 2, [page("basic")] * 2) == TextsCompared("line 2 of 10")


def test_a_time_that_only_one_version_happened_to_tell_alike_twice_is_no_difference() -> None:
    before = [page(took="3 ms"), page(took="3 ms")]
    after = [page(took="4 ms"), page(took="3 s and 5 ms")]
    assert compare_texts(before, after) == TextsCompared("", "line 9")


def test_another_number_of_lines_is_told_with_where_it_begins() -> None:
    told = compare_texts([page(rows=5)] * 2, [page(rows=7)] * 2)
    assert told == TextsCompared("10 lines → 12 lines, from line 9 on at the latest")


def test_nothing_is_said_of_pages_that_have_little_in_common_with_themselves() -> None:
    assert compare_texts([page(rows=5), page(rows=6)], [page(rows=5)] * 2) is None
    assert compare_texts([b"a b c", b"d e f"], [b"a b c"] * 2) is None
    assert compare_texts([b"\xff\x00"] * 2, [b"\xff\x00"] * 2) is None


def test_a_page_in_one_line_is_compared_by_its_words() -> None:
    pages = [b"<p>at 10:0%d</p>" % n + b"<i>much that stays</i>" * 9 for n in range(4)]
    assert compare_texts(pages[:2], pages[2:]) == TextsCompared("", "line 1")
    other = [pages[2].replace(b"much", b"more", 1), pages[3].replace(b"much", b"more", 1)]
    assert compare_texts(pages[:2], other) == TextsCompared("line 1 of 1", "line 1")


def test_what_each_session_or_moment_has_of_its_own_is_left_out() -> None:
    """As WordPress and MediaWiki have it in their pages: nonces of ten letters, and times in four ways."""
    lines = [
        '<input type="hidden" name="_inline_edit" value="%s" />',
        "var heartbeatSettings = {'nonce':'%s'};",
        '{"url":"/","uid":"1","time":"%s"}',
        "from=%s&amp;x",
        "<time>%s</time>",
        "<b>at %s</b>",
    ]
    one = ("904d8dab43", "e43d9ef236", "1795972227", "20261129171030", "2026-11-29T17:10:30Z", "17:10:30")
    two = ("638ec5d6bb", "f2c0ef8327", "1795972228", "20261129171031", "2026-11-29T17:10:31Z", "17:10:31")
    for at, line in enumerate(lines):
        pages = [("<html>\n" * 9 + line % each[at]).encode() for each in (one, two)]
        told = compare_texts([pages[0]] * 2, [pages[1]] * 2)
        assert told == TextsCompared("", "line 10"), line


def test_a_line_that_tells_how_long_it_took_may_tell_so_in_several_places() -> None:
    pages = [
        f"<html>{' stays' * 20}\ncpu {cpu} wall {wall}".encode() for cpu, wall in ((0.1, 0.5), (0.1, 0.6), (0.2, 0.5))
    ]
    assert compare_texts(pages[:2], [pages[2]] * 2) == TextsCompared("", "line 2")
    assert compare_texts(pages[:1] * 2, [pages[2]] * 2) == TextsCompared("line 2 of 2"), (
        "where nothing moves, it counts"
    )


def test_ids_and_numbers_that_differ_are_told() -> None:
    for one, two in (("12345678", "12345679"), ("about", "above"), ("3.5", "4.5"), ("v1.2.3", "v1.2.4")):
        pages = [f'<html>\n<input type="hidden" name="id" value="{each}">'.encode() for each in (one, two)]
        told = compare_texts([pages[0]] * 2, [pages[1]] * 2)
        assert told == TextsCompared("line 2 of 2"), (one, two)
