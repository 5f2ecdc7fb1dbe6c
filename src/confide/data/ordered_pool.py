"""Work in several threads, results in order: Arrow and NumPy let other threads run while they compute."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from confide.core import limits

T = TypeVar("T")
R = TypeVar("R")


def workers() -> int:
    """How many threads are of use: those cores that this process may run on, at most MAX_DATA_THREADS."""
    # Not every system tells the cores of one process.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, limits.MAX_DATA_THREADS))


def map_in_order(work: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """`work` of each item, in the items' order; the items are taken in the caller's thread.

    No more than one result per thread waits to be taken, so memory stays bounded. The first error, in the
    items' order, is raised; what had begun by then is waited for.
    """
    count = workers()
    with ThreadPoolExecutor(count, thread_name_prefix="data") as pool:
        begun: deque[Future[R]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) > count:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
