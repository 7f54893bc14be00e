"""Threads that work ahead: order, bound, errors, and a clean end."""

import threading
from collections.abc import Iterator

import pytest

from annotator.pipeline.ahead import ahead


def test_results_come_in_order_whatever_finishes_first() -> None:
    second = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second.wait(10)
        else:
            second.set()
        return number * 10

    assert list(ahead(work, range(20), depth=4, threads=2)) == [n * 10 for n in range(20)]


def test_it_never_takes_more_than_the_bound() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ahead(lambda number: number, items(), depth=5)
    for seen, _ in enumerate(results, start=1):
        assert len(taken) <= seen + 5


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = ahead(work, range(10), depth=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_closing_leaves_no_thread() -> None:
    results = ahead(lambda number: number, range(1000), depth=8, threads=3)
    next(results)
    assert any(thread.name.startswith("ahead") for thread in threading.enumerate())
    results.close()
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())
