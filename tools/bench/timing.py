# SPDX-License-Identifier: Apache-2.0
"""Measurement of times, in one or in several threads."""

from collections.abc import Callable
import statistics
import threading
import time

import service


def run_in_threads(number: int, work: Callable[[], object]) -> float:
    """Run ``work()`` in several threads at the same time.

    :returns: seconds until the last thread has ended.
    :raises Exception: the first error of a thread.
    """
    errors = []

    def run() -> None:
        try:
            work()
        except Exception as e:
            errors.append(e)
    threads = [threading.Thread(target=run) for _ in range(number)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - start


def measure_ms(action: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


def measure_median_ms(action: Callable[[], object], rounds: int) -> float:
    """Return the median of the milliseconds of several calls."""
    return statistics.median(measure_ms(action) for _ in range(rounds))


def measure_load(url: str, function: str, connections: int, seconds: float
                 ) -> tuple[float, list[float]]:
    """Run executions over several connections.

    :returns: (seconds, sorted times in milliseconds).
    """
    body = service.build_request(function)
    end = time.perf_counter() + seconds
    times: list[float] = []

    def work() -> None:
        client = service.Client(url)
        while time.perf_counter() < end:
            times.append(measure_ms(lambda: client.run(body)))
    return run_in_threads(connections, work), sorted(times)


def measure_throughput(url: str, function: str, connections: int,
                       seconds: float) -> float:
    """Return the executions per second over several connections."""
    duration, times = measure_load(url, function, connections, seconds)
    return len(times) / duration


def measure_first_ms(client: service.Client, runtime: str, workers: int,
                     rounds: int) -> float:
    """Return the median of the milliseconds of the first execution of a
    function, with idle workers in the pool."""
    times = []
    for _ in range(rounds):
        function = client.create_function(runtime)
        client.wait_for_pool(runtime, workers)
        body = service.build_request(function)
        times.append(measure_ms(lambda: client.run(body)))
        client.call('POST', f'/v1/functions/{function}/detach')
        client.call('DELETE', f'/v1/functions/{function}')
    return statistics.median(times)
