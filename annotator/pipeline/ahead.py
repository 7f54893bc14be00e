"""Threads that work ahead of a consumer, never further than a bound."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def decode_threads() -> int:
    """How many threads decode: decoders release the interpreter lock, disks like a few."""
    return max(2, min(8, os.cpu_count() or 2))


def ahead(
    work: Callable[[In], Out], items: Iterable[In], depth: int, threads: int | None = None
) -> Generator[Out, None, None]:
    """``work(item)`` of each item, in order, computed by threads up to ``depth`` items ahead.

    An exception of ``work`` is raised here. Closing the generator cancels what has not begun and
    waits for what has.
    """
    waiting: deque[Future[Out]] = deque()
    pool = ThreadPoolExecutor(threads or decode_threads(), thread_name_prefix="ahead")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
