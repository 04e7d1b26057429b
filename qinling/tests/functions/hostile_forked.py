# SPDX-License-Identifier: Apache-2.0
"""Attacks from an executor whose template has imported the function."""

import time

from main import main  # noqa: F401

# Longer than the shortest import of a template.
_end = time.process_time() + 0.05
while time.process_time() < _end:
    pass
