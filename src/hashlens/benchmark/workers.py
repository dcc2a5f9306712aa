"""Processes that share one benchmark: each measures the cells that no other is measuring."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.benchmark.features import Features
from hashlens.benchmark.method_presets import MethodPreset
from hashlens.benchmark.runner import Runner
from hashlens.benchmark.settings import Settings
from hashlens.errors import HashlensError
from hashlens.native import thread_count
from hashlens.progress import OnProgress

_ARRAYS = ("train_vectors", "train_labels", "test_vectors", "test_labels")


@dataclass(frozen=True)
class _Job:
    """All that a worker needs to know; ``arrays`` is a folder of ``.npy`` files."""

    arrays: Path
    name: str
    descriptor: dict[str, Any]
    settings: Settings
    out: Path
    presets: tuple[MethodPreset, ...]


def run_workers(
    features: Features,
    settings: Settings,
    out: Path,
    presets: Sequence[MethodPreset],
    jobs: int,
    on_progress: OnProgress,
) -> None:
    """Measure cells in ``jobs`` processes until none is left, each with its share of the cores.

    An error, or an interrupt, stops all of them. Whatever a worker fails to measure is left to the
    caller.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="hashlens-") as folder:
        for name in _ARRAYS:
            np.save(Path(folder, f"{name}.npy"), getattr(features, name))
        job = _Job(
            Path(folder), features.name, dict(features.descriptor), settings, out, tuple(presets)
        )
        readers: list[Connection] = []
        workers = []
        try:
            with _share_of_threads(jobs):
                for _ in range(jobs):
                    reader, writer = context.Pipe(duplex=False)
                    worker = context.Process(target=_work, args=(job, writer), daemon=True)
                    worker.start()
                    writer.close()  # the worker's end is then the only one: its death closes it
                    readers.append(reader)
                    workers.append(worker)
            _relay(readers, on_progress)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.join()


def _relay(readers: list[Connection], on_progress: OnProgress) -> None:
    """Report the progress of all workers together until the last one ends."""
    done: set[str] = set()
    while readers:
        ready = wait(readers)
        for reader in [reader for reader in readers if reader in ready]:
            try:
                step, units, total = reader.recv()
            except (EOFError, OSError):
                readers.remove(reader)
                continue
            done.update(units)
            on_progress(step, len(done), total)


def _work(job: _Job, writer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends its workers
    told: set[str] = set()

    def tell(step: str, done: int, total: int) -> None:
        units = runner.rows.keys() - told
        told.update(units)
        writer.send((step, units, total))

    train_vectors, train_labels, test_vectors, test_labels = (
        np.load(job.arrays / f"{name}.npy", mmap_mode="r") for name in _ARRAYS
    )
    features = Features(
        train_vectors, train_labels, test_vectors, test_labels, job.name, job.descriptor
    )
    # The parent meets the same error; a parent that is gone has no use for more cells.
    with contextlib.suppress(HashlensError, BrokenPipeError):
        runner = Runner(features, job.settings, job.out, job.presets, tell)
        runner.run()


@contextlib.contextmanager
def _share_of_threads(jobs: int) -> Iterator[None]:
    """Let processes that start within use their share of the cores, from their first import on."""
    threads = str(max(thread_count() // jobs, 1))
    variables = ("HASHLENS_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(dict.fromkeys(variables, threads))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
