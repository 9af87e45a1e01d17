"""Prints wall and CPU seconds of reading 10,000 embeddings through asyncpg.

Its decoder is the way pgvector-python reads a vector: a numpy array over the
bytes as they came, which stay in the order of the network.
"""

import asyncio
import os
import statistics
import time

import asyncpg
import numpy as np

BATCHES = 3


def decode(value):
    return np.frombuffer(value, dtype=">f4", offset=4)


async def main():
    connection = await asyncpg.connect(os.environ["PGVECTOR_URL"])
    await connection.set_type_codec(
        "vector", encoder=bytes, decoder=decode, format="binary")
    walls, cpus = [], []
    for _ in range(BATCHES):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = await connection.fetch("SELECT embedding FROM bench_items")
        vectors = [row[0] for row in rows]
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        assert len(vectors) == 10000 and len(vectors[0]) == 1536
    await connection.close()
    print(statistics.median(walls), statistics.median(cpus))


asyncio.run(main())
