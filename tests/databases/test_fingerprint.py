"""Fingerprints: what is the same, what differs, and that no literal survives."""

import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.agent.inject.perfproof_agent.scanner import strip
from perfproof.databases.fingerprint import fingerprint, fingerprints, kind_of

PAIRS = Path(__file__).parents[1] / "corpus" / "statements" / "pairs.txt"
DIALECTS = ("postgresql", "mysql", "sqlite")
FUZZED = 100_000


def pairs():
    blocks: list[list[str]] = []
    for line in PAIRS.read_text().splitlines():
        if line.startswith(("same ", "different ")):
            blocks.append([line])
        elif blocks and not line.startswith("#"):
            blocks[-1].append(line)
    for head, *body in blocks:
        kind, dialect = head.split()
        one, other = "\n".join(body).split("|||")
        yield pytest.param(kind, dialect, one.strip(), other.strip(), id=f"{kind}: {one.strip()[:50]}")


@pytest.mark.parametrize(("kind", "dialect", "one", "other"), list(pairs()))
def test_the_corpus_of_pairs(kind, dialect, one, other):
    first, second = fingerprint(one, dialect), fingerprint(other, dialect)
    assert (first == second) == (kind == "same"), (first.text, second.text)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "transaction"),
        ("START TRANSACTION", "transaction"),
        ("commit", "transaction"),
        ("ROLLBACK TO SAVEPOINT x", "transaction"),
        ("RELEASE SAVEPOINT x", "transaction"),
        ("SET TRANSACTION READ ONLY", "transaction"),
        ("SET application_name = 'x'", "other"),
        ("SHOW server_version", "other"),
        ("DISCARD ALL", "other"),
        ("DEALLOCATE ALL", "other"),
        ("PRAGMA foreign_keys = ON", "other"),
        ("SELECT 1", "query"),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "query"),
        ("FETCH FORWARD 100 FROM c", "query"),
        ("SELECT QUOTE(?)", "other"),
        ("SELECT QUOTE(?), QUOTE(?), QUOTE(?)", "other"),
        ("SELECT QUOTE(?), name FROM t", "query"),
    ],
)
def test_what_a_statement_is_for(sql, kind):
    assert fingerprint(sql, "postgresql").kind == kind


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT @@SESSION.sql_mode", "other"),
        ("SELECT @@global.read_only AS `value`", "other"),
        ("SELECT @@version, @@session.tx_isolation LIMIT 1", "other"),
        ("SELECT @@version, name FROM t", "query"),
        ("SELECT name FROM t WHERE a = @@server_id", "query"),
    ],
)
def test_asking_the_server_for_its_variables_is_no_query(sql, kind):
    assert fingerprint(sql, "mysql").kind == kind


def test_several_statements_in_one_text_are_several():
    found = fingerprints("BEGIN; SELECT ';' ; SELECT 1;; COMMIT", "postgresql")
    assert [each.text for each in found] == ["begin", "select ?", "select ?", "commit"]


def test_a_text_that_the_tokenizer_refuses_still_has_a_shape():
    found = fingerprint("SELECT \x00 {{ jinja FROM t WHERE a = 'secret' AND \"open", "postgresql")
    assert "secret" not in found.text
    assert found.text.startswith("select")


def test_a_text_that_was_cut_off_has_the_shape_of_its_beginning():
    cut = "SELECT a FROM t WHERE id IN (1, 2, 3, 'abc"
    assert fingerprint(cut, "mysql") == fingerprint("SELECT a FROM t WHERE id IN (1, 2", "mysql")


def test_a_list_of_a_million_bytes_has_the_same_shape():
    long = "SELECT a FROM t WHERE id IN (" + ", ".join(map(str, range(150_000))) + ")"
    assert fingerprint(long, "postgresql").text.startswith("select a from t where id in (?")


def test_a_name_that_is_a_reserved_word_keeps_its_quotes_so_that_its_shape_can_be_explained():
    text = 'SELECT "user"."desc", "user"."name" FROM "user" ORDER BY "order"'
    for dialect in ("postgresql", "sqlite"):
        assert '"desc"' in fingerprint(text, dialect).text
        assert ".name from" in fingerprint(text, dialect).text
    assert fingerprint("SELECT `desc`, `name` FROM `t`", "mysql").text == 'select "desc", name from t'


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("loading_3f2a9c41bb12", "loading_xxxx"),
        ("t_k3x9q2zz1", "t_xxxx"),
        ("orders_20240115", "orders_xxxx"),
        ("utf8mb4_bin", "utf8mb4_bin"),
        ("address_1", "address_1"),
        ("iso8601", "iso8601"),
        ("x509", "x509"),
        ("deadbeef", "deadbeef"),
    ],
)
def test_what_was_made_up_at_random_in_a_name_is_left_out(name, shown):
    assert fingerprint(f"SELECT a FROM {name}", "postgresql").text == f"select a from {shown}"


def test_kind_of_plain_text():
    assert kind_of("begin") == "transaction"


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT set_config('TimeZone', $1, $2)", "other"),
        ("select pg_catalog.set_config('a', 'b', false), set_config('c', %s, true) AS x", "other"),
        ("SELECT set_config('a', name, true) FROM tenants", "query"),
        ("SELECT set_config('a', (SELECT max(id) FROM t)::text, true)", "query"),
    ],
)
def test_a_setting_made_by_a_function_sets_up_a_connection_and_is_no_query(sql, kind):
    assert fingerprint(sql, "postgresql").kind == kind


MARKER = "zqx"
"""Part of every fuzzed literal: three letters that occur in no template."""


def fuzzed_literal(rng: random.Random, dialect: str) -> str:
    """A literal of any sort with the marker (or, for numbers, digits that no template has) inside."""
    inside = "".join(rng.choice(string.ascii_letters + ' ,()[];:-/*%?$@#\\"`é世\n\t') for _ in range(rng.randrange(8)))
    text = inside[: len(inside) // 2] + MARKER + inside[len(inside) // 2 :]
    number = rng.choice(["7", "77.7", ".77", "7e7", "7.e-7", "7E+77", "-7", "- 77", "0x7777", "7_777", "+7.7e77"])
    plain = "'" + text.replace("'", "''").replace("\\", "\\\\" if dialect == "mysql" else "\\") + "'"
    kinds = [plain, number, plain, "X'77AF'", "x'77'"]
    if dialect == "postgresql":
        escaped = text.replace("\\", "\\\\").replace("'", rng.choice(["\\'", "''"]))
        comment = text.replace("*/", "").replace("/*", "")
        tag = rng.choice(["", "tag", "Ä_1"])
        kinds += [f"E'{escaped}'", f"e'{escaped}\\\\'", "B'77'", f"U&'{text.replace(chr(39), '')}'", f"N'{MARKER}'"]
        kinds += [
            f"${tag}${text.replace('$', '')}'\"${tag}$",
            f"'{MARKER}'\n '{MARKER}'",
            f"E'a\\''\n'{MARKER}\\'{MARKER}'",
        ]
        kinds += [f"interval '{MARKER}'", f"'{MARKER}'::varchar(77)", f"/* /* {comment} */ {MARKER} */ 7"]
    if dialect == "mysql":
        double = text.replace("\\", "\\\\").replace('"', rng.choice(['\\"', '""']))
        kinds += [f'"{double}"', f"_utf8mb4'{MARKER}'", f"'{MARKER}' '{MARKER}'", f"7 # {MARKER}\n", "b'0777'"]
    if dialect == "sqlite":
        kinds += [f'"{MARKER}"', f'"{MARKER} x"']
    if dialect != "mysql":
        kinds.append(f"7 --{MARKER}\n")
    return rng.choice(kinds)


TEMPLATES = (
    "SELECT a FROM t WHERE b = {} AND c IN ({}, {}) ORDER BY a",
    "INSERT INTO t (a, b) VALUES ({}, {}), ({}, {})",
    "UPDATE t SET a = {}, b={} WHERE c>{}",
    "SELECT f({},{}) FROM t JOIN u ON t.a = u.a AND u.b LIKE {} LIMIT {}",
    "SELECT CASE WHEN a = {} THEN {} ELSE {} END, coalesce(x, {}) FROM t WHERE d BETWEEN {} AND {}",
)
JSON = "SELECT d->{} , d ->> {}, d #>> {}, d @> {} FROM t WHERE d ? {}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_fuzzed_literal_survives(dialect):
    rng = random.Random(dialect)
    templates = (*TEMPLATES, JSON) if dialect == "postgresql" else TEMPLATES
    written = 0
    while written < FUZZED // len(DIALECTS):
        template = rng.choice(templates)
        literals = [fuzzed_literal(rng, dialect) for _ in range(template.count("{}"))]
        written += len(literals)
        sql = template.format(*literals)
        stripped = strip(sql, dialect)
        assert MARKER not in stripped.lower(), (sql, stripped)
        assert "7" not in stripped.replace("varchar(77)", ""), (sql, stripped)
        if rng.random() < 0.1:  # the tokenizer is the slow part, and works on what the scanner has left
            text = fingerprint(sql, dialect).text
            assert MARKER not in text
            assert "7" not in text, (sql, text)


@given(st.text(max_size=60), st.sampled_from(DIALECTS))
def test_any_text_is_taken_and_stripping_twice_changes_nothing(text, dialect):
    once = strip(text, dialect)
    assert strip(once, dialect).split() == once.split()
    fingerprints(text, dialect)


@given(
    st.lists(
        st.sampled_from(
            ["'a'", '"n"', "`n`", "?", "(", ")", ",", "in", "values", "::", "int", "-", "null", "[", "]", "..."]
        )
    )
)
def test_any_order_of_words_is_folded(words):
    for dialect in DIALECTS:
        folded = fingerprint(" ".join(words), dialect)
        assert folded.key
        if not (dialect == "sqlite" and "[" in words and "]" in words):  # between them is a name there, quotes and all
            assert "'a'" not in folded.text, "a literal is never kept"


@given(st.text(alphabet="abcdefghij", min_size=5, max_size=9), st.sampled_from(DIALECTS))
def test_names_are_kept(name, dialect):
    quote = "`" if dialect == "mysql" else '"'
    text = fingerprint(f"SELECT {name}.{quote}{name}{quote} FROM {quote}{name}{quote}", dialect).text
    assert text == f"select {name}.{name} from {name}"
