"""The corpus on FastAPI: SQLAlchemy's ORM in many habits, plain drivers, and asyncpg. Each endpoint lists articles."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import data
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ForeignKey, create_engine, func, insert, select, text
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team] = relationship()


class Category(Base):
    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Comment(Base):
    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    body: Mapped[str]


class Grant(Base):
    __tablename__ = "grants"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    allowed: Mapped[int]


class Setting(Base):
    __tablename__ = "settings"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    value: Mapped[str]


class Article(Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(deferred=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    author: Mapped[Author] = relationship()
    category: Mapped[Category] = relationship()
    comments: Mapped[list[Comment]] = relationship(order_by=Comment.id)


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    title: str
    comments: list[CommentShown]


class CommentShown(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    body: str


Shown.model_rebuild()
engine = create_engine(data.URL)
CACHE: dict[int, dict[str, Any]] = {}


@asynccontextmanager
async def lifespan(app: FastAPI):
    if data.POSTGRES:
        import asyncpg

        app.state.pool = await asyncpg.create_pool(data.DSN, min_size=4, max_size=4)
    yield
    if data.POSTGRES:
        await app.state.pool.close()


app = FastAPI(lifespan=lifespan)
Rows = list[dict[str, Any]]


@app.get("/")
def health() -> dict[str, str]:
    return {"status": "ok"}


def page(limit: int, *options: Any) -> Any:
    return select(Article).order_by(Article.id).limit(limit).options(*options)


def orm(path: str) -> Any:
    """Register a function of (session, limit) as an endpoint."""

    def register(function: Any) -> Any:
        @app.get(path)
        def endpoint(limit: int = 10) -> Rows:
            with Session(engine) as session:
                return function(session, limit)

        return function

    return register


@orm("/lazy-comments")
def lazy_comments(session: Session, limit: int) -> Rows:
    return [{"id": a.id, "comments": len(a.comments)} for a in session.scalars(page(limit))]


@orm("/lazy-author")
def lazy_author(session: Session, limit: int) -> Rows:
    return [{"id": a.id, "author": a.author.name} for a in session.scalars(page(limit))]


@orm("/few-parents")
def few_parents(session: Session, limit: int) -> Rows:
    return [{"id": a.id, "category": a.category.name} for a in session.scalars(page(limit))]


@orm("/serializer")
def serializer(session: Session, limit: int) -> Rows:
    return [Shown.model_validate(a).model_dump() for a in session.scalars(page(limit))]


@orm("/nested-lazy")
def nested_lazy(session: Session, limit: int) -> Rows:
    return [{"id": a.id, "team": a.author.team.name} for a in session.scalars(page(limit, joinedload(Article.author)))]


@orm("/deferred")
def deferred(session: Session, limit: int) -> Rows:
    return [{"id": a.id, "body": a.body} for a in session.scalars(page(limit))]


@orm("/refresh-each")
def refresh_each(session: Session, limit: int) -> Rows:
    found = list(session.scalars(page(limit)))
    for article in found:
        session.refresh(article)
    return [{"id": a.id} for a in found]


@orm("/expired-by-commit")
def expired_by_commit(session: Session, limit: int) -> Rows:
    found = list(session.scalars(page(limit)))
    session.commit()
    return [{"id": a.id, "title": a.title} for a in found]


@orm("/count-each")
def count_each(session: Session, limit: int) -> Rows:
    count = select(func.count()).select_from(Comment)
    ids = session.scalars(select(Article.id).order_by(Article.id).limit(limit)).all()
    return [{"id": i, "comments": session.scalar(count.where(Comment.article_id == i))} for i in ids]


@orm("/authorise-each")
def authorise_each(session: Session, limit: int) -> Rows:
    return [{"id": a.id, "mine": session.get(Grant, a.id).allowed} for a in session.scalars(page(limit))]


@orm("/authorise-and-drop")
def authorise_and_drop(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit)).all()
    return [{"id": a.id} for a in found if session.get(Grant, a.id).allowed]


@orm("/memo-of-parents")
def memo_of_parents(session: Session, limit: int) -> Rows:
    names: dict[int, str] = {}
    out = []
    for article in session.scalars(page(limit)).all():
        if article.author_id not in names:
            names[article.author_id] = session.scalar(select(Author.name).where(Author.id == article.author_id))
        out.append({"id": article.id, "author": names[article.author_id]})
    return out


@orm("/every-second")
def every_second(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit)).all()
    return [{"id": a.id, "comments": len(a.comments) if a.id % 2 == 0 else 0} for a in found]


@orm("/every-third")
def every_third(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit)).all()
    return [{"id": a.id, "comments": len(a.comments) if a.id % 3 == 0 else 0} for a in found]


@orm("/insert-each")
def insert_each(session: Session, limit: int) -> Rows:
    found = session.scalars(select(Article.id).order_by(Article.id).limit(limit)).all()
    for i in found:
        session.execute(text("INSERT INTO views (article_id) VALUES (:i)"), {"i": i})
    session.rollback()
    return [{"id": i} for i in found]


@orm("/preamble-and-lazy")
def preamble_and_lazy(session: Session, limit: int) -> Rows:
    for number in range(1, 10):
        session.scalar(select(Setting.value).where(Setting.id == number))
    return lazy_author(session, limit)


@orm("/two-at-once")
def two_at_once(session: Session, limit: int) -> Rows:
    ids = session.scalars(select(Article.id).order_by(Article.id).limit(limit)).all()
    out = []
    for start in range(0, len(ids), 2):
        found = session.scalars(select(Grant).where(Grant.article_id.in_(ids[start : start + 2]))).all()
        out += [{"id": grant.article_id} for grant in found]
    return out


# from here on, no N+1


@orm("/selectin")
def selectin(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit, selectinload(Article.comments), selectinload(Article.author)))
    return [{"id": a.id, "comments": len(a.comments), "author": a.author.name} for a in found]


@orm("/joined")
def joined(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit, joinedload(Article.author).joinedload(Author.team)))
    return [{"id": a.id, "team": a.author.team.name} for a in found]


@orm("/join-explodes")
def join_explodes(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit, joinedload(Article.comments), joinedload(Article.author))).unique()
    return [{"id": a.id, "comments": len(a.comments)} for a in found]


@orm("/subquery")
def subquery(session: Session, limit: int) -> Rows:
    return [
        {"id": a.id, "comments": len(a.comments)} for a in session.scalars(page(limit, subqueryload(Article.comments)))
    ]


@orm("/preamble")
def preamble(session: Session, limit: int) -> Rows:
    for number in range(1, 10):
        session.scalar(select(Setting.value).where(Setting.id == number))
    return [{"id": a.id} for a in session.scalars(page(limit))]


@orm("/authorise-once")
def authorise_once(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit)).all()
    allowed = set(session.scalars(select(Grant.article_id).where(Grant.article_id.in_([a.id for a in found]))))
    return [{"id": a.id} for a in found if a.id in allowed]


@orm("/chunks-of-ten")
def chunks_of_ten(session: Session, limit: int) -> Rows:
    return chunked(session, limit, 10)


@orm("/chunks-of-twenty-five")
def chunks_of_twenty_five(session: Session, limit: int) -> Rows:
    return chunked(session, limit, 25)


def chunked(session: Session, limit: int, size: int) -> Rows:
    ids = session.scalars(select(Article.id).order_by(Article.id).limit(limit)).all()
    out = []
    for start in range(0, len(ids), size):
        chosen = select(Article).where(Article.id.in_(ids[start : start + size]))
        out += [{"id": a.id} for a in session.scalars(chosen)]
    return out


@orm("/process-cache")
def process_cache(session: Session, limit: int) -> Rows:
    if not CACHE:
        CACHE.update({a.id: {"id": a.id, "author": a.author.name} for a in session.scalars(page(data.ROWS))})
    return [CACHE[n] for n in range(1, limit + 1)]


@orm("/same-row-again")
def same_row_again(session: Session, limit: int) -> Rows:
    for _ in range(3):
        session.execute(text("SELECT value FROM settings WHERE id = :n"), {"n": 1}).scalar()
    return [{"id": a.id} for a in session.scalars(page(limit))]


@orm("/total-and-page")
def total_and_page(session: Session, limit: int) -> Rows:
    total = session.scalar(select(func.count()).select_from(Article))
    return [{"id": a.id, "of": total} for a in session.scalars(page(limit))]


@orm("/grouped-counts")
def grouped_counts(session: Session, limit: int) -> Rows:
    counted = select(Article.id, func.count(Comment.id)).outerjoin(Comment).group_by(Article.id)
    return [{"id": i, "comments": n} for i, n in session.execute(counted.order_by(Article.id).limit(limit))]


@orm("/only-the-first")
def only_the_first(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit)).all()
    return [{"id": a.id, "comments": len(a.comments) if a.id == 1 else 0} for a in found]


@orm("/one-in-ten")
def one_in_ten(session: Session, limit: int) -> Rows:
    found = session.scalars(page(limit)).all()
    return [{"id": a.id, "comments": len(a.comments) if a.id % 10 == 0 else 0} for a in found]


@orm("/written-at-once")
def written_at_once(session: Session, limit: int) -> Rows:
    found = session.scalars(select(Article.id).order_by(Article.id).limit(limit)).all()
    session.execute(insert(Comment).values([{"id": 9000 + i, "article_id": i, "body": "x"} for i in found]))
    session.rollback()
    return [{"id": i} for i in found]


@app.get("/wrapped")
def wrapped(limit: int = 10) -> dict[str, Any]:
    with Session(engine) as session:
        return {"total": data.ROWS, "page": {"items": lazy_comments(session, limit)}}


@app.get("/wrapped-eager")
def wrapped_eager(limit: int = 10) -> dict[str, Any]:
    with Session(engine) as session:
        return {"total": data.ROWS, "page": {"items": selectin(session, limit)}}


# plain drivers


def cursor() -> Any:
    if not hasattr(cursor, "connection"):
        cursor.connection = data.connect()
    return cursor.connection.cursor()


def run(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    found = cursor()
    found.execute(sql.replace("?", "%s") if data.POSTGRES else sql, values)
    return found.fetchall()


def ids_of(limit: int) -> list[int]:
    return [i for (i,) in run("SELECT id FROM articles ORDER BY id LIMIT ?", limit)]


@app.get("/raw/loop")
async def raw_loop(limit: int = 10) -> Rows:
    return [{"id": i, "n": run("SELECT count(*) FROM comments WHERE article_id = ?", i)[0][0]} for i in ids_of(limit)]


@app.get("/raw/loop-with-literals")
async def raw_loop_with_literals(limit: int = 10) -> Rows:
    return [{"id": i, "title": run(f"SELECT title FROM articles WHERE id = {i}")[0][0]} for i in ids_of(limit)]


@app.get("/raw/loop-with-comments")
async def raw_loop_with_comments(limit: int = 10) -> Rows:
    sql = "SELECT title /* row {i} */ FROM articles WHERE id = ? -- {i}"
    return [{"id": i, "title": run(sql.format(i=i), i)[0][0]} for i in ids_of(limit)]


@app.get("/raw/in-list")
async def raw_in_list(limit: int = 10) -> Rows:
    chosen = ", ".join(map(str, ids_of(limit)))
    return [{"id": i, "title": t} for i, t in run(f"SELECT id, title FROM articles WHERE id IN ({chosen}) ORDER BY id")]


@app.get("/raw/join")
async def raw_join(limit: int = 10) -> Rows:
    sql = "SELECT a.id, w.name FROM articles a JOIN authors w ON w.id = a.author_id ORDER BY a.id LIMIT ?"
    return [{"id": i, "author": name} for i, name in run(sql, limit)]


@app.get("/raw/recursive")
async def raw_recursive(limit: int = 10) -> Rows:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    sql = f"{numbers} SELECT id FROM n JOIN articles ON id = i"
    return [{"id": i} for (i,) in run(sql, limit)]


@app.get("/raw/correlated")
async def raw_correlated(limit: int = 10) -> Rows:
    sql = "SELECT id, (SELECT count(*) FROM comments c WHERE c.article_id = a.id) FROM articles a ORDER BY id LIMIT ?"
    return [{"id": i, "n": n} for i, n in run(sql, limit)]


if data.POSTGRES:

    @app.get("/raw/pipelined")
    def pipelined(limit: int = 10) -> Rows:
        import psycopg

        with psycopg.connect(data.DSN) as connection, connection.pipeline():
            cursors = [
                connection.cursor().execute("SELECT title FROM articles WHERE id = %s", [i])
                for i in range(1, limit + 1)
            ]
            return [{"title": each.fetchone()[0]} for each in cursors]

    @app.get("/raw/nested-function")
    async def nested_function(limit: int = 10) -> Rows:
        sql = "SELECT id, comment_count(id) FROM articles ORDER BY id LIMIT ?"
        return [{"id": i, "n": n} for i, n in run(sql, limit)]

    @app.get("/asyncpg/loop")
    async def asyncpg_loop(limit: int = 10) -> Rows:
        async with app.state.pool.acquire() as connection:
            return [
                {"title": await connection.fetchval("SELECT title FROM articles WHERE id = $1", i)}
                for i in range(1, limit + 1)
            ]

    @app.get("/asyncpg/gather")
    async def asyncpg_gather(limit: int = 10) -> Rows:
        sql = "SELECT title FROM articles WHERE id = $1"
        found = await asyncio.gather(*(app.state.pool.fetchval(sql, i) for i in range(1, limit + 1)))
        return [{"title": title} for title in found]

    @app.get("/asyncpg/prepared")
    async def asyncpg_prepared(limit: int = 10) -> Rows:
        async with app.state.pool.acquire() as connection:
            prepared = await connection.prepare("SELECT title FROM articles WHERE id = $1")
            return [{"title": await prepared.fetchval(i)} for i in range(1, limit + 1)]

    @app.get("/asyncpg/any")
    async def asyncpg_any(limit: int = 10) -> Rows:
        sql = "SELECT title FROM articles WHERE id = ANY($1::int[])"
        return [{"title": row["title"]} for row in await app.state.pool.fetch(sql, list(range(1, limit + 1)))]

    @app.get("/asyncpg/late-commit")
    async def late_commit(tasks: BackgroundTasks, limit: int = 10) -> Rows:
        connection = await app.state.pool.acquire()
        transaction = connection.transaction()
        await transaction.start()
        found = await connection.fetch("SELECT id FROM articles ORDER BY id LIMIT $1", limit)

        async def finish() -> None:
            await asyncio.sleep(0.03)
            await transaction.commit()
            await app.state.pool.release(connection)

        tasks.add_task(finish)
        return [{"id": row["id"]} for row in found]
