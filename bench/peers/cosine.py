"""Prints wall and CPU seconds of one cosine distance of a pair."""

import time

import numpy as np

from data import matrix

CALLS = 20000

a, b = matrix(2)
norm = np.linalg.norm
for _ in range(1000):
    1 - a @ b / (norm(a) * norm(b))
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(CALLS):
    1 - a @ b / (norm(a) * norm(b))
print((time.perf_counter() - wall) / CALLS, (time.process_time() - cpu) / CALLS)
