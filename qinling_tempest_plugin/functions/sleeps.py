# SPDX-License-Identifier: Apache-2.0
"""Function that takes a given time."""

import time


def main(seconds: float = 60, **kwargs: object) -> float:
    time.sleep(seconds)
    return seconds
