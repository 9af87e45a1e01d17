"""Prints wall and CPU seconds of a question's distances to 10,000 vectors."""

import sys
import time

import numpy as np

from data import matrix

norm = np.linalg.norm

METRICS = {
    "cosine": lambda m, q: 1 - (m @ q) / (norm(m, axis=1) * norm(q)),
    "l2": lambda m, q: norm(m - q, axis=1),
    "ip": lambda m, q: -(m @ q),
}

rows = matrix(10001)
vectors, question = rows[:-1], rows[-1]
distances = METRICS[sys.argv[1]]

distances(vectors, question)  # touches everything once
runs = []
for _ in range(5):
    wall, cpu = time.perf_counter(), time.process_time()
    distances(vectors, question)
    runs.append((time.perf_counter() - wall, time.process_time() - cpu))
print(*sorted(runs)[len(runs) // 2])
