import threading
import time

import pytest

from confide.data.ordered_pool import map_in_order, workers


def test_results_come_in_order_whatever_takes_longest():
    def work(number):
        time.sleep(0.01 if number % 3 == 0 else 0)
        return number * number

    assert list(map_in_order(work, range(20))) == [number * number for number in range(20)]


def test_nothing_is_taken_far_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_order(lambda number: number, items())
    assert next(results) == 0
    assert len(taken) <= workers() + 1
    results.close()


def test_the_first_error_in_order_is_raised_and_no_thread_stays():
    def work(number):
        if number >= 5:
            raise ValueError(str(number))
        return number

    seen = []
    with pytest.raises(ValueError, match=r"^5$"):
        seen.extend(map_in_order(work, range(50)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("data")]
