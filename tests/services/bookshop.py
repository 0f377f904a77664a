"""A GraphQL service (Strawberry) over SQLite: books with reviews, reviews with their author, authors with friends.

LAZY=1 asks for the reviews of each book and the author of each review one by one; otherwise data loaders ask once for
all. AUTHORS=plain leaves the authors lazy, so that only one resolver has the fault. BOOKS is how many there are.
"""

from __future__ import annotations

import os
import sqlite3

import strawberry
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

LAZY = os.environ.get("LAZY") == "1"
PLAIN_AUTHORS = LAZY or os.environ.get("AUTHORS") == "plain"
BOOKS = int(os.environ.get("BOOKS", "40"))

database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
database.executescript(
    "CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT);"
    "CREATE TABLE reviews (id INTEGER PRIMARY KEY, book INTEGER, author INTEGER, text TEXT);"
    "CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT, friend INTEGER);"
)
database.executemany("INSERT INTO books VALUES (?, ?)", [(n, f"book {n}") for n in range(1, BOOKS + 1)])
reviews = [(None, n, (3 * n + k) % 200 + 1, f"review {k} of {n}") for n in range(1, BOOKS + 1) for k in range(3)]
database.executemany("INSERT INTO reviews VALUES (?, ?, ?, ?)", reviews)
database.executemany("INSERT INTO authors VALUES (?, ?, ?)", [(n, f"author {n}", n % 200 + 1) for n in range(1, 201)])


def rows(sql, *values):
    return database.execute(sql, values).fetchall()


def marks(keys):
    return ", ".join("?" * len(keys))


async def reviews_of_all(books):
    found = {book: [] for book in books}
    for n, book, author, text in rows(
        f"SELECT id, book, author, text FROM reviews WHERE book IN ({marks(books)}) ORDER BY id", *books
    ):
        found[book].append(Review(id=n, text=text, writer=author))
    return [found[book] for book in books]


async def authors_of_all(ids):
    known = {
        n: Author(id=n, name=name, next=friend)
        for n, name, friend in rows(f"SELECT id, name, friend FROM authors WHERE id IN ({marks(ids)})", *ids)
    }
    return [known[n] for n in ids]


async def one_author(info, number):
    if not PLAIN_AUTHORS:
        return await info.context["authors"].load(number)
    ((n, name, friend),) = rows("SELECT id, name, friend FROM authors WHERE id = ?", number)
    return Author(id=n, name=name, next=friend)


@strawberry.type
class Author:
    id: int
    name: str
    next: strawberry.Private[int]

    @strawberry.field
    async def friend(self, info: strawberry.Info) -> Author:
        return await one_author(info, self.next)


@strawberry.type
class Review:
    id: int
    text: str
    writer: strawberry.Private[int]

    @strawberry.field
    async def author(self, info: strawberry.Info) -> Author:
        return await one_author(info, self.writer)


@strawberry.type
class Book:
    id: int
    title: str

    @strawberry.field
    async def reviews(self, info: strawberry.Info) -> list[Review]:
        if not LAZY:
            return await info.context["reviews"].load(self.id)
        found = rows("SELECT id, author, text FROM reviews WHERE book = ? ORDER BY id", self.id)
        return [Review(id=n, text=text, writer=author) for n, author, text in found]


@strawberry.type
class Query:
    @strawberry.field
    def books(self, first: int = 10) -> list[Book]:
        return [Book(id=n, title=title) for n, title in rows("SELECT id, title FROM books ORDER BY id LIMIT ?", first)]

    @strawberry.field
    def total(self) -> int:
        return rows("SELECT count(*) FROM books")[0][0]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, number: int, title: str) -> bool:
        database.execute("UPDATE books SET title = ? WHERE id = ?", (title, number))
        return True


class Service(GraphQL):
    async def get_context(self, request, response=None):
        return {"reviews": DataLoader(load_fn=reviews_of_all), "authors": DataLoader(load_fn=authors_of_all)}


graphql = Service(strawberry.Schema(query=Query, mutation=Mutation))


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/health":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    await graphql(scope, receive, send)
