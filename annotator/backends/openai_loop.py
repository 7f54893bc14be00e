"""One thread with an event loop for the requests of all servers of the process.

Whoever asks waits for it. So a stop takes effect at once: requests that wait are never sent,
those under way are closed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_start = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _running() -> asyncio.AbstractEventLoop:
    global _loop
    with _start:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="model servers", daemon=True).start()
        return _loop


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``. What interrupts the wait (Ctrl+C) stops the work too."""
    future = asyncio.run_coroutine_threadsafe(work, _running())
    try:
        return future.result()
    finally:
        future.cancel()


def leave(work: Coroutine[Any, Any, Any]) -> None:
    """Has ``work`` done without waiting for it."""
    asyncio.run_coroutine_threadsafe(work, _running())


async def all_of(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order; the first error stops the rest and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return [task.result() for task in tasks]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    one = group.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
