"""Prints wall and CPU seconds of one cosine distance of a pair."""

import statistics
import time

import numpy as np

from data import matrix

BATCHES, CALLS = 15, 2000

a, b = matrix(2)
norm = np.linalg.norm
walls, cpus = [], []
for _ in range(BATCHES):
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        1 - a @ b / (norm(a) * norm(b))
    walls.append(time.perf_counter() - wall)
    cpus.append(time.process_time() - cpu)
print(statistics.median(walls) / CALLS, statistics.median(cpus) / CALLS)
