"""Decode images in threads, ahead of the consumer of the pixels."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from hashlens.arrays import Pixels
from hashlens.errors import ImageError, ParameterError
from hashlens.images.limits import set_stop
from hashlens.native import thread_count

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Batch(Generic[Item]):
    """Decoded images, and the items whose image could not be decoded.

    Attributes
    ----------
    items : list of length n
        The items that were decoded, in the order of the input.
    pixels : uint8 array of shape (n, size, size, 3)
    failed : list of (item, reason)
        The items that failed, in the order of the input; n may be 0.
    """

    items: list[Item]
    pixels: Pixels
    failed: list[tuple[Item, str]]


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    ahead: int = 64,
) -> Generator[tuple[Item, Result | ImageError], None, None]:
    """Yield ``(item, function(item))`` in the order of ``items``, computed in threads.

    Parameters
    ----------
    function : callable
        Called in threads. An `ImageError` that it raises is yielded instead of the result; any
        other exception ends the iteration.
    items : iterable
        Consumed in the calling thread, at most ``ahead`` items beyond those yielded, so memory is
        bounded if the size of a result is.
    threads : int, optional
        Default: `thread_count`.
    ahead : int
        Maximum number of items in flight.

    Yields
    ------
    (item, result or ImageError)

    Notes
    -----
    If the consumer stops early or is interrupted, work that has not started is dropped, and images
    that are being decoded are given up.

    Examples
    --------
    >>> list(map_ordered(len, ["a", "bcd"]))
    [('a', 1), ('bcd', 3)]
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(
        threads or thread_count(),
        thread_name_prefix="hashlens-decode",
        initializer=set_stop,
        initargs=(stop,),
    )
    queue: deque[tuple[Item, Future[Result]]] = deque()

    def outcomes(keep: int) -> Iterator[tuple[Item, Result | ImageError]]:
        while len(queue) > keep:
            item, future = queue.popleft()
            outcome = _outcome(future)
            yield item, outcome

    try:
        for item in items:
            queue.append((item, pool.submit(function, item)))
            yield from outcomes(keep=ahead - 1)
        yield from outcomes(keep=0)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Result]) -> Result | ImageError:
    try:
        return future.result()
    except ImageError as error:
        return error


def decode_batches(
    load: Callable[[Item], Pixels],
    items: Iterable[Item],
    *,
    batch_size: int = 32,
    threads: int | None = None,
) -> Iterator[Batch[Item]]:
    """Decode images in threads, and yield them in batches and in order as decoding continues.

    Parameters
    ----------
    load : callable
        Returns the pixels of an item, all of one shape; may raise `ImageError`. For files:
        ``lambda path: decode_image(read_image_file(path).data, fit)``; for encoded images in
        memory: ``lambda data: decode_image(data, fit)``.
    items : iterable
    batch_size : int
        Images per batch; the last batch may hold fewer. Two batches are decoded ahead.
    threads : int, optional
        Default: `thread_count`.

    Yields
    ------
    Batch
    """
    if batch_size < 1:
        raise ParameterError(
            f"The 'batch_size' parameter of decode_batches must be positive. Got {batch_size!r}."
        )
    done: list[Item] = []
    pixels: list[Pixels] = []
    failed: list[tuple[Item, str]] = []
    for item, outcome in map_ordered(load, items, threads=threads, ahead=2 * batch_size):
        if isinstance(outcome, ImageError):
            failed.append((item, str(outcome)))
            continue
        done.append(item)
        pixels.append(outcome)
        if len(done) == batch_size:
            yield Batch(done, np.stack(pixels), failed)
            done, pixels, failed = [], [], []
    if done or failed:
        stacked = np.stack(pixels) if pixels else np.empty((0, 0, 0, 3), np.uint8)
        yield Batch(done, stacked, failed)
