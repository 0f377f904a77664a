"""The same work through one driver, named by the first argument, on the database at the second."""

import asyncio
import contextlib
import datetime
import sys
from urllib.parse import urlsplit

driver, url = sys.argv[1:3]
parts = urlsplit(url)
SETUP = ("DROP TABLE IF EXISTS item", "CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(40), born DATE)")
SECRET = "s3cret-O'Brien\\"


def dbapi(connection, mark="%s"):
    cursor = connection.cursor()
    for statement in SETUP:
        cursor.execute(statement)
    connection.commit()
    rows = [(i, SECRET, datetime.date(2024, 1, 1 + i)) for i in range(5)]
    cursor.executemany(f"INSERT INTO item (id, name, born) VALUES ({mark}, {mark}, {mark})", rows)
    connection.commit()
    for i in (0, 1, 2, 1, -7):
        cursor.execute(f"SELECT name FROM item WHERE id = {mark} AND name <> {mark}", (i, "x"))
        cursor.fetchall()
    cursor.execute(
        f"SELECT id, born FROM item WHERE id IN (1, 2, 3) AND name = '{'plain-s3cret'}' -- s3cret\n LIMIT 10"
    )
    cursor.fetchall()
    cursor.execute(f"SELECT count(*) FROM item WHERE born > {mark} OR name IS NULL", (datetime.date(2024, 1, 2),))
    cursor.fetchall()
    connection.commit()
    try:
        cursor.execute("SELECT nothing FROM nowhere")
    except Exception:  # noqa: BLE001 - each driver has its own
        connection.rollback()
    cursor.execute(f"UPDATE item SET name = {mark} WHERE id = {mark}", ("n", 3))
    connection.rollback()
    connection.close()


def psycopg2_():
    import psycopg2
    import psycopg2.extras

    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 WHERE 5 = ANY(%s) AND 3 IN %s", ([1, 5], (3, 4)))
        cursor.execute("CREATE TEMP TABLE counted AS SELECT 1 AS a UNION ALL SELECT 2")
        cursor.executemany("UPDATE counted SET a = a WHERE a = %s", iter([(1,), (2,), (2,)]))
        assert cursor.rowcount == 3, cursor.rowcount
        psycopg2.extras.execute_batch(cursor, "SELECT %s::int", [(i,) for i in range(7)])
        psycopg2.extras.execute_values(cursor, "SELECT * FROM (VALUES %s) v(a)", [(i,) for i in range(7)])
    dbapi(connection)


def psycopg_():
    import psycopg

    connection = psycopg.connect(url)
    with connection.transaction(), connection.transaction():
        connection.execute(psycopg.sql.SQL("SELECT {}").format(psycopg.sql.Literal("s3cret")))
    connection.commit()
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, %s)", (30,))
        cursor.fetchmany(10)
        cursor.fetchall()
    connection.commit()
    dbapi(connection)


def psycopg_async():
    import psycopg

    async def run():
        connection = await psycopg.AsyncConnection.connect(url)
        await connection.execute("SELECT %s::int", (5,))
        cursor = connection.cursor()
        await cursor.executemany("SELECT %s::int", [(i,) for i in range(4)])
        await connection.commit()
        await connection.close()

    asyncio.run(run())


def asyncpg_():
    import asyncpg

    async def run():
        async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool, pool.acquire() as connection:
            for statement in SETUP:
                await connection.execute(statement)
            rows = [(i, SECRET, datetime.date(2024, 1, 1 + i)) for i in range(5)]
            await connection.executemany("INSERT INTO item (id, name, born) VALUES ($1, $2, $3)", rows)
            await connection.executemany("SELECT $1::int", ((i,) for i in range(4)))
            async with connection.transaction():
                for i in (0, 1, 2, 1, -7):
                    await connection.fetch("SELECT name FROM item WHERE id = $1 AND name <> $2", i, "x")
                async for _ in connection.cursor("SELECT generate_series(1, 120)"):
                    pass
            await connection.fetchval("SELECT count(*) FROM item WHERE id = ANY($1::int[])", [1, 2])
            prepared = await connection.prepare("SELECT name FROM item WHERE id = $1")
            await prepared.fetch(1)
            await prepared.fetchrow(2)
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.fetch("SELECT nothing FROM nowhere")

    asyncio.run(run())


def pymysql_():
    import pymysql

    dbapi(pymysql.connect(**mysql_parameters(), charset="utf8mb4"))


def mysqldb():
    import MySQLdb

    dbapi(MySQLdb.connect(**mysql_parameters(), charset="utf8mb4"))


def mysql_parameters():
    names = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password}
    return {**names, "database": parts.path[1:]}


def sqlite3_():
    import sqlite3

    dbapi(sqlite3.connect(parts.path), "?")


def aiosqlite_():
    import aiosqlite

    async def run():
        async with aiosqlite.connect(parts.path) as connection:
            for i in range(3):
                async with connection.execute("SELECT ?", (i,)) as cursor:
                    await cursor.fetchall()

    asyncio.run(run())


def sqlalchemy_orm():
    """Load what is lazy through SQLAlchemy's own layers, synchronous and asynchronous."""
    from sqlalchemy import __version__, create_engine, text

    driver = "psycopg2" if __version__ < "2" else "psycopg"
    engine = create_engine(url.replace("postgresql://", f"postgresql+{driver}://"))
    with engine.begin() as connection:
        for i in range(3):
            connection.execute(text("SELECT :value WHERE 1 = 1"), {"value": i})
    engine.dispose()


RUN = {
    "psycopg2": psycopg2_,
    "psycopg": psycopg_,
    "psycopg async": psycopg_async,
    "asyncpg": asyncpg_,
    "pymysql": pymysql_,
    "MySQLdb": mysqldb,
    "sqlite3": sqlite3_,
    "aiosqlite": aiosqlite_,
    "sqlalchemy": sqlalchemy_orm,
}
RUN[driver]()
