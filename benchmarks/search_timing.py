"""How the search benchmark measures time: medians, after warming up."""

from __future__ import annotations

import itertools
import os
import time

import numpy as np

THREADS = int(os.environ["HASHLENS_THREADS"])
K = 10


def batch_time(search, queries, k=K, runs=5, limit=20.0):
    """Return the median seconds of search(queries, k): five runs, or more until the limit."""
    begin = time.perf_counter()
    search(queries, k)
    times = []
    while len(times) < 5 or (len(times) < runs and time.perf_counter() - begin < limit):
        start = time.perf_counter()
        search(queries, k)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def alternate_times(asks, rounds=200, limit=6.0, turn=0.005):
    """Return the median seconds of each call by name; they take turns, at least five times.

    So what disturbs the machine for a while disturbs all alike, and their ratios stay true. A turn
    goes on for ``turn`` seconds, or one call, after `_settle`; the order is drawn anew each time.

    Parameters
    ----------
    asks : dict of name to callable without arguments
    """
    rng = np.random.default_rng(0)
    times = {name: [] for name in asks}
    begin = time.perf_counter()
    for done in range(rounds):
        if done >= 5 and time.perf_counter() - begin > limit:
            break
        for name in rng.permutation(list(asks)):
            ask = asks[name]
            _settle(ask)
            turn_ends = time.perf_counter() + turn
            while True:
                start = time.perf_counter()
                ask()
                end = time.perf_counter()
                times[name].append(end - start)
                if end > turn_ends:
                    break
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


def single_times(searches, k=K, runs=7):
    """Return the seconds of each query, asked alone, by the name of the search.

    Parameters
    ----------
    searches : dict of name to (search, queries)

    Returns
    -------
    dict of name to array
        Medians of so many passes over the queries, for which the searches take turns.
    """
    rng = np.random.default_rng(0)
    times = {name: np.empty((runs, len(queries))) for name, (_, queries) in searches.items()}
    for run in range(runs):
        for name in rng.permutation(list(searches)):
            search, queries = searches[name]
            _settle(next_of(search, queries, 1, k))
            for q in range(len(queries)):
                start = time.perf_counter()
                search(queries[q : q + 1], k)
                times[name][run, q] = time.perf_counter() - start
    return {name: np.median(seconds, axis=0) for name, seconds in times.items()}


def next_of(search, queries, size, k=K):
    """Return a callable that asks the next ``size`` queries each time."""
    starts = itertools.cycle(range(0, len(queries) - size + 1, size))

    def ask():
        start = next(starts)
        return search(queries[start : start + size], k)

    return ask


def _settle(ask, seconds=0.01):
    """Ask without taking the time, until caches are warm and the threads of another sleep."""
    end = time.perf_counter() + seconds
    ask()
    while time.perf_counter() < end:
        ask()


def quantiles(seconds):
    """Return the quantiles of times in microseconds."""
    names = {"median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: float(np.quantile(seconds, q) * 1e6) for name, q in names.items()}


def note(row):
    """Show a result as soon as it is there."""
    print(row, flush=True)
    return row
