"""Fuzzed SQL whose every literal is known, and a search that finds any of them again, whole, in whatever was written.

A literal holds a *core* that chance does not bring about elsewhere: 12 letters or digits, 24 hexadecimal digits, or 48
bits. So a search needs no list of files or formats: it slides over the bytes.
"""

from __future__ import annotations

import gzip
import random
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

SCENARIO = """\
name: literals
service:
  command: "{python} -m uvicorn fuzzed:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: WATCHED
  environment: {POSTGRESQL: "ON_POSTGRESQL", MYSQL: "ON_MYSQL", SENT: "FILE"}
arms:
  baseline: {environment: {ARM: "1"}}
  candidate: {environment: {ARM: "2"}}
requests:
REQUESTS
load: {model: open, rate: 10/s}
rounds: {count: 1, warmup: 200ms, warmup_requests: 3, blocks: 2, block: 300ms}
why: {seconds: 1s}
"""
"""For the service tests/services/fuzzed.py."""
LETTERS = "bcdfghjkmnpqrstvwxz"


@dataclass(frozen=True)
class Sent:
    """One statement, the parameters sent beside it, and the cores of all of its literals."""

    sql: str
    values: tuple[str, ...]
    cores: tuple[str, ...]


class Maker:
    """Makes literals of one statement and remembers their cores."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.cores: list[str] = []

    def word(self) -> str:
        return self._kept("".join(self.rng.choices(LETTERS, k=12)))

    def number(self) -> str:
        return self._kept(str(self.rng.randrange(10**11, 10**12)))

    def hexadecimal(self) -> str:
        return self._kept(f"{self.rng.randrange(16**23, 16**24):x}")

    def bits(self) -> str:
        return self._kept(f"{self.rng.randrange(2**47, 2**48):b}")

    def _kept(self, core: str) -> str:
        self.cores.append(core)
        return core


ANYWHERE = (
    "SELECT '{w}'",
    "SELECT 'it''s {w} ''{w}', '{w}'''",
    "SELECT 'ü{w}日本\u2028{w}\u00a0😀{w}'",
    "SELECT 'a\n{w}\n\t{w}'",
    "SELECT {n}, -{n}, {n}.5, 1{n}e-3, .{n}",
    "SELECT 1 -- {w} '{w}\n, '{w}'",
    "SELECT /* {w} ' {n} */ '{w}' /* ; {w} */",
    "SELECT id FROM stock WHERE title IN ('{w}', '{w}', '{w}', '{w}')",
    "SELECT id FROM stock WHERE title LIKE '%{w}%' AND id <> {n} OR title BETWEEN '{w}' AND '{w}'",
    "SELECT CASE WHEN '{w}' = '{w}' THEN {n} ELSE {n} END",
    "UPDATE stock SET title = '{w}' WHERE title = '{w}-{n}'",
    "INSERT INTO sent (title) VALUES ('{w}'), ('{w}'), ('{w}')",
    "SELECT nothing FROM stock WHERE title = '{w}' AND id = {n}",  # from here on: refused by the server
    "SELEC '{w}', {n}",
    "SELECT '{w}' FROM nowhere '{w}'",
    "SELECT '{w}",
    "INSERT INTO stock VALUES ({n}, '{w}', '{w}')",
)
POSTGRESQL = (
    "SELECT E'a\\'{w}\\n\\\\', E'{w}\\''",
    "SELECT U&'d\\0061t{w}', N'{w}'",
    "SELECT $${w}$$, $tag${w} $$ '{w}$tag$, $_${w}$_$",
    "SELECT '\\x{x}'::bytea, X'{x}', B'{b}'",
    "SELECT 'a'\n'{w}'\n  '{w}'",
    "SELECT /* {w} /* nested '{w} */ {w} */ {n}::bigint, '{w}'::text COLLATE \"C\"",
    "SELECT '{{\"k\": [\"{w}\", {n}]}}'::jsonb, ARRAY['{w}', '{w}']",
    "SELECT '{w}'; SELECT {n}; SELECT $${w}$$",
    "DO $$BEGIN PERFORM '{w}', {n}; END$$",
    "SET my.setting = '{w}'",
    "NOTIFY somebody, '{w}'",
    "SELECT interval '1 day', timestamp '2024-01-01', '{w}'::varchar(20)",
    "SELECT '{w}'::int",
    "SELECT 1/0, '{w}', {n}",
    "SELECT $x${w}",
    "SELECT 1 /* {w}",
)
MARIADB = (
    'SELECT \'a\\\'{w}\\\\\', "{w}", "it""s {w} \\" {w}"',
    "SELECT N'{w}', _utf8mb4'{w}', _latin1\"{w}\"",
    "SELECT X'{x}', x'{x}', 0x{x}, b'{b}', 0b{b}",
    "SELECT 1 # {w} '{w}\n, '{w}'",
    "SELECT /*! '{w}' AS a, */ /*!50000 '{w}', */ '{w}' /*M!100100 , '{w}' */",
    "SELECT 'a' '{w}'\n\"{w}\"",
    "SELECT DATE '2024-01-01', '{w}' + INTERVAL {n} SECOND",
    "SET @mine = '{w}', @other = {n}",
    'SELECT id FROM stock WHERE title = "{w}" LIMIT 3',
    "SELECT EXTRACTVALUE('<a>{w}</a>', '/a['), '{w}'",
    "INSERT INTO stock (id, title) VALUES (1, '{w}')",
)
SQLITE = (
    "SELECT x'{x}', X'{x}'",
    "SELECT '{w}' AS a, \"{w}\"",
    "SELECT id FROM stock WHERE title = \"{w}\" AND title GLOB '*{w}*'",
    "SELECT 0x{h}, '{w}'",
    "SELECT '{w}' COLLATE NOCASE, CAST('{w}' AS int)",
    "PRAGMA user_version = '{w}'",
)
FORMS = {"postgresql": (*ANYWHERE, *POSTGRESQL), "mysql": (*ANYWHERE, *MARIADB), "sqlite": (*ANYWHERE, *SQLITE)}
PARAMETERS = ("%s", "%s", "?")  # as in FORMS
AWKWARD = ("{w}", "it's {w}", '"{w}"', "\\{w}\\'", "{w}\n-- {w}", "$${w}$$", "/* {w}", "ü{w};{w}", "{n}")


def scenario(
    watched: Sequence[str],
    postgresql: str,
    mysql: str,
    folder: Path,
    *,
    seeds: Iterable[int],
    most: int,
    scaled: bool = True,
) -> str:
    """Return a scenario that sends ``most`` statements for each of ``seeds`` seeds to each of three databases.

    ``watched`` are the addresses that perfproof looks at, the others those that the service uses. Scaled requests are
    probed at three sizes.
    """
    request = (
        "  - {{name: '{0} {1}', get: '/send?n={{n}}&seed={1}&system={0}', values: {{n: [{2}]}},"
        " {3}probe: {{repeat: 2}}}}"
    )
    scale = f"scale: {{parameter: n, sizes: [3, {most // 3}, {most}]}}, " if scaled else ""
    requests = "\n".join(
        request.format(system, seed, 3 if scaled else most, scale) for seed in seeds for system in FORMS
    )
    places = {
        "DIRECTORY": str(Path(__file__).parent / "services"),
        "WATCHED": str([*watched, "sqlite"]),
        "ON_POSTGRESQL": postgresql,
        "ON_MYSQL": mysql,
        "FILE": f"{folder}/sent",
        "REQUESTS": requests,
    }
    text = SCENARIO
    for name, value in places.items():
        text = text.replace(name, value)
    return text


def cores(*, seeds: Iterable[int], most: int) -> set[str]:
    """Return every core that the scenario of the same arguments sends."""
    seen: set[str] = set()
    for seed in seeds:
        for system in FORMS:
            seen.update(core for each in statements(system, str(seed), most) for core in each.cores)
    return seen


def statements(system: str, seed: str, count: int) -> Iterator[Sent]:
    """Yield ``count`` statements, always the same for the same arguments; every seventh has parameters as well."""
    rng = random.Random(f"{system} {seed}")
    mark = dict(zip(FORMS, PARAMETERS, strict=True))[system]
    for number in range(count):
        maker = Maker(rng)
        if number % 7 == 6:
            values = tuple(filled(rng.choice(AWKWARD), maker) for _ in range(3))
            sql = f"SELECT id FROM stock WHERE title IN ({mark}, {mark}) OR title = {mark}"
            yield Sent(sql, values, tuple(maker.cores))
        else:
            yield Sent(filled(rng.choice(FORMS[system]), maker), (), tuple(maker.cores))


def filled(form: str, maker: Maker) -> str:
    makers = {"{w}": maker.word, "{n}": maker.number, "{x}": maker.hexadecimal, "{b}": maker.bits}
    text = ""
    while form:
        at = form[:3]
        if at in makers:
            text, form = text + makers[at](), form[3:]
        elif at == "{h}":
            text, form = text + maker.number(), form[3:]
        elif form[:2] in ("{{", "}}"):
            text, form = text + form[0], form[2:]
        else:
            text, form = text + form[0], form[1:]
    return text


def found(cores: Iterable[str], texts: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return where a core is found: the name of the text and the core."""
    alike: dict[tuple[int, bool], set[bytes]] = {}
    for core in cores:
        alike.setdefault((len(core), core.isdigit()), set()).add(core.encode())
    # Every place is looked at, also those within a longer word; most are passed over for their first bytes.
    kinds = [
        (wanted, re.compile(b"(?=([%s]{%d}))" % (bytes(sorted({byte for core in wanted for byte in core})), length)))
        for (length, _), wanted in alike.items()
    ]
    places = []
    for name, text in texts:
        for wanted, windows in kinds:
            seen = {window[1] for window in windows.finditer(text)} & wanted
            places += [(name, core.decode()) for core in sorted(seen)]
    return places


def texts_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below a folder by name, and what compressed ones hold."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            columns = [column for column in table.columns if not pyarrow.types.is_primitive(column.type)]
            yield f"{path} (columns)", repr([column.to_pylist() for column in columns]).encode()
        elif path.suffix == ".gz":
            yield f"{path} (unpacked)", gzip.decompress(path.read_bytes())
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path}/{name}", archive.read(name)
