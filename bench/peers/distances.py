"""Prints wall and CPU seconds of a question's distances to 10,000 vectors."""

import statistics
import sys
import time

import numpy as np

from data import matrix

BATCHES = 5

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
walls, cpus = [], []
for _ in range(BATCHES):
    wall, cpu = time.perf_counter(), time.process_time()
    distances(vectors, question)
    walls.append(time.perf_counter() - wall)
    cpus.append(time.process_time() - cpu)
print(statistics.median(walls), statistics.median(cpus))
