"""The numbers of bench/support/data.lua, in a numpy matrix."""

import numpy as np

DIMENSIONS = 1536


def matrix(rows):
    """Rows of embeddings, by the same rule and in the same order as in Lua.

    Step k of the generator is 16807^k modulo the prime, so that blocks of
    powers give many steps at once.
    """
    prime = 2147483647
    count = rows * DIMENSIONS
    states = np.empty(count, dtype=np.uint64)
    states[0] = 16807
    done = 1
    while done < count:
        step = min(done, count - done)
        jump = np.uint64(pow(16807, done, prime))
        states[done:done + step] = states[:step] * jump % np.uint64(prime)
        done += step
    return (states / prime - 0.5).astype(np.float32).reshape(rows, DIMENSIONS)
