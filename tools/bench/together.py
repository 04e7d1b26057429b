# SPDX-License-Identifier: Apache-2.0
"""Doing something in several threads of a benchmark."""

import threading
import time


def at_once(number, work):
    """Seconds until ``work()`` has returned in so many threads; raises what
    it raised in one of them."""
    errors = []

    def run():
        try:
            work()
        except Exception as e:
            errors.append(e)
    threads = [threading.Thread(target=run) for _ in range(number)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - begin
