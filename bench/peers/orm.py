"""SQLAlchemy 2 with psycopg2: the jobs of bench/orm.lua.

    orm.py store|load      prints wall and CPU seconds
"""

import os
import sys
import time

from sqlalchemy import Integer, Text, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.types import UserDefinedType

from data import matrix

ROWS = 10000


class Vector(UserDefinedType):
    """In text form, to and from lists, as pgvector-python does with psycopg2."""

    cache_ok = True

    def __init__(self, dimensions):
        self.dimensions = dimensions

    def get_col_spec(self, **kw):
        return "VECTOR(%d)" % self.dimensions

    def bind_processor(self, dialect):
        return lambda v: None if v is None else "[" + ",".join([str(x) for x in v]) + "]"

    def result_processor(self, dialect, coltype):
        return lambda v: None if v is None else [float(x) for x in v[1:-1].split(",")]


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "bench_objects"
    id = mapped_column(Integer, primary_key=True)
    title = mapped_column(Text)
    embedding = mapped_column(Vector(1536))


def store(engine):
    embeddings = matrix(ROWS).tolist()

    def run():
        with Session(engine) as session:
            session.add_all([
                Item(title="item %d" % (i + 1), embedding=embedding)
                for i, embedding in enumerate(embeddings)
            ])
            session.commit()
    return run


def load(engine):
    def run():
        with Session(engine) as session:
            assert len(session.scalars(select(Item).order_by(Item.id)).all()) == ROWS
    return run


def main():
    url = "postgresql+psycopg2://" + os.environ["PGVECTOR_URL"].split("://", 1)[1]
    engine = create_engine(url)
    engine.connect().close()
    run = {"store": store, "load": load}[sys.argv[1]](engine)
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    print(time.perf_counter() - wall, time.process_time() - cpu)


main()
