# SPDX-License-Identifier: Apache-2.0
"""Takes its time."""

import time


def main(seconds=60, **kwargs):
    time.sleep(seconds)
    return seconds
