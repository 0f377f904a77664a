"""Opens and borrows connections in each library's own way; run with the agent in it: connecting.py WAY URL."""

import asyncio
import sys
import threading
import time

way, url = sys.argv[1:3]
plain = url.replace("mysql://", "").replace("postgresql://", "")


def parts():
    from urllib.parse import urlsplit

    split = urlsplit(url)
    return {"host": split.hostname, "port": split.port, "user": split.username, "password": split.password}


def select(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    cursor.fetchall()
    cursor.close()


def three(connect):
    """Open three, one after the other."""
    for _ in range(3):
        connection = connect()
        select(connection)
        connection.close()


def borrowing(engine, seconds):
    """Two at once in threads, then one; three in all."""
    from sqlalchemy import text

    def borrow():
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            time.sleep(seconds)

    threads = [threading.Thread(target=borrow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    borrow()


def sqlalchemy_pool():
    from sqlalchemy import QueuePool, create_engine

    borrowing(create_engine(url, poolclass=QueuePool, pool_size=2, max_overflow=0), 0.2)


def sqlalchemy_waiting():
    from sqlalchemy import QueuePool, create_engine

    borrowing(create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0), 0.2)


def sqlalchemy_none():
    from sqlalchemy import NullPool, create_engine

    borrowing(create_engine(url, poolclass=NullPool), 0.2)


def sqlalchemy_async():
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    async def main():
        engine = create_async_engine(url, pool_size=2, max_overflow=0)

        async def borrow():
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                await asyncio.sleep(0.2)

        await asyncio.gather(borrow(), borrow())
        await borrow()
        await engine.dispose()

    asyncio.run(main())


def asyncpg_plain():
    import asyncpg

    async def main():
        for _ in range(3):
            connection = await asyncpg.connect(url)
            await connection.fetch("SELECT 1")
            await connection.close()

    asyncio.run(main())


def asyncpg_pool():
    import asyncpg

    async def main():
        pool = await asyncpg.create_pool(url, min_size=1, max_size=2)

        async def borrow():
            async with pool.acquire() as connection:
                await connection.fetch("SELECT 1")
                await asyncio.sleep(0.2)

        await asyncio.gather(borrow(), borrow())
        await borrow()
        await pool.close()

    asyncio.run(main())


def psycopg_plain():
    import psycopg

    three(lambda: psycopg.connect(url))


def psycopg_async():
    import psycopg

    async def main():
        for _ in range(3):
            connection = await psycopg.AsyncConnection.connect(url)
            await connection.execute("SELECT 1")
            await connection.close()

    asyncio.run(main())


def psycopg_pool():
    from psycopg_pool import ConnectionPool

    with ConnectionPool(url, min_size=1, max_size=2) as pool:
        pool.wait()

        def borrow():
            with pool.connection() as connection:
                connection.execute("SELECT 1")
                time.sleep(0.3)

        threads = [threading.Thread(target=borrow) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        borrow()


def psycopg2_plain():
    import psycopg2

    three(lambda: psycopg2.connect(url))


def psycopg2_pool():
    from psycopg2.pool import SimpleConnectionPool

    pool = SimpleConnectionPool(2, 3, url)
    connection = pool.getconn()
    select(connection)
    pool.putconn(connection)
    pool.closeall()


def pymysql_plain():
    import pymysql

    three(lambda: pymysql.connect(**parts()))


def mysqldb_plain():
    import MySQLdb

    three(lambda: MySQLdb.connect(**parts()))


def sqlite_plain():
    import sqlite3

    three(lambda: sqlite3.connect(url))


def sqlite_uri():
    import sqlite3

    three(lambda: sqlite3.connect(f"file:{url}?mode=rwc", uri=True))


def django_always():
    django_with(0)


def django_kept():
    django_with(None)


def django_with(age):
    import django
    from django.conf import settings

    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": url, "CONN_MAX_AGE": age}
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[])
    django.setup()
    from django.core.signals import request_finished, request_started
    from django.db import connection

    for _ in range(3):
        request_started.send(None)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        request_finished.send(None)


globals()[way]()
