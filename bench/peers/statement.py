"""Prints wall and CPU seconds of a search that SQLAlchemy builds and compiles,
with its compiled cache on, as an engine has it: only the first statement is
compiled, the others are looked up by their structure.
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", ".bench", "python"))

import sqlalchemy as sa  # noqa: E402
from sqlalchemy.dialects import postgresql  # noqa: E402
from sqlalchemy.types import UserDefinedType  # noqa: E402

BATCHES, STATEMENTS = 5, 2000


class Vector(UserDefinedType):
    """As the Python package of pgvector defines it."""

    cache_ok = True

    def __init__(self, dim):
        self.dim = dim

    def get_col_spec(self, **kw):
        return f"VECTOR({self.dim})"

    class comparator_factory(UserDefinedType.Comparator):
        def l2_distance(self, other):
            return self.op("<->", return_type=sa.Float)(other)


items = sa.Table(
    "items", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("content", sa.Text), sa.Column("embedding", Vector(3)))
dialect = postgresql.psycopg2.dialect()
question = [1, 2, 3]
cache = {}


def search():
    c = items.c
    stmt = (sa.select(c.id, c.content).where(c.id > 5)
            .order_by(c.embedding.l2_distance(question)).limit(5))
    compiled, values, _ = stmt._compile_w_cache(dialect, compiled_cache=cache, column_keys=[])
    return compiled.string, compiled.construct_params(extracted_parameters=values)


def terms(count):
    return sa.select(items.c.id).where(sa.or_(*[items.c.id == i for i in range(count)])).compile(dialect=dialect)


def once():
    if len(sys.argv) > 1:
        return terms(int(sys.argv[1]))
    return search()


def measure():
    repeats = 1 if len(sys.argv) > 1 else STATEMENTS
    once()
    walls, cpus = [], []
    for _ in range(BATCHES):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            once()
        walls.append((time.perf_counter() - wall) / repeats)
        cpus.append((time.process_time() - cpu) / repeats)
    print(statistics.median(walls), statistics.median(cpus))


measure()
