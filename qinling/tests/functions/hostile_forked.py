# SPDX-License-Identifier: Apache-2.0
"""Attacks from an executor whose template has imported the function."""

import time

from main import main  # noqa: F401

time.sleep(0.05)  # longer than the shortest import of a template
