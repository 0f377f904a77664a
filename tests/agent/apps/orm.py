"""N+1 through SQLAlchemy, lazily in a helper: synchronous, and asynchronous where the driver runs in a thread."""

import asyncio
import sys

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    who: Mapped[Customer] = relationship()


def names(session):
    return [order.who.name for order in session.scalars(select(Order).limit(4))]


async def asynchronous(url):
    engine = create_async_engine(f"sqlite+aiosqlite://{url}")
    async with AsyncSession(engine) as session:
        rows = (await session.scalars(select(Order).limit(4))).all()
        for row in rows:
            await session.get(Customer, row.customer)
    await engine.dispose()


if sys.argv[1] == "sync":
    with Session(create_engine(f"sqlite://{sys.argv[2]}")) as session:
        names(session)
else:
    asyncio.run(asynchronous(sys.argv[2]))
